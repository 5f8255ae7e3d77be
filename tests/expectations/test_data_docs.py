"""Data Docs of a lake with planted identifiers: pages with rules and counts, and none of the identifiers."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from expectations.errors import GateFailed
from expectations.schemas import TABLES
from jobs.commands.app import app
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.quality import gate

AT = datetime(2026, 3, 2, 4, tzinfo=UTC)
PERSON, MAIL, WEIGHT = "planted-person-77", "planted@example.org", "-1234567.25"


@pytest.mark.usefixtures("lake_in_session")
def test_the_pages_hold_rules_and_counts_and_nothing_of_the_data(lake: Lake, tmp_path: Path) -> None:
    ratings = [(PERSON, "i", float(WEIGHT), 1, AT), (PERSON, "i", 1.0, -1, AT)]
    tables.overwrite(lake, "gold.ratings", lake.spark.createDataFrame(ratings, TABLES["gold.ratings"].ddl))
    lists = [("v", PERSON, MAIL, 1, "i", 0.5, "because", {}, "als 1")]  # a slot that is none
    shown = lake.spark.createDataFrame(lists, TABLES["gold.recommendations"].ddl)
    tables.overwrite(lake, "gold.recommendations", shown)
    with pytest.raises(GateFailed):
        gate.gate(lake, [], AT)
    observed = " ".join(row["observed"] or "" for row in tables.read(lake, gate.TABLE).collect())
    assert WEIGHT in observed and MAIL in observed, "the gate's own record quotes them: the pages could"

    result = CliRunner().invoke(app, ["quality", "docs", "--to", str(tmp_path / "docs")])
    assert result.exit_code == 0, result.output
    assert result.stdout == f"wrote {tmp_path}/docs/index.html\n"
    pages = {file: file.read_text(encoding="utf-8") for file in (tmp_path / "docs").rglob("*.html")}
    for name in ("gold.ratings", "gold.recommendations"):
        (page,) = [text for file, text in pages.items() if file.name == f"{name}.html"]
        assert "Failed" in page and "Succeeded" in page
        assert name in (tmp_path / "docs" / "index.html").read_text(encoding="utf-8")
    (ratings_page,) = [text for file, text in pages.items() if file.name == "gold.ratings.html"]
    assert (
        "weight" in ratings_page and "50%" in ratings_page.replace("≈", "") and "1 unexpected" in ratings_page.lower()
    )
    for file in (tmp_path / "docs").rglob("*"):
        if file.is_file():
            content = file.read_bytes().lower()
            assert not [one for one in (PERSON, MAIL, WEIGHT, "1234567") if one.encode() in content], file
