"""Files of a table are read some at a time: what is entered is the same as one by one, in the files' order."""

from __future__ import annotations

import duckdb
import pytest

from orchestration.contract import Column, Table
from orchestration.landing import LandedFile
from orchestration.ledger import Ledger
from regulars.errors import UserError
from regulars.home import Home
from regulars.settings import SourceSettings

COLUMNS = (Column("id", "varchar", {"required": True}), Column("amount", "decimal(18,4)", {}))
TABLE = Table("canonical", "things", "restricted", "canonical__things", COLUMNS, {})


@pytest.fixture
def home(tmp_path):
    home = Home.at(tmp_path / "home")
    home.prepare()
    return home


def landed(home: Home, contents: dict[str, str]) -> list[LandedFile]:
    folder = home.landing / "shop" / "things"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_text(content)
    return [LandedFile(folder / name, f"shop/things/{name}", "shop", TABLE) for name in sorted(contents)]


def load(home: Home, files: list[LandedFile], run: str = "r"):
    return Ledger(home).load(files, {"shop": SourceSettings()}, "UTC", run)


def rows(count: int, bad: tuple[int, ...] = ()) -> str:
    return "id,amount\n" + "".join(f"{n},{'x' if n in bad else n}\n" for n in range(count))


def test_each_file_keeps_its_own_rows_and_rejects(home):
    # Large ones first, so that later ones are read before earlier ones; each with bad rows of its own.
    sizes = {f"{n:02}.csv": (20_000 if n % 3 == 0 else 5 + n, tuple(range(n % 4))) for n in range(24)}
    files = landed(home, {name: rows(*size) for name, size in sizes.items()})
    count = load(home, files)
    assert (count.files, count.loaded) == (24, 24)
    loads = Ledger(home).loads()
    assert [load["file"] for load in loads] == [file.file for file in files]
    assert [load["load_id"] for load in loads] == list(range(1, 25))
    for entry, (size, bad) in zip(loads, sizes.values(), strict=True):
        assert (entry["rows_in"], entry["rejected"]) == (size, len(bad))
        raw = Ledger(home).raw_files("shop", "things", entry["file_id"])
        (read,) = duckdb.sql(f"select count(*) from read_parquet('{raw.typed}')").fetchone()
        assert read == size - len(bad)
        assert raw.rejects.exists() == bool(bad)
        if bad:
            lines = duckdb.sql(f"select line from read_parquet('{raw.rejects}') order by line").fetchall()
            assert [line for (line,) in lines] == [n + 2 for n in bad]
    assert not list(home.raw.rglob("*.part")) and not list((home.build / "work").glob("*"))
    assert load(home, files).loaded == 0


def test_a_content_under_two_names_is_read_once_and_counts_once(home):
    files = landed(home, {"a.csv": rows(9), "b.csv": rows(9), "c.csv": rows(3)})
    count = load(home, files)
    assert (count.loaded, count.rows_in) == (3, 21)
    first, second, third = Ledger(home).loads()
    assert first["file_id"] == second["file_id"] != third["file_id"]
    assert [load["status"] for load in (first, second, third)] == ["current", "same_content", "current"]
    assert first["event_limit_at"] == second["event_limit_at"]


def test_the_first_file_that_cannot_be_read_is_told_and_those_before_it_stay(home):
    contents = {f"{n}.csv": rows(9 + n) for n in range(8)} | {"3.csv": "amount\n1\n", "6.csv": ""}
    files = landed(home, contents)
    with pytest.raises(UserError) as told:
        load(home, files, "first")
    assert told.value.file == "shop/things/3.csv"
    assert [load["file"][-5] for load in Ledger(home).loads()] == ["0", "1", "2"]
    files = landed(home, contents | {"3.csv": rows(3), "6.csv": rows(6)})
    assert load(home, files, "second").loaded == 5
    assert [load["rows_in"] for load in Ledger(home).loads()] == [9, 10, 11, 3, 13, 14, 6, 16]
