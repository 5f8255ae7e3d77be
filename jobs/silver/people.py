"""silver.people: one row per pair of user_id and anonymous_id that sent an event, and per customer of the CRM.

The CRM's customers are known by their user_id. Who a pair belongs to is not said here (see jobs/people/identity.py).
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.job import Job, Options, submit
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.sources.history import current_rows

TABLE = "silver.people"
PLACES = ("postcode", "city")
"""Fields of the CRM by which people are told apart as by attributes; the others are tokens, or name them."""


def as_people(events: DataFrame, crm: DataFrame) -> DataFrame:
    """Every pair in the events, with what the CRM says of its user, and everyone else in the CRM."""
    seen = events.groupBy("user_id", "anonymous_id").agg(
        F.min("occurred_at").alias("first_seen"),
        F.max("occurred_at").alias("last_seen"),
        F.count("*").alias("events"),
    )
    places = F.create_map(*[part for name in PLACES for part in (F.lit(name), F.col(name))])
    known = F.map_filter(places, lambda _, place: place.isNotNull())
    customers = crm.select("user_id", F.map_concat("attributes", known).alias("attributes"))
    return seen.join(customers, on="user_id", how="full").fillna(0, ["events"])


def main(lake: Lake, _: Options) -> None:
    events, crm = tables.read(lake, "silver.events"), current_rows(lake, "silver.crm")
    tables.overwrite(lake, TABLE, as_people(events, crm))


JOB = Job(TABLE, main, reads=("silver.events", "silver.crm"))

if __name__ == "__main__":
    submit(JOB)
