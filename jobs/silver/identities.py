"""silver.identities: one row per identifier and time in which it belonged to a person, with what made it so.

From identifiers that stand together in an event, in an `identify` event's payload or in a row of the CRM, and from rows
of the CRM that are probably one person's (silver.identity_links), within the limits of [identity] in conf/base.toml.
The result is that of all links, in whatever order and however many runs they came. It also fills
silver.identity_changes: who was merged with whom, and who split; and ops.identity_review: who may be one person.
"""

import logging

from pyspark.sql import DataFrame
from pyspark.sql.streaming import DataStreamWriter

from jobs.job import Job, Options, submit
from jobs.lake import checkpoints, derived, notes, tables
from jobs.lake.lake import Lake
from jobs.people import identity_review
from jobs.people.identity_history import CHANGES, LINKS, take_up, take_up_all
from jobs.people.rules import identity_rules
from jobs.people.sightings import as_crm_links, as_crm_sightings, as_identifiers, as_links, as_sightings
from jobs.settings.identity_settings import IdentitySettings

TABLE = "silver.identities"
SOURCE = "silver.events"
RULES = "lakehouse.identity.rules"
"""A property of the table: the settings that it was last worked out by."""

log = logging.getLogger(__name__)


def land(lake: Lake, events: DataFrame, rules: IdentitySettings) -> None:
    """One micro-batch of silver.events. Doing it again changes nothing."""
    sightings = as_sightings(events, rules)
    take_up(lake.within(events), rules, as_identifiers(sightings), as_links(sightings))


def main(lake: Lake, _: Options) -> int:
    rules = identity_rules(lake.settings)
    tables.create(lake, TABLE, LINKS, CHANGES, identity_review.TABLE)
    former = notes.noted(lake, TABLE, RULES)
    has_other_junk = former is not None and IdentitySettings.model_validate_json(former).junk != rules.junk
    if has_other_junk or not checkpoints.all_of(lake, TABLE):  # what stood beside junk was not linked
        rebuild(lake)
    customers = as_crm_sightings(tables.read(lake, "silver.crm"), rules)  # says how to build it where it is not
    if tables.has_rows(lake, "silver.crm", "true"):
        take_up(lake, rules, as_identifiers(customers), as_crm_links(customers))

    def writer(events: DataFrame) -> DataStreamWriter:
        return events.writeStream.foreachBatch(lambda rows, _: land(lake, rows, rules))

    read = derived.run(lake, TABLE, SOURCE, None, writer)
    if former != rules.model_dump_json():
        if former is not None:
            log.info("%s: [identity] has changed; all people are worked out anew", TABLE)
            take_up_all(lake, rules)
        notes.note(lake, TABLE, RULES, rules.model_dump_json())
    if lake.settings.linkage.enabled:
        from jobs.people.linkage import link  # Splink takes a second to import, and few shops need it

        link(lake, rules)
    return read


def rebuild(lake: Lake) -> None:
    """The next run reads all events again: it finds what is known and adds what lacks. Nobody's id changes by it."""
    checkpoints.retire(lake, TABLE)
    checkpoints.begin(lake, TABLE, reason="rebuilt")


JOB = Job(TABLE, main, reads=(SOURCE, "silver.crm"), rebuild=rebuild)

if __name__ == "__main__":
    submit(JOB)
