"""One landing of a batch source: read, judged, counted, and only then in bronze.

Order: quarantine.sources, the bronze table, ops.landings. The last says that the landing is done. One that was
killed before is not there for any reader of ops.landings, and the next run overwrites what it left.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from pyspark import StorageLevel
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from expectations.source_contract import ENCODINGS, SourceContract, source_contract
from expectations.source_rules import UNREADABLE, with_reasons
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.privacy.columns import tokenised, with_sealed
from jobs.privacy.keyed_encodings import with_encodings
from jobs.privacy.message import Protection, protection_of
from jobs.settings.loading import Settings
from jobs.sources import bucket, database, files, former_release, landings
from jobs.sources.landings import Landing, Past
from jobs.sources.received import CHANGED, PLACE, Received, read_faults
from jobs.sources.source import Source, source_of

QUARANTINE = "quarantine.sources"
log = logging.getLogger(__name__)


def land(lake: Lake, name: str, as_of: datetime) -> None:
    """Lands source `name` (catalog or crm) as of a moment; nothing, where it has nothing new or there is none.

    Raises OperatorError when it cannot be read, is empty, or has shrunk by more than the settings allow.
    """
    settings = lake.settings
    protection = protection_of(settings.privacy)
    source, contract, table = source_of(name, settings), source_contract(name), f"bronze.{name}"
    former_release.mend(lake, table)
    tables.create(lake, table, QUARANTINE, landings.TABLE)
    if source is None:
        log.info("%s: there is no such source (setting sources.%s.location)", table, name)
        return
    past = landings.past(lake, name)
    with received(lake, source, contract, past) as source_rows, landings.refusing_conflicts(table):
        if source_rows is None:
            log.info("%s: nothing new in %s", table, source.origin)
            return
        _require_columns(source, source_rows, past)
        landing = past.next_one(source, as_of)
        safe = source_rows.rows.transform(protected(protection, contract, settings.linkage.enabled))
        judged = safe.transform(with_reasons(contract, source.types))
        judged = judged.persist(StorageLevel.MEMORY_AND_DISK)
        try:
            with read_faults(source):
                counts = _counts(judged)
            if counts["rows"] == 0 and source.is_incremental:
                log.info("%s: nothing new in %s", table, source.origin)
                return
            mine = f"table_name = '{table}' AND landing = {landing.number}"
            rejected = as_rejected(judged, source, contract, landing, len(protection.secrets.payloads))
            tables.overwrite(lake, QUARANTINE, rejected, mine)
            _require_enough(source, counts, past.known_rows(), settings.sources.max_shrink)
            pending = ", ".join(["0", *[str(one.number) for one in past.pending()]])
            tables.overwrite(lake, table, as_landed(judged, landing), f"landing NOT IN ({pending})")
        finally:
            judged.unpersist()
        landings.record(
            lake,
            table,
            landing,
            origin=source.origin,
            rows=counts["good"],
            quarantined=counts["rows"] - counts["good"],
            changed_column=source.changed or None,
            watermark=counts["watermark"],
            files=source_rows.files,
            columns=[*source_rows.columns],
        )
    bad = counts["rows"] - counts["good"]
    log.info("%s: landing %d, %s rows, %s quarantined", table, landing.number, f"{counts['good']:,}", f"{bad:,}")


def require_secrets(settings: Settings) -> None:
    """Raises OperatorError where a secret is missing: nothing is landed without."""
    protection_of(settings.privacy)


def protected(protection: Protection, contract: SourceContract, is_encoded: bool) -> Callable[[DataFrame], DataFrame]:
    """Direct identifiers become tokens, and encodings where they are wanted: the rows have just been read, and nothing
    of them is kept yet.

    The text of a row that could not be parsed may hold anything, and is encrypted.
    """

    def transform(rows: DataFrame) -> DataFrame:
        encoded = rows.transform(with_encodings(protection.secrets, contract, is_encoded))
        sealed = encoded.transform(with_sealed(UNREADABLE, protection))
        return sealed.transform(tokenised(protection, (*contract.impersonal, ENCODINGS)))

    return transform


def as_landed(judged: DataFrame, landing: Landing) -> DataFrame:
    """The good rows in the columns of the bronze table."""
    return _stamped(judged.where(F.size("reasons") == 0), landing)


def as_rejected(
    judged: DataFrame, source: Source, contract: SourceContract, landing: Landing, key_version: int
) -> DataFrame:
    """The rejected rows in the columns of quarantine.sources."""
    is_parsed = F.col(UNREADABLE).isNull()
    return _stamped(judged.where(F.size("reasons") > 0), landing).select(
        F.lit(f"bronze.{source.name}").alias("table_name"),
        "landing",
        "landed_at",
        F.lit(source.origin).alias("origin"),
        F.col(PLACE).alias("place"),
        F.when(is_parsed, F.col(contract.key)).alias("row_key"),
        F.when(is_parsed, F.to_json(F.struct(*contract.columns))).alias("row"),
        F.col(UNREADABLE).alias("unreadable"),
        F.when(~is_parsed, F.lit(key_version)).alias("sealed_by"),
        "reasons",
        F.lit("open").alias("state"),
    )


@contextmanager
def received(lake: Lake, source: Source, contract: SourceContract, past: Past) -> Iterator[Received | None]:
    """What the source has to give, None where all of it was landed before. Copies of it live as long as this."""
    spark, settings = lake.spark, lake.settings
    if source.is_database:
        since = past.watermark(source) if source.is_incremental else None
        yield database.read(spark, source, contract, settings.sources, since)
        return
    present = bucket.listed(source) if source.is_bucket else files.listed(spark, source)
    before = {} if past.is_lost else landings.landed_files(lake, source)
    new = {name: state for name, state in present.items() if before.get(name) != state}
    to_read = new if source.is_incremental else present
    if not new and (source.is_incremental or len(before) == len(present)):
        yield None
        return
    kind, names = files.kind_of(sorted(to_read), source), sorted(to_read)
    if not source.is_bucket:
        yield replace(files.read(spark, names, kind, source, contract), files=to_read)
        return
    if not spark.sparkContext.master.startswith("local"):  # type: ignore[union-attr]
        raise OperatorError(
            f"{source.setting}: s3:// is copied to this machine, which executors on others cannot read;"
            " on a cluster write s3a:// and bring its JARs"
        )
    with bucket.staged(names, source, settings.home / "staging" / source.name) as paths:
        yield replace(files.read(spark, paths, kind, source, contract), files=to_read)


def _counts(judged: DataFrame) -> Row:
    counts = judged.agg(
        F.count("*").alias("rows"),
        F.count_if(F.size("reasons") == 0).alias("good"),
        F.max(CHANGED).alias("watermark"),
    ).first()
    assert counts is not None
    return counts


def _require_columns(source: Source, source_rows: Received, past: Past) -> None:
    """Raises OperatorError where a column is gone that the landing before had: everybody would lose it."""
    before = past.bronze[-1]["columns"] or () if past.bronze else ()
    gone = [name for name in before if name not in (*source_rows.columns, *source.columns)]
    if gone:
        raise OperatorError(
            f"{source.setting}: {source.origin} lacks the columns {', '.join(gone)}, which the landing before had; if"
            f' that is right, leave them out: in [{source.setting}.columns] {gone[0]} = ""'
        )


def _require_enough(source: Source, counts: Row, known_rows: int | None, max_shrink: float) -> None:
    if source.is_incremental:
        return
    good, bad = counts["good"], counts["rows"] - counts["good"]
    observation = f"bronze.{source.name}: {source.origin} has {good:,} good rows"
    rejected = f" ({bad:,} bad ones lie in {QUARANTINE})" if bad else ""
    if good == 0:
        raise OperatorError(
            f"{observation}{rejected}; an empty source is never landed: mend it (setting {source.setting})"
        )
    if known_rows is not None and good < known_rows * (1 - max_shrink):
        raise OperatorError(
            f"{observation}{rejected}, {known_rows:,} were known, and sources.max_shrink is {max_shrink:g};"
            f" if that is right, allow it once: LAKEHOUSE_SOURCES__MAX_SHRINK=1 lakehouse run bronze.{source.name}"
        )


def _stamped(rows: DataFrame, landing: Landing) -> DataFrame:
    return rows.withColumns({"landing": F.lit(landing.number), "landed_at": F.lit(landing.landed_at)})
