"""A profile as lines of text that are read from the top, and its changes as a table."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.table import Table

from jobs.output import table

if TYPE_CHECKING:
    from jobs.profiles.view import Change, Version

SHOWN = 5
"""So many of a map, the largest."""
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def profile(version: "Version", segments: Sequence[str], as_of: datetime) -> Iterator[str]:
    """`segments`: the titles of those that the person is in."""
    values = version.values
    yield f"person {version.person_id}"
    yield _line("version", f"since {_moment(version.valid_from)}", _until(version))
    yield _line("seen", _span(values), f"{values['events']:,} events")
    yield _line("recency", *_recency(version, as_of))
    yield _line("frequency", f"{values['baskets']:,} baskets", _fifth(values["frequency_quintile"]))
    yield _line("monetary", f"{values['spend']:,.2f}", _fifth(values["monetary_quintile"]), _habits(values))
    yield _line(
        "engagement",
        values["engagement"],
        f"lately {values['recent_sessions']:,} sessions, {values['recent_steps']:,} steps,"
        f" {values['recent_actions']:,} actions; {values['sessions']:,} sessions in all",
    )
    yield _line("categories", _shares(values["categories"]))
    yield _line("brands", _shares(values["brands"]))
    yield _line("hours (UTC)", _shares({f"{hour:02d}h": share for hour, share in values["hours"].items()}))
    yield _line("weekdays", _shares({WEEKDAYS[day - 1]: share for day, share in values["weekdays"].items()}))
    yield _line("devices", _shares(values["devices"]))
    yield _line("countries", _shares(values["countries"]))
    yield _line("attributes", _attributes(values))
    yield _line("persona", values["segment"] or "none")
    yield _line("segments", ", ".join(segments) or "none")


def changes(told: "Sequence[Change]") -> Table:
    rows = []
    for one in told:
        if one.is_end:
            rows.append((_moment(one.at), "no profile any more", "", ""))
        for name, (before, now) in one.differences.items():
            rows.append((_moment(one.at), name, _value(before), _value(now)))
    return table(("since", "what", "before", "now"), rows)


def _line(name: str, *parts: str) -> str:
    return f"  {name:<12} {'; '.join(part for part in parts if part)}"


def _until(version: "Version") -> str:
    return "the present one" if version.valid_to is None else f"until {_moment(version.valid_to)}"


def _span(values: Mapping[str, Any]) -> str:
    if values["first_seen"] is None:
        return "never; known by the CRM"
    return f"{_moment(values['first_seen'])} to {_moment(values['last_seen'])}"


def _recency(version: "Version", as_of: datetime) -> tuple[str, ...]:
    days = version.recency_days(as_of)
    if days is None:
        return ("never bought",)
    last = _moment(version.values["last_purchase_at"])
    return f"bought {days:,.1f} days ago", last, _fifth(version.values["recency_quintile"])


def _fifth(quintile: int | None) -> str:
    return "" if quintile is None else f"quintile {quintile} of 5"


def _habits(values: Mapping[str, Any]) -> str:
    if not values["baskets"]:
        return ""
    per_basket, price, discount = (values[name] for name in ("mean_basket", "mean_price", "discount_share"))
    return f"{per_basket:,.2f} a basket, {price:,.2f} an item, {discount:.0%} off"


def _shares(shares: Mapping[Any, float]) -> str:
    largest = sorted(shares.items(), key=lambda entry: (-entry[1], str(entry[0])))[:SHOWN]
    more = f" and {len(shares) - SHOWN} more" if len(shares) > SHOWN else ""
    return ", ".join(f"{name} {share:.0%}" for name, share in largest) + more or "unknown"


def _attributes(values: Mapping[str, Any]) -> str:
    imputed = set(values["imputed"])
    told = [f"{name} {value}{' (imputed)' if name in imputed else ''}" for name, value in values["attributes"].items()]
    return ", ".join(told) or "unknown"


def _value(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return _moment(value)
    return f"{value:.4g}" if isinstance(value, float) else ", ".join(value) if isinstance(value, list) else str(value)


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
