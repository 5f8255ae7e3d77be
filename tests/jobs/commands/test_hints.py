"""The commands that an error names can be typed as they stand: with the --env in use."""

import shutil
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

from jobs.commands.app import app
from jobs.errors import with_env
from jobs.job import submit
from jobs.job_list import job_named
from jobs.privacy.keys import new_secret
from tests.redis_server import redis_server

CONF = Path(__file__).parents[3] / "conf"
NOBODY = "127.0.0.1:1"


@pytest.fixture(autouse=True)
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment `mine`, in which nobody listens."""
    shutil.copytree(CONF, tmp_path / "conf")
    (tmp_path / "conf" / "mine.toml").write_text((CONF / "local.toml").read_text() + "\n[kafka]\nconnect_seconds = 1\n")
    monkeypatch.setenv("LAKEHOUSE_CONF", str(tmp_path / "conf"))
    monkeypatch.setenv("LAKEHOUSE_KAFKA__BOOTSTRAP", NOBODY)
    monkeypatch.setenv("LAKEHOUSE_REDIS__URL", f"redis://{NOBODY}/0")
    monkeypatch.setenv("PERSONALIZATION_TOKEN_SECRET_V1", new_secret())
    monkeypatch.setenv("PERSONALIZATION_PAYLOAD_KEY_V1", new_secret())


def error(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 1, result.output
    return result.output.strip().splitlines()[-1]


def test_hints_repeat_the_environment() -> None:
    assert error("recommend", "1", "--env", "mine").endswith("start one with: lakehouse up --env mine")
    assert error("run", "publish.recommendations", "--env", "mine").endswith("lakehouse up --env mine")
    assert "start one with `lakehouse up --env mine`, or" in error("run", "live.consents", "--env", "mine")
    assert error("recommend", "1").endswith("start one with: lakehouse up")


def test_a_job_to_run_is_named_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with redis_server() as server:
        monkeypatch.setenv("LAKEHOUSE_REDIS__URL", server.settings().url)
        line = error("recommend", "1", "--env", "mine")
    assert line.endswith("holds no version yet; run: lakehouse run --env mine publish.recommendations")


def test_so_does_a_submitted_job() -> None:
    for words, hint in ((["--env", "mine"], "lakehouse up --env mine"), ([], "lakehouse up")):
        with pytest.raises(SystemExit) as ended:
            submit(job_named("publish.recommendations"), words)
        assert str(ended.value).startswith("error: no Redis answers") and str(ended.value).endswith(hint)


def leaves(group: TyperGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], bool]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from leaves(command, (*path, name))
        else:
            yield (*path, name), any(parameter.name == "env" for parameter in command.params)


def test_every_command_that_takes_an_environment_and_no_other_gets_it() -> None:
    commands = dict(leaves(typing.cast(TyperGroup, typer.main.get_command(app))))
    assert len(commands) > 20 and not commands[("jobs",)]
    for path, takes_env in commands.items():
        command = " ".join(("lakehouse", *path))
        hinted = with_env(f"mend it with: {command} x; or `{command}`", "my own")
        added = " --env 'my own'" if takes_env else ""
        assert hinted == f"mend it with: {command}{added} x; or `{command}{added}`"


def test_what_is_no_command_stays() -> None:
    for text in ("lakehouse runs", "the lakehouse is full", "lakehouse quarantine", "lakehouse.run"):
        assert with_env(text, "mine") == text
