"""Section [hooks]: who is told that somebody enters or leaves a live segment."""

from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt, SecretStr, StringConstraints

from jobs.settings.section import Section

HookName = Annotated[str, StringConstraints(pattern="^[a-z](_?[a-z0-9])*$")]
"""One that an environment variable and a key in Redis may have in it."""


class WebhookSettings(Section):
    """`secrets`: names of environment variables, the oldest first. `segments`: those that it is told of; empty: all."""

    url: SecretStr
    secrets: tuple[str, ...]
    segments: tuple[str, ...] = ()


class HooksSettings(Section):
    webhooks: Annotated[dict[HookName, WebhookSettings], Field(repr=False)]
    kafka_topic: str
    timeout_seconds: PositiveFloat
    tries: PositiveInt
    first_pause_seconds: PositiveFloat
    longest_pause_seconds: PositiveFloat
    give_up_hours: PositiveFloat
    connections: PositiveInt
