"""Sends a plan of messages to the topic: at once and resumable (`send`), or at the shop's pace (`replay`).

A message's partition is chosen here, by its key, so a partition's content is a fixed sequence and the topic
itself is the checkpoint: what it already holds is the beginning of the plan, and only the rest is sent.
Kafka's timestamp is the time of sending, not shop time: the contract judges `occurred_at` by arrival, and a
broker that keeps a week would delete a message stamped 2017 at once. Not handled: two sends to one topic at
the same time (the second to finish says so).
"""

import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.progress import Progress

from jobs.errors import OperatorError
from jobs.landing import topic
from jobs.local.shop.message import Message, occurred_at
from jobs.local.shop.outbox import Outbox, partition_of
from jobs.settings.loading import Settings


@dataclass(frozen=True)
class Sent:
    """What a run did: messages the broker acknowledged, messages held before, bytes of the values sent."""

    sent: int
    already: int
    size: int
    seconds: float
    interrupted: bool = False


def send(settings: Settings, messages: Sequence[Message], progress: Progress | None = None) -> Sent:
    """Sends what the topic does not hold yet, and checks that it then holds exactly the plan.

    Raises OperatorError when the broker or the topic is not there, when the topic holds something else than
    the plan's beginning, or when a message was not acknowledged. KeyboardInterrupt is raised again once what
    was under way is delivered; its message says how far it came, and the same call goes on from there.
    """
    began = time.monotonic()
    name = settings.kafka.topic
    plan = _by_partition(messages, topic.partitions(settings))
    held = _held(settings, messages, plan)
    rest = sorted(position for positions, end in zip(plan, held, strict=True) for position in positions[end:])
    already = len(messages) - len(rest)
    outbox = Outbox(settings.kafka.bootstrap, name, len(plan), linger_ms=50)
    task = progress.add_task(f"to topic {name}", total=len(messages), completed=already) if progress else None
    try:
        for number, position in enumerate(rest):
            outbox.put(messages[position])
            if progress and task is not None and number % 500 == 0:
                progress.update(task, completed=already + outbox.delivered())
        outbox.close()
    except KeyboardInterrupt:
        outbox.close()
        acknowledged = already + outbox.delivered()
        raise KeyboardInterrupt(
            f"{acknowledged} of {len(messages)} messages are in topic {name}; the same command sends the rest"
        ) from None
    if progress and task is not None:
        progress.update(task, completed=len(messages))
    _check_held(settings, [len(positions) for positions in plan])
    return Sent(len(rest), already, outbox.size, time.monotonic() - began)


def simulate(
    settings: Settings,
    messages: Sequence[Message],
    speed: float,
    start: datetime | None = None,
    progress: Progress | None = None,
) -> Sent:
    """Sends the plan from `start` on (its beginning when None), `speed` seconds of shop time in each second.

    The first message goes at once, each other at its due time by the monotonic clock, so that delays do not
    add up. Messages are as they are in the plan, `occurred_at` included. Ctrl-C delivers what was sent and
    returns. A `start` without a zone is UTC. Raises OperatorError when no message is that late, or as `send`
    does.
    """
    first = _first_at(messages, start)
    outbox = Outbox(settings.kafka.bootstrap, settings.kafka.topic, topic.partitions(settings), linger_ms=5)
    task = progress.add_task("simulate", total=len(messages) - first) if progress else None
    began, origin_ms = time.monotonic(), messages[first].at_ms
    interrupted = False
    try:
        for number, message in enumerate(messages[first:], start=1):
            outbox.wait_until(began + (message.at_ms - origin_ms) / 1000 / speed)
            outbox.put(message)
            if progress and task is not None:
                progress.update(task, completed=number, description=f"shop time {occurred_at(message.at_ms)[:19]}")
    except KeyboardInterrupt:
        interrupted = True
    outbox.close()
    return Sent(outbox.delivered(), 0, outbox.size, time.monotonic() - began, interrupted)


def parse_speed(text: str) -> float:
    """Seconds of shop time in each second: "60x" and "60" are 60.0. Raises OperatorError on anything else."""
    try:
        speed = float(text.strip().lower().removesuffix("x"))
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise OperatorError(f"speed {text!r} is not a positive number such as 60x or 1.5x")
    return speed


def _by_partition(messages: Sequence[Message], partitions: int) -> list[list[int]]:
    """For each partition the positions in `messages` that it shall hold, by offset."""
    plan: list[list[int]] = [[] for _ in range(partitions)]
    for position, message in enumerate(messages):
        plan[partition_of(message.key, partitions)].append(position)
    return plan


def _held(settings: Settings, messages: Sequence[Message], plan: list[list[int]]) -> list[int]:
    """How many messages each partition holds, once it is sure that they are the plan's first ones."""
    extents = topic.extents(settings, len(plan))
    for partition, (positions, (first, end)) in enumerate(zip(plan, extents, strict=True)):
        if end > len(positions):
            observation = f"{end} messages where {len(positions)} are planned"
            raise _something_else(settings, observation, partition)
        if end == first:
            continue
        # The last one stands for all before it: another run, seed or number of households differs there.
        last = messages[positions[end - 1]]
        if topic.message_at(settings, partition, end - 1) != (last.key, last.value):
            raise _something_else(settings, f"another message than planned at offset {end - 1}", partition)
    return [end for _, end in extents]


def _check_held(settings: Settings, planned: list[int]) -> None:
    extents = topic.extents(settings, len(planned))
    for partition, (count, (_, end)) in enumerate(zip(planned, extents, strict=True)):
        if end != count:
            raise _something_else(settings, f"{end} messages after {count} were sent", partition)


def _first_at(messages: Sequence[Message], start: datetime | None) -> int:
    if start is None:
        start = datetime.fromtimestamp(0, UTC)
    start_ms = (start if start.tzinfo else start.replace(tzinfo=UTC)).timestamp() * 1000
    first = bisect_left(messages, start_ms, key=lambda message: message.at_ms)
    if first == len(messages):
        last = occurred_at(messages[-1].at_ms)[:19] if messages else "never"
        raise OperatorError(
            f"nothing to replay from {start:%Y-%m-%dT%H:%M:%S} on, the last message is of {last} UTC: "
            "choose an earlier date"
        )
    return first


def _something_else(settings: Settings, observation: str, partition: int) -> OperatorError:
    return OperatorError(
        f"topic {settings.kafka.topic} holds something else than this run would send: partition "
        f"{partition} has {observation}; set kafka.topic to a new name, or empty this topic"
    )
