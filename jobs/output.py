"""What is printed for people, as it is: brackets are no markup, and nothing is cut off.

On a terminal a table fits its width, long values folded. In a pipe or a file a row is a line, and a log line too, as
long as it must be and without blanks behind it. Progress and logs go where errors go, so that stdout holds the answer
alone.
"""

import io
import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich import box
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import Progress, ProgressColumn
from rich.table import Column, Table

WIDE = 1_000_000
"""Columns where there is no terminal; no row comes near."""
LINE, TIME = "%(asctime)s %(message)s", "%H:%M:%S"

log = logging.getLogger(__name__)


def _console(**options: object) -> Console:
    return Console(markup=False, emoji=False, highlight=False, **options)  # type: ignore[arg-type]


# One for progress and logs: of two, each would write across the other's bar.
_progress = _console(stderr=True)


def table(headers: Iterable[str], rows: Iterable[Iterable[str]]) -> Table:
    """A table of text, made printable; `show` prints it."""
    columns = [Column(header, overflow="fold") for header in headers]
    made = Table(*columns, box=box.SIMPLE, pad_edge=False, collapse_padding=True)
    for row in rows:
        made.add_row(*map(printable, row))
    return made


def show(what: Table | str) -> None:
    """Prints a table, or text as one line, on stdout."""
    if isinstance(what, str):
        print(what, flush=True)
    elif sys.stdout.isatty():
        _console().print(what)
    else:
        text = io.StringIO()
        _console(file=text, width=WIDE, color_system=None).print(what)
        print("\n".join(line.rstrip() for line in text.getvalue().splitlines()).strip("\n"), flush=True)


def is_terminal() -> bool:
    """Whether progress and logs are seen on a terminal."""
    return sys.stderr.isatty()


def progress(*columns: ProgressColumn) -> Progress:
    """Bars for what takes long, of these columns or rich's own; none where stderr is no terminal."""
    # What is printed meanwhile stands above the bars, unless it goes into a pipe.
    above = sys.stdout.isatty()
    return Progress(*columns, console=_progress, transient=True, redirect_stdout=above, disable=not is_terminal())


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Says what is done while the block lasts: beside a sign that turns, or as a line of the log."""
    if is_terminal():
        with _progress.status(what):
            yield
    else:
        log.info("%s", what)
        yield


def log_to_stderr() -> None:
    """Sends what the jobs log to stderr, from INFO on."""
    handler: logging.Handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(LINE, TIME))
    if is_terminal():
        handler = RichHandler(
            console=_progress, show_path=False, show_level=False, log_time_format=TIME, highlighter=None
        )
        handler.setFormatter(logging.Formatter("%(message)s"))
    # What py4j says of an interrupted JVM helps nobody, and it says it by the root logger.
    handler.addFilter(lambda record: "py4j" not in record.pathname)
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def printable(text: str) -> str:
    """A stranger's text without characters that move the terminal's cursor."""
    return "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in text)
