"""What Great Expectations lacks on Spark: a fast uniqueness, a rule over several columns, columns without nested ones.

Its own uniqueness sorts whole rows in a window; here rows are grouped by a 64-bit hash of the key. Equal keys
have equal hashes, so "no hash twice" proves the key unique; only when a hash occurs twice are the keys counted.
"""

from typing import Any, ClassVar

from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.core.metric_function_types import MetricPartialFunctionTypes
from great_expectations.execution_engine import SparkDFExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.metric_provider import metric_partial, metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
from pyspark.sql import Column
from pyspark.sql import functions as F

SHARING_A_KEY = "table.rows_sharing_a_key"
BREAKING_A_RULE = "table.rows_breaking_a_rule"
TOP_COLUMNS = "table.top_columns"


class ExpectKeyToBeUnique(BatchExpectation):
    """No two rows agree in all of `key`. Unexpected: every row whose key another row has too."""

    key: list[str]

    metric_dependencies: ClassVar[tuple[str, ...]] = (SHARING_A_KEY,)
    success_keys: ClassVar[tuple[str, ...]] = ("key",)
    args_keys: ClassVar[tuple[str, ...]] = ("key",)

    def _validate(self, metrics: dict[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
        return _verdict(metrics[SHARING_A_KEY])


class ExpectRowsToSatisfy(BatchExpectation):
    """The Spark SQL condition `rule` holds in every row. As in a CHECK constraint, null counts as holding."""

    rule: str

    metric_dependencies: ClassVar[tuple[str, ...]] = (BREAKING_A_RULE,)
    success_keys: ClassVar[tuple[str, ...]] = ("rule",)
    args_keys: ClassVar[tuple[str, ...]] = ("rule",)

    def _validate(self, metrics: dict[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
        return _verdict(metrics[BREAKING_A_RULE])


class ExpectColumnsToBe(BatchExpectation):
    """The table has exactly these columns, in this order. The library's own counts fields of a struct as columns."""

    columns: list[str]

    metric_dependencies: ClassVar[tuple[str, ...]] = (TOP_COLUMNS,)
    success_keys: ClassVar[tuple[str, ...]] = ("columns",)
    args_keys: ClassVar[tuple[str, ...]] = ("columns",)

    def _validate(self, metrics: dict[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
        seen = metrics[TOP_COLUMNS]
        return {"success": seen == self.columns, "result": {"observed_value": seen}}


class RowsSharingAKey(TableMetricProvider):
    metric_name = SHARING_A_KEY
    value_keys = ("key",)

    @metric_value(engine=SparkDFExecutionEngine)
    def _spark(
        cls,
        execution_engine: SparkDFExecutionEngine,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        **_: Any,
    ) -> int:
        frame = execution_engine.get_domain_records(domain_kwargs=metric_domain_kwargs)
        key = metric_value_kwargs["key"]

        def shared(*by: Column) -> int:
            groups = frame.select(*by).groupBy(*[F.col(name) for name in frame.select(*by).columns])
            row = groups.agg(F.count("*").alias("_rows")).where("_rows > 1").agg(F.sum("_rows")).first()
            return int(row[0] or 0) if row else 0

        return shared(F.xxhash64(*key).alias("_hash")) and shared(*[F.col(name) for name in key])


class RowsBreakingARule(TableMetricProvider):
    metric_name = BREAKING_A_RULE
    value_keys = ("rule",)

    # An aggregate: Great Expectations computes it in the one pass that counts nulls and ranges.
    @metric_partial(
        engine=SparkDFExecutionEngine,
        partial_fn_type=MetricPartialFunctionTypes.AGGREGATE_FN,
        domain_type=MetricDomainTypes.TABLE,
    )
    def _spark(
        cls, metric_domain_kwargs: dict[str, Any], metric_value_kwargs: dict[str, Any], **_: Any
    ) -> tuple[Column, dict[str, Any], dict[str, Any]]:
        return F.count_if(~F.expr(metric_value_kwargs["rule"])), metric_domain_kwargs, {}


class TopColumns(TableMetricProvider):
    metric_name = TOP_COLUMNS

    @metric_value(engine=SparkDFExecutionEngine)
    def _spark(
        cls, execution_engine: SparkDFExecutionEngine, metric_domain_kwargs: dict[str, Any], **_: Any
    ) -> list[str]:
        return list(execution_engine.get_domain_records(domain_kwargs=metric_domain_kwargs).columns)


def _verdict(unexpected: int) -> dict[str, Any]:
    return {"success": unexpected == 0, "result": {"unexpected_count": unexpected}}
