"""What a nightly refresh needs: versions to go back to, a record of what was, somebody told, and no hand to mend crashes."""

from __future__ import annotations

import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from conftest import call_here, orders

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def shop(new_place):
    """A shop with two months, refreshed; then a third order in the second month, refreshed again."""
    place = new_place("operations")
    place.land("shop/order_lines/1.csv", orders(3, day="2024-02-10"))
    place.land("shop/order_lines/2.csv", orders(2, day="2024-03-01", first=10))
    assert place.refresh_here().exit == 0
    place.first = place.warehouse.resolve().parent
    place.land("shop/order_lines/3.csv", orders(1, day="2024-03-02", first=20))
    assert place.refresh_here().exit == 0
    place.second = place.warehouse.resolve().parent
    return place


def test_months_that_did_not_change_are_linked(shop):
    """February's file is the one of the last version; March's is new, and every file holds what its table does."""

    def file(version, month: str):
        return version / "parquet/core/fct_order_lines" / f"order_month={month}" / "fct_order_lines.parquet"

    assert file(shop.first, "2024-02").stat().st_ino == file(shop.second, "2024-02").stat().st_ino
    assert file(shop.first, "2024-03").stat().st_ino != file(shop.second, "2024-03").stat().st_ino
    assert parquet_differs(shop) == []


def parquet_differs(shop) -> list[str]:
    """Relations whose Parquet files do not hold the rows of their table."""
    version = shop.warehouse.resolve().parent
    found = []
    for name in json.loads((version / "manifest.json").read_text())["rows"]:
        place = version / "parquet" / name.replace(".", "/")
        files = f"{place}/*/*.parquet" if place.is_dir() else f"{place}.parquet"
        rows = f"select * from read_parquet('{files}', hive_partitioning = false)"
        for one, other in ((rows, f"select * from {name}"), (f"select * from {name}", rows)):
            if shop.query(f"({one}) except all ({other})"):
                found.append(name)
    return found


@pytest.mark.prove
def test_what_changed_is_written_though_as_many_rows(place):
    """A price is corrected, and a file of the last version is damaged: neither is taken over."""
    place.land("shop/order_lines/1.csv", orders(3, day="2024-02-10"))
    place.land("shop/order_lines/2.csv", orders(2, day="2024-03-01", first=10))
    assert place.refresh_here().exit == 0
    last = place.warehouse.resolve().parent / "parquet/core"
    (last / "fct_orders/order_month=2024-02/fct_orders.parquet").write_bytes(b"PAR1 no more")
    place.land("shop/order_lines/2.csv", orders(2, day="2024-03-01", first=10).replace("10.00", "11.00"))
    assert place.refresh_here().exit == 0
    assert place.query("select sum(net_sales_amount) from core.fct_orders") == [(52,)]
    assert parquet_differs(place) == []


def test_a_version_can_be_put_back(shop):
    assert shop.query("select count(*) from core.fct_orders") == [(6,)]
    back = call_here("rollback", "--home", shop.root)
    assert back.exit == 0 and shop.first.name in back.out
    assert shop.query("select count(*) from core.fct_orders") == [(5,)]
    told = call_here("status", "--home", shop.root)
    assert told.exit == 0
    lines = told.out.splitlines()
    assert ["published" in line and "checks passed" in line for line in lines[:2]] == [True, True]
    assert "rows (+" in lines[0]
    assert [shop.first.name in line for line in lines if "←" in line] == [True]
    nothing = call_here("rollback", "--home", shop.root)
    assert nothing.exit == 2 and "no earlier version" in nothing.err and shop.second.name in nothing.err
    again = call_here("rollback", shop.second.name, "--home", shop.root)
    assert again.exit == 0
    assert shop.query("select count(*) from core.fct_orders") == [(6,)]


def test_versions_keep_their_order_when_the_clock_is_set_back(shop):
    """The first version claims to be from next century; still the one that replaced it is newer."""
    from orchestration.publication import Publication
    from regulars.home import Home

    manifest = shop.first / "manifest.json"
    content = manifest.read_text()
    manifest.write_text(json.dumps({**json.loads(content), "published_at": "2124-01-01T00:00:00+00:00"}))
    try:
        names = [version.path.name for version in Publication(Home.at(shop.root)).versions()]
    finally:
        manifest.write_text(content)
    assert names == [shop.second.name, shop.first.name]


@pytest.mark.prove
def test_out_of_memory_leaves_the_last_version(shop):
    """Sixteen megabytes are not enough: said with the setting that helps, and nothing else changes."""
    before, counted = shop.warehouse.resolve(), shop.query("select count(*) from core.fct_orders")
    shop.settings("memory_limit: 16MB\n")
    shop.land("shop/order_lines/4.csv", orders(1, day="2024-03-03", first=30))
    stopped = shop.refresh_here()
    assert stopped.exit == 2
    assert "Out of Memory" in stopped.messages[0] and "memory_limit in regulars.yml" in stopped.messages[0]
    assert shop.warehouse.resolve() == before and shop.query("select count(*) from core.fct_orders") == counted
    (shop.landing / "shop/order_lines/4.csv").unlink()
    shop.settings("")


class Receiver(BaseHTTPRequestHandler):
    """Keeps what is posted to it."""

    got: list[dict]

    def do_POST(self) -> None:
        self.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_) -> None:
        pass


def test_somebody_is_told_of_a_failure(place, tmp_path, monkeypatch):
    """A gate stops: command and web address get one line of cause, and no value of any row."""
    Receiver.got = []
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("ALERTS", f"http://127.0.0.1:{server.server_port}/")
    heard = tmp_path / "heard.json"
    place.settings(f"notify:\n  webhook: ALERTS\n  command: cat > {heard}\n")
    place.land("shop/order_lines.csv", orders(3) + "o9,2024-03-01,zaphod@heart.example,many,1\n")
    try:
        stopped = place.call_here()
    finally:
        server.shutdown()
    assert stopped.exit == 3, stopped.text
    (told,) = Receiver.got
    assert json.loads(heard.read_text()) == told
    assert told["outcome"] == "stopped_by_gate" and told["exit"] == 3 and told["home"] == place.root.name
    assert "quarantine" in told["cause"] and "\n" not in told["cause"] and "zaphod" not in json.dumps(told)
    status = call_here("status", "--home", place.root)
    assert "stopped by gate" in status.out and "quarantine" in status.out


@pytest.mark.parametrize(
    ("webhook", "told"),
    [
        ("http://127.0.0.1:9/secret-token", "URLError"),
        ("http://127.0.0.1:9/secret token", "InvalidURL"),
        ("FORGOT_THE_SCHEME", "begin with https"),
        ("NO_SUCH_VARIABLE", "NO_SUCH_VARIABLE is not set"),
    ],
)
def test_nobody_listening_is_said_and_changes_nothing(tmp_path, monkeypatch, webhook, told):
    from regulars.errors import Exit
    from regulars.home import Home
    from regulars.notify import notify
    from regulars.settings import NotifySettings

    monkeypatch.setenv("FORGOT_THE_SCHEME", "hooks.example.com/secret-token")
    home = Home.at(tmp_path)
    home.settings.notify = NotifySettings.model_construct(command="exit 4", webhook=webhook)
    command, failed = notify(home, Exit.FAULT, "run", "what\nmore")
    assert "command" in command and "4" in command
    assert told in failed and "secret" not in failed


def test_a_fault_is_told_by_its_kind():
    """An engine quotes the value that it stumbled over: that stays in the home."""
    from regulars.errors import Exit
    from regulars.notify import cause_of

    quoted = "Conversion Error: Could not convert string 'jane.doe@example.com' to INT32\nLINE 1: ..."
    assert cause_of(Exit.FAULT, quoted) == "Conversion Error"
    assert cause_of(Exit.STOPPED_BY_GATE, "gate x: expected: y\n    row=jane") == "gate x: expected: y"
    assert cause_of(Exit.UNUSABLE, "file \udce9\0") == "file ?"


def test_the_engine_is_held_to_what_it_may_take(tmp_path):
    from orchestration.warehouse import Warehouse
    from regulars.home import MOST_MEMORY, Home

    def limits(settings: str) -> tuple:
        tmp_path.joinpath("regulars.yml").write_text(settings)
        home = Home.at(tmp_path)
        home.prepare()
        with Warehouse(home).connect() as connection:
            return connection.execute(
                "select current_setting('memory_limit'), current_setting('threads')"
            ).fetchone(), home.engine

    (memory, threads), _ = limits("memory_limit: 512MiB\nthreads: 1\n")
    assert (memory, threads) == ("512.0 MiB", 1)
    _, engine = limits("")
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert int(str(engine["memory_limit"]).removesuffix("MiB")) << 20 <= min(machine // 2, MOST_MEMORY)
    assert engine["threads"] == os.cpu_count()


def test_a_dead_run_is_recognised_and_a_broken_build_file_made_again(shop):
    """Killed in the middle; the build file is then overwritten with garbage: the next refresh mends both by itself."""
    before, counted = shop.warehouse.resolve(), shop.query("select count(*) from core.fct_orders")
    shop.land("shop/order_lines/more.csv", orders(10, first=1000))
    lock = shop.root / "build" / "refresh.lock"
    lock.write_text("")
    process = shop.begin()
    while process.poll() is None and not lock.read_text().startswith("run "):
        time.sleep(0.05)
    time.sleep(2)
    assert process.poll() is None
    shop.kill(process)
    assert shop.warehouse.resolve() == before and shop.query("select count(*) from core.fct_orders") == counted
    assert lock.read_text().startswith("run "), "what the dead process wrote is still there, and holds nothing"

    from orchestration import runs
    from regulars.home import Home

    home = Home.at(shop.root)
    home.export()
    assert not home.is_locked()
    assert runs.recent(home, 1)[0].outcome == "died"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "SURELY_LOCKED_SECONDS", 0)
        patch.setattr(runs, "LOOK_AGAIN_SECONDS", 0)
        assert runs.forget_dead_runs(home) == 1
        assert runs.forget_dead_runs(home) == 0
    home.database.write_bytes(os.urandom(200_000))
    assert shop.refresh_here().exit == 0
    assert shop.query("select count(*) from core.fct_orders") == [(counted[0][0] + 10,)]
    assert [past.outcome for past in runs.recent(home, 2)] == ["published", "died"]
