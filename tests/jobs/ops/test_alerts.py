"""ops.alerts on real tables and with a real HTTP server: raised once, told once, never lost."""

import json
import logging
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from expectations.schemas import TABLES
from jobs import job
from jobs.commands.app import app
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.ops import alerts
from tests.jobs.hooks.test_webhook import SECRET, Receiver, receiver, short_pauses  # noqa: F401
from tests.jobs.watch.days import DAY
from tests.other_lake import changed

NEXT_MORNING = datetime(2026, 3, 3, 4, tzinfo=UTC)


def told_to(lake: Lake, url: str) -> Lake:
    return changed(lake, alerts={"webhook": SecretStr(url), "timeout_seconds": 5.0})


def measured(lake: Lake, *drifted: str) -> None:
    rows = [
        (
            DAY - timedelta(days=ago),
            "purchase",
            "psi",
            name,
            lake.settings.watch.psi * 2,
            lake.settings.watch.min_rows,
            NEXT_MORNING,
        )
        for name in drifted
        for ago in (0, 30)
    ]
    frame = lake.spark.createDataFrame(rows, TABLES["ops.daily_quality"].ddl)
    tables.overwrite(lake, "ops.daily_quality", frame.coalesce(1))


def states(lake: Lake) -> dict[str, str]:
    rows = tables.read(lake, alerts.TABLE).collect()
    assert all((row["state"] == "sent") == (row["sent_at"] is not None) for row in rows)
    assert len({row["column_name"] for row in rows}) == len(rows)
    return {row["column_name"]: row["state"] for row in rows}


def test_an_alert_is_raised_once_kept_while_the_webhook_is_away_and_told_once(
    lake: Lake,
    receiver: Receiver,  # noqa: F811
    caplog: pytest.LogCaptureFixture,
) -> None:
    measured(lake, "price")
    theirs, options = told_to(lake, receiver.url), job.Options(NEXT_MORNING)
    receiver.answers[:] = [500]
    with caplog.at_level(logging.INFO), pytest.raises(OperatorError) as raised:
        alerts.main(theirs, options)
    assert str(raised.value) == (
        "the webhook at 127.0.0.1 did not take it (HTTP 500); alerts stay unsent, the next run of ops.alerts sends them"
    )
    assert len(receiver.taken) == lake.settings.alerts.tries
    # The day that lies a month back is not judged any more.
    assert states(lake) == {"price": "unsent"}

    receiver.taken.clear()
    receiver.answers[:] = [200]
    measured(lake, "price", "country")
    alerts.main(theirs, options)
    ((headers, body),) = receiver.taken
    assert states(lake) == {"price": "sent", "country": "sent"}
    assert sorted(one["column_name"] for one in body["alerts"]) == ["country", "price"]
    first = body["alerts"][0]
    assert (first["day"], first["event_type"], first["measure"], first["rule"]) == (
        "2026-03-02",
        "purchase",
        "psi",
        "drift",
    )
    assert (first["value"], first["expected"], first["score"]) == (0.4, 0.2, 2.0)
    assert (
        body["text"].startswith("2 quality alerts\n2026-03-02 purchase: psi ") and len(headers["Idempotency-Key"]) == 64
    )

    alerts.main(theirs, options)
    assert len(receiver.taken) == 1
    assert SECRET not in caplog.text and SECRET not in repr(theirs)


@pytest.mark.usefixtures("lake_in_session")
def test_without_a_webhook_alerts_are_recorded_and_shown(lake: Lake) -> None:
    measured(lake, "price")
    alerts.main(told_to(lake, ""), job.Options(NEXT_MORNING))
    assert states(lake) == {"price": "recorded"}
    result = CliRunner().invoke(app, ["quality", "alerts", "--json"])
    assert [(row["column_name"], row["rule"]) for row in json.loads(result.stdout)] == [("price", "drift")]
    assert "no alert" in CliRunner().invoke(app, ["quality", "alerts", "--since", "2026-03-03"]).stdout
