"""Files into bronze: their kinds, their faults, what is quarantined, what is refused, and being killed."""

import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from expectations.source_contract import source_contract
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.privacy.encryption import opened
from jobs.privacy.keys import secrets_of
from jobs.sources import history, landings
from jobs.sources.landing import land, received
from jobs.sources.source import source_of
from tests.jobs.sources.conftest import FIELDS, Sourced, crm

AT = datetime(2026, 3, 1, 4, tzinfo=UTC)
DAY = timedelta(days=1)


def landed(lake: Lake) -> dict[str, str | None]:
    """Key to age in the last landing."""
    every = tables.read(lake, "bronze.crm").select("user_id", "attributes", "landing").collect()
    rows = [row for row in every if row["landing"] == max(each["landing"] for each in every)]
    assert len({row["user_id"] for row in rows}) == len(rows)
    return {row["user_id"]: row["attributes"].get("age") for row in rows}


def quarantined(lake: Lake) -> list[tuple[Any, ...]]:
    rows = tables.read(lake, "quarantine.sources").orderBy("place", "row_key", "unreadable").collect()
    return [(row["place"], row["row_key"], row["reasons"]) for row in rows]


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_csv_json_and_parquet_read_the_same(lake: Lake, sourced: Sourced, tmp_path: Path) -> None:
    """A byte order mark, quoted quotes, numbers in JSON and whole numbers in Parquet, a folder below."""
    rows = [("1", 'said "45" or so'), ("2", None), ("3", "ż")]
    text = crm('1,"said ""45"" or so"', "2", "3,ż")
    write(tmp_path, "csv/a b [1].csv", "\ufeff" + text)
    others = dict.fromkeys(FIELDS.split(",")[2:])
    lines = [json.dumps({"household_id": int(key), "age": age, **others}, ensure_ascii=False) for key, age in rows]
    write(tmp_path, "json/part-1.jsonl", "\n".join(lines[:2]))
    write(tmp_path, "json/below/part-2.json", lines[2] + "\n\n")
    frame = lake.spark.createDataFrame([(int(key), age) for key, age in rows], "household_id bigint, age string")
    frame.selectExpr("*", *[f"CAST(NULL AS STRING) AS {name}" for name in others]).write.parquet(f"{tmp_path}/parquet")
    tables.create(lake, landings.TABLE)
    past, rules = landings.past(lake, "crm"), source_contract("crm")
    for kind in ("csv", "json", "parquet"):
        own = sourced(crm=str(tmp_path / kind))
        with received(own, source_of("crm", own.settings), rules, past) as source_rows:
            assert source_rows is not None
            landed = source_rows.rows.collect()
        assert {(row["user_id"], row["attributes"].get("age")) for row in landed} == set(rows), kind
        assert {(row["attributes"].get("income"), row["_unreadable"]) for row in landed} == {(None, None)}, kind


def test_rejected_rows_lie_in_quarantine_with_every_reason(
    lake: Lake, sourced: Sourced, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bad = ["1,45-54", "7,a", "7,b", ",no key", f"8,{'x' * 10_001}", "9,\x01"]
    write(tmp_path, "crm/a.csv", crm(*bad) + "1,too,few\n" + "11" + "," * 9 + "\n")
    write(tmp_path, "crm/b.csv", crm("2,65+"))
    with caplog.at_level(logging.INFO, logger="jobs.sources.landing"):
        land(sourced(crm=str(tmp_path / "crm")), "crm", AT)
    assert landed(lake) == {"1": "45-54", "2": "65+"}
    twice = ["user_id: not unique in the source"]
    assert quarantined(lake) == [
        ("a.csv", None, ["user_id: missing"]),
        ("a.csv", None, ["row: unreadable"]),
        ("a.csv", None, ["row: unreadable"]),
        ("a.csv", "7", twice),
        ("a.csv", "7", twice),
        ("a.csv", "8", ["attributes: longer than 10000"]),
        ("a.csv", "9", ["attributes: control characters, or not UTF-8"]),
    ]
    rows = tables.read(lake, "quarantine.sources")
    secrets = secrets_of(lake.settings.privacy)
    shut = rows.where("row IS NULL").collect()
    assert not any(b"too" in row["unreadable"] for row in shut)
    read = {opened(bytes(row["unreadable"]), row["sealed_by"], secrets).decode() for row in shut}
    assert read == {"1,too,few", "11,,,,,,,,,"}
    whole = rows.where("row_key = '8'").first()
    assert whole is not None and json.loads(whole["row"]) == {"user_id": "8", "attributes": {"age": "x" * 10_001}}
    assert (whole["table_name"], whole["landing"], whole["state"]) == ("bronze.crm", 1, "open")
    assert caplog.messages == ["bronze.crm: landing 1, 2 rows, 7 quarantined"]


def test_lines_that_are_no_json_are_quarantined(lake: Lake, sourced: Sourced, tmp_path: Path) -> None:
    row = json.dumps({name: None for name in FIELDS.split(",")} | {"household_id": "1"})
    write(tmp_path, "crm.jsonl", f'{row}\n{{"household_id": "2",\n"text"\n')
    land(sourced(crm=str(tmp_path / "crm.jsonl")), "crm", AT)
    assert landed(lake) == {"1": None}
    assert quarantined(lake) == [("crm.jsonl", None, ["row: unreadable"])] * 2


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none", None, r"cannot read .*none \(setting sources\.crm\): no file is there"),
        ("nobody.csv", b"id,age\n1,65+\n", r"columns names household_id, which .* lacks; its columns are: id, age"),
        ("nobody.json", b'{"id": "1"}\n', r"columns names household_id, which .* lacks; its columns are: id"),
        ("excel.csv", b"household_id;age\n1;65+\n", r"are they separated by ';'\? set sources\.crm\.delimiter"),
        ("nothing.csv", b"", r"crm: .*nothing\.csv is empty; a CSV begins with the names of its columns"),
        ("a.parquet", b"PAR1 this is none", r"cannot read .*a\.parquet \(setting sources\.crm\): .+"),
        ("a.csv.gz", b"\x1f\x8b\x08 broken", r"cannot read .*a\.csv\.gz \(setting sources\.crm\): .+"),
        ("s3a://bucket/crm", None, r"cannot read s3a://bucket/crm \(setting sources\.crm\): ClassNotFoundException"),
        ("a.xlsx", b"PK", r"a\.xlsx is of no known kind; the endings are: csv, tsv, json"),
        ("empty.csv", crm().encode(), r"empty\.csv has 0 good rows; an empty source is never landed"),
        ("bad.csv", crm(",a", ",b").encode(), r"0 good rows \(2 bad ones lie in quarantine\.sources\); an empty"),
    ],
)
def test_what_cannot_be_landed_is_named(
    lake: Lake, sourced: Sourced, tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(OperatorError, match=message) as raised:
        land(sourced(crm=name if ":" in name else str(tmp_path / name)), "crm", AT)
    assert "\n" not in str(raised.value)
    assert not tables.exists(lake, "bronze.crm") or landed(lake) == {}


def test_a_nameless_and_a_repeated_column_are_left_out(lake: Lake, sourced: Sourced, tmp_path: Path) -> None:
    """As a data frame's index and a spreadsheet's empty columns are; and the first part of an export may be empty."""
    header, *rows = crm("1,65+", "2,a").splitlines()
    write(tmp_path, "crm/0.csv", "")
    write(tmp_path, "crm/a.csv", "\n".join([f",{header},note,Note,,", f"0,{rows[0]},x,y,,"]))
    write(tmp_path, "crm/b.csv", "\n".join([f"{header},", f"{rows[1]},"]))
    land(sourced(crm=str(tmp_path / "crm")), "crm", AT)
    assert landed(lake) == {"1": "65+", "2": "a"}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_that_lacks_a_column_of_the_others_is_named(
    lake: Lake, sourced: Sourced, tmp_path: Path, kind: str
) -> None:
    names = FIELDS.split(",")
    frame = lake.spark.createDataFrame(
        [("1", *["x"] * (len(names) - 1))], ", ".join(f"{name} string" for name in names)
    )
    lacking = frame.drop("age")
    for part, rows in (("a", frame), ("b", lacking)):
        if kind == "csv":
            write(tmp_path, f"crm/{part}.csv", f",{','.join(rows.columns)}\n0,{','.join(rows.first() or ())}\n")
        else:
            rows.coalesce(1).write.parquet(f"{tmp_path}/crm/{part}.parquet")
    with pytest.raises(OperatorError, match=r"sources\.crm: .*lacks the columns age"):
        land(sourced(crm=str(tmp_path / "crm")), "crm", AT)
    assert not tables.exists(lake, "bronze.crm") or landed(lake) == {}


def test_a_column_that_is_there_twice_is_told_of_and_refused_where_it_is_needed(
    lake: Lake, sourced: Sourced, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    header, row = crm("1,65+").splitlines()
    write(tmp_path, "a.csv", f"{header},age\n{row},66\n")
    write(tmp_path, "b.csv", f"{header},household_id\n{row},2\n")
    with pytest.raises(OperatorError, match=r"columns names household_id, which .*b\.csv lacks"):
        land(sourced(crm=str(tmp_path / "b.csv")), "crm", AT)
    land(sourced(crm=str(tmp_path / "a.csv")), "crm", AT)
    assert landed(lake) == {"1": None}
    assert any("left out, for another column has the same name: age" in message for message in caplog.messages)


def test_a_column_that_the_landing_before_had_is_missed_until_it_is_left_out(
    lake: Lake, sourced: Sourced, tmp_path: Path
) -> None:
    file = str(write(tmp_path, "crm.csv", crm("1,65+")))
    land(sourced(crm=file), "crm", AT)
    write(tmp_path, "crm.csv", crm("1,65+").replace("age", "alter"))
    with pytest.raises(OperatorError, match=r"lacks the columns age, which the landing before had.*age = \"\""):
        land(sourced(crm=file), "crm", AT + DAY)
    columns = {**lake.settings.sources.crm.columns, "age": ""}
    land(sourced(crm=file, crm_columns=columns), "crm", AT + DAY)
    assert landed(lake) == {"1": None}


@pytest.mark.parametrize("key", ["1\u00a0", "\u20091", "1\u200b", "\ufeff1 "])
def test_a_key_with_blanks_of_any_kind_is_quarantined(lake: Lake, sourced: Sourced, tmp_path: Path, key: str) -> None:
    write(tmp_path, "crm.csv", crm(f"{key},x", "2,y"))
    land(sourced(crm=str(tmp_path / "crm.csv")), "crm", AT)
    assert landed(lake) == {"2": "y"}


def test_files_that_do_not_fit_together_are_named(lake: Lake, sourced: Sourced, tmp_path: Path) -> None:
    write(tmp_path, "crm/a.csv", crm("1,65+"))
    write(tmp_path, "crm/b.json", "{}")
    with pytest.raises(OperatorError, match=r"files of two kinds \(csv, json\)"):
        land(sourced(crm=str(tmp_path / "crm")), "crm", AT)


def test_a_key_that_is_no_whole_number_or_text_is_refused(lake: Lake, sourced: Sourced, tmp_path: Path) -> None:
    nulls = [f"CAST(NULL AS STRING) AS {name}" for name in FIELDS.split(",")[1:]]
    lake.spark.range(1).selectExpr("CAST(id AS DOUBLE) AS household_id", *nulls).write.parquet(f"{tmp_path}/crm")
    with pytest.raises(OperatorError, match=r"column household_id of .* is double, which has no one text"):
        land(sourced(crm=str(tmp_path / "crm")), "crm", AT)


def test_a_source_that_shrinks_too_much_is_refused_until_it_is_allowed(
    lake: Lake, sourced: Sourced, tmp_path: Path
) -> None:
    file = write(tmp_path, "crm.csv", crm(*[f"{key},a" for key in range(10)]))
    land(sourced(crm=str(file)), "crm", AT)
    write(tmp_path, "crm.csv", crm(*[f"{key},b" for key in range(8)]))
    land(sourced(crm=str(file)), "crm", AT + DAY)
    write(tmp_path, "crm.csv", crm(*[f"{key},c" for key in range(6)], ",bad"))
    message = r"6 good rows \(1 bad ones lie in quarantine\.sources\), 8 were known, and sources\.max_shrink is 0\.2"
    with pytest.raises(OperatorError, match=message + r".*LAKEHOUSE_SOURCES__MAX_SHRINK=1 lakehouse run bronze\.crm"):
        land(sourced(crm=str(file)), "crm", AT + 2 * DAY)
    assert set(landed(lake).values()) == {"b"}
    assert len(quarantined(lake)) == 1
    land(sourced(crm=str(file), max_shrink=1.0), "crm", AT + 2 * DAY)
    assert set(landed(lake).values()) == {"c"}
    assert len(quarantined(lake)) == 1


def test_what_was_landed_is_not_landed_again(
    lake: Lake, sourced: Sourced, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own = sourced(crm=str(write(tmp_path, "crm.csv", crm("1,a"))))
    land(own, "crm", AT)
    before = tables.versions(lake, ["bronze.crm", "ops.landings"])
    with caplog.at_level(logging.INFO, logger="jobs.sources.landing"):
        land(own, "crm", AT)
    assert tables.versions(lake, before) == before
    assert [message.split(" in ")[0] for message in caplog.messages] == ["bronze.crm: nothing new"]
    # Changed, but seen from the same moment: history is written forwards.
    write(tmp_path, "crm.csv", crm("1,another"))
    with pytest.raises(OperatorError, match=r"has a landing as of 2026-03-01T04:00:00\+00:00.*give a later --as-of"):
        land(own, "crm", AT)


def test_new_files_only_when_incremental(lake: Lake, sourced: Sourced, tmp_path: Path) -> None:
    own = sourced(crm=str(tmp_path / "crm"), crm_mode="incremental")
    write(tmp_path, "crm/1.csv", crm("1,a", "2,a"))
    land(own, "crm", AT)
    write(tmp_path, "crm/1.csv", crm("2,changed"))
    write(tmp_path, "crm/2.csv", crm("3,b"))
    land(own, "crm", AT + DAY)
    assert landed(lake) == {"2": "changed", "3": "b"}
    before = tables.version(lake, "ops.landings")
    land(own, "crm", AT + 2 * DAY)
    assert tables.version(lake, "ops.landings") == before


@pytest.mark.parametrize("killed_in", ["bronze.crm", "ops.landings"])
def test_killed_while_landing_and_run_again(
    lake: Lake, sourced: Sourced, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_in: str
) -> None:
    """Killed after quarantine or after bronze is written: the same landing is made again, and stands there once."""
    own = sourced(crm=str(write(tmp_path, "crm.csv", crm("1,a", ",bad"))))
    overwrite, append_once = tables.overwrite, tables.append_once

    def killed(write: Any) -> Any:
        def writing(lake: Any, name: str, *rest: Any) -> Any:
            if name == killed_in:
                raise KeyboardInterrupt
            return write(lake, name, *rest)

        return writing

    with monkeypatch.context() as patch:
        patch.setattr(tables, "overwrite", killed(overwrite))
        patch.setattr(tables, "append_once", killed(append_once))
        with pytest.raises(KeyboardInterrupt):
            land(own, "crm", AT)
    assert landings.past(lake, "crm").pending() == []
    assert len(quarantined(lake)) == 1
    land(own, "crm", AT)
    assert (landed(lake), len(quarantined(lake))) == ({"1": "a"}, 1)
    assert [landing.number for landing in landings.past(lake, "crm").pending()] == [1]


def test_landings_wait_in_bronze_until_silver_has_taken_them_in(lake: Lake, sourced: Sourced, tmp_path: Path) -> None:
    def landings_in_bronze() -> set[int]:
        return {row["landing"] for row in tables.read(lake, "bronze.crm").collect()}

    own = sourced(crm=str(tmp_path / "crm.csv"))
    for number in range(2):
        write(tmp_path, "crm.csv", crm(f"1,state {number}"))
        land(own, "crm", AT + number * DAY)
    assert landings_in_bronze() == {1, 2}
    history.keep(own, "crm")
    states = tables.read(lake, "silver.crm").orderBy("valid_from").collect()
    assert [row["attributes"].get("age") for row in states] == ["state 0", "state 1"]
    write(tmp_path, "crm.csv", crm("1,state 2"))
    land(own, "crm", AT + 2 * DAY)
    assert landings_in_bronze() == {3}
