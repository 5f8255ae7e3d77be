"""Who is told, by the settings: each webhook, and the topic."""

import difflib
import os
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from jobs.errors import OperatorError
from jobs.hooks.answer import Answer
from jobs.hooks.message import Message
from jobs.hooks.posting import post_to, web_address
from jobs.hooks.signature import secrets_of, signed_headers
from jobs.hooks.topic_producer import ensure_topic, send_to
from jobs.settings.hooks_settings import HooksSettings, WebhookSettings
from jobs.settings.loading import Settings

TOPIC = "kafka"
"""The name of the topic among the targets."""


@dataclass(frozen=True)
class Target:
    """`where`: for people, without anything that may be a secret. `segments`: those that it is told of; empty: all.
    `tell`: one attempt to deliver a message."""

    name: str
    where: str
    segments: frozenset[str]
    tell: Callable[[Message], Answer]


def targets_of(settings: Settings) -> dict[str, Target]:
    """By name. Raises OperatorError for an address or a secret that cannot be used; nobody is asked yet."""
    hooks, targets = settings.hooks, dict[str, Target]()
    for name, webhook in hooks.webhooks.items():
        if name == TOPIC:
            raise OperatorError(f"a webhook cannot be called {TOPIC}, as the topic is: rename hooks.webhooks.{TOPIC}")
        targets[name] = _webhook(name, webhook, hooks, os.environ)
    if hooks.kafka_topic:
        if hooks.kafka_topic == settings.kafka.topic:
            raise OperatorError(
                "hooks.kafka_topic is the topic of the events: changes of segments need one of their own"
            )
        tell = send_to(settings.kafka, hooks.kafka_topic, hooks.timeout_seconds)
        where = f"topic {hooks.kafka_topic} at {settings.kafka.bootstrap}"
        targets[TOPIC] = Target(TOPIC, where, frozenset(), tell)
    return targets


def target_names(settings: Settings, asked: str = "") -> list[str]:
    """All of them, or the one that is asked for. Raises OperatorError where there is none, and where there is no such
    one, which names the nearest."""
    known = [*settings.hooks.webhooks, *([TOPIC] if settings.hooks.kafka_topic else [])]
    if not known:
        raise OperatorError("nobody is told of segments: fill [hooks] of the settings, as jobs/hooks/README.md shows")
    if asked and asked not in known:
        near = difflib.get_close_matches(asked, known, n=1, cutoff=0.0)[0]
        raise OperatorError(f"no hook {asked}; did you mean {near}? There are: {', '.join(known)}")
    return [asked] if asked else known


def target_named(settings: Settings, name: str) -> Target:
    """Raises OperatorError as `target_names` and `targets_of` do."""
    target_names(settings, name)
    return targets_of(settings)[name]


def require(settings: Settings, segments: Collection[str]) -> None:
    """Raises OperatorError where hooks cannot be told: an address, a secret or the topic that is none, and a segment
    that is not among those."""
    for name, webhook in settings.hooks.webhooks.items():
        for segment in {*webhook.segments} - {*segments}:
            setting = f"hooks.webhooks.{name}.segments"
            near = difflib.get_close_matches(segment, segments, n=1, cutoff=0.0)
            raise OperatorError(f"{setting}: no segment {segment}; {f'did you mean {near[0]}?' if near else 'none is'}")
    targets_of(settings)
    if settings.hooks.kafka_topic:
        ensure_topic(settings.kafka, settings.hooks.kafka_topic)


def _webhook(name: str, webhook: WebhookSettings, hooks: HooksSettings, variables: Mapping[str, str]) -> Target:
    address = web_address(webhook.url.get_secret_value(), f"hooks.webhooks.{name}.url")
    secrets = secrets_of(name, webhook.secrets, variables)
    post = post_to(address, hooks.timeout_seconds, hooks.connections)

    def tell(message: Message) -> Answer:
        return post(message.body, signed_headers(message.id, int(time.time()), message.body, secrets))

    return Target(name, address.host, frozenset(webhook.segments), tell)
