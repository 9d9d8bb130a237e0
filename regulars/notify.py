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


def cause_of(outcome: Exit, message: str) -> str:
    """The cause in one line, fit to leave the home.

    Rows and values that follow in a message may be personal and stay here; so does all but the kind of an unforeseen
    fault, for an engine quotes the value that it stumbled over.
    """
    line = message.strip().splitlines()[0] if message.strip() else "unknown"
    if outcome is Exit.FAULT:
        line = line.split(":")[0][:80]
    return line.encode("utf-8", "replace").decode().replace("\0", "")


def notify(home: Home, outcome: Exit, run_id: str, message: str) -> list[str]:
    """Send what failed; returns what could not be told, for a log. Never raises: a refresh fails for its own reasons.

    The command gets the JSON on standard input and the cause as REGULARS_CAUSE; the web address gets it by POST.
    """
    settings = home.settings.notify
    cause = cause_of(outcome, message)
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
        environment = {name: value for name, value in os.environ.items() if name != "REGULARS_KEY"}
        environment["REGULARS_CAUSE"] = cause
        try:
            subprocess.run(
                settings.command, shell=True, check=True, input=content, text=True, timeout=SECONDS, env=environment
            )
        except Exception as error:
            failed.append(f"notify.command: {type(error).__name__}: {getattr(error, 'returncode', '')}".rstrip(": "))
    if settings.webhook:
        address = settings.webhook if "/" in settings.webhook else os.environ.get(settings.webhook)
        # Never the address itself, which may be a secret.
        if address is None:
            failed.append(f"notify.webhook: the environment variable {settings.webhook} is not set")
        elif not address.startswith(("http://", "https://")):
            failed.append("notify.webhook: the address does not begin with https://")
        else:
            try:
                request = urllib.request.Request(
                    address, content.encode(), {"Content-Type": "application/json; charset=utf-8"}
                )
                with urllib.request.urlopen(request, timeout=SECONDS):
                    pass
            except Exception as error:
                failed.append(f"notify.webhook: {type(error).__name__} {getattr(error, 'code', '')}".rstrip())
    return failed
