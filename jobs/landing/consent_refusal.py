"""Valid events that are not let into silver: behaviour that the person does not allow to be counted.

Such an event is counted in ops.ledger as refused and kept in no table of silver; what the person asks for (a
purchase, a rating, a consent) is never refused. It is refused when it says so itself, or when by the record and its
own copy, by the rule of jobs.people.consent, analytics is denied; where nothing is on record the settings decide.
"""

from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from expectations.rules import moment
from expectations.schemas import TABLES
from jobs.lake import tables
from jobs.people.consent import as_stamps, is_denied, stamp
from jobs.settings.consent_settings import ConsentSettings

RECORD = "silver.consents"
# Delta's files live a week after they were rewritten, so an older version may be gone.
FARTHEST_BACK = timedelta(days=6)


def with_refusal(judged: DataFrame, record: DataFrame, consent: ConsentSettings) -> DataFrame:
    """Adds `is_refused` to rows with `event` and `reasons`. `record`: rows of silver.consents."""
    event = F.col("event")
    own = event["consent"]["analytics"]
    own_stamp = F.when(own.isNotNull(), stamp(moment(event["occurred_at"]), own))
    words = as_stamps(record.where("purpose = 'analytics'")).withColumnRenamed("person_id", "_who")
    if consent.analytics:  # then only who ever denied can be refused: few enough to hand to every executor
        words = F.broadcast(words.where("person % 2 = 1 OR client % 2 = 1"))
    who = F.coalesce(event["user_id"], event["anonymous_id"])
    heard = judged.join(words, on=who == F.col("_who"), how="left")
    heard = heard.withColumn("client", F.greatest("client", own_stamp))
    is_silent = F.col("person").isNull() & F.col("client").isNull()
    on_record = F.when(is_silent, not consent.analytics).otherwise(is_denied())
    is_behaviour = (F.size("reasons") == 0) & event["event_type"].isin(list(consent.behaviour))
    is_refused = is_behaviour & (F.coalesce(~own, F.lit(False)) | on_record)
    return heard.withColumn("is_refused", F.coalesce(is_refused, F.lit(False))).drop("_who", "person", "client")


def record_before(received: DataFrame) -> DataFrame:
    """silver.consents as it was when the first message of a micro-batch was received.

    Not as it is now: a batch that is run again after a crash must refuse the same events, whatever was recorded since.
    """
    spark = received.sparkSession
    first = received.agg(F.min("received_at").cast("double").alias("at")).collect()[0]["at"]
    if first is None or not tables.exists(spark, RECORD):
        return _nothing(spark)
    known = max(datetime.fromtimestamp(first, UTC), datetime.now(UTC) - FARTHEST_BACK)
    version = tables.version_at(spark, RECORD, known)
    return _nothing(spark) if version is None else tables.read(spark, RECORD, version)


def record_now(spark: SparkSession) -> DataFrame:
    return tables.read(spark, RECORD) if tables.exists(spark, RECORD) else _nothing(spark)


def _nothing(spark: SparkSession) -> DataFrame:
    # Not by createDataFrame: within foreachBatch it would make the stream's own session everybody's.
    types = TABLES[RECORD].types.items()
    return spark.range(0).select(*[F.lit(None).cast(type_).alias(name) for name, type_ in types])
