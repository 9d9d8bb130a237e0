"""A PostgreSQL of a test's own: started from Debian's package, on a socket only, gone afterwards."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

PASSWORD = "s3cr3t-Pa55"


def programs() -> Path | None:
    """Folder of initdb and pg_ctl; Debian keeps them off the path."""
    found = shutil.which("initdb")
    if found and shutil.which("pg_ctl"):
        return Path(found).resolve().parent
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(folders, key=lambda folder: float(folder.parent.name), default=None)


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Address of a fresh server, for SQLAlchemy and psycopg."""
    # A socket's path may have 107 bytes: pytest's folders are often too long.
    root = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    user: dict = {}
    if os.geteuid() == 0:  # PostgreSQL refuses root
        postgres = pwd.getpwnam("postgres")
        os.chown(root, postgres.pw_uid, postgres.pw_gid)
        user = {"user": postgres.pw_uid, "group": postgres.pw_gid, "extra_groups": []}
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")} | {"LC_ALL": "C.UTF-8"}

    def run(program: str, *arguments: str) -> None:
        with (root / "errors").open("ab+") as errors:
            done = subprocess.run(
                [programs() / program, *arguments], cwd=root, env=environment, timeout=60, check=False,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, **user,
            )  # fmt: skip
        assert done.returncode == 0, (root / "errors").read_text(errors="replace")

    try:
        password = root / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        data = str(root / "data")
        run(
            "initdb",
            "-D",
            data,
            "-U",
            "app",
            "--pwfile",
            str(password),
            "-A",
            "scram-sha-256",
            "-E",
            "UTF8",
            "--no-sync",
        )
        options = f"-c listen_addresses='' -c unix_socket_directories={root} -c fsync=off -c timezone=UTC"
        run("pg_ctl", "-D", data, "-w", "-t", "60", "-l", str(root / "log"), "-o", options, "start")
        try:
            yield f"postgresql://app:{quote(PASSWORD, safe='')}@/postgres?host={root}"
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(root, ignore_errors=True)
