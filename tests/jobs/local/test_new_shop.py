"""What `lakehouse init` writes: a shop that its own settings, contracts and sources agree on."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from expectations.compatibility import breaking_changes
from expectations.contract import read
from expectations.source_contract import source_contract
from jobs.commands.app import app
from jobs.local import new_shop
from jobs.settings.loading import load

CONTRACTS = Path(__file__).parents[3] / "expectations" / "contracts"
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def test_it_is_written_once_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "my shop"
    first = CliRunner().invoke(app, ["init", str(folder)])
    assert first.exit_code == 0 and f"lakehouse run all --env {folder / 'shop.toml'}" in first.stdout
    (folder / "sources" / "catalog.csv").write_text("sku\nmine\n")
    again = CliRunner().invoke(app, ["init", str(folder)])
    assert again.exit_code == 0 and "wrote" not in again.stdout
    assert (folder / "sources" / "catalog.csv").read_text() == "sku\nmine\n"


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(app, ["init", str(tmp_path / "file")])
    assert result.exit_code == 1 and "cannot write to" in result.output


def test_its_settings_lie_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_shop.write(tmp_path / "shop", NOW)
    monkeypatch.chdir(tmp_path)
    settings = load("shop/shop.toml")
    assert settings.home == tmp_path / "shop" / ".local"
    assert settings.lake.root == str(tmp_path / "shop" / ".local" / "lake")
    for name in ("catalog", "crm"):
        source = getattr(settings.sources, name)
        location, contract = Path(source.location), source_contract(name)
        assert location.parent == tmp_path / "shop" / "sources"
        header = location.read_text().splitlines()[0].split(",")
        assert {*source.columns, *source.types} <= {*header} and contract.key in source.columns.values()
    ports = {settings.local.broker_port, settings.local.controller_port, settings.local.redis_port}
    assert len(ports) == 3 and load("local").local.broker_port not in ports


def test_its_events_are_valid_and_of_the_last_days(tmp_path: Path) -> None:
    new_shop.write(tmp_path, NOW)
    events = [json.loads(line) for line in (tmp_path / new_shop.EVENTS).read_text().splitlines()]
    for event in events:
        folder = CONTRACTS if event["schema_version"] == 1 else tmp_path / "contracts"
        for name, value in (("envelope.v1.json", event), (_file(event), event["payload"])):
            schema = json.loads(((CONTRACTS if name.startswith("envelope") else folder) / name).read_text())
            Draft202012Validator(schema).validate(value)
        assert 0 < (NOW - datetime.fromisoformat(event["occurred_at"])).days <= 62
    assert {event["schema_version"] for event in events} == {1, 2}
    assert {event["user_id"] for event in events if event["event_type"] == "purchase"} == {*new_shop.CUSTOMERS}


def test_its_contract_takes_all_that_the_committed_one_takes() -> None:
    own = Path(new_shop.__file__).parent / "contracts" / "product_view.v2.json"
    assert breaking_changes(read(CONTRACTS / "product_view.v1.json"), read(own)) == []


def _file(event: dict[str, object]) -> str:
    return f"{event['event_type']}.v{event['schema_version']}.json"
