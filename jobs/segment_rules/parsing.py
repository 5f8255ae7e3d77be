"""From the text of a rule to typed nodes, by Python's own grammar: nothing is ever run of it.

`count("purchase", within="30d") > 3 and not member("staff")`. What is no function, event type, field, segment or value
of the right kind is an error that names the segment, line, column and the nearest known name.
"""

import ast
import difflib
import re
from collections.abc import Callable, Mapping

from jobs.segment_rules import rule
from jobs.segment_rules.context import Context, RuleError
from jobs.segment_rules.rule import BOOLEAN, MOMENT, NUMBER, TEXT, Expression, Track, Window
from jobs.segment_rules.vocabulary import Vocabulary
from models.intent_likelihood import MINUTES, PURCHASE

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
DURATION = re.compile(r"(\d{1,6})([smhdw])")
SESSION = "session"
OF_A_WINDOW = ("within", "after", "before")
LONGEST = 5 * 366 * 86_400
COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
OPERATORS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
NODES_AT_MOST = 500

Typed = tuple[Expression, str]


def parse(text: str, segment: str, vocabulary: Vocabulary) -> Expression:
    """The rule's root, which is true or false of a person at an instant. Raises RuleError."""
    context = Context(segment, vocabulary)
    try:
        tree = ast.parse(f"(\n{text}\n)", mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line, column = getattr(error, "lineno", None) or 2, getattr(error, "offset", None) or 1
        line = min(max(line - 1, 1), text.count("\n") + 1)
        what = getattr(error, "msg", None) or str(error)
        raise RuleError(f"segment {segment}, line {line}, column {column}: this is no expression ({what})") from None
    if sum(1 for _ in ast.walk(tree)) > NODES_AT_MOST:
        raise RuleError(f"segment {segment}: the rule is too long; give a part of it a segment of its own")
    return _of_type(tree.body, BOOLEAN, context)


def _of_type(node: ast.AST, expected: str, context: Context) -> Expression:
    expression, of_type = _typed(node, context)
    if of_type != expected:
        raise context.error(node, f"expected {expected}, and {_quoted(node)} is {of_type}")
    return expression


def _typed(node: ast.AST, context: Context) -> Typed:
    match node:
        case ast.Constant(value=bool() as value):
            return rule.Literal(value), BOOLEAN
        case ast.Constant(value=int() | float() as value):
            return rule.Literal(float(value)), NUMBER
        case ast.Constant(value=str() as value):
            return rule.Literal(value), TEXT
        case ast.BoolOp(op=op, values=values):
            parts = tuple(_of_type(value, BOOLEAN, context) for value in values)
            return (rule.All(parts) if isinstance(op, ast.And) else rule.Any(parts)), BOOLEAN
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return rule.Not(_of_type(operand, BOOLEAN, context)), BOOLEAN
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            zero = rule.Literal(0.0)
            return rule.Arithmetic("-", zero, _of_type(operand, NUMBER, context)), NUMBER
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATORS:
            sides = (_of_type(side, NUMBER, context) for side in (left, right))
            return rule.Arithmetic(OPERATORS[type(operator)], *sides), NUMBER
        case ast.Compare(left=left, ops=operators, comparators=others):
            return _comparison(node, [left, *others], operators, context), BOOLEAN
        case ast.Call(func=ast.Name(id=name)):
            if name not in FUNCTIONS:
                raise context.unknown(node, "function", name, FUNCTIONS)
            return FUNCTIONS[name](node, context)
        case ast.Name(id=name):
            near = difflib.get_close_matches(name, FUNCTIONS, n=1)
            hint = f"write {near[0]}(...)" if near else f'a text stands in quotes: "{name}"'
            raise context.error(node, f"{name} is no value; {hint}")
    raise context.error(node, f"{_quoted(node)} has no meaning in a rule")


def _comparison(node: ast.AST, sides: list[ast.expr], operators: list[ast.cmpop], context: Context) -> Expression:
    """`0 < a <= b` is `0 < a and a <= b`."""
    typed = [_typed(side, context) for side in sides]
    parts = []
    for place, operator in enumerate(operators):
        if type(operator) not in COMPARISONS:
            raise context.error(node, "`in` and `is` have no meaning in a rule; compare with == and or")
        (left, of_left), (right, of_right) = typed[place : place + 2]
        text = COMPARISONS[type(operator)]
        if of_left != of_right:
            raise context.error(
                sides[place], f"{_quoted(sides[place])} is {of_left}, {_quoted(sides[place + 1])} {of_right}"
            )
        if of_left in (TEXT, BOOLEAN) and text not in ("==", "!="):
            raise context.error(sides[place], f"{of_left} has no order: == and != alone")
        parts.append(rule.Compare(text, left, right))
    return parts[0] if len(parts) == 1 else rule.All(tuple(parts))


def _counting(node: ast.Call, context: Context) -> Typed:
    track, window = _events(node, context, ("event type",))
    return rule.Count(track, window), NUMBER


def _any(node: ast.Call, context: Context) -> Typed:
    count, _ = _counting(node, context)
    return rule.Compare(">", count, rule.Literal(0.0)), BOOLEAN


def _summing(node: ast.Call, context: Context) -> Typed:
    track, window = _events(node, context, ("event type", "field"))
    field = _text(node.args[1], context)
    of_type = _field(node.args[1], track.event_type, field, context)
    if of_type != NUMBER:
        raise context.error(node.args[1], f"{field} is {of_type}; only a number has a sum")
    return rule.Sum(track, window, field), NUMBER


def _distinct(node: ast.Call, context: Context) -> Typed:
    track, window = _events(node, context, ("event type", "field"))
    field = _text(node.args[1], context)
    _field(node.args[1], track.event_type, field, context)
    return rule.Distinct(track, window, field), NUMBER


def _moment(make: Callable[[Track, Window], Expression]) -> Callable[[ast.Call, Context], Typed]:
    def read(node: ast.Call, context: Context) -> Typed:
        track, window = _events(node, context, ("event type",))
        return make(track, window), MOMENT

    return read


def _sequence(node: ast.Call, context: Context) -> Typed:
    words = _keywords(node, context, ("within", "gap", "without"))
    _positional(node, context, ("event type", "event type"))
    first, then = (Track(_event_type(argument, context)) for argument in node.args)
    gap = _duration(words["gap"], context) if "gap" in words else None
    without = Track(_event_type(words["without"], context)) if "without" in words else None
    return rule.Sequence(first, then, gap, without, _window(words, context)), BOOLEAN


def _ago(node: ast.Call, context: Context) -> Typed:
    _keywords(node, context, ())
    _positional(node, context, ("duration",))
    return rule.Ago(_duration(node.args[0], context)), MOMENT


def _attribute(node: ast.Call, context: Context) -> Typed:
    return rule.Attribute(_one_text(node, context, "name")), TEXT


def _score(node: ast.Call, context: Context) -> Typed:
    model = _one_text(node, context, "model")
    if model not in context.vocabulary.scores:
        raise context.unknown(node.args[0], "score", model, context.vocabulary.scores)
    return _scored(model, context.vocabulary), NUMBER


def _scored(model: str, vocabulary: Vocabulary) -> rule.Score:
    """A kind of step that the contract does not know any more cannot be taken, and counts for nothing."""
    seen, end = vocabulary.scores[model], Track(PURCHASE)
    if seen is None or end.event_type not in vocabulary.fields:
        return rule.Score(model, end)
    weights = sorted((name, weight) for name, weight in seen.weights.items() if name in vocabulary.fields)
    steps = tuple((Track(name), weight) for name, weight in weights)
    learned = rule.Learned(seen.intercept, seen.weights[MINUTES], steps)
    return rule.Score(model, end, seen.version, learned)


def _member(node: ast.Call, context: Context) -> Typed:
    segment = _one_text(node, context, "segment")
    if segment not in context.vocabulary.segments:
        raise context.unknown(node.args[0], "segment", segment, context.vocabulary.segments)
    return rule.Member(segment), BOOLEAN


FUNCTIONS: dict[str, Callable[[ast.Call, Context], Typed]] = {
    "any": _any,
    "count": _counting,
    "sum": _summing,
    "distinct": _distinct,
    "first": _moment(rule.First),
    "last": _moment(rule.Last),
    "sequence": _sequence,
    "ago": _ago,
    "attribute": _attribute,
    "score": _score,
    "member": _member,
}


def _events(node: ast.Call, context: Context, arguments: tuple[str, ...]) -> tuple[Track, Window]:
    """The events that a call names by its first argument and its keywords: fields and a window."""
    _positional(node, context, arguments)
    event_type = _event_type(node.args[0], context)
    fields = context.vocabulary.fields[event_type]
    words = _keywords(node, context, (*OF_A_WINDOW, *fields))
    where = []
    for name, value in words.items():
        if name not in OF_A_WINDOW:
            values = value.elts if isinstance(value, ast.Tuple | ast.List) else [value]
            where.append((name, tuple(_literal(one, name, fields[name].type, context) for one in values)))
    return Track(event_type, tuple(sorted(where))), _window(words, context)


def _window(words: Mapping[str, ast.expr], context: Context) -> Window:
    within = words.get("within")
    of_session = isinstance(within, ast.Constant) and within.value == SESSION
    seconds = None if within is None or of_session else _duration(within, context)
    after, before = (_of_type(words[name], MOMENT, context) if name in words else None for name in ("after", "before"))
    return Window(seconds, of_session, after, before)


def _keywords(node: ast.Call, context: Context, known: tuple[str, ...]) -> dict[str, ast.expr]:
    words: dict[str, ast.expr] = {}
    for keyword in node.keywords:
        if keyword.arg is None or keyword.arg not in known:
            raise context.unknown(keyword, "field or option", str(keyword.arg), known)
        words[keyword.arg] = keyword.value
    return words


def _positional(node: ast.Call, context: Context, names: tuple[str, ...]) -> None:
    if len(node.args) != len(names):
        raise context.error(node, f"{_quoted(node.func)} takes {', '.join(names)}; seen: {len(node.args)} values")


def _event_type(node: ast.expr, context: Context) -> str:
    name = _text(node, context)
    if name not in context.vocabulary.fields:
        raise context.unknown(node, "event type", name, context.vocabulary.fields)
    return name


def _field(node: ast.expr, event_type: str, name: str, context: Context) -> str:
    fields = context.vocabulary.fields[event_type]
    if name not in fields:
        raise context.unknown(node, f"field of {event_type}", name, fields)
    return fields[name].type


def _one_text(node: ast.Call, context: Context, name: str) -> str:
    _keywords(node, context, ())
    _positional(node, context, (name,))
    return _text(node.args[0], context)


def _text(node: ast.expr, context: Context) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise context.error(node, f"expected a text in quotes, seen {_quoted(node)}")


def _literal(node: ast.expr, name: str, of_type: str, context: Context) -> rule.Value:
    expression, seen = _typed(node, context)
    if not isinstance(expression, rule.Literal):
        raise context.error(node, f"{name} is compared with values that are written out, seen {_quoted(node)}")
    if seen != of_type:
        raise context.error(node, f"{name} is {of_type}, and {_quoted(node)} is {seen}")
    return expression.value


def _duration(node: ast.expr, context: Context) -> float:
    text = _text(node, context)
    match = DURATION.fullmatch(text)
    seconds = int(match[1]) * SECONDS[match[2]] if match else 0
    if not 0 < seconds <= LONGEST:
        raise context.error(node, f"{text!r} is no duration; write it as 30m, 24h, 7d or 4w, five years at most")
    return float(seconds)


def _quoted(node: ast.AST) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 60 else f"{text[:57]}..."
