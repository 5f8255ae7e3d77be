"""One POST: through the environment's proxy, over connections that stay open, to receivers that talk too much."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from jobs.hooks.answer import Answer
from jobs.hooks.posting import post_to, web_address
from tests.jobs.hooks.test_webhook import Receiver, receiver  # noqa: F401

TLS = b"\x16"
"""What a client begins with that would speak TLS."""


def post(url: str, times: int = 1) -> list[Answer]:
    ask = post_to(web_address(url, "alerts.webhook"), 5.0)
    return [ask(b"{}", {"webhook-id": "1"}) for _ in range(times)]


def test_the_proxy_of_the_environment_is_gone_through(
    receiver: Receiver,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", f"http://shop:geheim@127.0.0.1:{receiver.port}")
    monkeypatch.setenv("no_proxy", "other.invalid")
    assert post("http://mailer.invalid/x") == [Answer("taken", "HTTP 200")]
    ((headers, _),) = receiver.taken
    assert headers["Host"] == "mailer.invalid" and headers["proxy-authorization"] == "Basic c2hvcDpnZWhlaW0="
    (answer,) = post("http://other.invalid/x")
    assert answer.kind == "failed" and len(receiver.taken) == 1


@contextmanager
def answering(answer: bytes, endless: bytes = b"") -> Iterator[tuple[str, list[int]]]:
    """A receiver that gives this answer to whatever comes, as often as it comes over a connection, and then goes on
    about `endless`; its address, and how many messages came over each connection."""
    counts: list[int] = []

    def serve(connection: socket.socket, number: int) -> None:
        with connection, suppress(OSError):
            while received := connection.recv(65_536):
                if not received.endswith(b"{}") and not received.startswith(TLS):
                    continue  # the body comes by itself
                counts[number] += 1
                connection.sendall(answer)
                while endless:
                    connection.sendall(endless)

    def accept(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                counts.append(0)
                threading.Thread(target=serve, args=(connection, len(counts) - 1), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, args=(server,), daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/x", counts


def test_a_connection_is_used_again() -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") as (url, counts):
        assert [answer.kind for answer in post(url, times=5)] == ["taken"] * 5
    assert counts == [5]


def test_a_receiver_that_never_ends_its_answer_has_taken_it() -> None:
    with answering(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 10_000) as (url, counts):
        assert [answer.kind for answer in post(url, times=2)] == ["taken"] * 2
    assert counts == [1, 1]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(b"SSH-2.0-OpenSSH_9.2\r\n", "the connection broke"), (b"HTTP/1.1 2000 ?\r\n\r\n", "the connection broke")],
)
def test_one_that_does_not_speak_http_has_not(answer: bytes, reason: str) -> None:
    with answering(answer) as (url, _):
        assert post(url) == [Answer("failed", reason)]


def test_one_with_a_certificate_that_nobody_signed_has_not() -> None:
    with answering(b"\x15\x03\x01\x00\x02\x02\x28") as (url, _):
        (answer,) = post(url.replace("http:", "https:"))
    assert answer == Answer("failed", "no TLS connection that can be trusted")
