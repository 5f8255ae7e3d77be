"""What Kafka can do to a stream, on a real broker: a topic made anew, messages cut, transactions, a lost checkpoint."""

import logging
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import functions as F

from jobs.bronze import events as bronze_events
from jobs.errors import OperatorError
from jobs.job import Options, moment
from jobs.lake import checkpoints, tables
from jobs.lake.lake import Lake
from jobs.landing import plain, topic
from jobs.ledger.reconcile import reconcile, require
from jobs.local import services
from jobs.settings.loading import Settings
from jobs.silver import events as silver_events
from tests.continuous import running, wait_for
from tests.events import event
from tests.other_lake import changed
from tests.topics import cut, make_anew, send, with_topic

pytestmark = [pytest.mark.services, pytest.mark.slow]
OPTIONS = Options(moment("2018-01-01"))


@pytest.fixture
def own(lake: Lake, local_services: Settings) -> Lake:
    return with_topic(lake)


def events(*ids: str) -> list[dict[str, Any]]:
    return [event(event_id=one) for one in ids]


def land(lake: Lake, **options: Any) -> None:
    bronze_events.main(lake, Options(OPTIONS.as_of, **options))
    silver_events.main(lake, OPTIONS)


def ids(lake: Lake, table: str = "silver.events") -> list[str]:
    return sorted(row["event_id"] for row in tables.read(lake, table).select("event_id").collect())


def totals(lake: Lake) -> dict[str, int]:
    balance = reconcile(lake)
    require(balance)
    names = ("received", "kept", "quarantined", "duplicate", "refused", "lost", "unread", "unlanded")
    return {name: total for name in names if (total := sum(getattr(one, name) for one in balance.accounts))}


@pytest.mark.usefixtures("generated_code")
def test_a_micro_batch_runs_the_code_of_the_one_before(own: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is compiled anew for it: neither the time, nor its number, nor an offset stands in generated code."""
    monkeypatch.setattr(plain, "FEW", 2)
    compiled = own.spark._jvm.org.apache.spark.metrics.source.CodegenMetrics.METRIC_COMPILATION_TIME()
    counts = []
    for batch in range(4):
        send(own, *events(*[f"{batch}-{one}" for one in range(4)]), "{")
        land(own)
        counts.append(compiled.getCount())
    assert counts[-1] == counts[-2] and len(ids(own)) == 16


def test_a_topic_made_anew_is_read_from_its_start(own: Lake, caplog: pytest.LogCaptureFixture) -> None:
    send(own, *events("a", "b", "c"))
    land(own)
    before = topic.identity(own.settings)
    make_anew(own)
    send(own, *events("d", "b", "e", "f", "g"))
    with caplog.at_level(logging.WARNING):
        land(own)
    assert f"was made anew (id {topic.identity(own.settings)}), read from its start" in caplog.text
    assert ids(own) == list("abcdefg")
    by_id = tables.read(own, "bronze.events").groupBy("topic_id").count().collect()
    assert {row["topic_id"]: row["count"] for row in by_id} == {before: 3, topic.identity(own.settings): 5}
    assert totals(own) == {"received": 8, "kept": 7, "duplicate": 1}
    send(own, *events("h"))
    bronze_events.main(own, OPTIONS)
    assert tables.read(own, "bronze.events").count() == 9


def test_a_topic_made_anew_is_refused_where_the_settings_say_so(own: Lake) -> None:
    send(own, *events("a"))
    bronze_events.main(own, OPTIONS)
    make_anew(own)
    send(own, *events("b", "c"))
    strict = changed(own, kafka={"recreated_topic": "refuse"})
    with pytest.raises(OperatorError, match=r"was made anew .* LAKEHOUSE_KAFKA__RECREATED_TOPIC=read lakehouse"):
        bronze_events.main(strict, OPTIONS)
    assert tables.read(own, "bronze.events").count() == 1
    bronze_events.main(own, OPTIONS)
    assert tables.read(own, "bronze.events").count() == 3


def test_a_topic_made_anew_under_a_running_stream(own: Lake) -> None:
    def landed() -> int:
        return tables.read(own, "bronze.events").count() if tables.exists(own, "bronze.events") else 0

    with running(own, "bronze.events", bronze_events.main) as stream:
        send(own, *events("a", "b"))
        wait_for(2, landed, stream)
        make_anew(own)
        send(own, *events("c", "d", "e"))
        wait_for(5, landed, stream)
    silver_events.main(own, OPTIONS)
    assert ids(own) == list("abcde")


def test_what_retention_cut_is_said_and_passed_over_when_told_to(own: Lake) -> None:
    send(own, *events("a", "b"))
    land(own)
    send(own, *events("c", "d", "e", "f"))
    cut(own, 5)
    message = r"3 messages of t-\w+-0 \(offsets 2 to 4\) are gone for good.*; to go on without them: .* --accept-loss"
    for _ in range(2):
        with pytest.raises(OperatorError, match=message):
            bronze_events.main(own, OPTIONS)
    assert any("Kafka has removed" in str(one) for one in reconcile(own).differences)
    land(own, accept_loss=True)
    assert ids(own) == ["a", "b", "f"]
    assert totals(own) == {"received": 3, "kept": 3, "lost": 3}
    send(own, *events("g"))
    bronze_events.main(own, OPTIONS)
    assert totals(own) == {"received": 3, "kept": 3, "lost": 3, "unread": 1}
    lost = tables.read(own, "ops.ledger").where("lost > 0").collect()
    assert [(row["first_offset"], row["last_offset"], row["lost"], row["batch"]) for row in lost] == [(2, 4, 3, -1)]


def test_what_was_landed_before_it_was_cut_is_not_lost(own: Lake) -> None:
    """Landed, and killed before the checkpoint knew: the table has the last word."""
    send(own, *events("a", "b", "c"))
    land(own)
    [checkpoint] = checkpoints.all_of(own, "bronze.events")
    Path(checkpoint.path, "commits", "0").unlink()
    Path(checkpoint.path, "commits", ".0.crc").unlink()
    cut(own, 2)
    send(own, *events("d"))
    land(own)
    assert ids(own) == list("abcd") and tables.read(own, "bronze.events").count() == 4
    assert totals(own) == {"received": 4, "kept": 4}


def test_messages_of_an_aborted_transaction_do_not_land(own: Lake) -> None:
    send(own, *events("sold-never"), transaction="one", abort=True)
    send(own, *events("a"), transaction="one")
    send(own, *events("b"))
    land(own)
    assert ids(own) == ["a", "b"]
    assert totals(own) == {"received": 2, "kept": 2}
    dirty = with_topic(changed(own, kafka={"isolation_level": "read_uncommitted"}))
    send(dirty, *events("c"), transaction="one", abort=True)
    bronze_events.main(dirty, OPTIONS)
    assert tables.read(own, "bronze.events").where(F.col("topic") == dirty.settings.kafka.topic).count() == 1


def test_an_impossible_timestamp_is_the_time_of_reading(own: Lake) -> None:
    now = int(time.time() * 1000)
    for timestamp in (1, now - 3_600_000, now + 3_000_000):
        send(own, *events(f"e-{timestamp}"), timestamp=timestamp)
    land(own)
    rows = tables.read(own, "bronze.events").orderBy("offset").selectExpr("unix_millis(received_at) AS at").collect()
    first, second, third = (row["at"] for row in rows)
    assert second == now - 3_600_000
    assert 0 <= first - now < 120_000 and first == third
    assert len(ids(own)) == 3


@pytest.mark.parametrize("is_whole", [pytest.param(True, marks=pytest.mark.long), False])
def test_a_lost_checkpoint_is_rebuilt_and_nothing_is_doubled(own: Lake, is_whole: bool) -> None:
    """Lost whole, or all but Spark's own id: either would read anew, or take what comes for done."""
    send(own, *events("a", "b", "a"), "{")
    land(own)
    send(own, *events("c"), "nope")
    bronze_events.main(own, OPTIONS)
    for stream in ("bronze.events", "silver.events"):
        [checkpoint] = checkpoints.all_of(own, stream)
        for lost in [""] if is_whole else ["offsets", "commits"]:
            shutil.rmtree(Path(checkpoint.path, lost))
    send(own, *events("d", "a"))
    for job in (bronze_events, silver_events):
        with pytest.raises(OperatorError, match=r"its checkpoint is lost.*: lakehouse streams rebuild"):
            job.main(own, OPTIONS)
        job.rebuild(own)
    for _ in range(2):
        land(own)
        assert ids(own) == list("abcd")
        assert tables.read(own, "bronze.events").count() == 8
        assert tables.read(own, "quarantine.events").count() == 2
    assert totals(own) == {"received": 8, "kept": 4, "quarantined": 2, "duplicate": 2}


def test_a_checkpoint_lost_in_the_middle_of_a_batch(own: Lake) -> None:
    """silver.events and quarantine have the batch, the ledger has not, and nobody knows its number any more."""
    from tests.crash import crash_before

    send(own, *events("a", "b", "a"), "{")
    bronze_events.main(own, OPTIONS)
    with crash_before("ops.ledger"), pytest.raises(OperatorError, match="silver.events stopped"):
        silver_events.main(own, OPTIONS)
    for checkpoint in checkpoints.all_of(own, "silver.events"):
        shutil.rmtree(checkpoint.path)
    silver_events.rebuild(own)
    land(own)
    assert ids(own) == ["a", "b"] and tables.read(own, "quarantine.events").count() == 1
    assert totals(own) == {"received": 4, "kept": 2, "quarantined": 1, "duplicate": 1}


def test_a_topic_that_is_not_there_is_one_line(own: Lake) -> None:
    nowhere = changed(own, kafka={"topic": "nowhere"})
    with pytest.raises(OperatorError, match=r"no topic nowhere at .*create it with `lakehouse up`"):
        bronze_events.require(nowhere.settings)
    with pytest.raises(OperatorError, match="no topic nowhere"):
        topic.identity(nowhere.settings)
    assert services.ensure_topic(own.settings) is False
