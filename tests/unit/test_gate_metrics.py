"""A gate's query is run once, and tells how many rows it found however many they are."""

import duckdb
import pytest
from sqlalchemy import event


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    import great_expectations as gx

    import expectations.metrics  # noqa: F401
    from expectations.runner import UNDISTURBED

    database = tmp_path_factory.mktemp("gate") / "rows.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute("create table numbers as select range as number from range(1000)")
    context = gx.get_context(mode="ephemeral")
    source = context.data_sources.add_sql("rows", connection_string=f"duckdb:///{database}", kwargs=UNDISTURBED)
    batch = source.add_table_asset("numbers", table_name="numbers").add_batch_definition_whole_table("all").get_batch()
    yield batch
    source.get_execution_engine().close()


@pytest.mark.parametrize(("below", "runs"), [(0, 1), (3, 1), (199, 1), (200, 2), (700, 2)])
def test_rows_are_counted_whether_they_are_few_or_many(batch, below, runs):
    import great_expectations as gx

    asked = []
    engine = batch.datasource.get_execution_engine().engine
    query = f"select number from {{batch}} where number < {below}"

    def listen(connection, cursor, statement, *rest):
        if f"number < {below}" in statement:
            asked.append(statement)

    event.listen(engine, "before_cursor_execute", listen)
    try:
        expectation = gx.expectations.UnexpectedRowsExpectation(unexpected_rows_query=query)
        result = batch.validate(expectation, result_format="COMPLETE")
    finally:
        event.remove(engine, "before_cursor_execute", listen)
    assert result.success == (below == 0)
    assert result.result["observed_value"] == below
    assert len(result.result["details"]["unexpected_rows"]) == min(below, 200)
    assert len(asked) == runs


def test_a_query_that_cannot_run_is_no_success(batch):
    import great_expectations as gx

    expectation = gx.expectations.UnexpectedRowsExpectation(unexpected_rows_query="select nothing from {batch}")
    assert not batch.validate(expectation, result_format="COMPLETE").success
