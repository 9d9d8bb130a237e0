"""Encodings of landed text: detected, checked to the last byte, and turned into UTF-8 for the engine to read."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import charset_normalizer

from regulars.errors import UserError

CHUNK = 1 << 22
# What retail exports come in; charset-normalizer knows a hundred more, which it would take names and prices for.
ENCODINGS = ("gb18030", "big5", "shift_jis", "cp1252")


@contextmanager
def opened(path: Path, file: str) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked where it is gzip.

    Raises:
        UserError: when the gzip is broken or cut short.
    """
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as stream:
            yield cast(BinaryIO, stream)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(
            f"this is no whole gzip file: {error}",
            file=file,
            remedy="It may have been cut short on the way: export or copy it again.",
        ) from error


def detect_encoding(path: Path, file: str, declared: str | None) -> str:
    """Encoding of a text file: declared, by byte order mark, UTF-8 if it is that throughout, else guessed.

    Raises:
        UserError: naming the line of the first byte that no likely encoding explains.
    """
    if declared:
        try:
            codecs.lookup(declared)
        except LookupError as error:
            raise UserError(
                f"'{declared}' is no encoding",
                file=file,
                column="encoding",
                remedy="Write utf-8 or gb18030, say.",
            ) from error
        candidates: tuple[str, ...] = (declared,)
    else:
        with opened(path, file) as stream:
            start = stream.read(1 << 18)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            candidates = ("utf-16",)
        elif wide := _utf16_without_mark(start):
            candidates = (wide,)
        else:
            guess = charset_normalizer.from_bytes(start, cp_isolation=list(ENCODINGS)).best()
            guessed = ("gb18030",) if _is_simplified_chinese(start) else (guess.encoding,) if guess else ()
            candidates = ("utf-8-sig", *guessed, "gb18030")
    line = 0
    if len(candidates) > 1 and (line := _first_bad_line(path, file, "utf-8-sig")) and _is_broken_utf8(start):
        candidates = ("utf-8",)
    for candidate in candidates:
        line = _first_bad_line(path, file, candidate)
        if line == 0:
            return candidate
    raise UserError(
        f"the text is not {' or '.join(dict.fromkeys(candidates))}",
        file=file,
        line=line,
        remedy=f"Save it as UTF-8, or declare `encoding` in {file.split('/')[0]}/_source.yml.",
    )


def _is_broken_utf8(start: bytes) -> bool:
    """Several whole UTF-8 characters before the first bad byte: no other encoding gives these by chance."""
    try:
        text = start.decode("utf-8")
    except UnicodeDecodeError as error:
        text = start[: error.start].decode("utf-8")
    return sum(not sign.isascii() for sign in text) >= 3


def _is_simplified_chinese(start: bytes) -> bool:
    """Both bytes of a GB2312 character are high; hardly a text in another encoding has its high bytes in such pairs."""
    try:
        codecs.getincrementaldecoder("gb2312")().decode(start)
    except UnicodeError:
        return False
    return not start.isascii()


def _utf16_without_mark(start: bytes) -> str | None:
    """UTF-16 of mostly Latin text has a zero in every second byte; no other text has zeros at all."""
    if len(start) < 4 or b"\0" not in start:
        return None
    even, odd = start[0::2].count(0), start[1::2].count(0)
    return "utf-16-le" if odd > even else "utf-16-be"


def _first_bad_line(path: Path, file: str, encoding: str) -> int:
    """1-based line of the first byte that is not of the encoding; 0 when all are."""
    decoder = codecs.getincrementaldecoder(encoding)()
    lines = 0
    with opened(path, file) as stream:
        while True:
            chunk = stream.read(CHUNK)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeError as error:
                return lines + chunk[: getattr(error, "start", 0)].count(b"\n") + 1
            if not chunk:
                return 0
            lines += text.count("\n")


def first_line(path: Path, file: str, encoding: str) -> str:
    """The header: the first line, with the next one where a quoted name goes on there.

    Raises:
        UserError: when there is none.
    """
    with opened(path, file) as stream:
        if not stream.read(1):
            raise UserError("the file is empty: not even a header", file=file, remedy="Export it again.")
        stream.seek(0)
        text = io.TextIOWrapper(stream, encoding=encoding, newline="")
        first = text.readline(1 << 20)
        if first.count('"') % 2:
            first += text.readline(1 << 20)
        text.detach()
    if not first.strip():
        raise UserError("the file is empty: not even a header", file=file, remedy="Export it again, with its header.")
    return first


@contextmanager
def as_utf8(path: Path, file: str, encoding: str, work: Path) -> Iterator[Path]:
    """The file itself, or a UTF-8 copy for the engine to read while this is open."""
    if encoding in ("utf-8", "utf-8-sig", "ascii"):
        yield path
        return
    work.mkdir(parents=True, exist_ok=True)
    copy = work / f"{path.name.removesuffix('.gz')}.utf8"
    try:
        with opened(path, file) as stream, copy.open("w", encoding="utf-8", newline="") as sink:
            source = io.TextIOWrapper(stream, encoding=encoding, newline="")
            while chunk := source.read(CHUNK):
                sink.write(chunk.removeprefix("\ufeff"))
            source.detach()
        yield copy
    finally:
        copy.unlink(missing_ok=True)
