"""A shop in its first days, which has asked nobody for consent: every job ends, and what is popular is shown."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from expectations.schemas import TABLES
from jobs import job
from jobs.job_list import building, job_named
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.redis_store.client import connect
from jobs.redis_store.keys import Keys
from jobs.serve.recommended import recommended
from jobs.settings.loading import Settings
from tests.other_lake import changed

NOW = datetime(2026, 11, 1, tzinfo=UTC)
ROOMS = ("gold", "train", "publish")


@pytest.fixture
def young(lake: Lake, local_services: Settings, tmp_path: Path) -> Iterator[Lake]:
    """Three people bought two things yesterday."""
    own = changed(
        lake,
        redis={"prefix": "young"},
        mlflow={"tracking_uri": f"sqlite:///{tmp_path}/mlflow.db", "artifacts": f"{tmp_path}/artifacts"},
    )
    at = NOW - timedelta(days=1)
    bought: list[dict[str, Any]] = [
        {
            "event_id": f"{person}-{item}",
            "event_type": "purchase",
            "user_id": person,
            "item_id": item,
            "occurred_at": at,
            "event_date": at.date(),
            "quantity": 1.0,
            "amount": 5.0,
            "order_id": person,
        }
        for person, item in (("a", "mug"), ("b", "mug"), ("c", "mug"), ("c", "pan"))
    ]
    rows: dict[str, list[dict[str, Any]]] = {
        "silver.interactions": bought,
        "silver.consents": [],
        "silver.items": [{"item_id": "mug", "title": "Mug", "price": 4.0, "currency": "USD"}],
        "silver.people": [],
        "silver.events": [],
        "silver.identities": [],
        "silver.identity_links": [],
    }
    for name, of_table in rows.items():
        schema = TABLES[name]
        frame = own.spark.createDataFrame([tuple(row.get(one) for one in schema.names) for row in of_table], schema.ddl)
        tables.overwrite(own, name, frame)
    yield own
    client = connect(own.settings.redis)
    for key in client.scan_iter("{young}:*"):
        client.delete(key)


def test_every_job_ends_and_what_is_popular_is_shown(young: Lake, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for one in building():
            if one.name.split(".")[0] in ROOMS:
                one.main(young, job.Options(NOW))
    assert tables.read(young, "gold.segments").count() == tables.read(young, "gold.recommendations").count() == 0
    assert "train.als: nothing was trained: no ratings: nothing to learn from" in caplog.messages
    assert "train.personas: nothing was trained: no rows: there is nobody to group" in caplog.messages
    assert any(
        one.startswith("train.intent: nothing was trained: of the earlier sessions 0") for one in caplog.messages
    )
    page = recommended(young.settings.redis, "a")
    assert (page.whose, page.version) == ("segment:everyone", "20261101T000000Z-fallbacks")
    assert [(item.item_id, item.title, item.price, item.currency) for item in page.items] == [
        ("mug", "Mug", 4.0, "USD"),
        ("pan", None, 5.0, None),
    ]
    assert connect(young.settings.redis).exists(Keys("young").current)
    job_named("quality.gate").main(young, job.Options(NOW, tables=("gold.segments",)))
