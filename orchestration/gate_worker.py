"""Talks to the process that runs Great Expectations. Imports nothing slow, so that it can be started first."""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
import tempfile
from typing import Any

from regulars.home import Home
from regulars.settings import project_root


class GateWorker:
    """A process that runs Great Expectations."""

    def __init__(self, home: Home):
        home.prepare()
        self.log = (home.build / "great_expectations.log").open("w")
        self.work = tempfile.TemporaryDirectory(prefix="regulars-gx-", ignore_cleanup_errors=True)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "expectations.runner", self.work.name],
            cwd=project_root(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        atexit.register(self.stop)

    def ask(self, **request: Any) -> Any:
        """Send a request and wait for its answer.

        Raises:
            RuntimeError: when the process failed; its log lies in the build folder.
        """
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RuntimeError(f"Great Expectations stopped; see {self.log.name}")
        reply = json.loads(line)
        if "error" in reply:
            raise RuntimeError(f"Great Expectations failed: {reply['error']}; see {self.log.name}")
        return reply["answer"]

    def stop(self) -> None:
        """End the process; harmless when it has ended."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.log.close()
        self.work.cleanup()


_worker: GateWorker | None = None


def warm_up(home: Home) -> GateWorker:
    """Start the process now, for a refresh that will need it in some seconds; one serves all refreshes of a process."""
    global _worker
    if _worker is None or _worker.process.poll() is not None:
        _worker = GateWorker(home)
    return _worker


def begin(home: Home) -> GateWorker:
    """The process, ready for a new refresh: what it validated before is forgotten."""
    worker = warm_up(home)
    worker.ask(do="begin")
    return worker
