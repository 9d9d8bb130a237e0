"""Faults a user can mend, told without a stack trace."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the command line returns to a shell or scheduler."""

    PUBLISHED = 0
    FAULT = 1
    UNUSABLE = 2
    STOPPED_BY_GATE = 3


class UserError(Exception):
    """Something the user can mend: what is wrong, where, and what to do.

    Args:
        what: the fault, one sentence.
        file: the file it is in, as the user knows it.
        line: 1-based line in that file.
        column: name of the column or key.
        remedy: what to do, one sentence.
    """

    def __init__(
        self,
        what: str,
        *,
        file: str | None = None,
        line: int | None = None,
        column: str | None = None,
        remedy: str,
    ):
        self.what, self.file, self.line, self.column, self.remedy = what, file, line, column, remedy
        super().__init__(self.text())

    def text(self) -> str:
        """The whole message: place, fault, remedy."""
        places = [
            self.file,
            f"line {self.line}" if self.line else None,
            f"column {self.column}" if self.column else None,
        ]
        where = ", ".join(place for place in places if place)
        return f"{where + ': ' if where else ''}{self.what}\n  What to do: {self.remedy}"


def in_short(error: Exception) -> str:
    """What the system or DuckDB says went wrong, in one line."""
    return getattr(error, "strerror", None) or str(error).splitlines()[0]


# How the system, SQLite and DuckDB say that the machine, not the program, is at fault.
OUT_OF_ROOM = (
    "No space left",
    "File too large",
    "disk I/O error",
    "disk is full",
    "Read-only file system",
    "IO Error",
    "Out of Memory Error",
)


def is_out_of_room(told: str) -> bool:
    """Whether a fault is one of space, memory or permission, which its user can mend."""
    return any(sign in told for sign in OUT_OF_ROOM)


def out_of_room(told: str, place: str) -> UserError:
    """That fault, told."""
    return UserError(
        told,
        file=place,
        remedy="Free space there, raise memory_limit in regulars.yml, or name another --home; then refresh again.",
    )
