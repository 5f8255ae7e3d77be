"""silver.events: one row per valid event, by event_id. Rejected messages go to quarantine.events with every reason.

Of messages with one event_id the first received is kept, whether the others come in the same micro-batch or
later. Behaviour that the person does not allow to be counted is refused (jobs/landing/consent_refusal.py). What became
of every offset is counted in ops.ledger. A batch that is run again after a crash writes nothing twice: each table is
appended under a transaction id of its own, and a row that the table has already, by its coordinates in Kafka, is no
duplicate and is not written again.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

from pyspark.sql import DataFrame

from expectations.contract import Contract
from jobs.job import Job, Options, submit
from jobs.lake import checkpoints, commits, streams, tables
from jobs.lake.lake import Lake
from jobs.lake.materialized import again_without_lost_blocks, materialized
from jobs.landing import contracts, plain
from jobs.landing.consent_refusal import record_before
from jobs.landing.outcomes import (
    as_events,
    as_hashes,
    as_judged,
    as_ledger,
    as_rejected,
    as_rejected_before,
    unless_empty,
    with_outcomes,
    with_suspects,
)
from jobs.landing.uniqueness import COORDINATES, by_coordinates
from jobs.ledger.ranges import not_accounted_for, require_whole

TABLE = "silver.events"
SOURCE = "bronze.events"
QUARANTINE = "quarantine.events"
LEDGER = "ops.ledger"
REBUILT = "rebuilt"
BESIDE = ThreadPoolExecutor(3)  # kept: each new thread that talks to the JVM leaves one behind there


def land(
    lake: Lake,
    received: DataFrame,
    batch: int,
    contract: Contract,
    is_rebuilt: bool = False,
    may_be_again: bool = True,
) -> None:
    """One micro-batch of bronze.events into the three tables.

    `is_rebuilt`: the checkpoint began anew, so some of the rows may have been landed under another query's ids.
    `may_be_again`: a run that was killed may have landed a part of it.
    """
    lake, query = lake.within(received), streams.query_id(received)
    quarantined = tables.read(lake, QUARANTINE)
    # Delta works out the state of a table's version once, when it is first asked for its transactions, as each append
    # does: for all three of them that is done while the messages are judged.
    has_appended = {
        name: BESIDE.submit(tables.has_appended, lake, name, query, batch) for name in (QUARANTINE, TABLE, LEDGER)
    }
    with ExitStack() as stack:

        def keep(rows: DataFrame) -> DataFrame:
            # Before each join: joined before it is worked out, the judgement is planned again and again.
            return stack.enter_context(materialized(rows))

        arrived = keep(not_accounted_for(received, tables.read(lake, LEDGER))) if is_rebuilt else received
        # By a run that was killed. The contract may have grown since, and nothing shall lie in both tables.
        is_again = is_rebuilt or (may_be_again and has_appended[QUARANTINE].result())
        messages, plain_messages = plain.counted(arrived, contract)
        if not is_again and plain_messages > plain.FEW:
            places = keep(plain.as_places(arrived, contract))
            record = record_before(lake, places)
            exact, events = stack.enter_context(with_plain(lake, arrived, places, contract, record))
        else:
            places = judged = keep(as_judged(arrived, contract))
            if is_again:
                judged = keep(as_rejected_before(judged, quarantined))
            suspects = stack.enter_context(with_suspects(lake, as_hashes(judged)))
            exact = stack.enter_context(with_outcomes(lake, judged, record_before(lake, received), suspects))
            if messages <= plain.FEW:  # one file: each later batch opens every file of the table
                exact = exact.coalesce(1)
            events = as_events(exact, lake.settings.streaming.late_hours)
        # Where the contract grew since a crash, what is valid now was not among the rows written then.
        tables.append_once(lake, TABLE, events, f"{query}/{contract.digest}", batch)
        rejected = as_rejected(exact, contract)
        if is_rebuilt:
            rejected = by_coordinates(rejected, quarantined.select(*COORDINATES), how="left_anti")
        tables.append_once(lake, QUARANTINE, rejected, query, batch)
        tables.append_once(lake, LEDGER, as_ledger(places, exact, batch), query, batch)


@contextmanager
def with_plain(
    lake: Lake, arrived: DataFrame, places: DataFrame, contract: Contract, record: DataFrame | None
) -> Iterator[tuple[DataFrame, DataFrame]]:
    """The rows that went the exact way, with `outcome`, as all do that are not kept; and the events of all that are.

    `places`: by `plain.as_places`, materialized. `record`: rows of silver.consents; None: there are none.
    """
    consent, late_hours = lake.settings.consent, lake.settings.streaming.late_hours
    is_plain = plain.is_plain(contract)
    with ExitStack() as stack:

        def keep(rows: DataFrame) -> DataFrame:
            return stack.enter_context(materialized(rows))

        judged, at_once = keep(as_judged(arrived.where(~is_plain), contract)), arrived.where(is_plain)
        hashes = places.where("event_hash IS NOT NULL")
        suspects = stack.enter_context(with_suspects(lake, as_hashes(judged), hashes))
        denied = None if record is None else unless_empty(keep(plain.denials(record)))
        asked = plain.asked_about(at_once, suspects, denied, consent)
        if asked is not None:
            judged = judged.unionByName(keep(as_judged(asked, contract)))
        exact = stack.enter_context(with_outcomes(lake, judged, record, suspects))
        kept = plain.as_kept(at_once, contract, suspects, denied, consent)
        yield exact, as_events(exact, late_hours).coalesce(1).unionByName(as_events(kept, late_hours))


def main(lake: Lake, options: Options) -> int:
    streaming = lake.settings.streaming
    tables.create(lake, TABLE, QUARANTINE, LEDGER)
    checkpoint = checkpoints.current(lake, TABLE, TABLE, {QUARANTINE: "true", LEDGER: "received > 0"})
    is_rebuilt = (checkpoint.start or {}).get("reason") == REBUILT
    received = tables.stream(lake, SOURCE, maxBytesPerTrigger=streaming.max_bytes_per_trigger)
    contract, under_way = contracts.in_force(lake.settings.contracts), checkpoints.under_way(lake, checkpoint)

    def land_batch(rows: DataFrame, batch: int) -> None:
        again_without_lost_blocks(
            lambda is_again: land(lake, rows, batch, contract(), is_rebuilt, is_again or batch == under_way)
        )

    writer = received.writeStream.foreachBatch(land_batch)
    read = streams.run(TABLE, writer, options.every_behind(streaming.trigger_seconds), checkpoint)
    return 0 if options.continuous else commits.rows_streamed(lake, SOURCE, read, None)


def rebuild(lake: Lake) -> None:
    """Begins a checkpoint at the start of bronze.events; what the ledger has accounted for is passed over."""
    require_whole(lake)
    checkpoints.begin(lake, TABLE, reason=REBUILT)


JOB = Job(TABLE, main, reads=(SOURCE,), looks_back=("silver.consents",), stays=True, rebuild=rebuild)

if __name__ == "__main__":
    submit(JOB)
