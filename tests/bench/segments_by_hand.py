"""What 20 of the segments come to in SQL, as an analyst writes it: one statement each, over a view `events`."""

NOW = "TIMESTAMP '2026-06-01 12:00:00'"


def _since(days: float) -> str:
    return f"occurred_at > {NOW} - INTERVAL '{round(days * 24 * 3600)}' SECOND"


def _people(event_type: str, where: str, having: str = "true") -> str:
    return (
        f"SELECT person_id FROM events WHERE event_type = '{event_type}' AND {where} GROUP BY person_id HAVING {having}"
    )


AMOUNT = "sum(aggregate(payload.lines, 0D, (sum, line) -> sum + line.amount))"
SESSION = f"""
    WITH gaps AS (
        SELECT *, occurred_at - lag(occurred_at) OVER person >= INTERVAL '30' MINUTE AS is_first
        FROM events WHERE {_since(1)} AND occurred_at <= {NOW}
        WINDOW person AS (PARTITION BY person_id ORDER BY occurred_at)
    ), numbered AS (
        SELECT *, sum(int(coalesce(is_first, true))) OVER (PARTITION BY person_id ORDER BY occurred_at) AS session,
            max(occurred_at) OVER (PARTITION BY person_id) AS last_at
        FROM gaps
    ), under_way AS (
        SELECT *, max(session) OVER (PARTITION BY person_id) AS now FROM numbered
        WHERE last_at > {NOW} - INTERVAL '30' MINUTE
    )
    SELECT person_id FROM under_way WHERE session = now GROUP BY person_id
"""
LAST = """
    SELECT person_id FROM (
        SELECT person_id, max(occurred_at) FILTER (WHERE event_type = '{first}') AS last_at,
            max(occurred_at) FILTER (WHERE event_type = 'purchase') AS bought_at
        FROM events WHERE event_type IN ('{first}', 'purchase') GROUP BY person_id
    ) WHERE {where} AND NOT coalesce(bought_at > last_at, false)
"""
FOLLOWED = """
    SELECT DISTINCT person_id FROM (
        SELECT person_id, event_type, occurred_at,
            last(IF(event_type = '{first}', occurred_at, NULL), true) OVER before AS first_at,
            last(IF(event_type = '{without}', occurred_at, NULL), true) OVER before AS between_at
        FROM events WHERE event_type IN ('{first}', '{then}', '{without}') AND {since}
        WINDOW before AS (PARTITION BY person_id ORDER BY occurred_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    ) WHERE event_type = '{then}' AND occurred_at - first_at <= INTERVAL '{gap}' MINUTE
        AND NOT coalesce(between_at > first_at, false)
"""

STATEMENTS: dict[str, str] = {
    "buyers": _people("purchase", _since(30)),
    "first_time_buyers": f"""
        SELECT person_id FROM events WHERE event_type = 'purchase' GROUP BY person_id
        HAVING count(*) = 1 AND max(occurred_at) > {NOW} - INTERVAL '30' DAY""",
    "regulars": _people("purchase", _since(30), "count(*) > 3"),
    "high_value": _people("purchase", _since(90), f"{AMOUNT} > 500"),
    "big_baskets": _people("purchase", _since(180), f"count(*) >= 3 AND {AMOUNT} / count(*) > 50"),
    "lapsing": _people("purchase", _since(180), f"count(*) >= 5 AND max(occurred_at) < {NOW} - INTERVAL '30' DAY"),
    "lapsed": _people("purchase", "true", f"max(occurred_at) < {NOW} - INTERVAL '90' DAY"),
    "returning": _people(
        "purchase",
        "true",
        f"max(occurred_at) > {NOW} - INTERVAL '7' DAY AND min(occurred_at) < {NOW} - INTERVAL '67' DAY AND"
        f" count_if(occurred_at > {NOW} - INTERVAL '67' DAY AND occurred_at < {NOW} - INTERVAL '7' DAY) = 0",
    ),
    "cart_abandoners": LAST.format(
        first="add_to_cart",
        where=f"last_at > {NOW} - INTERVAL '1' DAY AND last_at < {NOW} - INTERVAL '30' MINUTE",
    ),
    "cart_holders": LAST.format(first="add_to_cart", where=f"last_at > {NOW} - INTERVAL '30' MINUTE"),
    "view_abandoners": f"""
        SELECT person_id FROM events WHERE event_type IN ('product_view', 'add_to_cart') AND {_since(1)}
        GROUP BY person_id HAVING count_if(event_type = 'add_to_cart') = 0 AND count(DISTINCT payload.item_id) >= 3""",
    "wishers": LAST.format(first="add_to_wishlist", where=f"last_at > {NOW} - INTERVAL '90' DAY"),
    "searchers": f"{SESSION} HAVING count_if(event_type = 'search') >= 2",
    "searching_in_vain": f"""{SESSION}
        HAVING count_if(event_type = 'search' AND payload.results = 0) > 0
        AND count_if(event_type = 'add_to_cart') = 0""",
    "browsers": f"{SESSION} HAVING count_if(event_type = 'product_view') >= 5",
    "quick_deciders": FOLLOWED.format(
        first="product_view", then="add_to_cart", without="search", gap=5, since=_since(7)
    ),
    "comparing": f"""
        {FOLLOWED.format(first="search", then="product_view", without="purchase", gap=60, since=_since(1))}
        AND person_id NOT IN ({_people("purchase", _since(1))})""",
    "bargain_hunters": _people("coupon_redeemed", _since(90), "count(*) >= 3"),
    "critics": _people("rating", f"{_since(30)} AND payload.stars IN (0.5, 1, 1.5, 2)"),
    "on_the_move": _people(
        "page_view",
        _since(30),
        "count_if(context.device_type IN ('mobile', 'app')) > 0"
        " AND count_if(context.device_type IN ('desktop', 'tablet')) = 0",
    ),
}
