"""A process that dies over a checkpoint, whenever that is, leaves none that a later run would go on from wrongly."""

import shutil
from pathlib import Path

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.streaming import DataStreamWriter

from expectations.schemas import TABLES
from jobs.errors import OperatorError
from jobs.lake import checkpoints, derived, places, tables
from jobs.lake.lake import Lake

TABLE, SOURCE = "silver.interactions", "silver.events"


def arrive(lake: Lake, *ids: str) -> None:
    rows = lake.spark.createDataFrame([(one,) for one in ids], "event_id string")
    rest = {name: F.lit(None).cast(type_) for name, type_ in TABLES[SOURCE].types.items() if name != "event_id"}
    tables.append(lake, SOURCE, rows.withColumns(rest))


def as_rows(events: DataFrame) -> DataFrame:
    rest = {name: F.lit(None).cast(type_) for name, type_ in TABLES[TABLE].types.items() if name not in events.columns}
    return events.withColumns(rest).select(*TABLES[TABLE].names)


def run(lake: Lake) -> None:
    def writer(events: DataFrame) -> DataStreamWriter:
        return tables.append_stream(lake, TABLE, as_rows(events))

    derived.run(lake, TABLE, SOURCE, None, writer)


def ids(lake: Lake) -> list[str]:
    return sorted(row["event_id"] for row in tables.read(lake, TABLE).select("event_id").collect())


@pytest.mark.parametrize("step", ["remake", "begin"])
def test_a_rebuild_that_is_killed_must_be_done_again(lake: Lake, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    arrive(lake, "a", "b")
    run(lake)
    arrive(lake, "c")  # the stream is behind: gone on from, its checkpoint would read this once more

    def die(*_: object, **__: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as broken, pytest.raises(RuntimeError, match="killed"):
        broken.setattr(*((tables, "remake", die) if step == "remake" else (checkpoints, "begin", die)))
        derived.rebuild(lake, TABLE, SOURCE, as_rows)
    with pytest.raises(OperatorError, match=f"lakehouse streams rebuild {TABLE}"):
        run(lake)
    derived.rebuild(lake, TABLE, SOURCE, as_rows)
    arrive(lake, "d")
    for _ in range(2):
        run(lake)
        assert ids(lake) == ["a", "b", "c", "d"]


def test_a_checkpoint_that_was_not_begun_to_its_end_is_none(lake: Lake) -> None:
    first = checkpoints.begin(lake, TABLE, reason="first")
    half = Path(places.checkpoint(lake.root, TABLE, 1))
    half.mkdir(parents=True)
    (half / f"{checkpoints.START}.part").write_text("{")
    assert checkpoints.all_of(lake, TABLE) == [first]
    assert checkpoints.begin(lake, TABLE, reason="again").number == 1
    assert [one.number for one in checkpoints.all_of(lake, TABLE)] == [0, 1]


def test_a_checkpoint_of_which_only_its_start_is_left_is_lost(lake: Lake) -> None:
    arrive(lake, "a")
    run(lake)
    [checkpoint] = checkpoints.all_of(lake, TABLE)
    for path in Path(checkpoint.path).iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif checkpoints.START not in path.name:
            path.unlink()
    with pytest.raises(OperatorError, match="its checkpoint is lost"):
        run(lake)
    assert ids(lake) == ["a"]
