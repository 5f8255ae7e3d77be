"""The laptop's Redis: loopback only, nothing evicted, saved when it stops."""

from redis.exceptions import RedisError

from jobs.errors import OperatorError
from jobs.local import daemons
from jobs.local.daemons import Daemon
from jobs.local.setup import machine
from jobs.redis_store.client import connect
from jobs.settings.loading import Settings
from jobs.settings.redis_settings import RedisSettings


def answers(settings: RedisSettings, seconds: float = 3) -> bool:
    """Whether the Redis of the settings answers a PING."""
    try:
        with connect(settings, tries=1, timeout_seconds=seconds) as client:
            return bool(client.ping())
    except RedisError:
        return False


def start(daemon: Daemon, settings: Settings) -> int:
    """Start Redis on what was saved last; returns its process id, does not wait.

    Raises OperatorError when there is no redis-server.
    """
    try:
        server = machine.redis_server()
    except machine.Missing as missing:
        raise OperatorError(str(missing)) from None
    command = [str(server), "--port", str(settings.local.redis_port), "--bind", "127.0.0.1"]
    # With a save point set, SIGTERM saves; the hourly save itself costs a fork and is rare enough.
    command += ["--dir", str(daemon.folder), "--save", "3600", "1", "--appendonly", "no"]
    command += ["--maxmemory-policy", "noeviction", "--daemonize", "no"]
    return daemons.start(daemon, command)
