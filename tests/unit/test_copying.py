"""Copies are the same bytes, whatever the size and whether or not the disk can be written past the cache."""

from __future__ import annotations

import errno
import os

import pytest

from orchestration import copying


@pytest.mark.parametrize("size", [0, 1, 4096, copying.CHUNK, copying.CHUNK + 4097, 3 * copying.CHUNK - 1])
@pytest.mark.parametrize("is_direct", [True, False])
def test_every_byte_arrives(tmp_path, monkeypatch, size, is_direct):
    if not is_direct:

        def refuse(*_):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

        monkeypatch.setattr(copying, "_copy_direct", refuse)
    source, target = tmp_path / "from", tmp_path / "to"
    source.write_bytes(os.urandom(size))
    target.write_bytes(b"something older, and longer than nothing")
    copying.copy(str(source), str(target))
    assert target.read_bytes() == source.read_bytes()


def test_a_disk_that_is_full_is_told(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(copying, "_copy_direct", full)
    source = tmp_path / "from"
    source.write_bytes(b"x")
    with pytest.raises(OSError, match="No space left"):
        copying.copy(str(source), str(tmp_path / "to"))
