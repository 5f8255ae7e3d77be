"""What keeps Redis from doing what it is asked, as one line for an operator: what was seen, and what to do.

The line never holds a password, nor a command that was refused: its values are people's.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import AuthenticationError, RedisError
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import TimeoutError as NoAnswer

from jobs.errors import OperatorError
from jobs.redis_store.keys import Keys
from jobs.settings.redis_settings import RedisSettings

RIGHTS = "+@read +@write +@scripting +@transaction +@connection +info"
"""What the jobs' user may need to do, as ACL SETUSER takes it."""
LOGIN = "LAKEHOUSE_REDIS__URL=redis://user:password@host:port/0"

REMEDIES = {
    "OOM": "has no memory left (maxmemory is reached): raise its maxmemory, or keep versions for fewer days (setting"
    " redis.ttl_days)",
    "READONLY": "is a replica, which takes no writes: let the setting redis.url name the primary",
    "NOPERM": "does not let this user do that: {reply}; as its administrator grant ACL SETUSER <user> {rights} ~{keys}",
    "LOADING": "is still loading its data: run this again when it has",
    "MISCONF": "takes no writes because it cannot save to its disk: see its log, and free or mend the disk",
    "NOREPLICAS": "takes no writes while too few replicas are connected: see why they are away (its setting"
    " min-replicas-to-write)",
    "MASTERDOWN": "is a replica that has lost its primary: let the setting redis.url name a primary",
    "MOVED": "is the node of a cluster that does not hold the keys {keys}: let the setting redis.url name the one that"
    " does",
    "CLUSTERDOWN": "is a node of a cluster that is down: see CLUSTER INFO",
    "BUSY": "is busy with a script that somebody runs: see its log, or stop it with SCRIPT KILL",
    "clients": "takes no further client: raise its maxclients",
    "DB": "has no database of that number: mend the last part of the setting redis.url",
}
SIGNS = {
    "can't run this command": "NOPERM",  # of a script, up to Redis 6
    "ACL failure in script": "NOPERM",  # and from 7 on
    "number of clients reached": "clients",
    "DB index is out of range": "DB",
}
"""What tells a reply that begins with no code of its own, or with another's."""


class RedisFault(OperatorError):
    """Redis did not do what it was asked."""


@contextmanager
def redis_faults(settings: RedisSettings, consequence: str = "") -> Iterator[None]:
    """Raises RedisFault in place of what Redis, or the connection to it, raises in the block. `consequence`: what that
    means for who asked, at the end of the line."""
    try:
        yield
    except RedisFault as fault:
        if not consequence:
            raise
        raise RedisFault(f"{fault}; {consequence}") from None
    except RedisError as error:
        line = description(error, settings)
        raise RedisFault(f"{line}; {consequence}" if consequence else line) from None


def description(error: RedisError, settings: RedisSettings) -> str:
    """One line on what Redis answered, or that it did not."""
    where, reply = f"Redis at {settings.address}", _reply(error)
    if remedy := REMEDIES.get(_code(reply)):
        return f"{where} {remedy.format(reply=_words(reply), rights=RIGHTS, keys=f'{Keys(settings.prefix).tag}:*')}"
    if isinstance(error, AuthenticationError):
        return f"{where} refuses the login of the setting redis.url: give it a user and a password that hold, {LOGIN}"
    if isinstance(error, NoConnection | NoAnswer):
        return (
            f"no Redis answers at {settings.address} (setting redis.url): {_words(reply)}; start one with: lakehouse up"
        )
    return f"{where} refuses what it is asked: {_words(reply)}"


def _reply(error: RedisError) -> str:
    """What Redis answered, its code first, without the command that a pipeline puts before it."""
    text = str(error).rpartition("of pipeline caused error: ")[2]
    return f"{error.status_code or ''} {text}".strip()


def _code(reply: str) -> str:
    for sign, code in SIGNS.items():
        if sign in reply:
            return code
    # What a script met stands behind its line's number.
    in_script = re.search(r"@user_script: ?\d+: -?([A-Z]+) ", reply)
    return in_script[1] if in_script else reply.partition(" ")[0]


def _words(reply: str) -> str:
    return " ".join(reply.split())[:200].rstrip(".")
