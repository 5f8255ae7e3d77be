"""No message stops the streams, and each is accounted for: through a real broker into the tables."""

from dataclasses import asdict

import pytest
from confluent_kafka import KafkaError, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from hypothesis import given
from hypothesis import settings as how_often
from hypothesis import strategies as st

from jobs import job
from jobs.bronze import events as bronze_events
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.ledger.reconcile import reconcile
from jobs.privacy.keys import Secrets
from jobs.privacy.message import Protection, safe
from jobs.settings.loading import Settings
from jobs.silver import events as silver_events
from tests.other_lake import changed
from tests.poison import MIB, POISON

OPTIONS = job.Options(job.moment("2018-01-01"))


@pytest.fixture
def own(local_services: Settings, lake: Lake) -> Lake:
    """The empty lake, with a topic whose limit is raised."""
    name = "poison"
    admin = AdminClient({"bootstrap.servers": local_services.kafka.bootstrap})
    limit = {"max.message.bytes": str(10 * MIB)}
    admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1, config=limit)])[name].result(30)
    return changed(lake, kafka={"topic": name, "partitions": 1})


def test_no_poison_stops_the_streams_and_all_is_accounted_for(own: Lake) -> None:
    kafka = own.settings.kafka
    producer = Producer(
        {
            "bootstrap.servers": kafka.bootstrap,
            "message.max.bytes": 100 * MIB,
            "compression.type": "zstd",
            "linger.ms": 0,
        }
    )
    refused = []

    def on_delivery(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            refused.append(error.str())

    for poison in POISON:
        producer.produce(kafka.topic, poison.value, poison.key, on_delivery=on_delivery)
        assert producer.flush(60) == 0
    assert refused == []

    bronze_events.main(own, OPTIONS)
    silver_events.main(own, OPTIONS)

    kept = {row["offset"] for row in tables.read(own, "silver.events").select("offset").collect()}
    quarantined = tables.read(own, "quarantine.events").select("offset", "reasons").collect()
    why = {row["offset"]: "; ".join(row["reasons"]) for row in quarantined}
    for offset, poison in enumerate(POISON):
        if poison.reason:
            assert poison.reason in why.get(offset, "in no quarantine"), poison.name
        else:
            assert offset in kept, f"{poison.name}: {why.get(offset)}"
    assert kept.isdisjoint(why) and len(kept) + len(why) == len(POISON)
    balance = reconcile(own)
    assert balance.differences == []
    account = asdict(balance.accounts[0])
    assert (account["received"], account["unread"], account["unlanded"]) == (len(POISON), 0, 0)


@how_often(max_examples=2_000)
@given(st.binary(max_size=64) | st.text(st.characters()).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_nothing_makes_the_way_in_raise(message: bytes) -> None:
    protected = safe(message, Protection(Secrets((b"1" * 32,), (b"k" * 32,)), "US"))
    assert protected is None or protected.startswith(b"{")
