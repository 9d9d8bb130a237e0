"""What a file's columns mean: entity, contract columns, formats. Guesses are checked against the values, and named."""

from __future__ import annotations

import csv
import re
import unicodedata
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from orchestration.reading.base import identifier, quoted
from regulars.onboarding.look import Look
from regulars.settings import project_root

# Whole files are told apart by their names, too.
FILE_HINTS = {
    "order_lines": (
        "order",
        "sale",
        "transaction",
        "invoice",
        "receipt",
        "retail",
        "basket",
        "订单",
        "销售",
        "交易",
        "小票",
    ),
    "customers": ("customer", "client", "member", "demographic", "household", "客户", "会员", "用户", "顾客"),
    "products": ("product", "item", "article", "sku", "商品", "产品"),
    "stores": ("store", "shop", "branch", "门店", "店铺"),
    "campaigns": ("campaign", "活动"),
    "web_sessions": ("session", "visit", "访问"),
    "survey_responses": ("survey", "nps", "问卷"),
    "service_cases": ("case", "ticket", "complaint", "工单", "投诉"),
    "loyalty_transactions": ("points", "loyalty", "积分"),
}
DAY_FORMATS = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%m/%d/%y", "%d/%m/%y", "%Y%m%d", "%d.%m.%y")
TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
SIGNS = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "CNY", "￥": "CNY", "元": "CNY", "zł": "PLN"}
CODES = re.compile(r"\b(USD|EUR|GBP|CNY|RMB|JPY|CHF|PLN|HKD|AUD|CAD)\b", re.IGNORECASE)
NOTHING = ("NULL", "null", "N/A", "n/a", "NA", "None", "NaN", "nan", "-")
AMOUNT_LIMIT = 0.005  # more rows than this disagreeing: the mapping is wrong, not the rows


@dataclass
class Mapping:
    """What one file becomes: an entity, and for each contract column where it comes from.

    columns: contract column -> header; sql: contract column -> expression where it is more than the column.
    missing: required contract columns that nothing was found for.
    """

    look: Look
    entity: str
    columns: dict[str, str]
    sql: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    date_format: str | None = None
    decimal_separator: str = "."
    currency: str | None = None
    null_values: set[str] = field(default_factory=set)

    @property
    def is_chinese(self) -> bool:
        """Whether the header is Chinese."""
        return any("\u4e00" <= sign <= "\u9fff" for name in self.look.header for sign in name)


@cache
def contract() -> dict[str, dict[str, Any]]:
    """The source contract as its file says it: entity -> {columns: {name: {type, required}}, any_of}."""
    path = project_root() / "models" / "staging" / "canonical" / "_sources.yml"
    found = {}
    for table in yaml.safe_load(path.read_text(encoding="utf-8"))["sources"][0]["tables"]:
        meta = table["config"]["meta"]
        columns = {
            column["name"]: {
                "type": column["data_type"],
                "description": column["description"],
                **(column.get("config", {}).get("meta", {})),
            }
            for column in table["columns"]
        }
        found[table["name"]] = {"columns": columns, "any_of": meta.get("any_of", [])}
    return found


def fold(name: str) -> str:
    """A column name without width, case, punctuation and units in brackets."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    plain = re.sub(r"[(（\[].*?[)）\]]", "", plain)
    return re.sub(r"[\W_]+", "", plain)


@cache
def names() -> dict[str, dict[str, list[str]]]:
    """entity -> contract column -> usual names, the best first."""
    found: dict[str, dict[str, list[str]]] = {entity: {} for entity in contract()}
    with (Path(__file__).parent / "column_names.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["entity"]][row["column"]] = [fold(name) for name in row["names"].split("|")]
    for entity, known in contract().items():
        for column in known["columns"]:
            usual = found[entity].setdefault(column, [])
            if fold(column) not in usual:
                usual.insert(0, fold(column))
    return found


def map_columns(entity: str, header: list[str]) -> dict[str, str]:
    """Contract column -> header, each header used once; a name that stands earlier in the list wins."""
    offers = []
    for column, usual in names()[entity].items():
        for header_place, name in enumerate(header):
            if fold(name) in usual:
                offers.append((usual.index(fold(name)), header_place, column, name))
    chosen: dict[str, str] = {}
    for _, _, column, name in sorted(offers):
        if column not in chosen and name not in chosen.values():
            chosen[column] = name
    # What is required goes before what may be absent: a file by household numbers its customers by household.
    needed = [column for column, about in contract()[entity]["columns"].items() if about.get("required")]
    for _, _, column, name in sorted(offers):
        holder = next((taken for taken, used in chosen.items() if used == name), None)
        if column in needed and column not in chosen and holder is not None and holder not in needed:
            del chosen[holder]
            chosen[column] = name
    return chosen


def guess(look: Look, connection) -> Mapping:
    """Guess what a file is, checked against its values."""
    if not look.has_header:
        mapping = Mapping(look, "order_lines", _by_values(look, connection))
    else:
        ranked = sorted(contract(), key=lambda entity: -_score(entity, look))
        mapping = Mapping(look, ranked[0], map_columns(ranked[0], look.header))
    mapping.notes += look.notes
    _nothing(mapping, connection)
    _numbers(mapping, connection)
    _dates(mapping, connection)
    if mapping.entity == "order_lines":
        _order_lines(mapping, connection)
    _fractions(mapping, connection)
    known = contract()[mapping.entity]
    given = {*mapping.columns, *mapping.sql}
    mapping.missing = [
        name for name, column in known["columns"].items() if column.get("required") and name not in given
    ]
    if known["any_of"] and not given & set(known["any_of"]):
        mapping.missing.append(" or ".join(known["any_of"]))
    return mapping


def _score(entity: str, look: Look) -> float:
    found = map_columns(entity, look.header)
    known = contract()[entity]
    required = [name for name, column in known["columns"].items() if column.get("required")]
    # What can be made up later does not count against an entity.
    replaceable = {"order_id", "quantity"} if entity == "order_lines" else set()
    absent = [name for name in required if name not in found and name not in replaceable]
    if known["any_of"] and not set(found) & set(known["any_of"]):
        absent.append("any_of")
    stem = fold(look.sheet or look.path.name.split(".")[0])
    hinted = any(fold(hint) in stem for hint in FILE_HINTS.get(entity, (entity,)))
    return len(found) / max(1, len(look.header)) * 4 + len(found) * 0.5 - 3 * len(absent) + 3 * hinted


def _count(connection, look: Look, condition: str) -> int:
    return connection.execute(f"select count(*) from {look.view} where {condition}").fetchone()[0]


def _by_values(look: Look, connection) -> dict[str, str]:
    """Columns of a file without header, told by their values: a day, an amount with cents, a small count, a number."""
    found: dict[str, str] = {}
    for name in look.header:
        column = identifier(name)
        filled = max(1, _count(connection, look, f"{column} is not null"))
        day = f"regexp_matches({column}, '^(19|20)\\d{{6}}$') and try_strptime({column}, '%Y%m%d') is not null"
        if (
            "ordered_at" not in found
            and _count(connection, look, f"({day}) or try_cast({column} as date) is not null") == filled
        ):
            found["ordered_at"] = name
        elif (
            "net_sales_amount" not in found
            and _count(connection, look, f"regexp_matches({column}, '^-?\\d+[.]\\d+$')") > 0.5 * filled
        ):
            found["net_sales_amount"] = name
        elif (
            "ordered_at" in found
            and _count(connection, look, f"try_cast({column} as integer) between -1000 and 1000") == filled
        ):
            found.setdefault("quantity", name)
        elif "ordered_at" not in found:
            found.setdefault("customer_id", name)
    return found


def _nothing(mapping: Mapping, connection) -> None:
    for name in mapping.columns.values():
        listed = ", ".join(map(quoted, NOTHING))
        query = f"select distinct {identifier(name)} from {mapping.look.view} where {identifier(name)} in ({listed})"
        mapping.null_values |= {row[0] for row in connection.execute(query).fetchall()}


def _texts(mapping: Mapping, column: str) -> str:
    listed = ", ".join(map(quoted, ("", *sorted(mapping.null_values))))
    name = identifier(mapping.columns[column])
    return f"(case when trim({name}) in ({listed}) then null else trim({name}) end)"


def _numbers(mapping: Mapping, connection) -> None:
    """Decimal comma and currency, from the values of number columns and from the header."""
    kinds = contract()[mapping.entity]["columns"]
    commas = points = 0
    for column in [name for name in mapping.columns if kinds[name]["type"].startswith("decimal")]:
        value = _texts(mapping, column)
        commas += _count(connection, mapping.look, f"regexp_matches({value}, '^[^\\d]*-?[\\d.]*,\\d{{1,2}}[^\\d]*$')")
        points += _count(connection, mapping.look, f"regexp_matches({value}, '[.]\\d{{1,2}}[^\\d]*$')")
        for sign, code in SIGNS.items():
            if _count(connection, mapping.look, f"contains({value}, {quoted(sign)})"):
                mapping.currency = mapping.currency or code
    if commas > points:
        mapping.decimal_separator = ","
        mapping.notes.append("numbers have a decimal comma")
    for name in mapping.look.header:
        told = CODES.search(name)
        if told:
            mapping.currency = mapping.currency or told[0].upper().replace("RMB", "CNY")
        for sign, code in SIGNS.items():
            if sign in name:
                mapping.currency = mapping.currency or code


def _dates(mapping: Mapping, connection) -> None:
    """Format of the entity's moments, where a plain cast can't read them; the narrower span where two fit."""
    kinds = contract()[mapping.entity]["columns"]
    for column in [name for name in mapping.columns if kinds[name]["type"] in ("timestamptz", "date")]:
        value = _texts(mapping, column)
        filled = _count(connection, mapping.look, f"{value} is not null")
        if (
            not filled
            or _count(connection, mapping.look, f"try_cast({value} as timestamp) is not null") >= 0.99 * filled
        ):
            continue
        fitting = []
        for form in (day + time for time in TIMES for day in DAY_FORMATS):
            parsed = f"try_strptime({value}, {quoted(form)})"
            count, span = connection.execute(
                f"select count({parsed}), date_diff('day', min({parsed}), max({parsed})) from {mapping.look.view}"
            ).fetchone()
            if count >= 0.99 * filled:
                fitting.append((span, form))
        if not fitting:
            mapping.notes.append(
                f"the dates in {mapping.columns[column]} follow no form that is known: see date_format"
            )
            continue
        fitting.sort()
        mapping.date_format = mapping.date_format or fitting[0][1]
        told = f"dates in {mapping.columns[column]} are read as {fitting[0][1]}"
        mapping.notes.append(told + (f"; {fitting[1][1]} would fit too: check" if len(fitting) > 1 else ""))


def number_of(mapping: Mapping, column: str) -> str:
    """SQL of a mapped column as a number, for checks on the values."""
    value = f"regexp_replace({_texts(mapping, column)}, '[^0-9.,-]', '', 'g')"
    plain = (
        f"replace(replace({value}, '.', ''), ',', '.')"
        if mapping.decimal_separator == ","
        else f"replace({value}, ',', '')"
    )
    return f"try_cast({plain} as double)"


def _order_lines(mapping: Mapping, connection) -> None:
    columns, look = mapping.columns, mapping.look
    if "discount_amount" in columns:
        rate = number_of(mapping, "discount_amount")
        is_named_amount = any(word in fold(columns["discount_amount"]) for word in ("amount", "金额"))
        is_share = _count(connection, look, f"{rate} > 1 or {rate} < 0") == 0
        if is_share and not is_named_amount and _count(connection, look, f"{rate} > 0"):
            header = columns.pop("discount_amount")
            if "unit_price" in columns and "net_sales_amount" not in columns:
                columns["discount_rate"] = header
                mapping.sql["discount_amount"] = "cast({unit_price} * {quantity} * {discount_rate} as decimal(18, 4))"
                mapping.notes.append(f"{header} is a rate (0 to 1): discount_amount = price × quantity × rate")
            else:
                mapping.notes.append(
                    f"{header} is a rate (0 to 1), no amount: left out, net sales have it taken off already"
                )
        else:
            negative = _count(connection, look, f"{rate} < 0")
            if negative > _count(connection, look, f"{rate} > 0"):
                mapping.sql["discount_amount"] = "abs({discount_amount})"
                mapping.notes.append("discounts are written negative: turned positive")
    if {"unit_price", "quantity", "net_sales_amount"} <= set(columns):
        price, quantity, net = (number_of(mapping, name) for name in ("unit_price", "quantity", "net_sales_amount"))
        reductions = " - ".join(
            f"coalesce({number_of(mapping, name)}, 0)"
            for name in ("discount_amount", "coupon_discount_amount")
            if name in columns
        )
        gap = f"abs({price} * {quantity}{' - ' + reductions if reductions else ''} - {net})"
        wrong = _count(
            connection, look, f"{quantity} > 0 and {gap} > greatest(0.02, 0.005 * abs({price} * {quantity}))"
        )
        if wrong > AMOUNT_LIMIT * max(1, _count(connection, look, "true")):
            header = columns.pop("unit_price")
            mapping.notes.append(f"{header} × quantity is not {columns['net_sales_amount']}: {header} is left out")
    if "order_id" not in columns and {"customer_id", "ordered_at"} <= set(columns):
        mapping.sql["order_id"] = "{customer_id} || '-' || cast({ordered_at} as varchar)"
        mapping.notes.append("there is no order number: what a customer bought at one moment is taken for one order")
    elif {"order_id", "customer_id"} <= set(columns):
        order, customer = _texts(mapping, "order_id"), _texts(mapping, "customer_id")
        shared = connection.execute(
            f"select coalesce(sum(n), 0) from (select count(*) as n from {look.view} group by {order} "
            f"having count(distinct {customer}) > 1)"
        ).fetchone()[0]
        if shared > AMOUNT_LIMIT * max(1, _count(connection, look, "true")):
            mapping.sql["order_id"] = "{order_id} || '-' || coalesce({customer_id}, '')"
            mapping.notes.append(
                f"several customers share one {columns['order_id']}: an order is that and the customer"
            )
    if "quantity" not in columns:
        mapping.sql["quantity"] = "cast(1 as decimal(18, 4))"
        mapping.notes.append("there is no quantity: every line is taken for one piece")
    if {"order_id", "line_number"} <= set(columns):
        key = f"{_texts(mapping, 'order_id')}, {_texts(mapping, 'line_number')}"
        doubled = connection.execute(
            f"select coalesce(sum(n), 0) from (select count(*) as n from {look.view} "
            f"group by {key} having count(*) > 1)"
        ).fetchone()[0]
        if doubled > AMOUNT_LIMIT * max(1, _count(connection, look, "true")):
            header = columns.pop("line_number")
            mapping.notes.append(f"{header} does not tell the lines of an order apart: left out, lines are numbered")
    if mapping.currency is None:
        mapping.notes.append("the currency is not told: declare it in _source.yml")


def _fractions(mapping: Mapping, connection) -> None:
    """Numbers that a missing value turned into fractions: 17850.0 is the number 17850."""
    kinds = contract()[mapping.entity]["columns"]
    for column in [
        name for name in mapping.columns if kinds.get(name, {}).get("type") == "varchar" and name.endswith("_id")
    ]:
        value = _texts(mapping, column)
        filled = _count(connection, mapping.look, f"{value} is not null")
        if (
            mapping.look.form != "parquet"
            and filled
            and _count(connection, mapping.look, f"regexp_matches({value}, '^\\d+[.]0$')") == filled
        ):
            mapping.sql[column] = f"split_part({{{column}}}, '.', 1)"
            mapping.notes.append(f"{mapping.columns[column]} is a number written as a fraction: .0 is cut off")
