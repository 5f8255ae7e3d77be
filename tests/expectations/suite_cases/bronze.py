from datetime import date

from tests.expectations.suite_cases.case import AT, DAY, NOT_NULL, Broken, Case, least, rule

CASES: dict[str, Case] = {
    "bronze.events": Case(
        {"topic": "events", "partition": 0, "offset": 7, "received_at": AT, "received_date": DAY},
        ("topic",),
        ("partition", "offset"),
        (
            least("partition", -1),
            least("offset", -1),
            rule("another day", "to_date", received_date=date(2017, 3, 2)),
            Broken("no arrival", {"received_at": None}, ((NOT_NULL, "received_at"),)),
            Broken("no day", {"received_date": None}, ((NOT_NULL, "received_date"),)),
        ),
        nullable=("topic_id",),
    ),
    "bronze.catalog": Case({"item_id": "1095275", "landing": 1, "landed_at": AT}, ("item_id",), ("landed_at",)),
    "bronze.crm": Case({"user_id": "900", "landing": 1, "landed_at": AT}, ("user_id",), ("landed_at",)),
}
