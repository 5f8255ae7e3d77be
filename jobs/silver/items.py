"""silver.items: one row per item, from the catalogue, and for items that were sold but stand in none.

A name is made readable from product type, size and brand: the catalogue has no titles.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.job import Job, Options, submit
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.sources.history import current_rows

TABLE = "silver.items"


def as_items(catalog: DataFrame, interactions: DataFrame) -> DataFrame:
    """The catalogue's products, and a bare row for each item of `interactions` that it lacks."""
    listed = catalog.select(
        F.col("product_id").alias("item_id"),
        name().alias("name"),
        "department",
        "brand",
        F.col("product_category").alias("category"),
        "product_type",
        "package_size",
        "manufacturer_id",
    )
    unknown = interactions.select("item_id").distinct().join(listed, "item_id", "left_anti")
    bare = unknown.withColumn("name", F.concat(F.lit("Item "), "item_id"))
    return listed.unionByName(bare, allowMissingColumns=True)


def name() -> Column:
    """`Ice - Crushed/Cubed, 22 lb`: type (or category, or department), then size; an own brand is named."""
    kind = F.coalesce("product_type", "product_category", "department")
    own = F.when(F.col("brand") == "Private", F.lit(" (own brand)"))
    full_name = F.concat_ws(", ", F.initcap(kind), F.lower("package_size"))
    return F.when(full_name == "", F.concat(F.lit("Item "), "product_id")).otherwise(F.concat_ws("", full_name, own))


def main(lake: Lake, _: Options) -> None:
    catalog, interactions = current_rows(lake, "silver.catalog"), tables.read(lake, "silver.interactions")
    tables.overwrite(lake, TABLE, as_items(catalog, interactions))


JOB = Job(TABLE, main, reads=("silver.catalog", "silver.interactions"))

if __name__ == "__main__":
    submit(JOB)
