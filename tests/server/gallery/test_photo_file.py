"""The stored reference: whoever looks sees the old one or the new one, and which it is."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from facematch.faces.reference import LARGEST_STORED, reference_id
from facematch.server.gallery.photo_file import ReferenceFile

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "current.jpg"


@pytest.fixture
def file(path: Path) -> ReferenceFile:
    return ReferenceFile(path)


async def test_none_is_no_error(file: ReferenceFile) -> None:
    assert (await file.current(), await file.read()) == (None, None)
    await file.remove()
    assert await file.current() is None


async def test_what_was_put_there_is_read_and_known_by_its_id(file: ReferenceFile, path: Path) -> None:
    for photo in (b"one", b"two"):
        new_id = await file.replace(photo)
        current = await file.current()
        assert current is not None
        assert (current.id, await file.read()) == (new_id, photo) == (reference_id(photo), photo)
        assert current.updated_at == datetime.fromtimestamp(path.stat().st_mtime, UTC)
    await file.remove()
    assert (await file.current(), path.exists()) == (None, False)


async def test_a_change_by_hand_is_noticed(file: ReferenceFile, path: Path) -> None:
    await file.replace(b"one")
    await file.current()
    path.write_bytes(b"another one")
    current = await file.current()
    assert current is not None
    assert current.id == reference_id(b"another one")


async def test_an_unchanged_file_is_read_once(file: ReferenceFile, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(b"one")
    first = await file.current()
    monkeypatch.setattr(type(path), "read_bytes", lambda _path: pytest.fail("read again"))
    assert await file.current() is first


async def test_what_cannot_be_stored_leaves_the_old_one(
    file: ReferenceFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    await file.replace(b"old")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        await file.replace(b"new")
    assert await file.read() == b"old"
    assert [found.name for found in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("thing", ["folder", "pipe", "huge"])
async def test_what_is_no_photo_file_is_none(file: ReferenceFile, path: Path, thing: str) -> None:
    if thing == "folder":
        path.mkdir()
    elif thing == "pipe":
        os.mkfifo(path)
    else:
        path.touch()
        os.truncate(path, LARGEST_STORED + 1)
    assert (await file.current(), await file.read()) == (None, None)
