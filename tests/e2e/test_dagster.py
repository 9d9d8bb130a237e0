"""`dagster dev` from the root shows the job, assets, checks, schedule and sensor; runs are seen in one place."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import dagster as dg
import pytest
from conftest import PROJECT, orders

from regulars.home import Home

pytestmark = pytest.mark.e2e

QUESTION = """{
  repositoriesOrError { ... on RepositoryConnection { nodes {
    jobs { name } schedules { name } sensors { name } assetNodes { assetKey { path } groupName description
      hasMaterializePermission assetChecksOrError { ... on AssetChecks { checks { name blocking } } } }
  } } }
  runsOrError { ... on Runs { results { jobName status } } }
}"""


def ask(port: int, question: str) -> dict:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        json.dumps({"query": question}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)["data"]


@pytest.fixture(scope="module")
def shop(new_place):
    place = new_place("dagster")
    place.land("shop/order_lines.csv", orders(5))
    place.settings("nightly_at: '02:15'\ntime_zone: Asia/Shanghai\n")
    assert place.refresh().exit == 0
    return place


def test_dagster_dev_answers(shop):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "regulars.cli", "dev", "--home", shop.root, "--port", str(port)],
        cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 90
        nodes: list = []
        while not nodes and time.monotonic() < deadline:
            try:
                data = ask(port, QUESTION)
                nodes = data["repositoriesOrError"].get("nodes", [])
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.5)
        assert nodes, "dagster dev did not answer"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(timeout=30)
        except subprocess.TimeoutExpired:  # busy machines: its five processes end one after the other
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
    repository = nodes[0]
    assert "refresh" in {job["name"] for job in repository["jobs"]}
    assert [schedule["name"] for schedule in repository["schedules"]] == ["nightly"]
    assert [sensor["name"] for sensor in repository["sensors"]] == ["arrivals", "dead_runs", "failures"]
    assets = {"/".join(node["assetKey"]["path"]): node for node in repository["assetNodes"]}
    for key in (
        "canonical/order_lines",
        "complete_journey/transactions",
        "profiling/customer_rfm",
        "published/warehouse",
    ):
        assert key in assets
    assert assets["profiling/customer_rfm"]["groupName"] == "profiling"
    checks = {check["name"]: check for check in assets["quality/load_history"]["assetChecksOrError"]["checks"]}
    assert checks["incoming_load_history"]["blocking"]
    # The command line's run stands in the same list.
    assert {"jobName": "refresh", "status": "SUCCESS"} in data["runsOrError"]["results"]


def test_a_run_whose_process_died_is_started_once_more_and_a_stopped_one_is_not(shop):
    from orchestration.definitions import build

    Home.at(shop.root).export()
    job = build().resolve_job_def("refresh")
    with dg.DagsterInstance.get() as instance:
        died = instance.create_run_for_job(job)
        assert job.tags["dagster/retry_strategy"] == "ALL_STEPS"
        instance.report_run_failed(died)
        assert instance.get_run_by_id(died.run_id).tags["dagster/will_retry"] == "true"
        typed = instance.create_run_for_job(job, tags={"dagster/max_retries": "0"})
        instance.report_run_failed(typed)
        assert instance.get_run_by_id(typed.run_id).tags["dagster/will_retry"] == "false"
        assert not instance.run_retries_retry_on_asset_or_op_failure


def test_schedule_and_sensor_start_the_same_job(shop):
    Home.at(shop.root).export()
    from orchestration.definitions import build

    repository = build().get_repository_def()
    schedule = repository.get_schedule_def("nightly")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("15 2 * * *", "Asia/Shanghai")
    assert schedule.job_name == "refresh"
    sensor = repository.get_sensor_def("arrivals")
    assert sensor.job_name == "refresh"

    def evaluate(cursor=None):
        with dg.build_sensor_context(
            instance=dg.DagsterInstance.get(), cursor=cursor, repository_def=repository
        ) as context:
            return sensor.evaluate_tick(context)

    assert "as it was published" in evaluate().skip_message
    added = shop.land("shop/order_lines/more.csv", orders(5, first=50))
    tick = evaluate()
    assert len(tick.run_requests) == 1
    assert "tried before" in evaluate(tick.cursor).skip_message
    # Added, then taken away again: nothing to do; added again: a new try.
    added.unlink()
    assert "as it was published" in evaluate(tick.cursor).skip_message
    shop.land("shop/order_lines/more.csv", orders(6, first=50))
    assert len(evaluate(tick.cursor).run_requests) == 1


def test_materializations_carry_rows_seconds_and_previews(corner_shop):
    Home.at(corner_shop.root).export()
    record = dg.DagsterInstance.get().get_latest_materialization_event(dg.AssetKey(["profiling", "customer_rfm"]))
    metadata = record.asset_materialization.metadata
    assert metadata["dagster/row_count"].value == 5
    assert metadata["preview"].value.startswith("| customer_id | as_of_date |")
    assert metadata["Execution Duration"].value > 0
