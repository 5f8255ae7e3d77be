"""Prints every table that a command prints, with long values, and a log line: `python -m` in a process of its own."""

import logging
from datetime import UTC, datetime
from pathlib import Path

from jobs import output
from jobs.commands import listings
from jobs.hooks.status import HookStatus
from jobs.job_list import all_jobs
from jobs.ledger.accounts import Account
from jobs.ledger.message_counts import MessageCounts
from jobs.local.report import FIGURES, show_report
from jobs.local.services import ServiceStatus
from jobs.maintenance.upkeep import Kept
from jobs.people.identity_view import Shared
from jobs.redis_store.hooks import Change, DeadLetter
from jobs.redis_store.reading import Item, Page
from jobs.segments.movement import Movement
from jobs.segments.rule_sets import Decision
from jobs.supervision.lag import StreamStatus

LONG = "a[value]/that.is:long-" * 9
WORDS = ("several [bold]words[/] that :smile: are many " * 6).strip()
COUNT = 1_234_567_890
AT = datetime(2026, 3, 1, tzinfo=UTC)


def rows_of_every_listing() -> dict[str, object]:
    alert = {name: LONG for name in ("day", "event_type", "measure", "column_name", "rule", "state")}
    reason = {
        "messages": COUNT,
        "state": "open",
        "event_type": LONG,
        "reason": WORDS,
        "last_at": "2026-03-01T10:15:00Z",
    }
    kept = Kept(LONG, COUNT, COUNT, COUNT, COUNT, COUNT, COUNT, True, ["a feature"], 1.5)
    never_ran = StreamStatus("a", False, None, None, None, None)
    items = Item("again", LONG, WORDS, 1.5, "EUR", LONG, {}), Item("a", "b", None, None, None, "c", {})
    return {
        "services": listings.services([ServiceStatus("redis", LONG, True, COUNT, False)]),
        "streams": listings.streams([StreamStatus(LONG, True, COUNT, AT, COUNT, 1e9), never_ran]),
        "messages": listings.messages(MessageCounts(*[COUNT] * 8)),
        "page": listings.page(Page("v", "person:1", items)),
        "accounts": listings.accounts([Account(LONG, None, 1, *[COUNT] * 7)]),
        "jobs": listings.jobs(all_jobs().values()),
        "rewritten": listings.rewritten({LONG: COUNT}, dry_run=True),
        "upkeep": listings.upkeep([vars(kept)]),
        "alerts": listings.alerts([{**alert, "value": 1.25e-30, "expected": 1e30}]),
        "movements": listings.movements([Movement(LONG, *[COUNT] * 4)], [LONG]),
        "decisions": listings.decisions([Decision(AT, LONG, "canary", WORDS, {LONG: 0.5}, 0.05, "{}")]),
        "shared identifiers": listings.shared_identifiers([Shared(LONG, LONG, AT, COUNT)]),
        "hooks": listings.hooks([HookStatus(LONG, (LONG,), True, *[COUNT] * 5, AT, WORDS)]),
        "dead letters": listings.dead_letters([(LONG, DeadLetter("1-0", Change("1-0", *[LONG] * 4), WORDS))]),
        "reasons": listings.reasons([reason, {**reason, "event_type": None, "reason": "with\nbreak\x1b[2J"}]),
    }


def main() -> None:
    for name, table in rows_of_every_listing().items():
        output.show(f"# {name}")
        output.show(table)  # type: ignore[arg-type]
    output.show("# report")
    member = {"id": LONG, "name": WORDS, "people": COUNT}
    figures = {
        "tables": {LONG: COUNT},
        "duplicates": 3,
        "quarantined": {WORDS: COUNT},
        "metrics": {LONG: {part: dict.fromkeys(FIGURES, 0.5) for part in ("all", "new")}},
        "identifiers": {LONG: COUNT},
        "people": COUNT,
        "personas": [member],
        "rules": [member],
        "visit": [{"event": LONG, "kind": kind, "segment": LONG, "seconds": 1.5} for kind in ("enter", "leave")],
        "redis": {"version": LONG, "people": COUNT, "bytes": COUNT},
        "seconds": 2.0,
        "peak_mib": COUNT,
    }
    show_report(figures, Path("demo.json"), "local")
    output.log_to_stderr()
    logging.info("logged: %s %s", LONG, WORDS)


if __name__ == "__main__":
    main()
