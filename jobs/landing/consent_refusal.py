"""Valid events that are not let into silver: behaviour that the person does not allow to be counted.

Such an event is counted in ops.ledger as refused and kept in no table of silver; what the person asks for (a
purchase, a rating, a consent) is never refused. It is refused when it says so itself, or when by the record and its
own copy, by the rule of jobs/people/consent.py, analytics is denied; where nothing is on record the settings decide.
"""

from datetime import UTC, datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.event_time import occurred_at
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.people.consent import IDS, as_decisions, is_denied
from jobs.settings.consent_settings import ConsentSettings

RECORD = "silver.consents"
# Delta's files live a week after they were rewritten, so an older version may be gone.
FARTHEST_BACK = timedelta(days=6)


def decisions_for(judged: DataFrame, record: DataFrame, consent: ConsentSettings) -> DataFrame:
    """What is on record on analytics, for whoever is behind the behaviour among rows with `event` and `reasons`.

    `judged` must be materialized: Spark follows what a join is on to where it came from, and a parsed message is a
    plan of thousands of nodes. `record`: rows of silver.consents. Where everybody allows it unasked, only those who
    do not have a row.
    """
    people = judged.where(_is_behaviour(consent)).select(*[F.col("event")[name].alias(name) for name in IDS])
    decided = as_decisions(people.distinct(), record.where("purpose = 'analytics'"))
    return decided.where(is_denied()) if consent.analytics else decided


def with_consent_refusal(judged: DataFrame, decisions: DataFrame | None, consent: ConsentSettings) -> DataFrame:
    """Adds `is_refused` to rows with `event` and `reasons`. `decisions`: by `decisions_for`; None: there are none."""
    event = F.col("event")
    own = event["consent"]["analytics"]
    by_default = own.isNull() & F.lit(not consent.analytics)
    if decisions is None:
        return _with_refusal(judged, F.coalesce(~own, F.lit(False)) | by_default, consent)
    by_person = F.broadcast(decisions.withColumnsRenamed({name: f"_{name}" for name in IDS}))
    same = [event[name].eqNullSafe(F.col(f"_{name}")) for name in IDS]
    marked = judged.join(by_person, on=same, how="left")
    grants_since = F.coalesce(own & (occurred_at() > F.col("client_denied_at")), F.lit(False))
    by_client = F.col("client_denied_at").isNotNull() & ~grants_since
    by_default &= F.col("is_denied_by_person").isNull()
    denied = F.coalesce(~own, F.lit(False)) | F.coalesce("is_denied_by_person", F.lit(False)) | by_client | by_default
    return _with_refusal(marked, denied, consent).drop(
        *[f"_{name}" for name in IDS], "is_denied_by_person", "client_denied_at"
    )


def _with_refusal(judged: DataFrame, denied: Column, consent: ConsentSettings) -> DataFrame:
    return judged.withColumn("is_refused", F.coalesce(_is_behaviour(consent) & denied, F.lit(False)))


def _is_behaviour(consent: ConsentSettings) -> Column:
    return (F.size("reasons") == 0) & F.col("event")["event_type"].isin(list(consent.behaviour))


def record_before(lake: Lake, received: DataFrame) -> DataFrame | None:
    """silver.consents as it was when the first message of a micro-batch was received; None: there was nothing in it.

    Not as it is now: a batch that is run again after a crash must refuse the same events, whatever was recorded since.
    """
    if not tables.exists(lake, RECORD):
        return None
    first = received.agg(F.min("received_at").cast("double").alias("at")).collect()[0]["at"]
    if first is None:
        return None
    as_of = max(datetime.fromtimestamp(first, UTC), datetime.now(UTC) - FARTHEST_BACK)
    version = tables.version_at(lake, RECORD, as_of)
    return None if version is None else tables.read(lake, RECORD, version)


def record_now(lake: Lake) -> DataFrame | None:
    """silver.consents; None where it is not built yet."""
    return tables.read(lake, RECORD) if tables.exists(lake, RECORD) else None
