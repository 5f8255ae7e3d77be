import json
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from expectations.contract import MOST_BYTES, committed_contract
from expectations.validation import with_validation
from tests.events import PAYLOADS, event, received
from tests.odd_numbers import LARGE, ODD_NUMBERS, SMALL

PURCHASE = PAYLOADS["purchase"]
LINE = PURCHASE["lines"][0]
BEHIND_THE_END = ("}", "]", ",{}", ' {"a":1}', "],[{}", ',"x":1}', "x")
NOBODY = "payload: none of email, phone, crm_id, device_id, anonymous_id"


def view(**payload: Any) -> dict[str, Any]:
    return event(payload={"item_id": "5", **payload})


def buy(*lines: dict[str, Any]) -> dict[str, Any]:
    return event("purchase", payload={"order_id": "1", "lines": list(lines)})


VALID: list[Any] = [
    *[event(event_type) for event_type in PAYLOADS],
    event(user_id=None, anonymous_id="a"),
    event(user_id=None, anonymous_id="a", device_id=None, session_id=None, consent=None, context=None),
    event(occurred_at="2017-03-01T10:15:02.123456+05:30"),
    event(occurred_at="2018-01-01T00:05:00Z"),
    view(not_in_the_contract=[1, {"item_id": 5}]),
    buy({**LINE, "quantity": 0}),
    event(payload={"item_id": "\u00e9\u4e2d\u2028"}),
    event(payload={"item_id": "\U0001f600"}),
    event(occurred_at="2017-03-01t10:15:02z"),
    event("search", schema_version=2, payload={"text": "milk", "sort": "newest", "page_number": 2}),
    event("add_to_cart", schema_version=2, payload={"item_id": "5", "quantity": 0.25, "unit": "kg"}),
    event("remove_from_cart", payload={"item_id": "5", "quantity": 10_000, "unit": 5}),
    view(lines={"of": "another event type"}, quantity="two"),
    {**view(colour="red"), "payload.colour": "green"},
    json.dumps(view()).replace('"event_id"', '"event_id": 5, "event_id"'),
    json.dumps(view(colour=1)).replace('"colour"', '"colour": [], "colour"'),
    json.dumps(view()).replace('"5"', r'"\ude00"'),
    json.dumps(view()).replace('"5"', r'"\ud83d\ud83d\ude00"'),
    # null in an optional field means that it is absent, at any depth
    view(price=None, currency=None, seconds_on_page=None),
    buy({**LINE, "discount": None}),
    event("consent", payload={"purposes": {"analytics": None, "marketing": False}, "source": None}),
    event(consent={"analytics": None}),
    event(context={"device_type": None, "country": None}),
    # an integer is any number without a fraction
    *[event("add_to_cart", payload={"item_id": "5", "quantity": one}) for one in (1.0, 10000.0)],
    *[
        json.dumps(event()).replace('"schema_version": 1', f'"schema_version": {one}')
        for one in ("1.0", "1e0", "10E-1")
    ],
    event("search", payload={"query": "x", "results": 2**63 - 1}),
    # what is no id is absent
    *[event(user_id=junk, anonymous_id="a") for junk in ("undefined", "NULL", "nan", "[object Object]", "x" * 129)],
    *[event(user_id=real) for real in ("1", "22", "333", "nullable", "0000001", "11111112", "00-00")],
    event(device_id="00000000-0000-0000-0000-000000000000", session_id="unknown"),
    # a withdrawal is never refused for its time
    *[event("consent", occurred_at=at) for at in ("2018-03-01T00:00:00Z", "1970-01-01T00:00:00Z")],
]
INVALID: list[tuple[Any, list[str]]] = [
    ("{nope", ["message: not JSON"]),
    *[
        (json.dumps(event()) + more, ["message: not JSON"])
        for more in ("}", "]", ",{}", ' {"a":1}', "],[{}", ',"x":1}', "x")
    ],
    ("\ufeff" + json.dumps(event()), ["message: not JSON"]),
    ("", ["message: not JSON"]),
    (b"\xff\xfe\x00", ["message: not JSON"]),
    ("{'event_id': 'a'}", ["message: not JSON"]),
    ("[1]", ["message: not a JSON object"]),
    ("5", ["message: not a JSON object"]),
    ('"x"', ["message: not a JSON object"]),
    (event(without="event_id"), ["event_id: missing"]),
    (event(without="payload"), ["payload: missing"]),
    (event(event_id=123), ["event_id: integer where string is expected"]),
    (event(event_id="a b"), ["event_id: not of the form ^[A-Za-z0-9._:-]+$"]),
    (event(event_id="xy" * 33), ["event_id: longer than 64"]),
    (event(event_type="nope"), ["event_type: not a known type"]),
    (event(schema_version=7), ["schema_version: not a known version of its event_type"]),
    (event("page_view", schema_version=2, payload={}), ["schema_version: not a known version of its event_type"]),
    (event("search", schema_version=2, payload={"query": "milk"}), ["payload.text: missing"]),
    (event("search", schema_version=1, payload={"text": "milk"}), ["payload.query: missing"]),
    (
        event("add_to_cart", payload={"item_id": "5", "quantity": 1.5}),
        ["payload.quantity: number where integer is expected"],
    ),
    (
        event("add_to_cart", schema_version=2, payload={"item_id": "5", "quantity": 0}),
        ["payload.quantity: less than 0.001"],
    ),
    (
        event("search", schema_version=2, payload={"text": "x", "page_number": 2**40, "sort": "random"}),
        ["payload.sort: not one of relevance, newest, price_up, price_down", "payload.page_number: more than 10000"],
    ),
    (event(schema_version="1"), ["schema_version: string where integer is expected"]),
    (event(occurred_at="yesterday"), ["occurred_at: not a date and time with offset"]),
    (event(occurred_at="2017-02-30T10:15:02Z"), ["occurred_at: not a date and time with offset"]),
    (event(occurred_at="2017-03-01T10:15:02"), ["occurred_at: not a date and time with offset"]),
    (event(occurred_at="2017-03-01T10:15:02Z\n"), ["occurred_at: not a date and time with offset"]),
    (event(occurred_at=5), ["occurred_at: integer where string is expected"]),
    (event(occurred_at="1999-12-31T23:59:59Z"), ["occurred_at: before 2000-01-01"]),
    (event(occurred_at="2018-01-01T00:05:01Z"), ["occurred_at: over 5 minutes after arrival"]),
    (event(user_id=None), ["user_id, anonymous_id: both missing"]),
    *[
        (event(user_id=junk), ["user_id, anonymous_id: both missing"])
        for junk in (
            "undefined",
            "null",
            "NaN",
            "unknown",
            " Undefined ",
            "[object Object]",
            "00000000",
            "-1-1-1-1-1-1-1-1",
        )
    ],
    (event(user_id="{00000000-0000-0000-0000-000000000000}"), ["user_id, anonymous_id: both missing"]),
    (event(event_id="undefined"), ["event_id: no id"]),
    (event(event_id="00000000-0000-0000-0000-000000000000"), ["event_id: no id"]),
    (
        event("identify", payload={"device_id": "null"}),
        [NOBODY],
    ),
    (event(user_id=""), ["user_id: shorter than 1"]),
    (event(consent={"analytics": "yes"}), ["consent.analytics: string where boolean is expected"]),
    (
        event(context={"device_type": "fridge", "country": "pl"}),
        [
            "context.device_type: not one of mobile, desktop, tablet, app, other",
            "context.country: not of the form ^[A-Z]{2}$",
        ],
    ),
    (event(payload=[]), ["payload: array where object is expected"]),
    (event(payload={}), ["payload.item_id: missing"]),
    (view(item_id=5), ["payload.item_id: integer where string is expected"]),
    (view(price="1"), ["payload.price: string where number is expected"]),
    (
        view(price=-1, seconds_on_page=1e9),
        ["payload.price: less than 0", "payload.seconds_on_page: more than 86400"],
    ),
    (event("add_to_cart", payload={"item_id": "5", "quantity": 0}), ["payload.quantity: less than 1"]),
    (
        event("search", payload={"query": "x", "results": 2.5}),
        ["payload.results: number where integer is expected"],
    ),
    (event("rating", payload={"item_id": "5", "stars": 4.2}), ["payload.stars: not a multiple of 0.5"]),
    (
        event("consent", payload={"purposes": {}}),
        ["payload.purposes: none of analytics, personalisation, marketing"],
    ),
    (
        event("consent", payload={"purposes": {"analytics": True, "personalization": False}}),
        ["payload.purposes: has a field that is none of analytics, personalisation, marketing"],
    ),
    (
        event("consent", payload={"purposes": {"analytics": None}}),
        ["payload.purposes: none of analytics, personalisation, marketing"],
    ),
    (
        event("consent", occurred_at="2018-03-01T00:00:00Z", payload={"purposes": {"marketing": True}}),
        ["occurred_at: over 5 minutes after arrival"],
    ),
    (event("consent", occurred_at="soon"), ["occurred_at: not a date and time with offset"]),
    (event("search", payload={"query": "x", "results": 2**63}), ["payload.results: too large for an integer"]),
    (event("search", payload={"query": None}), ["payload.query: null where string is expected"]),
    (event("identify", payload={}), [NOBODY]),
    (buy(), ["payload.lines: fewer than 1"]),
    (buy(*[LINE] * 1001), ["payload.lines: more than 1000"]),
    (buy(LINE, {**LINE, "quantity": "two"}), ["payload.lines[].quantity: string where number is expected"]),
    (buy(LINE, {**LINE, "item_id": 5}), ["payload.lines[].item_id: integer where string is expected"]),
    (
        buy({"item_id": "", "amount": -1}),
        [
            "payload.lines[].item_id: shorter than 1",
            "payload.lines[].quantity: missing",
            "payload.lines[].amount: less than 0",
        ],
    ),
    (
        '{"\\u0065vent_id":1}',
        [
            "event_id: integer where string is expected",
            "event_type: missing",
            "schema_version: missing",
            "occurred_at: missing",
            "payload: missing",
            "user_id, anonymous_id: both missing",
        ],
    ),
    (json.dumps(view()).replace('"5"', '"5", "price": NaN'), ["message: not JSON"]),
    (json.dumps(view(price=1)).replace("1}", "1e400}"), ["payload.price: too large for a number"]),
    (
        event("profile_update", payload={"attributes": {"email": "a", "context": {}}}),
        ["payload.attributes.*: object where string or number or boolean or null is expected"],
    ),
]


def reasons(spark: SparkSession, messages: list[Any]) -> list[list[str]]:
    judged = received(spark, messages).transform(with_validation(committed_contract())).select("offset", "reasons")
    return [row["reasons"] for row in judged.orderBy("offset").collect()]


def test_what_the_contract_allows_has_no_reasons(spark: SparkSession) -> None:
    reasons_of_valid = reasons(spark, VALID)
    assert [(message, why) for message, why in zip(VALID, reasons_of_valid, strict=True) if why] == []


def test_no_number_stops_the_judgement(spark: SparkSession) -> None:
    """Wherever one may stand: a version, an integer, a number, and what the contract does not know."""
    cart, seen = event("add_to_cart", payload={"item_id": "5", "quantity": 777}), view(price=777, colour=1)
    places = {
        "schema_version": json.dumps(event()).replace('"schema_version": 1', '"schema_version": 777'),
        "payload.quantity": json.dumps(cart),
        "payload.price": json.dumps(seen),
        "attributes": json.dumps(event("profile_update", payload={"attributes": {"shoe size": 777}})),
        "unknown": json.dumps(event(unknown={"deep": [777]})),
    }
    messages = {(place, odd): text.replace("777", odd) for place, text in places.items() for odd in ODD_NUMBERS}
    found = dict(zip(messages, reasons(spark, [*messages.values()]), strict=True))
    for odd in LARGE:
        assert found["schema_version", odd] == ["schema_version: too large for an integer"], odd
        assert found["payload.quantity", odd] == ["payload.quantity: too large for an integer"], odd
        assert found["payload.price", odd] != [] and all(
            "payload.price: " in why for why in found["payload.price", odd]
        ), odd
    for odd in SMALL:
        assert found["schema_version", odd] == ["schema_version: number where integer is expected"], odd
    assert {odd: why for (place, odd), why in found.items() if place in ("attributes", "unknown") and why} == {}
    small = {odd: why for (place, odd), why in found.items() if place == "payload.price" and odd not in LARGE and why}
    assert small == {}


def test_every_broken_rule_is_named(spark: SparkSession) -> None:
    reasons_by_message = reasons(spark, [message for message, _ in INVALID])
    assert reasons_by_message == [why for _, why in INVALID]


def test_a_reason_never_repeats_a_value(spark: SparkSession) -> None:
    secret = "anna@example.org"
    spoilt = [
        event(event_id=secret + " "),
        event(occurred_at=secret),
        view(price=secret),
        event(context={"country": secret}),
    ]
    reasons_by_message = reasons(spark, spoilt)
    assert all(reasons_by_message) and secret not in str(reasons_by_message)


def test_unknown_fields_are_kept(spark: SparkSession) -> None:
    """Also one that another event type or version has; its column is null: nothing judged it for this kind."""
    messages = [
        {**view(colour="red", quantity="two"), "shop": {"id": 7}},
        view(),
        view(quantity=2, order_id="o"),
        event("search", payload={"query": "milk", "sort": "newest", "text": "bread"}),
        event("search", schema_version=2, payload={"text": "milk", "query": "bread"}),
    ]
    rows = received(spark, messages).transform(with_validation(committed_contract())).orderBy("offset").collect()
    assert [row["extra"] for row in rows] == [
        {"shop": '{"id":7}', "payload.colour": "red", "payload.quantity": "two"},
        None,
        {"payload.quantity": "2", "payload.order_id": "o"},
        {"payload.sort": "newest", "payload.text": "bread"},
        {"payload.query": "bread"},
    ]
    payloads = [row["event"]["payload"].asDict() for row in rows]
    assert [(one["quantity"], one["order_id"], one["sort"]) for one in payloads] == [(None, None, None)] * 5
    assert [one["query"] for one in payloads] == [None, None, None, "milk", "milk"]
    assert [one["text"] for one in payloads] == [None] * 5


def test_unknown_fields_are_kept_at_every_depth(spark: SparkSession) -> None:
    """By their path, also where a field of that name is known elsewhere."""
    line = {**LINE, "colour": "red"}
    messages = [
        event(context={"gclid": "x", "country": "PL", "price": 1.50}),
        event(consent={"analytics": True, "personalization": False}),
        event("purchase", payload={"order_id": "1", "lines": [LINE, {**line, "stars": None}, line]}),
        {**view(), "item_id": "5", "a.b": {"c": [1]}},
        event("identify", payload={"device_id": "d", "address": {"street": "x"}}),
    ]
    rows = received(spark, messages).transform(with_validation(committed_contract())).orderBy("offset").collect()
    assert [row["reasons"] for row in rows] == [[]] * 5
    assert [row["extra"] for row in rows] == [
        {"context.gclid": "x", "context.price": "1.5"},
        {"consent.personalization": "false"},
        {"payload.lines[1].colour": "red", "payload.lines[1].stars": None, "payload.lines[2].colour": "red"},
        {"item_id": "5", '["a.b"]': '{"c":[1]}'},
        {"payload.address": '{"street":"x"}'},
    ]
    assert [one["country"] for one in [row["event"]["context"] for row in rows] if one] == ["PL"]


def test_what_a_value_is_read_as(spark: SparkSession) -> None:
    messages = [
        event("add_to_cart", payload={"item_id": "\ud800a", "quantity": 3.0}, user_id="undefined", anonymous_id="a-1"),
        event("profile_update", payload={"attributes": {"size": 1.50, "vip": True, "note": None}}),
    ]
    first, second = (
        received(spark, messages).transform(with_validation(committed_contract())).orderBy("offset").collect()
    )
    event_ = first["event"]
    assert (event_["user_id"], event_["anonymous_id"]) == (None, "a-1")
    assert (event_["payload"]["item_id"], event_["payload"]["quantity"]) == ("\ufffda", 3.0)
    assert second["event"]["payload"]["attributes"] == {"size": "1.5", "vip": "true", "note": None}


def test_the_size_is_that_of_the_message_as_it_came(spark: SparkSession) -> None:
    """Tokens make a message longer, and a frame's body may be longer than the frame."""
    long = json.dumps(view(colour="x" * MOST_BYTES))
    sizes = {0: MOST_BYTES, 1: MOST_BYTES + 1, 2: None}
    size = F.create_map(*[F.lit(one) for pair in sizes.items() for one in pair])[F.col("offset")]
    frame = received(spark, [long, json.dumps(view()), long]).withColumn("size_bytes", size)
    judged = frame.transform(with_validation(committed_contract())).orderBy("offset").collect()
    assert [row["reasons"] for row in judged] == [[], ["message: over 256 KiB"], ["message: over 256 KiB"]]


def test_a_message_is_believed_to_be_valid_by_its_own_contract_alone(spark: SparkSession) -> None:
    contract = committed_contract()
    by = F.when(F.col("offset") == 0, contract.digest).when(F.col("offset") == 1, "another")
    frame = received(spark, [view(item_id=5)] * 3).withColumn("valid_by", by)
    judged = frame.transform(with_validation(contract)).orderBy("offset").collect()
    wrong = ["payload.item_id: integer where string is expected"]
    assert [row["reasons"] for row in judged] == [[], wrong, wrong]  # the first is none: bronze does not say so of it
