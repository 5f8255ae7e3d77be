"""A real PostgreSQL and an S3 by moto's server, once for all tests here; and sources in a folder of their own."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from jobs.lake.lake import Lake
from jobs.local.setup import steps
from tests.conftest import free_port
from tests.other_lake import changed

PROJECT = Path(__file__).parents[3]
PASSWORD = "not-in-any-log-7f3a"
FIELDS = "household_id,age,income,home_ownership,marital_status,household_size,household_comp,kids_count"


@dataclass(frozen=True)
class Database:
    """A PostgreSQL of its own. `url`: for JDBC, without a login."""

    port: int
    programs: Path

    @property
    def url(self) -> str:
        return f"jdbc:postgresql://127.0.0.1:{self.port}/shop"

    def run(self, statements: str, base: str = "shop") -> None:
        psql = [self.programs / "psql", "-v", "ON_ERROR_STOP=1", "-qX", "-h", "127.0.0.1", "-p", str(self.port)]
        login = {**os.environ, "PGUSER": "keeper", "PGPASSWORD": PASSWORD}
        subprocess.run([*psql, "-d", base, "-c", statements], env=login, check=True, capture_output=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Database]:
    programs = _programs()
    # It does not run as root, and pytest's own folders can be entered by their owner only.
    other = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="lakehouse-postgres-"))
    secret, data = folder / "secret", folder / "data"
    secret.write_text(PASSWORD)
    if other:
        for each in (folder, secret):
            shutil.chown(each, "postgres", "postgres")
    database = Database(free_port(), programs)

    def must(*command: Path | str) -> None:
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, **other)  # type: ignore[call-overload]
        assert result.returncode == 0, f"{command[0]}: {result.stdout[-500:]} {result.stderr[-500:]}"

    try:
        initdb = [programs / "initdb", "-D", data, "-U", "keeper", "-E", "UTF8", "--locale=C", "--no-sync"]
        must(*initdb, "--auth=scram-sha-256", f"--pwfile={secret}")
        options = f"-p {database.port} -h 127.0.0.1 -k '' -c fsync=off -c timezone=America/New_York"
        must(programs / "pg_ctl", "-D", data, "-l", folder / "log", "-w", "-o", options, "start")
        try:
            database.run("CREATE DATABASE shop", base="postgres")
            yield database
        finally:
            must(programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    """PostgreSQL's own folder; Debian leaves initdb and pg_ctl off the PATH. Fails when it cannot be installed."""
    for again in (True, False):
        paths = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
        if paths:
            return paths[-1].parent
        elsewhere = shutil.which("initdb")
        if elsewhere:
            return Path(elsewhere).resolve().parent
        if again and steps.can_apt_install():
            steps.apt_install("postgresql", PROJECT / ".jars" / "apt.log", PROJECT)
    pytest.fail("these tests need PostgreSQL: sudo apt-get install postgresql")


@pytest.fixture(scope="session")
def s3() -> Iterator[Any]:
    """A client of a moto server; the environment leads every other boto3 client of this process there too."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "moto")
        patch.setenv("AWS_SECRET_ACCESS_KEY", PASSWORD)
        patch.setenv("AWS_REGION", "us-east-1")
        yield boto3.client("s3")
    server.stop()


Sourced = Callable[..., Lake]


@pytest.fixture
def sourced(lake: Lake, tmp_path: Path) -> Sourced:
    """The empty lake with another CRM: `sourced(crm=..., crm_mode=...)`; local state below tmp_path."""

    def own(max_shrink: float = 0.2, **crm: Any) -> Lake:
        update = {name.removeprefix("crm_").replace("crm", "location"): value for name, value in crm.items()}
        own = changed(
            lake, sources={"max_shrink": max_shrink, "crm": lake.settings.sources.crm.model_copy(update=update)}
        )
        return Lake(own.spark, own.settings.model_copy(update={"home": tmp_path / "home"}))

    return own


def crm(*rows: str) -> str:
    """A CSV of customers; a row names the first fields, the rest is empty."""
    commas = FIELDS.count(",")
    return "\n".join([FIELDS, *[row + "," * (commas - row.count(",")) for row in rows]]) + "\n"
