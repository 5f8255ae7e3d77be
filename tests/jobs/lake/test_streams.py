import gc
import time
import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pyspark.sql import DataFrame

from jobs.lake import checkpoints, streams
from jobs.lake.lake import Lake

BATCHES = 3


def test_what_a_micro_batch_made_is_let_go_while_the_stream_goes_on(lake: Lake, tmp_path: Path) -> None:
    for n in range(BATCHES):
        lake.spark.range(n, n + 1, numPartitions=1).write.mode("append").parquet(str(tmp_path / "source"))
    references: list[weakref.ref[object]] = []
    let_go = []

    def keep_an_eye_on(rows: DataFrame, batch: int) -> None:
        if references:
            let_go.append(_gone(references[-1]))
        frame = rows.distinct()
        assert frame.count() == 1
        references.append(weakref.ref(frame._jdf))

    source = lake.spark.readStream.schema("id long").option("maxFilesPerTrigger", 1).parquet(str(tmp_path / "source"))
    gc.disable()  # or chance may let it go
    try:
        checkpoint = checkpoints.begin(lake, "silver.events", reason="first")
        streams.run("silver.events", source.writeStream.foreachBatch(keep_an_eye_on), None, checkpoint)
    finally:
        gc.enable()
    assert let_go == [True] * (BATCHES - 1)


def test_each_micro_batch_with_rows_is_told_of_once() -> None:
    """One without rows may be done, or be the next one, of which a stream that waits speaks again and again."""
    batches = [SimpleNamespace(batchId=number, numInputRows=rows) for number, rows in enumerate((5, 0, 7, 0, 4))]
    waiting: Any = SimpleNamespace(lastProgress=batches[3], recentProgress=batches[:4])
    new, said = streams._since(waiting, -1)
    assert ([one.batchId for one in new], said) == ([0, 2], 2)
    assert streams._since(waiting, said) == ([], 2)
    busy: Any = SimpleNamespace(lastProgress=batches[4], recentProgress=batches)
    new, said = streams._since(busy, said)
    assert ([one.batchId for one in new], said) == ([4], 4)
    assert streams._since(busy, said) == ([], 4)


def _gone(reference: "weakref.ref[object]", patience: float = 10) -> bool:
    until = time.monotonic() + patience
    while reference() is not None and time.monotonic() < until:
        time.sleep(0.05)
    return reference() is None
