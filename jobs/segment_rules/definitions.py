"""conf/segments.toml, read: each segment with its rule, in an order in which those come first that others ask for."""

import difflib
import graphlib
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from expectations.contract import PURPOSES, Contract
from jobs.errors import OperatorError
from jobs.segment_rules import rule
from jobs.segment_rules.context import RuleError
from jobs.segment_rules.parsing import parse
from jobs.segment_rules.rule import Expression, nodes
from jobs.segment_rules.vocabulary import SCORES, ScoreModel, Vocabulary, event_fields
from jobs.settings import toml_files
from jobs.settings.loading import Settings

KEYS = ("title", "purpose", "owner", "rule")

Scores = Mapping[str, ScoreModel | None]
"""Models of sessions, by name; None: nothing was learned yet."""


@dataclass(frozen=True)
class Segment:
    """`name`: its key in the file. `version`: the same for rules that say the same, those of others that it asks for
    included; behind a dot the versions of the models that they ask for. `text`: the rule as it stands in the file.
    `scores`: the models that it asks for itself."""

    name: str
    title: str
    purpose: str
    owner: str
    text: str
    expression: Expression
    version: str
    scores: Scores


def segments_in_force(
    settings: Settings, contract: Contract, learned: Callable[[], Scores] = lambda: SCORES
) -> dict[str, Segment]:
    """Those of segments.file, or of conf/segments.toml where that is empty, by name; those first that others ask for.
    `learned`: called for the models where a rule asks for one. Raises OperatorError as `segments_of` does."""
    file = settings.segments.file
    tables = toml_files.read(Path(file), file) if file else toml_files.read_named("segments")
    vocabulary = Vocabulary(event_fields(contract))
    segments = segments_of(tables, vocabulary)
    if any(one.scores for one in segments.values()):
        segments = segments_of(tables, replace(vocabulary, scores=learned()))
    return segments


def segments_of(tables: Mapping[str, Any], vocabulary: Vocabulary) -> dict[str, Segment]:
    """The segments of the file's tables, by name. Raises OperatorError for a key that is none, a rule that cannot be
    read, and segments that ask for one another in a circle."""
    known = replace(vocabulary, segments=tuple(tables))
    rules = {name: parse(_checked(name, table)["rule"], name, known) for name, table in tables.items()}
    asked = {
        name: {node.segment for node in nodes(one) if isinstance(node, rule.Member)} for name, one in rules.items()
    }
    try:
        order = [*graphlib.TopologicalSorter(asked).static_order()]
    except graphlib.CycleError as error:
        circle = " asks for ".join(error.args[1][::-1])
        raise RuleError(f"segment {error.args[1][0]}: a circle, {circle}; take one of the members out") from None
    made: dict[str, Segment] = {}
    for name in order:
        title, purpose, owner, text = (tables[name][key] for key in KEYS)
        scores = [node for node in nodes(rules[name]) if isinstance(node, rule.Score)]
        version = _version(rules[name], scores, [made[other].version for other in asked[name]])
        models = {one.model: vocabulary.scores[one.model] for one in scores}
        made[name] = Segment(name, title, purpose, owner, text, rules[name], version, models)
    return made


def rule_version(version: str) -> str:
    """Of a segment's version the part that says which rule it is, whatever the models have learned."""
    return version.partition(".")[0]


def _version(expression: Expression, scores: Iterable[rule.Score], others: Iterable[str]) -> str:
    """`others`: the versions of the segments that it asks for."""
    learned = [one for one in scores if one.learned]
    of_models = {f"{one.model}-{one.version}-{_digest(repr(one.learned), 4)}" for one in learned}
    of_rules = []
    for other in others:
        of_rule, *models = other.split(".")
        of_rules.append(of_rule)
        of_models.update(models)
    return ".".join([_digest("\n".join([repr(expression), *sorted(of_rules)]), 12), *sorted(of_models)])


def _digest(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]


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
