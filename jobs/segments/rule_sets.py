"""Which rules are in force: those of conf/segments.toml, once they have been let through.

A file that says something else is another set of rules; so is a new champion of a model that one asks for. A run of
gold.segments that meets one works out how many people would enter and leave each segment. Where that is more than the
settings allow, it goes on by the rules in force, until an operator says otherwise; else the new ones are tried on a
share of the people for a while, where the settings say so, and then in force. ops.segment_rule_sets has each decision;
nothing there is changed.
"""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from expectations.schemas import TABLES
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.landing.contracts import in_force as contract_in_force
from jobs.segment_rules.context import RuleError
from jobs.segment_rules.definitions import Segment, segments_in_force, segments_of
from jobs.segment_rules.vocabulary import SCORES, Vocabulary, event_fields
from jobs.segments import scores
from jobs.segments.canary import RuleSets
from jobs.segments.movement import Movement, is_too_much, movement

TABLE = "ops.segment_rule_sets"
IN_FORCE, CANARY, STOPPED, ROLLED_BACK = "in_force", "canary", "stopped", "rolled_back"
FIRST, WITHIN_LIMIT, TOO_MUCH, OPERATOR = "first", "within the limit", "too much movement", "operator"
TAKEN_OUT = "the canary is no longer in the file"

log = logging.getLogger(__name__)


class Decision(NamedTuple):
    """One row of ops.segment_rule_sets. `rules`: the segments' tables as JSON, with the models that they ask for."""

    decided_at: datetime
    rule_set: str
    state: str
    reason: str
    movement: Mapping[str, float]
    share: float | None
    rules: str


SAID = {
    CANARY: "tried on a share of the people",
    STOPPED: "stopped, because they move too many; to let them through: lakehouse segments promote",
    ROLLED_BACK: "taken back; to let them through: lakehouse segments promote",
    IN_FORCE: "not in force any more; the next run of gold.segments decides on them",
}


@dataclass(frozen=True)
class Difference:
    """`says`: what was decided on the rules of the file. `added`: segments that are new; `moved`: those that would be
    others; `too_much`: of those, the ones that move more people than may be moved unasked."""

    says: str
    added: Sequence[str]
    moved: Sequence[Movement]
    too_much: Sequence[str]


def in_the_file(lake: Lake) -> dict[str, Segment]:
    """By the champions of today where a rule asks for a model. Raises OperatorError as segments_in_force does."""
    settings = lake.settings
    return segments_in_force(settings, contract_in_force(settings.contracts)(), lambda: scores.champions(settings))


def decisions(lake: Lake) -> list[Decision]:
    """The oldest first."""
    if not tables.exists(lake, TABLE):
        return []
    rows = tables.read(lake, TABLE).orderBy("decided_at").collect()
    told = [Decision(*(row[name] for name in Decision._fields)) for row in rows]
    return [one._replace(decided_at=one.decided_at.replace(tzinfo=UTC)) for one in told]


def version(lake: Lake) -> int | None:
    """Of ops.segment_rule_sets: another one, where something was decided since. Costs no Spark job."""
    return tables.version(lake, TABLE) if tables.exists(lake, TABLE) else None


def current(lake: Lake) -> RuleSets:
    """The rules that memberships are worked out by; those of the file where none was ever in force."""
    told = decisions(lake)
    in_force = _last_in_force(told)
    if in_force is None:
        return RuleSets(in_the_file(lake))
    canary = told[-1] if told[-1].state == CANARY else None
    return _sets(lake, in_force, canary)


def settle(lake: Lake, as_of: datetime) -> RuleSets:
    """The same, after a decision on what the file says where that is neither in force nor decided on."""
    told, file, limits = decisions(lake), in_the_file(lake), lake.settings.segments
    in_force, rule_set = _last_in_force(told), rule_set_of(file)
    if in_force is None:
        return _decided(lake, as_of, file, IN_FORCE, FIRST)
    if rule_set == in_force.rule_set:
        return current(lake) if told[-1].state != CANARY else _decided(lake, as_of, file, IN_FORCE, TAKEN_OUT)
    newest = told[-1]
    if newest.state == CANARY and _texts(newest.rules) == _texts(_as_json(file)):
        file = _segments(lake, newest)  # a model that was learned meanwhile waits until the canary is decided
    last = _last_on(told, file) or in_force
    if last.state in (STOPPED, ROLLED_BACK):
        log.warning("gold.segments: the rules of the file are not in force; see: lakehouse segments diff")
        return current(lake)
    is_tried = last == newest and last.state == CANARY
    if is_tried and as_of < last.decided_at + timedelta(hours=limits.canary_hours):
        return current(lake)
    moved = movement(lake, _segments(lake, in_force), file, as_of)
    shares = {one.segment: round(one.share, 4) for one in moved}
    if too_much := [one for one in moved if is_too_much(lake, one)]:
        said = "; ".join(f"{one.segment}: {one.entering:,} enter, {one.leaving:,} leave" for one in too_much)
        log.warning("gold.segments: the rules of the file move too many people and wait (%s)", said)
        return _decided(lake, as_of, file, STOPPED, TOO_MUCH, shares)
    if limits.canary_share and not is_tried:
        return _decided(lake, as_of, file, CANARY, WITHIN_LIMIT, shares, limits.canary_share)
    return _decided(lake, as_of, file, IN_FORCE, WITHIN_LIMIT, shares)


def promote(lake: Lake, as_of: datetime, share: float | None = None) -> None:
    """An operator's word for the rules of the file: in force, or tried on a share of the people. Raises OperatorError
    where they are in force."""
    told, file = decisions(lake), in_the_file(lake)
    in_force = _last_in_force(told)
    if in_force is not None and in_force.rule_set == rule_set_of(file):
        raise OperatorError("the rules of the file are in force already")
    if share is not None and in_force is None:
        raise OperatorError("no rules are in force yet to try others beside; run: lakehouse run gold.segments")
    _decided(lake, as_of, file, IN_FORCE if share is None else CANARY, OPERATOR, share=share)


def roll_back(lake: Lake, as_of: datetime) -> str:
    """Takes back the newest: a canary, or else the rules in force, in whose place come those before. Returns what is in
    force now. What is taken back stays so until it is promoted, though the file says it. Raises OperatorError where
    there is nothing before."""
    told = decisions(lake)
    in_force = _last_in_force(told)
    if told and in_force is not None and told[-1].state == CANARY:
        _append(lake, told[-1]._replace(decided_at=as_of, state=ROLLED_BACK, reason=OPERATOR))
        return in_force.rule_set
    out = {one.rule_set for one in {one.rule_set: one for one in told}.values() if one.state == ROLLED_BACK}
    out |= {in_force.rule_set} if in_force else set()
    former = [one for one in told if one.state == IN_FORCE and one.rule_set not in out]
    if in_force is None or not former:
        raise OperatorError("no rules were in force before; see: lakehouse segments history")
    _append(
        lake,
        in_force._replace(decided_at=as_of, state=ROLLED_BACK, reason=OPERATOR),
        former[-1]._replace(decided_at=as_of, reason=OPERATOR),
    )
    return former[-1].rule_set


def difference(lake: Lake, as_of: datetime) -> Difference:
    """What the rules of the file would change."""
    told, file = decisions(lake), in_the_file(lake)
    in_force = _last_in_force(told)
    before = file if in_force is None else _segments(lake, in_force)
    moved = movement(lake, before, file, as_of)
    last = _last_on(told, file)
    is_current = in_force is not None and in_force.rule_set == rule_set_of(file)
    return Difference(
        "in force" if is_current else "not decided on yet" if last is None else SAID[last.state],
        sorted(file.keys() - before.keys()),
        moved,
        [one.segment for one in moved if is_too_much(lake, one)],
    )


def rule_set_of(segments: Mapping[str, Segment]) -> str:
    """The same for files that say the same."""
    return hashlib.sha256(_as_json(segments).encode()).hexdigest()[:12]


def _last_in_force(told: Sequence[Decision]) -> Decision | None:
    return next((one for one in reversed(told) if one.state == IN_FORCE), None)


def _last_on(told: Sequence[Decision], file: Mapping[str, Segment]) -> Decision | None:
    """The last decision on these rules; where they say otherwise than those in force, by whatever models: what was
    stopped or taken back is not let through by a model that was learned anew."""
    rules, in_force = _as_json(file), _last_in_force(told)
    of_rules = next((one for one in reversed(told) if one.rule_set == rule_set_of(file)), None)
    if of_rules is not None or in_force is None or _texts(in_force.rules) == _texts(rules):
        return of_rules
    return next((one for one in reversed(told) if _texts(one.rules) == _texts(rules)), None)


def _texts(rules: str) -> str:
    """Rules as JSON without their models."""
    tables_of = json.loads(rules)
    for table in tables_of.values():
        table.pop("scores", None)
    return json.dumps(tables_of, sort_keys=True)


def _sets(lake: Lake, in_force: Decision, canary: Decision | None) -> RuleSets:
    if canary is None:
        return RuleSets(_segments(lake, in_force))
    return RuleSets(_segments(lake, in_force), _segments(lake, canary), canary.share or 0.0, canary.rule_set)


def _segments(lake: Lake, decision: Decision) -> dict[str, Segment]:
    fields = event_fields(contract_in_force(lake.settings.contracts)())
    tables_of = json.loads(decision.rules)
    learned = {name: one for table in tables_of.values() for name, one in table.pop("scores", {}).items()}
    try:
        return segments_of(tables_of, Vocabulary(fields, scores={**SCORES, **scores.from_values(learned)}))
    except RuleError as error:
        raise OperatorError(
            f"rules that are {decision.state.replace('_', ' ')} cannot be read any more: {error}; mend the file, and"
            " put it in force: lakehouse segments promote"
        ) from None


def _as_json(segments: Mapping[str, Segment]) -> str:
    tables_of = {
        name: {"title": one.title, "purpose": one.purpose, "owner": one.owner, "rule": one.text}
        | ({"scores": scores.as_values(one.scores)} if one.scores else {})
        for name, one in segments.items()
    }
    return json.dumps(tables_of, sort_keys=True)


def _decided(
    lake: Lake,
    at: datetime,
    segments: Mapping[str, Segment],
    state: str,
    reason: str,
    movement: Mapping[str, float] | None = None,
    share: float | None = None,
) -> RuleSets:
    rule_set = rule_set_of(segments)
    _append(lake, Decision(at, rule_set, state, reason, movement or {}, share, _as_json(segments)))
    log.info("gold.segments: rules %s: %s (%s)", rule_set, state, reason)
    return current(lake)


def _append(lake: Lake, *decided: Decision) -> None:
    """Later than all that is there, whatever the moment it is looked from."""
    tables.create(lake, TABLE)
    told = decisions(lake)
    earliest = told[-1].decided_at + timedelta(microseconds=1) if told else decided[0].decided_at
    first = max(decided[0].decided_at, earliest)
    rows = [one._replace(decided_at=first + timedelta(microseconds=place)) for place, one in enumerate(decided)]
    tables.append(lake, TABLE, lake.spark.createDataFrame(rows, TABLES[TABLE].ddl))
