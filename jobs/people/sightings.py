"""Which identifiers were seen together: in an event, an `identify` event's payload, a row of the CRM."""

import re
from collections.abc import Mapping
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.people.identifier import Identifier
from jobs.settings.identity_settings import IdentitySettings

EVENTS, CRM, LINKAGE, OPERATOR = "events", "crm", "linkage", "operator"
"""Sources of links. An event is seen for ever, the CRM and linkage hold as long as they say so, an operator's word is
last."""

OF_EVENT = ("user_id", "anonymous_id", "device_id")
IN_PAYLOAD = ("crm_id", "email", "phone", "device_id", "anonymous_id")
IDENTIFIER = ["identifier_type", "identifier"]
ONE_CHARACTER = re.compile(r"[^0-9a-z]*([0-9a-z])(?:[^0-9a-z]*\1){7,}[^0-9a-z]*")
"""Once more and again, at least eight times, whatever else than letters and digits is between."""
PAIR = ("left_type", "left_identifier", "right_type", "right_identifier")


def as_sightings(events: DataFrame, rules: IdentitySettings) -> DataFrame:
    """Rows of silver.events as one row per set of `identifiers` (strongest type first, none twice), `cause`, and the
    first event that had them: `received_at`, `event_id`."""
    payload = {f"_{name}": F.expr(f"if(event_type = 'identify', payload.{name}, null)") for name in IN_PAYLOAD}
    columns = [*((name, name) for name in OF_EVENT), *((name, f"_{name}") for name in IN_PAYLOAD)]
    cause = (
        F.when(F.col("event_type") == "identify", "identify")
        .when(F.col("user_id").isNotNull() & F.col("anonymous_id").isNotNull(), "login")
        .otherwise("device")
    )
    values = ["cause", *[column for _, column in columns]]
    rows = events.withColumns({**payload, "cause": cause}).withColumn("_hash", F.xxhash64(*values))
    sets = rows.groupBy("_hash", *values)  # by a number first: Spark sorts the rows for what is first of them
    first = sets.agg(F.min(F.struct("received_at", "event_id")).alias("first"))
    return first.select(_identifiers(columns, rules), "cause", "first.*").where("size(identifiers) > 0")


def as_crm_sightings(customers: DataFrame, rules: IdentitySettings) -> DataFrame:
    """Rows of silver.crm likewise, one per state: `received_at` is when it began, `ended_at` when it ended."""
    columns = [("user_id", "_user_id"), ("email", "email"), ("phone", "phone"), ("crm_id", "_crm_id")]
    rows = customers.withColumns({"_user_id": user_id(), "_crm_id": crm_id()})
    return rows.select(
        _identifiers(columns, rules),
        F.lit(CRM).alias("cause"),
        F.col("valid_from").alias("received_at"),
        F.lit(None).cast("string").alias("event_id"),
        F.col("valid_to").alias("ended_at"),
    ).where("size(identifiers) > 0")


def user_id() -> Column:
    """Of a row of silver.crm; null for one of a customer without an account, whose key is `crm_id:` and the crm_id."""
    return F.when(~F.col("user_id").startswith("crm_id:"), F.col("user_id"))


def crm_id() -> Column:
    """Of a row of silver.crm; a release before kept it among the attributes."""
    return F.coalesce("crm_id", F.try_element_at("attributes", F.lit("crm_id")))


def as_identifiers(sightings: DataFrame) -> DataFrame:
    """One row per identifier: its type, and `received_at`: when first."""
    each = sightings.select(F.explode("identifiers").alias("one"), "received_at")
    return each.groupBy("one.identifier_type", "one.identifier").agg(F.min("received_at").alias("received_at"))


def as_links(sightings: DataFrame) -> DataFrame:
    """One row per pair that stood together, with what it was seen in first: the strongest identifier with each other.

    Columns as in silver.identity_links.
    """
    first = _pairs(sightings, F.struct("received_at", "event_id", "cause").alias("seen")).groupBy(*PAIR)
    return first.agg(F.min("seen").alias("seen")).select(
        *PAIR, F.lit(EVENTS).alias("source"), F.lit(True).alias("is_standing"), "seen.*", _certain()
    )


def as_crm_links(sightings: DataFrame) -> DataFrame:
    """One row per pair and moment at which the CRM began, or ceased, to say so; columns as in silver.identity_links."""
    moments = F.array(_change(1, "received_at"), _change(-1, "ended_at"))
    each = _pairs(sightings, F.explode(moments).alias("change")).where("change.at IS NOT NULL")
    # A state that follows another with the same pair changes nothing: one ends as one begins.
    sums = (
        each.groupBy(*PAIR, F.col("change.at").alias("received_at"))
        .agg(F.sum("change.one").alias("change"))
        .where("change <> 0")
    )
    is_standing = (F.col("change") > 0).alias("is_standing")
    nothing = F.lit(None).cast("string").alias("event_id")
    return sums.select(
        *PAIR, F.lit(CRM).alias("source"), is_standing, "received_at", nothing, F.lit(CRM).alias("cause"), _certain()
    )


def _certain() -> Column:
    return F.lit(None).cast("double").alias("probability")


def _change(one: int, at: str) -> Column:
    return F.struct(F.lit(one).alias("one"), F.col(at).alias("at"))


def _pairs(sightings: DataFrame, *columns: Column) -> DataFrame:
    others = F.slice("identifiers", 2, F.greatest(F.size("identifiers") - 1, F.lit(0)))
    pairs = sightings.select("*", F.col("identifiers")[0].alias("left"), F.explode(others).alias("right"))
    ends = [F.col(f"{end}.{part}").alias(f"{end}_{name}") for end in ("left", "right") for name, part in _PARTS]
    return pairs.select(*ends, *columns)


_PARTS = (("type", "identifier_type"), ("identifier", "identifier"))


def as_standing(links: DataFrame) -> DataFrame:
    """Rows of silver.identity_links as one row per pair that holds, `at`: since when, and `doubt`: 0 where it was seen
    or said, else how probable it is that linkage is wrong. Of the CRM, of linkage and of an operator the last word
    counts, at equal times the one that takes a link back; an operator's counts for more than all others."""

    # Numbers alone, which Spark adds up in a hash table; structs it would sort the rows for.
    at = F.unix_micros("received_at")

    def last(source: str) -> Column:
        """Twice its last moment; and one more, where that takes the link back."""
        return F.max(F.when(F.col("source") == source, at * 2 + F.when(F.col("is_standing"), 0).otherwise(1)))

    def first(source: str) -> Column:
        return F.min(F.when((F.col("source") == source) & F.col("is_standing"), at))

    pairs = links.groupBy(*PAIR).agg(
        *[last(source).alias(source) for source in (CRM, LINKAGE, OPERATOR)],
        *[first(source).alias(f"{source}_at") for source in (EVENTS, CRM, LINKAGE, OPERATOR)],
        F.max("probability").alias("probability"),
    )
    by_crm, by_linkage, by_operator = (F.col(source) % 2 == 0 for source in (CRM, LINKAGE, OPERATOR))
    is_seen = F.col("events_at").isNotNull() | F.coalesce(by_crm, F.lit(False))
    holds = F.coalesce(by_operator, is_seen | F.coalesce(by_linkage, F.lit(False)))
    of_linkage = F.when(by_linkage, F.col("linkage_at"))
    since = F.least("events_at", F.when(by_crm, F.col("crm_at")), of_linkage, "operator_at")
    doubt = F.when(is_seen | F.coalesce(by_operator, F.lit(False)), 0.0).otherwise(1 - F.col("probability"))
    return pairs.where(holds).select(*PAIR, F.timestamp_micros(since).alias("at"), doubt.alias("doubt"))


def links_in(event: Mapping[str, Any], rules: IdentitySettings) -> list[tuple[Identifier, Identifier]]:
    """Of one valid event, as `as_sightings` and `as_links` say of many: the strongest identifier with each other."""
    payload = event["payload"] if event["event_type"] == "identify" else {}
    values = [*((name, event.get(name)) for name in OF_EVENT), *((name, payload.get(name)) for name in IN_PAYLOAD)]
    named = [Identifier(name, one) for name, one in values if one is not None and names_somebody(one, rules)]
    by_priority = sorted(dict.fromkeys(named), key=lambda one: rules.priority.index(one.identifier_type))
    return [(by_priority[0], other) for other in by_priority[1:]]


def names_somebody(value: str, rules: IdentitySettings) -> bool:
    """As `is_identifier` says of many."""
    letters = value.strip(" ").lower()
    is_junk = letters in {one.lower() for one in rules.junk}
    return not (is_junk or re.fullmatch("[-0 ]*", letters) or ONE_CHARACTER.fullmatch(letters))


def _identifiers(columns: list[tuple[str, str]], rules: IdentitySettings) -> Column:
    """The identifiers of a row that are some, by the priority of their types."""
    by_priority = sorted(columns, key=lambda one: rules.priority.index(one[0]))
    each = [
        F.when(
            is_identifier(F.col(column), rules),
            F.struct(F.lit(name).alias("identifier_type"), F.col(column).alias("identifier")),
        )
        for name, column in by_priority
    ]
    return F.array_distinct(F.array_compact(F.array(*each))).alias("identifiers")


def is_identifier(value: Column, rules: IdentitySettings) -> Column:
    """Whether a value names somebody: it is there, not one character again and again, and not listed as junk."""
    letters = F.lower(F.trim(value))
    is_one_character = letters.rlike(f"^(?:{ONE_CHARACTER.pattern})$")
    is_junk = (
        (letters == "") | letters.rlike("^[-0 ]*$") | is_one_character | letters.isin([*map(str.lower, rules.junk)])
    )
    return value.isNotNull() & ~is_junk
