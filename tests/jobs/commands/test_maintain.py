"""`lakehouse maintain`: what it keeps, what it refuses."""

import json

import pytest
from typer.testing import CliRunner

from jobs.commands.app import app
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.maintenance import upkeep
from tests.jobs.maintenance.lake_files import FALLBACKS, fill, operations


@pytest.mark.usefixtures("lake_in_session")
@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("KEEP_HOURS", "24", "keep_hours of bronze.events is 24 hours, under the 168 that a stream may lag"),
        ("LOG_DAYS", "6", "log_days of bronze.events is 144 hours, under the 168 that a stream may lag"),
        ("TABLES", '{"ops.ledger": {"keep_hours": 1}}', "keep_hours of ops.ledger is 1 hours"),
        ("TABLES", '{"ops.legder": {"keep_hours": 200}}', "no table ops.legder (section maintenance)"),
        ("EXCLUDE", f'["{FALLBACKS}"]', f"{FALLBACKS} is to be left alone"),
    ],
)
def test_what_is_unsafe_or_unknown_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, line: str
) -> None:
    monkeypatch.setenv(f"LAKEHOUSE_MAINTENANCE__{variable}", value)
    result = CliRunner().invoke(app, ["maintain", "--table", FALLBACKS])
    assert result.exit_code == 1 and result.output.startswith(f"error: {line}") and result.output.count("\n") == 1


@pytest.mark.usefixtures("lake_in_session")
def test_the_command_keeps_every_table_but_the_excluded(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(lake, 3)
    tables.create(lake, "ops.ledger", "ops.quality")
    monkeypatch.setenv("LAKEHOUSE_MAINTENANCE__EXCLUDE", '["ops.quality"]')
    at_once = {name: {"keep_hours": 0} for name in (FALLBACKS, "ops.ledger")}
    monkeypatch.setenv("LAKEHOUSE_MAINTENANCE__TABLES", json.dumps(at_once))

    def maintain(*words: str) -> str:
        result = CliRunner().invoke(app, ["maintain", "--allow-short", *words])
        assert result.exit_code == 0, result.output
        return result.stdout

    dry = json.loads(maintain("--dry-run", "--json"))
    assert {one["table"]: one["small"] for one in dry} == {FALLBACKS: 3, "ops.ledger": 0}
    assert FALLBACKS in maintain("--dry-run", "--table", FALLBACKS)
    assert operations(lake, FALLBACKS).count("OPTIMIZE") == 0
    reports = {one["table"]: one for one in json.loads(maintain("--json"))}
    assert list(reports) == [FALLBACKS, "ops.ledger"] and reports[FALLBACKS]["removed"] == 3
    assert operations(lake, "ops.quality") == ["CREATE TABLE"]


def test_a_table_not_built_and_an_empty_lake_say_what_to_build(lake: Lake) -> None:
    with pytest.raises(OperatorError, match="table gold.ratings is not built yet"):
        upkeep.tables_to_maintain(lake, ["gold.ratings"])
    with pytest.raises(OperatorError, match="no table to keep is built yet"):
        upkeep.tables_to_maintain(lake)
