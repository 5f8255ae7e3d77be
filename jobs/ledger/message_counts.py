"""What became of all messages so far, as the tables have it: read without Spark, in a moment.

By deltalake's own SQL, as in jobs/lake/query.py, not by `to_pyarrow_table`: there pyarrow's threads let go of files
that are Python objects, and where the program ended just then it was aborted (9 of 100 programs that read two tables of
12 files).
"""

from dataclasses import asdict, dataclass

from deltalake import DeltaTable, QueryBuilder

from jobs.lake import places
from jobs.settings.loading import Settings

COUNTS = ("received", "kept", "quarantined", "duplicate", "refused")
STATES = ("open", "replayed", "discarded")


@dataclass(frozen=True)
class MessageCounts:
    """Messages by what ops.ledger says of them; of the quarantined, how many are in which state now."""

    received: int
    kept: int
    quarantined: int
    duplicate: int
    refused: int
    open: int
    replayed: int
    discarded: int

    def lines(self) -> list[tuple[str, str]]:
        return [(name, f"{count:,}") for name, count in asdict(self).items()]


def message_counts(settings: Settings) -> MessageCounts | None:
    """None where silver.events has not run, or the lake is no folder of this machine."""
    root = places.folder(settings.lake.root)
    if root is None:
        return None
    ledger, quarantine = (places.table(root, name) for name in ("ops.ledger", "quarantine.events"))
    if not all(DeltaTable.is_deltatable(place) for place in (ledger, quarantine)):
        return None
    sums = _one_row(ledger, [f"COALESCE(SUM({name}), 0) AS {name}" for name in COUNTS])
    states = _one_row(quarantine, [f"COUNT(*) FILTER (WHERE state = '{state}') AS {state}" for state in STATES])
    return MessageCounts(**sums, **states)


def _one_row(place: str, columns: list[str]) -> dict[str, int]:
    """The columns, each an aggregate over the whole table."""
    query = QueryBuilder().register("rows", DeltaTable(place))
    (row,) = query.execute(f"SELECT {', '.join(columns)} FROM rows").read_all().to_struct_array().to_pylist()
    return row
