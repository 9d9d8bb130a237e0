"""Readers who query all the while get no error and never see half a refresh."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys

import pytest
from conftest import orders

pytestmark = pytest.mark.e2e

# Reads as a BI tool does: opens by the published path, asks several relations, closes; Parquet and manifest too.
READER = """
import json, sys, time
from pathlib import Path
import duckdb
published, stop = Path(sys.argv[1]), Path(sys.argv[2])
reads, versions = 0, set()
print("reading", flush=True)
while not stop.exists():
    version = published.resolve()
    manifest = json.loads((version / "manifest.json").read_text())
    with duckdb.connect(str(published / "warehouse.duckdb"), read_only=True) as connection:
        run, = connection.execute("select run_id from quality.run_info").fetchone()
        counts = connection.execute(
            "select (select count(*) from core.fct_order_lines), (select sum(line_count) from core.fct_orders),"
            " (select count(*) from profiling.customer_360), (select count(*) from core.dim_customers),"
            " (select accepted from quality.load_history where status = 'current')"
        ).fetchone()
    parquet = duckdb.sql(f"select count(*) from read_parquet('{version}/parquet/core/fct_orders/*/*.parquet')").fetchone()[0]
    assert len(set(counts)) == 1, counts
    assert parquet == manifest["rows"]["core.fct_orders"], (parquet, manifest)
    reads += 1
    versions.add(run)
print(json.dumps({"reads": reads, "versions": len(versions)}))
"""


@pytest.mark.prove
def test_readers_see_the_old_or_the_new_version_whole(place, tmp_path):
    stop = tmp_path / "stop"
    place.land("shop/order_lines.csv", orders(50))
    assert place.refresh_here().exit == 0
    readers = [
        subprocess.Popen([sys.executable, "-c", READER, place.root / "published", stop],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]  # fmt: skip
    try:
        for reader in readers:
            assert reader.stdout.readline() == "reading\n"
        for count in (60, 70):
            place.land("shop/order_lines.csv", orders(count))
            assert place.refresh_here().exit == 0
    finally:
        stop.touch()
    for reader in readers:
        out, err = reader.communicate(timeout=60)
        assert reader.returncode == 0, err
        told = json.loads(out)
        assert told["reads"] > 5
        assert told["versions"] >= 2
    assert len(list((place.root / "versions").iterdir())) == 2


def test_the_published_folder_holds_no_restricted_content(place):
    """Names, mails, phones and cards of good and of quarantined rows are nowhere under published/."""
    secrets = ["Zaphod Beeblebrox", "zaphod@heart.example", "+1-555-0199", "CARD-77-88", "12 Improbability Row", "QZ9-1XX",
               "Marvin Paranoid", "marvin@heart.example", "1979-10-12"]  # fmt: skip
    place.settings("quarantine_limit_rate: 1\n")
    place.land("shop/order_lines.csv", "order_id,ordered_at,customer_id,quantity,unit_price,loyalty_card_id\n"
               "1,2024-01-01,cust-zaphod-42,1,1,CARD-77-88\n2,2024-01-01,cust-marvin-43,many,1,CARD-77-88\n")  # fmt: skip
    place.land(
        "shop/customers.csv",
        "customer_id,full_name,email,phone,loyalty_card_id,street,postal_code,birth_date,updated_at\n"
        "cust-zaphod-42,Zaphod Beeblebrox,zaphod@heart.example,+1-555-0199,CARD-77-88,12 Improbability Row,QZ9-1XX,1979-10-12,\n"
        "cust-marvin-43,Marvin Paranoid,marvin@heart.example,,,,,not a day,\n",
    )
    outcome = place.refresh_here()
    assert outcome.exit == 0, outcome.messages
    assert place.query("select count(*) from quality.quarantined_rows") == [(2,)]
    assert place.query("select age_band from core.dim_customers where age_band is not null") == [("35-44",)]
    published = place.root / "published"
    dump = " ".join(
        str(row)
        for (name,) in place.query("select schema_name || '.' || table_name from duckdb_tables()")
        for row in place.query(f"select * from {name}")
    )
    content = {path: path.read_bytes() for path in published.resolve().rglob("*") if path.is_file()}
    for secret in [*secrets, "cust-zaphod-42", "cust-marvin-43"]:
        assert secret not in dump, secret
        for path, data in content.items():
            assert secret.encode() not in data, (secret, path)


def test_pseudonyms_follow_the_key(corner_shop, place, monkeypatch):
    def ids(place) -> set[str]:
        return {row[0] for row in place.query("select customer_id from core.dim_customers")}

    place.land("shop/order_lines.csv", orders(5))
    monkeypatch.setenv("REGULARS_KEY", "a key")
    assert place.refresh_here().exit == 0
    # Computed here by the published rule: SHA-256 of key, kind, source system and number.
    assert ids(place) == {hashlib.sha256(f"a key|person|shop|c{n}".encode()).hexdigest()[:32] for n in range(1, 6)}
    assert len(ids(corner_shop)) == 5
    assert not ids(place) & ids(corner_shop)


@pytest.mark.prove
def test_rows_stay_as_they_were_when_the_landing_zone_is_cleaned_up(place):
    place.land("shop/_source.yml", "time_zone: Asia/Tokyo\n")
    place.land("shop/order_lines.csv", orders(3, day="2024-03-01"))
    place.land("shop/order_lines/late.csv", orders(1, first=9).replace("10:00:00", "03:00:00"))
    assert place.refresh_here().exit == 0
    before = place.query("select order_id, ordered_at, order_date from core.fct_orders order by 1")
    shutil.rmtree(place.landing / "shop")
    place.land("web/order_lines.csv", orders(2, first=50))
    assert place.refresh_here().exit == 0
    assert (
        place.query(
            "select order_id, ordered_at, order_date from core.fct_orders where source_system = 'shop' order by 1"
        )
        == before
    )


def fails_to_write(*arguments):
    raise OSError(28, "No space left on device")


def test_what_cannot_be_written_leaves_the_last_version(place, monkeypatch):
    """Neither Parquet, nor the copy of the marts."""
    place.land("shop/order_lines.csv", orders(5))
    assert place.refresh_here().exit == 0
    last = (place.root / "published").resolve()
    place.land("shop/order_lines.csv", orders(6))
    for name, broken in (("_Writer._put", fails_to_write), ("WAREHOUSE", "nowhere/warehouse.duckdb")):
        with monkeypatch.context() as patch:
            patch.setattr(f"orchestration.version.{name}", broken)
            refused = place.refresh_here()
        assert refused.exit == 2, refused.messages
        assert "the published warehouse can't be written" in "".join(refused.messages)
        assert (place.root / "published").resolve() == last
        assert not list((place.root / "versions").glob(".*"))
    assert place.refresh_here().exit == 0
    assert place.query("select count(*) from core.fct_orders") == [(6,)]
