"""Who somebody is, as an operator asks: their identifiers and links with what made them so, and what other rules would
change."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import pandas as pd
from pyspark.sql import functions as F

from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.people.identifier import Identifier
from jobs.people.identity import current_identities
from jobs.people.identity_history import CHANGES, LINKS
from jobs.people.operator_links import is_it, never_seen
from jobs.people.resolution import ends_of, links_between, links_of, resolved
from jobs.people.rules import identity_rules
from jobs.people.sightings import IDENTIFIER, PAIR, as_standing


@dataclass(frozen=True)
class Link:
    """`joins`: both ends are the person's; where not, a limit, or that one is shared, keeps them apart. `probability`:
    1 for what was seen or said, else linkage's."""

    left: str
    right: str
    since: datetime
    joins: bool
    probability: float


@dataclass(frozen=True)
class Person:
    """`identifiers`: rows of silver.identities that say so now. `links`: of any of them that hold. `changes`: rows of
    silver.identity_changes that name the person, the oldest first."""

    person_id: str
    identifiers: Sequence[dict[str, Any]]
    links: Sequence[Link]
    changes: Sequence[dict[str, Any]]


class Shared(NamedTuple):
    """An identifier that links nobody, because too many people have it. `linked`: with how many others it was seen."""

    identifier_type: str
    identifier: str
    since: datetime
    linked: int


@dataclass(frozen=True)
class Move:
    """Identifiers that would go from one person to another; `kind`: merge, where nothing would be left of the first, or
    split."""

    kind: str
    from_person_id: str
    person_id: str
    identifiers: tuple[str, ...]


def person_of(lake: Lake, identifier: Identifier) -> Person:
    """Raises OperatorError for an identifier that was never seen."""
    identities = current_identities(lake)
    own = identities.where(is_it(identifier)).select("person_id").collect()
    if not own:
        raise never_seen(identifier)
    person_id = str(own[0]["person_id"])
    theirs = identities.where(F.col("person_id") == person_id).orderBy("received_at", *IDENTIFIER).collect()
    names = {Identifier(*(row[name] for name in IDENTIFIER)) for row in theirs}
    near = links_of(tables.read(lake, LINKS), identities.where(F.col("person_id") == person_id))
    links = []
    for row in as_standing(near).orderBy("at", *PAIR).collect():
        left, right = Identifier.left_of(row), Identifier.right_of(row)
        links.append(Link(str(left), str(right), row["at"], {left, right} <= names, 1 - row["doubt"]))
    is_about = (F.col("person_id") == person_id) | (F.col("from_person_id") == person_id)
    changes = tables.read(lake, CHANGES).where(is_about).orderBy("changed_at").collect()
    identifiers, moves = ([row.asDict(recursive=True) for row in rows] for rows in (theirs, changes))
    return Person(person_id, identifiers, links, moves)


def shared(lake: Lake) -> list[Shared]:
    """Those that were seen with the most others come first."""
    alone = current_identities(lake).where("is_shared").select(*IDENTIFIER, "received_at")
    ends = ends_of(as_standing(links_of(tables.read(lake, LINKS), alone)))
    linked = ends.groupBy(*IDENTIFIER).agg(F.count("*").alias("linked"))
    rows = alone.join(linked, on=IDENTIFIER, how="inner").orderBy(F.desc("linked"), *IDENTIFIER).collect()
    return [Shared(*(row[name] for name in (*IDENTIFIER, "received_at", "linked"))) for row in rows]


def preview(lake: Lake) -> list[Move]:
    """What the rules in the settings would change, the largest first; nothing is written."""
    rules = identity_rules(lake.settings)
    now: pd.DataFrame = current_identities(lake).select(*IDENTIFIER, "received_at", "person_id").toPandas()
    links = links_between(tables.read(lake, LINKS), None, rules).toArrow()
    then = resolved(now[[*IDENTIFIER, "received_at"]], links, rules)["person_id"]
    is_moving, staying = now["person_id"] != then, {*then}
    moves = []
    for (former, person), group in now.assign(then=then)[is_moving].groupby(["person_id", "then"]):
        names = sorted(group["identifier_type"] + ":" + group["identifier"])
        moves.append(Move("split" if former in staying else "merge", former, person, tuple(names)))
    return sorted(moves, key=lambda move: (-len(move.identifiers), move.from_person_id, move.person_id))
