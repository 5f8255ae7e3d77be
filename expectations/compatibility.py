"""Whether a new version of a contract still takes what the old one took, and if not, why.

Backward compatible, in the sense of schema registries: every message that is valid under the old version and has only
the fields it knows is valid under the new one, and no field of it is lost. Fields may be added; a field may be renamed
when the new one names the old in `x-aliases`, and its type may be widened: null allowed, or an integer that its limits
hold within 32 bits made a larger one or a number, for that the lake's column can follow without a loss.
"""

from collections.abc import Iterator

from expectations.nodes import Array, Boolean, Field, Map, Node, Number, Object, Text
from expectations.spark_types import WIDER, column_type, ddl

# attribute of a node -> its keyword in JSON Schema. A change of the first kind refuses what was taken when it is to
# more, one of the second kind when it is to less; None is no limit.
TIGHTER_WHEN_MORE = {"min_length": "minLength", "minimum": "minimum", "min_items": "minItems"}
TIGHTER_WHEN_LESS = {"max_length": "maxLength", "maximum": "maximum", "max_items": "maxItems"}


def breaking_changes(old: Object, new: Object) -> list[str]:
    """One line per change that is not backward compatible, as `field: what changed`; empty when compatible."""
    return list(_changes(old, new, ""))


def _changes(old: Node, new: Node, path: str) -> Iterator[str]:
    where = path or "message"
    if types := _types(old) - _types(new):
        yield f"{where}: {' and '.join(sorted(types))} no longer allowed"
    elif not {type(old), type(new)} & {Object, Array} and not _is_one_column(old, new):
        before, after = ddl(column_type(old)), ddl(column_type(new))
        yield f"{where}: {before} cannot become {after} without a loss"
    yield from _limits(old, new, where)
    if isinstance(old, Object) and isinstance(new, Object):
        yield from _fields(old, new, path)
    if isinstance(old, Array) and isinstance(new, Array):
        if old.may_be_null and not new.may_be_null:
            yield f"{path}[]: null no longer allowed"
        yield from _changes(old.items, new.items, f"{path}[]")


def _is_one_column(old: Node, new: Node) -> bool:
    before, after = column_type(old).simpleString(), column_type(new).simpleString()
    return before == after or after in WIDER.get(before, ()) or before in WIDER.get(after, ())


def _types(node: Node) -> set[str]:
    match node:
        case Text():
            return {"string"}
        case Number():
            return {"integer"} if node.is_whole else {"integer", "number"}
        case Boolean():
            return {"boolean"}
        case Array():
            return {"array"}
        case Map() | Object():
            return {"object"}


def _limits(old: Node, new: Node, where: str) -> Iterator[str]:
    for attribute, keyword in TIGHTER_WHEN_MORE.items():
        before, after = getattr(old, attribute, None), getattr(new, attribute, None)
        if after is not None and (before is None or after > before):
            yield f"{where}: {keyword} {'none' if before is None else before} became {after}"
    for attribute, keyword in TIGHTER_WHEN_LESS.items():
        before, after = getattr(old, attribute, None), getattr(new, attribute, None)
        if after is not None and (before is None or after < before):
            yield f"{where}: {keyword} {'none' if before is None else before} became {after}"
    yield from _values(getattr(old, "values", ()), getattr(new, "values", ()), where)
    # Whether one pattern takes all that another takes is not decided here: a changed one counts as tighter.
    for attribute, keyword in {"pattern": "pattern", "is_moment": "format", "is_id": "x-id"}.items():
        if getattr(new, attribute, None) and getattr(new, attribute) != getattr(old, attribute, None):
            yield f"{where}: {keyword} changed"
    step, former = getattr(new, "multiple_of", None), getattr(old, "multiple_of", None)
    if step is not None and (former is None or former % step != 0):
        yield f"{where}: multipleOf {former or 'none'} became {step}"
    if isinstance(old, Map) and isinstance(new, Map) and (types := _free_types(old) - _free_types(new)):
        yield f"{where}.*: {' and '.join(sorted(types))} no longer allowed"


def _values(old: tuple[object, ...], new: tuple[object, ...], where: str) -> Iterator[str]:
    if new:
        values = [str(value) for value in old if value not in new] if old else ["any other value"]
        if values:
            yield f"{where}: {', '.join(values)} no longer allowed"


def _free_types(node: Map) -> set[str]:
    return set(node.types) or {"anything"}


def _fields(old: Object, new: Object, path: str) -> Iterator[str]:
    now = {name: name for name in new.names} | {
        alias: field.name for field in new.fields for alias in field.aliases if alias not in new.names
    }
    for field in old.fields:
        here = f"{path}.{field.name}".lstrip(".")
        if field.name not in now:
            yield f"{here}: removed, and no field names it in x-aliases"
            continue
        yield from _field(field, new.field(now[field.name]), here)
    always = {now.get(field.name, field.name) for field in old.fields if field.is_required}
    for field in new.fields:
        if field.is_required and field.name not in always:
            yield f"{path}.{field.name}: now required".lstrip(".")
    if new.any_of and set(new.any_of) != set(old.any_of):
        yield f"{path or 'message'}: anyOf changed"
    if new.is_closed and not old.is_closed:
        yield f"{path or 'message'}: other fields no longer allowed"


def _field(old: Field, new: Field, here: str) -> Iterator[str]:
    if old.is_required and old.may_be_null and not new.may_be_null:
        yield f"{here}: null no longer allowed"
    yield from _changes(old.node, new.node, here)
