"""The demo's part of the shop: its source files, and its year in the topic. Imports no Spark, for another process."""

from dataclasses import dataclass
from pathlib import Path

from jobs.local.shop import journey, producer
from jobs.local.shop.message import planted
from jobs.settings.loading import Settings


@dataclass(frozen=True)
class Sent:
    """How many messages the topic holds, and how many of each planted kind (`message.planted`)."""

    messages: int
    planted: dict[str, int]


def write_sources(settings: Settings, households: int | None) -> None:
    """Raises OperatorError when there are not that many households."""
    journey.write_sources(Path(settings.sources.catalog.location), Path(settings.sources.crm.location), households)


def send(settings: Settings, households: int | None) -> Sent:
    """Raises OperatorError as producer.send does."""
    messages = journey.messages(households, settings.local.seed)
    producer.send(settings, messages)
    return Sent(len(messages), planted(messages))
