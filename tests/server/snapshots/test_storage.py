"""What holds of every place that snapshots are kept in: a folder, and a real S3-compatible server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from facematch.protocol.snapshot_names import draft_name
from facematch.server.snapshots.folder import SnapshotFolder
from facematch.server.snapshots.object_store import ObjectStore
from facematch.server.snapshots.service import storage_of
from facematch.server.storage.errors import MissingPackageError
from tests.rig.s3 import ACCESS_KEY, SECRET_KEY

if TYPE_CHECKING:
    from pathlib import Path

    from facematch.server.snapshots.storage import SnapshotStorage
    from tests.rig.s3 import S3Server

NAME = "match_Alice42_20250925_140708_s0a1b2c3d.jpg"
OTHER = "match_Bob_20250925_140708_s0a1b2c3d.jpg"
JPEG = b"\xff\xd8\xff" + b"picture" * 1000


def in_s3(server: S3Server, **changed: str) -> ObjectStore:
    given = server.settings(uuid4().hex) | changed
    options = {
        "endpoint": given["s3_endpoint"],
        "access_key_id": ACCESS_KEY,
        "secret_access_key": given["s3_secret_key"],
    }
    store = ObjectStore(given["snapshot_store"], options)
    store.open()
    return store


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> SnapshotStorage:
    if request.param == "folder":
        return SnapshotFolder(tmp_path / "captures", takes_uploads=True)
    return in_s3(request.getfixturevalue("s3"))


async def test_what_is_written_is_there_whole_and_once(storage: SnapshotStorage) -> None:
    assert await storage.read(NAME) is None
    assert await storage.files() == {}
    before = time.time()
    assert await storage.write(NAME, JPEG)
    assert await storage.write(NAME, JPEG), "the same again"
    assert not await storage.write(NAME, b"\xff\xd8\xffanother"), "nothing is replaced"
    found = await storage.read(NAME)
    assert found is not None
    assert found.data == JPEG
    assert '"' not in found.tag
    files = await storage.files()
    assert list(files) == [NAME]
    assert files[NAME].size == len(JPEG)
    assert before - 2 <= files[NAME].written_at <= time.time() + 2


async def test_what_is_removed_is_gone_and_nothing_else(storage: SnapshotStorage) -> None:
    for name in (NAME, OTHER):
        await storage.write(name, JPEG)
    assert await storage.holds([NAME])
    assert await storage.remove([NAME, "match_never_20250925_140708.jpg", "../secret"]) == 1
    assert not await storage.holds([NAME])
    assert await storage.holds([NAME, OTHER])
    assert list(await storage.files()) == [OTHER]
    assert await storage.remove([]) == 0
    assert not await storage.holds([])


@pytest.mark.parametrize("name", ["../secret.jpg", "secret.jpg", "match_a/../../b.jpg", ""])
async def test_no_other_name_is_read(storage: SnapshotStorage, name: str) -> None:
    assert await storage.read(name) is None


async def test_it_is_well(storage: SnapshotStorage) -> None:
    assert await storage.check()


async def test_a_folder_keeps_no_half_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    folder = SnapshotFolder(tmp_path, takes_uploads=True)
    with monkeypatch.context() as patched:
        patched.setattr("facematch.server.snapshots.folder.os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            await folder.write(NAME, JPEG)
    assert list(tmp_path.iterdir()) == []
    assert await folder.write(NAME, JPEG)


async def test_what_a_killed_process_leaves_counts_as_a_draft(tmp_path: Path) -> None:
    folder = SnapshotFolder(tmp_path, takes_uploads=True)
    (tmp_path / draft_name(NAME.replace(".jpg", "_123456789.jpg"))).write_bytes(b"half")
    assert len(await folder.files()) == 1


async def test_a_store_that_is_away_is_a_disk_that_is(s3: S3Server) -> None:
    store = in_s3(s3)
    await store.write(NAME, JPEG)
    s3.stop()
    try:
        for asked in (
            store.check(),
            store.read(NAME),
            store.write(OTHER, JPEG),
            store.files(),
            store.remove([NAME]),
            store.holds([NAME]),
        ):
            with pytest.raises(OSError, match=r"the snapshot store cannot be reached") as raised:
                await asked
            assert NAME not in str(raised.value)
    finally:
        s3.start()
    assert await store.holds([NAME])


async def test_a_store_that_does_not_know_us_says_so(s3: S3Server) -> None:
    with pytest.raises(OSError, match=r"the snapshot store refuses \(403\)"):
        await in_s3(s3, s3_secret_key="wrong").check()
    with pytest.raises(OSError, match=r"the snapshot store refuses \(404\)"):
        await in_s3(s3, snapshot_store="s3://no-such-bucket").write(NAME, JPEG)
    with pytest.raises(OSError, match=r"the snapshot store refuses \(404\)"):
        await in_s3(s3, snapshot_store="s3://no-such-bucket").check()
    assert SECRET_KEY


async def test_a_thousand_and_more(s3: S3Server) -> None:
    """S3 lists, and removes, a thousand at once."""
    store = in_s3(s3)
    root = s3._root / "snapshots" / store._url.rpartition("/")[2]
    root.mkdir()
    names = [f"match_many_20250925_140708_{n}.jpg" for n in range(1203)]
    for name in names:
        (root / name).write_bytes(JPEG[:8])
    (root / "notes.txt").write_bytes(b"somebody else's")
    assert set(await store.files()) == set(names)
    assert await store.remove([*names, "notes.txt"]) == 1203
    assert [path.name for path in root.iterdir()] == ["notes.txt"]


def test_without_the_package_the_sentence_says_which(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "obstore.store", None)
    storage = storage_of("s3://bucket/prefix", tmp_path, {})
    with pytest.raises(MissingPackageError, match=r"requirements-s3\.txt"):
        storage.open()


def test_the_default_is_the_folder_that_recognizers_write_to(tmp_path: Path) -> None:
    assert not storage_of(None, tmp_path, {}).takes_uploads
    assert storage_of("api", tmp_path, {}).takes_uploads
