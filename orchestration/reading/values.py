"""How text becomes a value: SQL expressions for numbers, truth values and times as people and tills write them.

Used where a plain cast fails: full-width digits, thousands separators, the declared currency's sign, 2024年3月1日. Only
what can mean one thing is read; 03/04/2024 needs a declared date_format.
"""

from __future__ import annotations

from collections.abc import Mapping

from regulars.settings import SourceSettings

FULL_WIDTH = "０１２３４５６７８９．，－＋（）／：％　"
HALF_WIDTH = "0123456789.,-+()/:% "
SIGNS = {
    "USD": ("US$", "$", "USD"),
    "EUR": ("€", "EUR"),
    "GBP": ("£", "GBP"),
    "CNY": ("CN¥", "¥", "￥", "元", "RMB", "CNY"),
    "JPY": ("¥", "￥", "円", "JPY"),
    "CHF": ("CHF", "Fr."),
    "PLN": ("zł", "PLN"),
}
TRUE = ("是", "有", "真", "yes", "y", "on", "x", "√", "wahr", "ja")
FALSE = ("否", "无", "無", "假", "no", "n", "off", "×", "falsch", "nein")
# Forms that can mean one day only.
PLAIN_TIMES = (
    *("%Y%m%d", "%Y%m%d%H%M%S", "%Y%m%d %H:%M:%S", "%Y%m%d %H:%M", "%Y%m%d%H%M"),
    *("%Y.%m.%d", "%Y.%m.%d %H:%M:%S", "%Y.%m.%d %H:%M"),
    *("%d-%b-%Y", "%d-%b-%Y %H:%M:%S", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y"),
)
NOT_FINITE = ("nan", "inf", "-inf", "+inf", "infinity", "-infinity", "+infinity")


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _half_width(value: str) -> str:
    return f"trim(translate({value}, {_text(FULL_WIDTH)}, {_text(HALF_WIDTH)}))"


def _number(value: str, data_type: str, settings: SourceSettings) -> str:
    point, group = (",", ".") if settings.decimal_separator == "," else (".", ",")
    signs = "|".join(sign.replace("$", "[$]").replace(".", "[.]") for sign in SIGNS.get(settings.currency or "", ()))
    blank = r"[\s\x{00A0}\x{202F}’'']"
    bare = f"regexp_replace({_half_width(value)}, '{blank}{f'|{signs}' if signs else ''}', '', 'g')"
    # (1.50) and 1.50- are how accountants write -1.50
    negative = rf"regexp_replace(regexp_replace({bare}, '^\((.+)\)$', '-\1'), '^([^-].*)-$', '-\1')"
    # No group begins with 0: 0,125 is an eighth in one country and nothing in the other.
    grouped = rf"^[-+]?[1-9]\d{{0,2}}([{group}]\d{{3}})+([{point}]\d+)?$"
    ungrouped = f"replace({negative}, '{group}', '')"
    plain = f"case when regexp_matches({negative}, '{grouped}') then {ungrouped} else {negative} end"
    if point == ",":
        # With a decimal comma, 1.5 is a mistake, not one and a half.
        plain = f"case when not contains({plain}, '.') then replace({plain}, ',', '.') end"
    if data_type == "bigint":
        plain = rf"case when regexp_matches({plain}, '^[-+]?\d+([.]0*)?$') then {plain} end"
    return f"try_cast({plain} as {data_type})"


def _time(value: str, data_type: str, settings: SourceSettings) -> str:
    spelt = _half_width(value)
    for sign, mark in zip("年月日时時点分秒", ("-", "-", " ", ":", ":", ":", ":", ""), strict=True):
        spelt = f"replace({spelt}, '{sign}', '{mark}')"
    spelt = rf"regexp_replace(trim({spelt}), ':$', '')"
    formats = []
    if settings.date_format:
        # A column of days has no time of day; a day alone is enough where the first word is a whole one.
        day = settings.date_format.split(" ")[0]
        is_whole = all(any(sign in day for sign in signs) for signs in (("%Y", "%y"), ("%m", "%b", "%B"), ("%d",)))
        formats = list(dict.fromkeys((settings.date_format, *([day] if is_whole else []))))
    # An hour alone is no time of day for a cast: 8时 is 8:00.
    hour = rf"regexp_replace({spelt}, '^(\S+ \d{{1,2}})$', '\1:00')"
    tries = [f"try_strptime({spelt}, {form})" for form in map(_text, formats)]
    tries += [f"try_cast({hour} as {data_type})"]
    tries += [f"try_strptime({spelt}, [{', '.join(map(_text, PLAIN_TIMES))}])"]
    return " , ".join(f"cast({item} as {data_type})" for item in tries)


def quick(value: str, data_type: str, settings: SourceSettings) -> str:
    """SQL of a text as an instant or an integer, by a plain cast or the declared format; NULL where that fails."""
    if data_type == "bigint":
        return f"case when not contains({value}, '.') then try_cast({value} as bigint) end"
    if data_type in ("double", "float"):
        return finite(f"try_cast({value} as {data_type})", data_type)
    if settings.date_format:
        return f"cast(try_strptime({value}, {_text(settings.date_format)}) as {data_type})"
    return f"try_cast({value} as {data_type})"


def typed(value: str, data_type: str, settings: SourceSettings) -> str:
    """SQL of a text value as a type: NULL where the text can't be read as one.

    Args:
        value: SQL of the text, NULL for an empty one.
        data_type: varchar, bigint, decimal(p,s), double, boolean, date, timestamp or timestamptz.
    """
    if data_type == "varchar":
        return value
    if data_type == "boolean":
        folded = f"lower({_half_width(value)})"
        true, false = (", ".join(map(_text, words)) for words in (TRUE, FALSE))
        return _first(
            f"try_cast({value} as boolean)",
            f"case when {folded} in ({true}) then true when {folded} in ({false}) then false end",
        )
    if data_type in ("date", "timestamp", "timestamptz"):
        return _first(quick(value, data_type, settings), f"coalesce({_time(value, data_type, settings)})")
    number = _number(value, data_type, settings)
    if data_type == "bigint" or settings.decimal_separator == ",":
        return number
    return _first(finite(f"try_cast({value} as {data_type})", data_type), finite(number, data_type))


def _first(plain: str, careful: str) -> str:
    """SQL of the first that is no NULL. Of a coalesce DuckDB works out parts of the second for every row."""
    return f"case when {plain} is not null then {plain} else {careful} end"


def finite(value: str, data_type: str) -> str:
    """SQL of a number, NULL where it is infinite or none; decimals can't be either."""
    return f"case when isfinite({value}) then {value} end" if data_type in ("double", "float") else value


def reason(texts: Mapping[str, str], unreadable: Mapping[str, str]) -> str:
    """SQL of the reason code for the first column whose value can't be read."""
    words = ", ".join(map(_text, NOT_FINITE))
    cases = " ".join(
        f"when {test} and lower(trim({texts[name]})) in ({words}) then 'number_not_finite' "
        f"when {test} then 'unreadable_value'"
        for name, test in unreadable.items()
    )
    return f"case {cases} when false then '' end"
