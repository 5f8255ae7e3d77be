"""What a segment's rule is made of, once it is read: typed nodes.

Every function looks at one person's events up to an instant `now`. A window `within` w holds the events of
(now - w, now]: an event counts from its own instant until, and without, w later. What is missing (no last purchase, no
such attribute, a division by zero) compares as false, whatever it is compared with.
"""

import typing
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass

NUMBER, TEXT, MOMENT, BOOLEAN = "a number", "a text", "a moment", "true or false"
"""What an expression comes to."""

Value = float | str | bool


class Track(typing.NamedTuple):
    """The events that a function looks at: of one type, whose fields have one of some values each."""

    event_type: str
    where: tuple[tuple[str, tuple[Value, ...]], ...] = ()


@dataclass(frozen=True)
class Window:
    """`seconds`: the last so many; None: all. `of_session`: of the session that `now` is in. `after`, `before`: moments
    that it begins and ends at, both not included."""

    seconds: float | None = None
    of_session: bool = False
    after: "Expression | None" = None
    before: "Expression | None" = None


@dataclass(frozen=True)
class Count:
    """How many events."""

    track: Track
    window: Window


@dataclass(frozen=True)
class Sum:
    """The sum of a number that they have; 0 without any."""

    track: Track
    window: Window
    field: str


@dataclass(frozen=True)
class Distinct:
    """How many values of a field they have."""

    track: Track
    window: Window
    field: str


@dataclass(frozen=True)
class Last:
    """When the last one was; missing without any."""

    track: Track
    window: Window


@dataclass(frozen=True)
class First:
    """When the first one was; missing without any."""

    track: Track
    window: Window


@dataclass(frozen=True)
class Sequence:
    """Whether one of `track` is followed by one of `then`, at most `gap` seconds later (None: whenever), without one of
    `without` between them; equal instants are no sequence. Both lie within the window."""

    track: Track
    then: Track
    gap: float | None
    without: Track | None
    window: Window


@dataclass(frozen=True)
class Ago:
    """The instant so many seconds before now."""

    seconds: float


@dataclass(frozen=True)
class Attribute:
    """What is known of the person under that name; missing where nothing is."""

    name: str


class Learned(typing.NamedTuple):
    """What a model of sessions has learned. `steps`: each kind with the weight of log(1 + n), n of them having been
    taken; `minutes`: the weight of log(1 + minutes) from the first of them to the last."""

    intercept: float
    minutes: float
    steps: tuple[tuple[Track, float], ...]


@dataclass(frozen=True)
class Score:
    """How likely the session that `now` is in is to end in what the model foretells, such as a purchase; 0 to 1.
    Missing where there is no session or no step in it, where it has one of `end` already, and where nothing was
    learned yet (`learned` is None). `version`: of the model."""

    model: str
    end: Track
    version: str = field(default="", repr=False)
    learned: Learned | None = field(default=None, repr=False)
    window: Window = Window(of_session=True)


@dataclass(frozen=True)
class Member:
    """Whether the person is in another segment."""

    segment: str


@dataclass(frozen=True)
class Literal:
    value: Value


@dataclass(frozen=True)
class Arithmetic:
    """`operator`: + - * /. Missing where a side is, and where a number is divided by 0."""

    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True)
class Compare:
    """`operator`: == != < <= > >=. False where a side is missing."""

    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True)
class Not:
    inner: "Expression"


@dataclass(frozen=True)
class All:
    """`and`."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True)
class Any:
    """`or`."""

    parts: tuple["Expression", ...]


OverEvents = Count | Sum | Distinct | Last | First | Sequence | Score
Expression = OverEvents | Ago | Attribute | Member | Literal | Arithmetic | Compare | Not | All | Any


def tracks_of(node: typing.Any) -> tuple[Track, ...]:
    """The tracks that a function looks at; none of what is no function over events."""
    match node:
        case Sequence():
            return (node.track, node.then, *((node.without,) if node.without else ()))
        case Score():
            return (node.end, *(track for track, _ in node.learned.steps)) if node.learned else ()
        case Count() | Sum() | Distinct() | Last() | First():
            return (node.track,)
    return ()


def nodes(expression: typing.Any) -> Iterator[typing.Any]:
    """An expression and all that it is made of, windows included."""
    yield expression
    for one in fields(expression):
        value = getattr(expression, one.name)
        for part in value if isinstance(value, tuple) else (value,):
            if is_dataclass(part):
                yield from nodes(part)
