"""What became of all messages so far, as the tables have it: read without Spark, in a moment."""

from collections import Counter
from dataclasses import asdict, dataclass

import pyarrow.compute as pc
from deltalake import DeltaTable

from jobs.lake import places
from jobs.settings.loading import Settings

COUNTS = ("received", "kept", "quarantined", "duplicate", "refused")


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
    counted = DeltaTable(ledger).to_pyarrow_table(columns=list(COUNTS))
    states = Counter(DeltaTable(quarantine).to_pyarrow_table(columns=["state"])["state"].to_pylist())
    sums = {name: int(pc.sum(counted[name]).as_py() or 0) for name in COUNTS}
    return MessageCounts(**sums, **{state: states[state] for state in ("open", "replayed", "discarded")})
