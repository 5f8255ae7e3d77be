"""A topic with two lakes: one that is disturbed, and one that is not and says what the other must be.

The calm one lands all messages the exact way, the other the plain ones at once.
"""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from random import Random
from typing import Any

from confluent_kafka import Producer
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.ledger.reconcile import reconcile
from jobs.quarantine.replay import replay
from jobs.quarantine.review import Choice
from jobs.settings.loading import Settings
from tests.chaos.killed_process import ALL, land
from tests.events import PAYLOADS, event

COMPARED = ("bronze.events", "silver.events", "quarantine.events")
SEALED_ANEW = ("key", "value")  # encrypted twice, one message is two texts
ANSWER_SECONDS = 300


@dataclass
class Tally:
    """`kills` and `faults` by what they were; `lost` and `doubled` count rows; `differences` say what is not right."""

    kills: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    doubled: int = 0
    differences: list[str] = field(default_factory=list)

    def count(self, kind: dict[str, int], name: str) -> None:
        kind[name] = kind.get(name, 0) + 1


@dataclass
class Installation:
    """`lake`: the disturbed one. `calm`: the other. `next`: a process that waits for its work; where many follow, it is
    started ahead, beside the recovery from the one before."""

    lake: Lake
    environment: dict[str, str]
    calm: Lake
    rng: Random
    sent: int = 0
    tally: Tally = field(default_factory=Tally)
    next: "subprocess.Popen[str] | None" = None
    starts_ahead: bool = True

    @property
    def settings(self) -> Settings:
        return self.lake.settings

    def send(self, many: int) -> None:
        """More messages: most are good, some are broken, some were sent before."""
        producer = Producer({"bootstrap.servers": self.settings.kafka.bootstrap, "enable.idempotence": True})
        for _ in range(many):
            number = self.rng.randrange(self.sent + 1) if self.rng.random() < 0.1 else self.sent
            self.sent += 1
            producer.produce(self.settings.kafka.topic, _message(number), str(number).encode())
        if producer.flush(60):
            raise RuntimeError("the broker did not take all messages")

    def process(self, *words: str, **variables: str) -> "subprocess.Popen[str]":
        """A process of its own that has begun the work, to be killed with all that it started.

        `variables`: LAKEHOUSE_* settings that it alone has.
        """
        if variables:
            process = self._started(**variables)
        else:
            process, self.next = self.next or self._started(), None
        assert process.stdin is not None and process.stdout is not None
        if not any(line.strip() == "ready" for line in process.stdout):
            raise RuntimeError(f"the process of {words} ended with {process.wait()} before it was ready")
        process.stdin.write("\t".join(words) + "\n")
        process.stdin.flush()
        return process

    def recover(self) -> None:
        """Runs the same work again, undisturbed, to its end."""
        if self.starts_ahead:
            self.next = self.next or self._started()
        land(self.lake)

    def end(self) -> None:
        if self.next is not None:
            kill(self.next)

    def _started(self, **variables: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.killed_process"],
            env={**os.environ, **self.environment, **variables},
            cwd=self.settings.project,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def check(self) -> None:
        """After a recovery: the ledger balances, ids are unique, and the tables equal those of the calm lake."""
        tally = self.tally
        tally.differences += [str(difference) for difference in reconcile(self.lake).differences]
        ids = tables.read(self.lake, "silver.events").groupBy("event_id").count().where("count > 1").count()
        tally.doubled += ids
        land(self.calm, ALL)
        ours, theirs = _shown(self.lake), _shown(self.calm)
        for name in ours:
            unlike = _unlike(theirs[name], ours[name])
            tally.lost += sum(row["times"] for row in unlike if row["times"] > 0)
            tally.doubled -= sum(row["times"] for row in unlike if row["times"] < 0)
            tally.differences += [
                f"{name} {'lost' if row['times'] > 0 else 'has besides'}, {abs(row['times'])} times: {row['row']}"
                for row in unlike[:3]
            ]

    def replay_both(self) -> None:
        replay(self.lake, Choice())
        land(self.calm, ALL)
        replay(self.calm, Choice())


def kill(process: "subprocess.Popen[str]") -> bool:
    """Whether the process was still alive, and is not any more."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return process.wait(ANSWER_SECONDS) == -signal.SIGKILL


def _message(number: int) -> bytes:
    kinds = list(PAYLOADS)
    good = event(kinds[number % len(kinds)], event_id=f"e-{number}", context={"country": "PL", "ip": "203.0.113.9"})
    match number % 20:
        case 7:
            return json.dumps(good)[:-5].encode()
        case 11:
            return json.dumps({**good, "context": {"country": "Poland"}}).encode()
        case 13:
            return json.dumps({**good, "user_id": f"person{number}@mail.example"}).encode()
    return json.dumps(good).encode()


def _shown(lake: Lake) -> dict[str, DataFrame]:
    """What is compared of a lake, by table."""
    shown = {name: _comparable(tables.read(lake, name)) for name in COMPARED}
    return {**shown, "ops.ledger": _totals(tables.read(lake, "ops.ledger"))}


def _comparable(rows: DataFrame) -> DataFrame:
    """Each row as text, but for what encryption makes different each time."""
    shown = rows
    if "sealed_by" in rows.columns:
        shut = {name: F.when(F.col("sealed_by").isNull(), F.col(name)) for name in SEALED_ANEW}
        shown = rows.withColumns(shut)
    return shown.select(F.to_json(F.struct(*shown.columns)).alias("row"))


def _totals(ledger: DataFrame) -> DataFrame:
    counts = [name for name, type_ in ledger.dtypes if type_ == "bigint" and name != "batch" and "offset" not in name]
    totals = ledger.groupBy("topic", "topic_id", "partition").agg(
        F.min("first_offset").alias("first"),
        F.max("last_offset").alias("last"),
        *[F.sum(name).alias(name) for name in counts],
    )
    return totals.select(F.to_json(F.struct(*totals.columns)).alias("row"))


def _unlike(theirs: DataFrame, ours: DataFrame) -> list[Row]:
    """The rows that are not as often in ours as in theirs, and how many `times` more in theirs."""
    both = theirs.withColumn("times", F.lit(1)).unionAll(ours.withColumn("times", F.lit(-1)))
    return both.groupBy("row").agg(F.sum("times").alias("times")).where("times <> 0").collect()


def report(tally: Tally, **further: Any) -> dict[str, Any]:
    return {
        "kills": sum(tally.kills.values()),
        "killed_at": tally.kills,
        "faults": tally.faults,
        "lost": tally.lost,
        "doubled": tally.doubled,
        "differences": len(tally.differences),
        "what": tally.differences[:20],
        **further,
    }
