"""Who a row is of: the person to whom silver.identities says its identifiers belong.

Nobody's name is another's: a person has that of their oldest identifier, a user_id as it is, another as
type:identifier. An identifier that silver.identities does not know yet is a person of its own.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.lake import tables
from jobs.lake.lake import Lake

TABLE = "silver.identities"
IDENTIFIERS = ("user_id", "anonymous_id", "device_id")


def own_person_id(identifier_type: Column, identifier: Column) -> Column:
    """The person whom nobody but this identifier makes up; as `resolution.own_person_ids` says of many."""
    is_plain = (identifier_type == "user_id") & ~F.contains(identifier, F.lit(":"))
    return F.when(is_plain, identifier).otherwise(F.concat_ws(":", identifier_type, identifier))


def own_ids() -> dict[str, Column]:
    """By the name of their columns, the identifiers by which a row of silver is somebody's, each as a person of its
    own; null where it is missing."""
    return {
        name: F.when(F.col(name).isNotNull(), own_person_id(F.lit(name), F.col(name)))
        for name in ("user_id", "anonymous_id")
    }


def current_identities(lake: Lake) -> DataFrame:
    """Rows of silver.identities as it says now, whatever is written to it later. Raises OperatorError when it is not
    built yet."""
    return tables.read(lake, TABLE, tables.version(lake, TABLE)).where("valid_to IS NULL")


def merged_people(lake: Lake) -> DataFrame:
    """Rows (own_person_id, person_id): each identifier that belongs to a person of another name, and that person.
    Raises OperatorError when silver.identities is not built yet."""
    own = own_person_id(F.col("identifier_type"), F.col("identifier"))
    identities = current_identities(lake).select(own.alias("own_person_id"), "person_id")
    return identities.where("own_person_id <> person_id")
