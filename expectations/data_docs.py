"""A page of what the gate found: every rule in words, with counts, and nothing of the data itself.

It is made of recorded outcomes, never of a validation's own result: names of tables and columns, rules, counts of rows.
A value, an example or an error's text of a row cannot come in. Great Expectations' own site is not used: without the
internet its pages are empty, for scripts and styles come from a dozen servers.
"""

import importlib.resources
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from expectations.gate import NOT_CHECKED, Outcome, label, prepare

HOLDS, FAILS, NEW = "holds", "fails", "not checked yet"


@dataclass(frozen=True)
class Checked:
    """One check of a table: when, of which Delta version, and what was found."""

    name: str
    version: int
    at: datetime
    outcomes: Sequence[Outcome]


@dataclass(frozen=True)
class Rule:
    """One rule of a table as the page has it. `broken_by`: of how many rows, empty where it is not about rows."""

    words: str
    result: str
    broken_by: str


@dataclass(frozen=True)
class TableOnPage:
    name: str
    version: int
    at: str
    rows: int
    rules: list[Rule]

    @property
    def held(self) -> int:
        return sum(rule.result == HOLDS for rule in self.rules)

    @property
    def result(self) -> str:
        """Of the whole table: that of its worst rule."""
        results = {rule.result for rule in self.rules}
        return next(result for result in (FAILS, NOT_CHECKED, NEW, HOLDS) if result in results)


def write(checks: Sequence[Checked], folder: Path) -> Path:
    """Writes the page of the checks as index.html into the folder, and returns it."""
    template = (importlib.resources.files("expectations") / "data_docs.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    page = environment.from_string(template).render(tables=[_on_page(check) for check in checks])
    folder.mkdir(parents=True, exist_ok=True)
    index = folder / "index.html"
    index.write_text(page, encoding="utf-8")
    return index


def _on_page(check: Checked) -> TableOnPage:
    prepare()
    from expectations.rules_in_words import in_words
    from expectations.suites import suite_for

    outcomes = {(outcome.expectation, outcome.column): outcome for outcome in check.outcomes}
    rules = []
    for expectation in suite_for(check.name).expectations:
        about = label(expectation.configuration.kwargs)
        rules.append(_rule(in_words(expectation), outcomes.get((expectation.expectation_type, about))))
    at = f"{check.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    return TableOnPage(check.name, check.version, at, max(outcome.rows for outcome in check.outcomes), rules)


def _rule(words: str, outcome: Outcome | None) -> Rule:
    if outcome is None:
        return Rule(words, NEW, "")
    if outcome.success:
        return Rule(words, HOLDS, "" if outcome.unexpected is None else "0")
    if outcome.unexpected is None:
        is_error = (outcome.observed or "").startswith(NOT_CHECKED)
        return Rule(words, NOT_CHECKED if is_error else FAILS, "")
    share = outcome.unexpected / max(1, outcome.rows)
    return Rule(words, FAILS, f"{outcome.unexpected:,} of {outcome.rows:,} ({share:.2%})")
