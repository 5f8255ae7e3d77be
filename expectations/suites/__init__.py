"""One Great Expectations suite per table, by the table's name: the grain, the required, the ranges, the cross-checks.

Column names and their order come from schemas/. A rule that may be null holds where it is null.
"""

from collections.abc import Callable

import great_expectations.expectations as gxe
from great_expectations import ExpectationSuite

from expectations.custom_expectations import ExpectColumnsToBe
from expectations.gate import MissingSuite
from expectations.schemas import TABLES
from expectations.suites import bronze, gold, ops, silver
from expectations.suites.parts import Expectations

# Nothing rejected and nothing to tell are good news.
MAY_BE_EMPTY = ("quarantine.events", "quarantine.sources", "ops.alerts")


def suite_for(name: str) -> ExpectationSuite:
    """The suite of table `name`, made anew. Raises MissingSuite where there is none."""
    if name not in SUITES:
        raise MissingSuite(f"gate {name}: no suite; tables with one are: {', '.join(SUITES)}")
    has_rows = [] if name in MAY_BE_EMPTY else [gxe.ExpectTableRowCountToBeBetween(min_value=1)]
    of_every_table: Expectations = [*has_rows, ExpectColumnsToBe(columns=list(TABLES[name].names))]
    return ExpectationSuite(name=name, expectations=[*of_every_table, *SUITES[name]()])


SUITES: dict[str, Callable[[], Expectations]] = {
    "bronze.events": bronze.bronze_events,
    "bronze.catalog": bronze.bronze_catalog,
    "bronze.crm": bronze.bronze_crm,
    "silver.events": silver.silver_events,
    "silver.interactions": silver.silver_interactions,
    "silver.catalog": silver.silver_catalog,
    "silver.crm": silver.silver_crm,
    "silver.consents": silver.silver_consents,
    "silver.items": silver.silver_items,
    "silver.people": silver.silver_people,
    "quarantine.events": silver.quarantine_events,
    "quarantine.sources": silver.quarantine_sources,
    "gold.ratings": gold.gold_ratings,
    "gold.features": gold.gold_features,
    "gold.segments": gold.gold_segments,
    "gold.profiles": gold.gold_profiles,
    "gold.person_factors": gold.gold_person_factors,
    "gold.item_factors": gold.gold_item_factors,
    "gold.recommendations": gold.gold_recommendations,
    "gold.fallbacks": gold.gold_fallbacks,
    "ops.ledger": ops.ops_ledger,
    "ops.landings": ops.ops_landings,
    "ops.daily_quality": ops.ops_daily_quality,
    "ops.alerts": ops.ops_alerts,
}
