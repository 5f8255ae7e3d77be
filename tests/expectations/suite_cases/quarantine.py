from tests.expectations.suite_cases.case import AT, IN_SET, NOT_NULL, Broken, Case, rule

CASES: dict[str, Case] = {
    "quarantine.events": Case(
        {
            "topic": "events",
            "partition": 0,
            "offset": 7,
            "received_at": AT,
            "reasons": ["message: not JSON"],
            "contract_version": 1,
            "state": "open",
        },
        ("topic",),
        ("partition", "offset", "received_at", "contract_version", "state"),
        (
            Broken("unknown state", {"state": "opened"}, ((IN_SET, "state"),)),
            rule("no reason", "size(reasons)", reasons=[]),
            rule("an empty reason", "size(reasons)", reasons=["message: not JSON", None]),
            Broken("no reasons", {"reasons": None}, ((NOT_NULL, "reasons"),)),
        ),
        nullable=("topic_id",),
    ),
    "quarantine.sources": Case(
        {
            "table_name": "bronze.crm",
            "landing": 1,
            "landed_at": AT,
            "place": "crm.csv",
            "reasons": ["row: unreadable"],
            "state": "open",
        },
        (),
        ("table_name", "landing", "landed_at", "place", "state"),
        (
            Broken("unknown state", {"state": "opened"}, ((IN_SET, "state"),)),
            rule("no reason", "size(reasons)", reasons=[]),
            rule("not encrypted", "sealed_by", unreadable=b"x"),
        ),
    ),
}
