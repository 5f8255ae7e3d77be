"""`lakehouse hooks`, as it is typed, on a real Redis and a real receiver; and settings that are wrong."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from typer.testing import CliRunner

from jobs.commands.app import app
from jobs.errors import OperatorError
from jobs.hooks import targets
from jobs.hooks.telling import telling
from jobs.settings.loading import Settings, load
from tests.conftest import free_port
from tests.jobs.hooks.changes import QUICK, VARIABLE, secret_text, until, write, written
from tests.jobs.hooks.receiver import PATH, Receiver, always, receiving
from tests.redis_server import redis_server

pytestmark = pytest.mark.services


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """The mailer of an environment whose settings come by variables, as they do where it is in use."""
    with redis_server() as server, receiving(always(200)) as receiver:
        monkeypatch.setenv("LAKEHOUSE_REDIS__URL", server.settings().url)
        monkeypatch.setenv("LAKEHOUSE_HOOKS__WEBHOOKS__MAILER__URL", receiver.url)
        monkeypatch.setenv("LAKEHOUSE_HOOKS__WEBHOOKS__MAILER__SECRETS", f'["{VARIABLE}"]')
        for name, value in QUICK.items():
            monkeypatch.setenv(f"LAKEHOUSE_HOOKS__{name.upper()}", str(value))
        monkeypatch.setenv(VARIABLE, secret_text())
        yield receiver


@pytest.fixture
def client(receiver: Receiver) -> Redis:
    return Redis.from_url(load().redis.url, decode_responses=True)


def typed(*words: str, code: int = 0) -> str:
    ran = CliRunner().invoke(app, ["hooks", *words])
    assert ran.exit_code == code, ran.output
    assert PATH not in ran.output and secret_text() not in ran.output
    return ran.output


def status() -> dict[str, Any]:
    (one,) = json.loads(typed("status", "--json"))
    return dict(one)


def refused(client: Redis, receiver: Receiver, people: int) -> list[str]:
    """So many people enter `cart`, and the mailer refuses to hear of it: the changes' ids."""
    receiver.plan = always(422)
    with telling(load(), lambda: True):
        for number in range(people):
            write(client, f"p{number}", enter=["cart"])
        until(lambda: status()["dead_letters"] == people, "not refused")
    receiver.plan = always(200)
    return [*written(client)]


def test_dead_letters_are_shown_and_replayed_under_their_ids(client: Redis, receiver: Receiver) -> None:
    ids = refused(client, receiver, people=5)
    shown = json.loads(typed("dead", "--json"))
    assert sorted((one["id"], one["person"], one["reason"]) for one in shown) == [
        (id_, f"p{number}", "HTTP 422") for number, id_ in enumerate(ids)
    ]
    assert len(json.loads(typed("dead", "--json", "--limit", "2"))) == 2
    assert "p3 cart enter HTTP 422" in " ".join(typed("dead").split())
    write(client, "p1", leave=["cart"])
    receiver.plan = lambda data, times: 422 if data["person"] == "p2" else 500 if times == 1 else 200
    assert json.loads(typed("replay", "--json", code=1)) == {"mailer": {"told": 3, "overtaken": 1, "not_taken": 1}}
    assert sorted(receiver.ids) == [ids[0], ids[3], ids[4]] and not receiver.wrong
    receiver.plan = always(200)
    assert typed("replay", "--target", "mailer") == "mailer: 1 told, 0 overtaken, 0 not taken\n"
    assert receiver.ids[-1] == ids[2]
    assert typed("dead") == "no dead letters\n" and typed("replay") == "mailer: 0 told, 0 overtaken, 0 not taken\n"
    at = status()
    assert (at["told"], at["overtaken"], at["waiting"], at["dead_letters"]) == (4, 1, 1, 0)


def test_a_leave_of_somebody_who_is_in_again_is_not_replayed(client: Redis, receiver: Receiver) -> None:
    write(client, "p", enter=["cart"])
    receiver.plan = always(422)
    with telling(load(), lambda: True):
        write(client, "p", leave=["cart"])
        until(lambda: status()["dead_letters"] == 1, "not refused")
        receiver.plan = always(200)
        write(client, "p", enter=["cart"])
        until(lambda: status()["told"] == 1, "not told")
    assert typed("replay") == "mailer: 0 told, 1 overtaken, 0 not taken\n"
    assert [data["type"] for _, data in receiver.taken] == ["segment.enter"]


def test_a_replay_that_nobody_takes_ends_and_keeps_the_rest(client: Redis, receiver: Receiver) -> None:
    refused(client, receiver, people=30)
    receiver.plan = always(503)
    before = sum(receiver.seen.values())
    line = typed("replay", code=1).strip()
    assert line.endswith("takes nothing (HTTP 503); the dead letters stay, replay them when it does")
    assert sum(receiver.seen.values()) - before == 3 * QUICK["tries"] and status()["dead_letters"] == 30


def test_status_says_since_when_nothing_is_taken(
    client: Redis, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert status()["is_begun"] is False
    monkeypatch.setenv("LAKEHOUSE_HOOKS__WEBHOOKS__MAILER__URL", f"http://127.0.0.1:{free_port()}{PATH}")
    with telling(load(), lambda: True):
        for number in range(3):
            write(client, f"p{number}", enter=["cart"])
        until(lambda: status()["failing_since"], "nobody is missed")
    assert (status()["waiting"], status()["reason"]) == (3, "no connection")
    monkeypatch.delenv(VARIABLE)
    assert "no connection" in typed("status"), "which needs no secret"


def test_a_test_says_what_is_answered(receiver: Receiver) -> None:
    assert typed("test", "mailer") == "mailer: taken (HTTP 200)\n"
    ((_, data),) = receiver.taken
    assert (data["type"], data["person"]) == ("segment.test", "nobody") and not receiver.wrong
    receiver.plan = always(401)
    assert typed("test", "mailer", code=1) == "error: hook mailer: 127.0.0.1 did not take it (HTTP 401)\n"
    assert "no hook mialer; did you mean mailer?" in typed("test", "mialer", code=1)
    assert "no hook mialer; did you mean mailer?" in typed("dead", "--target", "mialer", code=1)


def test_without_hooks_the_commands_say_where_to_begin() -> None:
    for words in (("status",), ("dead",), ("replay",), ("test", "mailer")):
        assert "nobody is told of segments: fill [hooks] of the settings" in typed(*words, code=1)


def settings_of(tmp_path: Path, text: str) -> Settings:
    (tmp_path / "shop.toml").write_text(text)
    return load(str(tmp_path / "shop.toml"))


WEBHOOK = f'[hooks.webhooks.mailer]\nurl = "https://mailer/planted"\nsecrets = ["{VARIABLE}"]\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f'{WEBHOOK}segments = ["crat"]\n', r"hooks\.webhooks\.mailer\.segments: no segment crat; did you mean cart\?"),
        (WEBHOOK.replace("mailer]", "kafka]"), "a webhook cannot be called kafka"),
        (
            WEBHOOK.replace("https", "ftp"),
            r"hooks\.webhooks\.mailer\.url is no http or https .* LAKEHOUSE_HOOKS__WEBHO",
        ),
        (WEBHOOK.replace(VARIABLE, "NOT_SET"), "the secret NOT_SET of webhook mailer is not set"),
        (f'{WEBHOOK}segmants = ["cart"]\n', r"unknown setting hooks\.webhooks\.mailer\.segmants .*mailer\.segments"),
        (
            WEBHOOK.replace('url = "', 'url = ["').replace('planted"', 'planted"]'),
            r"setting hooks\.webhooks\.mailer\.url",
        ),
        (WEBHOOK.replace("mailer]", '"The Mailer"]'), "setting hooks.webhooks.The Mailer"),
        ("[hooks]\ntries = 0\n", r"setting hooks\.tries: .* seen 0"),
        (
            "[hooks]\nwebhooks.mailer = 'https://mailer/planted'\n",
            r"setting hooks\.webhooks\.mailer in .* is a section",
        ),
    ],
)
def test_a_setting_that_is_wrong_is_named_and_its_address_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.setenv(VARIABLE, secret_text())
    with pytest.raises(OperatorError, match=message) as raised:
        targets.require(settings_of(tmp_path, text), ("cart", "regulars"))
    assert "planted" not in str(raised.value)


def test_settings_that_are_right_are_taken_and_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, secret_text())
    monkeypatch.setenv("LAKEHOUSE_HOOKS__WEBHOOKS__CMS__URL", "https://cms/planted")
    monkeypatch.setenv("LAKEHOUSE_HOOKS__WEBHOOKS__CMS__SECRETS", f'["{VARIABLE}"]')
    settings = settings_of(tmp_path, f'{WEBHOOK}segments = ["cart"]\n')
    targets.require(settings, ("cart",))
    made = targets.targets_of(settings)
    assert {name: (one.where, {*one.segments}) for name, one in made.items()} == {
        "mailer": ("mailer", {"cart"}),
        "cms": ("cms", set()),
    }
    for shown in (repr(settings), repr(settings.hooks), settings.hooks.model_dump_json(), repr(made)):
        assert "planted" not in shown and secret_text() not in shown
