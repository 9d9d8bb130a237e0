"""A large file's copy, past the page cache where the system lets us.

An ordinary one has each byte moved twice more, by cores that encode Parquet meanwhile, and pushes what is read next
out of memory.

Run as a program, by `version.py`: copying.py FROM TO
"""

from __future__ import annotations

import errno
import io
import mmap
import os
import shutil
import sys

CHUNK = 4 << 20


def copy(source: str, target: str) -> None:
    """Copy a file; on systems and disks that can't be written past the cache, the ordinary way.

    Raises:
        OSError: when it can't be read or written.
    """
    try:
        if hasattr(os, "O_DIRECT"):
            _copy_direct(source, target)
            return
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    shutil.copyfile(source, target)


def _copy_direct(source: str, target: str) -> None:
    # A map's memory begins at a page, as such writes ask.
    with (
        mmap.mmap(-1, CHUNK) as buffer,
        io.FileIO(source) as reader,
        io.FileIO(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_DIRECT, 0o666), "wb") as writer,
    ):
        size = 0
        with memoryview(buffer) as view:
            while count := _filled(reader, view):
                size += count
                # Whole pages only: what is too much goes in the end.
                whole, written = -(-count // mmap.PAGESIZE) * mmap.PAGESIZE, 0
                while written < whole:
                    written += writer.write(view[written:whole])
        writer.truncate(size)


def _filled(reader: io.RawIOBase, view: memoryview) -> int:
    """Fill the view, but for the file's end; returns the bytes read."""
    count = 0
    while count < len(view) and (found := reader.readinto(view[count:])):
        count += found
    return count


if __name__ == "__main__":
    copy(*sys.argv[1:])
