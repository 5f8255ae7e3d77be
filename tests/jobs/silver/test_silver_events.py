import json
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from expectations.contract import committed_contract
from jobs import job
from jobs.lake import places, streams, tables
from jobs.lake.lake import Lake
from jobs.landing.outcomes import as_events, as_ids, as_judged, as_ledger, with_outcome
from jobs.landing.uniqueness import as_suspects, as_taken, event_hash
from jobs.silver import events as silver_events
from tests.crash import crash_before
from tests.events import event, received


def outcomes(frame: DataFrame) -> dict[int, str]:
    return {row["offset"]: row["outcome"] for row in frame.select("offset", "outcome").collect()}


def taken(ids: DataFrame, kept: DataFrame) -> DataFrame:
    return as_taken(ids, kept, as_suspects(ids, kept))


def judged(spark: SparkSession, messages: list[Any], kept: tuple[tuple[str, int], ...] = ()) -> DataFrame:
    earlier = spark.createDataFrame(
        [(event_id, "events", "first", 0, offset) for event_id, offset in kept],
        "event_id string, topic string, topic_id string, partition int, offset long",
    )
    # Joined before it is worked out, the judgement is planned again and again, and fills the driver.
    frame = as_judged(received(spark, messages), committed_contract()).localCheckpoint()
    frame = frame.withColumn("is_refused", F.lit(False))
    earlier = earlier.withColumn("event_hash", event_hash(F.col("event_id")))
    return with_outcome(frame, taken(as_ids(frame), earlier))


def test_the_first_of_one_id_is_kept(spark: SparkSession) -> None:
    messages = [
        event(event_id="a"),
        event(event_id="b"),
        event(event_id="a"),
        event(event_id="a", user_id="8"),
    ]
    assert outcomes(judged(spark, messages)) == {0: "kept", 1: "kept", 2: "duplicate", 3: "duplicate"}


def test_an_id_that_silver_holds_is_a_duplicate(spark: SparkSession) -> None:
    assert outcomes(judged(spark, [event(event_id="a"), event(event_id="b")], kept=(("a", 900),))) == {
        0: "duplicate",
        1: "kept",
    }


def test_a_batch_run_again_is_not_a_duplicate_of_itself(spark: SparkSession) -> None:
    frame = judged(spark, [event(event_id="a"), event(event_id="a")], kept=(("a", 1),))
    assert outcomes(frame) == {0: "duplicate", 1: "landed"}
    assert as_ledger(frame, frame, 0).collect()[0]["kept"] == 1


def test_a_topic_made_anew_has_other_messages_at_the_same_offsets(spark: SparkSession) -> None:
    """Also one that an earlier release landed, which noted no id: its offset alone does not make it the same row."""
    frame = received(spark, [event(event_id="a"), event(event_id="b")]).withColumn("is_refused", F.lit(False))
    columns = "event_id string, topic string, topic_id string, partition int, offset long"
    kept = spark.createDataFrame([("a", "events", "before", 0, 0), ("b", "events", None, 0, 1)], columns)
    kept = kept.withColumn("event_hash", event_hash(F.col("event_id")))
    now = as_judged(frame, committed_contract()).localCheckpoint().withColumn("is_refused", F.lit(False))
    assert outcomes(with_outcome(now, taken(as_ids(now), kept))) == {0: "duplicate", 1: "duplicate"}
    unnamed = now.withColumn("topic_id", F.lit(None).cast("string"))
    assert outcomes(with_outcome(unnamed, taken(as_ids(unnamed), kept))) == {0: "duplicate", 1: "landed"}


def test_a_broken_message_does_not_take_an_id(spark: SparkSession) -> None:
    messages = [event(event_id="a", occurred_at="never"), event(event_id="a"), "{", "{"]
    assert outcomes(judged(spark, messages)) == {0: "quarantined", 1: "kept", 2: "quarantined", 3: "quarantined"}


def test_what_is_encrypted_is_not_json_whatever_its_bytes_say(spark: SparkSession) -> None:
    values = ["5 ", "[1]", "{}", '"a"', json.dumps(event())]
    shut = received(spark, values).withColumn("sealed_by", F.lit(1))
    rows = as_judged(shut, committed_contract()).select("reasons").collect()
    assert [row["reasons"] for row in rows] == [["message: not JSON"]] * len(values)


def test_what_comes_late_is_taken_and_marked(spark: SparkSession) -> None:
    moments = {"late": "2017-12-30T23:59:59Z", "timely": "2017-12-31T00:00:01Z"}
    frame = judged(spark, [event(event_id=name, occurred_at=at) for name, at in moments.items()])
    rows = as_events(frame, late_hours=24).select("event_id", "is_late").collect()
    assert dict(map(tuple, rows)) == {"late": True, "timely": False}


def test_the_ledger_counts_every_offset_once(spark: SparkSession) -> None:
    frame = judged(spark, [event(event_id="a"), event(event_id="a"), "{", event(event_id="b")])
    row = as_ledger(frame, frame, 3).collect()[0]
    assert (row["first_offset"], row["last_offset"], row["received"]) == (0, 3, 4)
    assert (row["kept"], row["quarantined"], row["duplicate"], row["refused"], row["batch"]) == (2, 1, 1, 0, 3)


def run(lake: Lake) -> None:
    silver_events.main(lake, job.Options(job.moment("2018-01-01")))


def counts(lake: Lake) -> dict[str, int]:
    return {name: tables.read(lake, name).count() for name in ("silver.events", "quarantine.events")}


def test_a_second_run_and_a_resend_add_nothing(lake: Lake) -> None:
    tables.append(lake, "bronze.events", received(lake.spark, [event(event_id="a"), "{", event(event_id="b")]))
    run(lake)
    run(lake)
    resent = [event(event_id="b"), event(event_id="c")]
    tables.append(lake, "bronze.events", received(lake.spark, resent, first_offset=3))
    run(lake)
    assert counts(lake) == {"silver.events": 3, "quarantine.events": 1}
    ledger = tables.read(lake, "ops.ledger").select(F.sum("received"), F.sum("kept"), F.sum("duplicate")).collect()[0]
    assert tuple(ledger) == (5, 3, 1)


def test_a_small_batch_makes_one_file(lake: Lake) -> None:
    """Each later batch opens each file of the table."""
    messages = [each for one in "abcdef" for each in (event(event_id=one), "{")]
    tables.append(lake, "bronze.events", received(lake.spark, messages).repartition(2, "offset"))
    run(lake)
    assert counts(lake) == {"silver.events": 6, "quarantine.events": 6}
    files = {name: len(tables.read(lake, name).inputFiles()) for name in counts(lake)}
    assert files == {"silver.events": 1, "quarantine.events": 1}, files


def test_a_crash_between_the_tables_loses_and_doubles_nothing(lake: Lake) -> None:
    tables.append(lake, "bronze.events", received(lake.spark, [event(event_id="a"), "{", event(event_id="a")]))
    with crash_before("quarantine.events"), pytest.raises(Exception, match=r"silver\.events stopped"):
        run(lake)
    assert counts(lake) == {"silver.events": 1, "quarantine.events": 0}
    run(lake)
    assert counts(lake) == {"silver.events": 1, "quarantine.events": 1}
    ledger = tables.read(lake, "ops.ledger").collect()[0]
    assert (ledger["kept"], ledger["quarantined"], ledger["duplicate"]) == (1, 1, 1)


def test_only_what_was_under_way_may_have_been_landed(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    land, seen = silver_events.land, []

    def landing(*args: Any) -> None:
        seen.append((args[2], args[5]))
        land(*args)

    monkeypatch.setattr(silver_events, "land", landing)
    tables.append(lake, "bronze.events", received(lake.spark, [event(event_id="a"), "{"]))
    with crash_before("ops.ledger"), pytest.raises(Exception, match=r"silver\.events stopped"):
        run(lake)
    run(lake)
    tables.append(lake, "bronze.events", received(lake.spark, [event(event_id="b")], first_offset=2))
    run(lake)
    assert seen == [(0, False), (0, True), (1, False)]
    assert counts(lake) == {"silver.events": 2, "quarantine.events": 1}


def test_the_query_id_is_the_checkpoints(lake: Lake) -> None:
    seen: list[str] = []
    tables.append(lake, "bronze.events", received(lake.spark, [event()]))
    query = tables.stream(lake, "bronze.events").writeStream.foreachBatch(
        lambda batch, _: seen.append(streams.query_id(batch))
    )
    started = query.trigger(availableNow=True).option("checkpointLocation", places.checkpoint(lake.root, "x")).start()
    started.awaitTermination()
    assert seen == [str(started.id)]


def test_a_table_that_is_not_built_names_its_job(lake: Lake) -> None:
    with pytest.raises(Exception, match=r"bronze\.events is not built yet.*lakehouse run bronze\.events"):
        run(lake)
