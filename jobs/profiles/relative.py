"""What of a profile follows from everybody's: the fifth of the buyers that somebody is in, and what is imputed."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.settings.profiles_settings import ProfilesSettings

MEASURES = {"recency": "unix_micros(last_purchase_at)", "frequency": "baskets", "monetary": "spend"}
FIFTHS = "array(0.2, 0.4, 0.6, 0.8)"


def with_everybody(rows: DataFrame, profiles: DataFrame, settings: ProfilesSettings) -> DataFrame:
    """Adds to each row, for the functions below, the `cuts` of each measure, the least values that one, two, three and
    four fifths of the buyers do not exceed, and `fillers`, what is imputed by attribute.

    `profiles`: all people, with last_purchase_at, baskets, spend, and `attributes` as they are known. The values come
    as data: as literals they made Spark compile the largest of its stages again in each run."""
    of_measures = [
        F.expr(f"percentile_disc({FIFTHS}) WITHIN GROUP (ORDER BY {text}) FILTER (WHERE baskets > 0)").alias(
            f"{measure}_cuts"
        )
        for measure, text in MEASURES.items()
    ]
    seen = profiles.agg(*of_measures)
    fillers = _fillers(profiles, settings) if settings.impute else None
    if fillers is None:
        seen = seen.withColumn("fillers", F.create_map().cast("map<string, string>"))
    else:
        seen = seen.crossJoin(F.broadcast(fillers))
    return rows.crossJoin(F.broadcast(seen))


def quintile(measure: str) -> Column:
    """1 to 5; of equal values the same. Null for who did not buy."""
    exceeded = F.filter(f"{measure}_cuts", lambda cut: F.expr(MEASURES[measure]) > cut)
    return F.when(F.col("baskets") > 0, F.size(exceeded) + 1)


def imputed() -> Column:
    """Which attributes the person lacks and another value stands for, by name."""
    return F.array_sort(F.filter(F.map_keys("fillers"), lambda name: F.try_element_at("attributes", name).isNull()))


def with_imputed() -> Column:
    """`attributes` with them, in the order of its keys."""
    lacking = F.map_filter("fillers", lambda name, _: F.array_contains("imputed", name))
    known = F.map_filter("attributes", lambda _, value: value.isNotNull())
    return in_order(F.map_concat(known, lacking))


def in_order(map_: Column) -> Column:
    """The map, its entries in the order of their keys: maps with the same entries can then be compared."""
    return F.map_from_entries(F.array_sort(F.map_entries(map_)))


def _fillers(profiles: DataFrame, settings: ProfilesSettings) -> DataFrame:
    """One row with `fillers`, a map; nothing in it for an attribute that nobody has."""
    pairs = [F.struct(F.lit(name).alias("name"), F.col("attributes")[name].alias("value")) for name in settings.impute]
    values = profiles.select(F.explode(F.array(*pairs)).alias("one")).select("one.*").where("value IS NOT NULL")
    counted = values.groupBy("name", "value").agg(F.count("*").alias("people"))
    medians = [name for name, how in settings.impute.items() if how == "median"]
    middle = F.percentile("number", F.lit(0.5), F.col("people")).alias("median")
    of_names = (
        counted.withColumn("number", F.expr("try_cast(value AS double)"))
        .groupBy("name")
        .agg(F.min(F.struct((-F.col("people")).alias("fewer"), "value"))["value"].alias("commonest"), middle)
    )
    is_whole = F.col("median") == F.floor("median")
    text = F.when(is_whole, F.col("median").cast("bigint").cast("string")).otherwise(F.col("median").cast("string"))
    filler = F.when(F.col("name").isin(medians), text).otherwise(F.col("commonest"))
    known = of_names.select("name", filler.alias("filler")).where("filler IS NOT NULL")
    entries = F.array_sort(F.collect_list(F.struct("name", "filler")))
    return known.agg(F.map_from_entries(entries).alias("fillers"))
