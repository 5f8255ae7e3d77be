"""Sources in files: CSV with a header, JSON lines or Parquet, told by their ending; a file, or a folder of one kind."""

import functools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from expectations.source_contract import SourceContract
from expectations.source_rules import UNREADABLE
from jobs.errors import OperatorError
from jobs.sources.received import as_received, read_faults
from jobs.sources.source import Source

KINDS = {"csv": "csv", "json": "json", "jsonl": "json", "ndjson": "json", "parquet": "parquet"}
FILE = "_file"
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
        return as_received(frame, source, contract, F.col(FILE))


def _csv(spark: SparkSession, paths: list[str], source: Source, contract: SourceContract) -> DataFrame:
    """Columns without a name, or that share one, are left out, such as a data frame's index; then each file is read by
    its own header.
    """
    header = next(filter(None, (_header(spark, path) for path in paths)), ())
    if header == _named(header):
        return _csv_of(spark, paths, header, is_compared=True)
    headers = {path: _header(spark, path) for path in paths}
    _require_same({path: of_file for path, of_file in headers.items() if of_file}, source, contract)
    frames = []
    for of_files in dict.fromkeys(filter(None, headers.values())):
        names = _named(of_files)
        frame = _csv_of(spark, [path for path in paths if headers[path] == of_files], names, is_compared=False)
        kept = [name for name in names if name in of_files]
        frames.append(frame.select(*[F.col(f"`{name}`") for name in (*kept, UNREADABLE, FILE)]))
    return functools.reduce(lambda one, other: one.unionByName(other, allowMissingColumns=True), frames)


def _csv_of(spark: SparkSession, paths: list[str], names: Sequence[str], is_compared: bool) -> DataFrame:
    """`is_compared`: a file whose columns stand in another order than `names` is refused, not read crosswise."""
    return spark.read.csv(
        paths,
        schema=", ".join(f"`{name.replace('`', '``')}` string" for name in [*names, UNREADABLE]),
        header=True,
        escape='"',
        multiLine=True,  # a quoted value may hold a line break
        columnNameOfCorruptRecord=UNREADABLE,
        enforceSchema=not is_compared,
    ).select("*", F.col("_metadata.file_name").alias(FILE))


def _header(spark: SparkSession, path: str) -> tuple[str, ...]:
    """The names in a file's first line, "" for none; () for an empty file."""
    return tuple(name or "" for name in spark.read.csv(path, escape='"').first() or ())


def _named(header: tuple[str, ...]) -> tuple[str, ...]:
    """The header with a name of its own, `_column 3`, for each column that has none or shares it."""
    count = Counter(name.casefold() for name in header)
    return tuple(
        name if name and count[name.casefold()] == 1 else f"_column {place}" for place, name in enumerate(header)
    )


def _require_same(columns: Mapping[str, Sequence[str]], source: Source, contract: SourceContract) -> None:
    """Raises OperatorError where a file lacks a column of the contract that another has: all its rows would lose it."""
    of_any = {name for names in columns.values() for name in names}
    for path, names in columns.items():
        missing = [name for name in contract.names if name in of_any and names.count(name) != 1]
        if missing:
            file, has = path.rsplit("/", 1)[-1], "lacks" if missing[0] not in names else "has more than once"
            raise OperatorError(f"{source.setting}: {file} in {source.origin} {has} the columns {', '.join(missing)}")


def _json(spark: SparkSession, paths: list[str], source: Source, contract: SourceContract) -> DataFrame:
    keys = F.json_object_keys("value")
    present = [F.coalesce(F.max(F.array_contains(keys, name)), F.lit(False)).alias(name) for name in contract.names]
    has_name = spark.read.text(paths).agg(*present).first()
    # Without inference a name that no line has would be a column of nulls, and everyone would lose that field.
    schema = [f"`{name}` string" for name in contract.names if has_name is not None and has_name[name]]
    return spark.read.json(
        paths, schema=", ".join([*schema, f"{UNREADABLE} string"]), columnNameOfCorruptRecord=UNREADABLE
    ).select("*", F.col("_metadata.file_name").alias(FILE))


def _parquet(spark: SparkSession, paths: list[str], source: Source, contract: SourceContract) -> DataFrame:
    _require_same({path: _columns_of_parquet(spark, path) for path in paths}, source, contract)
    return spark.read.parquet(*paths).select("*", F.col("_metadata.file_name").alias(FILE))


def _columns_of_parquet(spark: SparkSession, path: str) -> list[str]:
    """The names in a file's footer. Spark reads one file's and takes it for all."""
    java: Any = spark._jvm
    path_of = java.org.apache.hadoop.fs.Path(path)
    file = java.org.apache.parquet.hadoop.util.HadoopInputFile.fromPath(path_of, spark._jsc.hadoopConfiguration())
    reader = java.org.apache.parquet.hadoop.ParquetFileReader.open(file)
    try:
        return [field.getName() for field in reader.getFooter().getFileMetaData().getSchema().getFields()]
    finally:
        reader.close()
