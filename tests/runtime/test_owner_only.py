"""What belongs to its owner alone, whatever the umask, and what is left to others."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from facematch.runtime import owner_only
from facematch.runtime.atomic_file import write_whole
from facematch.runtime.owner_only import PUBLIC_FILE, keep_file, keep_folder, make_folder, new_file, only_owner_writes
from tests.rig.modes import mode, umask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct, autouse=True)
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    with umask(request.param):
        yield


def test_whole_files_and_their_folders_are_private_unless_they_are_public(tmp_path: Path) -> None:
    write_whole(tmp_path / "a" / "b" / "key", b"")
    write_whole(tmp_path / "c" / "d" / "weights", b"", PUBLIC_FILE)

    assert [mode(tmp_path / name) for name in ("a", "a/b", "a/b/key")] == [0o700, 0o700, 0o600]
    assert [mode(tmp_path / name) for name in ("c", "c/d", "c/d/weights")] == [0o755, 0o755, 0o644]


def test_what_is_replaced_becomes_what_it_should_be(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.touch()
    old.chmod(0o666)

    write_whole(old, b"new")

    assert mode(old) == 0o600


def test_new_files_are_private_and_never_replace_one(tmp_path: Path) -> None:
    with new_file(tmp_path / "new") as file:
        assert mode(tmp_path / "new") == 0o600
        file.write(b"content")
    with pytest.raises(FileExistsError):
        new_file(tmp_path / "new")
    assert (tmp_path / "new").read_bytes() == b"content"


def test_a_kept_file_is_made_or_tightened_and_its_content_stays(tmp_path: Path) -> None:
    keep_file(tmp_path / "new")
    (tmp_path / "old").write_text("content")
    (tmp_path / "old").chmod(0o664)

    keep_file(tmp_path / "old")

    assert [mode(tmp_path / name) for name in ("new", "old")] == [0o600, 0o600]
    assert (tmp_path / "old").read_text() == "content"


def test_a_kept_folder_is_tightened_with_its_files_and_nothing_else(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    for path in (folder, folder / "below"):
        path.mkdir()
        path.chmod(0o755)
    for path in (folder / "events.db", folder / "below" / "other", elsewhere):
        path.touch()
        path.chmod(0o644)
    (folder / "link").symlink_to(elsewhere)
    os.mkfifo(folder / "pipe")

    keep_folder(folder)

    assert (mode(folder), mode(folder / "events.db")) == (0o700, 0o600)
    assert [mode(path) for path in (elsewhere, folder / "below", folder / "below" / "other")] == [0o644, 0o755, 0o644]


def test_a_folder_of_more_use_than_that_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, code, shared = tmp_path / "home", tmp_path / "srv" / "code", tmp_path / "shared"
    for folder in (home, code, shared):
        folder.mkdir(parents=True)
        (folder / "file").touch()
        (folder / "file").chmod(0o644)
    modes = {home: 0o755, code.parent: 0o755, code: 0o755, shared: 0o1777}
    for folder, given in modes.items():
        folder.chmod(given)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(owner_only, "_CODE", code)

    for folder in modes:
        keep_folder(folder)

    assert {folder: mode(folder) for folder in modes} == modes
    assert mode(shared / "file") == 0o644


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_another_users_things_are_left(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "file").touch()
    for path, given in ((theirs, 0o755), (theirs / "file", 0o644)):
        path.chmod(given)
        os.chown(path, 65_534, 65_534)

    keep_folder(theirs)
    keep_file(theirs / "file")

    assert (mode(theirs), mode(theirs / "file")) == (0o755, 0o644)


def test_what_others_may_change_is_taken_from_them_where_it_is_ours(tmp_path: Path) -> None:
    for name, given in {"open": 0o777, "group": 0o775, "read": 0o755}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(given)

    assert all(only_owner_writes(tmp_path / name) for name in ("open", "group", "read"))
    assert [mode(tmp_path / name) for name in ("open", "group", "read")] == [0o755] * 3


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_others_may_change_is_told_where_it_is_another_users(tmp_path: Path) -> None:
    (tmp_path / "theirs").touch()
    os.chown(tmp_path / "theirs", 65_534, 65_534)
    for given, answer in ((0o666, False), (0o664, False), (0o644, True)):
        (tmp_path / "theirs").chmod(given)
        assert only_owner_writes(tmp_path / "theirs") is answer
        assert mode(tmp_path / "theirs") == given


def test_without_a_home_it_works_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_class: type[Path]) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(type(tmp_path), "home", classmethod(nobody))

    keep_folder(tmp_path / "data")

    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_a_file_in_the_way_of_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError, match="Not a directory"):
            make_folder(folder)
