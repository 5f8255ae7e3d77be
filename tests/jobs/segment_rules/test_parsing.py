"""Rules as they are written: what each error says, and that the segments that ship are read."""

import tomllib
from pathlib import Path

import pytest

from expectations.contract import committed_contract
from jobs.errors import OperatorError
from jobs.segment_rules.context import RuleError
from jobs.segment_rules.definitions import rule_version, segments_of
from jobs.segment_rules.parsing import parse
from jobs.segment_rules.vocabulary import Vocabulary, event_fields
from tests.jobs.segment_rules.histories import LEARNED

FIELDS = event_fields(committed_contract())
VOCABULARY = Vocabulary(FIELDS, segments=("high_value",), scores={"intent": LEARNED})
TOLD = {"title": "t", "purpose": "marketing", "owner": "o"}


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ('any("purchse")', "column 5: no event type 'purchse'; did you mean purchase?"),
        ('any("purchase", witin="3d")', "column 17: no field or option 'witin'; did you mean within?"),
        ('cont("purchase") > 1', "column 1: no function 'cont'; did you mean count?"),
        ('sum("purchase", "amont") > 1', "column 17: no field of purchase 'amont'; did you mean amount?"),
        ('sum("purchase", "store_id") > 1', "column 17: store_id is a text; only a number has a sum"),
        ('count("purchase")', "column 1: expected true or false, and count('purchase') is a number"),
        ('any("purchase", within="3 days")', "'3 days' is no duration; write it as 30m, 24h, 7d or 4w"),
        ('any("purchase", amount="much")', "column 24: amount is a number, and 'much' is a text"),
        ('any("purchase", after="yesterday")', "expected a moment, and 'yesterday' is a text"),
        ('last("purchase") > 3', "column 1: last('purchase') is a moment, 3 a number"),
        ('attribute("loyalty") > "gold"', "a text has no order: == and != alone"),
        ('member("high_valeu")', "column 8: no segment 'high_valeu'; did you mean high_value?"),
        ('score("intend") > 0.5', "column 7: no score 'intend'; did you mean intent?"),
        ('any("purchase") and\nany("serch")', "line 2, column 5: no event type 'serch'; did you mean search?"),
        ('any("purchase") and', "line 1, column 1: this is no expression"),
        ("purchase", 'purchase is no value; a text stands in quotes: "purchase"'),
        ('__import__("os").system("x")', "has no meaning in a rule"),
        ("(lambda: True)()", "has no meaning in a rule"),
        ('"a" in "abc"', "`in` and `is` have no meaning in a rule"),
        ('any("purchase", *[1])', "takes event type; seen: 2 values"),
        (" or ".join(['any("purchase")'] * 200), "the rule is too long"),
        ("not " * 2_000 + "True", "segment s"),
    ],
)
def test_an_error_names_its_place_and_the_nearest_name(rule: str, says: str) -> None:
    with pytest.raises(RuleError) as raised:
        parse(rule, "s", VOCABULARY)
    assert str(raised.value).startswith("segment s") and says in str(raised.value)


@pytest.mark.parametrize(
    ("tables", "says"),
    [
        ({"a": {**TOLD, "rule": 'member("b")'}, "b": {**TOLD, "rule": 'member("a")'}}, "a circle"),
        ({"a": {**TOLD, "rule": 'member("a")'}}, "a circle, a asks for a"),
        ({"a": {**TOLD, "rul": "True"}}, "segment a: no key rul; did you mean rule?"),
        ({"a": {**TOLD, "rule": ""}}, "segment a: rule is missing"),
        ({"a": {**TOLD, "rule": "True", "purpose": "fun"}}, "no purpose fun; the purposes are"),
        ({"a": "True"}, "a stands alone; a segment is a table: [a]"),
    ],
)
def test_a_segment_is_whole(tables: dict[str, object], says: str) -> None:
    with pytest.raises(OperatorError) as raised:
        segments_of(tables, Vocabulary(FIELDS))
    assert says in str(raised.value)


def test_the_segments_that_ship_are_read() -> None:
    text = (Path(__file__).parents[3] / "conf" / "segments.toml").read_text(encoding="utf-8")
    segments = segments_of(tomllib.loads(text), Vocabulary(FIELDS))
    assert len(segments) >= 20 and [*segments].index("lapsing") < [*segments].index("win_back")


def test_a_version_is_another_where_the_rule_is_or_one_that_it_asks_for() -> None:
    def versions(days: int) -> dict[str, str]:
        rules = {"a": f'any("purchase", within="{days}d")', "b": 'not member("a")', "c": 'any( "search" )'}
        segments = segments_of({name: {**TOLD, "rule": rule} for name, rule in rules.items()}, Vocabulary(FIELDS))
        return {name: segment.version for name, segment in segments.items()}

    before, after = versions(3), versions(4)
    assert {name for name in before if before[name] != after[name]} == {"a", "b"}


def test_a_version_names_the_models_and_is_another_where_they_are() -> None:
    rules = {"a": 'score("intent") > 0.5', "b": 'not member("a")', "c": 'any("search")'}
    tables = {name: {**TOLD, "rule": rule} for name, rule in rules.items()}
    scores = ({"intent": None}, {"intent": LEARNED}, {"intent": LEARNED._replace(version="8", intercept=0.0)})
    each = [
        {name: one.version for name, one in segments_of(tables, Vocabulary(FIELDS, (), of)).items()} for of in scores
    ]
    untrained, seventh, eighth = each
    models = {name: version.partition(".")[2] for name, version in seventh.items()}
    assert models["a"] == models["b"] and models["a"].startswith("intent-7-") and not models["c"]
    assert untrained["c"] == seventh["c"] == eighth["c"]
    for name in ("a", "b"):
        assert len({versions[name] for versions in each}) == 3
        assert len({rule_version(versions[name]) for versions in each}) == 1, "the rule is the same"
