"""Files of a table are read some at a time: what is entered is the same as one by one, in the files' order."""

from __future__ import annotations

import threading

import duckdb
import pytest

from orchestration import reading
from orchestration.contract import Column, Table
from orchestration.landing import LandedFile
from orchestration.ledger import Ledger
from orchestration.loading import Loader
from regulars.errors import UserError
from regulars.home import Home
from regulars.settings import SourceSettings

COLUMNS = (
    Column("id", "varchar", {"required": True}),
    Column("amount", "decimal(18,4)", {}),
    Column("at", "timestamptz", {}),
)
TABLE = Table("canonical", "things", "restricted", "canonical__things", COLUMNS, {})


@pytest.fixture
def home(tmp_path):
    home = Home.at(tmp_path / "home")
    home.prepare()
    return home


def landed(home: Home, contents: dict[str, str], system: str = "shop") -> list[LandedFile]:
    folder = home.landing / system / "things"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_text(content)
    return [LandedFile(folder / name, f"{system}/things/{name}", system, TABLE) for name in sorted(contents)]


def load(home: Home, files: list[LandedFile], run: str = "r"):
    settings = {"shop": SourceSettings(), "east": SourceSettings(time_zone="Asia/Tokyo")}
    return Loader(home, Ledger(home), run).load(files, settings)


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
    assert not list(home.raw.rglob("*.part"))


def test_each_source_system_keeps_its_time_zone_and_each_format_its_reader(home):
    csv, lines = "id,at\n1,2024-01-01 09:00:00\n", '{"id": "1", "at": "2024-01-01 09:00:00"}\n'
    contents = {f"{n}.{form}": text for n in range(6) for form, text in {"csv": csv, "jsonl": lines}.items()}
    # No two alike, or they would be read once.
    contents = {name: text + "\n" * n for n, (name, text) in enumerate(contents.items())}
    files = [file for pair in zip(landed(home, contents), landed(home, contents, "east"), strict=True) for file in pair]
    assert load(home, files).loaded == 24
    for entry in Ledger(home).loads():
        raw = Ledger(home).raw_files(entry["source_system"], "things", entry["file_id"])
        (at,) = duckdb.sql(f"select distinct cast(\"at\" as varchar) from '{raw.typed}' where id = '1'").fetchone()
        assert at == ("2024-01-01 00:00:00" if entry["source_system"] == "east" else "2024-01-01 09:00:00")


def test_two_files_are_read_side_by_side(home, monkeypatch):
    meeting, read = threading.Barrier(2, timeout=20), reading.read

    def meet(*arguments):
        meeting.wait()
        return read(*arguments)

    monkeypatch.setattr(reading, "read", meet)
    assert load(home, landed(home, {"a.csv": rows(3), "b.csv": rows(4)})).rows_in == 7


def test_a_file_that_changes_while_it_is_read_is_not_taken_for_what_it_was(home, monkeypatch):
    files, read = landed(home, {"a.csv": rows(3)}), reading.read

    def late(*arguments):
        files[0].path.write_text(rows(5))
        return read(*arguments)

    monkeypatch.setattr(reading, "read", late)
    with pytest.raises(UserError, match="changed while it was read"):
        load(home, files)
    assert not Ledger(home).loads() and not list(home.raw.rglob("*.parquet"))
    monkeypatch.setattr(reading, "read", read)
    assert load(home, files).rows_in == 5


def test_a_reader_that_runs_out_of_memory_finds_room_on_disk(tmp_path, monkeypatch):
    monkeypatch.setenv("REGULARS_MEMORY_LIMIT", "100MB")
    with reading.engine(tmp_path / "not" / "there") as engine:
        engine.execute("create temp table large as select range, hash(range) as hash from range(20_000_000)")
        assert engine.execute("select count(*) from large").fetchone() == (20_000_000,)
    assert not (tmp_path / "not" / "there").exists()
