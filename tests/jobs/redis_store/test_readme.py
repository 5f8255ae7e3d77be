"""What README.md tells a shop's pages to type, run as it is printed there against a real Redis."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.local.setup import machine
from jobs.redis_store.identities import update_identities
from jobs.redis_store.writing import Word, update_consents
from jobs.serve.recommended import recommended
from tests.redis_server import RedisServer, redis_server

pytestmark = pytest.mark.services

ROOT = Path(__file__).parents[3]
FIRST = re.search(r"## For the shop's pages(.*?)\n## ", (ROOT / "README.md").read_text(), re.DOTALL)
CHAPTER = re.search(r"## For the shop's pages(.*)", (ROOT / "jobs/redis_store/README.md").read_text(), re.DOTALL)
"""The first is what the project's README has of it."""
BASE = "{rec}:20180101T040200Z-als1"
LISTS = {
    "person:900": {
        "again": [
            ["890536", "bought_before", "times", "88"],
            ["6534178", "bought_before", "times", "63"],
            ["1133018", "bought_before", "times", "46"],
            ["986912", "bought_before", "times", "44"],
        ],
        "discover": [["1056509", "similar_people"]],
    },
    "segment:persona-2": {
        "popular": [["1082185", "popular"], ["1029743", "popular"], ["995242", "popular"], ["1106523", "popular"]]
    },
    "segment:everyone": {"popular": [["1029743", "popular"], ["1082185", "popular"]]},
}
LABELS = {
    "890536": '{"title":"NON-CRBNTD DRNKING/MNERAL WATE, 20 OZ","price":0.69,"currency":"USD"}',
    "6534178": '{"title":"GASOLINE-REG UNLEADED","price":0.0,"currency":"USD"}',
    "1133018": '{"title":"FLUID MILK WHITE ONLY"}',
    "986912": '{"title":"PREP FD: SIDE DISHES (HOT)","price":2.57}',
    "1056509": '{"title":null,"price":null}',
}


def printed() -> dict[str, list[str]]:
    """Each command of the chapter, with the lines that are printed below it."""
    assert CHAPTER is not None
    blocks = re.findall(r"```console\n(.*?)```", CHAPTER[1], re.DOTALL)
    commands: dict[str, list[str]] = {}
    for line in "".join(blocks).splitlines():
        if line.startswith("$ "):
            commands[line.removeprefix("$ ")] = []
        else:
            commands[[*commands][-1]].append(line)
    return commands


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    """A Redis with a version of the demo's, which redis-cli reaches at the port that the README names."""
    with redis_server() as server:
        client = server.admin
        client.mset({f"{BASE}:{who}": json.dumps(value, separators=(",", ":")) for who, value in LISTS.items()})
        client.hset(f"{BASE}:items", mapping=LABELS)
        client.set("{rec}:current", BASE.removeprefix("{rec}:"))
        words = f'words=("$@"); exec {machine.redis_cli()} "${{words[@]/#16379/{server.port}}}"'
        (tmp_path / "redis-cli").write_text(f"#!/bin/bash\n{words}\n")
        (tmp_path / "redis-cli").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        yield server


def typed(command: str) -> list[str]:
    result = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    return result.stdout.removesuffix("\n").split("\n")


def as_pattern(lines: list[str]) -> str:
    """`[...]` alone stands for any number of lines, at a line's end for its rest."""
    parts = [r"(.*\n)*?" if line == "[...]" else re.escape(line).replace(r"\[\.\.\.\]", ".*") + r"\n" for line in lines]
    return "".join(parts)


def test_the_readme_begins_with_the_same() -> None:
    assert FIRST is not None and CHAPTER is not None
    (block,) = re.findall(r"```console\n(.*?)```", FIRST[1], re.DOTALL)
    assert block in CHAPTER[1] and len(block.splitlines()) > 5


def test_the_commands_answer_what_is_printed(server: RedisServer) -> None:
    commands = printed()
    assert len(commands) == 2
    for command, lines in commands.items():
        assert re.fullmatch(as_pattern(lines), "\n".join(typed(command)) + "\n"), command


def test_who_withdrew_is_shown_what_is_popular_with_everyone(server: RedisServer) -> None:
    server.admin.sadd("{rec}:suppressed", "900", "nobody")
    for command in printed():
        _, whose, items, *_ = typed(command)
        assert whose == "segment:everyone" and json.loads(items) == LISTS["segment:everyone"]


def test_any_identifier_of_a_person_leads_to_their_list_and_their_withdrawal(server: RedisServer) -> None:
    settings, client = server.settings(), server.admin
    phone = "anonymous_id:phone"
    assert recommended(settings, phone).whose == "segment:everyone"
    update_identities(client, settings, [(phone, "900"), ("anonymous_id:laptop", "900")])
    assert recommended(settings, phone, "persona-2").whose == recommended(settings, "900").whose == "person:900"
    update_identities(client, settings, [("900", "crm_id:7")])
    assert recommended(settings, phone).whose == "person:900", "published before they had another name"
    update_consents(client, settings, [Word(phone, "personalisation", "pd", 2, 2)])
    assert client.smembers("{rec}:suppressed") == {"crm_id:7"} and not client.exists(f"{BASE}:person:900")
    for one in ("900", phone, "crm_id:7", "anonymous_id:laptop"):
        assert recommended(settings, one, "persona-2").whose == "segment:everyone", one
    update_identities(
        client, settings, [("900", "900"), (phone, "900"), ("anonymous_id:laptop", "anonymous_id:laptop")]
    )
    assert client.smembers("{rec}:suppressed") == {"900"}, "split, they are bound by what each of them said"


def test_a_label_may_lack_its_price_and_a_list_its_labels(server: RedisServer) -> None:
    [whole, nobody] = printed()
    lines = typed(whole)[3:]
    prices = {item: json.loads(label).get("price") for item, label in zip(lines[:5], lines[5:], strict=True)}
    assert prices == {"890536": 0.69, "6534178": 0.0, "1133018": None, "986912": 2.57, "1056509": None}
    assert typed(nobody)[-4:] == [""] * 4
    assert {item.item_id: item.price for item in recommended(server.settings(), "900").items} == prices
    assert [item.title for item in recommended(server.settings(), "nobody").items] == [None] * 2


def test_no_other_recipe_leads_past_the_withdrawals() -> None:
    assert CHAPTER is not None
    for command in printed():
        assert "jobs/redis_store/page.lua" in command
    assert "before any list, ask `SISMEMBER {rec}:suppressed <person>`" in CHAPTER[1] and "`price`" in CHAPTER[1]
