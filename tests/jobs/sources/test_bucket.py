"""An S3 prefix, from moto's server: the same rows as from a folder, and no copy of them left behind."""

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.sources import files
from jobs.sources.landing import land
from tests.jobs.sources.conftest import PASSWORD, Sourced, crm

AT = datetime(2026, 3, 1, 4, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def bucket(s3: Any, request: pytest.FixtureRequest) -> str:
    name = f"shop-{abs(hash(request.node.name))}"
    s3.create_bucket(Bucket=name)
    return name


def landed(lake: Lake) -> set[str]:
    return {row["user_id"] for row in tables.read(lake, "bronze.crm").collect()}


def copies(own: Lake) -> list[Path]:
    return [path for path in own.settings.home.rglob("*") if path.is_file()]


def put(s3: Any, bucket: str, **objects: str) -> None:
    for key, text in objects.items():
        s3.put_object(Bucket=bucket, Key=key, Body=text.encode())


def test_a_prefix_is_landed_whole_and_its_copies_are_gone(
    lake: Lake, sourced: Sourced, s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = {"crm/a.csv": crm("1,a"), "crm/more/a.csv": crm("2,a"), "crm_old/a.csv": crm("3"), "crm/_SUCCESS": "x"}
    put(s3, bucket, **objects)
    own = sourced(crm=f"s3://{bucket}/crm")
    seen: list[tuple[int, int]] = []
    read = files.read

    def reading(*arguments: Any) -> Any:
        seen.append((len(copies(own)), (own.settings.home / "staging" / "crm").stat().st_mode & 0o777))
        return read(*arguments)

    monkeypatch.setattr(files, "read", reading)
    land(own, "crm", AT)
    assert landed(lake) == {"1", "2"}
    assert seen == [(2, 0o700)] and copies(own) == []
    before = tables.version(lake, "ops.landings")
    land(own, "crm", AT + DAY)
    assert tables.version(lake, "ops.landings") == before and len(seen) == 1


def test_new_and_changed_objects_only_when_incremental(lake: Lake, sourced: Sourced, s3: Any, bucket: str) -> None:
    own = sourced(crm=f"s3://{bucket}/", crm_mode="incremental")
    put(s3, bucket, **{"a.csv": crm("1,a"), "b.csv": crm("2,a")})
    land(own, "crm", AT)
    put(s3, bucket, **{"a.csv": crm("1,a"), "b.csv": crm("2,b"), "c.csv": crm("3,a")})
    land(own, "crm", AT + DAY)
    rows = tables.read(lake, "bronze.crm").where("landing = 2").collect()
    assert {row["user_id"] for row in rows} == {"2", "3"}


def test_copies_are_removed_when_landing_fails_and_after_a_kill(
    lake: Lake, sourced: Sourced, s3: Any, bucket: str
) -> None:
    own = sourced(crm=f"s3://{bucket}/crm")
    left = own.settings.home / "staging" / "crm" / "0" / "left.csv"
    left.parent.mkdir(parents=True)
    left.write_text("of a run that was killed")
    put(s3, bucket, **{"crm/a.csv": crm(",bad")})
    with pytest.raises(OperatorError, match="0 good rows"):
        land(own, "crm", AT)
    assert copies(own) == []


def test_faults_are_one_line_without_a_key(
    lake: Lake,
    sourced: Sourced,
    s3: Any,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fault(where: str) -> str:
        with pytest.raises(OperatorError) as raised:
            land(sourced(crm=where), "crm", AT)
        return str(raised.value)

    with caplog.at_level(logging.INFO):
        nothing = f"cannot read s3://{bucket}/none (setting sources.crm): no object is there"
        assert fault(f"s3://{bucket}/none") == nothing
        assert "S3 says NoSuchBucket" in fault("s3://no-such-bucket/crm")
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        assert "EndpointConnectionError; boto3 takes keys, region" in fault(f"s3://{bucket}/crm")
    assert PASSWORD not in caplog.text
