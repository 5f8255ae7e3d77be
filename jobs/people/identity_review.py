"""ops.identity_review: pairs of customers who may be one person, until an operator says.

What an operator says is a link, or that there is none, and outranks all that is worked out later; so a pair that was
rejected is never linked again, whatever the CRM becomes, unless `lakehouse identity join` does.
"""

import getpass
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd
import pyarrow as pa
from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema

from jobs.errors import OperatorError
from jobs.lake import tables
from jobs.lake.lake import Lake
from jobs.lake.schema_evolution import declared
from jobs.people.identifier import Identifier
from jobs.people.identity import current_identities
from jobs.people.operator_links import is_it, ordered, say
from jobs.people.sightings import IDENTIFIER, PAIR

TABLE = "ops.identity_review"
OPEN, ACCEPTED, REJECTED, WITHDRAWN = "open", "accepted", "rejected", "withdrawn"


@dataclass(frozen=True)
class Waiting:
    """`agreement`: names, birth_date and address -> how alike they are."""

    left: str
    right: str
    probability: float
    agreement: dict[str, str]
    found_at: datetime


def wait_for(lake: Lake, pairs: pd.DataFrame) -> None:
    """The pairs (PAIR, probability, agreement) wait, and no others do: what is no pair any more is withdrawn. What was
    decided stays so. Doing it again changes nothing."""
    tables.create(lake, TABLE)
    schema = to_arrow_schema(declared(TABLE), timezone="UTC")
    rows = pairs.assign(state=OPEN, found_at=datetime.now(UTC), decided_by=None, decided_at=pd.NaT)[[*schema.names]]
    waiting = lake.spark.createDataFrame(pa.Table.from_pandas(rows, schema, preserve_index=False))
    values: dict[str, str | Column] = {name: f"new.{name}" for name in schema.names}
    is_other = "old.state = 'open' AND old.probability <> new.probability OR old.state = 'withdrawn'"
    on = " AND ".join(f"old.{name} = new.{name}" for name in PAIR)
    (
        tables.merge(lake, TABLE, waiting, on)
        .whenMatchedUpdate(is_other, {name: values[name] for name in ("probability", "agreement", "state")})
        .whenNotMatchedInsert(values=values)
        .whenNotMatchedBySourceUpdate("old.state = 'open'", {"state": f"'{WITHDRAWN}'"})
        .execute()
    )


def waiting_pairs(lake: Lake, most: int) -> Sequence[Waiting]:
    """Those that wait and are two people still, the most probable first."""
    if not tables.exists(lake, TABLE):
        return []
    rows = tables.read(lake, TABLE).where(F.col("state") == OPEN)
    for end in ("left", "right"):
        people = current_identities(lake).select(
            *[F.col(name).alias(column) for name, column in zip(IDENTIFIER, _of(end), strict=True)],
            F.col("person_id").alias(f"{end}_person"),
        )
        rows = rows.join(people, on=_of(end), how="inner")
    found = rows.where("left_person <> right_person").orderBy(F.desc("probability"), *PAIR).limit(most).collect()
    return [
        Waiting(
            str(Identifier.left_of(row)),
            str(Identifier.right_of(row)),
            row["probability"],
            dict(row["agreement"]),
            row["found_at"],
        )
        for row in found
    ]


def decide(lake: Lake, one: Identifier, other: Identifier, is_one_person: bool, by: str = "") -> None:
    """Links the pair, or says for good that it is none. `by`: who decides; empty: whose process it is. Raises
    OperatorError where it does not wait."""
    left, right = ordered(one, other, lake.settings.identity)
    is_pair = is_it(left, "left") & is_it(right, "right") & (F.col("state") == OPEN)
    if not tables.exists(lake, TABLE) or tables.read(lake, TABLE).where(is_pair).isEmpty():
        raise OperatorError(f"{one} and {other} do not wait for review; see: lakehouse identity review list")
    say(lake, [(left, right)], is_standing=is_one_person)
    values: dict[str, str | Column] = {
        "state": F.lit(ACCEPTED if is_one_person else REJECTED),
        "decided_by": F.lit(by or getpass.getuser()),
        "decided_at": F.lit(datetime.now(UTC)),
    }
    tables.update(lake, TABLE, is_pair, values)


def _of(end: str) -> list[str]:
    return [f"{end}_type", f"{end}_identifier"]
