"""What was rejected can be found by reason, type, time and state, is shown whole, and is set aside once."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from typer.testing import CliRunner

from expectations.contract import committed_contract
from jobs import job
from jobs.commands.app import app
from jobs.errors import OperatorError
from jobs.lake import places, tables
from jobs.lake.lake import Lake
from jobs.output import printable
from jobs.quarantine.review import Choice, counts_by_reason, discard, listing, messages_of
from jobs.settings import loading as settings
from jobs.silver import events as silver_events
from tests.conftest import SmallLake
from tests.events import event, received

ARRIVED = datetime(2018, 1, 1, tzinfo=UTC)
MESSAGES: list[Any] = [
    "{",
    b"\xff\xfe",
    event(event_id="a"),
    event(event_id="b", payload={"item_id": 5, "price": -1}),
    event("search", event_id="c", payload={}),
    event("[/nope]", event_id="d"),
]


@pytest.fixture
def filled(lake: Lake) -> Lake:
    tables.append(lake, "bronze.events", received(lake.spark, MESSAGES))
    silver_events.main(lake, job.Options(job.moment("2018-01-01")))
    return lake


def test_found_by_each_filter_shown_whole_and_discarded_once(filled: Lake) -> None:
    def offsets(**filters: Any) -> list[int]:
        return [row["offset"] for row in listing(messages_of(filled, Choice(**filters)), 10)]

    assert offsets() == [0, 1, 3, 4, 5]
    assert offsets(reason="payload.price") == [3]
    assert offsets(reason="not JSON") == [0, 1]
    assert offsets(reason="%") == []
    assert offsets(event_type="search") == [4]
    assert offsets(since=ARRIVED) == [0, 1, 3, 4, 5]
    assert offsets(until=ARRIVED) == []
    rows = listing(messages_of(filled, Choice()), 3)
    assert [row["payload"] for row in rows[:2]] == ["{", "0xFFFE"]
    assert json.loads(rows[2]["payload"]) == MESSAGES[3]
    assert rows[2]["reasons"] == ["payload.item_id: integer where string is expected", "payload.price: less than 0"]
    counts = counts_by_reason(filled.settings, Choice())
    assert [(count.messages, count.event_type, count.reason) for count in counts] == [
        (2, None, "message: not JSON"),
        (1, "[/nope]", "event_type: not a known type"),
        (1, "product_view", "payload.item_id: integer where string is expected"),
        (1, "product_view", "payload.price: less than 0"),
        (1, "search", "payload.query: missing"),
    ]

    assert {(count.first_at, count.last_at) for count in counts} == {("2018-01-01T00:00:00Z", "2018-01-01T00:00:00Z")}

    assert discard(filled, Choice(reason="not JSON")) == 2
    assert discard(filled, Choice(reason="not JSON")) == 0
    assert offsets() == [3, 4, 5]
    assert offsets(state="discarded") == [0, 1]
    assert offsets(state="") == [0, 1, 3, 4, 5]
    assert rows[0]["received_at"] == "2018-01-01T00:00:00Z"
    assert {row["contract_version"] for row in tables.read(filled, "quarantine.events").collect()} == {
        committed_contract().newest
    }


CHOICES = (
    Choice(reason="payload.price"),
    Choice(reason="not JSON"),
    Choice(reason="%"),
    Choice(event_type="search"),
    Choice(event_type="o'neil"),
    Choice(since=ARRIVED),
    Choice(since=ARRIVED.astimezone(timezone(timedelta(hours=5)))),
    Choice(until=ARRIVED),
    Choice(until=ARRIVED + timedelta(microseconds=1)),
    Choice(state="discarded"),
    Choice(state=""),
)


@pytest.mark.usefixtures("lake_in_session")
def test_a_message_counts_where_it_is_shown_with_spark_and_without(
    filled: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    discard(filled, Choice(event_type="[/nope]"))
    without_spark = [counts_by_reason(settings.load(), choice) for choice in CHOICES]
    for choice, counts in zip(CHOICES, without_spark, strict=True):
        expected = Counter(
            (row["state"], row["event_type"], reason)
            for row in listing(messages_of(filled, choice), 10)
            for reason in row["reasons"]
        )
        assert {(one.state, one.event_type, one.reason): one.messages for one in counts} == expected, choice
    monkeypatch.setattr(places, "folder", lambda _: None)  # as where the lake is a bucket
    assert [counts_by_reason(settings.load(), choice) for choice in CHOICES] == without_spark


def test_an_unknown_state_names_the_known_ones() -> None:
    with pytest.raises(OperatorError, match=r"no state 'opened'; the states are: open, replayed, discarded"):
        Choice(state="opened")


def test_the_command_line(small_lake: SmallLake, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in small_lake.environment.items():
        monkeypatch.setenv(name, value)

    def quarantine(*words: str) -> str:
        result = CliRunner().invoke(app, ["quarantine", *words])
        assert result.exit_code == 0, result.output
        return result.stdout

    messages = {row["reason"]: 0 for row in json.loads(quarantine("list", "--json"))}
    for row in json.loads(quarantine("list", "--json")):
        messages[row["reason"]] += row["messages"]
    assert messages == small_lake.report["quarantined"]
    assert "message: not JSON" in quarantine("list", "--reason", "not JSON")
    assert (
        "events-" in quarantine("show", "--limit", "1")
        and len(json.loads(quarantine("show", "--limit", "2", "--json"))) == 2
    )
    assert "no such message" in quarantine("list", "--type", "nothing")
    dry, count = ("discard", "--reason", "not JSON", "--dry-run"), messages["message: not JSON"]
    assert quarantine(*dry) == f"{count} messages would be discarded\n"
    assert json.loads(quarantine(*dry, "--json")) == {"would_be_discarded": count}


@pytest.mark.usefixtures("lake_in_session")
@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["discard"], "error: which ones? give --reason, --type, --since, --until, or --all"),
        (["list", "--since", "monday"], "error: 'monday' is not a moment; write it as 2026-03-01 or"),
        (["show", "--state", "opened"], "error: no state 'opened'; the states are: open, replayed, discarded"),
    ],
)
def test_what_cannot_be_meant_is_one_line(words: list[str], line: str) -> None:
    result = CliRunner().invoke(app, ["quarantine", *words])
    assert result.exit_code == 1
    assert result.output.startswith(line) and result.output.count("\n") == 1


def test_a_messages_text_is_shown_as_text() -> None:
    assert printable("[/x] \x1b[2J é") == "[/x] \\x1b[2J é"
