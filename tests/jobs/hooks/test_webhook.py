"""The webhook, against a real HTTP server on this machine."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from jobs.errors import OperatorError
from jobs.hooks import webhook

SECRET = "/services/T0/planted-token"


@dataclass
class Receiver:
    """A server that answers with the `answers` in turn, the last for ever; 0 answers nothing for a second."""

    answers: list[int]
    taken: list[tuple[dict[str, str], Any]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{SECRET}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver([200])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.taken.append((dict(self.headers), json.loads(body)))
            answer = receiver.answers.pop(0) if len(receiver.answers) > 1 else receiver.answers[0]
            if answer == 0:
                time.sleep(1)
                return
            self.send_response(answer)
            if answer == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def do_GET(self) -> None:
            receiver.taken.append(({}, "a redirect was followed"))

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield receiver
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "PAUSE_SECONDS", 0.01)


def test_it_is_posted_once_as_json_with_its_key(receiver: Receiver) -> None:
    webhook.post(receiver.url, {"text": "é"}, "key-1", 5, tries=3)
    ((headers, body),) = receiver.taken
    assert body == {"text": "é"}
    assert (headers["Content-Type"], headers["Idempotency-Key"]) == ("application/json", "key-1")


@pytest.mark.parametrize("answers", [[500, 503, 200], [429, 204], [0, 200]])
def test_what_may_pass_is_tried_again_under_the_same_key(receiver: Receiver, answers: list[int]) -> None:
    receiver.answers[:] = answers
    tries = len(answers)
    webhook.post(receiver.url, {}, "key-1", 0.3, tries=3)
    assert [headers["Idempotency-Key"] for headers, _ in receiver.taken] == ["key-1"] * tries


@pytest.mark.parametrize(
    ("answer", "tries", "reason"),
    [(500, 3, "HTTP 500"), (400, 1, "HTTP 400"), (302, 1, "HTTP 302"), (0, 3, "no answer in 0.3 s")],
)
def test_a_refusal_is_an_error_that_does_not_say_the_address(
    receiver: Receiver, answer: int, tries: int, reason: str
) -> None:
    receiver.answers[:] = [answer]
    with pytest.raises(OperatorError) as raised:
        webhook.post(receiver.url, {}, "key", 0.3, tries=3)
    assert len(receiver.taken) == tries
    assert str(raised.value) == f"the webhook at 127.0.0.1 did not take it ({reason})"
    assert raised.value.__context__ is None or SECRET not in str(raised.value.__context__)


def test_nobody_there_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(OperatorError, match="did not take it \\(no connection\\)"):
        webhook.post(f"http://127.0.0.1:{port}{SECRET}", {}, "key", 1, tries=2)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "hooks.example.com/x", "ftp://example.com/planted"])
def test_only_http_is_an_address(url: str) -> None:
    with pytest.raises(OperatorError, match="no http or https address") as raised:
        webhook.post(url, {}, "key", 1, tries=1)
    assert url not in str(raised.value)
