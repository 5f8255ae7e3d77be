"""A lake of another release gets what its tables lack when it is opened, at every depth, and whoever else opens it."""

import pytest
from pyspark.sql import functions as F
from pyspark.sql import types as T

from expectations.schemas import TABLES
from jobs.errors import OperatorError
from jobs.lake import places, tables
from jobs.lake.lake import Lake
from jobs.lake.schema_evolution import conformed, difference, missing, widened_field

pytestmark = pytest.mark.usefixtures("lake_in_session")

OLD_PAYLOAD = "struct<item_id: string, quantity: int, lines: array<struct<item_id: string, quantity: int>>>"


def make(lake: Lake, name: str, **columns: str | None) -> None:
    """The table with other columns; None: without that one."""
    types = {column: type_ for column, type_ in {**TABLES[name].columns, **columns}.items() if type_ is not None}
    ddl = ", ".join(f"{column} {type_}" for column, type_ in types.items())
    lake.spark.sql(f"CREATE TABLE delta.`{places.table(lake.root, name)}` ({ddl}) USING delta")


def test_new_fields_of_the_payload_are_there_once_the_lake_is_opened(lake: Lake) -> None:
    make(lake, "silver.events", payload=OLD_PAYLOAD)
    assert {"payload.stars", "payload.lines.element.discount"} <= {*missing(schema(lake), "silver.events")}
    tables.register(lake)
    assert missing(schema(lake), "silver.events") == {}
    names = ["payload.item_id", "payload.stars", "payload.lines.discount"]
    assert tables.read(lake, "silver.events").select(*names).collect() == []


def test_numbers_that_a_release_has_wider_are_written_again_also_in_lists(lake: Lake) -> None:
    make(lake, "silver.events", payload=OLD_PAYLOAD)
    old = "named_struct('item_id', 'i', 'quantity', 2, 'lines', array(named_struct('item_id', 'i', 'quantity', 3)))"
    lake.spark.sql(
        f"INSERT INTO delta.`{places.table(lake.root, 'silver.events')}` (event_id, payload) SELECT 'old', {old}"
    )
    tables.register(lake)
    new = lake.spark.createDataFrame([("new",)], "event_id string")
    for column, type_ in TABLES["silver.events"].types.items():
        if column != "event_id":
            new = new.withColumn(column, F.lit(None).cast(type_))
    assert widened_field(schema(lake), new.schema) == "payload.quantity"
    tables.append(lake, "silver.events", new)
    assert widened_field(schema(lake), new.schema) is None
    (row,) = tables.read(lake, "silver.events").where("event_id = 'old'").selectExpr("payload.*").collect()
    assert (row["item_id"], row["quantity"], row["lines"][0]["quantity"]) == ("i", 2.0, 3.0)
    assert type(row["quantity"]) is type(row["lines"][0]["quantity"]) is float


def test_a_column_is_added_once_by_two_that_open_the_lake_at_once(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    make(lake, "gold.fallbacks", score=None)

    def another_is_first(own: T.StructType, name: str) -> dict[str, str]:
        monkeypatch.setattr(tables, "missing", missing)
        tables.register(lake)
        return missing(own, name)

    monkeypatch.setattr(tables, "missing", another_is_first)
    tables.register(lake)
    assert tables.read(lake, "gold.fallbacks").columns == [*TABLES["gold.fallbacks"].names]


def test_what_is_no_addition_is_refused_before_anything_is_written(lake: Lake) -> None:
    make(lake, "gold.fallbacks", rank="string", model="string")
    tables.register(lake)
    before = schema(lake, "gold.fallbacks")
    with pytest.raises(
        OperatorError, match=r"has rank as string, this release as int; make it anew with: lakehouse run"
    ):
        tables.read(lake, "gold.fallbacks")
    with pytest.raises(OperatorError, match="make it anew with"):
        tables.append(lake, "gold.fallbacks", lake.spark.createDataFrame([], TABLES["gold.fallbacks"].ddl))
    assert schema(lake, "gold.fallbacks") == before
    assert difference(before, "gold.fallbacks") is not None


def test_columns_take_the_tables_types_and_order(lake: Lake) -> None:
    frame = lake.spark.range(1).select(F.lit("1").alias("score"), F.lit("x").alias("item_id"), "id")
    frame = frame.select("*", F.col("id").alias("rank"), F.lit("s").alias("segment_id"))
    assert conformed(frame, "gold.fallbacks").dtypes == [
        ("segment_id", "string"),
        ("rank", "int"),
        ("item_id", "string"),
        ("score", "double"),
    ]


def schema(lake: Lake, name: str = "silver.events") -> T.StructType:
    return tables.delta(lake, name).toDF().schema
