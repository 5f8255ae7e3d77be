"""`lakehouse up`, `down`, `status`: the broker and the Redis of a laptop, where the settings point to them.

What the settings point elsewhere is never started and never stopped.
"""

import errno
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil
from confluent_kafka.admin import NewTopic
from confluent_kafka.error import KafkaError, KafkaException

from jobs.errors import OperatorError
from jobs.landing import topic
from jobs.local import broker, cache, daemons
from jobs.local.daemons import Daemon
from jobs.local.setup import jars
from jobs.privacy import keys
from jobs.settings.addresses import address_of
from jobs.settings.loading import Settings

START_SECONDS = 60.0
LOOPBACK = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class ServiceStatus:
    """One service as it is now. `managed`: the settings point to what `up` starts; `pid` only then."""

    service: str
    address: str
    managed: bool
    pid: int | None
    answers: bool


@dataclass(frozen=True)
class _Service:
    """`points_to`: where the settings look. `ports`: what it listens on, with the settings that move it."""

    daemon: Daemon
    points_to: str
    ports: dict[int, str]
    launch: Callable[[Daemon, Settings], int]
    answers: Callable[[], bool]

    @property
    def managed(self) -> bool:
        host, _, port = self.points_to.rpartition(":")
        return host in LOOPBACK and port == self.daemon.address.rpartition(":")[2]


def up(settings: Settings) -> list[str]:
    """Start what the settings do not point elsewhere, both at once, and wait until each answers.

    Returns one line per service. What runs already is left alone. Raises OperatorError when a port is taken,
    or when a service does not answer within 60 s, with what its log said last.
    """
    began = time.monotonic()
    lines: dict[str, str] = {}
    waiting: list[tuple[_Service, int]] = []
    with jars.only_one(settings.home / "run" / "services.lock"):
        if settings.privacy.secrets_file:
            keys.keep(settings.privacy)
        services = _services(settings)
        for service in services:
            daemon = service.daemon
            if not service.managed:
                lines[daemon.name] = f"{daemon.name}: at {service.points_to} by the settings, not started here"
                continue
            if daemons.running(daemon) and not daemons.serves(daemon):
                daemons.stop(daemon)
            pid = daemons.running(daemon)
            if pid and service.answers():
                lines[daemon.name] = f"{daemon.name}: already there on {daemon.address} (pid {pid})"
                continue
            if pid is None:
                _refuse_taken(service, settings.env)
                pid = service.launch(daemon, settings)
            waiting.append((service, pid))
        for service, pid in waiting:
            _wait(service, pid)
            name, address, seconds = service.daemon.name, service.daemon.address, time.monotonic() - began
            lines[name] = f"{name}: started on {address} (pid {pid}, {seconds:.1f} s)"
    return [lines[service.daemon.name] for service in services]


def down(settings: Settings) -> list[str]:
    """Stop exactly what `up` started, data kept; returns one line per service."""
    lines = []
    with jars.only_one(settings.home / "run" / "services.lock"):
        for service in _services(settings):
            pid = daemons.stop(service.daemon)
            name = service.daemon.name
            lines.append(f"{name}: stopped (pid {pid})" if pid else f"{name}: was not running")
    return lines


def status(settings: Settings) -> list[ServiceStatus]:
    """Each service as it is now, asked over the network."""
    return [
        ServiceStatus(
            service=service.daemon.name,
            address=service.points_to,
            managed=service.managed,
            pid=daemons.running(service.daemon) if service.managed else None,
            answers=service.answers(),
        )
        for service in _services(settings)
    ]


def ensure_topic(settings: Settings) -> bool:
    """Create the topic of the events when it is missing; returns whether it was.

    Raises OperatorError when no broker answers within kafka.connect_seconds or the topic cannot be made.
    """
    name, bootstrap = settings.kafka.topic, settings.kafka.bootstrap
    seconds = float(settings.kafka.connect_seconds)
    admin = broker.client(bootstrap, seconds)
    try:
        topics = admin.list_topics(timeout=seconds).topics
        if name in topics:
            return False
        created = admin.create_topics(
            [NewTopic(name, num_partitions=settings.kafka.partitions, replication_factor=-1)],
            operation_timeout=seconds,
        )
        created[name].result(timeout=seconds)
    except KafkaException as refusal:
        error = refusal.args[0]
        if error.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False
        if error.code() in (KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN):
            raise OperatorError(_no_broker(settings)) from None
        raise OperatorError(f"topic {name} cannot be made on {bootstrap}: {error.str()}") from None
    except TimeoutError:
        raise OperatorError(_no_broker(settings)) from None
    topic.require(settings)  # it is made when a controller says so; a broker may learn of it later
    return True


def _no_broker(settings: Settings) -> str:
    bootstrap = settings.kafka.bootstrap
    return f"no Kafka broker answers at {bootstrap}: run `lakehouse up`, or set kafka.bootstrap to one that does"


def _services(settings: Settings) -> list[_Service]:
    local, bootstrap, redis = settings.local, settings.kafka.bootstrap, address_of(settings.redis.url)
    # A Redis with a password, with TLS or on a socket is somebody's own, whatever its port.
    is_plain = redis is not None and redis.scheme == "redis" and not redis.password
    place = settings.redis.address if redis is None or is_plain else redis.shown
    home = settings.home.resolve()
    return [
        _Service(
            Daemon("redis", "redis-server", f"127.0.0.1:{local.redis_port}", home),
            points_to=place,
            ports={local.redis_port: "local.redis_port"},
            launch=cache.start,
            answers=lambda: cache.answers(settings.redis),
        ),
        _Service(
            Daemon("kafka", "java", f"127.0.0.1:{local.broker_port}", home),
            points_to=bootstrap,
            ports={local.broker_port: "local.broker_port", local.controller_port: "local.controller_port"},
            launch=broker.start,
            answers=lambda: broker.answers(bootstrap),
        ),
    ]


def _wait(service: _Service, pid: int) -> None:
    daemon = service.daemon
    port = int(daemon.address.rpartition(":")[2])
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends:
        if daemons.running(daemon) != pid:
            daemon.pid_file.unlink(missing_ok=True)
            raise OperatorError(f"{daemon.name} ended while it started, its log {daemon.log} says: "
                                f"{daemons.last_words(daemon)}")  # fmt: skip
        if _listens(port) and service.answers():
            return
        time.sleep(0.1)
    daemons.stop(daemon, seconds=5)
    raise OperatorError(f"{daemon.name} did not answer on {daemon.address} within {START_SECONDS:.0f} s, "
                        f"its log {daemon.log} says: {daemons.last_words(daemon)}")  # fmt: skip


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _refuse_taken(service: _Service, env: str) -> None:
    for port, setting in service.ports.items():
        with socket.socket() as probe:
            # Otherwise a port that was ours a moment ago counts as taken for a minute.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise OperatorError(f"port {port} cannot be used: {error}; set {setting}") from None
                variable = "LAKEHOUSE_" + setting.upper().replace(".", "__")
                raise OperatorError(
                    f"port {port} for {service.daemon.name} is taken{_by_whom(port)}: stop that, or set "
                    f"{setting} in the settings or {variable} to a free port"
                ) from None


def _by_whom(port: int) -> str:
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.laddr and connection.laddr.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass
    return ""
