"""A second source system is a folder of staging models and its name in vars.source_systems, nothing else."""

from __future__ import annotations

import shutil

import pytest
from conftest import call, orders

pytestmark = pytest.mark.e2e

SOURCES = """
sources:
  - name: kiosk
    schema: restricted
    tables:
      - name: receipts
        identifier: kiosk__receipts
        columns:
          - {name: bon, data_type: varchar}
          - {name: zeit, data_type: timestamptz}
          - {name: kunde, data_type: varchar}
          - {name: betrag, data_type: "decimal(18,4)"}
"""
MODEL = """
select
    _file_id,
    _file_row,
    bon as order_id,
    zeit as ordered_at,
    kunde as customer_id,
    cast(1 as decimal(18, 4)) as quantity,
    betrag as net_sales_amount
from {{ source('kiosk', 'receipts') }}
"""
YML = """
models:
  - name: stg_kiosk__order_lines
    columns:
      - {name: _file_id, data_type: bigint}
      - {name: _file_row, data_type: bigint}
      - {name: order_id, data_type: varchar}
      - {name: ordered_at, data_type: timestamp}
      - {name: customer_id, data_type: varchar}
      - {name: quantity, data_type: "decimal(18,4)"}
      - {name: net_sales_amount, data_type: "decimal(18,4)"}
"""


@pytest.mark.prove
def test_a_second_source_system(place, project):
    folder = project / "models" / "staging" / "kiosk"
    folder.mkdir()
    (folder / "_sources.yml").write_text(SOURCES)
    (folder / "stg_kiosk__order_lines.sql").write_text(MODEL)
    (folder / "stg_kiosk__order_lines.yml").write_text(YML)
    place.land("kiosk/receipts.csv", "bon;zeit;kunde;betrag\no1;2024-03-01 08:00;c1;5\no2;2024-03-02 08:00;c9;7\n")
    place.land("shop/order_lines.csv", orders(3))
    unlisted = call("refresh", "--home", place.root, project=project)
    assert unlisted.exit == 2, unlisted.text
    assert "stg_kiosk__order_lines.sql" in unlisted.err
    assert "this staging model is in no union" in unlisted.err

    path = project / "dbt_project.yml"
    path.write_text(path.read_text().replace("  source_systems:\n", "  source_systems:\n    kiosk: [order_lines]\n"))
    result = call("refresh", "--home", place.root, project=project)
    assert result.exit == 0, result.text
    assert place.query(
        "select source_system, count(*), sum(net_sales_amount)::int from core.fct_orders group by 1 order by 1"
    ) == [("kiosk", 2, 12), ("shop", 3, 30)]
    # The same number in two systems is two people.
    assert place.query("select count(*) from core.dim_customers") == [(5,)]
    shutil.rmtree(folder)


@pytest.mark.prove
def test_the_order_of_files_and_their_split_do_not_matter(place):
    """The same lines in three systems: as one file, in two files, and turned round."""
    header, *lines = orders(40).splitlines(keepends=True)
    # Lines of one order, without numbers, spread over files: numbered by content.
    lines += [f"basket,2024-03-05 10:00:00,c1,{n % 3 + 1},{n}.00\n" for n in range(9)] * 2
    for system, parts in {
        "one": {"a": lines},
        "split": {"b": lines[:13], "a": lines[13:]},
        "turned": {"a": lines[::-1]},
    }.items():
        for part, content in parts.items():
            place.land(f"{system}/order_lines/{part}.csv", header + "".join(content))
    place.settings("publish_source_customer_ids: true\n")
    assert place.refresh_here().exit == 0
    found = {
        system: [
            place.query(
                "select sources.source_customer_id, relation.* exclude (source_system, customer_id)"
                f" from {relation} as relation join core.bridge_customer_sources as sources using (customer_id)"
                f" where sources.source_system = '{system}' order by all"
            )
            for relation in ("core.fct_order_lines", "core.fct_orders")
        ]
        for system in ("one", "split", "turned")
    }
    assert found["one"] == found["split"] == found["turned"]
    assert len(found["one"][0]) == 58
