"""To whom identifiers belong, in Redis. An identifier is written as a person of its own: 900, anonymous_id:a-77."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from redis import Redis

from jobs.redis_store.keys import Keys, pair_of, pair_text
from jobs.redis_store.reading import script
from jobs.settings.redis_settings import RedisSettings

Pairs = Sequence[tuple[str, str]]


def update_identities(client: Redis, settings: RedisSettings, aliases: Pairs) -> None:
    """Takes up to whom identifiers belong: each as a person of its own, and the person. Once or more than once."""
    keys = Keys(settings.prefix)
    for start in range(0, len(aliases), settings.batch):
        parts = [part for pair in aliases[start : start + settings.batch] for part in pair]
        client.eval(script("people") + script("identities"), 1, keys.current, keys.tag, *parts)


def link_identities(client: Redis, settings: RedisSettings, limits: Mapping[str, int], links: Pairs) -> int:
    """Takes up which identifiers were seen together, each as a person of its own, the stronger first; once or more than
    once. `limits`: how many of each type a person may have. Returns how many people became part of another."""
    keys, merged = Keys(settings.prefix), 0
    for start in range(0, len(links), settings.batch):
        parts = [part for pair in links[start : start + settings.batch] for part in pair]
        text = script("people") + script("links")
        merged += int(client.eval(text, 1, keys.current, keys.tag, json.dumps(dict(limits)), *parts))
    return merged


def keep_apart(client: Redis, settings: RedisSettings, identifiers: Sequence[str], pairs: Pairs) -> None:
    """From now on `link_identities` links none of these identifiers, and neither of these pairs."""
    keys, kept = Keys(settings.prefix), [*identifiers, *(pair_text(*pair) for pair in pairs)]
    with client.pipeline(transaction=True) as pipeline:
        pipeline.delete(keys.apart)
        for start in range(0, len(kept), settings.batch):
            pipeline.sadd(keys.apart, *kept[start : start + settings.batch])
        pipeline.execute()


def pending_links(client: Redis, settings: RedisSettings) -> list[tuple[str, str]]:
    """What `link_identities` was told and the lake has not judged."""
    texts: Any = client.sscan_iter(Keys(settings.prefix).live_links, count=settings.batch)
    return [pair_of(text) for text in {*texts}]


def forget_links(client: Redis, settings: RedisSettings, links: Pairs) -> None:
    """The lake has judged them."""
    key, texts = Keys(settings.prefix).live_links, [pair_text(*pair) for pair in links]
    for start in range(0, len(texts), settings.batch):
        client.srem(key, *texts[start : start + settings.batch])
