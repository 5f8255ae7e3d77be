"""`make demo`: a retailer's year from Kafka to Redis in one Spark session, measured and checked as it goes.

The lake under .local/ remembers how many households it was made for; another number starts it over. The same
number again carries on where it stopped, so interrupting it anywhere and running it again ends right.
"""

import json
import shutil
import signal
import threading
import time
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from multiprocessing import get_context
from typing import Any

from pyspark.sql import Row
from pyspark.sql import functions as F

from expectations import gate as suites
from expectations.schemas import TABLES
from jobs import job, output
from jobs.champions import tracking
from jobs.errors import OperatorError
from jobs.job_list import building, job_named, waits_for
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.lake.session import open_lake
from jobs.local import report, services, stages
from jobs.local.shop import year
from jobs.local.stages import Stage
from jobs.local.visit import visit
from jobs.people.identity import current_identities
from jobs.redis_store import reading
from jobs.redis_store.client import connect
from jobs.redis_store.faults import redis_faults
from jobs.redis_store.keys import Keys
from jobs.settings.loading import Settings
from models import registry
from models.errors import ModelError

AS_OF = datetime(2018, 1, 1, 4, 2, tzinfo=UTC)
MARKER = "demo.json"
PUBLISH = "publish.recommendations"
WRITE, START, SERVICES = "write the sources", "start Spark", "services"
SEND, VISIT, COUNT = "send to Kafka", "one visit, live", "count"
GATE_SILVER, GATE_GOLD = "gate silver", "gate gold"
NEEDED = {
    "sources.catalog": WRITE,
    "sources.crm": WRITE,
    "kafka": SEND,
    "bronze": START,
    "gold": GATE_SILVER,
    "train": GATE_SILVER,
    "publish": GATE_GOLD,
}
"""The stage that must have ended before a job of that room, or one that reads that, starts."""
LOCAL_STATE = ("lake", "lake-visit", "kafka", "redis", "sources", "mlflow.db", "mlartifacts")


def run(settings: Settings, households: int | None) -> dict[str, Any]:
    """The whole way. Prints a report, writes it to build/demo.json and returns it.

    Raises OperatorError when what came out is not what was put in, and for settings of another shop.
    """
    if "product_id" not in settings.sources.catalog.columns:
        raise OperatorError(
            f"the demo is of a grocer, whose columns these settings do not map (--env {settings.env}); conf/local.toml"
            " does"
        )
    began = time.monotonic()
    _start_over_if_other(settings, households)
    building()  # imports the jobs, before the threads import beside one another: pyspark.ml was half there once
    # The shop's year takes a gigabyte to make; a process of its own gives it back. Ctrl-C ends it without a word: what
    # the topic holds then is how it begins, and the next run sends the rest.
    quietly = (signal.SIGINT, signal.SIG_DFL)
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=signal.signal, initargs=quietly) as aside:
        ended = stages.run(settings, _stages(settings, households, aside))
    figures: dict[str, Any] = {**ended[COUNT].result, "visit": ended[VISIT].result}
    figures["stages"] = [
        {"name": name, "seconds": one.seconds, "peak_mib": one.peak_mib} for name, one in ended.items()
    ]
    figures["seconds"] = round(time.monotonic() - began, 1)
    figures["peak_mib"] = max(one.peak_mib for one in ended.values())
    check(figures, ended[SEND].result)
    target = settings.project / "build" / "demo.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    report.show_report(figures, target, settings.env)
    return figures


def _stages(settings: Settings, households: int | None, aside: Executor) -> list[Stage]:
    """The jobs in their order, and what stands before, between and behind them. `aside` makes what is sent."""
    silver, gold, publish = of_rooms("silver"), of_rooms("gold", "train"), of_rooms("publish")
    jobs = [job_named(name) for name in (*of_rooms("bronze"), *silver, *gold, *publish)]
    writers = waits_for(jobs)

    def of_job(name: str) -> Stage:
        needs = {*job_named(name).reads, name.split(".")[0]}
        after = writers[name] | {stage for need, stage in NEEDED.items() if need in needs}
        return Stage(name, lambda: job_named(name).run(settings, job.Options(AS_OF)), tuple(after))

    return [
        Stage(WRITE, lambda: aside.submit(year.write_sources, settings, households).result()),
        Stage(START, lambda: _started(settings)),
        Stage(SERVICES, lambda: (services.up(settings), services.ensure_topic(settings))),
        Stage(SEND, lambda: _sent(settings, households, aside), (WRITE, SERVICES)),
        *map(of_job, (*of_rooms("bronze"), *silver)),
        Stage(GATE_SILVER, lambda: _gate(settings, silver), silver),
        *map(of_job, gold),
        Stage(GATE_GOLD, lambda: _gate(settings, of_rooms("gold")), gold),
        *map(of_job, publish),
        Stage(VISIT, lambda: visit(settings), publish),
        Stage(COUNT, lambda: counted(settings), (VISIT,)),
    ]


def _sent(settings: Settings, households: int | None, aside: Executor) -> year.Sent:
    with aside:  # it has nothing more to do
        return aside.submit(year.send, settings, households).result()


def _started(settings: Settings) -> None:
    threading.Thread(target=_warm_up, args=(settings,), daemon=True).start()
    open_lake("demo", settings)


def _warm_up(settings: Settings) -> None:
    """Imports Great Expectations, four seconds, and makes MLflow's database, another four: beside the start of the JVM
    they cost little."""
    suites.names()
    with suppress(ModelError):  # what is wrong with it, the training says
        tracking.champion_if_any(settings, "als")


def of_rooms(*rooms: str) -> tuple[str, ...]:
    """The jobs of those rooms, and so the tables, in the order in which they build on one another."""
    return tuple(job.name for job in building() if job.name.split(".")[0] in rooms)


def counted(settings: Settings) -> dict[str, Any]:
    """What the lake, MLflow and Redis hold now, as in build/demo.json."""
    lake = open_lake("demo", settings)
    built = [name for name in TABLES if tables.exists(lake, name)]
    reasons = tables.read(lake, "quarantine.events").selectExpr("explode(reasons) AS reason")
    ledger = tables.read(lake, "ops.ledger").selectExpr("sum(duplicate) AS duplicate").collect()[0]
    where = tracking.registry_of(settings)
    versions = {name: registry.resolve(where, name, registry.CANDIDATE) for name in ("popularity", "frequency", "als")}
    purchased = tables.read(lake, "silver.interactions").where("event_type = 'purchase' AND source IS NULL")
    lines = purchased.selectExpr("count(*) AS lines", "count(DISTINCT event_id) AS baskets").collect()[0]
    with redis_faults(settings.redis):
        client, keys = connect(settings.redis), Keys(settings.redis.prefix)
        version = str(reading.current_version(client, keys))
        manifest = reading.manifest(client, keys, version)
    return {
        "tables": {name: tables.read(lake, name).count() for name in built},
        "purchase_lines": lines["lines"],
        "baskets": lines["baskets"],
        "quarantined": {row["reason"]: row["count"] for row in reasons.groupBy("reason").count().collect()},
        "duplicates": ledger["duplicate"] or 0,
        "metrics": {name: one.metrics for name, one in versions.items() if one},
        **people(lake),
        "redis": {"version": version, "people": manifest["people"], "bytes": manifest["bytes"]},
    }


def people(lake: Lake) -> dict[str, Any]:
    """How many identifiers of each type belong to how many people; who is in which persona, and in which segment by a
    rule, the largest first."""
    identities = current_identities(lake)
    types = identities.groupBy("identifier_type").count().orderBy("identifier_type").collect()
    members = tables.read(lake, "gold.segments").groupBy("source", "segment_id", "name").count()
    rows = members.orderBy(F.desc("count"), "segment_id").collect()
    return {
        "identifiers": {row["identifier_type"]: row["count"] for row in types},
        "people": identities.select("person_id").distinct().count(),
        "personas": [_member_count(row) for row in rows if row["source"] == "persona"],
        "rules": [_member_count(row) for row in rows if row["source"] == "rule"],
    }


def _member_count(row: Row) -> dict[str, Any]:
    return {"id": row["segment_id"], "name": row["name"], "people": row["count"]}


def is_demo(settings: Settings) -> bool:
    """Whether the local lake was made by the demo, and so lives in 2017."""
    return (settings.home / MARKER).is_file()


def check(figures: dict[str, Any], sent: year.Sent) -> None:
    """Raises OperatorError when the lake does not hold exactly what was sent."""
    broken = dict(sent.planted)
    duplicates = broken.pop("duplicate")
    expected = {
        "bronze.events": sent.messages,
        "quarantine.events": sum(broken.values()),
        "silver.events": sent.messages - sum(broken.values()) - duplicates,
    }
    wrong = [
        f"{name} holds {figures['tables'][name]:,} rows, expected {rows:,}"
        for name, rows in expected.items()
        if figures["tables"][name] != rows
    ]
    if [one["kind"] for one in figures["visit"]] != ["enter", "leave"]:
        wrong.append(f"of the visit Redis told {figures['visit']}, expected an enter and a leave")
    if figures["duplicates"] != duplicates:
        wrong.append(f"{figures['duplicates']} duplicates counted, {duplicates} were sent")
    if wrong:
        raise OperatorError("demo: " + "; ".join(wrong) + "; start over with: make clean demo")


def _gate(settings: Settings, names: tuple[str, ...]) -> None:
    job_named("quality.gate").run(settings, job.Options(AS_OF, tables=names))


def _start_over_if_other(settings: Settings, households: int | None) -> None:
    marker = settings.home / MARKER
    request = {"households": households}
    if marker.is_file() and json.loads(marker.read_text(encoding="utf-8")) != request:
        output.show("The lake holds a demo of another number of households; starting over.")
        services.down(settings)
        for name in LOCAL_STATE:
            path = settings.home / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    settings.home.mkdir(parents=True, exist_ok=True)
    marker.write_text(json.dumps(request), encoding="utf-8")
