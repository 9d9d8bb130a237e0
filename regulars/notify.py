"""Tells somebody that a refresh failed: a command, a web address, or both, as regulars.yml says under `notify`."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from datetime import UTC, datetime

from regulars.errors import Exit
from regulars.home import Home

SECONDS = 10


def first_line(message: str) -> str:
    """The cause in one line: rows and values that follow in a message may be personal and stay here."""
    return message.strip().splitlines()[0] if message.strip() else "unknown"


def notify(home: Home, outcome: Exit, run_id: str, message: str) -> list[str]:
    """Send what failed; returns what could not be told, for a log. Never raises: a refresh fails for its own reasons.

    The command gets the JSON on standard input and the cause as REGULARS_CAUSE; the web address gets it by POST.
    """
    settings = home.settings.notify
    cause = first_line(message)
    told = {
        "home": home.root.name,
        "outcome": outcome.name.lower(),
        "exit": int(outcome),
        "run_id": run_id,
        "cause": cause,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    content = json.dumps(told, ensure_ascii=False)
    failed = []
    if settings.command:
        environment = {**os.environ, "REGULARS_CAUSE": cause}
        try:
            subprocess.run(
                settings.command, shell=True, check=True, input=content, text=True, timeout=SECONDS, env=environment
            )
        except (OSError, subprocess.SubprocessError) as error:
            failed.append(f"notify.command: {first_line(str(error))}")
    if settings.webhook:
        try:
            address = _address(settings.webhook)
            request = urllib.request.Request(
                address, content.encode(), {"Content-Type": "application/json; charset=utf-8"}
            )
            with urllib.request.urlopen(request, timeout=SECONDS):
                pass
        except (OSError, ValueError) as error:
            # Never the address itself, which may be a secret.
            failed.append(f"notify.webhook: {type(error).__name__}: {getattr(error, 'reason', error)}")
    return failed


def _address(given: str) -> str:
    if given.startswith("http"):
        return given
    if given not in os.environ:
        raise ValueError(f"the environment variable {given} is not set")
    return os.environ[given]
