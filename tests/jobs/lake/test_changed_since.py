"""What became of a table since one of its versions."""

from pathlib import Path

from pyspark.sql import functions as F

from jobs.lake import notes, tables
from jobs.lake.appended import changed_since, has_changed_since
from jobs.lake.lake import Lake
from tests.other_lake import fill


def changed(lake: Lake, version: int) -> set[tuple[str, str]] | None:
    columns = {"item_id": F.col("item_id"), "category": F.get("categories", F.lit(0))}
    rows = changed_since(lake, "silver.items", version, columns, "brand IS NULL")
    return None if rows is None else {tuple(row) for row in rows.collect()}


def test_rows_that_are_others_are_told_and_no_property(lake: Lake) -> None:
    items = [{"item_id": name, "categories": [name.upper()], "title": "t"} for name in "abc"]
    fill(lake, "silver.items", items)
    first = tables.version(lake, "silver.items")
    notes.note(lake, "silver.items", "some.note", "1")
    assert not has_changed_since(lake, "silver.items", first) and changed(lake, first) == set()
    fill(lake, "silver.items", items)
    assert has_changed_since(lake, "silver.items", first), "written anew, the same or not"
    assert changed(lake, first) == set()
    fill(lake, "silver.items", [{**items[0], "title": "other"}, {**items[1], "categories": ["X"]}])
    assert changed(lake, first) == {("b", "B"), ("b", "X"), ("c", "C")}, "a title is none of the columns"


def test_what_is_gone_cannot_be_told(lake: Lake) -> None:
    fill(lake, "silver.items", [{"item_id": "a"}])
    first = tables.version(lake, "silver.items")
    fill(lake, "silver.items", [{"item_id": "b"}])
    for name in tables.read(lake, "silver.items", first).inputFiles():
        Path(name.removeprefix("file:").replace("//", "")).unlink()
    assert changed(lake, first) is None, "maintenance took the file"
