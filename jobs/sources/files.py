"""Sources in files: CSV with a header, JSON lines or Parquet, told by their ending; a file, or a folder of one kind."""

import functools
import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from expectations.source_contract import SourceContract
from expectations.source_rules import UNREADABLE
from jobs.errors import OperatorError
from jobs.sources.received import Received, as_received, read_faults
from jobs.sources.source import Source
from jobs.sources.standard_fields import quoted

KINDS = {"csv": "csv", "tsv": "csv", "json": "json", "jsonl": "json", "ndjson": "json", "parquet": "parquet"}
FILE = "_file"
BYTE_ORDER_MARK = "\ufeff"
MOST_COLUMNS = 1_000
PACKED = (".gz", ".bz2", ".zst")

log = logging.getLogger(__name__)


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


def read(spark: SparkSession, paths: Sequence[str], kind: str, source: Source, contract: SourceContract) -> Received:
    """The rows of the files, as received. Raises OperatorError when a file lacks a column or cannot be opened."""
    exact = [re.sub(r"([\[\]{}*?\\])", r"\\\1", path) for path in paths]
    with read_faults(source):
        frame = {"csv": _csv, "json": _json, "parquet": _parquet}[kind](spark, exact, source)
        return as_received(frame, source, contract, F.col(FILE))


def _csv(spark: SparkSession, paths: list[str], source: Source) -> DataFrame:
    """Each file is read by its own header. Columns without a name, or that share one, are left out, such as a data
    frame's index.
    """
    headers = {path: _header(spark, path, source) for path in paths}
    _warn_of_left_out(headers.values(), source)
    _require_same({path: header for path, header in headers.items() if header}, source)
    frames = []
    for header in dict.fromkeys(filter(None, headers.values())):
        names = _named(header)
        frame = spark.read.csv(
            [path for path in paths if headers[path] == header],
            schema=", ".join(f"`{name.replace('`', '``')}` string" for name in [*names, UNREADABLE]),
            header=True,
            sep=source.delimiter,
            escape='"',
            multiLine=True,  # a quoted value may hold a line break
            columnNameOfCorruptRecord=UNREADABLE,
            enforceSchema=True,
        ).select("*", F.col("_metadata.file_name").alias(FILE))
        frames.append(frame.select(*[quoted(name) for name in (*filter(header.__contains__, names), UNREADABLE, FILE)]))
    if not frames:
        raise OperatorError(f"{source.setting}: {source.origin} is empty; a CSV begins with the names of its columns")
    return functools.reduce(lambda one, other: one.unionByName(other), frames)


def _warn_of_left_out(headers: Iterable[tuple[str, ...]], source: Source) -> None:
    names = sorted({name for header in headers for name in header if name}.difference(*map(_unique, headers)))
    if names:
        log.warning("%s: left out, for another column has the same name: %s", source.origin, ", ".join(names))


def _header(spark: SparkSession, path: str, source: Source) -> tuple[str, ...]:
    """The names in a file's first line, "" for none; () for an empty file."""
    first = spark.read.csv(path, escape='"', sep=source.delimiter).first()
    return tuple((name or "").removeprefix(BYTE_ORDER_MARK) for name in first or ())


def _named(header: tuple[str, ...]) -> tuple[str, ...]:
    """The header with a name of its own, `_column 3`, for each column that has none or shares it."""
    count = Counter(name.casefold() for name in header)
    return tuple(
        name if name and count[name.casefold()] == 1 else f"_column {place}" for place, name in enumerate(header)
    )


def _require_same(columns: Mapping[str, Sequence[str]], source: Source) -> None:
    """Raises OperatorError where a file lacks a column that another has: all its rows would lose it."""
    of_any = {name for names in columns.values() for name in _unique(names)}
    for path, names in columns.items():
        missing = sorted(of_any.difference(_unique(names)))
        if missing:
            file, has = path.rsplit("/", 1)[-1], "lacks" if missing[0] not in names else "has more than once"
            raise OperatorError(f"{source.setting}: {file} in {source.origin} {has} the columns {', '.join(missing)}")


def _json(spark: SparkSession, paths: list[str], source: Source) -> DataFrame:
    """Without inference: every value is the text that it is written as."""
    keys = spark.read.text(paths).select(F.explode(F.json_object_keys("value")).alias("name")).distinct()
    names = sorted(row["name"] for row in keys.limit(MOST_COLUMNS + 1).collect())
    if len(names) > MOST_COLUMNS:
        raise OperatorError(f"{source.setting}: {source.origin} has more than {MOST_COLUMNS} names in its objects")
    schema = ", ".join(f"`{name.replace('`', '``')}` string" for name in [*_unique(names), UNREADABLE])
    return spark.read.json(paths, schema=schema, columnNameOfCorruptRecord=UNREADABLE).select(
        "*", F.col("_metadata.file_name").alias(FILE)
    )


def _unique(names: Sequence[str]) -> list[str]:
    """The names, none of them empty, that no other shares but for the case, which Spark would take for one."""
    count = Counter(name.casefold() for name in names)
    return [name for name in names if name and count[name.casefold()] == 1]


def _parquet(spark: SparkSession, paths: list[str], source: Source) -> DataFrame:
    _require_same({path: _columns_of_parquet(spark, path) for path in paths}, source)
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
