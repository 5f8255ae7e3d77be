"""How a table is described, and the columns that several tables share."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Table:
    """What must be true of one Delta table. `grain` says what one row means. `job`: the one that writes it, where that
    is not the job of its name. `grows`: the columns that are structs whose fields the contract's later versions add to
    and widen; the table's own type counts, not the one here. `renamed`: column -> the name it had in a release before.
    `mended_by`: the command that makes the table anew, of what others hold, where it is of another release."""

    grain: str
    columns: dict[str, str]
    job: str = ""
    partition_by: tuple[str, ...] = ()
    properties: dict[str, str] = field(default_factory=dict)
    grows: tuple[str, ...] = ()
    renamed: dict[str, str] = field(default_factory=dict)
    mended_by: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.columns)

    @property
    def types(self) -> dict[str, str]:
        """Each column's Spark type, without its comment."""
        return {name: type_.split(" COMMENT ")[0] for name, type_ in self.columns.items()}

    @property
    def ddl(self) -> str:
        return ", ".join(f"`{name}` {type_}" for name, type_ in self.columns.items())


SOURCE_OF_A_MESSAGE = {
    "topic": "string",
    "partition": "int",
    "offset": "bigint",
    "received_at": "timestamp COMMENT 'when the broker took the message'",
}

REBUILD = "lakehouse streams rebuild"
RUN = "lakehouse run"

TOPIC_ID = {"topic_id": "string COMMENT 'by which a topic made anew is told from the one before; null: not noted'"}

OF_A_LANDING = {
    "landing": "bigint COMMENT 'counts up from 1; ops.landings says what it was'",
    "landed_at": "timestamp",
}

WHILE_VALID = {
    "valid_from": "timestamp COMMENT 'landed_at of the landing that brought it'",
    "valid_to": "timestamp COMMENT 'landed_at of the landing that changed or lacked it; null: still so'",
}


def stats_on(*columns: str) -> dict[str, str]:
    """Delta keeps least and greatest values of these columns alone: of others they help no reader, cost every write,
    and would leave a person's data in the transaction log."""
    return {"delta.dataSkippingStatsColumns": ", ".join(f"`{column}`" for column in columns)}
