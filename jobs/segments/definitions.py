"""conf/segments.toml, read: each segment with its rule, in an order in which those come first that others ask for."""

import difflib
import graphlib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from expectations.contract import PURPOSES, Contract
from jobs.errors import OperatorError
from jobs.segments import rule
from jobs.segments.context import RuleError
from jobs.segments.parsing import parse
from jobs.segments.rule import Expression, nodes
from jobs.segments.vocabulary import Vocabulary, event_fields
from jobs.settings import toml_files
from jobs.settings.loading import Settings

KEYS = ("title", "purpose", "owner", "rule")


@dataclass(frozen=True)
class Segment:
    """`name`: its key in the file. `version`: the same for rules that say the same, those of others that it asks for
    included. `text`: the rule as it stands in the file."""

    name: str
    title: str
    purpose: str
    owner: str
    text: str
    expression: Expression
    version: str


def segments_in_force(settings: Settings, contract: Contract) -> dict[str, Segment]:
    """Those of segments.file, or of conf/segments.toml where that is empty, by name; those first that others ask for.
    Raises OperatorError as `segments_of` does."""
    file = settings.segments.file
    tables = toml_files.read(Path(file), file) if file else toml_files.read_named("segments")
    return segments_of(tables, Vocabulary(event_fields(contract)))


def segments_of(tables: Mapping[str, Any], vocabulary: Vocabulary) -> dict[str, Segment]:
    """The segments of the file's tables, by name. Raises OperatorError for a key that is none, a rule that cannot be
    read, and segments that ask for one another in a circle."""
    known = Vocabulary(vocabulary.fields, tuple(tables), vocabulary.scores)
    rules = {name: parse(_checked(name, table)["rule"], name, known) for name, table in tables.items()}
    asked = {
        name: {node.segment for node in nodes(one) if isinstance(node, rule.Member)} for name, one in rules.items()
    }
    try:
        order = [*graphlib.TopologicalSorter(asked).static_order()]
    except graphlib.CycleError as error:
        circle = " asks for ".join(error.args[1][::-1])
        raise RuleError(f"segment {error.args[1][0]}: a circle, {circle}; take one of the members out") from None
    versions: dict[str, str] = {}
    for name in order:
        parts = [repr(rules[name]), *sorted(versions[other] for other in asked[name])]
        versions[name] = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
    made = {}
    for name in order:
        title, purpose, owner, text = (tables[name][key] for key in KEYS)
        made[name] = Segment(name, title, purpose, owner, text, rules[name], versions[name])
    return made


def _checked(name: str, table: Any) -> Mapping[str, str]:
    if not isinstance(table, dict):
        raise OperatorError(f"segments.toml: {name} stands alone; a segment is a table: [{name}]")
    for key in table:
        if key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, n=1, cutoff=0.0)[0]
            raise OperatorError(f"segment {name}: no key {key}; did you mean {near}?")
    for key in KEYS:
        if not isinstance(table.get(key), str) or not table[key].strip():
            raise OperatorError(f"segment {name}: {key} is missing; each segment has {', '.join(KEYS)}, as texts")
    if table["purpose"] not in PURPOSES:
        raise OperatorError(f"segment {name}: no purpose {table['purpose']}; the purposes are: {', '.join(PURPOSES)}")
    return table
