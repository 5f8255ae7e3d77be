"""No way from silver to gold, to a model or to Redis but through `personal`: in the code, and by what comes out."""

import ast
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import functions as F

from expectations.schemas import TABLES
from jobs import job
from jobs.champions import kept
from jobs.job_list import job_named
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.publish import recommendations as publish
from jobs.redis_store.client import connect
from jobs.redis_store.keys import Keys
from jobs.serve.recommended import recommended
from models.recommender_list import RECOMMENDERS, recommender
from tests.conftest import SmallLake
from tests.other_lake import changed

ROOT = Path(__file__).parents[3]
BEHIND_CONSENT = ("gold", "train", "publish", "live", "champions")
NAMES_A_PERSON = {"person_id", "user_id", "anonymous_id"}
PERSONAL = {
    name
    for name, table in TABLES.items()
    if name.startswith(("bronze.", "silver.", "quarantine.")) and NAMES_A_PERSON & set(table.names)
}
UNJUDGED = {"bronze.events", "quarantine.events"}  # nameless columns, and a person in every value
DOORS = ("personal", "personal_tables")
NAMED_ONLY = {"jobs/champions/training.py": "LEARNED_FROM", "jobs/live/segment_lookups.py": "WATCHED"}
"""Constants that name tables whose versions are noted, not read."""
OF_MODELS = {"jobs/champions/kept.py": ["tables.read(lake, table)"] * 2}
"""Reads of tables that a recommender names; `test_what_a_recommender_keeps_is_gold` holds them to gold."""

OTHER_READS = ("spark.table", "spark.sql", "spark.read.format", "tables.stream", "DeltaTable.forPath")

REMADE = (
    "gold.ratings",
    "gold.features",
    "gold.sessions",
    "gold.segments",
    "gold.profiles",
    "gold.recommendations",
    "gold.fallbacks",
)
LOGS = {"gold.segment_changes"}
"""Tables that say what was and when it ended: evidence that somebody left a segment, and why."""
FORMER = "gold.profile_history"
"""A table of what was that forgets who withdraws; a first run leaves it empty."""
OF_PERSONS = [
    name
    for name, table in TABLES.items()
    if name.startswith("gold.") and "person_id" in table.names and name not in LOGS
]


def around_consent(code: str, noted: str = "") -> list[str]:
    """Names of personal tables in the code that are not read as `personal(lake, "name", ...)`.

    What a job declares to read, it names and does not read. What could read a table by a name that is not written
    there counts too: a name that is put together, `spark.table`, `spark.sql`, a stream, a path.
    """
    nodes = list(ast.walk(ast.parse(code)))
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    allowed = [name for call in calls if ast.unparse(call.func) in DOORS for name in call.args[1:2]]
    allowed += [name for node in nodes for name in declared(node)]
    allowed += [node for node in nodes if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == noted]
    inside = {id(part) for one in allowed for part in ast.walk(one)}
    names = [node for node in nodes if isinstance(node, ast.Constant) and node.value in PERSONAL | UNJUDGED]
    outside = [str(node.value) for node in names if id(node) not in inside]
    return outside + [ast.unparse(call) for call in calls if hides_the_name(call)]


def declared(node: ast.AST) -> list[ast.expr]:
    """The names, written out, that `JOB = Job(..., reads=("name", ...))` says the job reads."""
    if not (
        isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "JOB" and isinstance(node.value, ast.Call)
    ):
        return []
    tuples = [keyword.value for keyword in node.value.keywords if keyword.arg in ("reads", "looks_back")]
    return [name for names in tuples if isinstance(names, ast.Tuple) for name in names.elts if is_text(name)]


def is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def hides_the_name(call: ast.Call) -> bool:
    called = ast.unparse(call.func)
    if called != "tables.read":
        return any(f".{called}".endswith(f".{other}") for other in OTHER_READS)
    name = call.args[1]
    return not isinstance(name, ast.Constant) and not ast.unparse(name).startswith("f'gold.")


def files() -> list[Path]:
    return [file for layer in BEHIND_CONSENT for file in sorted((ROOT / "jobs" / layer).glob("*.py"))]


def test_the_personal_tables_are_those_of_silver_and_their_sources() -> None:
    assert {"silver.events", "silver.interactions", "silver.people", "silver.consents", "bronze.crm"} <= PERSONAL


@pytest.mark.parametrize("file", files(), ids=lambda file: f"{file.parent.name}.{file.stem}")
def test_no_job_goes_around_consent(file: Path) -> None:
    place = str(file.relative_to(ROOT))
    assert around_consent(file.read_text(), NAMED_ONLY.get(place, "")) == OF_MODELS.get(place, [])


def test_what_a_recommender_keeps_is_gold() -> None:
    names = [table for one in RECOMMENDERS.values() if one.kept for table in one.kept.tables]
    assert names and all(name.startswith("gold.") and name in TABLES for name in names)


@pytest.mark.parametrize(
    "code",
    [
        'tables.read(lake, "silver.interactions")',
        'personal(lake, table, "personalisation", tables.read(lake, "silver.people"))',
        'positions.landed(lake, name, "silver.events", "")',
        '[tables.read(lake, name) for name in ("silver.items", "gold.ratings")]',
        'tables.read(lake, f"silver.{name}")',
        'spark.table("silver.items")',
        'lake.spark.table("silver.items")',
        'tables.stream(lake, "silver.items")',
        'NAMES = ("silver.events",)',
        'READS = Job("gold.x", main, reads=("silver.events",))',
        'JOB = Job("gold.x", main, reads=(tables.read(lake, "silver.events"),))',
        'JOB = Job("gold.x", lambda lake, _: tables.read(lake, "silver.events"), reads=("silver.events",))',
        'tables.read(lake, "quarantine.events")',
    ],
)
def test_a_way_around_is_seen(code: str) -> None:
    assert around_consent(code)


@pytest.mark.parametrize(
    "code",
    [
        'personal(lake, "silver.interactions", "personalisation", at)',
        'JOB = Job("gold.x", main, reads=("silver.interactions",), looks_back=("silver.consents",))',
        'tables.read(lake, "gold.ratings")',
    ],
)
def test_what_is_no_way_around_is_none(code: str) -> None:
    assert around_consent(code) == []


@pytest.fixture
def copied(small_lake: SmallLake, tmp_path: Path) -> Iterator[SmallLake]:
    """The small lake once more, with a prefix in Redis of its own: what is done to it is done to nobody else's."""
    shutil.copytree(small_lake.lake.root, tmp_path / "lake")
    lake = changed(small_lake.lake, lake={"root": str(tmp_path / "lake")}, redis={"prefix": "copied"})
    yield SmallLake(lake, {}, {}, small_lake.as_of)
    client = connect(lake.settings.redis)
    for key in client.scan_iter("{copied}:*"):
        client.delete(key)


def people(lake: Lake, name: str) -> set[str]:
    return {row["person_id"] for row in tables.read(lake, name).select("person_id").distinct().collect()}


def test_who_withdraws_is_in_no_table_of_gold_and_no_list_after_the_next_run(
    copied: SmallLake,
) -> None:
    lake = copied.lake
    before = tables.read(lake, "gold.profiles").withColumn("valid_to", F.col("valid_from"))
    tables.overwrite(lake, FORMER, before.withColumn("valid_from", F.expr("valid_to - INTERVAL 1 DAY")))
    everywhere = set.intersection(*[people(lake, name) for name in OF_PERSONS])
    gone, *others = sorted(everywhere)
    statement: dict[str, Any] = {
        "user_id": gone,
        "purpose": "personalisation",
        "is_granted": False,
        "said_by": "person",
        "valid_from": copied.as_of,
        "recorded_at": copied.as_of,
        "event_id": "withdrawn",
    }
    schema = TABLES["silver.consents"]
    withdrawn = lake.spark.createDataFrame([tuple(map(statement.get, schema.names))], schema.ddl)
    tables.append(lake, "silver.consents", withdrawn)
    next_run = job.Options(copied.as_of + timedelta(minutes=1))
    for name in REMADE:
        job_named(name).main(lake, next_run)
    kept.forget_who_refuses(lake, recommender("als"), next_run.as_of)
    left = {name: people(lake, name) for name in OF_PERSONS}
    assert [name for name, ids in left.items() if gone in ids] == []
    assert all(everywhere - {gone} <= ids for ids in left.values()), "and nobody else is lost"
    publish.main(lake, next_run)
    shown_to = [recommended(copied.settings.redis, person).whose for person in (gone, *others)]
    assert shown_to == ["segment:everyone", *[f"person:{person}" for person in others]]


def test_the_export_alone_obeys_the_record(copied: SmallLake) -> None:
    """gold.recommendations is of before the withdrawal; what is published is not."""
    lake = copied.lake
    gone = min(people(lake, "gold.recommendations"))
    record = tables.read(lake, "silver.consents").where(f"coalesce(user_id, anonymous_id) <> '{gone}'")
    tables.overwrite(lake, "silver.consents", record.localCheckpoint())
    publish.main(lake, job.Options(copied.as_of))
    client = connect(copied.settings.redis)
    version = client.get(Keys("copied").current)
    assert not client.exists(Keys("copied").of_version(version, f"person:{gone}"))
    assert gone in people(lake, "gold.recommendations")
