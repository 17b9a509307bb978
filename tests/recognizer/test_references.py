"""Hot reload, with the real engine and real photographs; polls are called and not waited for."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from structlog.testing import capture_logs

from facematch.faces.photos import decoding
from facematch.faces.photos.enrollment import EnrolledPhoto
from facematch.faces.photos.refusal import EnrollmentError
from facematch.faces.reference import LARGEST_STORED, reference_id
from facematch.recognizer.references import POLL_SECONDS, References
from tests.rig.virtual_time import now, run

if TYPE_CHECKING:
    from facematch.faces.engine import FaceEngine

DATA = Path(__file__).resolve().parent.parent / "data"
NOON = 1_700_000_000

Read = Callable[[bytes], Awaitable[EnrolledPhoto]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "current.jpg"


@pytest.fixture(scope="session")
def read(engine: FaceEngine) -> Read:
    """The real engine's word on each photograph, asked for once."""
    known: dict[bytes, EnrolledPhoto | EnrollmentError] = {}

    async def remembered(data: bytes) -> EnrolledPhoto:
        if data not in known:
            try:
                known[data] = await engine.read_stored(data)
            except EnrollmentError as error:
                known[data] = error
        answer = known[data]
        if isinstance(answer, EnrollmentError):
            raise answer
        return answer

    return remembered


@pytest.fixture
def references(path: Path, read: Read) -> References:
    return References(path, read)


def place(path: Path, photograph: str, *, at: int = NOON) -> str:
    """Put a photograph where the reference is, with this modification time. Returns its reference id."""
    data = (DATA / photograph).read_bytes()
    path.write_bytes(data)
    os.utime(path, (at, at))
    return reference_id(data)


def in_use(references: References) -> str | None:
    return references.current.id if references.current else None


async def test_the_reference_is_the_photographs_embedding(references: References, path: Path, read: Read) -> None:
    expected = place(path, "obama.jpg")
    await references.poll()
    assert references.current is not None
    assert references.current.id == expected
    assert references.error is None
    same = await read((DATA / "obama2.jpg").read_bytes())
    other = await read((DATA / "biden.jpg").read_bytes())
    assert references.current.distance(same.embedding) < 0.5 < references.current.distance(other.embedding)


async def test_without_a_file_there_is_no_reference_and_no_error(references: References) -> None:
    with capture_logs() as lines:
        await references.poll()
        await references.poll()
    assert (references.current, references.error, lines) == (None, None, [])


@pytest.mark.parametrize("later", [NOON + 1, NOON - 86_400])
async def test_a_changed_time_reloads_be_it_newer_or_older(references: References, path: Path, later: int) -> None:
    place(path, "obama.jpg")
    await references.poll()
    expected = place(path, "biden.jpg", at=later)
    await references.poll()
    assert in_use(references) == expected


async def test_another_file_of_the_same_time_and_size_is_noticed(
    references: References, path: Path, tmp_path: Path
) -> None:
    """As an upload replaces it: a new file, moved over the old one."""
    size = len((DATA / "obama.jpg").read_bytes())
    place(path, "obama.jpg")
    await references.poll()
    new = tmp_path / "new.jpg"
    data = (DATA / "biden.jpg").read_bytes()
    new.write_bytes(data + bytes(size - len(data)))
    os.utime(new, (NOON, NOON))
    new.replace(path)
    await references.poll()
    assert in_use(references) == reference_id(path.read_bytes())


async def test_a_bad_file_is_reported_once_and_the_old_reference_stays(references: References, path: Path) -> None:
    good = place(path, "obama.jpg")
    await references.poll()
    place(path, "no_face.jpg", at=NOON + 1)
    with capture_logs() as lines:
        for _ in range(3):
            await references.poll()
    assert [line["log_level"] for line in lines] == ["error"]
    assert lines[0]["event"] == "Reference not usable; the one before it stays in use"
    assert references.error == lines[0]["reason"]
    assert "No face found" in lines[0]["reason"]
    assert in_use(references) == good


@pytest.mark.parametrize("photograph", ["two_faces.jpg", "SOURCES.md"])
async def test_a_bad_first_file_leaves_no_reference(references: References, path: Path, photograph: str) -> None:
    place(path, photograph)
    await references.poll()
    assert references.current is None
    assert references.error


async def test_a_good_file_after_a_bad_one_clears_the_error(references: References, path: Path) -> None:
    place(path, "no_face.jpg")
    await references.poll()
    expected = place(path, "obama.jpg", at=NOON + 1)
    await references.poll()
    assert (in_use(references), references.error) == (expected, None)


async def test_the_old_file_put_back_changes_nothing_but_the_error(references: References, path: Path) -> None:
    place(path, "obama.jpg")
    await references.poll()
    before, swaps = references.current, []
    references.subscribe(lambda: swaps.append(1))
    place(path, "no_face.jpg", at=NOON + 1)
    await references.poll()
    place(path, "obama.jpg", at=NOON + 2)
    await references.poll()
    assert references.current is before
    assert (references.error, swaps) == (None, [])


async def test_a_removed_file_ends_the_reference(references: References, path: Path) -> None:
    place(path, "obama.jpg")
    await references.poll()
    path.unlink()
    with capture_logs() as lines:
        await references.poll()
        await references.poll()
    assert (references.current, references.error) == (None, None)
    assert [line["log_level"] for line in lines] == ["warning"]


async def test_a_removed_bad_file_is_no_error_any_more(references: References, path: Path) -> None:
    place(path, "no_face.jpg")
    await references.poll()
    path.unlink()
    await references.poll()
    assert references.error is None


async def test_listeners_are_told_after_every_change_and_see_the_new_one(references: References, path: Path) -> None:
    seen: list[str | None] = []

    def listen() -> None:
        seen.append(in_use(references))

    references.subscribe(listen)
    first = place(path, "obama.jpg")
    await references.poll()
    await references.poll()
    second = place(path, "biden.jpg", at=NOON + 1)
    await references.poll()
    path.unlink()
    await references.poll()
    references.unsubscribe(listen)
    place(path, "obama.jpg", at=NOON + 2)
    await references.poll()
    assert seen == [first, second, None]


@pytest.mark.parametrize("photograph", [None, "obama.jpg", "no_face.jpg"])
async def test_that_it_was_looked_for_is_told_with_the_reference_in_place(
    references: References, path: Path, photograph: str | None
) -> None:
    """Nobody is told that there is none before the file was read, which takes a while after every start."""
    if photograph:
        place(path, photograph)
    told: list[tuple[bool, bool]] = []
    looked = asyncio.Event()

    def note() -> None:
        told.append((references.looked, references.current is not None))
        if references.looked:
            looked.set()

    references.subscribe(note)
    assert not references.looked
    running = asyncio.create_task(references.run())
    async with asyncio.timeout(20):
        await looked.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert told[-1] == (True, photograph == "obama.jpg")
    assert [seen for seen, _ in told].count(True) == 1


async def test_the_set_is_swapped_whole(path: Path, read: Read) -> None:
    """Who holds the old set keeps it, unchanged; while the new one is being made, the old one is in use."""
    entered, go_on = asyncio.Event(), asyncio.Event()
    go_on.set()

    async def slowly(data: bytes) -> EnrolledPhoto:
        entered.set()
        await go_on.wait()
        return await read(data)

    references = References(path, slowly)
    first = place(path, "obama.jpg")
    await references.poll()
    held = references.current
    assert held is not None
    numbers = held.embeddings.copy()
    entered.clear()
    go_on.clear()
    second = place(path, "biden.jpg", at=NOON + 1)
    polling = asyncio.create_task(references.poll())
    await entered.wait()
    assert references.current is held
    go_on.set()
    await polling
    assert (first, second) == (held.id, in_use(references))
    assert np.array_equal(held.embeddings, numbers)
    with pytest.raises(ValueError, match="read-only"):
        held.embeddings[0, 0] = 1


@pytest.mark.parametrize("thing", ["folder", "pipe", "huge"])
async def test_what_is_no_photo_file_is_an_error_and_no_end(references: References, path: Path, thing: str) -> None:
    if thing == "folder":
        path.mkdir()
    elif thing == "pipe":
        os.mkfifo(path)
    else:
        path.touch()
        os.truncate(path, LARGEST_STORED + 1)
    with capture_logs() as lines:
        await references.poll()
        await references.poll()
    assert references.error in ("Not a file", "The file is larger than 64 MB")
    assert len(lines) == 1


async def test_a_photograph_that_ends_its_reader_is_reported_once(
    engine: FaceEngine, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the real engine, and a codec that crashes."""
    references = References(path, engine.read_stored)
    good = place(path, "obama.jpg")
    await references.poll()
    crash = "from facematch.faces.photos import decoding_process as real\nreal._say(real.READY)\nimport os\nos.abort()"
    monkeypatch.setattr(decoding, "_COMMAND", (sys.executable, "-c", crash))
    place(path, "biden.jpg", at=NOON + 1)
    for _ in range(3):
        await references.poll()
    assert references.error
    assert "cannot be read" in references.error
    assert in_use(references) == good


async def test_a_reader_that_does_not_start_is_tried_again(
    engine: FaceEngine, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    references = References(path, engine.read_stored)
    expected = place(path, "obama.jpg")
    with monkeypatch.context() as patched, capture_logs() as lines:
        patched.setattr(decoding, "_COMMAND", (sys.executable, "-c", ""))
        for _ in range(2):
            await references.poll()
    assert len(lines) == 1
    assert "ended at its start" in lines[0]["reason"]
    await references.poll()
    assert (in_use(references), references.error) == (expected, None)


async def test_what_cannot_be_read_for_the_moment_is_read_when_it_can_be(
    references: References, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing about the file changes: the process has too many files open, a network drive hangs."""

    def refuse(path: Path) -> bytes:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    expected = place(path, "obama.jpg")
    with monkeypatch.context() as patched, capture_logs() as lines:
        patched.setattr(type(path), "read_bytes", refuse)
        for _ in range(3):
            await references.poll()
    assert [(line["log_level"], line["reason"]) for line in lines] == [("error", os.strerror(errno.EMFILE))]
    await references.poll()
    assert (in_use(references), references.error) == (expected, None)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
async def test_a_file_that_may_be_read_again_is_read(references: References, path: Path) -> None:
    expected = place(path, "obama.jpg")
    path.chmod(0)
    await references.poll()
    path.chmod(0o600)
    await references.poll()
    assert (in_use(references), references.error) == (expected, None)


async def test_a_changed_permission_is_a_change(references: References, path: Path) -> None:
    """What could not be read, for its permissions, may be readable now; its modification time tells nothing of it."""
    place(path, "no_face.jpg")
    await references.poll()
    path.chmod(0o640)
    with capture_logs() as lines:
        await references.poll()
    assert len(lines) == 1


async def test_the_reason_fits_into_a_heartbeat(tmp_path: Path, read: Read) -> None:
    deep = tmp_path.joinpath(*["a folder with quite a long name" for _ in range(30)]) / "current.jpg"
    deep.mkdir(parents=True)
    references = References(deep, read)
    await references.poll()
    assert references.error
    assert len(references.error) <= 512


def test_it_looks_once_a_second() -> None:
    async def scenario() -> list[float]:
        looks: list[float] = []

        class Counted(References):
            async def poll(self) -> None:
                looks.append(now())

        references = Counted(Path("/nowhere"), read=never)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3.5):
                await references.run()
        return looks

    async def never(data: bytes) -> EnrolledPhoto:
        raise AssertionError(data)

    assert run(scenario()) == [0.0, 1.0, 2.0, 3.0]
    assert POLL_SECONDS == 1.0
