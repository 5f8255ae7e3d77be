"""How far a stream has read its topic, by its checkpoint and by the table that it fills, and what the topic lost.

A batch may have been landed and not noted in the checkpoint; so where it matters the table has the last word.
"""

from collections.abc import Sequence
from typing import NamedTuple

from pyspark.sql import functions as F

from jobs.errors import OperatorError
from jobs.lake import checkpoints, tables
from jobs.lake.checkpoints import Checkpoint
from jobs.lake.lake import Lake
from jobs.landing import topic

ADOPTED = "adopted"


class Gone(NamedTuple):
    """Messages that the topic holds no more and no table has. Not every offset is a message: transactions' marks and
    what compaction removed have one too."""

    partition: int
    first_offset: int
    last_offset: int

    @property
    def offsets(self) -> int:
        return self.last_offset - self.first_offset + 1


def given_up(checkpoint: Checkpoint) -> list[Gone]:
    """The messages that the checkpoint began behind, gone for good."""
    return [Gone(**one) for one in (checkpoint.start or {}).get("gone", [])]


def adopted(lake: Lake, checkpoint: Checkpoint, identity: str) -> Checkpoint:
    """A checkpoint of a release that did not note the topic's id is of the topic that is there, if that can be."""
    if checkpoint.start is not None:
        return checkpoint
    name, position = lake.settings.kafka.topic, _committed(lake, checkpoint)
    extents = topic.extents(lake.settings, topic.partitions(lake.settings))
    fits = all(partition < len(extents) and offset <= extents[partition][1] for partition, offset in position.items())
    is_its = bool(position) or checkpoints.committed(lake, checkpoint) is None
    start = {"topic": name, "topic_id": identity if fits and is_its else "", "reason": ADOPTED}
    return checkpoints.note(lake, checkpoint, **start, offsets={}, gone=[])


def gone(lake: Lake, checkpoint: Checkpoint, table: str | None) -> list[Gone] | None:
    """What the topic lost before it was landed; None where the checkpoint can be gone on with."""
    first = [start for start, _ in topic.extents(lake.settings, topic.partitions(lake.settings))]
    if not any(offset < first[partition] for partition, offset in _committed(lake, checkpoint).items()):
        return None
    return [
        Gone(partition, offset, first[partition] - 1)
        for partition, offset in sorted(next_offsets(lake, checkpoint, table).items())
        if offset < first[partition]
    ]


def require_reachable(lake: Lake, checkpoint: Checkpoint) -> None:
    """Raises OperatorError where the topic ends before what was read of it."""
    extents = topic.extents(lake.settings, topic.partitions(lake.settings))
    for partition, offset in _committed(lake, checkpoint).items():
        if offset > extents[partition][1]:
            raise OperatorError(
                f"{checkpoint.stream}: {lake.settings.kafka.topic}-{partition} ends at offset {extents[partition][1]},"
                f" and was read to {offset}: the brokers lost messages that are landed here, and give their offsets to"
                " others. Mend Kafka from a replica, or make the topic anew, which is then read from its start"
            )


def next_offsets(lake: Lake, checkpoint: Checkpoint, table: str | None) -> dict[int, int]:
    """The offset that comes next, by partition, as the checkpoint or the table has it, whichever is further."""
    position, identity = _committed(lake, checkpoint), str((checkpoint.start or {})["topic_id"])
    ends = landed(lake, checkpoint.stream, table, identity) if table else {}
    return {key: max(position.get(key, 0), ends.get(key, 0)) for key in {*position, *ends}}


def landed(lake: Lake, stream: str, table: str, identity: str) -> dict[int, int]:
    """One past the last offset that the table has of the topic, by partition."""
    if not tables.exists(lake, table):
        return {}
    of_id = F.col("topic_id") == identity
    if unnamed_are_of(lake, stream, table, identity):
        of_id |= F.col("topic_id").isNull()
    rows = tables.read(lake, table).where((F.col("topic") == lake.settings.kafka.topic) & of_id)
    ends = rows.groupBy("partition").agg(F.max("offset").alias("last")).collect()
    return {row["partition"]: row["last"] + 1 for row in ends}


def unnamed_are_of(lake: Lake, stream: str, table: str, identity: str) -> bool:
    """Whether rows without a topic's id, which a release before landed, are of the topic with this id."""
    starts = [one.start or {} for one in checkpoints.all_of(lake, stream)]
    ids = [start["topic_id"] for start in starts if start.get("reason") == ADOPTED]
    if ids:
        return bool(ids[0] == identity)
    of_others = (F.col("topic") == lake.settings.kafka.topic) & (F.col("topic_id") != identity)
    return tables.read(lake, table).where(of_others).isEmpty()


def described(name: str, gone: Sequence[Gone]) -> str:
    each = [
        f"{one.offsets:,} messages of {name}-{one.partition} (offsets {one.first_offset} to {one.last_offset})"
        for one in gone
    ]
    return f"{', '.join(each)} are gone for good: Kafka removed them before they were landed"


def _committed(lake: Lake, checkpoint: Checkpoint) -> dict[int, int]:
    """The offset that comes next, by partition, as far as the checkpoint knows any."""
    start = {int(key): value for key, value in (checkpoint.start or {}).get("offsets", {}).items()}
    committed = (checkpoints.committed(lake, checkpoint) or {}).get(lake.settings.kafka.topic, {})
    return {**start, **{int(partition): offset for partition, offset in committed.items()}}
