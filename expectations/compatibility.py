"""Whether a new version of a contract still takes what the old one took, and if not, why.

Backward compatible, in the sense of schema registries: every message that is valid under the old version and has only
the fields it knows is valid under the new one, and no field of it is lost. Fields may be added; a field may be renamed
when the new one names the old in `x-aliases`, and its type may be widened: null allowed, or an integer that its limits
hold within 32 bits made a larger one or a number, for that the lake's column can follow without a rewrite.
"""

from collections.abc import Iterator

from expectations.contract import WIDER, Schema, ddl, types_of

# keyword -> whether a change from the old value (None: no limit) to the new one refuses what was taken
TIGHTER_WHEN_MORE = ("minLength", "minimum", "minItems")
TIGHTER_WHEN_LESS = ("maxLength", "maximum", "maxItems")


def breaking_changes(old: Schema, new: Schema, path: str = "") -> list[str]:
    """One line per change that is not backward compatible, as `field: what changed`; empty when compatible."""
    return list(_changes(old, new, path))


def _changes(old: Schema, new: Schema, path: str) -> Iterator[str]:
    where = path or "message"
    refused = _kinds(old) - _kinds(new)
    if refused:
        yield f"{where}: {' and '.join(sorted(refused))} no longer allowed"
    elif not {"properties", "items"} & {*old, *new} and not _is_one_column(ddl(old), ddl(new)):
        yield f"{where}: {ddl(old)} cannot become {ddl(new)} without a rewrite of the lake"
    yield from _limits(old, new, where)
    if "properties" in old or "properties" in new:
        yield from _fields(old, new, path)
    if "items" in old and "items" in new:
        yield from _changes(old["items"], new["items"], f"{path}[]")


def _is_one_column(old: str, new: str) -> bool:
    return old == new or new in WIDER.get(old, ()) or old in WIDER.get(new, ())


def _kinds(schema: Schema) -> set[str]:
    kinds = set(types_of(schema))
    return kinds | {"integer"} if "number" in kinds else kinds


def _limits(old: Schema, new: Schema, where: str) -> Iterator[str]:
    for name in TIGHTER_WHEN_MORE:
        if name in new and (name not in old or new[name] > old[name]):
            yield f"{where}: {name} {old.get(name, 'none')} became {new[name]}"
    for name in TIGHTER_WHEN_LESS:
        if name in new and (name not in old or new[name] < old[name]):
            yield f"{where}: {name} {old.get(name, 'none')} became {new[name]}"
    if "enum" in new:
        lost = [value for value in old["enum"] if value not in new["enum"]] if "enum" in old else ["any other value"]
        if lost:
            yield f"{where}: {', '.join(map(str, lost))} no longer allowed"
    # Whether one pattern takes all that another takes is not decided here: a changed one counts as tighter.
    for name in ("pattern", "format", "anyOf"):
        if name in new and new[name] != old.get(name):
            yield f"{where}: {name} changed"
    step, former = new.get("multipleOf"), old.get("multipleOf")
    if step is not None and (former is None or former % step != 0):
        yield f"{where}: multipleOf {former or 'none'} became {step}"


def _fields(old: Schema, new: Schema, path: str) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    now = {name: name for name in after} | {
        alias: name for name, schema in after.items() for alias in schema.get("x-aliases", []) if alias not in after
    }
    for name, schema in before.items():
        here = f"{path}.{name}".lstrip(".")
        if name not in now:
            yield f"{here}: removed, and no field names it in x-aliases"
        else:
            yield from _changes(schema, after[now[name]], here)
    always = {now.get(name, name) for name in old.get("required", [])}
    for name in new.get("required", []):
        if name not in always:
            yield f"{path}.{name}: now required".lstrip(".")
