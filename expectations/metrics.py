"""One metric of Great Expectations, spared work: importing this module puts it in place.

A query for unexpected rows is run twice there, for the rows (at most 200) and for their number. What found fewer rows
is counted by them: over a hundred million lines the gates take half the time.
"""

from __future__ import annotations

from typing import Any

from great_expectations.constants import MAX_RESULT_RECORDS
from great_expectations.execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.query_metrics.query_row_count.unexpected_rows_query_row_count import (
    UnexpectedRowsQueryRowCount,
)
from great_expectations.validator.metric_configuration import MetricConfiguration

ROWS = "unexpected_rows_query.table"


class CountOfFoundRows(UnexpectedRowsQueryRowCount):
    """How many rows a query finds: those that were fetched, counted by the engine only where there may be more."""

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, execution_engine, metric_domain_kwargs, metric_value_kwargs, metrics, runtime_configuration):
        found = len(metrics[ROWS])
        if found < MAX_RESULT_RECORDS:
            return found
        return UnexpectedRowsQueryRowCount._sqlalchemy(
            cls, execution_engine, metric_domain_kwargs, metric_value_kwargs, metrics, runtime_configuration
        )

    @classmethod
    def _get_evaluation_dependencies(
        cls, metric, configuration=None, execution_engine=None, runtime_configuration=None
    ) -> dict[str, Any]:
        rows = MetricConfiguration(ROWS, metric.metric_domain_kwargs, metric.metric_value_kwargs)
        others = super()._get_evaluation_dependencies(metric, configuration, execution_engine, runtime_configuration)
        return {**others, ROWS: rows}
