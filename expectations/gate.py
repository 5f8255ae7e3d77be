"""The gate: a frame passes its table's suite, or GateFailed says which expectations failed and how often.

It fails closed: a table without a suite, an expectation that Great Expectations could not compute or gave no
result for, and an empty list of outcomes are failures.
"""

import contextlib
import logging
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyspark.logger import PySparkLogger
from pyspark.sql import DataFrame

from expectations.errors import GateFailed

if TYPE_CHECKING:
    from great_expectations.datasource.fluent.interfaces import Batch
    from great_expectations.expectations.expectation import Expectation

LONGEST = 200  # characters of an observation
NOT_CHECKED = "could not be checked"  # how the observation begins where an expectation could not be computed


@dataclass(frozen=True)
class Outcome:
    """What one expectation found. `column`: the column, the key's columns, the rule, or null for the whole table.

    `unexpected` rows out of `rows`; null where the expectation is not about rows or could not be computed.
    `observed` is text for people; it never holds the value of an id.
    """

    expectation: str
    column: str | None
    success: bool
    observed: str | None
    unexpected: int | None
    rows: int


def names() -> tuple[str, ...]:
    """The tables that have a suite, in the order of the layers."""
    prepare()
    from expectations.suites import SUITES

    return tuple(SUITES)


def check(frame: DataFrame, name: str, max_examples: int) -> list[Outcome]:
    """The outcome of every expectation of the suite of `name`, in the suite's order. Raises MissingSuite.

    At most `max_examples` failing values of an expectation are quoted in `observed`; 0 quotes none.
    """
    prepare()
    from expectations.suites import suite_for

    suite = {_key(expectation.configuration): expectation for expectation in suite_for(name).expectations}
    with _quiet():
        batch = _batch(frame)
        passed = _results(batch, name, list(suite.values()), "BOOLEAN_ONLY")
        # Counts cost a Spark job or more for each expectation, so they are asked of the failing ones only.
        failed = [expectation for key, expectation in suite.items() if not _succeeded(passed.get(key))]
        form = {"result_format": "BASIC", "partial_unexpected_count": max_examples}
        details = _results(batch, name, failed, form) if len(failed) > 0 else {}
    rows = frame.count()  # Delta answers from its log
    return [_outcome(e, passed.get(key), details.get(key), rows, max_examples) for key, e in suite.items()]


def prepare() -> None:
    """Before the import of Great Expectations, which takes seconds: a job that checks nothing must not pay for it."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    # Its import tells of each function that it does not document, and of metrics that it declares twice.
    for name in ("_docs_decorators", "expectations.registry"):
        logging.getLogger(f"great_expectations.{name}").setLevel(logging.ERROR)


def label(kwargs: dict[str, Any]) -> str | None:
    """What an expectation with these arguments is about, as its outcome's `column` says it."""
    return kwargs.get("column") or kwargs.get("rule") or ", ".join(kwargs.get("key", [])) or None


def failure(outcomes: Sequence[Outcome], name: str) -> str | None:
    """One line that names the failing expectations of table `name`, with counts; null when all hold."""
    if len(outcomes) == 0:
        return f"gate {name}: no expectation was checked"
    failed = [outcome for outcome in outcomes if not outcome.success]
    if len(failed) == 0:
        return None
    return f"gate {name}: {len(failed)} of {len(outcomes)} expectations failed: " + ", ".join(map(_named, failed))


def require(outcomes: Sequence[Outcome], name: str) -> None:
    """Raises GateFailed unless every expectation of table `name` holds."""
    line = failure(outcomes, name)
    if line is not None:
        raise GateFailed(line)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What goes wrong is in the outcomes. The loggers would print it thrice, and Spark's with the value it met."""
    loggers = [logging.getLogger("great_expectations"), PySparkLogger.getLogger("DataFrameQueryContextLogger")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _batch(frame: DataFrame) -> "Batch":
    import great_expectations
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    config = DataContextConfig(
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
        store_backend_defaults=InMemoryStoreBackendDefaults(),
    )
    context = great_expectations.get_context(mode="ephemeral", project_config=config)
    # persist=True would cache the table and never let it go: 2.9 s instead of 0.6 s for 3 M rows.
    source = context.data_sources.add_spark("gate", persist=False)
    definition = source.add_dataframe_asset("table").add_batch_definition_whole_dataframe("now")
    return definition.get_batch(batch_parameters={"dataframe": frame})


def _results(batch: "Batch", name: str, expectations: list["Expectation"], form: Any) -> dict[tuple[str, str], Any]:
    """Results by expectation: Great Expectations hands back those it could not compute first, out of order."""
    from great_expectations import ExpectationSuite

    suite = ExpectationSuite(name=name, expectations=expectations)
    results = batch.validate(suite, result_format=form).results
    return {_key(result.expectation_config): result for result in results}


def _key(configuration: Any) -> tuple[str, str]:
    kwargs = {key: value for key, value in configuration.kwargs.items() if key != "batch_id"}
    return configuration.type, repr(sorted(kwargs.items()))


def _succeeded(result: Any) -> bool:
    return result is not None and result.success is True and _error(result) is None


def _outcome(expectation: "Expectation", passed: Any, details: Any, rows: int, max_examples: int) -> Outcome:
    kwargs = expectation.configuration.kwargs
    column = label(kwargs)
    success = _succeeded(passed)
    if success:
        is_about_rows = column is not None and "unique_value_count" not in expectation.expectation_type
        return Outcome(expectation.expectation_type, column, True, None, 0 if is_about_rows else None, rows)
    detail = {} if details is None else dict(details.result or {})
    observed = _error(passed) or _error(details) or _observed(kwargs, detail, column, max_examples)
    unexpected = detail.get("unexpected_count")
    return Outcome(expectation.expectation_type, column, False, observed and observed[:LONGEST], unexpected, rows)


def _observed(kwargs: dict[str, Any], detail: dict[str, Any], column: str | None, max_examples: int) -> str | None:
    columns, seen = kwargs.get("columns"), detail.get("observed_value")
    if columns is not None and seen is not None:
        wrong = [f"lacks {name}" for name in columns if name not in seen]
        wrong += [f"has {name}" for name in seen if name not in columns]
        return ", ".join(wrong) or "in another order"
    if seen is not None:
        return f"{seen:,}"
    examples = [value for value in detail.get("partial_unexpected_list", []) if value is not None][:max_examples]
    if len(examples) == 0 or column is None or column.endswith("_id"):
        return None
    return "such as " + ", ".join(map(str, examples))


def _error(result: Any) -> str | None:
    """The first line of what went wrong inside, or null. Text in single quotes may be a value: it is left out."""
    if result is None:
        return f"{NOT_CHECKED}: no result"
    info = result.exception_info or {}
    # One exception, or one for each metric that failed.
    for exception in [info] if "raised_exception" in info else list(info.values()):
        if exception["raised_exception"]:
            text = str(exception["exception_message"]).strip().splitlines() or [""]
            return f"{NOT_CHECKED}: " + re.sub(r"'.*'", "'…'", text[0])
    return None


def _named(outcome: Outcome) -> str:
    count = None if outcome.unexpected is None else f"{outcome.unexpected:,} of {outcome.rows:,}"
    details = "; ".join(part for part in (count, outcome.observed) if part)
    where = "" if outcome.column is None else f" {outcome.column}"
    return f"{outcome.expectation}{where}" + (f" ({details})" if details else "")
