"""Customers of the CRM who are probably one person: found in silver.crm, and said in silver.identity_links.

A probable link is one more source of links: what was seen comes before it, an operator's word outranks it, and it is
taken back when the CRM's rows have become too unlike. Pairs that are less sure wait in ops.identity_review.
"""

import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from expectations.schemas import TABLES
from expectations.source_contract import ENCODINGS
from jobs.lake import notes, tables
from jobs.lake.lake import Lake
from jobs.people import identity_review
from jobs.people.identity import TABLE, current_identities
from jobs.people.identity_history import LINKS, take_up
from jobs.people.linkage_model import ENCODED, FIELDS, LEVELS, SOUNDS, UNKNOWN, scored
from jobs.people.resolution import ends_of
from jobs.people.sightings import IDENTIFIER, LINKAGE, OPERATOR, PAIR, crm_id, is_identifier, user_id
from jobs.privacy.keyed_encodings import BITS, VERSION
from jobs.settings.identity_settings import IdentitySettings

CRM = "silver.crm"
NOTE = "lakehouse.linkage"
"""A property of silver.identities: what was linked last, of which version of silver.crm and by which settings."""

log = logging.getLogger(__name__)


def link(lake: Lake, rules: IdentitySettings) -> None:
    """Links customers anew where the CRM or the settings changed since.

    The driver does it: 300,000 customers took 1.6 GiB and 31 s of the processor. A second run changes nothing, nor does
    one after a run that was killed change anything but what that one left undone.
    """
    settings = lake.settings.linkage
    state = json.dumps([tables.version(lake, CRM), settings.model_dump(), rules.limits, rules.priority, rules.junk])
    if notes.noted(lake, TABLE, NOTE) == state:
        return
    customers = as_customers(tables.read(lake, CRM), rules)
    versions = [row[0] for row in customers.select(VERSION).distinct().collect()]
    if len(versions) > 1:
        log.warning("linkage: some customers are encoded with an older secret, so nobody is linked; %s", LAND_WHOLE)
        return
    if not versions:
        log.warning("linkage: no customer has a name that was encoded when it landed; %s", LAND_WHOLE)
    rows = as_rows(customers.toArrow())
    pairs = scored(rows, ENCODED, may_be_one(rules), settings.review_from).to_pandas()
    keep(lake, rules, as_named_pairs(pairs, rules.priority))
    notes.note(lake, TABLE, NOTE, state)


LAND_WHOLE = "land the CRM whole with linkage.enabled = true (jobs/people/README.md)"


def as_customers(crm: DataFrame, rules: IdentitySettings) -> DataFrame:
    """Rows of silver.crm as they are now and have encodings, as what linkage compares. `unique_id`: the place of the
    identifier's type in the priority, a colon, the identifier. Encodings are numbers, equal for equal ones; those of
    FIELDS are bytes, too, as `<field>_filter`."""
    ids = {"user_id": user_id(), "crm_id": crm_id()}
    named = [(kind, F.when(is_identifier(ids[kind], rules), ids[kind])) for kind in rules.priority if kind in ids]
    keys = [F.concat(F.lit(f"{rules.priority.index(kind)}:"), value) for kind, value in named]
    encoded = {name: F.try_element_at(ENCODINGS, F.lit(name)) for name in (*FIELDS, *SOUNDS)}
    rows = crm.where("valid_to IS NULL").select(
        F.coalesce(*keys).alias("unique_id"),
        *[value.alias(kind) for kind, value in named],
        "email",
        "phone",
        F.try_element_at(ENCODINGS, F.lit(VERSION)).alias(VERSION),
        *[F.when(text.isNotNull(), F.xxhash64(text)).alias(name) for name, text in encoded.items()],
        *[F.unbase64(encoded[name]).alias(f"{name}_filter") for name in FIELDS],
    )
    return rows.where(F.col("unique_id").isNotNull() & F.col(VERSION).isNotNull())


def as_rows(customers: pa.Table) -> pa.Table:
    """Customers as `linkage_model.by_bits` compares them: each filter as words of 64 bits, and how many are set."""
    rows = customers
    for name in FIELDS:
        column = f"{name}_filter"
        filters = rows[column].combine_chunks().fill_null(bytes(BITS // 8)).cast(pa.binary(BITS // 8))
        words = np.frombuffer(filters.buffers()[1], np.uint64).reshape(-1, BITS // 64)[filters.offset :][: len(filters)]
        bits = np.bitwise_count(words).sum(axis=1)
        rows = rows.drop_columns(column)
        for word in range(BITS // 64):
            rows = rows.append_column(f"{name}_{word}", pa.array(words[:, word]))
        rows = rows.append_column(f"{name}_bits", pa.array(bits, pa.int64(), mask=bits == 0))
    return rows


def may_be_one(rules: IdentitySettings) -> str:
    """Whether rows `l` and `r` share no identifier, and one person may have those of both: in SQL."""
    apart = [f"l.{name} IS DISTINCT FROM r.{name} OR l.{name} IS NULL" for name in ("email", "phone")]
    for name in ("user_id", "crm_id"):
        both = "l.{0} IS NULL OR r.{0} IS NULL" if rules.limits[name] == 1 else "coalesce(l.{0} <> r.{0}, true)"
        apart.append(both.format(name))
    return " AND ".join(f"({one})" for one in apart)


def as_named_pairs(pairs: pd.DataFrame, priority: Sequence[str]) -> pd.DataFrame:
    """Pairs by `linkage_model.scored`, with PAIR in place of `left` and `right`, and `agreement` of the levels."""
    ends = {}
    for end in ("left", "right"):
        parts = pairs[end].str.extract("^([0-9]+):(.*)$")
        ends[f"{end}_type"] = parts[0].astype(int).map(dict(enumerate(priority)))
        ends[f"{end}_identifier"] = parts[1]
    words = pairs[[*LEVELS]].apply(lambda levels: levels.map({-1: UNKNOWN, **dict(enumerate(LEVELS[levels.name]))}))
    agreement = [list(row.items()) for row in words.to_dict("records")]
    values = {name: pairs[name] for name in ("probability", "is_clear")}
    return pd.DataFrame({**ends, **values, "agreement": pd.Series(agreement, dtype=object)})


def keep(lake: Lake, rules: IdentitySettings, pairs: pd.DataFrame) -> None:
    """Says of `pairs`, by `as_named_pairs`, which are links now, and which wait for an operator. A link holds until its
    pair is less probable than what waits: what is learned anew each time does not make and break it."""
    threshold, said = lake.settings.linkage.threshold, _said(lake)
    named = pd.MultiIndex.from_frame(pairs[[*PAIR]])
    standing = said[(said["source"] == LINKAGE) & said["is_standing"]].set_index([*PAIR]).index
    is_told = named.isin(said[said["source"] == OPERATOR].set_index([*PAIR]).index)
    is_open = ~(named.isin(standing) | is_told | _are_one(lake, pairs))
    is_match = (pairs["probability"] >= threshold) & pairs["is_clear"]
    new, gone = pairs[is_open & is_match], standing.difference(named)
    now = datetime.now(UTC)
    rows = [(*pair, True, p) for *pair, p in new[[*PAIR, "probability"]].itertuples(index=False)]
    rows += [(*pair, False, None) for pair in gone]
    if rows:
        told = [(*pair, LINKAGE, holds, now, None, LINKAGE, p) for *pair, holds, p in rows]
        links = lake.spark.createDataFrame(told, TABLES[LINKS].ddl)
        take_up(lake, rules, ends_of(links, "received_at"), links)
    log.info("linkage: %d new links, %d taken back", len(new), len(gone))
    identity_review.wait_for(lake, pairs[is_open & ~is_match])


def _said(lake: Lake) -> pd.DataFrame:
    """Of each pair the last word of linkage and of operators, where they said one."""
    words = tables.read(lake, LINKS).where(F.col("source").isin(LINKAGE, OPERATOR))
    last: pd.DataFrame = (
        words.groupBy(*PAIR, "source").agg(F.max_by("is_standing", "received_at").alias("is_standing")).toPandas()
    )
    return last.astype({"is_standing": bool})


def _are_one(lake: Lake, pairs: pd.DataFrame) -> "pd.Series[bool]":
    """Whether both ends are one person's already."""
    people = current_identities(lake).where(F.col("identifier_type").isin("user_id", "crm_id"))
    known: pd.DataFrame = people.select(*IDENTIFIER, "person_id").toPandas()
    person = known.set_index(IDENTIFIER)["person_id"]
    ends = [
        person.reindex(pd.MultiIndex.from_frame(pairs[[f"{end}_type", f"{end}_identifier"]])).to_numpy()
        for end in ("left", "right")
    ]
    return pd.Series(ends[0] == ends[1], index=pairs.index)
