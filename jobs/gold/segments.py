"""gold.segments: one row per person and segment they are in: by the rules of conf/segments.toml, and by the champion's
personas.

Each segment asks for consent to its own purpose. A run looks only at people of whom something new is known, or whose
time has come by gold.segment_checks, and comes to what looking at everybody would. It also fills gold.segment_changes,
and decides whether a changed file of rules is let through (jobs/segments/rule_sets.py).
"""

import logging
from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from expectations.schemas import TABLES
from jobs.champions import tracking
from jobs.errors import OperatorError
from jobs.gold.features import as_numbers
from jobs.job import Job, Options, submit
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.lake.materialized import materialized
from jobs.people.personal import personal
from jobs.segment_rules.definitions import rule_version
from jobs.segments import membership, rule_sets
from jobs.segments.affected import Basis
from jobs.segments.canary import SUFFIX
from jobs.segments.history import keep, keep_checks, last_basis, next_moment, note
from models import personas, registry
from models.personas import PersonasModel
from models.registry import Version

TABLE = "gold.segments"
WANTED = tuple(name for name in TABLES[TABLE].names if name != "since")

log = logging.getLogger(__name__)


def as_segments(numbers: DataFrame, model: PersonasModel, version: str) -> DataFrame:
    """Each person of `numbers` (see train.personas) in the nearest persona."""
    names = F.create_map(*[F.lit(part) for persona in model.personas for part in (persona.segment_id, persona.name)])
    assigned = personas.assign(model, numbers)
    return assigned.withColumns(
        {"name": names[F.col("segment_id")], "source": F.lit("persona"), "version": F.lit(version)}
    ).select(*WANTED)


def main(lake: Lake, options: Options) -> None:
    last = last_basis(lake)
    sets = rule_sets.settle(lake, options.as_of)
    champion = tracking.champion_if_any(lake.settings, "personas")
    now = membership.basis(
        lake, sets, next_moment(lake, options.as_of), options.as_of, _seen_of_personas(lake, champion)
    )
    people = membership.people_to_look_at(lake, last, now, options.as_of)
    with_personas = last is None or people is None or last.is_other_for_personas(now)
    if people is not None and people.isEmpty() and not with_personas:
        return note(lake, now)
    with materialized(membership.evaluated(lake, sets.all, people, options.as_of)) as rows:
        wanted = membership.as_rows(rows, sets)
        if with_personas:
            wanted = wanted.unionByName(_of_personas(lake, champion, options))
        scope = F.lit(True) if with_personas else F.col("source") == "rule"
        keep(lake, wanted, scope, people, _cause(last, now), now, last)
        keep_checks(lake, rows, people, options.as_of)
    note(lake, now)


def _cause(last: Basis | None, now: Basis) -> Column:
    """Of a change, as far as it can be told."""
    before, after = _versions({} if last is None else last.rules), _versions(now.rules)
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    by_model = {
        name
        for name in changed
        if {*map(rule_version, before.get(name, ()))} == {*map(rule_version, after.get(name, ()))}
    }
    is_other_model = last is None or last.personas.get("model") != now.personas.get("model")
    unexplained = (
        "catalogue" if last and last.versions.get("silver.items") != now.versions.get("silver.items") else "event"
    )
    of_rule = (
        F.when(F.col("segment_id").isin(sorted(changed - by_model)), "rule")
        .when(F.col("segment_id").isin(sorted(by_model)), "model")
        .otherwise(F.coalesce(F.col("people_cause"), F.lit(unexplained)))
    )
    of_persona = F.lit("model") if is_other_model else F.coalesce(F.col("people_cause"), F.lit("event"))
    return F.when(F.col("source") == "persona", of_persona).otherwise(of_rule)


def _versions(rules: Mapping[str, str]) -> dict[str, set[str]]:
    """Of each segment the version in force, and that of a canary."""
    versions: dict[str, set[str]] = {}
    for name, version in rules.items():
        versions.setdefault(name.removesuffix(SUFFIX), set()).add(version)
    return versions


def _seen_of_personas(lake: Lake, champion: Version | None) -> dict[str, str | int | None]:
    """What personas are assigned by."""
    if champion is None:
        return {"model": None}
    return {"model": champion.version, "gold.features": tables.version(lake, "gold.features")}


def _of_personas(lake: Lake, champion: Version | None, options: Options) -> DataFrame:
    if champion is None:
        log.warning("%s: no personas were trained yet, so nobody is in one", TABLE)
        return lake.spark.createDataFrame([], TABLES[TABLE].ddl).select(*WANTED)
    manifest = registry.manifest(tracking.registry_of(lake.settings), champion)
    features = personal(lake, "gold.features", "personalisation", options.as_of)
    if "categories" not in manifest:
        raise OperatorError(
            f"{TABLE}: personas version {champion.version} was trained by another release; run: lakehouse run"
            " gold.features train.personas"
        )
    numbers = as_numbers(features, manifest["categories"], manifest["brands"])
    return as_segments(numbers, personas.from_values(manifest["model"]), champion.version)


JOB = Job(
    TABLE,
    main,
    reads=(
        "silver.events",
        "silver.consents",
        "silver.items",
        "silver.people",
        "silver.identities",
        "gold.features",
        "models.intent",
        "models.personas",
    ),
)

if __name__ == "__main__":
    submit(JOB)
