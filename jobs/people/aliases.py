"""What a page must know of who is who, from silver.identities: to whom identifiers belong, and which are kept apart."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.people.identity import TABLE, current_identities, own_person_id
from jobs.people.identity_history import LINKS
from jobs.people.sightings import OPERATOR, PAIR

PAIR_OF_IDS = "left string, right string"


def aliases(lake: Lake) -> DataFrame:
    """Rows (own_person_id, person_id): each identifier that belongs, or once belonged, to a person of another name, and
    to whom it belongs now. Raises OperatorError when silver.identities is not built yet."""
    own = _own("identifier_type", "identifier").alias("own_person_id")
    history = tables.read(lake, TABLE).select(own, "person_id", "valid_to")
    now = F.max(F.when(F.col("valid_to").isNull(), F.col("person_id"))).alias("person_id")
    was_other = F.bool_or(F.col("person_id") != F.col("own_person_id")).alias("was_other")
    return history.groupBy("own_person_id").agg(now, was_other).where("was_other").drop("was_other")


def shared_identifiers(lake: Lake) -> list[str]:
    """Those that link nobody, each as a person of its own."""
    shared = current_identities(lake).where("is_shared").select(_own("identifier_type", "identifier"))
    return [row[0] for row in shared.collect()]


def pairs_taken_back(lake: Lake) -> list[tuple[str, str]]:
    """Pairs of identifiers whose link an operator took back; the stronger one first."""
    last = F.max_by("is_standing", F.struct("received_at", ~F.col("is_standing"))).alias("is_standing")
    of_operator = tables.read(lake, LINKS).where(F.col("source") == OPERATOR).groupBy(*PAIR).agg(last)
    pairs = of_operator.where("NOT is_standing").select(_own(*PAIR[:2]), _own(*PAIR[2:]))
    return [(row[0], row[1]) for row in pairs.collect()]


def judged(lake: Lake, links: list[tuple[str, str]]) -> DataFrame:
    """Those of `links`, pairs of identifiers, that the lake knows: `left` and `right`, and the person to whom each
    belongs now, `left_person` and `right_person`."""
    pairs = lake.spark.createDataFrame(links, PAIR_OF_IDS)
    known = tables.read(lake, LINKS).select(_own(*PAIR[:2]).alias("left"), _own(*PAIR[2:]).alias("right")).distinct()
    people = current_identities(lake).select(_own("identifier_type", "identifier").alias("id"), "person_id")
    found = known.join(F.broadcast(pairs), on=["left", "right"], how="left_semi")
    for end in ("left", "right"):
        of_end = people.withColumnsRenamed({"id": end, "person_id": f"{end}_person"})
        found = found.join(of_end, on=end, how="inner")
    return found.select("left", "right", "left_person", "right_person")


def _own(identifier_type: str, identifier: str) -> Column:
    return own_person_id(F.col(identifier_type), F.col(identifier))
