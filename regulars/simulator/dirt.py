"""Dirty rows of every kind, in files of their own among sound rows, and what must become of each.

No planted row is one of the retailer's own: whoever leaves them out has the same retailer.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import duckdb

from regulars.simulator.plan import Plan

# kind of fault -> how the row of its own order is spoilt; two rows where a fault takes two
TILL_FAULTS = {
    "ragged_row": lambda row: [row[:5]],
    "unreadable_value": lambda row: [_with(row, 7, "many")],
    "required_missing": lambda row: [_with(row, 7, "")],
    "event_date_too_early": lambda row: [_with(row, 2, "1970-01-01 10:00:00")],
    "event_date_in_future": lambda row: [_with(row, 2, "2999-01-01 10:00:00")],
    "number_not_finite": lambda row: [_with(row, 8, "inf")],
    "key_conflict": lambda row: [row, _with(row, 13, "barter")],
    "order_two_customers": lambda row: [row, _with(_with(row, 1, "2"), 3, "99999998")],
    "amounts_disagree": lambda row: [_with(row, 11, str(float(row[11]) + 50))],
}
CONTACT_FAULTS = {
    "reference_missing": lambda row: [_with(row, 0, "K99")],
    "unreadable_value": lambda row: [_with(row, 3, "perhaps")],
}
CUSTOMER_FAULTS = {
    "unreadable_value": lambda row: [_with(row, 10, "not a day")],
    "required_missing": lambda row: [_with(row, 0, "")],
}


def _with(row: list[str], place: int, value: str) -> list[str]:
    return [*row[:place], value, *row[place + 1 :]]


def write(plan: Plan, out: Path, connection: duckdb.DuckDBPyConnection) -> None:
    """Add `zz-dirty` files to the landing zone, and truth/dirty_rows.csv: file, line, fate and reason of each row."""
    truth: list[tuple[str, str, str, int, str, str]] = []
    _delimited(plan, out, connection, truth, "till", "order_lines", TILL_FAULTS, _own_order, extra=True)
    _delimited(plan, out, connection, truth, "till", "customers", CUSTOMER_FAULTS, _own_customer)
    _delimited(
        plan, out, connection, truth, "crm", "campaign_contacts",
        CONTACT_FAULTS, lambda row, number: _with(row, 1, f"7{number:07d}"),
    )  # fmt: skip
    _answers(plan, out, truth)
    with (out / "truth" / "dirty_rows.csv").open("w", newline="") as sink:
        writer = csv.writer(sink)
        writer.writerow(["source_system", "entity", "file", "line", "fate", "reason"])
        writer.writerows(truth)


def _own_order(row: list[str], number: int) -> list[str]:
    # Nobody's customer, so that what is spoilt on purpose belongs to no person. One piece, so that amounts agree.
    single = _with(_with(_with(row, 7, "1"), 9, "0.00"), 10, "0.00")
    return _with(_with(_with(_with(single, 0, f"D{number}"), 1, "1"), 3, "99999999"), 11, row[8])


def _own_customer(row: list[str], number: int) -> list[str]:
    return _with(row, 0, f"8{number:07d}")


def _delimited(plan, out, connection, truth, system, entity, faults, own, extra=False) -> None:
    folder = out / "landing" / system / entity
    files = f"read_csv('{folder}/part-*.csv', all_varchar = true, header = true)"
    total = connection.execute(f"select count(*) from {files}").fetchone()[0]
    dirty = max(len(faults), int(total * plan.dirty_rate))
    sold = "net_sales_amount::double > 0" if extra else "true"
    cursor = connection.execute(f"select * from {files} where {sold} limit {dirty}")
    header = [column[0] for column in cursor.description]
    samples = [["" if value is None else value for value in row] for row in cursor.fetchall()]
    kinds = list(faults)
    rows: list[tuple[list[str], str, str]] = []
    number = 1
    while len(rows) < dirty:
        kind = kinds[number % len(kinds)]
        row = own(samples[number % len(samples)], number)
        rows += [(spoilt, "quarantined", kind) for spoilt in faults[kind](row)]
        number += 1
    if extra:
        # The same again is a duplicate; the same key in a later file takes the earlier one's place, worth the same.
        for sample in samples[: max(1, dirty // 20)]:
            rows.append((sample, "duplicate", ""))
        for sample in samples[-max(1, dirty // 20) :]:
            rows.append((_with(sample, 13, "cheque"), "supersedes", ""))
        # Written oddly, but it can mean one thing only: a sale to nobody known, accepted.
        for place, sample in enumerate(samples[: max(1, dirty // 20)]):
            rows.append((_with(_with(_own_order(sample, -place), 3, ""), 7, "１"), "accepted", ""))
    odd = plan.random(40).permutation(len(rows))
    target = folder / "zz-dirty.csv"
    with target.open("w", newline="", encoding="utf-8") as sink:
        writer = csv.writer(sink, lineterminator="\n")
        writer.writerow(header)
        for line, place in enumerate(odd, start=2):
            row, fate, reason = rows[place]
            writer.writerow(row)
            truth.append((system, entity, f"{system}/{entity}/{target.name}", line, fate, reason))


def _answers(plan: Plan, out: Path, truth) -> None:
    folder = out / "landing" / "survey" / "survey_responses"
    total = sum(1 for path in folder.glob("part-*.jsonl") for _ in path.open(encoding="utf-8"))
    sample = {"customer_id": "99999999", "responded_at": f"{plan.end} 10:00:00", "survey": "quarterly", "metric": "nps",
              "score": 5, "scale_min": 0, "scale_max": 10, "comment": "Herr Heimlich, 13987654321"}  # fmt: skip
    spoilt: dict[str, dict[str, object]] = {
        "unknown_code": {"metric": "mood"},
        "value_out_of_range": {"score": 99},
        "required_missing": {"survey": None},
        "unreadable_value": {"score": "ten"},
    }
    kinds = list(spoilt)
    with (folder / "zz-dirty.jsonl").open("w", encoding="utf-8") as sink:
        for number in range(max(len(kinds), int(total * plan.dirty_rate))):
            reason = kinds[number % len(kinds)]
            row = {"response_id": f"d{number}", **sample, **spoilt[reason]}
            sink.write(json.dumps(row, ensure_ascii=False) + "\n")
            place = ("survey", "survey_responses", "survey/survey_responses/zz-dirty.jsonl", number + 1)
            truth.append((*place, "quarantined", reason))
