"""Addresses with a login: understood where only one thing can be meant, else refused, and never shown."""

import base64
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

import pytest
from typer.testing import CliRunner

from jobs.commands.app import app
from jobs.errors import OperatorError
from jobs.hooks import webhook
from jobs.redis_store.client import connect
from jobs.schema_registry.lookup import lookup
from jobs.settings.addresses import address_of
from jobs.settings.loading import Settings, load
from jobs.sources.source import source_of
from models import registry
from models.registry_errors import RegistryError
from tests.redis_server import RedisServer, redis_server

PASSWORDS = ["pw/x", "pw#x", "pw?x", "pw@x", "pw%x", "pw:x", "pw[x", "pw℀x", "61718/61919", "geh%", "a b", "//@x@/?#"]
NOBODY = "127.0.0.1:1"


def parts(password: str) -> list[str]:
    """What must be nowhere: the password, and each piece of it that a library may take for something."""
    pieces = [password, quote(password, safe=""), *("".join(c if c.isalnum() else " " for c in password).split())]
    return [piece for piece in pieces if len(piece) > 1]


def holds_none_of(text: str, password: str) -> bool:
    return not [part for part in parts(password) if part in text]


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.mark.services
@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("user", ["", "shop"])
def test_redis_is_reached_with_the_password_as_it_is_and_encoded(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch, user: str, password: str
) -> None:
    admin = server.admin
    admin.execute_command("ACL", "SETUSER", user or "default", "reset", "on", f">{password}", "~*", "+@all")
    try:
        for written in (password, quote(password, safe="")):
            monkeypatch.setenv("LAKEHOUSE_REDIS__URL", f"redis://{user}:{written}@127.0.0.1:{server.port}/0")
            redis = load().redis
            assert redis.address == f"127.0.0.1:{server.port}"
            assert connect(redis).ping()
            assert holds_none_of(repr(redis), password)
    finally:
        one_to_mend = connect(redis)
        one_to_mend.execute_command("ACL", "SETUSER", "default", "reset", "on", "nopass", "~*", "&*", "+@all")


@pytest.mark.parametrize(
    "url",
    [
        "redis://redis:geheim",  # no port
        "redis://:geheim%2F/x@redis",  # is %2F a slash or itself?
        "redis://shop:12345/1?x=geheim@redis:6379",  # host shop with port 12345, or a password
        "redis://:geheim@redis:6379/0#geheim",  # a Redis has no fragment
        "redis://:geheim@redis:99999",
        "redis://:geheim@re dis:6379",
        "geheim@redis:6379",
        ":geheim@redis",
        "http://:geheim@redis:6379",
    ],
)
def test_a_url_of_which_two_things_or_none_can_be_meant_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("LAKEHOUSE_REDIS__URL", url)
    with pytest.raises(OperatorError, match=r"setting redis\.url.*percent-encoded.*in LAKEHOUSE_REDIS__URL") as raised:
        load()
    assert "geheim" not in str(raised.value) and "12345" not in str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_sockets_options_and_hosts_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    for url, shown in [
        ("unix://:a%2Fb@/run/redis@2.sock?db=1", "/run/redis@2.sock"),
        ("rediss://shop:x@[::1]:6380/2?ssl_cert_reqs=none", "[::1]:6380"),
        ("redis://redis.shop_net", "redis.shop_net:6379"),
        ("redis://redis:6380/0?client_name=page", "redis:6380"),
    ]:
        monkeypatch.setenv("LAKEHOUSE_REDIS__URL", url)
        assert (load().redis.url, load().redis.address) == (url, shown)
    monkeypatch.setenv("LAKEHOUSE_REDIS__URL", "redis://redis/0?sokcet_timeout=3")
    with pytest.raises(OperatorError, match="options behind its \\? that are not understood"):
        connect(load().redis)


@pytest.mark.services
@pytest.mark.parametrize("password", PASSWORDS)
def test_no_command_shows_a_part_of_a_password(
    password: str, local_services: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody listens where a password leads: every command fails, and says what it could not reach, or understand."""
    monkeypatch.setenv("LAKEHOUSE_REDIS__URL", f"redis://shop:{password}@{NOBODY}/0")
    monkeypatch.setenv("LAKEHOUSE_KAFKA__BOOTSTRAP", local_services.kafka.bootstrap)
    for words in (["recommend", "1"], ["status"], ["status", "--json"]):
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 1 and isinstance(result.exception, SystemExit)
        assert holds_none_of(result.output + caplog.text, password)
    for name in ("SCHEMA_REGISTRY__URL", "MLFLOW__TRACKING_URI"):
        monkeypatch.setenv(f"LAKEHOUSE_{name}", f"http://shop:{password}@{NOBODY}")
    monkeypatch.setenv("LAKEHOUSE_ALERTS__WEBHOOK", f"http://shop:{password}@{NOBODY}")
    monkeypatch.setenv("LAKEHOUSE_SOURCES__CRM__LOCATION", f"jdbc:postgresql://shop:{password}@{NOBODY}/crm")
    result = CliRunner().invoke(app, ["recommend", "1"])
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit)
    assert holds_none_of(result.output + caplog.text, password)


@pytest.fixture
def web() -> Iterator[tuple[int, list[str]]]:
    """A server's port, and the logins that it was shown."""
    logins: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            logins.append(base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode())
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = b'{"schema": "{}", "schemaType": "JSON"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port, logins
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("password", PASSWORDS)
def test_web_servers_get_the_login_and_no_log_does(
    web: tuple[int, list[str]], password: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The schema registry's client logs every URL that it asks for."""
    port, logins = web
    url = f"http://shop:{password}@127.0.0.1:{port}"
    monkeypatch.setenv("LAKEHOUSE_SCHEMA_REGISTRY__URL", url)
    if address_of(url) is None:
        assert password == "61718/61919", "which may be the port and the path of a host named shop"
        monkeypatch.setenv("LAKEHOUSE_SCHEMA_REGISTRY__URL", url := url.replace(password, quote(password, safe="")))
    with caplog.at_level(logging.DEBUG):
        find = lookup(load().schema_registry)
        assert find is not None and find(7) is not None
        webhook.post(f"{url}/x", {}, "key", 5, tries=1)
    assert logins == [f"shop:{password}"] * 2
    assert holds_none_of(caplog.text.replace(str(port), ""), password)


def test_the_webhooks_errors_show_nothing_of_it() -> None:
    for url in ("http://shop:geheim@h:x/y", "http://h:geheim", "http://[geheim", "https://h/a b geheim"):
        with pytest.raises(OperatorError, match="no http or https address") as raised:
            webhook.require(url)
        assert "geheim" not in str(raised.value)


@pytest.mark.parametrize("scheme", ["http", "postgresql", "nowhere"])
@pytest.mark.parametrize("password", PASSWORDS)
def test_mlflows_errors_show_nothing_of_it(monkeypatch: pytest.MonkeyPatch, scheme: str, password: str) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("LAKEHOUSE_MLFLOW__TRACKING_URI", f"{scheme}://shop:{password}@{NOBODY}")
    try:
        where = registry.Registry(load().mlflow.tracking_uri)
    except OperatorError as refused:
        assert holds_none_of(str(refused), password)
        return
    with pytest.raises(RegistryError, match=f"MLflow at {scheme}://{NOBODY}: .") as raised:
        registry.resolve(where, "als", registry.CHAMPION)
    assert raised.value.__suppress_context__ and holds_none_of(f"{raised.value} {where}", password)


@pytest.mark.parametrize(
    "where",
    [
        *[f"jdbc:postgresql://shop:{password}@db/crm" for password in PASSWORDS],
        "jdbc:oracle:thin:shop/geheim@db:1521/crm",
        "jdbc:mysql://address=(host=db)(user=shop)(password=geheim)/crm",
        "jdbc:sqlserver://db;encrypt=true;password=geheim",
        "postgresql://shop:ge/heim@db/crm",
        "s3://KEY:geheim/x@bucket/crm",
    ],
)
def test_a_source_with_a_login_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.setenv("LAKEHOUSE_SOURCES__CRM__LOCATION", where)
    with pytest.raises(OperatorError, match=r"sources\.crm\.location holds a login; take it out") as raised:
        source_of("crm", load())
    assert "db" not in str(raised.value) and "geheim" not in str(raised.value)


def test_a_source_without_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_SOURCES__CRM__TABLE", "customers")
    for where in (
        "jdbc:oracle:thin:@//db:1521/crm",
        "jdbc:postgresql://db/crm",
        "s3://b/crm@2026",
        "file:///a//b@c.csv",
    ):
        monkeypatch.setenv("LAKEHOUSE_SOURCES__CRM__LOCATION", where)
        assert source_of("crm", load()).where == where


def test_the_last_at_alone_is_no_rule() -> None:
    """An @ in the options or the path is an address's own where nothing before it can be a login."""
    address = address_of("redis://redis/0?client_name=a@b")
    assert address is not None and (address.host, address.password) == ("redis", None)
    assert address_of("redis://shop:x@redis:6379/0?client_name=a@b") is None
