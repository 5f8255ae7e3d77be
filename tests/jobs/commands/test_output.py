"""What is printed: on a terminal it fits and nothing is lost, elsewhere a row is a line; brackets stay everywhere."""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs.commands.long_listings import LONG, WORDS, rows_of_every_listing
from tests.redis_server import redis_server
from tests.terminal import in_pipe, on_terminal

LAKEHOUSE = Path(sys.executable).parent / "lakehouse"
LISTINGS = (sys.executable, "-m", "tests.jobs.commands.long_listings")


def signs(text: str) -> Counter[str]:
    """What is printed, but for the space and the lines around it."""
    return Counter(sign for sign in text if not sign.isspace() and sign != "─")


@pytest.fixture(scope="module")
def piped() -> tuple[str, str]:
    stdout, stderr, code = in_pipe(LISTINGS)
    assert code == 0, stderr
    return stdout, stderr


def test_in_a_pipe_a_row_is_a_line_without_padding(piped: tuple[str, str]) -> None:
    stdout, stderr = piped
    for line in (stdout + stderr).splitlines():
        assert line == line.rstrip()
    assert "…" not in stdout
    blocks = {part.split("\n")[0]: part.split("\n")[1:] for part in stdout.split("# ")[1:]}
    assert blocks.keys() == {*rows_of_every_listing(), "report"}
    for name in rows_of_every_listing():
        assert [line for line in blocks[name] if LONG in line] or name in ("messages", "jobs"), name
    words = [line for line in stdout.splitlines() if WORDS in line]
    assert len(words) == 8, "the page, the reasons, decisions, hooks, dead letters and three of the report, whole"
    # Each job is a line: its name stands first.
    assert [line for line in blocks["jobs"] if "live.consents" in line and "kafka" in line and "redis" in line]
    [logged] = [line for line in stderr.splitlines() if "logged: " in line]
    assert logged.endswith(f"logged: {LONG} {WORDS}")


def test_a_strangers_text_moves_no_cursor(piped: tuple[str, str]) -> None:
    assert "with\\x0abreak\\x1b[2J" in piped[0]


@pytest.mark.parametrize("width", [80, 160])
def test_on_a_terminal_it_fits_and_nothing_is_lost(piped: tuple[str, str], width: int) -> None:
    shown = on_terminal(LISTINGS, width)
    tables, _, log = shown.partition("Next: ")
    for line in tables.splitlines():
        # What stands in no table is one line, which the terminal wraps.
        assert len(line) <= width or line.startswith(("Redis: ", "People: ", "Live: "))
    expected, _, _ = piped[0].partition("Next: ")
    assert signs(tables) == signs(expected)
    assert max(len(line) for line in log.splitlines()) <= width
    assert not signs(f"logged: {LONG}{WORDS}") - signs(log)


@pytest.fixture
def shop() -> Iterator[dict[str, str]]:
    """Variables that lead to a Redis with one list, of an item with a long name, and to nothing else."""
    with redis_server() as server:
        client, version = server.admin, "{rec}:v"
        client.mset({"{rec}:current": "v", f"{version}:segment:everyone": '{"popular": [["beer", "popular"]]}'})
        client.hset(f"{version}:items", "beer", f'{{"title": "{WORDS}", "price": null}}')
        yield {"LAKEHOUSE_REDIS__URL": server.settings().url, "LAKEHOUSE_KAFKA__BOOTSTRAP": "127.0.0.1:1"}


@pytest.mark.services
@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("recommend", "9"), f" popular  beer  {WORDS}"),
        (("jobs",), " gold.ratings"),
        (("status",), " kafka    127.0.0.1:1"),
        (("contract", "check", *["expectations/contracts/purchase.v1.json"] * 2), "backward compatible"),
        (("down",), "kafka: was not running"),
    ],
)
def test_commands_print_whole_lines_into_a_pipe(
    shop: dict[str, str], tmp_path: Path, words: tuple[str, ...], line: str
) -> None:
    variables = {**shop, "LAKEHOUSE_HOME": str(tmp_path)}
    stdout, stderr, _ = in_pipe((LAKEHOUSE, *words), variables)
    assert [one for one in stdout.splitlines() if one.startswith(line)], stdout + stderr
    for one in (stdout + stderr).splitlines():
        assert one == one.rstrip() and "…" not in one


@pytest.mark.services
def test_an_error_keeps_its_brackets_and_is_one_line(shop: dict[str, str]) -> None:
    stdout, stderr, code = in_pipe((LAKEHOUSE, "run", "[maintenance]" * 20), shop)
    assert (stdout, code) == ("", 1)
    assert stderr.startswith(f"error: no job {'[maintenance]' * 20}; ") and stderr.count("\n") == 1
