"""Which server is run: the one that set-up builds, whoever may write into the cache folder."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from facematch.launcher import livekit_server
from facematch.launcher.livekit_server import ServerError, known_builds, remember, runnable
from tests.rig.modes import mode

if TYPE_CHECKING:
    from pathlib import Path

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
SERVER = b"#!/bin/sh\necho the server\n"
NOBODY = 65_534


@pytest.fixture(autouse=True)
def _a_record_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(livekit_server, "OWN_BUILD", tmp_path / "build" / "livekit-server.sha256")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A server that was built here."""
    path = livekit_server.binary(tmp_path / "cache")
    path.parent.mkdir()
    path.write_bytes(SERVER)
    path.chmod(0o755)
    remember(hashlib.sha256(SERVER).hexdigest())
    return path


def test_the_builds_are_of_the_present_sources() -> None:
    text = livekit_server.BUILDS.read_text("ascii")

    assert f"# from: {livekit_server.sources()}\n" in text, "build it anew (CONTRIBUTING.md)"
    assert known_builds()
    assert all(len(build) == 64 for build in known_builds())


def test_what_was_built_here_is_run(program: Path, tmp_path: Path) -> None:
    assert runnable(program.parent, tmp_path / "data") == program


def test_what_was_built_from_other_sources_is_not(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(livekit_server, "sources", lambda: "others")
    with pytest.raises(ServerError, match="is not the LiveKit server that set-up builds: delete it and run"):
        runnable(program.parent, program.parent)


@pytest.mark.parametrize("record", [None, b"", b"one word", b"\xff\xfe"])
def test_a_program_of_its_name_is_not(program: Path, tmp_path: Path, record: bytes | None) -> None:
    program.write_bytes(b"#!/bin/sh\ntouch stolen\n")
    if record is not None:
        livekit_server.OWN_BUILD.write_bytes(record)
    with pytest.raises(ServerError, match=r"cache/livekit-server-\S+ is not the LiveKit server .* MODEL_CACHE"):
        runnable(program.parent, tmp_path / "data")


def test_a_missing_one_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=rf"not in MODEL_CACHE, {tmp_path}: run \./install_fix\.sh\.$"):
        runnable(tmp_path, tmp_path)


def test_what_others_may_change_of_ours_is_taken_from_them(program: Path, tmp_path: Path) -> None:
    program.parent.chmod(0o777)
    program.chmod(0o775)

    assert runnable(program.parent, tmp_path / "data") == program
    assert (mode(program.parent), mode(program)) == (0o755, 0o755)


@as_root
@pytest.mark.parametrize("which", ["folder", "file"])
def test_what_others_may_change_of_another_user_is_refused(program: Path, tmp_path: Path, which: str) -> None:
    part = program.parent if which == "folder" else program
    os.chown(part, NOBODY, NOBODY)
    part.chmod(0o775)

    with pytest.raises(
        ServerError, match=rf"^{part} can be changed by other users.* \(chmod go-w {part}\), or set MODEL"
    ):
        runnable(program.parent, tmp_path / "data")


@as_root
@pytest.mark.parametrize("which", ["folder", "file"])
def test_that_of_another_user_is_copied_once_it_is_known(program: Path, tmp_path: Path, which: str) -> None:
    os.chown(program.parent if which == "folder" else program, NOBODY, NOBODY)

    copy = runnable(program.parent, tmp_path / "data")

    assert copy == tmp_path / "data" / program.name
    assert (copy.read_bytes(), mode(copy)) == (SERVER, 0o700)
    program.write_bytes(b"changed")
    with pytest.raises(ServerError, match="is not the LiveKit server"):
        runnable(program.parent, tmp_path / "data")
