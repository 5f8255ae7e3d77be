"""A small shop for tests of segments: a lake, and beside it what its people did and allow."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from pyspark.sql import types as T
from pyspark.sql.pandas.types import to_arrow_schema

from expectations.schemas import TABLES
from jobs.gold import segments as job_segments
from jobs.job import Options
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.segments import rule_sets
from tests.jobs.segment_rules.histories import DAY, Event, holds

PURPOSES = ("personalisation", "marketing")
Memberships = set[tuple[str, str]]


def bought(at: int) -> Event:
    line = {"item_id": "boot", "quantity": 1.0, "amount": 600.0}
    return {"event_type": "purchase", "at": at, "context": {"device_type": "app"}, "payload": {"lines": [line]}}


def moment(at: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)


def append(lake: Lake, name: str, rows: list[dict[str, Any]]) -> None:
    columns = T.StructType.fromDDL(TABLES[name].ddl)
    assert isinstance(columns, T.StructType)
    arrow = pa.Table.from_pylist(rows, to_arrow_schema(columns, timezone="UTC"))
    tables.append(lake, name, lake.spark.createDataFrame(arrow, columns))


class Shop:
    """A lake, and beside it all that was put into it: whoever `arrive`s allows both purposes until they `refuse`."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.histories: dict[str, list[Event]] = {}
        self.refused: set[tuple[str, str]] = set()
        tables.create(lake, "silver.events", "silver.consents", "silver.items", "silver.people", "silver.identities")

    def arrive(self, histories: Mapping[str, list[Event]], at: int) -> None:
        newcomers = {*histories} - {*self.histories}
        for person, events in histories.items():
            self.histories.setdefault(person, []).extend(events)
        rows = [
            {
                "event_id": f"{person}-{at}-{number}",
                "user_id": person,
                "event_type": event["event_type"],
                "occurred_at": event["at"],
                "context": event["context"],
                "payload": event["payload"],
            }
            for person, events in histories.items()
            for number, event in enumerate(events)
        ]
        append(self.lake, "silver.events", rows)
        self._say({(person, purpose) for person in newcomers for purpose in PURPOSES}, True, at)

    def refuse(self, person: str, purpose: str, at: int) -> None:
        self.refused.add((person, purpose))
        self._say({(person, purpose)}, False, at)

    def _say(self, said: set[tuple[str, str]], is_granted: bool, at: int) -> None:
        rows = [
            {
                "event_id": f"consent-{person}-{purpose}-{at}",
                "user_id": person,
                "purpose": purpose,
                "is_granted": is_granted,
                "said_by": "person",
                "valid_from": at - DAY,
                "recorded_at": at - DAY if is_granted else at,
            }
            for person, purpose in sorted(said)
        ]
        append(self.lake, "silver.consents", rows)

    def run(self, at: int) -> None:
        job_segments.main(self.lake, Options(moment(at)))

    def expected(self, at: int) -> Memberships:
        known = rule_sets.current(self.lake).in_force
        of_all = {name: segment.expression for name, segment in known.items()}
        return {
            (person, name)
            for person, events in self.histories.items()
            for name, segment in known.items()
            if (person, segment.purpose) not in self.refused and holds(segment.expression, events, of_all, at, None)
        }

    def memberships(self) -> Memberships:
        return {(row["person_id"], row["segment_id"]) for row in tables.read(self.lake, "gold.segments").collect()}

    def changes(self) -> list[Any]:
        return tables.read(self.lake, "gold.segment_changes").orderBy("changed_at").collect()

    def by_changes(self) -> Memberships:
        """Those that entered and did not leave since; nobody enters twice or leaves unentered."""
        inside: Memberships = set()
        for row in self.changes():
            key = (row["person_id"], row["segment_id"])
            assert (row["kind"] == "enter") is (key not in inside), f"{row}: told twice"
            inside ^= {key}
        return inside

    def causes(self, at: int) -> set[str]:
        return {row["cause"] for row in self.changes() if row["changed_at"].replace(tzinfo=UTC) == moment(at)}
