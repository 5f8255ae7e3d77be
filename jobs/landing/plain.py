"""Plain messages: those of which landing noted all that silver.events asks. They are parsed once, into the table.

They are valid, in time, and do not ask not to be counted. What else could keep one out is asked of all of them at once,
in passes that parse little or nothing: whether its id may be taken, by its hash, and whether somebody it names has ever
denied analytics. The few of which that is so, and all messages that are not plain, go the exact way
(jobs/landing/outcomes.py).
"""

import functools

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.contract import Contract
from expectations.validation import parsed
from jobs.landing.uniqueness import COORDINATES
from jobs.people.consent import IDS
from jobs.settings.consent_settings import ConsentSettings

FEW = 25_000
"""So many messages, and fewer, land as soon the exact way. Measured on two cores: 20,000 in 2.4 s against 2.6, 50,000
in 3.1 s against 2.8. The exact way makes of so few one file of each table of rows."""
WHO = "user_id string, anonymous_id string, consent struct<analytics: boolean>"


def is_plain(contract: Contract) -> Column:
    """Whether a row of bronze.events is one, by the contract in force."""
    return F.coalesce(F.col("valid_by") == contract.digest, F.lit(False)) & F.col("event_hash").isNotNull()


def counted(received: DataFrame, contract: Contract) -> tuple[int, int]:
    """How many rows there are, and how many of them are plain."""
    all_and_plain = received.agg(F.count(F.lit(1)), F.count_if(is_plain(contract))).collect()[0]
    return all_and_plain[0], all_and_plain[1]


def as_places(received: DataFrame, contract: Contract) -> DataFrame:
    """What is asked of all messages again and again, in few columns: the batch itself is read whole each time.
    `event_hash` is null where a message is not plain."""
    event_hash = F.when(is_plain(contract), F.col("event_hash")).alias("event_hash")
    return received.select(*COORDINATES, "received_at", event_hash)


def denials(record: DataFrame) -> DataFrame:
    """The hash of each id under which analytics was ever denied: `id_hash`. `record`: rows of silver.consents."""
    denied = record.where("purpose = 'analytics' AND NOT is_granted")
    ids = denied.select(F.explode(F.array_compact(F.array(*IDS))).alias("id"))
    return ids.select(F.xxhash64("id").alias("id_hash")).distinct()


def asked_about(
    plain: DataFrame, suspects: DataFrame | None, denied: DataFrame | None, consent: ConsentSettings
) -> DataFrame | None:
    """The plain messages that go the exact way; None: none does. `suspects`: hashes of ids that may be taken. `denied`:
    by `denials`. Each of these may be None too: there are none."""
    asked = [] if suspects is None else [plain.join(F.broadcast(suspects), on="event_hash", how="left_semi")]
    if denied is not None or not consent.analytics:
        who = _unsuspected(plain, suspects).withColumn("event", F.from_json(F.col("value").cast("string"), WHO))
        asked.append(_with_doubt(who, denied, consent).where("is_doubtful").drop("event", "is_doubtful"))
    return asked[0].unionByName(asked[1]) if len(asked) > 1 else next(iter(asked), None)


def as_kept(
    plain: DataFrame,
    contract: Contract,
    suspects: DataFrame | None,
    denied: DataFrame | None,
    consent: ConsentSettings,
) -> DataFrame:
    """The others, with `event`, `extra` and the `outcome` that they are kept."""
    rows = _unsuspected(plain, suspects).transform(parsed(contract))
    if denied is not None or not consent.analytics:
        rows = _with_doubt(rows, denied, consent).where("NOT is_doubtful")
    return rows.withColumn("outcome", F.lit("kept"))


def _unsuspected(plain: DataFrame, suspects: DataFrame | None) -> DataFrame:
    return plain if suspects is None else plain.join(F.broadcast(suspects), on="event_hash", how="left_anti")


def _with_doubt(rows: DataFrame, denied: DataFrame | None, consent: ConsentSettings) -> DataFrame:
    """Adds `is_doubtful`: whether the rows with `event` might be refused."""
    own = F.col("event")["consent"]["analytics"]
    doubts = [] if consent.analytics else [~F.coalesce(own, F.lit(False))]
    if denied is not None:
        for name in IDS:
            hashes = denied.select(F.col("id_hash").alias(f"_{name}"))
            rows = rows.join(F.broadcast(hashes), on=F.xxhash64(F.col("event")[name]) == F.col(f"_{name}"), how="left")
            doubts.append(F.col(f"_{name}").isNotNull())
    is_doubtful = functools.reduce(Column.__or__, doubts)
    return rows.withColumn("is_doubtful", is_doubtful).drop(*[f"_{name}" for name in IDS])
