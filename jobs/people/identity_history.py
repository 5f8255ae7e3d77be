"""silver.identities, silver.identity_links and silver.identity_changes brought up to date with what was seen.

A run that is killed does no harm when it is done again: what changed is written first, and goes where identities do not
say so in the end; then identities; and at last the links, which say that all before is done. The driver holds some 400
bytes for each identifier that is looked at.
"""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T
from pyspark.sql.pandas.types import to_arrow_schema

from expectations.schemas import TABLES
from jobs.lake import tables
from jobs.lake.conflicts import again_on_conflict
from jobs.lake.lake import Lake
from jobs.people.identity import TABLE, current_identities
from jobs.people.resolution import STATE, links_between, only_affected, only_new_links, own_person_ids, resolved
from jobs.people.sightings import IDENTIFIER
from jobs.settings.identity_settings import IdentitySettings

LINKS, CHANGES = "silver.identity_links", "silver.identity_changes"
BROADCAST_ROWS = 100_000
NEWS = ["received_at", "cause", "event_id"]


def take_up(lake: Lake, rules: IdentitySettings, seen: DataFrame, links: DataFrame) -> None:
    """Identifiers (as `sightings.as_identifiers` gives them) and links (`as_links`), any of which may be known."""
    tables.create(lake, TABLE, LINKS, CHANGES)
    known, told = current_identities(lake), tables.read(lake, LINKS)
    new_links = only_new_links(links, told).toArrow()
    new = _people(seen.join(known, on=IDENTIFIER, how="left_anti").select(*IDENTIFIER, "received_at"))
    if new_links.num_rows:
        news = lake.spark.createDataFrame(new_links)
        takes_back = not all(new_links["is_standing"].to_pylist())
        people = pd.concat([_people(only_affected(known, news, told, takes_back)), new], ignore_index=True)
        near = _near(lake, people) if len(people) <= BROADCAST_ROWS else None
        _keep(lake, people, links_between(told.unionByName(news), near, rules), rules, new_links.to_pandas())
        tables.append(lake, LINKS, news)
    elif len(new):
        _keep(lake, new, links_between(told.limit(0), None, rules), rules, new_links.to_pandas())


def take_up_all(lake: Lake, rules: IdentitySettings) -> None:
    """Works out all people anew, as after a change of the rules."""
    tables.create(lake, TABLE, LINKS, CHANGES)
    told = tables.read(lake, LINKS)
    _keep(lake, _people(current_identities(lake)), links_between(told, None, rules), rules, told.limit(0).toPandas())


def _people(identities: DataFrame) -> pd.DataFrame:
    """Brought to the driver, with what is known of them: nothing, where they are new."""
    columns = [name for name in (*IDENTIFIER, "received_at", *STATE) if name in identities.columns]
    people: pd.DataFrame = identities.select(*columns).toPandas()
    types = {"person_id": object, "component": "Int64", "is_shared": "boolean"}
    return people.reindex(columns=[*IDENTIFIER, "received_at", *STATE]).astype(types)


def _near(lake: Lake, people: pd.DataFrame) -> DataFrame:
    return F.broadcast(lake.spark.createDataFrame(people[IDENTIFIER], "identifier_type string, identifier string"))


def _keep(lake: Lake, people: pd.DataFrame, links: DataFrame, rules: IdentitySettings, news: pd.DataFrame) -> None:
    """Closes what is not so any more and opens what is so now; component and is_shared are set in place. `news`: rows
    of silver.identity_links that are new."""
    before = people[STATE]
    now = resolved(people[[*IDENTIFIER, "received_at"]], links.toArrow(), rules)
    is_new, is_other = before["person_id"].isna(), before["person_id"] != now["person_id"]
    is_else = (before[STATE[1:]] != now[STATE[1:]]).any(axis=1) & ~is_new
    if not (is_other | is_else).any():
        return
    moment = _moment(lake)
    caused = _with_cause(now, before["component"], news)
    opening = caused[is_other].assign(valid_from=moment, valid_to=pd.NaT)
    moved = opening.assign(from_person_id=before["person_id"])[~is_new[is_other]]
    if len(moved):
        tables.append(lake, CHANGES, _frame(lake, CHANGES, _changes(moved, {*now["person_id"]})))
    opened = _frame(lake, TABLE, opening)
    mending = caused[(is_other & ~is_new) | is_else]
    if not len(mending):
        tables.append(lake, TABLE, opened)
        return
    ended = mending.assign(valid_from=pd.NaT, valid_to=is_other[mending.index].map({True: moment, False: pd.NaT}))
    closing = _frame(lake, TABLE, ended).withColumn("is_known", F.lit(True))
    rows = opened.withColumn("is_known", F.lit(False)).unionByName(closing)
    is_same = [f"old.{name} = new.{name}" for name in IDENTIFIER]
    merge = (
        tables.merge(lake, TABLE, rows, " AND ".join([*is_same, "new.is_known", "old.valid_to IS NULL"]))
        .whenMatchedUpdate(set={name: f"new.{name}" for name in ("component", "is_shared", "valid_to")})
        .whenNotMatchedInsert(values={name: f"new.{name}" for name in opened.columns})
    )
    again_on_conflict(merge.execute)


def _moment(lake: Lake) -> datetime:
    """Now, and later than all that is known, though a clock was set back. Changes that a killed run wrote, and whose
    identities it did not, go."""
    last: datetime | None = tables.read(lake, TABLE).agg(F.max("valid_from")).collect()[0][0]
    unfinished = "true" if last is None else f"changed_at > TIMESTAMP '{last.isoformat()}'"
    if tables.has_rows(lake, CHANGES, unfinished):
        tables.delta(lake, CHANGES).delete(unfinished)
    now = datetime.now(UTC)
    return now if last is None else max(now, last.replace(tzinfo=UTC) + timedelta(microseconds=1))


def _with_cause(now: pd.DataFrame, component_before: "pd.Series[int]", news: pd.DataFrame) -> pd.DataFrame:
    """Adds `cause` and `event_id`: of the first new link among those that stand, or stood, in one component with the
    identifier. Of one that is new and linked with nobody the cause is `seen`; where no link explains it, `rules`."""
    of_own = pd.DataFrame({"now": now["component"].astype("Int64"), "before": component_before})
    of_own.index = pd.Index(own_person_ids(now["identifier_type"], now["identifier"]))
    told = []
    for end in ("left", "right"):
        own = own_person_ids(news[f"{end}_type"], news[f"{end}_identifier"])
        components = of_own.reindex(own).set_axis(news.index)
        told += [news[NEWS].assign(component=components[when]) for when in ("now", "before")]
    first = (
        pd.concat(told).dropna(subset="component").sort_values(NEWS).drop_duplicates("component").set_index("component")
    )
    explained = [first.reindex(components).set_axis(now.index) for components in (now["component"], component_before)]
    both = explained[0].combine_first(explained[1])
    unexplained = component_before.isna().map({True: "seen", False: "rules"})
    return now.assign(cause=both["cause"].fillna(unexplained), event_id=both["event_id"])


def _changes(moved: pd.DataFrame, people: set[str]) -> pd.DataFrame:
    """Rows of silver.identity_changes. `people`: all persons among whom they move, as they are now."""
    ordered = moved.sort_values([*IDENTIFIER])
    named = ordered.assign(identifiers=ordered[IDENTIFIER].to_dict("records"))
    pairs = named.groupby(["from_person_id", "person_id"], as_index=False, sort=False)
    changes = pairs.agg(
        changed_at=("valid_from", "first"),
        identifiers=("identifiers", list),
        cause=("cause", "first"),
        event_id=("event_id", "first"),
    )
    return changes.assign(kind=changes["from_person_id"].isin(people).map({True: "split", False: "merge"}))


def _frame(lake: Lake, name: str, rows: pd.DataFrame) -> DataFrame:
    """Rows of the driver's as rows of a table."""
    columns = T.StructType.fromDDL(TABLES[name].ddl)
    assert isinstance(columns, T.StructType)
    schema = to_arrow_schema(columns, timezone="UTC")
    return lake.spark.createDataFrame(pa.Table.from_pandas(rows[list(schema.names)], schema, preserve_index=False))
