"""Framed messages against a real HTTP server that answers as a schema registry does, and against a folder."""

import io
import json
import struct
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fastavro
import pytest
from pyspark.sql import SparkSession

from expectations.contract import committed_contract
from jobs.errors import OperatorError
from jobs.landing.reading import as_judged
from jobs.schema_registry import avro_body
from jobs.schema_registry.framing import Registered, with_decoded_value
from jobs.schema_registry.lookup import lookup
from jobs.settings.schema_registry_settings import SchemaRegistrySettings
from tests.events import event, received

OPTIONAL = ["null", "string"]
AVRO = {
    "type": "record",
    "name": "search",
    "fields": [
        {"name": "event_id", "type": "string"},
        {"name": "event_type", "type": "string"},
        {"name": "schema_version", "type": "int"},
        {"name": "occurred_at", "type": "string"},
        {"name": "user_id", "type": OPTIONAL, "default": None},
        {"name": "anonymous_id", "type": OPTIONAL, "default": None},
        {
            "name": "payload",
            "type": {"type": "record", "name": "payload", "fields": [{"name": "query", "type": "string"}]},
        },
    ],
}
SCHEMAS = {5: ("AVRO", json.dumps(AVRO)), 7: ("JSON", '{"type": "object"}'), 9: ("PROTOBUF", 'syntax = "proto3";')}
BROKEN = {11: ("AVRO", "{nope"), 12: ("AVRO", '"string"')}


def frame(schema_id: int, body: bytes) -> bytes:
    return b"\x00" + struct.pack(">I", schema_id) + body


def avro_text(text: str) -> bytes:
    """A string in Avro: its length as a zigzag number (here of one byte), then its UTF-8."""
    return bytes([2 * len(text.encode())]) + text.encode()


def avro_search(query: str) -> bytes:
    head = [avro_text(one) for one in ("e-1", "search")]
    version, when = bytes([2]), avro_text("2017-03-01T10:15:02Z")
    return b"".join([*head, version, when, b"\x02" + avro_text("9"), b"\x00", avro_text(query)])


def plain(spark: SparkSession, messages: list[Any], find: Any) -> list[tuple[bytes, str | None]]:
    rows = with_decoded_value(received(spark, messages), find).orderBy("offset").collect()
    return [(bytes(row["value"]), row["decode_error"]) for row in rows]


@pytest.fixture
def registry() -> Iterator[tuple[str, list[str], Callable[[int], None]]]:
    """The address of a schema registry, the paths it was asked for, and a way to make it answer with an error."""
    requests: list[str] = []
    failing: list[int] = []

    class Registry(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            requests.append(path)
            schema = {**SCHEMAS, **BROKEN}.get(int(path.rpartition("/")[2]))
            if failing:
                self._answer(failing[-1], {"error_code": 50001, "message": "store"})
            elif not path.startswith("/schemas/ids/") or schema is None:
                self._answer(404, {"error_code": 40403, "message": "Schema not found"})
            else:
                # A registry leaves schemaType out where it is Avro.
                named = {} if schema[0] == "AVRO" else {"schemaType": schema[0]}
                self._answer(200, {"schema": schema[1], **named})

        def _answer(self, status: int, answer: dict[str, Any]) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", requests, failing.append
    server.shutdown()
    server.server_close()


def test_framed_messages_become_plain(spark: SparkSession, registry: tuple[str, list[str], Any]) -> None:
    url, requests, _ = registry
    whole = json.dumps(event()).encode()
    messages = [
        whole,
        frame(7, whole),
        frame(5, avro_search("milk")),
        frame(5, avro_search("bread")),
        frame(17, whole),
        frame(5, b"\xff"),
        frame(9, b"\x00"),
        frame(11, b"\x00"),
        frame(12, b"\x00"),
        frame(2**32 - 1, b""),
        b"",
        b"\x00\x00",
        None,
    ]
    find = lookup(SchemaRegistrySettings(url=url, folder=""))
    rows = with_decoded_value(received(spark, messages), find).orderBy("offset").collect()
    values = [None if row["value"] is None else bytes(row["value"]) for row in rows]
    assert values[:2] == [whole, whole]
    assert [json.loads(value or b"") for value in values[2:4]] == [
        {**event("search", payload={"query": query})} for query in ("milk", "bread")
    ]
    assert values[4:] == messages[4:]
    assert [row["decode_error"] for row in rows] == [
        *[None] * 4,
        "schema id 17: not known to the registry",
        "schema id 5: the body does not decode",
        "schema id 9: neither JSON nor a record in Avro that can be read",
        "schema id 11: neither JSON nor a record in Avro that can be read",
        "schema id 12: neither JSON nor a record in Avro that can be read",
        "schema id 4294967295: not known to the registry",
        *[None] * 3,
    ]
    assert sorted(requests) == sorted(f"/schemas/ids/{n}" for n in (5, 7, 9, 11, 12, 17, 2**32 - 1))
    plain(spark, [frame(5, avro_search("milk")), frame(17, whole)], find)
    assert requests[7:] == ["/schemas/ids/17"]


def test_what_was_framed_is_judged_as_any_other(spark: SparkSession, registry: tuple[str, list[str], Any]) -> None:
    plain_one = json.dumps(event()).encode()
    messages = [frame(5, avro_search("milk")), frame(5, avro_search("")), frame(7, plain_one), frame(17, plain_one)]
    decoded = with_decoded_value(received(spark, messages), lookup(SchemaRegistrySettings(url=registry[0], folder="")))
    reasons = [row["reasons"] for row in as_judged(decoded, committed_contract()).orderBy("offset").collect()]
    assert reasons == [[], ["payload.query: shorter than 1"], [], ["schema id 17: not known to the registry"]]


def test_a_folder_of_schemas_serves_as_well(spark: SparkSession, tmp_path: Path) -> None:
    find = lookup(SchemaRegistrySettings(url="", folder=str(tmp_path)))
    whole = json.dumps(event()).encode()
    messages = [frame(5, avro_search("milk")), frame(7, whole)]
    assert [why for _, why in plain(spark, messages, find)] == [
        "schema id 5: not known to the registry",
        "schema id 7: not known to the registry",
    ]
    (tmp_path / "5.avsc").write_text(SCHEMAS[5][1])
    (tmp_path / "7.json").write_text(SCHEMAS[7][1])
    (decoded, first), second = plain(spark, messages, find)
    assert json.loads(decoded)["payload"] == {"query": "milk"} and first is None
    assert second == (whole, None)


def test_a_registry_that_cannot_answer_is_no_reason_to_refuse(
    spark: SparkSession, registry: tuple[str, list[str], Callable[[int], None]]
) -> None:
    url, _, fail_with = registry
    find = lookup(SchemaRegistrySettings(url=url, folder=""))
    assert find(7) == Registered(*SCHEMAS[7])
    fail_with(401)
    with pytest.raises(OperatorError, match=r"registry at http://127\.0\.0\.1:\d+ does not say what schema 5 is.*401"):
        plain(spark, [frame(5, avro_search("milk"))], find)
    assert find(7) == Registered(*SCHEMAS[7])
    nobody = lookup(SchemaRegistrySettings(url="http://u:secret@127.0.0.1:1", folder=""))
    with pytest.raises(OperatorError, match=r"registry at http://127\.0\.0\.1:1 does not say.*ConnectError"):
        nobody(5)


def test_a_body_that_is_not_of_its_schema_is_none() -> None:
    """Cut short, with something behind it, said to be 2 GB long, of a length below zero."""
    read, whole = avro_body.reader(SCHEMAS[5][1]), avro_search("milk")
    assert json.loads(read(whole) or b"") == event("search", payload={"query": "milk"})
    wrong = [b"", whole[:-1], whole + b"x", b"\xe8\xff\xff\xff\x0fx", b"\xff" * 9 + b"\x01"]
    assert [read(body) for body in wrong] == [None] * 5


def test_what_json_has_no_type_for_is_told_in_text() -> None:
    kinds = {"at": {"type": "long", "logicalType": "timestamp-millis"}, "raw": "bytes", "far": "double"}
    schema = {"type": "record", "name": "x", "fields": [{"name": name, "type": of} for name, of in kinds.items()]}
    read = avro_body.reader(json.dumps(schema))
    body = io.BytesIO()
    moment = datetime(2026, 3, 1, 10, 15, tzinfo=UTC)
    fastavro.schemaless_writer(body, schema, {"at": moment, "raw": b"\xff", "far": 1.5})
    assert json.loads(read(body.getvalue()) or b"") == {"at": "2026-03-01T10:15:00+00:00", "raw": "/w==", "far": 1.5}
    assert read(body.getvalue()[:-8] + struct.pack("<d", float("nan"))) is None


def test_settings_that_contradict_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="both set"):
        lookup(SchemaRegistrySettings(url="http://x", folder=str(tmp_path)))
    with pytest.raises(OperatorError, match=r"no folder .*nowhere"):
        lookup(SchemaRegistrySettings(url="", folder=str(tmp_path / "nowhere")))
    assert lookup(SchemaRegistrySettings(url="", folder="")) is None
