"""The pure parts of frames, and how a stream ends; streams are proven on the real server."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
from livekit import rtc

from facematch.recognizer.room import frames
from facematch.recognizer.room.frames import (
    PATIENCE_SECONDS,
    SPREAD_SECONDS,
    FrameStream,
    Selection,
    is_filler,
    upright,
    wanted_quality,
)
from tests.rig.receiver import eventually
from tests.rig.virtual_time import run

if TYPE_CHECKING:
    from numpy.typing import NDArray

HIGH, MEDIUM, LOW = (
    rtc.VideoQuality.VIDEO_QUALITY_HIGH,
    rtc.VideoQuality.VIDEO_QUALITY_MEDIUM,
    rtc.VideoQuality.VIDEO_QUALITY_LOW,
)
MARK = (255, 10, 20)


def accepts(selection: Selection, width: int, now: float) -> bool:
    """Whether a frame is looked at; if so, it is."""
    if not selection.wants(width, now):
        return False
    selection.count(now)
    return True


def marked(height: int, width: int) -> NDArray[np.uint8]:
    """A black frame with its upper left pixel marked."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[0, 0] = MARK
    return pixels


@pytest.mark.parametrize(
    ("rotation", "shape", "mark_at"),
    [
        (rtc.VideoRotation.VIDEO_ROTATION_0, (2, 4, 3), (0, 0)),
        (rtc.VideoRotation.VIDEO_ROTATION_90, (4, 2, 3), (0, 1)),  # clockwise: upper left goes to the upper right
        (rtc.VideoRotation.VIDEO_ROTATION_180, (2, 4, 3), (1, 3)),
        (rtc.VideoRotation.VIDEO_ROTATION_270, (4, 2, 3), (3, 0)),
    ],
)
def test_a_frame_is_turned_clockwise_by_its_rotation(
    rotation: rtc.VideoRotation, shape: tuple[int, int, int], mark_at: tuple[int, int]
) -> None:
    turned = upright(marked(2, 4), rotation)
    assert turned.shape == shape
    assert tuple(turned[mark_at]) == MARK
    assert turned.sum() == sum(MARK)
    assert turned.flags.c_contiguous


def test_every_rotation_of_the_sdk_is_known() -> None:
    turned = {name: upright(marked(2, 4), value).tobytes() for name, value in rtc.VideoRotation.items()}
    assert len(set(turned.values())) == len(turned) == 4


def test_an_upright_frame_is_not_copied() -> None:
    pixels = marked(2, 4)
    assert upright(pixels, rtc.VideoRotation.VIDEO_ROTATION_0) is pixels


def as_decoded(pixels: NDArray[np.uint8]) -> rtc.VideoFrame:
    """What the decoder gives of an RGB picture."""
    height, width = pixels.shape[:2]
    frame = rtc.VideoFrame(width, height, rtc.VideoBufferType.RGB24, bytearray(pixels.tobytes()))
    return frame.convert(rtc.VideoBufferType.I420)


@pytest.mark.parametrize("level", [0, 3])
@pytest.mark.parametrize("size", [(360, 640), (181, 321)])
def test_black_is_filler(level: int, size: tuple[int, int]) -> None:
    assert is_filler(as_decoded(np.full((*size, 3), level, np.uint8)))


def test_what_the_decoder_gives_without_light_is_filler() -> None:
    data = bytearray(640 * 360) + bytearray([128]) * (640 * 360 // 2)
    assert is_filler(rtc.VideoFrame(640, 360, rtc.VideoBufferType.I420, data))


def test_a_camera_in_the_dark_is_no_filler() -> None:
    noise = np.random.default_rng(7).integers(0, 12, (360, 640, 3), dtype=np.uint8)
    assert not is_filler(as_decoded(noise))


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_a_face_in_a_dark_room_is_no_filler(channel: int) -> None:
    pixels = np.zeros((360, 640, 3), np.uint8)
    pixels[100:160, 300:360, channel] = 40
    assert not is_filler(as_decoded(pixels))


@pytest.mark.parametrize(
    ("width", "height", "processed", "quality"),
    [
        (1280, 720, 640, MEDIUM),  # its middle layer is 640x360
        (1920, 1080, 640, MEDIUM),
        (3840, 2160, 640, MEDIUM),
        (960, 540, 640, MEDIUM),
        (640, 360, 640, MEDIUM),  # its own size: there is no layer between it and 320x180
        (848, 480, 640, MEDIUM),
        (320, 180, 640, MEDIUM),
        (1280, 720, 320, LOW),  # 320x180 is all that is needed
        (1280, 720, 480, MEDIUM),
        (1280, 720, 960, HIGH),
        (1920, 1080, 1280, HIGH),
        (1280, 960, 640, HIGH),  # 4:3: the middle layer is 480x360
        (1280, 960, 480, MEDIUM),
        (640, 480, 640, MEDIUM),
        (640, 480, 240, LOW),
        (720, 1280, 640, HIGH),  # portrait: the layers are 180 and 360 wide
        (720, 1280, 360, MEDIUM),
        (1080, 1920, 320, MEDIUM),
        (720, 1280, 180, LOW),
        (360, 640, 640, MEDIUM),
        (7680, 4320, 640, MEDIUM),
        (7680, 4320, 1280, MEDIUM),  # rather small than more pixels than are taken
        (0, 0, 640, HIGH),
        (1280, 0, 640, HIGH),
    ],
)
def test_the_smallest_layer_as_wide_as_the_processed_frame(
    width: int, height: int, processed: int, quality: rtc.VideoQuality.ValueType
) -> None:
    chosen = wanted_quality(width, height, processed)
    assert rtc.VideoQuality.Name(chosen) == rtc.VideoQuality.Name(quality)


def test_the_first_frame_counts_whatever_its_size() -> None:
    assert accepts(Selection(640, 5), 320, 100.0)


def test_then_only_frames_of_the_wanted_width() -> None:
    selection = Selection(640, 5)
    accepts(selection, 320, 100.0)
    assert [accepts(selection, width, 100.5) for width in (320, 639, 640)] == [False, False, True]


def test_patience_ends() -> None:
    selection = Selection(640, 5)
    accepts(selection, 320, 100.0)
    assert not accepts(selection, 320, 100.0 + PATIENCE_SECONDS - 0.01)
    assert accepts(selection, 320, 100.0 + PATIENCE_SECONDS)


@pytest.mark.parametrize(("rate", "frames"), [(30, 5), (25, 5), (15, 5), (10, 5), (30, 2), (30, 12)])
def test_the_frames_of_a_batch_are_spread(rate: int, frames: int) -> None:
    selection = Selection(640, frames)
    counted = [at / rate for at in range(100) if accepts(selection, 640, 50 + at / rate)][:frames]
    assert counted[0] == 0
    assert SPREAD_SECONDS - 0.001 <= counted[-1] <= 0.45
    assert max(later - earlier for earlier, later in pairwise(counted)) <= counted[-1] / (frames - 1) + 1 / rate


def test_frames_that_come_seldom_all_count() -> None:
    selection = Selection(640, 5)
    assert all(accepts(selection, 640, 50 + at / 10 + 0.02 * (at % 2)) for at in range(20))


def test_a_look_that_took_long_is_not_followed_by_a_rush() -> None:
    selection = Selection(640, 5)
    assert accepts(selection, 640, 50.0)
    assert accepts(selection, 640, 50.5)
    assert not accepts(selection, 640, 50.52)
    assert accepts(selection, 640, 50.56)


def test_a_batch_of_one_frame() -> None:
    assert accepts(Selection(640, 1), 640, 50.0)


class Slow:
    """In place of the SDK's stream: brings nothing, and ends when it may."""

    def __init__(self) -> None:
        self.closing = asyncio.Event()
        self.may_end = asyncio.Event()
        self.ended = False

    def __aiter__(self) -> Slow:
        return self

    async def __anext__(self) -> rtc.VideoFrameEvent:
        await asyncio.Event().wait()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closing.set()
        await self.may_end.wait()
        self.ended = True


@pytest.fixture
def slow() -> Slow:
    return Slow()


class Frame:
    """What the decoder gives, of a size and a kind; what it is made into is counted."""

    def __init__(self, width: int, height: int, light: int = 90) -> None:
        self.width, self.height = width, height
        self.light = light
        self.made: list[object] = []

    @property
    def data(self) -> bytes:
        size = self.width * self.height
        return bytes([self.light]) * size + bytes([128]) * (size // 2)

    def convert(self, kind: object) -> rtc.VideoFrame:
        self.made.append(kind)
        data = np.full((self.height, self.width, 3), 7, np.uint8).tobytes()
        return rtc.VideoFrame(self.width, self.height, rtc.VideoBufferType.RGB24, data)


class Sends(Slow):
    """A stream of these frames, as far apart as is said, and then of silence."""

    def __init__(self, *frames: Frame, rotation: int = rtc.VideoRotation.VIDEO_ROTATION_0, apart: float = 0.0) -> None:
        super().__init__()
        self._rotation = rotation
        self._apart = apart
        self.may_end.set()
        self.left = list(frames)

    async def __anext__(self) -> rtc.VideoFrameEvent:
        if not self.left:
            return await super().__anext__()
        await asyncio.sleep(self._apart)
        return cast("rtc.VideoFrameEvent", SimpleNamespace(frame=self.left.pop(0), rotation=self._rotation))


def stream_of(
    monkeypatch: pytest.MonkeyPatch, sends: Slow, frames: int = 5, wanted: int = 64
) -> tuple[FrameStream, list[str]]:
    """A stream of what is sent, and what was told of it."""
    told: list[str] = []
    monkeypatch.setattr(rtc.VideoStream, "from_track", lambda **_: sends)
    selection = Selection(wanted, frames)

    def enough(waiting: int) -> bool:
        told.append(f"{waiting} waiting")
        return selection.complete

    stream = FrameStream(cast("rtc.Track", object()), selection, lambda: told.append("arrived"), enough)
    return stream, told


def test_what_is_looked_at_is_made_rgb_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    early, passed, late = Frame(64, 36), Frame(64, 36), Frame(64, 36)

    async def scenario() -> None:
        stream, told = stream_of(monkeypatch, Sends(early, passed, late, apart=0.05))
        await asyncio.sleep(0.2)
        assert told == ["arrived", "1 waiting", "arrived", "arrived", "2 waiting"]
        first = stream.take()
        assert first is not None
        assert first.pixels.shape == (36, 64, 3)
        assert first.at == pytest.approx(0.05)
        assert (early.made, passed.made, late.made) == ([rtc.VideoBufferType.RGB24], [], [])
        second = stream.take()
        assert second is not None
        assert second.at == pytest.approx(0.15)
        assert stream.take() is None
        assert (stream.ready(), stream.too_large) == (False, False)
        await stream.aclose()
        assert (passed.made, len(late.made)) == ([], 1)

    run(scenario())


def test_a_stream_ends_with_the_last_frame_that_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the looking takes: what is sent meanwhile would be decoded for nothing."""

    async def scenario() -> None:
        sends = Sends(*(Frame(64, 36) for _ in range(20)), apart=0.1)
        stream, told = stream_of(monkeypatch, sends)
        await asyncio.sleep(1.9)
        assert (len(sends.left), sends.ended) == (15, True)
        assert [one for one in told if one != "arrived"] == [f"{waiting} waiting" for waiting in range(1, 6)]
        assert (told.count("arrived"), stream.over) == (5, False)
        taken = [picture.at for _ in range(9) if (picture := stream.take())]
        assert taken == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
        assert stream.over
        await stream.aclose()

    run(scenario())


def test_large_frames_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        sends = Sends(*(Frame(1920, 1080) for _ in range(9)), apart=0.1)
        stream, told = stream_of(monkeypatch, sends, wanted=640)
        await asyncio.sleep(0.5)
        assert told.count("arrived") == 4
        first = stream.take()
        assert stream.take() is None
        await asyncio.sleep(0.2)
        second = stream.take()
        assert first is not None
        assert second is not None
        assert (first.at, second.at) == pytest.approx((0.1, 0.5))
        await stream.aclose()

    run(scenario())


def test_black_frames_come_and_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        stream, told = stream_of(monkeypatch, Sends(Frame(64, 36, light=16), Frame(64, 36), apart=0.1))
        await asyncio.sleep(0.15)
        assert stream.ready()
        assert (stream.take(), stream.ready(), told) == (None, False, ["arrived"])
        await asyncio.sleep(0.1)
        assert stream.take() is not None
        await stream.aclose()

    run(scenario())


@pytest.mark.parametrize(("rotation", "wanted"), [(0, 65), (90, 37), (180, 65), (270, 37)])
def test_a_frame_that_is_not_worth_it_is_not_made_rgb(
    monkeypatch: pytest.MonkeyPatch, rotation: int, wanted: int
) -> None:
    """Its width is that of the upright frame."""

    async def scenario() -> None:
        turned = getattr(rtc.VideoRotation, f"VIDEO_ROTATION_{rotation}")
        sends = Sends(Frame(64, 36), narrow := Frame(64, 36), rotation=turned, apart=0.1)
        stream, _ = stream_of(monkeypatch, sends, wanted=wanted)
        await asyncio.sleep(0.3)
        assert stream.take() is not None  # the first counts whatever its size
        assert stream.take() is None
        assert narrow.made == []
        await stream.aclose()

    run(scenario())


async def test_a_frame_that_is_too_large_is_let_go_of_and_no_other_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its publisher says of the track's size."""
    sends = Sends(small := Frame(64, 36), large := Frame(7680, 4320), Frame(7680, 4320))
    stream, told = stream_of(monkeypatch, sends)
    await eventually(lambda: stream.too_large)
    assert stream.ready()
    assert stream.take() is None
    assert (small.made, large.made, len(sends.left), told.count("arrived")) == ([], [], 1, 2)
    await stream.aclose()


async def test_a_stream_is_closed_whole_although_who_waits_for_it_is_cancelled(
    monkeypatch: pytest.MonkeyPatch, slow: Slow
) -> None:
    stream, _ = stream_of(monkeypatch, slow)
    waiting = asyncio.create_task(stream.aclose())
    await slow.closing.wait()
    waiting.cancel()
    await asyncio.sleep(0)
    assert not waiting.done()
    slow.may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert slow.ended


async def test_a_stream_that_is_cancelled_before_its_end_begins_is_closed_too(
    monkeypatch: pytest.MonkeyPatch, slow: Slow
) -> None:
    stream, _ = stream_of(monkeypatch, slow)
    slow.may_end.set()
    waiting = asyncio.create_task(stream.aclose())
    await asyncio.sleep(0)  # it has begun to wait, and for nothing of the SDK yet
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert slow.ended


async def test_a_stream_that_never_ends_is_let_go_of(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "CLOSE_SECONDS", 0.01)
    stream, _ = stream_of(monkeypatch, slow)
    await stream.aclose()
    assert not slow.ended
