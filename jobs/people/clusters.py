"""Which identifiers are one person: what was seen together, grouped within the limits of each identifier type.

A function of the set of identifiers and links alone, so it does not matter in which order they arrived or in how many
runs. Links are taken up strongest first (Kruskal's order): what was seen before what is only probable, and of that the
more probable; then by the stronger of their two identifier types, by the weaker, and by when they were first received.
A link that would give a person more identifiers of a type than its limit
is left out: two people with different user_ids are never one, whatever they share. A value seen with too many others (a
kiosk, a test address) links nobody. Only places, types and times come here.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Rules:
    """By identifier type, the one of highest priority first: `limits`, how many of it a person may have. A value seen
    with more than `most_people` others of a type whose limit is 1, or `most_links` of another type, links nobody."""

    limits: tuple[int, ...]
    most_people: int
    most_links: int


@dataclass(frozen=True)
class Identifiers:
    """One entry per identifier, whose place is what it is known by. `types`: its type's place in the priority, from 0.
    `born`: when it was first received, in microseconds. `hashes`: by which the order of equally old ones of a type is
    the same in whatever company."""

    types: Integers
    born: Integers
    hashes: Integers


@dataclass(frozen=True)
class Links:
    """One entry per pair of identifiers that were seen together, none twice: the places of both, -1 for one that is not
    among the identifiers, and their types. `at`: when they were first received together, in microseconds. `doubt`: 0
    for what was seen, else the probability that they are two people's; such a link shares nothing."""

    left: Integers
    left_types: Integers
    right: Integers
    right_types: Integers
    at: Integers
    doubt: Floats


@dataclass(frozen=True)
class People:
    """One entry per identifier, in their order. `person`: the place of the person's oldest identifier. `component`: the
    same of all that links would join if no limit counted. `is_shared`: the identifier links nobody."""

    person: Integers
    component: Integers
    is_shared: Booleans


def as_people(identifiers: Identifiers, links: Links, rules: Rules) -> People:
    """A link to an identifier that is not among these counts for what is shared, and joins nothing."""
    # Below, places are those of the order by age, so that the least of several is the oldest.
    by_age = np.lexsort((identifiers.hashes, identifiers.types, identifiers.born))
    age = np.empty(len(by_age) + 1, dtype=np.int64)
    age[by_age], age[-1] = np.arange(len(by_age)), -1
    types, left, right = identifiers.types[by_age], age[links.left], age[links.right]
    is_shared = _is_shared(left, right, links, len(types), rules)
    joins = (left >= 0) & (right >= 0)
    joins[joins] = ~(is_shared[left[joins]] | is_shared[right[joins]])
    left, right, at, doubt = left[joins], right[joins], links.at[joins], links.doubt[joins]
    component = _connected(len(types), left, right)
    person = component
    in_crowd = _is_crowded(component, types, rules.limits)
    if in_crowd.any():
        of_crowd = np.flatnonzero(in_crowd[left])
        order = of_crowd[_strongest_first(left[of_crowd], right[of_crowd], at[of_crowd], doubt[of_crowd], types)]
        person = _within_limits(component, in_crowd, left[order], right[order], types, rules.limits)
    as_given = age[:-1]
    return People(by_age[person][as_given], by_age[component][as_given], is_shared[as_given])


def _is_shared(left: Integers, right: Integers, links: Links, n: int, rules: Rules) -> Booleans:
    kinds, is_seen = len(rules.limits), links.doubt == 0
    of_left, of_right = ((end >= 0) & is_seen for end in (left, right))
    seen_with = [
        left[of_left] * kinds + links.right_types[of_left],
        right[of_right] * kinds + links.left_types[of_right],
    ]
    counts = np.bincount(np.concatenate(seen_with), minlength=n * kinds).reshape(n, kinds)
    return np.asarray(
        (counts > [rules.most_people if limit == 1 else rules.most_links for limit in rules.limits]).any(axis=1)
    )


def _connected(n: int, left: Integers, right: Integers) -> Integers:
    """Of each place the least place of its component."""
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(n, n))
    return _least(connected_components(graph, directed=False)[1])


def _least(groups: Integers) -> Integers:
    """Of each place the least place of its group; groups are numbered from 0."""
    least = np.empty(int(groups.max(initial=-1)) + 1, dtype=np.int64)
    least[groups[::-1]] = np.arange(len(groups))[::-1]  # of several for one group the last is kept
    return least[groups]


def _is_crowded(component: Integers, types: Integers, limits: tuple[int, ...]) -> Booleans:
    """Of each place whether its component has more identifiers of a type than a person may have."""
    size = len(component)
    counts = np.bincount(component * len(limits) + types, minlength=size * len(limits)).reshape(size, len(limits))
    return np.asarray((counts > limits).any(axis=1))[component]


def _strongest_first(left: Integers, right: Integers, at: Integers, doubt: Floats, types: Integers) -> Integers:
    pair = np.minimum(left, right) * len(types) + np.maximum(left, right)
    ends = types[left], types[right]
    return np.lexsort((pair, at, np.maximum(*ends), np.minimum(*ends), doubt))


def _within_limits(
    component: Integers, in_crowd: Booleans, left: Integers, right: Integers, types: Integers, limits: tuple[int, ...]
) -> Integers:
    """Of each place the least place of its person. `left`, `right`: the links of crowded components, in the order in
    which they are taken up.

    A person's counts of all types are one integer: one addition and one mask say whether two people fit into one.
    """
    one_more, room, over = _packed(limits)
    members = np.flatnonzero(in_crowd)
    local = np.full(len(component), -1)
    local[members] = np.arange(len(members))
    parent = list(range(len(members)))
    counts = np.array(one_more, dtype=object)[types[members]].tolist()
    for first, second in zip(local[left].tolist(), local[right].tolist(), strict=True):
        while (above := parent[first]) != first:
            parent[first] = parent[above]
            first = parent[first]
        while (above := parent[second]) != second:
            parent[second] = parent[above]
            second = parent[second]
        if first != second:
            both = counts[first] + counts[second]
            if not (both + room) & over:
                first, second = min(first, second), max(first, second)
                parent[second], counts[first] = first, both
    for place, above in enumerate(parent):  # what is above stands before, and is at its root already
        parent[place] = parent[above]
    person = component.copy()
    person[members] = members[np.array(parent, dtype=np.int64)]
    return person


def _packed(limits: tuple[int, ...]) -> tuple[list[int], int, int]:
    """Of each type what one identifier adds to a count of all types; what added to a count carries each that is over
    its limit into the highest bit of its field; and those bits. A field holds twice its limit."""
    one_more, room, over, place = [], 0, 0, 0
    for limit in limits:
        top = limit.bit_length()
        one_more.append(1 << place)
        room += ((1 << top) - 1 - limit) << place
        over += 1 << (place + top)
        place += top + 1
    return one_more, room, over
