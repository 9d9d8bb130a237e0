"""The process of the gates: one that dies is started again, with what this refresh asked before; twice is a failure."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from orchestration.gate_worker import GateWorker
from regulars.home import Home

# Answers each request with how many there were; dies of the word `die`, where the folder holds no file of that name.
ECHO = """
import json, pathlib, sys
count = 0
for line in sys.stdin:
    request = json.loads(line)
    mark = pathlib.Path(request.get("mark", sys.argv[1]))
    if request["do"] == "die" and not mark.is_file():
        mark.is_dir() or mark.touch()
        sys.exit("died")
    count += 1
    print(json.dumps({"answer": count}), flush=True)
"""


@pytest.fixture
def worker(tmp_path):
    worker = GateWorker(Home.at(tmp_path), [sys.executable, "-c", ECHO])
    yield worker
    worker.stop()


def test_a_worker_that_dies_is_started_again_with_what_was_asked_before(worker, tmp_path):
    assert [worker.ask(do="begin"), worker.ask(do="validate"), worker.ask(do="validate")] == [1, 2, 3]
    first = worker.process.pid
    assert worker.ask(do="die", mark=str(tmp_path / "once")) == 4
    assert worker.process.pid != first


def test_a_worker_that_was_killed_is_started_again(worker):
    worker.ask(do="begin")
    worker.process.kill()
    worker.process.wait()
    assert worker.ask(do="validate") == 2


def test_a_worker_that_dies_twice_fails_the_run(worker):
    worker.ask(do="begin")
    with pytest.raises(RuntimeError, match="stopped twice"):
        worker.ask(do="die")


def test_a_stopped_worker_leaves_no_folder(worker):
    worker.stop()
    assert not Path(worker.work.name).exists()
