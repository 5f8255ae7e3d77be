"""What lies in quarantine.events: chosen, counted, shown, set aside. The messages themselves are never changed."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from jobs.errors import OperatorError
from jobs.lake import query, tables
from jobs.lake.lake import Lake
from jobs.landing.uniqueness import COORDINATES
from jobs.settings.loading import Settings

TABLE = "quarantine.events"
SEALED = "(encrypted: it could not be read; only a replay opens it)"
GROUPS = """
    SELECT state, event_type, reasons, COUNT(*) AS messages, MIN(received_at) AS first_at, MAX(received_at) AS last_at
    FROM {{table}} WHERE {arrived} GROUP BY state, event_type, reasons
"""
STATES = ("open", "replayed", "discarded")


@dataclass(frozen=True)
class Choice:
    """Which messages are meant; a field that is empty leaves nothing out.

    `reason`: text that one of a message's reasons contains. `since` is included, `until` is not; both are times of
    arrival.
    """

    reason: str = ""
    event_type: str = ""
    since: datetime | None = None
    until: datetime | None = None
    state: str = "open"

    def __post_init__(self) -> None:
        if self.state and self.state not in STATES:
            raise OperatorError(f"no state {self.state!r}; the states are: {', '.join(STATES)}")

    @property
    def arrived(self) -> str:
        """The condition on the time of arrival, as SQL."""
        bounds = ((">=", self.since), ("<", self.until))
        given = [f"received_at {sign} TIMESTAMP '{at.isoformat()}'" for sign, at in bounds if at is not None]
        return " AND ".join(given) or "TRUE"

    def means(self, state: str, event_type: str | None, reasons: Sequence[str]) -> bool:
        """Whether a message of these values is meant, its arrival aside."""
        return (
            self.state in ("", state)
            and self.event_type in ("", event_type)
            and (not self.reason or any(self.reason in reason for reason in reasons))
        )

    @property
    def condition(self) -> Column:
        """True for the messages meant, false for others; never null."""
        condition = F.lit(True)
        if self.reason:
            condition &= F.exists("reasons", lambda reason: F.contains(reason, F.lit(self.reason)))
        if self.event_type:
            condition &= F.col("event_type").eqNullSafe(self.event_type)
        if self.since is not None:
            condition &= F.col("received_at") >= F.lit(self.since)
        if self.until is not None:
            condition &= F.col("received_at") < F.lit(self.until)
        if self.state:
            condition &= F.col("state") == self.state
        return condition


def messages_of(lake: Lake, choice: Choice) -> DataFrame:
    """Raises OperatorError when the table is not built."""
    return tables.read(lake, TABLE).where(choice.condition)


@dataclass(frozen=True)
class ReasonCount:
    """`event_type` is None where none could be read. `first_at`, `last_at`: the first and the last arrival, UTC text,
    as it can be given to --since and --until."""

    state: str
    event_type: str | None
    reason: str
    messages: int
    first_at: str
    last_at: str


def counts_by_reason(settings: Settings, choice: Choice) -> list[ReasonCount]:
    """One per state, event type and reason, most messages first. A message with two reasons counts for both.

    Raises OperatorError when the table is not built.
    """
    found: dict[tuple[str, str | None, str], list[tuple[int, datetime, datetime]]] = defaultdict(list)
    for group in query.rows(settings, TABLE, GROUPS.format(arrived=choice.arrived)):
        if choice.means(group["state"], group["event_type"], group["reasons"]):
            for reason in set(group["reasons"]):
                key = (group["state"], group["event_type"], reason)
                found[key].append((group["messages"], group["first_at"], group["last_at"]))
    counts = []
    for key, groups in found.items():
        messages, first, last = zip(*groups, strict=True)
        counts.append(ReasonCount(*key, sum(messages), _text(min(first)), _text(max(last))))
    return sorted(counts, key=lambda one: (-one.messages, one.reason, one.event_type or "", one.state))


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _utc(moment: Column) -> Column:
    """As it can be given to --since and --until. The sessions of this project count in UTC; Python may not."""
    return F.date_format(moment, "yyyy-MM-dd'T'HH:mm:ss'Z'")


def listing(messages: DataFrame, most: int) -> list[Row]:
    """The first `most` messages by arrival: coordinates, received_at as UTC text, state, event_type, reasons and the
    payload as text, where it is not encrypted."""
    text = F.try_validate_utf8(F.col("value").cast("string"))
    shut = F.when(F.col("sealed_by").isNotNull(), F.lit(SEALED))
    payload = F.coalesce(shut, text, F.concat(F.lit("0x"), F.hex("value"))).alias("payload")
    first = messages.orderBy("received_at", *COORDINATES).limit(most)
    return first.select(
        *COORDINATES, _utc(F.col("received_at")).alias("received_at"), "state", "event_type", "reasons", payload
    ).collect()


def discard(lake: Lake, choice: Choice) -> int:
    """Marks the open ones among the messages meant as discarded, for good; returns how many. Safe to repeat."""
    return tables.update(lake, TABLE, choice.condition & (F.col("state") == "open"), {"state": F.lit("discarded")})
