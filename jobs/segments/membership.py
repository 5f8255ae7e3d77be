"""From the lake to who is in which segment: the rules in force, who is looked at, and what they come to."""

import logging
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations.contract import PURPOSES
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.landing.contracts import in_force as contract_in_force
from jobs.people.personal import personal
from jobs.people.touched import last_change
from jobs.segment_rules.definitions import Segment
from jobs.segment_rules.tracks import Rules, rules_of
from jobs.segment_rules.vocabulary import event_fields
from jobs.segments.affected import APPENDED, Basis, affected
from jobs.segments.batch import EVALUATED, memberships
from jobs.segments.canary import RuleSets, segment_name

PEOPLE_AT_MOST = 100_000
"""Of more than so many, everybody is looked at: the driver holds their ids."""

log = logging.getLogger(__name__)


def basis(lake: Lake, sets: RuleSets, moment: datetime, as_of: datetime, personas: dict[str, Any]) -> Basis:
    """What a run sees that begins now."""
    known = sets.all
    of_all = rules(lake, known.values(), known)
    names = [
        *APPENDED,
        *(["silver.items"] if of_all.of_items else []),
        *(["silver.people"] if of_all.of_attributes else []),
    ]
    versions = {segment.name: segment.version for segment in known.values()}
    settings = {
        "consent": lake.settings.consent.model_dump(mode="json"),
        "segments": {segment.name: [segment.purpose, segment.title] for segment in known.values()},
        "canary": [sets.draw, sets.share],
    }
    seen = tables.versions(lake, names)
    return Basis(moment.isoformat(), as_of.isoformat(), versions, seen, last_change(lake), settings, personas)


def people_to_look_at(lake: Lake, last: Basis | None, now: Basis, as_of: datetime) -> DataFrame | None:
    """person_id and causes, in the driver. None: everybody, because there is no run before, or what differs concerns
    all, or it cannot be told, or they are too many."""
    if last is None or last.is_for_everybody(now) or (people := affected(lake, last, as_of)) is None:
        return None
    few = people.limit(PEOPLE_AT_MOST + 1).toArrow()
    log.info("gold.segments: %s people to look at", f"{len(few):,}" if len(few) <= PEOPLE_AT_MOST else "all")
    return None if len(few) > PEOPLE_AT_MOST else lake.spark.createDataFrame(few)  # of Arrow: no job reads it


def evaluated(
    lake: Lake,
    known: Mapping[str, Segment],
    people: DataFrame | None,
    as_of: datetime,
    asked: Collection[str] | None = None,
) -> DataFrame:
    """One row per person and purpose, as `batch.memberships` gives them: of everybody, or of those people. `asked`: of
    these segments alone."""
    parts = [lake.spark.createDataFrame([], EVALUATED)]
    for purpose in PURPOSES:
        of_purpose = [segment for segment in known.values() if segment.purpose == purpose]
        segments = [segment for segment in of_purpose if asked is None or segment.name in asked]
        if segments:
            parts.append(evaluated_of(lake, rules(lake, segments, known), purpose, people, as_of))
    return reduce(DataFrame.unionByName, parts)


def evaluated_of(lake: Lake, asked: Rules, purpose: str, people: DataFrame | None, as_of: datetime) -> DataFrame:
    """Of those who allow the purpose."""
    events = personal(lake, "silver.events", purpose, as_of)
    attributes = lake.spark.createDataFrame([], "person_id string, attributes map<string, string>")
    if asked.of_attributes:
        attributes = personal(lake, "silver.people", purpose, as_of).select("person_id", "attributes")
    if people is not None:
        few = F.broadcast(people.select("person_id"))
        events, attributes = (frame.join(few, on="person_id", how="left_semi") for frame in (events, attributes))
    items = tables.read(lake, "silver.items") if asked.of_items else lake.spark.createDataFrame([], ITEMS)
    return memberships(events, items, attributes, asked, as_of)


ITEMS = "item_id string, categories array<string>, brand string"


def as_rows(evaluated: DataFrame, sets: RuleSets) -> DataFrame:
    """Memberships by rules, in the columns of gold.segments without `since`; each person by those that judge them."""
    told = [(segment.name, segment.title, segment.version) for segment in sets.all.values()]
    of_segments = evaluated.sparkSession.createDataFrame(told, "segment_id string, name string, version string")
    return (
        evaluated.select("person_id", F.explode("segment_ids").alias("segment_id"))
        .join(F.broadcast(of_segments), on="segment_id", how="inner")
        .where(sets.judges(F.col("person_id"), F.col("segment_id")))
        .select(
            "person_id",
            segment_name(F.col("segment_id")).alias("segment_id"),
            "name",
            F.lit("rule").alias("source"),
            "version",
            F.lit(None).cast("double").alias("distance"),
        )
    )


def rules(lake: Lake, segments: Iterable[Segment], known: Mapping[str, Segment]) -> Rules:
    """Of some segments, with the fields of the contract in force."""
    return rules_of(segments, known, event_fields(contract_in_force(lake.settings.contracts)()))
