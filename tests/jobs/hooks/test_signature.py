"""Who a message is from: by the example of Standard Webhooks, and by what README.md tells receivers to run."""

import base64
import json
import re
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from jobs.errors import OperatorError
from jobs.hooks.answer import answer_of
from jobs.hooks.message import message_of
from jobs.hooks.signature import secrets_of, signed_headers
from jobs.hooks.targets import targets_of
from jobs.redis_store.hooks import Change
from jobs.settings import toml_files
from jobs.settings.loading import load
from tests.jobs.hooks.changes import secret_text
from tests.jobs.hooks.receiver import SECRET

README = (Path(__file__).parents[3] / "jobs/hooks/README.md").read_text(encoding="utf-8")
OLD, NEW = SECRET, b"another secret, of 24 b."
BODY = '{"data":{"person":"anonymous_id:ä"}}'.encode()


def snippet(language: str) -> str:
    (text,) = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return str(text)


def in_python(headers: dict[str, str], body: bytes, secret: str) -> bool:
    names: dict[str, Any] = {}
    exec(snippet("python"), names)
    return bool(names["is_ours"](headers, body, secret))


def in_node(headers: dict[str, str], body: bytes, secret: str) -> bool:
    arguments = f"{json.dumps(headers)}, Buffer.from({json.dumps(body.decode())}), {json.dumps(secret)}"
    script = f"{snippet('js')}\nconsole.log(isOurs({arguments}))"
    ran = subprocess.run(["node", "-e", script], capture_output=True, text=True, timeout=30, check=True)
    return {"true": True, "false": False}[ran.stdout.strip()]


@pytest.mark.parametrize("verify", [in_python, in_node])
def test_what_the_readme_tells_receivers_takes_ours_and_nothing_else(verify: Any) -> None:
    now = int(time.time())
    headers = signed_headers("1700000000000-0", now, BODY, (OLD, NEW))
    for secret in (secret_text(OLD), secret_text(NEW), f"whsec_{secret_text(NEW)}"):
        assert verify(headers, BODY, secret)
    assert not verify(headers, BODY, secret_text(b"a secret that nobody was given"))
    assert not verify(headers, BODY + b" ", secret_text())
    assert not verify({**headers, "webhook-id": "1700000000000-1"}, BODY, secret_text())
    assert not verify({**headers, "webhook-timestamp": str(now + 1)}, BODY, secret_text())
    assert not verify(signed_headers("1700000000000-0", now - 600, BODY, (OLD,)), BODY, secret_text()), "long ago"


def test_the_message_that_the_readme_shows_is_what_is_sent() -> None:
    at = datetime(2026, 11, 27, 10, 15, 2, 120_000, UTC)
    change = Change(f"{round(at.timestamp() * 1000)}-7", "900", "cart_abandoners", "enter", "event")
    assert message_of(change) == (change.id, "900", snippet("json").strip().encode())


def test_the_settings_that_the_readme_shows_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop.toml").write_text(snippet("toml"))
    for name in ("MAILER", "CMS"):
        monkeypatch.setenv(f"LAKEHOUSE_HOOKS__WEBHOOKS__{name}__URL", f"https://{name}/hook")
    for name in ("MAILER_SECRET", "CMS_SECRET_V1", "CMS_SECRET_V2"):
        monkeypatch.setenv(name, secret_text())
    settings = load(str(tmp_path / "shop.toml"))
    assert {*targets_of(settings)} == {"mailer", "cms", "kafka"}
    shipped = toml_files.read_named("segments")
    assert {*settings.hooks.webhooks["mailer"].segments} <= {*shipped}


def test_it_is_what_the_specification_has_as_an_example() -> None:
    """Of its reference libraries: test vector of the JavaScript and Python ones."""
    secret, id_, at = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
    headers = signed_headers(id_, at, b'{"test": 2432232314}', (base64.b64decode(secret),))
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == (id_, str(at))


def test_the_newest_secret_signs_first() -> None:
    both, new = (signed_headers("1", 1, BODY, secrets)["webhook-signature"] for secrets in ((OLD, NEW), (NEW,)))
    assert both.split()[0] == new and len(both.split()) == 2


@pytest.mark.parametrize(
    ("variables", "value", "message"),
    [
        ((), "", "webhook mailer has no secret"),
        (("S",), "", "the secret S of webhook mailer is not set"),
        (("S",), "geheim!", "the secret S of webhook mailer is not base64"),
        (("S",), "Z2VoZWlt", "the secret S of webhook mailer has 6 bytes"),
        (("S",), secret_text(b"x" * 65), "has 65 bytes"),
    ],
)
def test_a_secret_that_is_none_is_named_and_not_shown(variables: tuple[str, ...], value: str, message: str) -> None:
    with pytest.raises(OperatorError, match=message) as raised:
        secrets_of("mailer", variables, {"S": value})
    assert not value or value not in str(raised.value)


@pytest.mark.parametrize(
    ("status", "retry_after", "kind", "seconds"),
    [
        (200, "", "taken", 0),
        (299, "7", "taken", 0),
        (301, "", "refused", 0),
        (400, "", "refused", 0),
        (410, "", "refused", 0),
        (408, "", "failed", 0),
        (425, "", "failed", 0),
        (429, "", "throttled", 0),
        (429, "7", "throttled", 7),
        (429, "-7", "throttled", 0),
        (429, "soon", "throttled", 0),
        (429, "999999", "throttled", 3600),
        (429, "Thu, 01 Jan 1970 00:01:40 GMT", "throttled", 40),
        (503, "7", "throttled", 7),
        (503, "", "failed", 0),
        (500, "7", "failed", 7),
    ],
)
def test_what_an_answer_means(status: int, retry_after: str, kind: str, seconds: float) -> None:
    answer = answer_of(status, retry_after, now=60.0)
    assert answer.kind == kind and answer.reason == f"HTTP {status}"
    assert kind == "taken" or answer.wait_seconds == seconds
