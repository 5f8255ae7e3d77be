"""What the commands print as tables: of values, the headers and the rows."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.table import Table

from jobs.output import table

if TYPE_CHECKING:
    from jobs.hooks.status import HookStatus
    from jobs.job import Job
    from jobs.ledger.accounts import Account
    from jobs.ledger.message_counts import MessageCounts
    from jobs.local.services import ServiceStatus
    from jobs.people.identity_review import Waiting
    from jobs.people.identity_view import Move, Person, Shared
    from jobs.redis_store.hooks import DeadLetter
    from jobs.redis_store.reading import Page
    from jobs.segment_rules.definitions import Segment
    from jobs.segments.explain import Explanation, Preview
    from jobs.segments.movement import Movement
    from jobs.segments.rule_sets import Decision
    from jobs.supervision.lag import StreamStatus
    from models.registry import Registered

Rows = Sequence[Mapping[str, Any]]


def services(statuses: "Sequence[ServiceStatus]") -> Table:
    rows = [(one.service, one.address, str(one.managed), str(one.pid or ""), str(one.answers)) for one in statuses]
    return table(("service", "address", "started here", "pid", "answers"), rows)


def streams(statuses: "Sequence[StreamStatus]") -> Table:
    rows = []
    for one in statuses:
        batch = "" if one.batch_at is None else f"{one.batch}, at {one.batch_at:%Y-%m-%d %H:%M:%S}"
        messages = "?" if one.messages is None else f"{one.messages:,}"
        seconds = "?" if one.seconds is None else f"{one.seconds:,.0f}"
        rows.append((one.stream, "yes" if one.runs else "no", batch, messages, seconds))
    return table(("stream", "runs", "last batch (UTC)", "messages behind", "seconds behind"), rows)


def messages(counts: "MessageCounts") -> Table:
    names, numbers = zip(*counts.lines(), strict=True)
    return table(names, [numbers])


def page(shown: "Page") -> Table:
    from jobs.serve.reasons import text

    rows = []
    for item in shown.items:
        price = "" if item.price is None else f"{item.price:.2f} {item.currency or ''}".rstrip()
        rows.append((item.slot, item.item_id, item.title or "", price, text(item.reason, item.reason_values)))
    return table(("slot", "item", "title", "price", "reason"), rows)


def segments(known: "Iterable[Segment]") -> Table:
    rows = [(one.name, one.title, one.purpose, one.owner, one.version) for one in known]
    return table(("segment", "title", "purpose", "owner", "version"), rows)


def overlaps(preview: "Preview") -> Table:
    rows = [(name, f"{count:,}", f"{count / preview.size:.0%}") for name, count in preview.overlaps.items()]
    return table(("also in", "people", "share"), rows)


def movements(moved: "Sequence[Movement]", too_much: "Collection[str]") -> Table:
    rows = [
        (
            one.segment,
            *(f"{number:,}" for number in (one.before, one.after, one.entering, one.leaving)),
            f"{one.share:.0%}{', more than may be unasked' if one.segment in too_much else ''}",
        )
        for one in moved
    ]
    return table(("segment", "people", "then", "enter", "leave", "moved"), rows)


def model_versions(found: "Iterable[Registered]") -> Table:
    rows = [(one.name, one.version, ", ".join(one.aliases), _time(one.registered_at)) for one in found]
    return table(("model", "version", "is", "learned (UTC)"), rows)


def decisions(told: "Sequence[Decision]") -> Table:
    rows = [
        (
            _time(one.decided_at),
            one.rule_set,
            one.state.replace("_", " ") + (f", {one.share:.0%} of the people" if one.state == "canary" else ""),
            one.reason,
            ", ".join(f"{name} {share:.0%}" for name, share in one.movement.items()),
        )
        for one in told
    ]
    return table(("decided (UTC)", "rules", "state", "why", "moved"), rows)


def hooks(statuses: "Iterable[HookStatus]") -> Table:
    rows = []
    for one in statuses:
        failing = "" if one.failing_since is None else f"since {_time(one.failing_since)} UTC: {one.reason}"
        counts = (one.told, one.waiting, one.dead_letters, one.overtaken, one.lost)
        rows.append((one.target, ", ".join(one.segments) or "all", *[f"{count:,}" for count in counts], failing))
    headers = ("hook", "segments", "told", "waiting", "dead letters", "overtaken", "lost", "takes nothing")
    return table(headers, rows)


def dead_letters(letters: "Iterable[tuple[str, DeadLetter]]") -> Table:
    """Each with the target that was not told."""
    rows = [
        (target, _time(one.change.at), one.change.person, one.change.segment, one.change.kind, one.reason)
        for target, one in letters
    ]
    return table(("hook", "changed at (UTC)", "person", "segment", "kind", "why it was not told"), rows)


def clauses(explanation: "Explanation") -> Table:
    rows = []
    for one in explanation.clauses:
        last = "; ".join(f"{event_id} {_time(at)}" for event_id, _, at in one.events[-3:])
        until = _time(one.until) if one.until else ""
        rows.append(("  " * one.depth + one.text, "yes" if one.is_true else "no", until, f"{one.event_count:,}", last))
    return table(("clause", "true", "until (UTC)", "events", "the last of them (UTC)"), rows)


def identifiers(person: "Person") -> Table:
    rows = [
        (f"{row['identifier_type']}:{row['identifier']}", _time(row["valid_from"]), row["cause"], row["event_id"] or "")
        for row in person.identifiers
    ]
    return table(("identifier", "theirs since (UTC)", "by", "event"), rows)


def identity_links(person: "Person") -> Table:
    rows = [
        (one.left, one.right, _time(one.since), f"{one.probability:.4g}", "yes" if one.joins else "no")
        for one in person.links
    ]
    return table(("identifier", "seen with", "since (UTC)", "probability", "makes them one"), rows)


def identity_changes(person: "Person") -> Table:
    rows = [
        (_time(row["changed_at"]), row["kind"], row["from_person_id"], row["person_id"], row["cause"])
        for row in person.changes
    ]
    return table(("at (UTC)", "change", "from person", "to person", "by"), rows)


def identity_moves(moves: "Sequence[Move]") -> Table:
    rows = [(one.kind, one.from_person_id, one.person_id, ", ".join(one.identifiers)) for one in moves]
    return table(("change", "from person", "to person", "identifiers"), rows)


def shared_identifiers(known: "Iterable[Shared]") -> Table:
    rows = [(one.identifier_type, one.identifier, _time(one.since), f"{one.linked:,}") for one in known]
    return table(("type", "identifier", "since (UTC)", "seen with"), rows)


def identity_review(pairs: "Sequence[Waiting]") -> Table:
    """At least one pair."""
    compared = sorted(pairs[0].agreement)
    rows = [
        (one.left, one.right, f"{one.probability:.4g}", *[one.agreement[name] for name in compared]) for one in pairs
    ]
    return table(("customer", "and", "probability", *[name.replace("_", " ") for name in compared]), rows)


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def accounts(partitions: "Sequence[Account]") -> Table:
    """At least one partition."""
    rows = [asdict(one) for one in partitions]
    counts = [name for name in rows[0] if name not in ("topic", "topic_id", "partition")]
    return table(
        ("partition", *counts),
        [(f"{one['topic']}-{one['partition']}", *[f"{one[count]:,}" for count in counts]) for one in rows],
    )


def jobs(declared: "Iterable[Job]") -> Table:
    rows = []
    for one in declared:
        flags = [f"--{flag.replace('_', '-')}" for flag in one.flags]
        takes = " ".join(["stays", *flags] if one.stays else flags)
        rows.append((one.name, takes, ", ".join(one.reads), ", ".join(one.writes)))
    return table(("job", "takes", "reads", "writes"), rows)


def rewritten(counts: Mapping[str, int], dry_run: bool) -> Table:
    """`counts`: rows with older tokens, by table."""
    rows = [(name, f"{count:,}") for name, count in counts.items()]
    return table(("table", "rows to rewrite" if dry_run else "rows rewritten"), rows)


def upkeep(reports: Rows) -> Table:
    """At least one report."""
    rows = [[f"{value:,}" if type(value) is int else str(value) for value in one.values()] for one in reports]
    return table([name.replace("_", " ") for name in reports[0]], rows)


def alerts(raised: Rows) -> Table:
    names = ("event_type", "measure", "column_name", "rule")
    rows = [
        (str(one["day"]), *[one[name] for name in names], f"{one['value']:.4g}", f"{one['expected']:.4g}", one["state"])
        for one in raised
    ]
    return table(("day", "event type", "measure", "column", "rule", "value", "expected", "state"), rows)


def reasons(counts: Rows) -> Table:
    """`counts`: as review.counts_by_reason gives them."""
    rows = [
        (f"{one['messages']:,}", one["state"], one["event_type"] or "unreadable", one["reason"], one["last_at"])
        for one in counts
    ]
    return table(("messages", "state", "event type", "reason", "last arrival"), rows)
