"""Who is one person: which people new links may change, by Spark, and who these are then, in the driver's arrays."""

import functools

import numpy as np
import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.people import clusters
from jobs.people.rules import limits_by_priority
from jobs.people.sightings import EVENTS, IDENTIFIER, PAIR, as_standing, is_identifier
from jobs.settings.identity_settings import IdentitySettings

NAME_LAST = ("email", "phone", "device_id")
"""A person is named by another identifier, where they have one: tokens change with a secret, and devices are shared."""

STATE = ["person_id", "component", "is_shared"]
UNBORN = np.iinfo(np.int64).max


def only_new_links(links: DataFrame, told: DataFrame) -> DataFrame:
    """Rows as of silver.identity_links that `told`, the table, does not have: a pair and source of which it does not
    say so yet, what an event said earlier than it knows, and what others say later."""
    own = [*PAIR, "source", "is_standing"]
    before = told.groupBy(*own).agg(F.min("received_at").alias("_first"), F.max("received_at").alias("_last"))
    at, is_of_event = F.col("received_at"), F.col("source") == EVENTS
    is_new = F.when(is_of_event, at < F.col("_first")).otherwise(at > F.col("_last"))
    return links.join(before, on=own, how="left").where(F.coalesce(is_new, F.lit(True))).drop("_first", "_last")


def only_affected(known: DataFrame, new_links: DataFrame, told: DataFrame, takes_back: bool) -> DataFrame:
    """Those of `known`, rows of silver.identities as they are, whose person new links may change: all that links join
    to one that they name. `told`: rows of silver.identity_links.

    What is shared joins nobody; but where a link is taken back, those at its other links may be joined again.
    """
    touched = known.join(F.broadcast(ends_of(new_links).distinct()), on=IDENTIFIER, how="inner")
    if takes_back:
        shared = touched.where("is_shared").select(*IDENTIFIER)
        beyond = ends_of(links_of(told, shared)).distinct()
        touched = touched.unionByName(known.join(beyond, on=IDENTIFIER, how="inner"))
    return known.join(F.broadcast(touched.select("component").distinct()), on="component", how="left_semi")


def links_between(told: DataFrame, identifiers: DataFrame | None, rules: IdentitySettings) -> DataFrame:
    """The links that hold, one row per pair, of which an end is among the identifiers (None: all)."""
    standing = as_standing(told if identifiers is None else links_of(told, identifiers))
    named = [is_identifier(F.col(f"{end}_identifier"), rules) for end in ("left", "right")]
    return standing.where(named[0] & named[1])


def resolved(identifiers: pd.DataFrame, links: pa.Table, rules: IdentitySettings) -> pd.DataFrame:
    """Each of `identifiers` (identifier_type, identifier, received_at) with its person_id, component and is_shared.

    `links`: by `links_between`; those that lead to others than the identifiers join nothing.
    """
    own = own_person_ids(identifiers["identifier_type"], identifiers["identifier"])
    ends = [_ends(links, end, pd.Index(own), rules) for end in ("left", "right")]
    named = ~identifiers["identifier_type"].isin(NAME_LAST).to_numpy()
    born = np.where(named, identifiers["received_at"].to_numpy("datetime64[us]").astype(np.int64), UNBORN)
    of_own = pd.util.hash_array(own).view(np.int64)
    people = clusters.as_people(
        clusters.Identifiers(_priority(identifiers["identifier_type"], rules), born, of_own),
        clusters.Links(*ends[0], *ends[1], links["at"].cast(pa.int64()).to_numpy(), links["doubt"].to_numpy()),
        limits_by_priority(rules),
    )
    answers = {"person_id": own[people.person], "component": of_own[people.component], "is_shared": people.is_shared}
    return identifiers.assign(**answers)


def own_person_ids(identifier_type: pd.Series, identifier: pd.Series) -> np.ndarray:
    """Whom nobody but this identifier makes up. No two identifiers have one in common: only a user_id without a colon
    stands alone. `identity.own_person_id` and `Identifier.own_person_id` say the same of one."""
    is_plain = (identifier_type == "user_id") & ~identifier.str.contains(":", regex=False)
    return identifier.where(is_plain, identifier_type + ":" + identifier).to_numpy(dtype=object)


def ends_of(links: DataFrame, *columns: str) -> DataFrame:
    """Both identifiers of each link, and columns of it."""
    return _end(links, "left", *columns).union(_end(links, "right", *columns))


def links_of(links: DataFrame, identifiers: DataFrame) -> DataFrame:
    """Rows of silver.identity_links one of whose ends is among the identifiers; twice, where both are."""
    near = []
    for end in ("left", "right"):
        theirs = identifiers.select(
            *[F.col(name).alias(column) for name, column in zip(IDENTIFIER, _of(end), strict=True)]
        )
        near.append(links.join(theirs, on=_of(end), how="left_semi").select(*links.columns))
    return functools.reduce(DataFrame.union, near)


def _end(links: DataFrame, end: str, *columns: str) -> DataFrame:
    names = [F.col(column).alias(name) for name, column in zip(IDENTIFIER, _of(end), strict=True)]
    return links.select(*names, *columns)


def _of(end: str) -> list[str]:
    return [f"{end}_type", f"{end}_identifier"]


def _ends(
    links: pa.Table, end: str, own: pd.Index, rules: IdentitySettings
) -> tuple[clusters.Integers, clusters.Integers]:
    """Where the identifiers at one end stand, -1: nowhere, and their types' places in the priority."""
    kind, identifier = (links[column].to_pandas() for column in _of(end))
    return own.get_indexer(pd.Index(own_person_ids(kind, identifier))), _priority(kind, rules)


def _priority(identifier_type: pd.Series, rules: IdentitySettings) -> clusters.Integers:
    return pd.Index(rules.priority).get_indexer(pd.Index(identifier_type))
