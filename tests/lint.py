"""Lints models: sqlfluff on SQL, dbt-bouncer on the manifest. Parses the project into target/bouncer first."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
ARTIFACTS = ROOT / "target" / "bouncer"


def run(*command: str | Path) -> None:
    """Run a tool from the project's root; its failure is ours."""
    done = subprocess.run(command, cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    os.environ["REGULARS_BUILD"] = str(ARTIFACTS)
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    run(BIN / "dbt", "--quiet", "parse", "--target-path", ARTIFACTS, "--profiles-dir", ROOT)
    run(BIN / "dbt-bouncer", "run", "--config-file", "pyproject.toml")
    run(BIN / "sqlfluff", "lint", "models", "tests/data", "--processes", "2")
