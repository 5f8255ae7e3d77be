"""The JARs that Spark and the local broker need besides pyspark: fetched by Ivy, believed by SHA-256 only.

A file that is not in conf/jars.sha256, or differs from it, is never put in place. Standard library only.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PLACED = ".lakehouse-jars"


class Refused(Exception):
    """A JAR could not be fetched or is not what it must be. The message is one line."""


@dataclass(frozen=True)
class Ivy:
    """How to call the Ivy that ships in pyspark. `settings` is an ivysettings.xml for those with a mirror."""

    java: Path
    jar: Path
    module: Path
    cache: Path
    log: Path
    settings: Path | None = None

    def command(self, configurations: list[str], staging: Path) -> list[str]:
        """The command that puts each configuration's JARs into a folder of its name below `staging`."""
        settings = ["-settings", str(self.settings)] if self.settings else []
        pattern = f"{staging}/[conf]/[artifact]-[revision].[ext]"
        return [str(self.java), "-jar", str(self.jar), *settings, "-ivy", str(self.module),
                "-cache", str(self.cache), "-confs", *configurations, "-retrieve", pattern]  # fmt: skip


def pinned(listing: Path) -> dict[str, dict[str, str]]:
    """{configuration: {file name: SHA-256 in hex}} of a listing in sha256sum's format. Raises Refused."""
    files: dict[str, dict[str, str]] = {}
    for number, line in enumerate(listing.read_text(encoding="ascii").splitlines(), start=1):
        digest, _, path = line.partition("  ")
        configuration, _, name = path.partition("/")
        if len(digest) != 64 or not name.endswith(".jar") or "/" in name:
            raise Refused(f"{listing.name}:{number} is not `sha256  configuration/file.jar`: {line[:80]!r}")
        files.setdefault(configuration, {})[name] = digest
    return files


def unfit(folder: Path, files: dict[str, str]) -> list[str]:
    """The names among `files` that `folder` lacks or holds with another SHA-256."""
    return [name for name, digest in files.items() if sha256(folder / name) != digest]


def install(
    ivy: Ivy, listing: Path, targets: dict[str, Path], staging: Path, run: Callable[[list[str], Path], int]
) -> int:
    """Bring every listed JAR of each configuration into its target folder; returns how many were put there.

    Right ones stay as they are, and when all are right nothing is started. A damaged one is deleted, from
    Ivy's cache too, and fetched once more. `run` takes a command and a log file and returns the exit code.
    Raises Refused when a JAR cannot be fetched, stays damaged, or is not listed.
    """
    pins = pinned(listing)
    missing = {conf: unfit(folder, pins.get(conf, {})) for conf, folder in targets.items()}
    needed = [conf for conf, names in missing.items() if names]
    if needed:
        shutil.rmtree(staging, ignore_errors=True)
        try:
            with only_one(ivy.cache.parent / "lakehouse.lock"):
                _fetch(ivy, {conf: pins[conf] for conf in needed}, staging, run)
            for conf in needed:
                for name in missing[conf]:
                    place(staging / conf / name, targets[conf] / name)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    for conf, folder in targets.items():
        _forget_former(folder, set(pins.get(conf, {})))
    return sum(len(names) for names in missing.values())


def place(source: Path, target: Path) -> None:
    """Copy so that `target` is whole or absent at every instant."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        shutil.copyfile(source, part)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def sha256(file: Path) -> str | None:
    """SHA-256 in hex, or None when there is no such file."""
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return None


@contextmanager
def only_one(lock: Path, when_waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold `lock` against other processes; the system lets go of it when this one dies."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            when_waiting()
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _fetch(ivy: Ivy, pins: dict[str, dict[str, str]], staging: Path, run: Callable[[list[str], Path], int]) -> None:
    for again in (True, False):
        staging.mkdir(parents=True, exist_ok=True)
        ivy.log.unlink(missing_ok=True)
        code = run(ivy.command(list(pins), staging), ivy.log)
        if code and not again:
            raise Refused(
                f"could not fetch the JARs ({_reason(ivy.log)}): check the network, then set up again;"
                f" all that Ivy said is in {_shown(ivy.log)}"
            )
        strangers = [
            f"{conf}/{file.name}"
            for conf, files in pins.items()
            for file in (staging / conf).glob("*")
            if file.name not in files
        ]
        if strangers:
            names = ", ".join(strangers)
            raise Refused(f"fetched {names}, which conf/jars.sha256 does not list: check conf/ivy.xml")
        damaged = [(conf, name) for conf, files in pins.items() for name in unfit(staging / conf, files)]
        if not damaged:
            return
        for conf, name in damaged:
            (staging / conf / name).unlink(missing_ok=True)
            for cached in ivy.cache.rglob(name):
                # What it lacks because Ivy stopped early is right in the cache, which other clones share.
                if sha256(cached) != pins[conf][name]:
                    cached.unlink()
    names = ", ".join(f"{conf}/{name}" for conf, name in damaged)
    raise Refused(
        f"fetched twice and still not what conf/jars.sha256 says, so refused: {names};"
        " check the network or the mirror in IVY_SETTINGS, then set up again"
    )


def _reason(log: Path) -> str:
    signs = ("invalid sha1", "invalid md5", "server error", "not found", "failed", "exception", "error")
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    for sign in signs:
        for line in lines:
            if sign in line.lower():
                return line.strip(" \t:#")[:160]
    return "Ivy failed"


def _shown(path: Path) -> str:
    return "/".join(path.parts[-2:])


def _forget_former(folder: Path, names: set[str]) -> None:
    """Remove what an earlier conf/ivy.xml put into `folder`: of two versions one would hide the other."""
    record = folder / PLACED
    former = set(record.read_text(encoding="utf-8").split()) if record.exists() else set()
    for name in former - names:
        (folder / name).unlink(missing_ok=True)
    if former != names and folder.is_dir():
        record.write_text("\n".join(sorted(names)) + "\n", encoding="utf-8")
