"""A terminal of a given width for a process of a test's own."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
PLAIN = {"TERM": "xterm", "PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}


def on_terminal(command: Sequence[str | Path], width: int, variables: Mapping[str, str] | None = None) -> str:
    """What the command prints, to stdout and to stderr, on a terminal so wide; without colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    environment = {**PLAIN, **(variables or {})}
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    parts = []
    try:
        while part := os.read(ours, 65_536):
            parts.append(part)
    except OSError:
        pass  # Linux says so where the other end is closed
    finally:
        os.close(ours)
        process.wait()
    return ANSI.sub("", b"".join(parts).decode()).replace("\r\n", "\n")


def in_pipe(command: Sequence[str | Path], variables: Mapping[str, str] | None = None) -> tuple[str, str, int]:
    """What the command prints to stdout and to stderr where neither is a terminal, and its exit code."""
    environment = {**PLAIN, **(variables or {})}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    return result.stdout, result.stderr, result.returncode
