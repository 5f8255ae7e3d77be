"""What rules look at: which tracks of events, which fields of them, and how far back."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, get_args

from jobs.segment_rules import rule
from jobs.segment_rules.evaluation import compiled
from jobs.segment_rules.person import SECOND, SESSION_AT_MOST, UNIT, Evaluator
from jobs.segment_rules.rule import NUMBER, Expression, Track, Value, Window, nodes
from jobs.segment_rules.vocabulary import ITEM, LINE, EventField

if TYPE_CHECKING:
    from jobs.segment_rules.definitions import Segment

OVER_EVENTS: tuple[type, ...] = get_args(rule.OverEvents)

MOST = 10**18
"""Of a number of an event, in millionths: what is more counts as so much, and a thousand of them fit into 64 bits."""

Condition = tuple[EventField, frozenset[Any]]
"""A field, and the values that meet it."""

Fields = Mapping[str, Mapping[str, EventField]]


@dataclass(frozen=True)
class Selection:
    """What a track takes of the events of its type. `of_event`, `of_line`: conditions on the event, and on one of its
    lines; `asked`: the fields whose values are kept, in order."""

    track: Track
    of_event: tuple[Condition, ...]
    of_line: tuple[Condition, ...]
    asked: tuple[EventField, ...]

    @property
    def is_plain(self) -> bool:
        """It takes all events of its type, and their instants alone."""
        return not (self.of_event or self.of_line or self.asked)


@dataclass(frozen=True)
class Rules:
    """Rules that are evaluated together. `asked`: by segment; `known`: all that `member` may ask for; `fields`: what an
    event's fields are (vocabulary.event_fields)."""

    asked: Mapping[str, Expression]
    known: Mapping[str, Expression]
    fields: Fields

    @cached_property
    def evaluators(self) -> dict[str, Evaluator]:
        """Of each segment asked, what it comes to."""
        return {segment: compiled(expression, self.known) for segment, expression in self.asked.items()}

    @cached_property
    def tracks(self) -> dict[Track, tuple[str, ...]]:
        return tracks_of(self.asked.values(), self.known)

    @cached_property
    def reach(self) -> dict[Track, int | None]:
        return horizons(self.asked.values(), self.known)

    @cached_property
    def reach_of_values(self) -> dict[Track, int | None]:
        """The same of the values of their events, where any are asked for."""
        return horizons(self.asked.values(), self.known, (rule.Sum, rule.Distinct))

    @cached_property
    def selections(self) -> dict[str, tuple[Selection, ...]]:
        """By event type."""
        of_types: dict[str, list[Selection]] = {}
        for track, asked in self.tracks.items():
            of_types.setdefault(track.event_type, []).append(_selection(track, asked, self.fields[track.event_type]))
        return {event_type: tuple(selections) for event_type, selections in of_types.items()}

    @cached_property
    def columns(self) -> dict[str, frozenset[EventField]]:
        """Of each event type the fields that are read of it; one of an item stands for the item's id."""
        return {name: frozenset(_read(selections)) for name, selections in self.selections.items()}

    @cached_property
    def of_sessions(self) -> bool:
        """Whether one speaks of a session, for which the instants of all events are needed."""
        return any(isinstance(node, Window) and node.of_session for node in self._nodes)

    @property
    def of_attributes(self) -> bool:
        return bool(self.attributes)

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """The names of the attributes that they ask for."""
        return tuple(sorted({node.name for node in self._nodes if isinstance(node, rule.Attribute)}))

    @cached_property
    def of_items(self) -> bool:
        """Whether one asks what the catalogue says of an item."""
        return any(field.place == ITEM for fields in self.columns.values() for field in fields)

    @cached_property
    def _nodes(self) -> list[Any]:
        return [*_all_nodes(self.asked.values(), self.known)]


def rules_of(segments: "Iterable[Segment]", known: "Mapping[str, Segment]", fields: Fields) -> Rules:
    """Of some segments among all `known`."""
    of_all = {name: segment.expression for name, segment in known.items()}
    return Rules({segment.name: segment.expression for segment in segments}, of_all, fields)


def tracks_of(rules: Iterable[Expression], known: Mapping[str, Expression]) -> dict[Track, tuple[str, ...]]:
    """The tracks that the rules look at, those of other segments that they ask for included, each with the fields of
    which they ask for values."""
    asked: dict[Track, set[str]] = {}
    for node in _all_nodes(rules, known):
        for track in rule.tracks_of(node):
            fields = asked.setdefault(track, set())
            if isinstance(node, rule.Sum | rule.Distinct):
                fields.add(node.field)
    return {track: tuple(sorted(fields)) for track, fields in asked.items()}


def horizons(
    rules: Iterable[Expression], known: Mapping[str, Expression], functions: tuple[type, ...] = OVER_EVENTS
) -> dict[Track, int | None]:
    """How far back some functions of the rules look at each track, in microseconds: an event that is so long ago, or
    longer, counts for nothing from then on. None: for ever."""
    furthest: dict[Track, int | None] = {}
    for node in _all_nodes(rules, known):
        for track in rule.tracks_of(node) if isinstance(node, functions) else ():
            reach = _reach(node.window)
            former = furthest.get(track, 0)
            furthest[track] = None if reach is None or former is None else max(reach, former)
    return furthest


def millionths(number: float) -> int:
    """A number of an event as it is added up; more than MOST counts as that."""
    return round(min(max(number * UNIT, -MOST), MOST))


def comparable(field: EventField, value: Value) -> int | str | bool:
    if field.type == NUMBER:
        return millionths(float(value))
    assert isinstance(value, str | bool)
    return value


def _all_nodes(rules: Iterable[Expression], known: Mapping[str, Expression]) -> Iterator[Any]:
    for expression in rules:
        for node in nodes(expression):
            yield node
            if isinstance(node, rule.Member):
                yield from _all_nodes([known[node.segment]], known)


def _reach(window: Window) -> int | None:
    """How long before now an event may be that lies in the window."""
    reaches = [None if window.seconds is None else round(window.seconds * SECOND)]
    reaches += [SESSION_AT_MOST if window.of_session else None]
    if isinstance(window.after, rule.Ago):
        reaches.append(round(window.after.seconds * SECOND))
    elif isinstance(window.after, rule.Last | rule.First):
        reaches.append(_reach(window.after.window))
    return min((reach for reach in reaches if reach is not None), default=None)


def _selection(track: Track, asked: tuple[str, ...], fields: Mapping[str, EventField]) -> Selection:
    of_event: list[Condition] = []
    of_line: list[Condition] = []
    for name, values in track.where:
        field = fields[name]
        meeting = frozenset(comparable(field, value) for value in values)
        (of_line if field.place in (LINE, ITEM) else of_event).append((field, meeting))
    return Selection(track, tuple(of_event), tuple(of_line), tuple(fields[name] for name in asked))


def _read(selections: Iterable[Selection]) -> Iterator[EventField]:
    for one in selections:
        yield from one.asked
        yield from (field for field, _ in (*one.of_event, *one.of_line))
