"""The page of what the gate found in a lake with planted identifiers: rules and counts, and none of the identifiers."""

from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from great_expectations.expectations.expectation import Expectation
from typer.testing import CliRunner

from expectations import data_docs
from expectations.data_docs import Checked
from expectations.errors import GateFailed
from expectations.gate import Outcome
from expectations.rules_in_words import in_words
from expectations.schemas import TABLES
from expectations.suites import SUITES, parts, suite_for
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
    docs = tmp_path / "docs"
    page = (docs / "index.html").read_text(encoding="utf-8")
    for name in ("gold.ratings", "gold.recommendations"):
        section = page[page.index(f'<section id="{name}">') :].split("</section>")[0]
        assert ">fails<" in section and ">holds<" in section
        words = [in_words(expectation) for expectation in suite_for(name).expectations]
        assert len(words) > 5 and [line for line in words if line not in unescape(section)] == []
    ratings = page[page.index('<section id="gold.ratings">') :].split("</section>")[0]
    assert "weight is more than 0 and finite" in ratings and "1 of 2 (50.00%)" in ratings
    for file in docs.rglob("*"):
        if file.is_file():
            content = file.read_bytes().lower()
            assert not [one for one in (PERSON, MAIL, WEIGHT, "1234567") if one.encode() in content], file
    assert_readable_offline(docs)


class References(HTMLParser):
    """The ids of a page, and what it refers to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.references: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name == "id":
                self.ids.add(str(value))
            elif name in ("href", "src", "srcset", "data", "poster", "action"):
                self.references.append(str(value))


def assert_readable_offline(folder: Path) -> None:
    """Nothing is fetched from elsewhere, and every link leads to a page and a place that are there."""
    pages = {file: References(file.read_text(encoding="utf-8")) for file in folder.rglob("*.html")}
    assert pages
    for file, page in pages.items():
        assert "//" not in (text := file.read_text(encoding="utf-8")), text[text.index("//") - 80 :][:160]
        assert page.references, file
        for reference in page.references:
            path, _, anchor = reference.partition("#")
            target = (file.parent / path).resolve() if path else file
            assert target in pages and (not anchor or anchor in pages[target].ids), (file, reference)


def test_every_rule_of_every_suite_has_words_of_its_own() -> None:
    for name in SUITES:
        words = [in_words(expectation) for expectation in suite_for(name).expectations]
        assert len({*words}) == len(words)
        assert not [line for line in words if "expect_" in line or "{" in line or "None" in line]


@pytest.mark.parametrize(
    ("expectation", "words"),
    [
        (parts.required("user_id")[0], "user_id is never null"),
        (parts.grain("user_id")[0], "no two rows have the same user_id"),
        (parts.grain("topic", "partition", "offset")[0], "no two rows have the same topic, partition and offset"),
        (parts.row("a <= b"), "every row satisfies: a <= b"),
        (parts.least("rank", 1), "rank is at least 1 and finite"),
        (parts.above("weight", 0.5), "weight is more than 0.5 and finite"),
        (parts.finite("score"), "score is finite"),  # any sign: only infinity and NaN are refused
        (parts.since_2000("at")[0], "at is at least 2000-01-01"),
        (parts.one_of("slot", ("again", "discover")), "slot is one of: again, discover"),
    ],
)
def test_a_rule_in_words(expectation: Expectation, words: str) -> None:
    assert in_words(expectation) == words


def test_what_was_not_or_could_not_be_checked_is_no_success(tmp_path: Path) -> None:
    """An outcome of a gate that ran before the suite had more rules, and one that Spark could not compute."""
    broken = Outcome("expect_column_values_to_not_be_null", "item_id", False, "could not be checked: secret", None, 3)
    index = data_docs.write([Checked("silver.items", 7, AT, [broken])], tmp_path / "new" / "docs")
    page = index.read_text(encoding="utf-8")
    assert ">could not be checked<" in page and ">not checked yet<" in page and ">holds<" not in page
    assert "secret" not in page and "0 of 7" in page and "2026-03-02 04:00:00" in page
