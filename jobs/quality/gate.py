"""quality.gate: checks tables against their suites and keeps every outcome in ops.quality.

Each table is checked as of the Delta version that is recorded with the outcomes. All tables are checked and
recorded before the job fails, so that one line names everything that is wrong.
"""

import logging
import time
from collections.abc import Sequence
from datetime import datetime

from expectations import gate as suites
from expectations.errors import GateFailed, MissingSuite
from expectations.gate import Outcome
from expectations.schemas import TABLES
from jobs.errors import OperatorError
from jobs.job import Job, Options, submit
from jobs.lake import tables
from jobs.lake.lake import Lake

TABLE = "ops.quality"
log = logging.getLogger(__name__)


def gate(lake: Lake, names: Sequence[str], as_of: datetime) -> None:
    """Checks the tables `names`; without names, every table that has a suite and is built.

    Raises MissingSuite or OperatorError (not built) before anything is checked, GateFailed after all is recorded.
    """
    selected = _to_check(lake, names)
    versions = tables.versions(lake, selected)
    checked = {name: _checked(lake, name, versions[name]) for name in selected}
    _record(lake, checked, versions, as_of)
    failures = [line for name in selected if (line := suites.failure(checked[name], name)) is not None]
    if len(failures) > 0:
        raise GateFailed("; ".join(failures))


def main(lake: Lake, options: Options) -> None:
    gate(lake, options.tables, options.as_of)


def _to_check(lake: Lake, names: Sequence[str]) -> list[str]:
    with_suite = suites.names()
    selected = list(dict.fromkeys(names)) or [name for name in with_suite if tables.exists(lake, name)]
    without = [name for name in selected if name in TABLES and name not in with_suite]
    if len(without) > 0:
        raise MissingSuite(f"gate {', '.join(without)}: no suite in expectations/suites/")
    if len(selected) == 0:
        raise OperatorError("no table to check is built yet; build one with: lakehouse run bronze.catalog")
    return selected


def _checked(lake: Lake, name: str, version: int) -> list[Outcome]:
    started = time.monotonic()
    outcomes = suites.check(tables.read(lake, name, version), name, lake.settings.quality.max_examples)
    successes = sum(outcome.success for outcome in outcomes)
    seconds = time.monotonic() - started
    log.info("%s version %d: %d of %d expectations hold, %.1f s", name, version, successes, len(outcomes), seconds)
    return outcomes


def _record(lake: Lake, checked: dict[str, list[Outcome]], versions: dict[str, int], as_of: datetime) -> None:
    rows = [
        (as_of, name, versions[name], o.expectation, o.column, o.success, o.observed, o.unexpected, o.rows)
        for name, outcomes in checked.items()
        for o in outcomes
    ]
    tables.append(lake, TABLE, lake.spark.createDataFrame(rows, TABLES[TABLE].ddl))


JOB = Job("quality.gate", main, flags=("tables",))

if __name__ == "__main__":
    submit(JOB)
