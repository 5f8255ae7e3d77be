"""Each segment that ships, as a story of one person: what they did, when that puts them in, and when they are out.

`P300@2d` is a purchase of 300 two days after the beginning; C the cart, V a view, W a wish, S a search (S0 without
results), K a coupon, R a rating, T a return, G a page on a device, L a click on what was recommended.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from expectations.contract import committed_contract
from jobs.segment_rules.definitions import segments_of
from jobs.segment_rules.entries import entries_of, person_of
from jobs.segment_rules.parsing import SECONDS
from jobs.segment_rules.person import SECOND, Person
from jobs.segment_rules.tracks import Rules, rules_of
from jobs.segment_rules.vocabulary import Vocabulary, event_fields
from tests.jobs.segment_rules.histories import ITEMS, LEARNED, NOW

FIELDS = event_fields(committed_contract())
SHIPPED = tomllib.loads((Path(__file__).parents[3] / "conf" / "segments.toml").read_text(encoding="utf-8"))
SEGMENTS = segments_of(SHIPPED, Vocabulary(FIELDS, scores={"intent": LEARNED}))
TYPES = {
    "P": "purchase",
    "C": "add_to_cart",
    "V": "product_view",
    "W": "add_to_wishlist",
    "S": "search",
    "K": "coupon_redeemed",
    "R": "rating",
    "T": "return",
    "G": "page_view",
    "L": "recommendation_clicked",
}
FIVE = "P100@0d P100@1d P100@2d P100@3d P100@4d"

STORIES = [
    ("buyers", "P10@0d", "0d 29d", "30d", "for thirty days"),
    ("first_time_buyers", "P10@0d", "0d 29d", "30d", "for thirty days"),
    ("first_time_buyers", "P10@0d P10@1d", "0d", "1d 2d", "until the second purchase"),
    ("regulars", "P1@0d P1@1d P1@2d P1@3d", "3d 29d", "2d 30d", "four within thirty days"),
    ("high_value", "P300@0d P201@1d", "1d 89d", "0d 90d", "501 within ninety days"),
    ("high_value", "P300@0d P200@1d", "", "1d", "500 is not more than 500"),
    ("big_baskets", "P51@0d P51@1d P51@2d", "2d 179d", "1d 180d", "three of 51"),
    ("big_baskets", "P20@0d P50@1d P50@2d", "", "2d", "40 on average"),
    ("lapsing", FIVE, "35d 179d", "4d 34d 180d", "five purchases, then nothing for more than thirty days"),
    ("lapsed", "P1@0d", "91d 900d", "0d 90d", "more than ninety days"),
    ("lapsed", "P1@0d P1@91d", "", "91d", "until they buy again"),
    ("returning", "P1@0d P1@70d", "70d 76d", "0d 77d", "for a week"),
    ("returning", "P1@0d P1@30d P1@70d", "", "70d", "was here in between"),
    ("cart_abandoners", "C@0m", "31m 23h", "30m 24h", "the next half hour is to decide"),
    ("cart_abandoners", "C@0m P5@10m", "", "31m 23h", "bought"),
    ("cart_holders", "C@0m", "0m 29m", "30m", "for half an hour"),
    ("cart_holders", "C@0m P5@10m", "9m", "10m 29m", "until it is bought"),
    ("view_abandoners", "Vboot@0h Vcoat@1h Vheel@2h", "2h 23h", "1h 24h", "three products within a day"),
    ("view_abandoners", "Vboot@0h Vboot@1h Vheel@2h", "", "2h", "two products"),
    ("view_abandoners", "Vboot@0h Vcoat@1h Vheel@2h C@3h", "2h", "3h 23h", "put one into the cart"),
    ("wishers", "W@0d", "0d 89d", "90d", "for ninety days"),
    ("wishers", "W@0d P5@1d", "0d", "1d", "until they buy"),
    ("searchers", "S9@0m S9@10m", "10m 39m", "0m 40m", "until the session is over"),
    ("searching_in_vain", "S0@0m", "0m 29m", "30m", "until the session is over"),
    ("searching_in_vain", "S0@0m C@5m", "4m", "5m", "found something"),
    ("searching_in_vain", "S9@0m", "", "0m", "results"),
    ("browsers", "Vboot@0m Vboot@1m Vcoat@2m Vboot@3m Vheel@4m", "4m 33m", "3m 34m", "five views in a session"),
    ("browsers", "Vboot@0m Vboot@1m Vcoat@2m Vboot@3m Vheel@33m", "", "33m", "the fifth in the next session"),
    ("likely_buyers", "Vboot@0m C@5m", "5m 34m", "0m 35m", "into the cart, until the session is over"),
    ("likely_buyers", "Vboot@0m C@5m P5@6m", "5m", "6m 7m", "bought"),
    ("likely_buyers", "Vboot@0m S9@1m C@2m", "", "2m", "who searches sooner leaves"),
    ("quick_deciders", "Vboot@0m C@5m", "5m 6d", "4m 7d", "five minutes later"),
    ("quick_deciders", "Vboot@0m C@6m", "", "6m", "six minutes later"),
    ("quick_deciders", "Vboot@0m S9@1m C@2m", "", "2m", "searched in between"),
    ("comparing", "S9@0m Vboot@1h", "1h 23h", "59m 24h", "within an hour"),
    ("comparing", "S9@0m Vboot@1h P5@2h", "1h", "2h 23h", "until they buy"),
    ("bargain_hunters", "K@0d K@1d K@2d", "2d 89d", "1d 90d", "three within ninety days"),
    ("critics", "R2@0d", "0d 29d", "30d", "two stars"),
    ("critics", "R2.5@0d", "", "0d", "two and a half"),
    ("returners", "T@0d T@1d", "1d 59d", "0d 60d", "two within sixty days"),
    ("on_the_move", "Gmobile@0d Gapp@1d", "0d 30d", "31d", "phone and app"),
    ("on_the_move", "Gmobile@0d Gdesktop@1d", "0d", "1d 29d", "and a computer"),
    ("likely_to_answer", "L@0d L@1d", "1d 6d", "0d 7d", "two clicks within a week"),
    ("win_back", FIVE, "35d 179d", "34d 180d", "lapsing, and worth 500"),
    ("win_back", FIVE.replace("P100", "P50"), "", "35d", "worth 250"),
    ("win_back", f"{FIVE} T@5d T@6d", "66d", "35d 60d", "not while two returns are fresh"),
]


@pytest.mark.parametrize(("segment", "story", "inside", "outside", "reason"), STORIES)
def test_a_segment_by_its_story(segment: str, story: str, inside: str, outside: str, reason: str) -> None:
    rules = rules_of([SEGMENTS[segment]], SEGMENTS, FIELDS)
    person = person_by(story, rules)
    for is_in, moments in ((True, inside), (False, outside)):
        for moment in moments.split():
            assert rules.evaluators[segment](person, instant(moment))[0] is is_in, f"{moment}: {reason}"


def test_each_segment_that_ships_has_a_story() -> None:
    told = {segment for segment, _, inside, _, _ in STORIES if inside}
    assert told == {*SHIPPED} and len(told) >= 20


def person_by(story: str, rules: Rules) -> Person:
    seen: dict[Any, list[Any]] = {}
    events = [event(one) for one in story.split()]
    for one in events:
        for track, entry in entries_of(one, rules.selections.get(one["event_type"], ()), ITEMS):
            seen.setdefault(track, []).append(entry)
    return person_of(seen, rules, [one["occurred_at"] for one in events])


def event(text: str) -> dict[str, Any]:
    what, at = text.split("@")
    letter, value = what[0], what[1:]
    field = {"V": "item_id", "S": "results", "R": "stars"}.get(letter)
    payload: dict[str, Any] = (
        {"item_id": "boot"} if field is None else {field: value if letter == "V" else float(value)}
    )
    lines = [{"item_id": "boot", "quantity": 1.0, "amount": float(value)}] if letter == "P" else None
    context = {"device_type": value} if letter == "G" else {}
    told = {"event_type": TYPES[letter], "occurred_at": instant(at), "context": context}
    return {**told, "payload": payload, "lines": lines}


def instant(text: str) -> int:
    match = re.fullmatch(r"(\d+)([smhd])", text)
    assert match, text
    return NOW + int(match[1]) * SECONDS[match[2]] * SECOND
