"""A redis-server of a test's own, to be filled, locked, made a replica and killed."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import BusyLoadingError
from redis.exceptions import ConnectionError as NoConnection

from jobs.local.setup import machine
from jobs.settings.redis_settings import RedisSettings
from tests.conftest import free_port

START_SECONDS = 20


class RedisServer:
    """`port`: where it listens on this machine. `folder`: where it saves."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *words: str) -> None:
        """Starts it with further words of its configuration; returns when it answers, if only that it loads."""
        command = [machine.redis_server(), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder]
        self._process = subprocess.Popen([*command, "--save", "", *words], stdout=subprocess.DEVNULL)
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                self.admin.ping()
                return
            except BusyLoadingError:
                return
            except NoConnection:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def admin(self) -> Redis:
        return Redis(port=self.port, decode_responses=True, retry=None)

    def settings(self, login: str = "", database: int = 0, prefix: str = "rec") -> RedisSettings:
        """`login`: as in a URL, user:password@."""
        url = f"redis://{login}127.0.0.1:{self.port}/{database}"
        return RedisSettings(url=url, prefix=prefix, ttl_days=1, batch=100, allow_eviction=False)


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """Running, empty, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.kill()
