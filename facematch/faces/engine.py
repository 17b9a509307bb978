"""One frame in, its faces out: boxes and embeddings, in a bounded pool of threads. Who a face is, others decide."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from facematch.faces.attention import Extent, to_search
from facematch.faces.detector import BBox, Box, Detector, Pixels, resized
from facematch.faces.photos.decoding import decode
from facematch.faces.photos.enrollment import EnrolledPhoto, enroll, read_stored
from facematch.faces.sketch import Sketch, sketched
from facematch.runtime.freed_memory import return_freed_memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from facematch.faces.attention import Known
    from facematch.faces.encoder import Encoder
    from facematch.faces.photos.photo import Photo

_T = TypeVar("_T")
_MOST_SQUARES = 2
"""Pixels searched in one frame, at most, in squares of the processed width; 16:9 is 0.56, upright 9:16 is 1.8."""
_MOST_SQUARES_CLOSER = 4
"""The same for a closer look; 16:9 is 2.25."""
_CLOSE_SECONDS = 3.0
"""How long closing waits for frames at work; the longest single piece of work is an enrollment."""

NOT_KEPT: NDArray[np.float32] = np.empty(0, np.float32)
"""In the place of an embedding that is told of no more."""


@dataclass(frozen=True, slots=True)
class Face:
    """One face of a frame."""

    bbox: BBox
    """top, right, bottom, left in pixels of the received frame, inside it."""
    score: float
    """The detector's."""
    embedding: NDArray[np.float32]
    """(128,); `NOT_KEPT` in a face that is reused."""
    reused: bool = False
    """Found by an earlier search, in a place that has not changed since, and not looked at again."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What a frame showed when as much of it was searched as had to be."""

    faces: tuple[Face, ...]
    """Those that were found in what was searched, the surest first in each part."""
    extent: Extent
    parts: tuple[BBox, ...]
    """What was searched, for `Extent.PART`."""
    sketch: Sketch
    """To compare later frames with, if all was searched."""


class EngineClosedError(RuntimeError):
    """The engine was asked for work after it was closed, or was closed before the work began."""


class FaceEngine:
    """Face work in `workers` threads. Callers beyond that wait in the order in which they came.

    One task's cancellation never disturbs another's work: a frame that is being worked on is finished and its
    result dropped; one that still waits is never begun.
    """

    def __init__(self, *, workers: int, processed_width: int, encoder: Encoder) -> None:
        """Load one detector per worker.

        Args:
            workers: threads, and frames at work at once.
            processed_width: pixels of width that wider frames are scaled down to before detection.
            encoder: shared by the threads.

        Raises:
            ModelError: a model file is not installed.
        """
        self.model = encoder.name
        self.detect_seconds = 0.0
        """Spent in looking for faces since start, over all threads."""
        self.encode_seconds = 0.0
        """Spent in landmarks, chips and embeddings since start, over all threads."""
        self._spending = threading.Lock()
        self._encoder = encoder
        self.processed_width = processed_width
        """Pixels of width that wider frames are scaled down to before detection."""
        self._workers = workers
        self._detectors: SimpleQueue[Detector] = SimpleQueue()
        for _ in range(workers):
            self._detectors.put(Detector())
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="faces")
        self._unfinished: set[Future[Any]] = set()
        self._at_work: dict[Detector, float] = {}
        """Since when, in monotonic seconds, a thread has been busy with one piece of work; by its detector."""
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether what is asked for now has to wait for a thread."""
        return len(self._unfinished) >= self._workers

    def longest_work(self) -> float:
        """Seconds for which the oldest of what the threads are at has been going on; 0 when they rest."""
        begun = list(self._at_work.values())  # copied at once: the threads go on
        return max(0.0, time.monotonic() - min(begun)) if begun else 0.0

    async def inspect(self, frame: Pixels, *, closer: bool = False) -> tuple[Face, ...]:
        """The faces of a frame, all of which is searched. See `look` for what it takes and raises."""
        return (await self.look(frame, closer=closer)).faces

    async def look(self, frame: Pixels, known: Known | None = None, *, closer: bool = False) -> Sight:
        """The faces of a frame, for which no more of it is searched than has to be.

        Args:
            frame: (H, W, 3) uint8 RGB; its memory must stay as it is even after a cancelled call, for a frame that
                is being worked on is finished.
            known: what a whole search of an earlier frame found, and what it may answer for.
            closer: look one step larger, for faces too small to be found otherwise, at four to five times the
                cost.

        Raises:
            ValueError: the frame has another shape or type.
            EngineClosedError: the engine is closed.
        """
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8 or 0 in frame.shape:  # noqa: PLR2004
            raise ValueError(f"a frame is (H, W, 3) uint8, not {frame.shape} {frame.dtype}")
        return await self._run(lambda detector: self._look(detector, frame, known, closer=closer))

    async def enroll(self, data: bytes) -> EnrolledPhoto:
        """The photograph in the bytes of an image file, checked and made ready to be stored.

        Raises:
            EnrollmentError: it cannot serve as a reference; says why.
            OSError: no photograph can be read at the moment.
            EngineClosedError: the engine is closed.
        """
        return await self._examined(data, lambda photo, detector: enroll(photo, detector, self._encoder))

    async def read_stored(self, data: bytes) -> EnrolledPhoto:
        """The reference in the bytes of a stored file, held to the same rules, but taken as it is.

        For what `enroll` made, the embedding is the one that `enroll` gave, to the last bit.

        Raises:
            EnrollmentError: it cannot serve as a reference; says why.
            OSError: no photograph can be read at the moment.
            EngineClosedError: the engine is closed.
        """
        return await self._examined(data, lambda photo, detector: read_stored(photo, data, detector, self._encoder))

    async def _examined(self, data: bytes, examine: Callable[[Photo, Detector], EnrolledPhoto]) -> EnrolledPhoto:
        try:
            return await self._run(partial(examine, await self._photo(data)))
        finally:
            await asyncio.to_thread(return_freed_memory)  # a large photograph leaves some 100 MB behind

    def close(self) -> None:
        """Begin nothing more and wait, for a bounded time, for what is being worked on. May be called twice."""
        unfinished = self._stop()
        wait(unfinished, timeout=_CLOSE_SECONDS)

    async def aclose(self) -> None:
        """`close`, with the event loop free meanwhile."""
        unfinished = [asyncio.wrap_future(future) for future in self._stop()]
        if unfinished:
            _done, late = await asyncio.wait(unfinished, timeout=_CLOSE_SECONDS)
            for future in late:
                future.cancel()  # its result must not come back to a loop that has ended

    def _stop(self) -> list[Future[Any]]:
        self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        return [future for future in tuple(self._unfinished) if not future.done()]

    async def _photo(self, data: bytes) -> Photo:
        if self._closed:
            raise EngineClosedError("the face engine is closed")
        return await decode(data)

    async def _run(self, work: Callable[[Detector], _T]) -> _T:
        if self._closed:
            raise EngineClosedError("the face engine is closed")
        future = self._pool.submit(self._with_detector, work)
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if future.cancelled() and not _being_cancelled():
                raise EngineClosedError("the face engine was closed before the work began") from None
            raise
        finally:
            del future  # it holds the error, whose traceback holds it: a circle that keeps the frame for long

    def _with_detector(self, work: Callable[[Detector], _T]) -> _T:
        detector = self._detectors.get_nowait()  # there are as many as threads: one is always free
        self._at_work[detector] = time.monotonic()
        try:
            return work(detector)
        finally:
            del self._at_work[detector]
            self._detectors.put(detector)

    def _look(self, detector: Detector, frame: Pixels, known: Known | None, *, closer: bool) -> Sight:
        received = np.ascontiguousarray(frame)  # a rotated frame is a view, which dlib would read as it lies
        height, width = received.shape[:2]
        begun = time.perf_counter()
        sketch = sketched(received, detection_size(width, height, self.processed_width, closer=False)[0] / width)
        extent, parts = to_search(known, sketch)
        searched = detection_size(width, height, self.processed_width, closer=closer)
        boxes: list[Box] = []
        if extent is Extent.WHOLE:
            boxes = _found(detector, received, searched)
        for top, right, bottom, left in parts:
            size = (round((right - left) * searched[0] / width), round((bottom - top) * searched[1] / height))
            part = np.ascontiguousarray(received[top:bottom, left:right])
            boxes += [box.moved(left, top) for box in _found(detector, part, size)]
        if len(parts) > 1:
            boxes = _once(boxes)
        self._spent(detect=time.perf_counter() - begun)
        return Sight(self._encoded(detector, received, boxes), extent, parts, sketch)

    def _encoded(self, detector: Detector, received: Pixels, boxes: list[Box]) -> tuple[Face, ...]:
        if not boxes:
            return ()
        begun = time.perf_counter()
        # Cut from the received frame: a face of 30-40 pixels is nearer to its owner by 0.08 than when cut from a
        # scaled one, and it costs no more.
        embeddings = self._encoder.encode([detector.chip(received, box) for box in boxes])
        self._spent(encode=time.perf_counter() - begun)
        height, width = received.shape[:2]
        return tuple(
            Face(box.clipped(width, height), box.score, embedding)
            for box, embedding in zip(boxes, embeddings, strict=True)
        )

    def _spent(self, *, detect: float = 0.0, encode: float = 0.0) -> None:
        with self._spending:
            self.detect_seconds += detect
            self.encode_seconds += encode


def detection_size(width: int, height: int, processed_width: int, *, closer: bool) -> tuple[int, int]:
    """The (width, height) at which a frame is searched for faces.

    A frame wider than `processed_width` is scaled down to it; a narrower one stays. `closer` doubles that, from
    the received frame's own pixels as far as it has them. Frames of odd shapes are scaled down further, so that
    none costs much more than an upright one of a telephone.
    """
    wanted = min(width, processed_width) * (2 if closer else 1)
    most_pixels = (_MOST_SQUARES_CLOSER if closer else _MOST_SQUARES) * processed_width**2
    scale = min(wanted / width, math.sqrt(most_pixels / (width * height)))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _found(detector: Detector, image: Pixels, size: tuple[int, int]) -> list[Box]:
    """The faces in a contiguous image that is searched at a (width, height); in its own pixels."""
    looked_at = resized(image, *size)
    across, down = image.shape[1] / looked_at.shape[1], image.shape[0] / looked_at.shape[0]
    return [box.scaled(across, down) for box in detector.find(looked_at)]


def _once(boxes: list[Box]) -> list[Box]:
    """Of those that parts which overlap have found twice, the surer one."""
    kept: list[Box] = []
    for box in sorted(boxes, key=lambda box: -box.score):
        if not any(box.overlaps(other) for other in kept):
            kept.append(box)
    return [box for box in boxes if box in kept]


def _being_cancelled() -> bool:
    """Whether it is the calling task that somebody cancels, and not the work that it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
