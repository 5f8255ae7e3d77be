"""silver.items: one row per item, from the catalogue, and for items that were sold but stand in none.

The standard fields in their types. An item without a title is called by its brand and narrowest category.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.job import Job, Options, submit
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.sources.history import current_rows
from jobs.sources.standard_fields import PATH

TABLE = "silver.items"
AS_THEY_ARE = ("description", "brand", "currency", "availability", "link", "image_link", "group_id")


def as_items(catalog: DataFrame, interactions: DataFrame) -> DataFrame:
    """The catalogue's items, and a bare row for each item of `interactions` that it lacks."""
    listed = catalog.select(
        "item_id",
        title().alias("title"),
        categories().alias("categories"),
        F.regexp_replace("price", ",", ".").try_cast("double").alias("price"),
        F.col("published_at").try_cast("timestamp").alias("published_at"),
        *AS_THEY_ARE,
        "attributes",
    )
    unknown = interactions.select("item_id").distinct().join(listed, "item_id", "left_anti")
    bare = unknown.withColumn("title", _item())
    return listed.unionByName(bare, allowMissingColumns=True)


def title() -> Column:
    """What people read; never null, and never blank."""
    kind = F.nullif(F.concat_ws(" ", "brand", F.element_at(categories(), -1)), F.lit(""))
    return F.coalesce("title", kind, _item())


def categories() -> Column:
    """The path from the widest to the narrowest; null for none."""
    return F.split("categories", PATH)


def _item() -> Column:
    return F.concat(F.lit("Item "), "item_id")


def main(lake: Lake, _: Options) -> None:
    catalog, interactions = current_rows(lake, "silver.catalog"), tables.read(lake, "silver.interactions")
    tables.overwrite(lake, TABLE, as_items(catalog, interactions))


JOB = Job(TABLE, main, reads=("silver.catalog", "silver.interactions"))

if __name__ == "__main__":
    submit(JOB)
