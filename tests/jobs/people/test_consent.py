"""No way from silver to gold, to a model or to Redis but through `consented`: in the code, and by what comes out."""

import ast
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from expectations.schemas import TABLES
from jobs import job
from jobs.lake import tables
from jobs.publish import recommendations as publish
from jobs.serve import page
from jobs.train import als
from tests.conftest import SmallLake
from tests.elsewhere import looking_at

ROOT = Path(__file__).parents[3]
BEHIND_CONSENT = ("gold", "train", "publish")
NAMES_A_PERSON = {"person_id", "user_id", "anonymous_id", "household_id"}
PERSONAL = {
    name
    for name, table in TABLES.items()
    if name.startswith(("bronze.", "silver.", "quarantine.")) and NAMES_A_PERSON & set(table.names)
}
UNJUDGED = {"bronze.events", "quarantine.events"}  # nameless columns, and a person in every value
NAMED_ONLY = {"jobs/train/als.py": "LEARNED_FROM"}
"""Constants that name tables whose versions are noted, not read."""

OTHER_READS = ("spark.table", "spark.sql", "spark.read.format", "tables.stream", "DeltaTable.forPath")

REMADE = ("gold.ratings", "gold.features", "gold.segments", "gold.profiles", "gold.recommendations", "gold.fallbacks")
OF_PERSONS = [name for name, table in TABLES.items() if name.startswith("gold.") and "person_id" in table.names]


def around_consent(code: str, noted: str = "") -> list[str]:
    """Names of personal tables in the code that are not read as `consented(tables.read(spark, "name"), ...)`.

    What could read a table by a name that is not written there counts too: a name that is put together, `spark.table`,
    `spark.sql`, a stream, a path.
    """
    nodes = list(ast.walk(ast.parse(code)))
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    allowed = [call.args[0] for call in calls if ast.unparse(call.func) == "consented"]
    allowed = [read for read in allowed if isinstance(read, ast.Call) and ast.unparse(read.func) == "tables.read"]
    allowed += [node for node in nodes if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == noted]
    inside = {id(part) for one in allowed for part in ast.walk(one)}
    names = [node for node in nodes if isinstance(node, ast.Constant) and node.value in PERSONAL | UNJUDGED]
    found = [str(node.value) for node in names if id(node) not in inside]
    return found + [ast.unparse(call) for call in calls if hides_the_name(call)]


def hides_the_name(call: ast.Call) -> bool:
    if ast.unparse(call.func) != "tables.read":
        return ast.unparse(call.func) in OTHER_READS
    name = call.args[1]
    return not isinstance(name, ast.Constant) and not ast.unparse(name).startswith("f'gold.")


def files() -> list[Path]:
    return [file for layer in BEHIND_CONSENT for file in sorted((ROOT / "jobs" / layer).glob("*.py"))]


def test_the_personal_tables_are_those_of_silver_and_their_sources() -> None:
    assert {"silver.events", "silver.interactions", "silver.people", "silver.consents", "bronze.crm"} <= PERSONAL


@pytest.mark.parametrize("file", files(), ids=lambda file: f"{file.parent.name}.{file.stem}")
def test_no_job_goes_around_consent(file: Path) -> None:
    assert around_consent(file.read_text(), NAMED_ONLY.get(str(file.relative_to(ROOT)), "")) == []


@pytest.mark.parametrize(
    "code",
    [
        'tables.read(spark, "silver.interactions")',
        'frame = tables.read(spark, "silver.people"); consented(frame, "personalisation", at)',
        '[tables.read(spark, name) for name in ("silver.items", "gold.ratings")]',
        'tables.read(spark, f"silver.{name}")',
        'spark.table("silver.items")',
        'tables.stream(spark, "silver.items")',
        'NAMES = ("silver.events",)',
        'tables.read(spark, "quarantine.events")',
    ],
)
def test_a_way_around_is_seen(code: str) -> None:
    assert around_consent(code)


@pytest.fixture
def copied(small_lake: SmallLake, spark: SparkSession, tmp_path: Path) -> Iterator[SmallLake]:
    """The small lake once more, with a prefix in Redis of its own: what is done to it is done to nobody else's."""
    settings = small_lake.settings
    shutil.copytree(settings.lake.root, tmp_path / "lake")
    redis = settings.redis.model_copy(update={"prefix": "copied"})
    with looking_at(spark, tmp_path / "lake"):
        yield SmallLake(settings.model_copy(update={"redis": redis}), {}, {}, small_lake.as_of)
    client = page.connect(redis)
    for key in client.scan_iter("copied:*"):
        client.delete(key)


def people(spark: SparkSession, name: str) -> set[str]:
    return {row["person_id"] for row in tables.read(spark, name).select("person_id").distinct().collect()}


def test_who_withdraws_is_in_no_table_of_gold_and_no_list_after_the_next_run(
    copied: SmallLake, spark: SparkSession
) -> None:
    publish.main(copied.settings, job.Options(copied.as_of))
    everywhere = set.intersection(*[people(spark, name) for name in OF_PERSONS])
    gone = min(everywhere)
    assert page.recommended(copied.settings.redis, gone).whose == f"person:{gone}"
    said: dict[str, Any] = {
        "person_id": gone,
        "purpose": "personalisation",
        "is_granted": False,
        "said_by": "person",
        "valid_from": copied.as_of,
        "recorded_at": copied.as_of,
        "event_id": "withdrawn",
    }
    schema = TABLES["silver.consents"]
    tables.append(spark.createDataFrame([tuple(map(said.get, schema.names))], schema.ddl), "silver.consents")
    next_run = job.Options(copied.as_of + timedelta(minutes=1))
    for name in REMADE:
        job.main_of(name)(copied.settings, next_run)
    als._forget_who_refuses(spark, next_run.as_of)
    left = {name: people(spark, name) for name in OF_PERSONS}
    assert [name for name, found in left.items() if gone in found] == []
    assert all(everywhere - {gone} <= found for found in left.values()), "and nobody else is lost"
    publish.main(copied.settings, next_run)
    assert page.recommended(copied.settings.redis, gone).whose == "segment:everyone"


def test_the_export_alone_obeys_the_record(copied: SmallLake, spark: SparkSession) -> None:
    """gold.recommendations is of before the withdrawal; what is published is not."""
    gone = min(people(spark, "gold.recommendations"))
    record = tables.read(spark, "silver.consents").where(f"person_id <> '{gone}'")
    tables.overwrite(record.localCheckpoint(), "silver.consents")
    publish.main(copied.settings, job.Options(copied.as_of))
    client = page.connect(copied.settings.redis)
    version = client.get("copied:current")
    assert not client.exists(f"copied:{version}:person:{gone}")
    assert gone in people(spark, "gold.recommendations")
