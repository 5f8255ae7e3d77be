"""Messages framed with the id of a schema in a registry, made plain JSON: a zero byte, the id in four, then the body.

A message in plain JSON never begins with a zero byte, so it costs a look at its first byte and no more. The ids of a
batch are looked up once, on the driver. Bodies in Avro, and only these, go through Python: Spark's own reader of Avro
is a JAR that cannot be fetched everywhere. What is not handled: Avro schemas that refer to others in the registry, and
Protobuf.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from jobs.schema_registry import avro_body

FRAME = 5
# A shop has some dozens. More in one batch are somebody's random bytes, and are not asked for one by one.
MOST_IDS = 1_000


class Registered(NamedTuple):
    """A schema of the registry: what it is written in (AVRO, JSON, or what is not handled), and its text."""

    form: str
    text: str


Lookup = Callable[[int], Registered | None]


def with_decoded_value(messages: DataFrame, lookup: Lookup) -> DataFrame:
    """`value` (binary) as plain JSON where it was framed, and `decode_error`: why it could not be, or null.

    A message that does not decode keeps the value it came with. The messages are read once more for the ids in them,
    and again where a body is in Avro: what is expensive to read, such as a batch from Kafka, is better persisted
    first. Raises whatever `lookup` raises.
    """
    value = F.col("value")
    is_framed = (F.substring(value, 1, 1) == F.lit(b"\x00")) & (F.octet_length(value) >= FRAME)
    schema_id = F.when(is_framed, F.conv(F.hex(F.substring(value, 2, 4)), 16, 10).cast("bigint"))
    met = messages.where(is_framed).groupBy(schema_id.alias("id")).count().orderBy(F.desc("count")).limit(MOST_IDS)
    registered = {row["id"]: lookup(row["id"]) for row in met.collect()}
    if not registered:
        return messages.withColumn("decode_error", F.lit(None).cast("string"))
    in_avro = {
        id_: one.text for id_, one in registered.items() if one and one.form == "AVRO" and avro_body.is_record(one.text)
    }
    in_json = [id_ for id_, one in registered.items() if one and one.form == "JSON"]
    number, body = F.col("_schema_id"), F.expr(f"substring(value, {FRAME + 1})")
    marked = messages.withColumn("_schema_id", schema_id)
    decoded = marked.withColumn("_plain", F.when(number.isin(in_json), body))
    if in_avro:
        is_avro = F.coalesce(number.isin(list(in_avro)), F.lit(False))
        schema = T.StructType([*marked.schema, T.StructField("_plain", T.BinaryType())])
        through = marked.where(is_avro).mapInArrow(_decoder(in_avro), schema)
        decoded = decoded.where(~is_avro).unionByName(through)
    unreadable = [id_ for id_, one in registered.items() if one and id_ not in in_avro and id_ not in in_json]
    what = (
        F.when(number.isin(list(in_avro)), "the body does not decode")
        .when(number.isin(unreadable), "neither JSON nor a record in Avro that can be read")
        .when(number.isin(list(registered)), "not known to the registry")
        .otherwise(f"among more than {MOST_IDS:,} ids in one batch")
    )
    why = F.concat(F.lit("schema id "), number.cast("string"), F.lit(": "), what)
    return (
        decoded.withColumn("decode_error", F.when(number.isNotNull() & F.col("_plain").isNull(), why))
        .withColumn("value", F.coalesce("_plain", "value"))
        .drop("_schema_id", "_plain")
    )


def _decoder(schemas: dict[int, str]) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Adds `_plain`, a body in Avro as JSON, to framed messages; null where a body is not what it must be."""

    def decode(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        readers = {id_: avro_body.reader(text) for id_, text in schemas.items()}
        for batch in batches:
            pairs = zip(batch.column("_schema_id").to_pylist(), batch.column("value").to_pylist(), strict=True)
            plain = [readers[id_](value[FRAME:]) for id_, value in pairs]
            yield batch.append_column("_plain", pa.array(plain, pa.binary()))

    return decode
