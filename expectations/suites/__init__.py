"""One Great Expectations suite per table, by the table's name: the grain, the required, the ranges, the cross-checks.

Column names and their order come from schemas/. A rule that may be null holds where it is null.
"""

from collections.abc import Callable

import great_expectations.expectations as gxe
from great_expectations import ExpectationSuite

from expectations.custom_expectations import ExpectColumnsToBe
from expectations.errors import MissingSuite
from expectations.schemas import TABLES
from expectations.suites import bronze, gold, ops, silver
from expectations.suites.parts import Expectations

# Nothing rejected and nothing to tell are good news. A shop may have no catalogue, or no CRM, and landing refuses one
# that is empty; a young one has no personas, and where
# nobody logs in nothing is linked.
OF_SOURCES = ("bronze.catalog", "bronze.crm", "silver.catalog", "silver.crm", "ops.landings")
OF_LINKS = ("silver.identity_links", "silver.identity_changes", "ops.identity_review")
OF_SEGMENTS = ("gold.segments", "gold.segment_changes", "gold.segment_checks", "gold.profile_history")
MAY_BE_EMPTY = ("quarantine.events", "quarantine.sources", "ops.alerts", *OF_SEGMENTS, *OF_LINKS, *OF_SOURCES)


def suite_for(name: str) -> ExpectationSuite:
    """The suite of table `name`, made anew. Raises MissingSuite where there is none."""
    if name not in SUITES:
        raise MissingSuite(f"gate {name}: no suite; tables with one are: {', '.join(SUITES)}")
    has_rows = [] if name in MAY_BE_EMPTY else [gxe.ExpectTableRowCountToBeBetween(min_value=1)]
    of_every_table: Expectations = [*has_rows, ExpectColumnsToBe(columns=list(TABLES[name].names))]
    return ExpectationSuite(name=name, expectations=[*of_every_table, *SUITES[name]()])


_LAYERS = (bronze, silver, gold, ops)
SUITES: dict[str, Callable[[], Expectations]] = {
    name: getattr(layer, name.replace(".", "_"))
    for name in TABLES
    for layer in _LAYERS
    if hasattr(layer, name.replace(".", "_"))
}
"""By the table's name what its function, called layer_table, expects."""
