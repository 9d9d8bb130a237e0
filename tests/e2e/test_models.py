"""dbt's own unit tests: hand-checked rows for tricky models. They are for developers, so a refresh leaves them out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT

pytestmark = pytest.mark.e2e


def test_dbt_unit_tests(corner_shop):
    build = corner_shop.root / "build"
    done = subprocess.run(
        [Path(sys.executable).parent / "dbt", "test", "--select", "test_type:unit", "--project-dir", PROJECT,
         "--profiles-dir", PROJECT, "--target-path", build / "dbt_unit", "--log-path", build / "dbt_unit"],
        cwd=build, env={**os.environ, "REGULARS_BUILD": str(build)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    # By name: dbt counts the hook at the start of a run as one more that passed.
    assert len(re.findall(r"PASS \w+::\w+", done.stdout)) == 2, done.stdout
    assert "WARN=0 ERROR=0" in done.stdout
    assert "Deprecated" not in done.stdout
