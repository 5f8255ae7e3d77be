"""Upkeep on real Delta tables: files bounded, rows untouched, readers of recent versions safe."""

from dataclasses import replace

import pytest

from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.maintenance import upkeep
from jobs.settings.loading import Settings
from jobs.settings.maintenance_settings import MaintenanceSettings
from tests.bench.upkeep import days
from tests.jobs.maintenance.lake_files import (
    A_WEEK,
    AT_ONCE,
    FALLBACKS,
    QUARANTINE,
    data_files,
    fill,
    folder,
    held,
    operations,
    quarantine,
)


@pytest.mark.long
def test_days_of_small_batches_keep_the_files_bounded_and_a_stream_beside_sees_each_row_once(lake: Lake) -> None:
    """The short form of `make bench CASE=maintain_files`, which appends 500 batches."""
    each_day = list(days(lake, batches=64, per_day=8))
    half = len(each_day) // 2
    for kind in ("data_files", "log_files"):
        first, second = (max(getattr(day, kind) for day in part) for part in (each_day[:half], each_day[half:]))
        assert second <= first * 1.2, [getattr(day, kind) for day in each_day]
    assert max(day.data_files for day in each_day) < each_day[-1].written / 2


def test_joined_once_and_old_files_removed_when_no_version_in_time_needs_them(lake: Lake, settings: Settings) -> None:
    fill(lake, 6)
    before = tables.version(lake, FALLBACKS)
    # A new table has the retention of the settings from its creation on.
    due = upkeep.due(lake, FALLBACKS, upkeep.plan(settings.maintenance, FALLBACKS))
    assert (due.files, due.small, due.removable, due.properties) == (6, 6, 0, {})
    assert tables.version(lake, FALLBACKS) == before

    report = upkeep.keep(lake, FALLBACKS, A_WEEK)
    assert (report.files_before, report.files_after, report.removed, report.joined) == (6, 1, 0, True)
    assert 0 < report.bytes_after < report.bytes_before
    assert held(lake) == held(lake, before) == list(range(6)), "a reader of a recent version keeps its files"

    at, files = tables.version(lake, FALLBACKS), data_files(folder(lake, FALLBACKS))
    again = upkeep.keep(lake, FALLBACKS, A_WEEK)
    assert (again.files_before, again.files_after, again.removed) == (1, 1, 0)
    assert operations(lake, FALLBACKS, at) == ["VACUUM START", "VACUUM END"]
    assert data_files(folder(lake, FALLBACKS)) == files

    assert upkeep.due(lake, FALLBACKS, AT_ONCE).removable == 6
    late = upkeep.keep(lake, FALLBACKS, AT_ONCE)
    assert (late.removed, late.removed_bytes) == (6, report.bytes_before)
    assert len(data_files(folder(lake, FALLBACKS))) == 1 and held(lake) == list(range(6))
    properties = tables.delta(lake, FALLBACKS).detail().collect()[0]["properties"]
    assert {key: properties[key] for key in AT_ONCE.properties} == {
        "delta.deletedFileRetentionDuration": "interval 0 seconds",
        "delta.logRetentionDuration": "interval 2592000 seconds",
    }


def test_a_file_above_half_of_the_target_is_left_alone(lake: Lake) -> None:
    quarantine(lake, 8)
    size = tables.delta(lake, QUARANTINE).detail().collect()[0]["sizeInBytes"] / 8 / upkeep.MIB

    def target(files: float) -> upkeep.Plan:
        return upkeep.Plan(target_file_mb=files * size, keep_hours=168, log_days=30)

    assert (upkeep.due(lake, QUARANTINE, target(1.9)).small, upkeep.due(lake, QUARANTINE, target(2.5)).small) == (0, 8)
    assert upkeep.keep(lake, QUARANTINE, target(1.9)).files_after == 8
    assert upkeep.keep(lake, QUARANTINE, target(9)).files_after == 1


def test_a_table_may_have_values_of_its_own(settings: Settings) -> None:
    own = MaintenanceSettings.model_validate(
        {**settings.maintenance.model_dump(), "tables": {FALLBACKS: {"keep_hours": 200}}}
    )
    common = upkeep.plan(settings.maintenance, FALLBACKS)
    assert upkeep.plan(own, "gold.ratings") == common
    assert upkeep.plan(own, FALLBACKS) == replace(common, keep_hours=200)
