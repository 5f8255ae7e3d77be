"""Who is one person: small graphs with a reason per row, and random ones against an oracle that counts by hand."""

import itertools
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.people.clusters import Identifiers, Integers, Links, Rules, as_people

USER, EMAIL, DEVICE, VISITOR = range(4)
LETTERS = {"u": USER, "e": EMAIL, "d": DEVICE, "a": VISITOR}
RULES = Rules(limits=(1, 2, 3, 4), most_people=3, most_links=5)


class Link(NamedTuple):
    """Two identifiers, whose first letters are their types, seen together at `at`."""

    left: str
    right: str
    at: int
    doubt: float = 0.0


def links(text: str) -> list[Link]:
    """`u1-a1 u1-a2`: links, one second after the other."""
    return [Link(*_two(pair.split("-")), at) for at, pair in enumerate(text.split())]


def _two(ends: Sequence[str]) -> tuple[str, str]:
    first, second = ends
    return first, second


def names(linked: Iterable[Link], alone: Iterable[str] = ()) -> list[str]:
    """All identifiers in the order in which they were first seen."""
    return [*dict.fromkeys([*itertools.chain.from_iterable(link[:2] for link in linked), *alone])]


def resolved(linked: list[Link], rules: Rules = RULES, born: dict[str, int] | None = None) -> dict[str, str]:
    """Identifier -> the one that its person is named by."""
    known = names(linked)
    return people(known, linked, rules, born or {name: number for number, name in enumerate(known)})[0]


def people(
    known: list[str], linked: list[Link], rules: Rules, born: dict[str, int]
) -> tuple[dict[str, str], dict[str, str], set[str]]:
    place = {name: number for number, name in enumerate(known)}

    def column(values: Iterable[int]) -> Integers:
        return np.array([*values], dtype=np.int64)

    def ends(names: Iterable[str]) -> tuple[Integers, Integers]:
        listed = [*names]
        return column(place.get(name, -1) for name in listed), column(LETTERS[name[0]] for name in listed)

    answer = as_people(
        Identifiers(ends(known)[1], column(born[name] for name in known), column(map(sorted(known).index, known))),
        Links(
            *ends(one.left for one in linked),
            *ends(one.right for one in linked),
            column(one.at for one in linked),
            np.array([one.doubt for one in linked], dtype=np.float64),
        ),
        rules,
    )
    persons, components = ([known[one] for one in array.tolist()] for array in (answer.person, answer.component))
    shared = {name for name, is_shared in zip(known, answer.is_shared.tolist(), strict=True) if is_shared}
    return dict(zip(known, persons, strict=True)), dict(zip(known, components, strict=True)), shared


def test_what_is_probable_comes_last_and_the_more_probable_first() -> None:
    seen, likely, unlikely = Link("u2", "e1", 9), Link("u1", "d1", 1, 0.02), Link("u2", "d1", 0, 0.1)
    by_probability = resolved([unlikely, likely])
    assert by_probability["d1"] == by_probability["u1"] != by_probability["u2"], "though the other came first"
    by_sight = resolved([likely, Link("e1", "d1", 2), seen])
    assert by_sight["d1"] == by_sight["u2"] != by_sight["u1"], "though an address says less than a user"


def test_a_probable_link_shares_nothing() -> None:
    """What four users' rows are like is no kiosk."""
    probable = [Link(f"u{one}", "d1", one, 0.1) for one in range(4)]
    answer = resolved([*probable, Link("u9", "d1", 9)])
    assert answer["d1"] == answer["u9"]


@pytest.mark.parametrize(
    ("linked", "persons", "reason"),
    [
        ("a1-d1 u1-a1", "a1: d1 u1", "a visitor who logs in stays the person that they were: the older"),
        ("u1-a1 u1-a2", "u1: a1 a2", "one login on two devices"),
        ("u1-d1 u2-d1", "u1: d1 | u2", "a family's tablet is the first one's, and two users are two people"),
        ("u1-d1 u2-d2 a1-d1 a1-d2", "u1: d1 a1 | u2: d2", "nor are they joined by way of a visitor on both devices"),
        ("d1-a1 u1-e1 u2-e1 u2-d1", "d1: a1 u2 | u1: e1", "an address that two users gave is the first one's"),
        ("a1-d1 a1-e1 u1-e1 u2-a1", "a1: d1 u2 | e1: u1", "a login says more than an address, whenever it came"),
        ("a1-d1 u1-a1 u2-d1", "a1: u1 | d1: u2", "and more than a device that another user has, too"),
        ("u1-e1 u1-e2 u1-e3", "u1: e1 e2 | e3", "the third address is over the limit"),
        ("u1-d1 u2-d1 u3-d1 u4-d1", "u1 | u2 | u3 | u4 | d1", "a kiosk links nobody, not even the first"),
        ("u1-d1 u2-d1 u3-d1", "u1: d1 | u2 | u3", "three are a family"),
        ("a1-d1 a2-d1 a3-d1 a4-d1 a5-d1 a6-d1", "a1 | a2 | a3 | a4 | a5 | a6 | d1", "a shop's terminal"),
        ("u1-a1 u1-a2 u1-a3 u1-a4 u1-a5", "u1: a1 a2 a3 a4 | a5", "a person has four visitors' ids at most"),
    ],
)
def test_who_is_one_person(linked: str, persons: str, reason: str) -> None:
    expected: dict[str, str] = {}
    for group in persons.split("|"):
        first, _, others = group.strip().partition(":")
        expected |= dict.fromkeys([first, *others.split()], first)
    assert resolved(links(linked)) == expected, reason


def test_a_person_is_named_by_the_oldest_whatever_the_order_of_links() -> None:
    linked = links("u1-a1 u1-a2 u1-d1")
    assert set(resolved(linked, born={"u1": 3, "a1": 2, "a2": 1, "d1": 4}).values()) == {"a2"}
    assert set(resolved(linked, born={"u1": 1, "a1": 1, "a2": 1, "d1": 1}).values()) == {"u1"}, "the stronger type"


def test_a_link_to_who_is_not_looked_at_counts_for_what_is_shared_and_joins_nothing() -> None:
    linked = links("u1-d1 u2-d1 u3-d1 u4-d1")
    persons, _, shared = people(["u4", "d1"], linked, RULES, {"u4": 0, "d1": 1})
    assert (persons, shared) == ({"u4": "u4", "d1": "d1"}, {"d1"})


def test_nobody_is_nobody() -> None:
    assert people([], [], RULES, {}) == ({}, {}, set())


def by_hand(linked: list[Link], born: dict[str, int], rules: Rules) -> dict[str, str]:
    """The same by sets of identifiers, one link after the other."""
    seen_with = Counter((one, LETTERS[other[0]]) for link in linked for one, other in (link[:2], link[1::-1]))
    most = [rules.most_people if limit == 1 else rules.most_links for limit in rules.limits]
    shared = {one for (one, kind), times in seen_with.items() if times > most[kind]}
    groups = {name: {name} for name in born}

    def age(name: str) -> tuple[int, int, int]:
        return born[name], LETTERS[name[0]], sorted(born).index(name)

    def strength(link: Link) -> tuple[list[int], int, list[tuple[int, int, int]]]:
        return sorted(LETTERS[name[0]] for name in link[:2]), link.at, sorted(map(age, link[:2]))

    for link in sorted(linked, key=strength):
        both = groups[link.left] | groups[link.right]
        counts = Counter(LETTERS[name[0]] for name in both)
        if not shared & {link.left, link.right} and all(counts[kind] <= most for kind, most in enumerate(rules.limits)):
            groups |= dict.fromkeys(both, both)
    return {name: min(groups[name], key=age) for name in born}


@given(st.randoms(use_true_random=False))
def test_random_links_come_to_what_an_oracle_says(draw: random.Random) -> None:
    pool = [f"{letter}{number}" for letter in LETTERS for number in range(draw.randint(1, 8))]
    pairs = {tuple(sorted(draw.sample(pool, 2))) for _ in range(draw.randint(0, 40))} if len(pool) > 1 else set()
    linked = [Link(*_two(pair), draw.randint(0, 9)) for pair in sorted(pairs)]
    draw.shuffle(linked)
    born = {name: draw.randint(0, 9) for name in names(linked, pool)}
    persons, components, _ = people([*born], linked, RULES, born)
    assert persons == by_hand(linked, born, RULES)
    assert all(components[name] == components[person] for name, person in persons.items())
