from datetime import UTC, datetime

from pyspark.sql import SparkSession

from jobs.landing.uniqueness import as_suspects, as_taken

AT = datetime(2026, 3, 1, tzinfo=UTC)
IDS = (
    "event_id string, event_hash long, received_at timestamp, topic string, topic_id string, partition int, offset long"
)
KEPT = "event_id string, event_hash long, topic string, topic_id string, partition int, offset long"


def test_two_ids_that_share_a_hash_are_two_ids(spark: SparkSession) -> None:
    arrived = [("a", 1), ("b", 1), ("a", 1), ("c", 1), ("d", 2)]
    ids = spark.createDataFrame([(*one, AT, "t", "i", 0, 10 + place) for place, one in enumerate(arrived)], IDS)
    kept = spark.createDataFrame([("x", 1, "t", "i", 0, 1), ("y", 2, "t", "i", 0, 2), ("b", 1, "t", "i", 0, 3)], KEPT)
    outcomes = {row["offset"]: row["outcome"] for row in as_taken(ids, kept, as_suspects(ids, kept)).collect()}
    assert outcomes == {11: "duplicate", 12: "duplicate"}


def test_only_what_two_rows_share_is_suspect(spark: SparkSession) -> None:
    ids = spark.createDataFrame([("a", 1, AT, "t", "i", 0, 1), ("b", 2, AT, "t", "i", 0, 2)], IDS)
    others = spark.createDataFrame([("x", 3, "t", "i", 0, 1), ("y", 3, "t", "i", 0, 2)], KEPT)
    same = spark.createDataFrame([("b", 2, "t", "i", 0, 9)], KEPT)
    suspects = [as_suspects(*one).collect() for one in ((ids, others), (ids.union(ids.limit(1)), others), (ids, same))]
    assert [[row["event_hash"] for row in rows] for rows in suspects] == [[], [1], [2]]
