"""What the supervisor knows, as JSON on a port: 200 where every stream runs, 503 where one does not."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from jobs.errors import OperatorError

State = Callable[[], dict[str, Any]]
"""What to answer; `healthy` in it decides the status."""


@contextmanager
def served(host: str, port: int, state: State) -> Iterator[int]:
    """Answers GET on any path while the block lasts; gives the port, which is another one for 0.

    Raises OperatorError where the port is taken.
    """
    try:
        server = ThreadingHTTPServer((host, port), _handler(state))
    except OSError as error:
        raise OperatorError(
            f"port {port} for the streams' health cannot be had ({error.strerror}): stop what has it, or give --port or"
            " the setting streaming.health_port a free one"
        ) from None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def _handler(state: State) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds for whoever connects and says nothing

        def do_GET(self) -> None:
            answer = state()
            body = json.dumps(answer, default=str).encode()
            self.send_response(200 if answer["healthy"] else 503)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Nothing: whoever asks asks often."""

    return Handler
