"""What the gate found last, read back from ops.quality."""

from pyspark.sql import Window
from pyspark.sql import functions as F

from expectations import gate
from expectations.data_docs import Checked
from expectations.gate import Outcome
from jobs.lake import tables
from jobs.lake.lake import Lake


def last_checks(lake: Lake) -> list[Checked]:
    """The last check of every table that has a suite, in the order of the layers.

    Raises OperatorError when the gate did not run yet.
    """
    newest = Window.partitionBy("table_name").orderBy(F.desc("checked_at"), F.desc("table_version"))
    place = F.rank().over(newest)
    rows = tables.read(lake, "ops.quality").withColumn("place", place).where("place = 1").collect()
    checks = []
    for name in gate.names():
        of_table = [row for row in rows if row["table_name"] == name]
        outcomes = [
            Outcome(r["expectation"], r["column_name"], r["success"], r["observed"], r["unexpected"], r["rows"])
            for r in of_table
        ]
        if of_table:
            checks.append(Checked(name, of_table[0]["table_version"], of_table[0]["checked_at"], outcomes))
    return checks
