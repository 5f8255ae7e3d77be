"""Sources in files: CSV with a header, JSON lines or Parquet, told by their ending; a file, or a folder of one kind."""

import re
from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from expectations.source_contract import SourceContract
from expectations.source_rules import UNREADABLE
from jobs.errors import OperatorError
from jobs.sources.received import as_received, read_faults
from jobs.sources.source import Source

KINDS = {"csv": "csv", "json": "json", "jsonl": "json", "ndjson": "json", "parquet": "parquet"}
PACKED = (".gz", ".bz2", ".zst")


def listed(spark: SparkSession, source: Source) -> dict[str, str]:
    """Every file at or below the source's place, and its size and time of change.

    Hidden ones (`_` or `.` first) are left out. Raises OperatorError when there is none.
    """
    states: dict[str, str] = {}
    with read_faults(source):
        path = spark._jvm.org.apache.hadoop.fs.Path(source.where)  # type: ignore[union-attr]
        system = path.getFileSystem(spark._jsc.hadoopConfiguration())
        if system.exists(path):
            top = system.getFileStatus(path).getPath().toString()
            statuses = system.listFiles(path, True)
            while statuses.hasNext():
                status = statuses.next()
                name = status.getPath().toString()
                if is_shown(name.removeprefix(top)):
                    states[name] = f"{status.getLen()} {status.getModificationTime()}"
    if not states:
        raise OperatorError(f"cannot read {source.where} (setting {source.setting}): no file is there")
    return states


def is_shown(below: str) -> bool:
    """Whether no part of a path is hidden, as Spark's own `_SUCCESS` is."""
    return not any(part.startswith(("_", ".")) for part in below.split("/"))


def kind_of(names: Sequence[str], source: Source) -> str:
    """csv, json or parquet. Raises OperatorError for another ending, or for two kinds."""
    kinds: dict[str, str] = {}
    for name in names:
        plain = next((name.removesuffix(ending) for ending in PACKED if name.endswith(ending)), name)
        kind = KINDS.get(plain.rsplit(".", 1)[-1].lower())
        if kind is None:
            raise OperatorError(
                f"{source.setting}: {name.rsplit('/', 1)[-1]} is of no known kind; the endings are:"
                f" {', '.join(KINDS)}, each also packed ({', '.join(PACKED)})"
            )
        kinds.setdefault(kind, name)
    if len(kinds) > 1:
        raise OperatorError(f"{source.setting}: {source.where} holds files of two kinds ({', '.join(sorted(kinds))})")
    return next(iter(kinds))


def read(spark: SparkSession, paths: Sequence[str], kind: str, source: Source, contract: SourceContract) -> DataFrame:
    """The rows of the files, as received. Raises OperatorError when a file lacks a column or cannot be opened."""
    exact = [re.sub(r"([\[\]{}*?\\])", r"\\\1", path) for path in paths]
    with read_faults(source):
        frame = {"csv": _csv, "json": _json, "parquet": _parquet}[kind](spark, exact, source, contract)
        return as_received(frame, source, contract, F.col("_metadata.file_name"))


def _csv(spark: SparkSession, paths: list[str], source: Source, contract: SourceContract) -> DataFrame:
    header = spark.read.csv(paths[0], header=True, escape='"').columns
    return spark.read.csv(
        paths,
        schema=", ".join(f"`{name.replace('`', '``')}` string" for name in [*header, UNREADABLE]),
        header=True,
        escape='"',
        multiLine=True,  # a quoted value may hold a line break
        enforceSchema=False,  # else a file whose columns stand in another order is read crosswise
        columnNameOfCorruptRecord=UNREADABLE,
    )


def _json(spark: SparkSession, paths: list[str], source: Source, contract: SourceContract) -> DataFrame:
    keys = F.json_object_keys("value")
    present = [F.coalesce(F.max(F.array_contains(keys, name)), F.lit(False)).alias(name) for name in contract.names]
    has_name = spark.read.text(paths).agg(*present).first()
    # Without inference a name that no line has would be a column of nulls, and everyone would lose that field.
    schema = [f"`{name}` string" for name in contract.names if has_name is not None and has_name[name]]
    return spark.read.json(
        paths, schema=", ".join([*schema, f"{UNREADABLE} string"]), columnNameOfCorruptRecord=UNREADABLE
    )


def _parquet(spark: SparkSession, paths: list[str], source: Source, contract: SourceContract) -> DataFrame:
    return spark.read.parquet(*paths)
