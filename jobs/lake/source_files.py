"""Landing a whole CSV file with a header in a bronze table."""

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession

from expectations.schemas import TABLES
from jobs.lake import tables
from jobs.lake.errors import OperatorError
from jobs.lake.session import spark_for
from jobs.lake.settings import Settings


def land(table: str, path: str, setting: str, settings: Settings) -> None:
    """Replaces the bronze table with the rows of the file.

    Raises OperatorError when the file is not there or lacks a column; more columns than the table's are left out.
    """
    spark = spark_for(table, settings)
    tables.overwrite(_csv(spark, table, path, setting), table)


def _csv(spark: SparkSession, table: str, path: str, setting: str) -> DataFrame:
    try:
        frame = spark.read.csv(path, header=True, escape='"')
    except AnalysisException as error:
        raise OperatorError(f"{table}: cannot read {path} (setting {setting}): {error.getCondition()}") from None
    missing = [name for name in TABLES[table].names if name not in frame.columns]
    if missing:
        raise OperatorError(f"{table}: {path} (setting {setting}) lacks the columns {', '.join(missing)}")
    return frame
