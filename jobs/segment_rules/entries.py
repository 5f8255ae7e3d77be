"""One event as the tracks of the rules see it, and a person made of such entries.

Batch and live both make a person's tracks of this, so that an event means the same to both. Instants are whole
microseconds since 1970. An event is a plain dict: `event_type`, `occurred_at`, and `context`, `payload` and `lines` as
silver.events has them (fields by their columns, `lines` of the payload), each of which may be None.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from jobs.segment_rules.person import Person, Seen
from jobs.segment_rules.rule import Track
from jobs.segment_rules.tracks import Rules, Selection, comparable
from jobs.segment_rules.vocabulary import CONTEXT, ITEM, LINE, PAYLOAD, EventField

Items = Mapping[str, tuple[Sequence[str] | None, str | None]]
"""Of each item: its categories from the widest to the narrowest, and its brand."""

Values = tuple[int | str | bool, ...]


class Entry(NamedTuple):
    """One event of a track. `values`: of each field asked for, in order, those that the event has of it."""

    at: int
    values: tuple[Values, ...] = ()


def entries_of(
    event: Mapping[str, Any], selections: Iterable[Selection], items: Items
) -> Iterator[tuple[Track, Entry]]:
    """What an event is to the tracks of its type (`Rules.selections`); nothing to those whose conditions it does not
    meet. An event of several lines is one entry if one of them meets all conditions, with the values of those that do.
    """
    places = {CONTEXT: event.get("context") or {}, PAYLOAD: event.get("payload") or {}}
    lines: Sequence[Mapping[str, Any]] | None = None
    for one in selections:
        if not all(_value(field, places[field.place]) in values for field, values in one.of_event):
            continue
        if lines is None:
            lines = event.get("lines") or (places[PAYLOAD],)  # an event about one item is its own line
        taken = lines
        if one.of_line:
            taken = [line for line in lines if all(_meets(line, *condition, items) for condition in one.of_line)]
            if not taken:
                continue
        values = tuple(_values(field, places, taken, items) for field in one.asked)
        yield one.track, Entry(event["occurred_at"], values)


def person_of(
    entries: Mapping[Track, Iterable[Entry]],
    rules: Rules,
    activity: Iterable[int] = (),
    attributes: Mapping[str, str] | None = None,
) -> Person:
    """Of entries in whatever order, and the instants of all events where a rule speaks of a session."""
    tracks = {}
    for track, of_track in entries.items():
        ordered = sorted(of_track, key=lambda entry: entry.at)
        columns = zip(*(entry.values for entry in ordered), strict=True)
        values = dict(zip(rules.tracks[track], map(list, columns), strict=False))
        tracks[track] = Seen([entry.at for entry in ordered], values)
    return Person(tracks, sorted(activity), attributes or {})


def _values(
    field: EventField, places: Mapping[str, Mapping[str, Any]], lines: Iterable[Mapping[str, Any]], items: Items
) -> Values:
    if field.place == ITEM:
        found = [_of_item(field, line, items) for line in lines]
        return tuple(names[-1] for names in found if names)
    holders = lines if field.place == LINE else (places[field.place],)
    values = (_value(field, holder) for holder in holders)
    return tuple(value for value in values if value is not None)


def _meets(line: Mapping[str, Any], field: EventField, values: frozenset[Any], items: Items) -> bool:
    if field.place == ITEM:
        return not values.isdisjoint(_of_item(field, line, items))
    return _value(field, line) in values


def _of_item(field: EventField, line: Mapping[str, Any], items: Items) -> Sequence[str]:
    """Of the line's item all categories, from the widest to the narrowest, or its brand; nothing where it has none."""
    categories, brand = items.get(line.get("item_id") or "", ((), None))
    if field.column == "category":
        return categories or ()
    return () if brand is None else (brand,)


def _value(field: EventField, holder: Mapping[str, Any]) -> int | str | bool | None:
    value = holder.get(field.column)
    return None if value is None else comparable(field, value)
