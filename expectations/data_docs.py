"""Great Expectations' Data Docs of what the gate found: HTML with counts, and nothing of the data itself.

The pages are made of recorded outcomes, never of a validation's own result: names of tables and columns, rules,
counts of rows. A value, an example or an error's text of a row cannot come in.
"""

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expectations.gate import Outcome, label, prepare

if TYPE_CHECKING:
    from great_expectations.core.expectation_validation_result import (
        ExpectationSuiteValidationResult,
        ExpectationValidationResult,
    )


@dataclass(frozen=True)
class Checked:
    """One check of a table: when, of which Delta version, and what was found."""

    name: str
    version: int
    at: datetime
    outcomes: Sequence[Outcome]


def write(checks: Sequence[Checked], folder: Path) -> Path:
    """Writes the pages of the checks, and an index of them, into the folder; returns the index."""
    prepare()
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    context = _context(folder)
    for check in checks:
        run = RunIdentifier(run_name=f"version {check.version}", run_time=check.at)
        key = ValidationResultIdentifier(ExpectationSuiteIdentifier(check.name), run, batch_identifier=check.name)
        context.validation_results_store.set(key, _as_result(check, run))
    with contextlib.redirect_stdout(io.StringIO()):
        context.build_data_docs()
    return folder / "index.html"


def _context(folder: Path) -> Any:
    import great_expectations
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    site = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }
    config = DataContextConfig(
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        data_docs_sites={"gate": site},
    )
    return great_expectations.get_context(mode="ephemeral", project_config=config)


def _as_result(check: Checked, run: Any) -> "ExpectationSuiteValidationResult":
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult

    from expectations.suites import suite_for

    outcomes = {(outcome.expectation, outcome.column): outcome for outcome in check.outcomes}
    results = [
        _one(expectation.configuration, outcome)
        for expectation in suite_for(check.name).expectations
        if (outcome := outcomes.get((expectation.expectation_type, label(expectation.configuration.kwargs))))
    ]
    held, all_of_them = sum(bool(result.success) for result in results), len(results)
    return ExpectationSuiteValidationResult(
        suite_name=check.name,
        success=held == all_of_them,
        results=results,
        statistics={
            "evaluated_expectations": all_of_them,
            "successful_expectations": held,
            "unsuccessful_expectations": all_of_them - held,
            "success_percent": 100 * held / max(1, all_of_them),
        },
        meta={
            "expectation_suite_name": check.name,
            "run_id": run.to_json_dict(),
            "validation_time": check.at.isoformat(),
            "active_batch_definition": {},
        },
    )


def _one(configuration: Any, outcome: Outcome) -> "ExpectationValidationResult":
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult

    unexpected = {}
    if outcome.unexpected is not None:
        percent = 100 * outcome.unexpected / max(1, outcome.rows)
        unexpected = {"unexpected_count": outcome.unexpected, "unexpected_percent": percent}
    return ExpectationValidationResult(
        success=outcome.success,
        expectation_config=configuration,
        result={"element_count": outcome.rows, **unexpected},
        meta={},
        exception_info={"raised_exception": False, "exception_message": None, "exception_traceback": None},
    )
