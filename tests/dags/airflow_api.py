"""Airflow's API as its pages use it, on this machine and without a password."""

import json
import urllib.request
from typing import Any

WAIT_SECONDS = 60


def answer_of(port: int, path: str, body: dict[str, Any] | None = None) -> Any:
    """What GET, or POST with a body, of /api/v2/<path> answers."""
    root = f"http://127.0.0.1:{port}"
    with urllib.request.urlopen(f"{root}/auth/token", timeout=WAIT_SECONDS) as answer:
        headers = {"Authorization": f"Bearer {json.load(answer)['access_token']}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{root}/api/v2/{path}", data, headers)
    with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as answer:
        return json.load(answer)
