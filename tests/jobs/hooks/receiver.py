"""A mailer: a real HTTP server that fails at times, by a plan, and checks what it is sent as a receiver would."""

import base64
import hashlib
import hmac
import json
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = b"a secret of a test's own, of 32 b"
PATH = "/services/planted-path"
NOTHING, RESET, REDIRECT = "nothing", "reset", "redirect"

Plan = Callable[[dict[str, Any], int], int | str | tuple[int, str]]
"""What is answered to a change (its data and type) when it comes for the n-th time, from 0 on: a status, one with a
Retry-After, nothing until the sender gives up, a connection that is reset, or a redirect."""


@dataclass
class Receiver:
    """`taken`: what was answered 2xx, in order, by id and data. `seen`: how often each id came."""

    plan: Plan
    secret: bytes = SECRET
    port: int = 0
    taken: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PATH}"

    @property
    def ids(self) -> list[str]:
        """As they were taken, repetitions left out."""
        return [*dict(self.taken)]

    def check(self, headers: Any, body: bytes) -> None:
        content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.new(self.secret, content, hashlib.sha256).digest()).decode()
        if f"v1,{expected}" not in headers["webhook-signature"].split():
            self.wrong.append(f"signature of {headers['webhook-id']}")
        if abs(time.time() - int(headers["webhook-timestamp"])) > 5:
            self.wrong.append(f"timestamp of {headers['webhook-id']}")


@contextmanager
def receiving(plan: Plan, port: int = 0, secret: bytes = SECRET) -> Iterator[Receiver]:
    receiver = Receiver(plan, secret)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            id_, message = self.headers["webhook-id"], json.loads(body)
            with receiver.lock:
                receiver.check(self.headers, body)
                times = receiver.seen.get(id_, 0)
                receiver.seen[id_] = times + 1
                receiver.at_once += 1
                receiver.most_at_once = max(receiver.most_at_once, receiver.at_once)
            try:
                self.answer(id_, message, receiver.plan({**message["data"], "type": message["type"]}, times))
            finally:
                with receiver.lock:
                    receiver.at_once -= 1

        def answer(self, id_: str, message: dict[str, Any], planned: int | str | tuple[int, str]) -> None:
            if planned == NOTHING:
                receiver.stop.wait(1.5)
                self.close_connection = True
                return
            if planned == RESET:
                linger = struct.pack("ii", 1, 0)  # what closes the socket resets the connection
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.connection.close()
                self.close_connection = True
                return
            status, wait = planned if isinstance(planned, tuple) else (planned, "")
            status = 302 if status == REDIRECT else int(status)
            if 200 <= status < 300:
                with receiver.lock:
                    receiver.taken.append((id_, {**message["data"], "type": message["type"]}))
            self.send_response(status)
            if wait:
                self.send_header("Retry-After", wait)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            receiver.wrong.append("a redirect was followed")

        def finish(self) -> None:
            if not self.wfile.closed and self.connection.fileno() >= 0:
                super().finish()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.stop.set()
        server.shutdown()
        server.server_close()


def always(answer: int | str | tuple[int, str]) -> Plan:
    return lambda data, times: answer


def drawn_plan(seed: int) -> Plan:
    """Three of ten answers fail, in every way that a receiver knows; one person of twelve is refused, one of twelve
    never taken. The same change at the same time is always answered alike."""
    refused, never = {f"p{seed % 12}"}, {f"p{(seed + 5) % 12}"}

    def plan(data: dict[str, Any], times: int) -> int | str | tuple[int, str]:
        person = str(data["person"])
        if person in refused:
            return (400, 404, 422, REDIRECT)[hash_of(seed, person) % 4]
        if person in never:
            return (500, NOTHING, RESET)[hash_of(seed, person) % 3]
        draw = random.Random(hash_of(seed, person, data["segment"], data["type"], times))
        failures = (500, 502, 503, 500, 408, (429, "0"), (503, "0"), RESET, RESET, NOTHING)
        return draw.choice(failures) if draw.random() < 0.3 else 204

    return plan


def hash_of(*parts: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4])
