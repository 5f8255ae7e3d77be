"""What an operator says of identifiers: that they are not one person's, or are. It outranks what was seen."""

from datetime import UTC, datetime

from pyspark.sql import Column
from pyspark.sql import functions as F

from expectations.schemas import TABLES
from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.people.identifier import Identifier
from jobs.people.identity import current_identities
from jobs.people.identity_history import LINKS, take_up
from jobs.people.resolution import ends_of
from jobs.people.rules import identity_rules
from jobs.people.sightings import IDENTIFIER, OPERATOR, as_standing
from jobs.settings.identity_settings import IdentitySettings


def never_seen(identifier: Identifier) -> OperatorError:
    return OperatorError(f"{identifier} was never seen; write it as type:value, such as anonymous_id:a-77")


def split(lake: Lake, identifier: Identifier, other: Identifier | None = None) -> list[tuple[Identifier, Identifier]]:
    """Takes back the identifier's link with the other, or all its links; returns which. What they named alone before
    names them again. Raises OperatorError where there is none."""
    is_its = is_it(identifier, "left") | is_it(identifier, "right")
    if other is not None:
        is_its &= is_it(other, "left") | is_it(other, "right")
    standing = as_standing(tables.read(lake, LINKS)).where(is_its).collect()
    pairs = [(Identifier.left_of(row), Identifier.right_of(row)) for row in standing]
    if not pairs:
        beside = "anything" if other is None else str(other)
        raise OperatorError(f"{identifier} is not linked with {beside}; see: lakehouse identity show {identifier}")
    say(lake, pairs, is_standing=False)
    return pairs


def join(lake: Lake, identifier: Identifier, other: Identifier) -> None:
    """Links two identifiers, within the limits, whatever was seen. Raises OperatorError for one that never was."""
    for one in (identifier, other):
        if current_identities(lake).where(is_it(one)).isEmpty():
            raise never_seen(one)
    say(lake, [ordered(identifier, other, lake.settings.identity)], is_standing=True)


def say(lake: Lake, pairs: list[tuple[Identifier, Identifier]], is_standing: bool) -> None:
    """Links the pairs, or takes their links back; of each the one of higher priority stands first."""
    now = datetime.now(UTC)
    rows = [(*left, *right, OPERATOR, is_standing, now, None, OPERATOR, None) for left, right in pairs]
    links = lake.spark.createDataFrame(rows, TABLES[LINKS].ddl)
    take_up(lake, identity_rules(lake.settings), ends_of(links, "received_at"), links)


def ordered(one: Identifier, other: Identifier, rules: IdentitySettings) -> tuple[Identifier, Identifier]:
    """The two as silver.identity_links has them: the one of higher priority first."""
    first, second = sorted((one, other), key=lambda each: (rules.priority.index(each.identifier_type), each.identifier))
    return first, second


def is_it(identifier: Identifier, end: str = "") -> Column:
    kind, value = (f"{end}_type", f"{end}_identifier") if end else IDENTIFIER
    return (F.col(kind) == identifier.identifier_type) & (F.col(value) == identifier.identifier)
