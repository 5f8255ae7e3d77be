"""gold.profiles: one row per person who allows personalisation: what is known of them, what they do and how
they shop, their persona. gold.profile_history, which it fills too, has what was so before.

A run makes anew the profiles of people of whom something new is known, and comes to what making everybody's would. What
is relative to all people is worked out over the table itself. Nothing in a profile changes because time passes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations.schemas import TABLES
from jobs.gold.features import as_features
from jobs.gold.ratings import event_weight, without_returns
from jobs.gold.sessions import NO_STEPS, with_session
from jobs.job import Job, Options, submit
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.lake.materialized import materialized
from jobs.landing.lines import FIELDS, OF_THE_EVENT, with_line
from jobs.people.personal import personal_tables
from jobs.profiles import history
from jobs.profiles.activity import as_activity, as_presence, engagement
from jobs.profiles.affinities import as_affinities
from jobs.profiles.behaviour import behaviour, component_names
from jobs.profiles.relative import MEASURES, imputed, quintile, with_everybody, with_imputed
from jobs.profiles.touched import basis, is_nothing_new, touched
from jobs.settings.loading import Settings

TABLE = "gold.profiles"
SHOPPING = ("baskets", "spend", "lines", "items", "mean_basket", "mean_price", "discount_share")
NONE_IS_ZERO = ("events", "sessions", "steps", "recent_sessions", "recent_steps", "recent_actions", *SHOPPING[:4])
NONE_IS_EMPTY = ("attributes", "categories", "brands", "hours", "weekdays", "devices", "countries")
RELATIVE = (*[f"{measure}_quintile" for measure in MEASURES], "imputed", "behaviour", "segment_id", "segment")
"""What follows from other people, or from a model of all."""
PEOPLE_EACH = 5_000
"""So many people's events are worked on by one task, where not everybody's are."""
OWN = tuple(name for name in TABLES[TABLE].names if name not in ("valid_from", *RELATIVE))


def as_own(events: DataFrame, people: DataFrame, items: DataFrame, options: Options, conf: Settings) -> DataFrame:
    """What follows from a person's own rows, one row per person. `events`, before `as_of`, and `people`: rows of silver
    with person_id."""
    steps = events.where(~F.col("event_type").isin(*NO_STEPS))
    activity = as_activity(with_session(steps), conf.profiles)
    lines = with_line(events).select("person_id", "event_id", "event_type", "line.*", *OF_THE_EVENT)
    shopping = as_features(lines, items, options.as_of, conf.currency).select(
        "person_id", F.col("last_at").alias("last_purchase_at"), *SHOPPING
    )
    weighed = without_returns(lines).withColumn("weight", event_weight(conf.ratings)).where("weight > 0")
    affinities = as_affinities(weighed, items, conf.profiles.most_affinities)
    # Of several customers who are one person always the same.
    attributes = F.map_from_entries(F.max(F.array_sort(F.map_entries("attributes")))).alias("attributes")
    customers = people.where("attributes IS NOT NULL").groupBy("person_id").agg(attributes)
    of_person = as_presence(events).join(customers, on="person_id", how="full")
    for part in (activity, shopping, affinities):
        of_person = of_person.join(part, on="person_id", how="left")
    types = TABLES[TABLE].types
    zeros = {name: F.coalesce(name, F.lit(0)) for name in NONE_IS_ZERO}
    empty = {name: F.coalesce(name, F.create_map().cast(types[name])) for name in NONE_IS_EMPTY}
    whole = of_person.withColumns({**zeros, **empty}).withColumn("engagement", engagement(conf.profiles))
    return whole.select(*[F.col(name).cast(types[name]).alias(name) for name in OWN])


def with_relative(own: DataFrame, of_all: DataFrame, personas: DataFrame, conf: Settings) -> DataFrame:
    """Adds what follows from everybody: `of_all`, rows of `as_own` of all people."""
    named = personas.select("person_id", "segment_id", F.col("name").alias("segment"))
    return (
        with_everybody(own, of_all, conf.profiles)
        .join(named, on="person_id", how="left")
        .withColumns({f"{measure}_quintile": quintile(measure) for measure in MEASURES})
        .withColumn("imputed", imputed())
        .withColumn("attributes", with_imputed())
        .withColumn("behaviour", behaviour(conf.profiles))
    )


def main(lake: Lake, options: Options) -> None:
    last = history.last_basis(lake)
    if last is not None and is_nothing_new(lake, last, options.as_of):
        return
    history.take_back(lake, last)
    now = basis(lake, last, options.as_of)
    people, conf = touched(lake, last, now), lake.settings
    events, customers, *of_gold = personal_tables(
        lake,
        ("silver.events", "silver.people", "gold.profiles", "gold.profile_history"),
        "personalisation",
        options.as_of,
        people,
    )
    personas = tables.read(lake, "gold.segments").where("source = 'persona'")
    with _own(lake, events, customers, people, options) as own:
        rows = _beside_what_was(lake, own, people)
        relative = with_relative(rows, rows.where("events IS NOT NULL"), personas, conf)
        moment = history.next_moment(lake, options.as_of)
        with materialized(history.versions(relative)) as profiles:
            history.keep(lake, profiles, moment)
        if last is None or now.may_hide_somebody(last):
            allowed = reduce(DataFrame.union, [table.select("person_id") for table in of_gold])
            history.forget(lake, people, own, allowed)
    history.note(lake, now, moment, component_names(conf.profiles))


@contextmanager
def _own(
    lake: Lake, events: DataFrame, customers: DataFrame, people: DataFrame | None, options: Options
) -> Iterator[DataFrame]:
    """`as_own`, worked out once, and the events, which are looked at in several ways, read once."""
    parts = lake.settings.spark.shuffle_partitions
    if people is not None:  # in one part nothing need be shuffled, which took most of the time for a few hundred
        parts = min(parts, 1 + people.count() // PEOPLE_EACH)
    context = F.struct("context.device_type", "context.country", "context.campaign").alias("context")
    payload = F.struct(*[F.col("payload")[name].alias(name) for name in FIELDS]).alias("payload")
    did = events.where(F.col("occurred_at") < F.lit(options.as_of)).select(
        "person_id", "event_id", "event_type", "occurred_at", context, payload
    )
    with materialized(did.repartition(parts, "person_id")) as known:
        own = as_own(known, customers, tables.read(lake, "silver.items"), options, lake.settings)
        with materialized(own) as of_person:
            yield of_person


def _beside_what_was(lake: Lake, own: DataFrame, people: DataFrame | None) -> DataFrame:
    """All people, with `was`, the profile that stands there: those of `own` as they are now, the others as they were.
    Of who has no profile any more all but `was` is null."""
    table = tables.read(lake, "gold.profiles")
    standing = table.select("person_id", F.struct(*table.columns).alias("was"))
    if people is None:
        return own.join(standing, on="person_id", how="full")
    few = F.broadcast(people)
    looked_at = own.join(standing.join(few, on="person_id", how="left_semi"), on="person_id", how="full")
    others = standing.join(few, on="person_id", how="left_anti")
    was = [F.col(f"was.{name}").alias(name) for name in OWN if name not in ("person_id", "attributes")]
    known = F.map_filter("was.attributes", lambda name, _: ~F.array_contains("was.imputed", name))
    return looked_at.unionByName(others.select("person_id", "was", *was, known.alias("attributes")))


JOB = Job(
    TABLE,
    main,
    reads=(
        "silver.events",
        "silver.people",
        "silver.consents",
        "silver.identities",
        "silver.items",
        "gold.segments",
    ),
)

if __name__ == "__main__":
    submit(JOB)
