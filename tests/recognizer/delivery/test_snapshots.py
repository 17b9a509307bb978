from __future__ import annotations

import asyncio
import errno
import os
import re
import resource
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFont
from pydantic import TypeAdapter
from structlog.testing import capture_logs

from facematch.protocol.snapshot_names import safe_identity
from facematch.protocol.values import FileName
from facematch.recognizer.delivery import snapshots as module
from facematch.recognizer.delivery.snapshots import ABANDONED_SECONDS, Draft, Label, Snapshots
from facematch.runtime.owner_only import new_file
from tests.rig.looked_at import BOX, WHEN, frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


GREEN = (46, 204, 113)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "made" / "when needed"


@pytest.fixture
def snapshots(folder: Path) -> Iterator[Snapshots]:
    writer = Snapshots(folder)
    yield writer
    writer.close()


async def drafted(snapshots: Snapshots, identity: str = "Alice42", label: Label = ("Alice42", "0.63")) -> Draft:
    draft = await snapshots.draft(frame(), [BOX], [label], identity, WHEN)
    assert draft is not None
    return draft


async def published(snapshots: Snapshots, identity: str = "Alice42") -> Path:
    draft = await drafted(snapshots, identity)
    draft.publish()
    return draft.path


def everything_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# Names.


@pytest.mark.parametrize(
    ("identity", "inside"),
    [
        ("Alice42", "Alice42"),
        ("alice-b_c", "alice-b_c"),
        ("Ada Lovelace", "Ada_Lovelace"),
        ("../../etc/passwd", "etc_passwd"),
        ("a/b\\c", "a_b_c"),
        ("line\nbreak\r\n", "line_break"),
        ("nul\0byte", "nul_byte"),
        ("x" * 10_000, "x" * 64),
        ("Zoë", "Zo"),
        ("李小龙", "participant"),
        ("😀", "participant"),
        ("...", "participant"),
        ("", "participant"),
        (".hidden", "hidden"),
        ("C:con.jpg", "C_con_jpg"),
    ],
)
async def test_the_name_is_the_seeds_with_a_safe_identity(
    snapshots: Snapshots, folder: Path, identity: str, inside: str
) -> None:
    path = await published(snapshots, identity)
    assert path == folder / f"match_{inside}_20250925_140708.jpg"
    assert everything_in(folder) == {path.name}


@given(st.text())
def test_any_identity_becomes_a_name_that_the_wire_and_every_disk_take(identity: str) -> None:
    safe = safe_identity(identity)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", safe)
    TypeAdapter(FileName).validate_python(f"match_{safe}_20250925_140708_99.jpg")


async def test_a_name_that_is_taken_gets_a_number(snapshots: Snapshots, folder: Path) -> None:
    names = [(await published(snapshots)).name for _ in range(3)]
    assert names == [f"match_Alice42_20250925_140708{suffix}.jpg" for suffix in ("", "_2", "_3")]
    assert everything_in(folder) == set(names)


async def test_a_name_that_only_a_draft_has_is_taken_too(snapshots: Snapshots) -> None:
    first, second = await drafted(snapshots), await drafted(snapshots)
    assert first.path != second.path
    second.publish()
    first.publish()
    assert first.path.exists()
    assert second.path.exists()


@pytest.mark.parametrize("moment", range(4))
async def test_no_two_get_one_name_whenever_the_first_is_published(
    snapshots: Snapshots, folder: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    """The outbox publishes the first one, on its own thread, right behind any look that the writer takes."""
    first = await drafted(snapshots)
    looks = 0

    def publish_in_time() -> None:
        nonlocal looks
        looks += 1
        if looks == moment + 1:
            first.publish()

    def behind(look: Callable[..., Any]) -> Callable[..., Any]:
        def looked(path: Path, *args: Any, **more: Any) -> Any:
            try:
                return look(path, *args, **more)
            finally:
                publish_in_time()

        return looked

    with monkeypatch.context() as patched:
        patched.setattr(Path, "exists", behind(Path.exists))
        patched.setattr(module, "new_file", behind(new_file))
        second = await drafted(snapshots)
    assert looks > moment
    second.publish()
    assert everything_in(folder) == {first.path.name, second.path.name}
    assert len(everything_in(folder)) == 2


# Whole or not at all.


async def test_nothing_is_to_be_seen_until_it_is_published(snapshots: Snapshots, folder: Path) -> None:
    draft = await drafted(snapshots)
    assert all(name.startswith(".") for name in everything_in(folder))
    draft.publish()
    assert everything_in(folder) == {draft.path.name}
    with Image.open(draft.path) as image:
        image.load()
        assert (image.format, image.size) == ("JPEG", (640, 360))


async def test_a_discarded_draft_leaves_nothing(snapshots: Snapshots, folder: Path) -> None:
    (await drafted(snapshots)).discard()
    assert everything_in(folder) == set()


async def test_discarding_twice_or_after_publishing_does_no_harm(snapshots: Snapshots, folder: Path) -> None:
    draft = await drafted(snapshots)
    draft.publish()
    draft.discard()
    draft.discard()
    assert everything_in(folder) == {draft.path.name}


async def test_a_draft_whose_asker_goes_while_it_is_written_leaves_nothing(
    snapshots: Snapshots, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody leaves, or the recognizer is told to stop, at that moment: no picture of anybody stays behind."""
    at_work, go_on, before = threading.Event(), threading.Event(), os.fsync

    def slow_disk(handle: int) -> None:
        at_work.set()
        assert go_on.wait(10)
        before(handle)

    monkeypatch.setattr(os, "fsync", slow_disk)
    asker, behind = (asyncio.create_task(drafted(snapshots)) for _ in range(2))
    assert await asyncio.to_thread(at_work.wait, 10)
    assert len(everything_in(folder)) == 1
    asker.cancel()
    behind.cancel()
    await asyncio.wait([asker, behind])
    go_on.set()
    await asyncio.to_thread(snapshots.close)
    assert everything_in(folder) == set()


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """The system refuses to let any file of this process grow, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(("contrast", "limit"), [(256, 50_000), (1, 1024)])
async def test_a_write_that_fails_half_way_leaves_nothing_and_is_said(
    snapshots: Snapshots, folder: Path, contrast: int, limit: int
) -> None:
    """A picture of many writes, and one of a single write: where that is cut short, no error tells of it."""
    pixels = np.random.default_rng(7).integers(0, contrast, (360, 640, 3), dtype=np.uint8)
    with capture_logs() as lines, no_file_larger_than(limit):
        assert await snapshots.draft(pixels, [BOX], [("Alice42", "0.63")], "Alice42", WHEN) is None
    assert everything_in(folder) == set()
    assert [(line["log_level"], line["event"]) for line in lines] == [("error", "Snapshot not written")]
    assert await published(snapshots)


async def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    snapshots = Snapshots(tmp_path / "file" / "captures")
    with capture_logs() as lines:
        assert await snapshots.draft(frame(), [BOX], [("Alice42", "0.63")], "Alice42", WHEN) is None
    snapshots.close()
    assert [line["event"] for line in lines] == ["Snapshot not written"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
async def test_a_folder_that_may_not_be_written_is_said(snapshots: Snapshots, folder: Path) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o500)
    with capture_logs() as lines:
        assert await snapshots.draft(frame(), [BOX], [("Alice42", "0.63")], "Alice42", WHEN) is None
    folder.chmod(0o700)
    assert [line["event"] for line in lines] == ["Snapshot not written"]


async def test_a_folder_that_was_removed_is_made_again(snapshots: Snapshots, folder: Path) -> None:
    path = await published(snapshots)
    path.unlink()
    folder.rmdir()
    assert (await published(snapshots)).exists()


async def test_a_draft_that_was_removed_cannot_be_published_and_that_is_said(
    snapshots: Snapshots, folder: Path
) -> None:
    draft = await drafted(snapshots)
    for path in folder.iterdir():
        path.unlink()
    with capture_logs() as lines:
        draft.publish()
    assert [line["event"] for line in lines] == ["Snapshot not published"]


async def test_no_snapshots_when_none_are_wanted(folder: Path) -> None:
    snapshots = Snapshots(folder, enabled=False)
    assert await snapshots.draft(frame(), [BOX], [("Alice42", "0.63")], "Alice42", WHEN) is None
    snapshots.close()
    assert not folder.exists()


# After a crash.


async def test_after_a_crash_what_committed_events_speak_of_is_published(snapshots: Snapshots, folder: Path) -> None:
    spoken_of, other = await drafted(snapshots), await drafted(snapshots)
    Snapshots(folder).recover({spoken_of.path.name})
    assert spoken_of.path.exists()
    assert not other.path.exists()
    assert len(everything_in(folder)) == 2  # the other may be another recognizer's, at work on it


async def test_after_a_crash_old_drafts_are_removed_and_published_ones_stay(snapshots: Snapshots, folder: Path) -> None:
    kept = await published(snapshots)
    await drafted(snapshots)
    for path in folder.iterdir():
        os.utime(path, (time.time() - ABANDONED_SECONDS - 1,) * 2)
    Snapshots(folder).recover(set())
    assert everything_in(folder) == {kept.name}


def abandoned(folder: Path, *names: str) -> list[Path]:
    """Drafts that a crash left behind long ago."""
    folder.mkdir(parents=True)
    drafts = [folder / f".match_{name}.jpg.part" for name in names]
    for draft in drafts:
        draft.write_bytes(b"half a picture")
        os.utime(draft, (0, 0))
    return drafts


def test_a_draft_that_cannot_be_removed_is_said_and_the_others_are(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, other, spoken_of = abandoned(folder, "a_20250101_000000", "b_20250101_000000", "c_20250101_000000")
    unlink = Path.unlink

    def refuse(path: Path, *, missing_ok: bool = False) -> None:
        if path == stuck:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    with capture_logs() as lines:
        Snapshots(folder).recover({"match_c_20250101_000000.jpg"})
    assert (stuck.exists(), other.exists(), spoken_of.exists()) == (True, False, False)
    assert (folder / "match_c_20250101_000000.jpg").exists()
    assert [(line["event"], line["draft"]) for line in lines] == [("Draft not removed", stuck.name)]


def test_a_draft_that_goes_away_while_it_is_looked_at_is_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone, other = abandoned(folder, "a_20250101_000000", "b_20250101_000000")
    stat = Path.stat

    def late(path: Path, **more: Any) -> os.stat_result:
        if path == gone:
            gone.unlink(missing_ok=True)
        return stat(path, **more)

    monkeypatch.setattr(Path, "stat", late)
    with capture_logs() as lines:
        Snapshots(folder).recover(set())
    assert not other.exists()
    assert lines == []


def test_there_is_nothing_to_recover_where_there_is_no_folder(folder: Path) -> None:
    Snapshots(folder).recover({"match_x.jpg"})
    assert not folder.exists()


# The picture.


def colour_at(path: Path, x: int, y: int) -> tuple[int, ...]:
    with Image.open(path) as image:
        colour = image.convert("RGB").getpixel((x, y))
    assert isinstance(colour, tuple)
    return colour


def near(colour: tuple[int, ...], wanted: tuple[int, int, int]) -> bool:
    return max(abs(one - other) for one, other in zip(colour, wanted, strict=True)) < 60


async def test_the_box_is_drawn_where_the_face_is(snapshots: Snapshots) -> None:
    path = await published(snapshots)
    top, right, bottom, left = BOX
    across, down = (left + right) // 2, (top + bottom) // 2
    for x, y in ((left, down), (right, down), (across, top), (across, bottom)):
        assert near(colour_at(path, x, y), GREEN)
    for x, y in ((across, down), (left - 12, down), (right + 12, down), (across, top - 12)):
        assert near(colour_at(path, x, y), (128, 128, 128))


async def test_every_face_gets_its_box(snapshots: Snapshots) -> None:
    boxes = [BOX, (20, 520, 120, 420)]
    draft = await snapshots.draft(frame(), boxes, [("first", "1"), ("second", "2")], "Alice42", WHEN)
    assert draft is not None
    draft.publish()
    assert all(near(colour_at(draft.path, left, (top + bottom) // 2), GREEN) for top, _, bottom, left in boxes)


async def test_the_label_is_written_below_the_box(snapshots: Snapshots) -> None:
    path = await published(snapshots)
    _, _, bottom, left = BOX
    with Image.open(path) as image:
        below = np.asarray(image.convert("RGB"))[bottom + 4 : bottom + 18, left : left + 80].astype(int)
    green = np.abs(below - GREEN).max(axis=2) < 60
    assert 0.3 < green.mean() < 0.98  # a green strip with dark letters in it
    assert below[~green].min() < 60


async def drawn(snapshots: Snapshots, name: str) -> bytes:
    draft = await drafted(snapshots, label=(name, "0.63"))
    draft.publish()
    return draft.path.read_bytes()


@pytest.mark.parametrize(
    "name", ["Zoë", "Łukasz Nowak", "Иван", "李小龙", "محمد", "שלום", "Ann 😀", "a\u0301", "a\u202eb", " "]
)
async def test_a_name_that_cannot_be_drawn_rightly_is_left_out(snapshots: Snapshots, name: str) -> None:
    assert await drawn(snapshots, name) == await drawn(snapshots, "")
    assert await drawn(snapshots, name) != await drawn(snapshots, "Ann")


async def test_every_letter_that_is_drawn_is_in_the_font() -> None:
    font = ImageFont.load_default(size=20)
    missing = bytes(font.getmask("\u0378"))
    assert not [code for code in range(33, 127) if bytes(font.getmask(chr(code))) == missing]


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((640, 360), (0, 640, 360, 0)),
        ((640, 360), (300, 639, 359, 560)),
        ((320, 180), (100, 319, 180, 250)),
        ((64, 48), (0, 64, 48, 0)),
        ((16, 16), (4, 12, 12, 4)),
        ((1, 1), (0, 1, 1, 0)),
        ((1920, 1080), (400, 900, 1080, 500)),
    ],
)
@pytest.mark.parametrize("label", ["Alice42 0.63", "", "\n\t\0", "Ω 李 😀 \ud800 \u202e", "x" * 10_000])
async def test_any_box_and_any_label_can_be_drawn(
    snapshots: Snapshots, size: tuple[int, int], box: tuple[int, int, int, int], label: str
) -> None:
    draft = await snapshots.draft(frame(*size), [box], [(label, "0.63")], "Alice42", WHEN)
    assert draft is not None


async def test_the_received_frame_is_not_drawn_upon(snapshots: Snapshots) -> None:
    pixels = np.full((360, 640, 3), 128, np.uint8)
    assert await snapshots.draft(pixels, [BOX], [("Alice42", "0.63")], "Alice42", WHEN)
    assert (pixels == 128).all()


async def test_cropped_it_holds_the_faces_and_a_margin(folder: Path) -> None:
    snapshots = Snapshots(folder, crop=True)
    draft = await snapshots.draft(frame(), [BOX, (20, 360, 80, 300)], [("a", "1"), ("b", "2")], "Alice42", WHEN)
    snapshots.close()
    assert draft is not None
    draft.publish()
    with Image.open(draft.path) as image:
        assert image.size == (435 - 85, 315)  # left 160 and right 360 with 75 of margin; top 0, bottom 240 with 75


async def test_a_crop_stays_inside_the_frame(folder: Path) -> None:
    snapshots = Snapshots(folder, crop=True)
    draft = await snapshots.draft(frame(), [(0, 640, 360, 0)], [("a", "1")], "Alice42", WHEN)
    snapshots.close()
    assert draft is not None
    draft.publish()
    with Image.open(draft.path) as image:
        assert image.size == (640, 360)
