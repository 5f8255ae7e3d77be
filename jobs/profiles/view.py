"""A person's profile and its versions, as an operator asks for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import functions as F

from jobs.errors import OperatorError
from jobs.lake import notes, tables
from jobs.lake.lake import Lake
from jobs.people.identifier import Identifier
from jobs.people.identity import current_identities
from jobs.people.operator_links import is_it
from jobs.people.personal import personal_tables
from jobs.profiles.history import COMPONENTS, MAPS, SAID, TABLE

DERIVED = ("behaviour",)
"""What follows from the rest of a profile: not told as a change."""
AGO = 86_400.0


@dataclass(frozen=True)
class Version:
    """`values`: the columns of gold.profiles but for whose it is and since when, `behaviour` by the names of its
    components. `valid_to`: None where it is the present one."""

    person_id: str
    valid_from: datetime
    valid_to: datetime | None
    values: dict[str, Any]

    def recency_days(self, as_of: datetime) -> float | None:
        """How long ago they bought last; None: never."""
        last = self.values["last_purchase_at"]
        return None if last is None else (as_of - last).total_seconds() / AGO


@dataclass(frozen=True)
class Change:
    """What began at a version. `differences`: by column, or column and key of a map, the value before and the one now;
    None: there was none. `is_end`: nothing began: the person has no profile from then on."""

    at: datetime
    differences: dict[str, tuple[Any, Any]]
    is_end: bool = False


def profile_at(lake: Lake, identifier: Identifier, as_of: datetime) -> Version:
    """The profile that the lake had at `as_of` of the person whose the identifier is now; where it had none, of who was
    called by the identifier alone, before they became one with others.

    Raises OperatorError where there is none, or none that they let be seen."""
    of_people = versions(lake, identifier)
    for one in [version for known in reversed(of_people.values()) for version in known]:
        if one.valid_from <= as_of and (one.valid_to is None or as_of < one.valid_to):
            return one
    raise OperatorError(
        f"{identifier} had no profile at {as_of:%Y-%m-%d %H:%M:%S} UTC; see: lakehouse profile history {identifier}"
    )


def versions(lake: Lake, identifier: Identifier) -> dict[str, list[Version]]:
    """By person, the oldest first: of who was called by the identifier alone, and last of the person whose it is now,
    where that is another. Raises OperatorError where there is none that may be seen."""
    rows = current_identities(lake).where(is_it(identifier)).select("person_id").collect()
    names = [identifier.own_person_id, *[row["person_id"] for row in rows]]
    components = (notes.noted(lake, TABLE, COMPONENTS) or "").split(",")
    people = lake.spark.createDataFrame([(name,) for name in names], "person_id string")
    now, purpose = datetime.now(UTC), "personalisation"
    tables_of = personal_tables(lake, ("gold.profile_history", "gold.profiles"), purpose, now, people)
    known: dict[str, list[Version]] = {name: [] for name in names}
    for row in [row for table in tables_of for row in table.where(F.col("person_id").isin(names)).collect()]:
        known[row["person_id"]].append(_version(row.asDict(recursive=True), components))
    if not any(known.values()):
        raise _nobody(lake, identifier)
    return {name: sorted(of_it, key=lambda one: one.valid_from) for name, of_it in known.items() if of_it}


def segments_at(lake: Lake, person_id: str, as_of: datetime) -> list[str]:
    """The titles of the segments that the person was in: by rules as gold.segment_changes has it, personas left out,
    which the profile names. A segment that there is no more is called by its id."""
    if not tables.exists(lake, "gold.segment_changes"):
        return []
    until_then = (F.col("person_id") == person_id) & (F.col("source") == "rule") & (F.col("changed_at") <= F.lit(as_of))
    last = tables.read(lake, "gold.segment_changes").where(until_then).groupBy("segment_id")
    inside = last.agg(F.max_by("kind", "changed_at").alias("kind")).where("kind = 'enter'")
    titles = tables.read(lake, "gold.segments").select("segment_id", "name").distinct()
    rows = (
        inside.join(titles, on="segment_id", how="left")
        .select(F.coalesce("name", "segment_id").alias("name"))
        .collect()
    )
    return sorted({row["name"] for row in rows})


def changes(known: Sequence[Version]) -> list[Change]:
    """`known`: versions of one person, the oldest first."""
    told = []
    before: Version | None = None
    for one in known:
        if before is not None and before.valid_to is not None and before.valid_to < one.valid_from:
            told.append(Change(before.valid_to, {}, is_end=True))
            before = None
        told.append(Change(one.valid_from, _differences({} if before is None else before.values, one.values)))
        before = one
    if before is not None and before.valid_to is not None:
        told.append(Change(before.valid_to, {}, is_end=True))
    return told


def _version(row: dict[str, Any], components: list[str]) -> Version:
    values = {name: _in_utc(row[name]) for name in SAID}
    values["behaviour"] = dict(zip(components, row["behaviour"] or (), strict=False))
    return Version(row["person_id"], _in_utc(row["valid_from"]), _in_utc(row.get("valid_to")), values)


def _differences(before: dict[str, Any], now: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    told: dict[str, tuple[Any, Any]] = {}
    for name, value in now.items():
        former = before.get(name)
        if name in DERIVED or former == value:
            continue
        if name in MAPS:
            former = former or {}
            told |= {
                f"{name}.{key}": (former.get(key), value.get(key))
                for key in sorted({*former, *value})
                if former.get(key) != value.get(key)
            }
        else:
            told[name] = (former, value)
    return told


def _nobody(lake: Lake, identifier: Identifier) -> OperatorError:
    name = identifier.own_person_id
    nearest = tables.read(lake, TABLE).orderBy(F.levenshtein("person_id", F.lit(name)), "person_id").limit(1).collect()
    if not nearest:
        return OperatorError("nobody has a profile yet; make them with: lakehouse run gold.profiles")
    return OperatorError(
        f"nobody called {identifier} has a profile that may be seen; did you mean {nearest[0]['person_id']}? Whose an"
        f" identifier is, says: lakehouse identity show {identifier}"
    )


def _in_utc(value: Any) -> Any:
    """A moment as Spark gives it, which is of UTC and does not say so; any other value as it is."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
