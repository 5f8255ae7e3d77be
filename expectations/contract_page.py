"""The contract as a page for people who send events and sources: every field in words, and an example of each version.

What a field must be comes from the parsed contract, which is what messages are judged by; meanings and examples are the
schemas' annotations (`description`, `examples`). A version that lacks them has those of the version before.
"""

import importlib.resources
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from expectations import fields_in_words as words
from expectations.contract import EARLIEST, LATEST_AFTER_ARRIVAL, MOST_BYTES, Contract, EventVersion
from expectations.fields_in_words import FieldInWords, changes_in_words, fields_in_words, rules_of_object
from expectations.identifiers import names_by_kind
from expectations.nodes import Array, ContractError, Node, Object
from expectations.schema_parsing import parsed

ENVELOPE = "envelope.v1.json"
SOURCES = {"catalog": "Catalogue", "crm": "CRM"}

Schemas = Mapping[str, Mapping[str, Any]]
"""JSON Schemas by the names of their files."""


@dataclass(frozen=True)
class Section:
    """A part of the page: a schema's fields, what it must be beyond them, and an example as JSON. `changes`: since the
    version before, empty where there is none."""

    title: str
    about: str
    fields: list[FieldInWords]
    rules: list[str]
    example: str
    changes: list[str]

    @property
    def anchor(self) -> str:
        """What a link to the title ends in, as GitHub makes it."""
        return self.title.lower().replace(",", "").replace(" ", "-")


def contract_page(contract: Contract, schemas: Schemas) -> str:
    """The page, in Markdown, of every version in the contract and of the sources. `schemas`: those that the contract
    was parsed from. Raises ContractError where an example is missing or not valid."""
    template = (importlib.resources.files("expectations") / "contract_page.md.j2").read_text(encoding="utf-8")
    environment = Environment(
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, undefined=StrictUndefined
    )
    environment.filters["cell"] = _cell
    events = event_examples(contract, schemas)
    return environment.from_string(template).render(
        envelope=_envelope(contract, schemas),
        event_types=_event_types(contract, schemas, events),
        sources=[_source(name, title) for name, title in SOURCES.items()],
        further_names=names_by_kind(),
        words=words,
        earliest=EARLIEST,
        latest=LATEST_AFTER_ARRIVAL,
        most_kib=MOST_BYTES >> 10,
    )


def committed_schemas() -> dict[str, dict[str, Any]]:
    """The schemas of the committed contract."""
    return _schemas("contracts")


def schemas_of(contract: Contract, folder: Path) -> Schemas:
    """The committed schemas, and those of the contract's further versions from `folder`. Raises ContractError where a
    further version is not there."""
    schemas = committed_schemas()
    for name in [_file(one) for one in contract.versions if _file(one) not in schemas]:
        try:
            schemas[name] = json.loads((folder / name).read_bytes())
        except (OSError, ValueError) as error:
            raise ContractError(f"{name} cannot be read: {str(error).splitlines()[0]}") from None
    return schemas


def event_examples(contract: Contract, schemas: Schemas) -> dict[tuple[str, int], dict[str, Any]]:
    """One valid event of each version, by event type and version. Of the envelope it has what is required alone."""
    whole = _own_example(ENVELOPE, schemas[ENVELOPE]) or {}
    envelope = contract.envelope
    always = [field.name for field in envelope.fields if field.is_required or field.name in envelope.any_of]
    payloads: dict[tuple[str, int], Any] = {}
    for one in contract.versions:
        payload = _own_example(_file(one), schemas[_file(one)])
        if payload is None:
            former = payloads.get((one.event_type, one.version - 1))
            payload = _valid(_renamed(former, one.payload), _file(one), schemas[_file(one)])
        payloads[one[:2]] = payload
    return {
        (event_type, version): {name: whole[name] for name in always if name in whole}
        | {"event_id": f"{event_type}-{version}", "event_type": event_type, "schema_version": version}
        | {"payload": payload}
        for (event_type, version), payload in payloads.items()
    }


def source_example(name: str) -> dict[str, Any]:
    """One valid row of a source, by its standard fields."""
    file = f"{name}.json"
    return _valid(_own_example(file, _schemas("sources")[file]), file, _schemas("sources")[file])


def _schemas(folder: str) -> dict[str, dict[str, Any]]:
    files = (importlib.resources.files("expectations") / folder).iterdir()
    return {file.name: json.loads(file.read_text(encoding="utf-8")) for file in files}


def _envelope(contract: Contract, schemas: Schemas) -> Section:
    schema, node = schemas[ENVELOPE], contract.envelope
    example = _own_example(ENVELOPE, schema)
    return Section(
        "Envelope", schema["description"], fields_in_words(node, schema), rules_of_object(node), _json(example), []
    )


def _event_types(
    contract: Contract, schemas: Schemas, events: Mapping[tuple[str, int], Any]
) -> dict[str, list[Section]]:
    """The sections of each event type's versions, the oldest first."""
    sections: dict[str, list[Section]] = {}
    for one in contract.versions:
        versions, schema = sections.setdefault(one.event_type, []), schemas[_file(one)]
        before = {field.path: field for field in versions[-1].fields} if versions else {}
        fields = fields_in_words(one.payload, schema, before)
        versions.append(
            Section(
                f"{one.event_type}, version {one.version}",
                schema.get("description")
                or schema.get("title")
                or (versions[-1].about if versions else one.event_type),
                fields,
                rules_of_object(one.payload),
                _json(events[one[:2]]),
                changes_in_words(fields, before) if versions else [],
            )
        )
    return sections


def _source(name: str, title: str) -> Section:
    schema = _schemas("sources")[f"{name}.json"]
    fields = fields_in_words(parsed(schema, f"{name}.json"), schema)
    return Section(title, schema["description"], fields, [], _json(source_example(name)), [])


def _file(version: EventVersion) -> str:
    return f"{version.event_type}.v{version.version}.json"


def _own_example(file: str, schema: Mapping[str, Any]) -> Any:
    """The first of the schema's `examples`, None where it has none."""
    examples = schema.get("examples")
    return _valid(examples[0], file, schema) if examples else None


def _valid(example: Any, file: str, schema: Mapping[str, Any]) -> Any:
    if example is None:
        raise ContractError(f"{file}: examples: missing; add one that is valid")
    for error in Draft202012Validator(schema).iter_errors(example):
        raise ContractError(f"{file}: examples: the first is not valid: {error.json_path}: {error.message}")
    return example


def _renamed(value: Any, node: Node) -> Any:
    """A value of the version before, its fields by the names that they have in this version."""
    match node:
        case Object(fields) if isinstance(value, dict):
            names = {
                field: next((name for name in (field.name, *field.aliases) if name in value), None) for field in fields
            }
            return {field.name: _renamed(value[name], field.node) for field, name in names.items() if name is not None}
        case Array(items) if isinstance(value, list):
            return [_renamed(item, items) for item in value]
    return value


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _cell(text: str) -> str:
    """A text as a cell of a Markdown table."""
    return " ".join(text.replace("|", "\\|").split())
