"""The whole way: an event in Kafka, live.segments, and a mailer that fails at times, beside a topic."""

import threading
import time
import uuid
from datetime import UTC, datetime

import pytest

from jobs import job
from jobs.errors import OperatorError
from jobs.hooks.status import statuses
from jobs.lake.lake import Lake
from jobs.live import segments as live
from tests.jobs.hooks.changes import QUICK, VARIABLE, secret_text, until, webhook
from tests.jobs.hooks.receiver import Receiver, receiving
from tests.jobs.hooks.test_topic import messages
from tests.jobs.live.test_consents import send
from tests.jobs.live.test_segments import bought, cart, own  # noqa: F401
from tests.other_lake import changed

pytestmark = pytest.mark.services


def with_hooks(lake: Lake, receiver: Receiver, *segments: str) -> Lake:
    hooks = {**QUICK, "timeout_seconds": 5.0, "webhooks": {"mailer": webhook(receiver.url, *segments)}}
    return changed(lake, hooks={**hooks, "kafka_topic": f"segments-{uuid.uuid4().hex[:12]}"})


def test_from_an_event_in_kafka_to_the_mailer_and_the_topic(
    own: Lake,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A thread stands for the shop while the job runs as a stream. The mailer answers 503 to whatever comes first."""
    monkeypatch.setenv(VARIABLE, secret_text())
    with receiving(lambda data, times: 200 if times else 503) as receiver:
        lake, failures = with_hooks(own, receiver, "holders"), list[BaseException]()

        def types() -> list[str]:
            return [data["type"] for _, data in receiver.taken if data["person"] == "anonymous_id:v"]

        def shop() -> None:
            try:
                until(lambda: own.spark.streams.active, "not started")
                send(lake.settings, bought(3600), cart(600))
                until(
                    lambda: (
                        send(lake.settings, cart(user_id=None, anonymous_id="v"))
                        or time.sleep(1)
                        or "segment.enter" in types()
                    ),
                    "the mailer does not hear that the visitor is in",
                )
                until(lambda: types()[-1] == "segment.leave", "nor that they are out")
            except BaseException as failure:
                failures.append(failure)
            for query in own.spark.streams.active:
                query.stop()

        live.require(lake.settings)
        threading.Thread(target=shop).start()
        live.main(lake, job.Options(datetime.now(UTC), continuous=True))
        if failures:
            raise failures[0]
        by_name = {one.target: one for one in statuses(lake.settings)}
    assert not receiver.wrong and {data["segment"] for _, data in receiver.taken} == {"holders"}
    assert types()[:2] == ["segment.enter", "segment.leave"]
    of_mailer, of_topic = by_name["mailer"], by_name["kafka"]
    assert (of_mailer.waiting, of_mailer.dead_letters, of_mailer.lost) == (0, 0, 0)
    assert of_topic.waiting == 0 and of_topic.told > of_mailer.told == len(receiver.ids)
    assert {one.key().decode() for one in messages(lake.settings, of_topic.told)} >= {"9", "anonymous_id:v"}


def test_a_hook_that_cannot_be_stops_the_job_before_it_begins(
    own: Lake,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, secret_text())
    with receiving(lambda data, times: 200) as receiver:
        lake = with_hooks(own, receiver, "holdres")
        with pytest.raises(OperatorError, match="no segment holdres; did you mean holders"):
            live.require(lake.settings)
    assert not receiver.seen
