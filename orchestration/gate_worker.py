"""Talks to the process that runs Great Expectations. Imports nothing slow, so that it can be started first."""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from regulars.home import Home
from regulars.settings import project_root

COMMAND = (sys.executable, "-m", "expectations.runner")


class GateWorker:
    """A process that runs Great Expectations. One that dies is started again, once for each request.

    Args:
        command: what is run, with a folder for what is in between as its last argument.
    """

    def __init__(self, home: Home, command: Sequence[str] = COMMAND):
        home.prepare()
        self.command = command
        self.log = (home.build / "great_expectations.log").open("w")
        self.asked: list[dict[str, Any]] = []  # by this refresh: Data Docs show what was validated
        self._start()
        atexit.register(self.stop)

    def ask(self, **request: Any) -> Any:
        """Send a request and wait for its answer.

        Raises:
            RuntimeError: when the process failed; its log lies in the build folder.
        """
        if request["do"] == "begin":
            self.asked.clear()
        reply = self._send(request)
        if reply is None:
            self.stop()
            self._start()
            for earlier in self.asked:
                self._send(earlier)
            reply = self._send(request)
        if reply is None:
            raise RuntimeError(f"Great Expectations stopped twice; see {self.log.name}")
        if "error" in reply:
            raise RuntimeError(f"Great Expectations failed: {reply['error']}; see {self.log.name}")
        self.asked.append(request)
        return reply["answer"]

    def _start(self) -> None:
        self.work = tempfile.TemporaryDirectory(prefix="regulars-gx-", ignore_cleanup_errors=True)
        self.process = subprocess.Popen(
            [*self.command, self.work.name],
            cwd=project_root(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )

    def _send(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """The reply to a request; None where the process has died."""
        assert self.process.stdin and self.process.stdout  # both are pipes
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            return None
        return json.loads(line) if line else None

    def stop(self) -> None:
        """End the process; harmless when it has ended."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
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
