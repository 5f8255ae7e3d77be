"""Messages that could hide a wrong type: which they are, by their text, and what their values truly are, as VARIANT.

Spark's JSON parser takes some wrong types silently: a number where a string is expected becomes its text.
"""

import functools
from collections.abc import Iterator

from pyspark.sql import Column
from pyspark.sql import functions as F

from expectations.contract import Contract, Schema, fields, types_of
from expectations.rules import kind_number

KINDS = {  # JSON Schema type -> how schema_of_variant begins to name it
    "string": "STRING",
    "integer": "BIGINT",
    "number": "BIGINT|DECIMAL|DOUBLE|FLOAT",
    "boolean": "BOOLEAN",
    "object": "OBJECT",
    "array": "ARRAY",
    "null": "VOID",
}
FIRST_CHARACTERS = {  # JSON Schema type -> how a value of it begins, as part of a character class
    "string": '"',
    "integer": "0-9-",
    "number": "0-9-",
    "boolean": "tf",
    "object": "{",
    "array": r"\[",
    "null": "n",
}
LONE_SURROGATE = (  # half a character: one parser takes it, the other does not
    r"\\u[dD](?:[89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..\\u[dD])[c-fC-F])"
)


def surprise(rules: Contract) -> str:
    """A pattern found in every JSON text that holds a name the contract does not know, a name with an escape in it, or
    a known one followed by a value of a wrong type; it may be found in a valid text too (a name with two meanings).

    A name stands behind a brace or a comma, and a string that holds these has no bare quote behind them.
    """
    first_of: dict[str, set[str]] = {}

    def collect(schema: Schema) -> None:
        for name, inner in schema.get("properties", {}).items():
            first = {FIRST_CHARACTERS[type_] for type_ in types_of(inner)}
            first_of[name] = first_of[name] & first if name in first_of else first
            collect(inner.get("items", inner))

    for schema in (rules.envelope, *[kind.payload for kind in rules.kinds]):
        collect(schema)
    expected = {name: rf'"\s*+:\s*+[{"".join(sorted(first))}]' for name, first in first_of.items() if first}
    return rf'[{{,]\s*+"(?!{any_of(expected)})'


def is_suspect(rules: Contract, text: Column, event: Column, kind: Column) -> Column:
    """Whether a message, parsed without complaint, may still hold what its kind does not allow or does not know."""
    wide, kinds = fields(rules), rules.kinds
    maps = [place for place, one in enumerate(kinds) if any(map(_is_map, one.payload["properties"].values()))]
    halved = text.contains("\\u") & text.rlike(LONE_SURROGATE)  # one pattern for both took half as long again
    found = text.rlike(surprise(rules)) | halved | _true(kind.isin(maps)) | _true(has_foreign(rules))
    # Where another kind's numbers made the field a double, what came as 1.0 looks like the integer 1.
    for name, schema in wide.items():
        whole = [n for n in kinds_with(rules, name) if types_of(kinds[n].payload["properties"][name])[0] == "integer"]
        if types_of(schema)[0] == "number" and whole:
            found |= _true(kind.isin(whole)) & text.rlike(rf'"{name}"\s*+:\s*+-?[0-9]++[.eE]')
    return found


def has_foreign(rules: Contract) -> Column:
    """Whether the payload bears a field that another kind has and this one does not: nothing judges it."""
    tests = [
        f"(event.payload.`{name}` IS NOT NULL AND _kind NOT IN ({', '.join(map(str, kinds_with(rules, name)))}))"
        for name in fields(rules)
    ]
    return F.expr(" OR ".join(tests))


def kinds_with(rules: Contract, name: str) -> list[int]:
    """The kinds whose payload has the field, by their places."""
    return [place for place, kind in enumerate(rules.kinds) if name in kind.payload["properties"]]


def _true(condition: Column) -> Column:
    return F.coalesce(condition, F.lit(False))


def _is_map(schema: Schema) -> bool:
    """A field of free names: its values are text, whatever they were in the message."""
    return "additionalProperties" in schema


def any_of(endings: dict[str, str]) -> str:
    """A pattern for one of the words with its ending, as a trie, so that a text is not compared with each in turn."""
    branches = [endings[""]] if "" in endings else []
    for first in sorted({word[0] for word in endings if word}):
        branches.append(first + any_of({word[1:]: end for word, end in endings.items() if word[:1] == first}))
    return branches[0] if len(branches) == 1 else f"(?>{'|'.join(branches)})"


def wrong_types(rules: Contract, variant: Column) -> Column:
    """Where a field that the message's kind has is of a wrong type; null where the message is no JSON object."""
    envelope = F.array(*_wrong_types("", rules.envelope, variant))
    version = F.try_variant_get(variant, "$.schema_version", "bigint")
    number = kind_number(rules, F.try_variant_get(variant, "$.event_type", "string"), version)
    payload = F.when(F.lit(False), F.array().cast("array<string>"))
    for place, kind in enumerate(rules.kinds):
        payload = payload.when(number == place, F.array(*_wrong_types("payload", kind.payload, variant)))
    wrong = F.array_compact(F.concat(envelope, F.coalesce(payload, F.array().cast("array<string>"))))
    return F.when(F.schema_of_variant(variant).startswith("OBJECT"), wrong)


def _wrong_types(path: str, schema: Schema, variant: Column) -> Iterator[Column]:
    for name, inner in schema.get("properties", {}).items():
        here = f"{path}.{name}".lstrip(".")
        yield _wrong_type(here, inner, F.schema_of_variant(F.variant_get(variant, f"$.{here}", "variant")))
        if "additionalProperties" in inner:
            free = F.map_values(F.try_variant_get(variant, f"$.{here}", "map<string, variant>"))
            path, of_value = f"{here}.*", inner["additionalProperties"]
            yield F.array_max(F.transform(free, functools.partial(_wrong_value, path, of_value)))
        elif types_of(inner)[0] == "object":
            yield from _wrong_types(here, inner, variant)
        elif types_of(inner)[0] == "array":
            lines = F.try_variant_get(variant, f"$.{here}", "array<variant>")
            for field, of_field in inner["items"]["properties"].items():
                yield F.array_max(
                    F.transform(lines, functools.partial(_wrong_in_line, f"{here}[].{field}", of_field, field))
                )


def _wrong_value(path: str, schema: Schema, value: Column) -> Column:
    return _wrong_type(path, schema, F.schema_of_variant(value))


def _wrong_in_line(path: str, schema: Schema, field: str, line: Column) -> Column:
    return _wrong_type(path, schema, F.schema_of_variant(F.variant_get(line, f"$.{field}", "variant")))


def _wrong_type(path: str, schema: Schema, kind: Column) -> Column:
    types = types_of(schema)
    allowed = "|".join(KINDS[type_] for type_ in types)
    seen = F.lower(F.regexp_extract(kind, r"^([A-Z]+)", 1))
    words = f" where {' or '.join(types)} is expected"
    return F.when(~kind.rlike(f"^(?:{allowed})"), F.concat(F.lit(f"{path}: "), seen, F.lit(words)))
