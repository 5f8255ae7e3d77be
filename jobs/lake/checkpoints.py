"""The checkpoints of a stream, one after another: what each began from, and how far it came.

The first lies at _checkpoints/<stream>, later ones at _checkpoints/<stream>.<n>. A stream begins a new one where it
cannot go on with the one before: its topic was made anew, messages are gone, or the checkpoint itself was lost. What
it began from stands in start.json beside Spark's own files; a later one without it was begun by a process that died
over it, and is none. A new checkpoint is a new streaming query: its batches count from 0, under transaction ids of
their own.
"""

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jobs.errors import OperatorError
from jobs.lake import files, places, tables
from jobs.lake.lake import Lake

START = "start.json"


@dataclass(frozen=True)
class Checkpoint:
    """`number`: 0 for a stream's first. `start`: what it began from; None where a release wrote none yet."""

    stream: str
    number: int
    path: str
    start: dict[str, Any] | None = field(default=None)


def all_of(lake: Lake, stream: str) -> list[Checkpoint]:
    """The checkpoints that are there, the oldest first."""
    checkpoints = []
    for name in files.names(lake, places.checkpoints(lake.root)):
        base, _, number = name.rpartition(".")
        if name == stream or (base == stream and number.isdecimal()):
            checkpoints.append(_read(lake, stream, 0 if name == stream else int(number)))
    began = [one for one in checkpoints if one.number == 0 or one.start is not None]
    return sorted(began, key=lambda one: one.number)


def current(lake: Lake, stream: str, table: str, also: Mapping[str, str] | None = None) -> Checkpoint:
    """The newest checkpoint of a stream that fills `table`; begun where it never ran.

    `also`: other tables that it fills, with the condition that holds for its rows.
    Raises OperatorError when the tables say that it did, and the checkpoint is gone or broken.
    """
    checkpoints = all_of(lake, stream)
    if checkpoints:
        require_whole(lake, checkpoints[-1], table)
        return checkpoints[-1]
    require_empty(lake, stream, table, also)
    return begin(lake, stream, reason="first")


def options(checkpoint: Checkpoint) -> dict[str, str]:
    """What a stream that reads a table is to be told of where it begins."""
    version = (checkpoint.start or {}).get("starting_version")
    return {} if version is None else {"startingVersion": str(version)}


def has_source(lake: Lake, checkpoint: Checkpoint, source: str, every_seconds: float | None) -> bool:
    """Whether the table that a stream reads has the version that its checkpoint begins with, which Delta asks for.

    A stream that stays waits for it, looking every so many seconds; for one that ends there is nothing to read.
    """
    first = (checkpoint.start or {}).get("starting_version", 0)
    while tables.version(lake, source) < first:
        if every_seconds is None:
            return False
        time.sleep(every_seconds)
    return True


def require_empty(lake: Lake, stream: str, table: str, also: Mapping[str, str] | None = None) -> None:
    """Raises OperatorError where a stream without a checkpoint has filled its tables: read anew, they would double."""
    if any(tables.has_rows(lake, name, where) for name, where in {table: "true", **(also or {})}.items()):
        raise _lost(stream)


def require_whole(lake: Lake, checkpoint: Checkpoint, table: str) -> None:
    """Raises OperatorError where the table has batches of a checkpoint that knows of none: taken for done, the next
    ones would be passed over, and without the query's id all would be read again."""
    if has_begun(lake, checkpoint):
        return
    if files.exists(lake, f"{checkpoint.path}/metadata"):
        query = json.loads(files.read_text(lake, f"{checkpoint.path}/metadata"))["id"]
        if tables.exists(lake, table) and tables.knows_query(lake, table, query):
            raise _lost(checkpoint.stream)
    elif checkpoint.start is None or checkpoint.start.get("reason") == "first":
        require_empty(lake, checkpoint.stream, table)


def _lost(stream: str) -> OperatorError:
    return OperatorError(
        f"{stream}: its checkpoint is lost, and what it filled has rows, which would be doubled if all was read anew;"
        f" rebuild it from what the tables hold with: lakehouse streams rebuild {stream}"
    )


def begin(lake: Lake, stream: str, **start: Any) -> Checkpoint:
    """One more checkpoint, which is the stream's from now on."""
    checkpoints = all_of(lake, stream)
    number = checkpoints[-1].number + 1 if checkpoints else 0
    return note(lake, Checkpoint(stream, number, places.checkpoint(lake.root, stream, number)), **start)


def retire(lake: Lake, stream: str) -> None:
    """Takes the stream's checkpoints out of use: until one is begun, none of its runs goes on."""
    for one in all_of(lake, stream):
        files.rename(lake, one.path, f"{one.path}.retired-{uuid.uuid4().hex}")


def note(lake: Lake, checkpoint: Checkpoint, **start: Any) -> Checkpoint:
    """Writes down what a checkpoint began from."""
    files.write_text(lake, f"{checkpoint.path}/{START}", json.dumps(start))
    return Checkpoint(checkpoint.stream, checkpoint.number, checkpoint.path, start)


def committed(lake: Lake, checkpoint: Checkpoint) -> dict[str, Any] | None:
    """Where its last batch that was done ended, as its only source says; None where none was done yet."""
    batches = [int(name) for name in files.names(lake, f"{checkpoint.path}/commits") if name.isdecimal()]
    return _planned(lake, checkpoint, max(batches)) if batches else None


def under_way(lake: Lake, checkpoint: Checkpoint) -> int | None:
    """The batch that was planned and is not done, which a stream runs first, and may have run before; None: none."""
    batches = {
        of: max((int(name) for name in files.names(lake, f"{checkpoint.path}/{of}") if name.isdecimal()), default=-1)
        for of in ("offsets", "commits")
    }
    return batches["offsets"] if batches["offsets"] > batches["commits"] else None


def has_begun(lake: Lake, checkpoint: Checkpoint) -> bool:
    """Whether a batch of it was planned."""
    return any(name.isdecimal() for name in files.names(lake, f"{checkpoint.path}/offsets"))


def _planned(lake: Lake, checkpoint: Checkpoint, batch: int) -> dict[str, Any]:
    # Spark's log of offsets: a version, its own metadata, then a line for each source.
    lines = files.read_text(lake, f"{checkpoint.path}/offsets/{batch}").splitlines()
    position: dict[str, Any] = json.loads(lines[2])
    return position


def _read(lake: Lake, stream: str, number: int) -> Checkpoint:
    path = places.checkpoint(lake.root, stream, number)
    text = files.read_text(lake, f"{path}/{START}") if files.exists(lake, f"{path}/{START}") else None
    return Checkpoint(stream, number, path, None if text is None else json.loads(text))
