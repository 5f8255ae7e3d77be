"""Every help text shows what was written, brackets included, on a terminal as in a pipe."""

import inspect
import re
import sys
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.models import ArgumentInfo, OptionInfo

from jobs.commands.app import app
from tests.terminal import in_pipe, on_terminal

LAKEHOUSE = Path(sys.executable).parent / "lakehouse"


def written(group: typer.Typer, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Every command, by the words that call it, with what its author wrote about it and its parameters."""
    yield path, [str(group.info.help)]
    for command in group.registered_commands:
        callback = command.callback
        assert callback is not None
        hints = typing.get_type_hints(callback, include_extras=True).values()
        notes = [note for hint in hints for note in getattr(hint, "__metadata__", ())]
        texts = [note.help for note in notes if isinstance(note, OptionInfo | ArgumentInfo) and note.help]
        name = command.name or callback.__name__.replace("_", "-")
        yield (*path, name), [inspect.getdoc(callback) or "", *texts]
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        yield from written(inner.typer_instance, (*path, str(inner.name)))


def compressed(text: str) -> str:
    """Without what wrapping and boxes add."""
    return re.sub(r"[\s│╭╮╰╯─]", "", text)


COMMANDS = dict(written(app))


def test_the_walk_meets_them_all() -> None:
    assert {(), ("maintain",), ("quarantine", "replay"), ("contract", "check"), ("streams",)} <= COMMANDS.keys()
    assert any("[maintenance]" in text for text in COMMANDS[("maintain",)])
    assert len(COMMANDS) > 25 and all(texts and texts[0] for texts in COMMANDS.values())


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_help_text_shows_what_was_written(path: tuple[str, ...]) -> None:
    piped, stderr, code = in_pipe((LAKEHOUSE, *path, "--help"))
    assert (stderr, code) == ("", 0)
    assert all(line == line.rstrip() for line in piped.splitlines())
    shown = on_terminal((LAKEHOUSE, *path, "--help"), 80)
    assert max(len(line) for line in shown.splitlines()) <= 80
    assert "<bool>" not in shown
    for text in COMMANDS[path]:
        assert compressed(text) in compressed(piped)
        assert compressed(text) in compressed(shown)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("rnu",), "error: No such command 'rnu'. Did you mean 'run'? see: lakehouse --help"),
        (
            ("quarantine", "shwo"),
            "error: No such command 'shwo'. Did you mean 'show'? see: lakehouse quarantine --help",
        ),
        (("--env", "cluster", "status"), "error: No such option: --env; write it after the command: lakehouse COMMAND"),
        (("simulate", "--speeed", "3"), "error: No such option: --speeed (Possible options: --speed); see: lakehouse"),
        (("recommend",), "error: Missing argument 'person'; see: lakehouse recommend --help"),
        (("demo", "--households", "[b]"), "error: Invalid value for '--households': Input should be a valid integer"),
    ],
)
def test_what_is_mistyped_is_one_line_that_names_the_nearest(words: tuple[str, ...], line: str) -> None:
    stdout, stderr, code = in_pipe((LAKEHOUSE, *words))
    assert (stdout, code) == ("", 2)
    assert stderr.startswith(line) and stderr.count("\n") == 1


@pytest.mark.parametrize("path", [("streams", "run"), ("quarantine", "replay"), ("maintain",)])
def test_a_paragraph_fills_the_terminal_it_is_shown_on(path: tuple[str, ...]) -> None:
    shown = on_terminal((LAKEHOUSE, *path, "--help"), 400)
    for paragraph in COMMANDS[path][0].split("\n\n"):
        assert " ".join(paragraph.split()) in shown
