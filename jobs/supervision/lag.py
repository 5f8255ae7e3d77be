"""How far each stream is behind what it reads: from its checkpoint, the log of the table it reads, and Kafka.

Read without Spark, so that a status is there in a moment; of a lake that is no folder of this machine nothing is known.
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jobs.errors import OperatorError
from jobs.job import Job
from jobs.lake import commits, places, writer_lock
from jobs.landing import topic
from jobs.settings.loading import Settings

KAFKA = "kafka"


@dataclass(frozen=True)
class StreamStatus:
    """`runs`: a process has it. `batch`, `batch_at`: the last micro-batch that was done, by its number and time.
    `messages`: rows, or offsets of Kafka, that are there and not read yet, `seconds`: how long the first of them has
    been there; None where it cannot be known, such as while a table that was there before is read for the first time.
    """

    stream: str
    runs: bool
    batch: int | None
    batch_at: datetime | None
    messages: int | None
    seconds: float | None


@dataclass(frozen=True)
class _Position:
    """`batch`: the last that was done. `source`: where it ended, as the stream's only source says."""

    batch: int
    at: datetime
    source: dict[str, Any]


Extents = list[tuple[int, int]]
"""Of each partition the first offset that is kept and the one that the next message will get."""


def statuses(settings: Settings, jobs: Sequence[Job], asks_kafka: bool = True) -> list[StreamStatus]:
    """Of each job that stays, in the order given. Empty where the lake is no folder of this machine.

    Without `asks_kafka`, as where no broker answers, what is behind Kafka is not known.
    """
    root, streams = places.folder(settings.lake.root), [job for job in jobs if job.stays]
    if root is None:
        return []
    reads_kafka = asks_kafka and any(job.reads[0] == KAFKA for job in streams)
    extents = _extents(settings) if reads_kafka else None
    return [_status(settings, root, job, extents) for job in streams]


def _extents(settings: Settings) -> Extents | None:
    """Of the topic; None where no broker answers, or there is no topic."""
    try:
        return topic.extents(settings, topic.partitions(settings))
    except OperatorError:
        return None


def _status(settings: Settings, root: str, job: Job, extents: Extents | None) -> StreamStatus:
    source, position = job.reads[0], _position(root, job.name)
    if source == KAFKA:
        lag = (None, None) if extents is None else _behind_kafka(settings, position, extents)
    else:
        lag = _behind_table(Path(places.table(root, source)) / "_delta_log", position)
    runs = writer_lock.is_held(root, job.name)
    if position is None:
        return StreamStatus(job.name, runs, None, None, *lag)
    return StreamStatus(job.name, runs, position.batch, position.at, *lag)


def _position(root: str, stream: str) -> _Position | None:
    """Where the newest checkpoint's last batch ended; None where none was done."""
    checkpoints = [path for path in Path(places.checkpoints(root)).glob(f"{stream}*") if _number(path, stream) >= 0]
    for checkpoint in sorted(checkpoints, key=lambda path: _number(path, stream), reverse=True):
        done = [int(file.name) for file in (checkpoint / "commits").glob("*") if file.name.isdecimal()]
        if done:
            commit = checkpoint / "commits" / str(max(done))
            lines = (checkpoint / "offsets" / commit.name).read_text(encoding="utf-8").splitlines()
            # Spark's log of offsets: a version, its own metadata, then a line for each source.
            return _Position(max(done), datetime.fromtimestamp(commit.stat().st_mtime, UTC), json.loads(lines[2]))
    return None


def _number(checkpoint: Path, stream: str) -> int:
    """0 for a stream's first checkpoint, and so on; -1 for what is none of its."""
    rest = checkpoint.name.removeprefix(stream)
    return 0 if not rest else int(rest[1:]) if rest[1:].isdecimal() and rest[0] == "." else -1


def _behind_kafka(settings: Settings, position: _Position | None, extents: Extents) -> tuple[int | None, float | None]:
    """Offsets behind the topic's end, and how long the first of them has waited; unknown where the broker went away."""
    read = (position.source if position else {}).get(settings.kafka.topic, {})
    # An offset past the end is of a topic that was there before this one.
    ahead = {
        partition: (begin, end)
        for partition, (first, end) in enumerate(extents)
        if (begin := max(first, int(read.get(str(partition), first)))) < end
    }
    try:
        asked = [topic.sent_at(settings, partition, begin) for partition, (begin, _) in ahead.items()]
    except OperatorError:
        return None, None
    sent = [at for at in asked if at is not None]
    seconds = max(0.0, time.time() - min(sent)) if sent else 0.0
    return sum(end - begin for begin, end in ahead.values()), seconds


def _behind_table(log: Path, position: _Position | None) -> tuple[int | None, float | None]:
    """Rows that were appended behind where the stream is, and how long ago the first of them were."""
    if not log.is_dir():
        return None, None
    source = position.source if position else {"reservoirVersion": 0, "index": -1}
    if source.get("isStartingVersion") and source["index"] >= 0:
        return None, None
    appended = [(rows, at) for rows, at in _appended(log, commits.first_unread(source)) if rows]
    seconds = max(0.0, time.time() - min(at for _, at in appended)) if appended else 0.0
    return sum(rows for rows, _ in appended), seconds


def _appended(log: Path, first: int) -> Iterator[tuple[int, float]]:
    """Of each commit from version `first` on, how many rows it appended, and when, in seconds since 1970."""
    for file in sorted(log.glob("*.json")):
        if file.stem.isdecimal() and int(file.stem) >= first:
            with file.open(encoding="utf-8") as lines:
                info = commits.commit_info(lines)
            yield commits.rows_appended(info), info.get("timestamp", 0) / 1000
