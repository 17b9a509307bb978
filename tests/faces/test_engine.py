"""One frame in, its faces out; any number of callers, a bounded number at work."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from facematch.faces.attention import Extent, Known, Licence, inside
from facematch.faces.detector import Detector, Pixels
from facematch.faces.engine import EngineClosedError, Face, FaceEngine, detection_size
from tests.rig.pictures import frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from facematch.faces.encoder import Encoder
    from facematch.faces.reference import ReferenceSet


def centre(face: Face) -> tuple[float, float]:
    top, right, bottom, left = face.bbox
    return (left + right) / 2, (top + bottom) / 2


async def test_a_frame_with_the_person(engine: FaceEngine, obama: ReferenceSet) -> None:
    (face,) = await engine.inspect(frame("obama2", 640, 360, face=100))
    assert obama.distance(face.embedding) < 0.45
    assert face.score > 0.5
    assert face.embedding.shape == (128,)
    assert face.embedding.dtype == np.float32


async def test_a_frame_with_a_stranger(engine: FaceEngine, obama: ReferenceSet) -> None:
    (face,) = await engine.inspect(frame("biden", 640, 360, face=100))
    assert obama.distance(face.embedding) > 0.75


async def test_two_faces_in_a_frame_are_told_apart(engine: FaceEngine, obama: ReferenceSet) -> None:
    both = np.hstack([frame("biden", 320, 360, face=90), frame("obama3", 320, 360, face=90)])
    one, other = sorted(await engine.inspect(both), key=lambda face: obama.distance(face.embedding))
    assert obama.distance(one.embedding) < 0.5 < obama.distance(other.embedding)
    assert centre(other)[0] < 320 < centre(one)[0]


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (960, 540), (720, 1280), (640, 360), (320, 240)])
async def test_boxes_are_in_pixels_of_the_received_frame(size: tuple[int, int], engine: FaceEngine) -> None:
    width, height = size
    face_width = 100 * width / min(width, 640)
    place = frame("collins", width, height, face=round(face_width), across=0.3, down=0.6)

    (face,) = await engine.inspect(place)

    assert centre(face) == pytest.approx((width * 0.3, height * 0.6), abs=face_width / 4)
    top, right, bottom, left = face.bbox
    assert 0 <= top < bottom <= height
    assert 0 <= left < right <= width
    assert right - left == pytest.approx(face_width, rel=0.25)


async def test_boxes_are_clipped_to_the_frame(engine: FaceEngine) -> None:
    only_the_face = frame("collins", 88, 88, face=88)
    (face,) = await engine.inspect(only_the_face)
    top, right, bottom, left = face.bbox
    assert (top, left) == (0, 0)
    assert 70 < right <= 88
    assert 70 < bottom <= 88


@pytest.mark.parametrize("size", [(640, 360), (1280, 720), (720, 1280)])
async def test_near_a_known_face_it_is_found_where_it_is(size: tuple[int, int], engine: FaceEngine) -> None:
    width, height = size
    image = frame("obama2", width, height, face=100 * width // 640, across=0.3, down=0.6)
    whole = await engine.look(image)
    boxes = tuple(face.bbox for face in whole.faces)

    near = await engine.look(image, Known(whole.sketch, boxes, boxes, Licence.CHANGES))

    assert (whole.extent, near.extent) == (Extent.WHOLE, Extent.PART)
    (expected,), (face,) = whole.faces, near.faces
    assert centre(face) == pytest.approx(centre(expected), abs=15 * width / 640)
    assert np.linalg.norm(face.embedding - expected.embedding) < 0.2


async def test_a_face_in_two_parts_that_overlap_is_told_once(engine: FaceEngine) -> None:
    image = frame("obama2", 640, 360, face=80)
    whole = await engine.look(image)
    lying, standing = (165, 445, 195, 195), (30, 340, 330, 300)
    near = await engine.look(image, Known(whole.sketch, (lying, standing), (lying, standing), Licence.CHANGES))
    assert (near.extent, len(near.parts)) == (Extent.PART, 2)
    (expected,), (face,) = whole.faces, near.faces
    assert all(inside(face.bbox, part) for part in near.parts)
    assert centre(face) == pytest.approx(centre(expected), abs=15)


async def test_a_picture_that_was_searched_is_not_searched_again(engine: FaceEngine) -> None:
    image = frame("obama2", 640, 360, face=100)
    whole = await engine.look(image)
    before = engine.encode_seconds
    again = await engine.look(image, Known(whole.sketch, tuple(face.bbox for face in whole.faces), (), Licence.NONE))
    assert (again.extent, again.faces) == (Extent.NOTHING, ())
    assert engine.encode_seconds == before


async def test_a_frame_that_is_a_view_is_read_as_it_looks(engine: FaceEngine) -> None:
    image = frame("obama", 640, 360, face=100)
    lying = np.rot90(image).copy()

    (expected,) = await engine.inspect(image)
    (face,) = await engine.inspect(np.rot90(lying, -1))

    assert not np.rot90(lying, -1).flags.c_contiguous
    assert face.bbox == expected.bbox
    assert np.array_equal(face.embedding, expected.embedding)


async def test_a_read_only_frame(engine: FaceEngine) -> None:
    image = frame("obama", 1280, 720, face=200).copy()
    image.flags.writeable = False
    assert len(await engine.inspect(image)) == 1


@pytest.mark.parametrize("shape", [(360, 640, 3), (720, 1280, 3), (1, 1, 3), (2, 5000, 3), (5000, 2, 3)])
@pytest.mark.parametrize("closer", [False, True])
async def test_blank_frames_have_no_face(shape: tuple[int, int, int], closer: bool, engine: FaceEngine) -> None:
    assert await engine.inspect(np.zeros(shape, np.uint8), closer=closer) == ()


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((36, 64), np.uint8),
        np.zeros((36, 64, 4), np.uint8),
        np.zeros((36, 64, 3)),
        np.zeros((0, 9, 3), np.uint8),
    ],
)
async def test_anything_but_a_frame_is_refused(bad: Any, engine: FaceEngine) -> None:
    with pytest.raises(ValueError, match="a frame is"):
        await engine.inspect(bad)


@pytest.mark.parametrize("size", [(640, 360), (1280, 720)])
async def test_closer_finds_what_is_too_small(size: tuple[int, int], engine: FaceEngine, obama: ReferenceSet) -> None:
    width, height = size
    small = frame("obama2", width, height, face=40 * width // 640)

    assert await engine.inspect(small) == ()
    (face,) = await engine.inspect(small, closer=True)

    assert obama.distance(face.embedding) < 0.5
    assert face.bbox[1] - face.bbox[3] == pytest.approx(40 * width / 640, rel=0.3)


@pytest.mark.parametrize(
    ("received", "ordinary", "closer"),
    [
        ((640, 360), (640, 360), (1280, 720)),
        ((1280, 720), (640, 360), (1280, 720)),
        ((3840, 2160), (640, 360), (1280, 720)),
        ((320, 180), (320, 180), (640, 360)),
        ((960, 540), (640, 360), (1280, 720)),
        ((720, 1280), (640, 1138), (960, 1707)),
    ],
)
def test_how_large_a_frame_is_searched(
    received: tuple[int, int], ordinary: tuple[int, int], closer: tuple[int, int]
) -> None:
    assert detection_size(*received, 640, closer=False) == ordinary
    assert detection_size(*received, 640, closer=True) == closer


def test_no_shape_of_frame_is_searched_without_bound() -> None:
    for width, height in ((640, 100_000), (100_000, 640), (16, 65_000), (3000, 3000)):
        for closer, bound in ((False, 2), (True, 4)):
            across, down = detection_size(width, height, 640, closer=closer)
            assert across * down <= bound * 640**2 * 1.01
            assert min(across, down) >= 1


async def test_frames_of_many_sizes_in_two_threads(engine: FaceEngine) -> None:
    """What one thread finds never shows in another's frame: 200 frames, half of them blank, none wrong."""
    sizes = [(320, 180), (480, 270), (400, 300), (270, 480)]
    faces = [frame("obama2", *size, face=80) for size in sizes] + [frame("biden", *size, face=80) for size in sizes]
    blanks = [np.full((height, width, 3), 70, np.uint8) for width, height in sizes]
    alone = [await engine.inspect(image) for image in faces]
    assert all(len(found) == 1 for found in alone)

    async def one(turn: int) -> bool:
        if turn % 2:
            return await engine.inspect(blanks[turn // 2 % 4]) == ()
        (face,) = await engine.inspect(faces[turn // 2 % 8])
        (expected,) = alone[turn // 2 % 8]
        return face.bbox == expected.bbox and np.allclose(face.embedding, expected.embedding, atol=1e-6)

    right = await asyncio.gather(*(one(turn) for turn in range(200)))
    assert right.count(False) == 0


class Gate:
    """Holds the engine's threads inside the encoder until it is opened."""

    name = "gate"

    def __init__(self) -> None:
        self.open = threading.Event()
        self.lock = threading.Lock()
        self.inside = 0
        self.most_inside = 0
        self.order: list[int] = []

    def encode(self, chips: Any) -> np.ndarray:
        with self.lock:
            self.inside += 1
            self.most_inside = max(self.most_inside, self.inside)
        assert self.open.wait(20)
        with self.lock:
            self.inside -= 1
        return np.zeros((len(chips), 128), np.float32)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


@pytest.fixture
def gated(gate: Gate) -> Iterator[FaceEngine]:
    engine = FaceEngine(workers=2, processed_width=640, encoder=gate)
    yield engine
    gate.open.set()
    engine.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  (what is awaited happens in threads)
            await asyncio.sleep(0.001)


async def test_no_more_than_the_workers_are_busy_and_the_rest_wait_in_order(gate: Gate, gated: FaceEngine) -> None:
    image = frame("obama", 320, 180, face=80)
    finished: list[int] = []

    async def one(turn: int) -> None:
        await gated.inspect(image)
        finished.append(turn)

    async with asyncio.TaskGroup() as group:
        for turn in range(8):
            group.create_task(one(turn))
        await until(lambda: gate.inside == 2)
        assert not finished
        gate.open.set()

    assert gate.most_inside == 2
    assert sorted(finished) == list(range(8))
    assert set(finished[:2]) <= {0, 1, 2}  # two are at work at once, so neighbours may swap


async def test_cancelling_one_disturbs_no_other(gate: Gate, gated: FaceEngine) -> None:
    image = frame("obama", 320, 180, face=80)
    tasks = [asyncio.create_task(gated.inspect(image)) for _ in range(6)]
    await until(lambda: gate.inside == 2)

    for victim in (tasks[0], tasks[3]):  # one at work, one waiting
        victim.cancel()
    await asyncio.sleep(0)
    gate.open.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert [isinstance(result, asyncio.CancelledError) for result in results] == [
        True,
        False,
        False,
        True,
        False,
        False,
    ]
    assert len(await gated.inspect(image)) == 1


async def test_a_cancelled_frame_still_takes_its_place_until_it_is_done(gate: Gate, gated: FaceEngine) -> None:
    image = frame("obama", 320, 180, face=80)
    tasks = [asyncio.create_task(gated.inspect(image)) for _ in range(2)]
    await until(lambda: gate.inside == 2)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)

    third = asyncio.create_task(gated.inspect(image))
    await asyncio.sleep(0.05)
    assert (gate.inside, third.done()) == (2, False)
    gate.open.set()
    assert len(await third) == 1


async def test_an_error_in_a_frame_is_that_frames_alone(onnx_encoder: Encoder) -> None:
    class Failing:
        name = "failing"
        fail = True

        def encode(self, chips: Any) -> np.ndarray:
            if self.fail:
                raise RuntimeError("no embedding today")
            return onnx_encoder.encode(chips)

    encoder = Failing()
    engine = FaceEngine(workers=1, processed_width=640, encoder=encoder)
    image = frame("obama", 320, 180, face=80)
    with pytest.raises(RuntimeError, match="today"):
        await engine.inspect(image)
    encoder.fail = False
    assert len(await engine.inspect(image)) == 1
    await engine.aclose()


async def test_closing_ends_the_waiting_and_awaits_the_working(gate: Gate, gated: FaceEngine) -> None:
    image = frame("obama", 320, 180, face=80)
    tasks = [asyncio.create_task(gated.inspect(image)) for _ in range(5)]
    await until(lambda: gate.inside == 2)

    closing = asyncio.create_task(gated.aclose())
    await asyncio.sleep(0.01)
    gate.open.set()
    await closing
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(result) for result in results] == [
        tuple,
        tuple,
        EngineClosedError,
        EngineClosedError,
        EngineClosedError,
    ]
    with pytest.raises(EngineClosedError):
        await gated.inspect(image)
    await gated.aclose()
    gated.close()


@pytest.mark.parametrize("way", ["aclose", "close"])
async def test_closing_is_bounded(way: str, gate: Gate, gated: FaceEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facematch.faces.engine._CLOSE_SECONDS", 0.1)
    task = asyncio.create_task(gated.inspect(frame("obama", 320, 180, face=80)))
    await until(lambda: gate.inside == 1)
    started = time.perf_counter()

    if way == "aclose":
        await gated.aclose()
    else:
        gated.close()

    assert time.perf_counter() - started < 2
    gate.open.set()
    await asyncio.wait([task])


def test_one_engine_serves_one_loop_after_another(engine: FaceEngine) -> None:
    image = frame("obama", 320, 180, face=80)

    async def four() -> int:
        return sum(len(faces) for faces in await asyncio.gather(*(engine.inspect(image) for _ in range(4))))

    assert asyncio.run(four()) == asyncio.run(four()) == 4


async def test_the_loop_stays_free(engine: FaceEngine) -> None:
    image = frame("obama", 640, 360, face=100)
    await engine.inspect(image)
    work = asyncio.gather(*(engine.inspect(image) for _ in range(6)))
    turns = 0
    while not work.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert len(await work) == 6
    assert turns > 10  # held by one frame at a time it would be six


def test_each_worker_has_its_own_detector(onnx_encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """No detector is entered twice at once, whatever is thrown at the engine."""
    busy: set[int] = set()
    clashes = []
    plain = Detector.find

    def watched(self: Detector, image: Pixels) -> Any:
        if id(self) in busy:
            clashes.append(id(self))
        busy.add(id(self))
        try:
            return plain(self, image)
        finally:
            busy.discard(id(self))

    monkeypatch.setattr(Detector, "find", watched)
    engine = FaceEngine(workers=3, processed_width=320, encoder=onnx_encoder)
    image = frame("obama", 320, 180, face=80)
    with ThreadPoolExecutor(2) as loops:
        jobs = [
            loops.submit(asyncio.run, _many(engine, image)),
            loops.submit(asyncio.run, _many(engine, image)),
        ]
        assert [job.result() for job in jobs] == [12, 12]
    engine.close()
    assert not clashes


async def _many(engine: FaceEngine, image: Pixels) -> int:
    return sum(len(faces) for faces in await asyncio.gather(*(engine.inspect(image) for _ in range(12))))


async def test_how_long_a_piece_of_work_takes_can_be_told_while_it_goes_on(gate: Gate, gated: FaceEngine) -> None:
    assert gated.longest_work() == 0
    working = asyncio.create_task(gated.inspect(frame("obama", 320, 180, face=80)))
    await until(lambda: gate.inside == 1)
    first = gated.longest_work()
    assert 0 < first <= gated.longest_work()
    gate.open.set()
    await working
    assert gated.longest_work() == 0
