"""Which faces are found, and at what cost: photographed people of known face widths in front of several backgrounds,
people who tilt their heads, and whole sequences of what a camera sees.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from statistics import median
from time import process_time
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from facematch.faces.detector import Box, Detector, resized
from tests.rig.looking import batches
from tests.rig.photographs import DATA, FACES
from tests.rig.sequences import SCENES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from bench.report import Row
    from facematch.faces.detector import Pixels
    from facematch.faces.engine import FaceEngine
    from facematch.faces.reference import ReferenceSet

PLACES = ((0.25, 0.35), (0.7, 0.6))
"""The middle of the face, in parts of the frame's width and height."""
NODS = (0.7, 1.5, 3.0)
"""Seconds from one tilt of a head to the next."""
TILT = 70.0
"""Degrees to either side: up to some 40 a face is found."""
SPREADS = (0.033, 0.04, 0.067, 0.1, 0.125, 0.2)
"""Seconds from one look of a batch to the next: 30 and 25 frames a second as they come, and further apart."""
LOOKS = 5
_CONTEXT = 1.3
"""How far around its middle a person is cut out, in face widths."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A frame and where its one face is."""

    pixels: Pixels
    face: float
    middle: tuple[float, float]

    def found_by(self, boxes: list[Box]) -> bool:
        return any(self._holds(box) for box in boxes)

    def false(self, boxes: list[Box]) -> int:
        return sum(not self._holds(box) for box in boxes)

    def _holds(self, box: Box) -> bool:
        across, down = (box.left + box.right) / 2, (box.top + box.bottom) / 2
        return max(abs(across - self.middle[0]), abs(down - self.middle[1])) < self.face / 2


def sights(width: int, height: int, face: float) -> Iterator[Sight]:
    """Every person on every background at every place, the face `face` pixels wide."""
    for background in _backgrounds(width, height):
        for name in FACES:
            for across, down in PLACES:
                yield _sight(background.copy(), name, face, (width * across, height * down))


def _backgrounds(width: int, height: int) -> list[Image.Image]:
    still_life = Image.open(DATA / "no_face.jpg").convert("RGB")
    blobs = Image.fromarray(np.random.default_rng(1).integers(0, 255, (23, 40, 3), np.uint8))
    return [
        still_life.resize((width, height), Image.Resampling.BICUBIC),
        Image.new("RGB", (width, height), (90, 100, 120)),
        blobs.resize((width, height), Image.Resampling.BICUBIC),
    ]


def _sight(canvas: Image.Image, name: str, face: float, middle: tuple[float, float]) -> Sight:
    photograph = Image.open(DATA / name).convert("RGB")
    left, top, width = FACES[name]
    across, down, reach = left + width / 2, top + width / 2, _CONTEXT * width
    box = (
        max(0, round(across - reach)),
        max(0, round(down - reach)),
        min(photograph.width, round(across + reach)),
        min(photograph.height, round(down + reach)),
    )
    scale = face / width
    person = photograph.crop(box)
    size = (max(1, round(person.width * scale)), max(1, round(person.height * scale)))
    corner = (round(middle[0] - (across - box[0]) * scale), round(middle[1] - (down - box[1]) * scale))
    canvas.paste(person.resize(size, Image.Resampling.LANCZOS), corner)
    return Sight(np.asarray(canvas), face, middle)


def grey_rows() -> list[Row]:
    """Faces found of those shown at 640x360: in RGB, in grey, and by one of them alone; CPU milliseconds a frame."""
    detector = Detector()
    finders = {
        "rgb": detector.find,
        "grey": lambda image: detector.find(np.asarray(Image.fromarray(image).convert("L"))),
    }
    rows = []
    for face in (40, 45, 50, 55, 60, 65, 70, 80, 90, 100, 110, 120):
        found, times, false = _compared(finders, sights(640, 360, face))
        rows.append(
            {
                "face_px": face,
                "shown": len(found["rgb"]),
                "rgb": sum(found["rgb"]),
                "grey": sum(found["grey"]),
                "lost_by_grey": sum(a and not b for a, b in zip(found["rgb"], found["grey"], strict=True)),
                "won_by_grey": sum(b and not a for a, b in zip(found["rgb"], found["grey"], strict=True)),
                "false_rgb": false["rgb"],
                "false_grey": false["grey"],
                "rgb_ms": times["rgb"],
                "grey_ms": times["grey"],
            }
        )
    return rows


def closer_rows() -> list[Row]:
    """Faces found of those shown, by their width at the ordinary 640, with CPU milliseconds a frame."""
    detector = Detector()
    rows = []
    for width, height in ((640, 360), (960, 540), (1280, 720)):
        finders = {
            "ordinary": _at(detector, 640),
            "one_and_a_half": _at(detector, 960),
            "double": _at(detector, 1280),
            "hog_upsampled": _upsampled(detector),
        }
        for face in (24, 30, 36, 42, 48, 54, 60, 66):
            shown = (sight for i, sight in enumerate(sights(width, height, face * width / 640)) if i % 2)
            found, times, _false = _compared(finders, shown)
            rows.append(
                {
                    "received": f"{width}x{height}",
                    "face_px": face,
                    "shown": len(found["ordinary"]),
                    **{name: sum(hits) for name, hits in found.items()},
                    **{f"{name}_ms": value for name, value in times.items()},
                }
            )
    return rows


def spread_rows(found: Callable[[Pixels], float | None]) -> list[Row]:
    """Somebody who tilts their head to either side, more and less quickly: what becomes of batches that begin at any
    moment, by the time between their looks. An answer after a miss takes until the next batch, ten seconds later.

    Args:
        found: the distance of the face in a frame; None without one.
    """
    rows = []
    angles = np.arange(0.0, TILT + 1, 2.0)
    for name in ("obama2.jpg", "obama3.jpg"):
        for face in (60, 100):
            matches = np.array([(found(_tilted(name, face, angle)) or 1.0) <= 0.5 for angle in angles])
            for period in NODS:
                rows += [
                    {"photograph": name, "face_px": face, "tilts_every_s": period, **_batches(matches, period, apart)}
                    for apart in SPREADS
                ]
    return [
        {"apart_s": apart, "tilts_every_s": period, **_mean_of([row for row in rows if _is_of(row, apart, period)])}
        for period in NODS
        for apart in SPREADS
    ]


def _is_of(row: Row, apart: float, period: float) -> bool:
    return bool(row["apart_s"] == apart and row["tilts_every_s"] == period)


def _mean_of(rows: list[Row]) -> Row:
    names = ("one_look_%", "missed_%", "answer_mean_s", "answer_p90_s")
    return {name: round(float(np.mean([row[name] for row in rows])), 3) for name in names}


def _batches(matches: NDArray[np.bool_], period: float, apart: float) -> Row:
    """What batches see that begin at 400 moments of a period; each goes on until one matches."""
    begins = np.arange(400) / 400 * period

    def looks(begin: NDArray[np.float64]) -> NDArray[np.bool_]:
        at = begin[:, None] + np.arange(LOOKS) * apart
        tilt = np.abs(TILT * np.sin(2 * np.pi * at / period))
        seen: NDArray[np.bool_] = matches[np.rint(tilt / 2).astype(int)]
        return seen

    first = looks(begins)
    later = [looks(begins + number * 10.3) for number in range(8)]  # the phase is another one each time
    answer = np.full(400, 80.0)
    for number, one in reversed(list(enumerate(later))):
        answer = np.where(one.any(axis=1), number * 10.3 + one.argmax(axis=1) * apart, answer)
    return {
        "apart_s": apart,
        "one_look_%": 100 * first[:, 0].mean(),
        "missed_%": 100 * (~first.any(axis=1)).mean(),
        "answer_mean_s": answer.mean(),
        "answer_p90_s": np.quantile(answer, 0.9),
    }


def _tilted(name: str, face: float, degrees: float) -> Pixels:
    """Somebody in the middle of a frame, their head to one side."""
    left, top, width = FACES[name]
    scale, turn = width / face, np.deg2rad(degrees)
    across, down = np.cos(turn) * scale, np.sin(turn) * scale
    middle = left + width / 2, top + width / 2
    corner = middle[0] - across * 320 - down * 180, middle[1] + down * 320 - across * 180
    with Image.open(DATA / name) as photograph:
        turned = photograph.convert("RGB").transform(
            (640, 360),
            Image.Transform.AFFINE,
            (across, down, corner[0], -down, across, corner[1]),
            Image.Resampling.BICUBIC,
        )
    return np.asarray(turned)


async def sequence_rows(engine: FaceEngine, reference: ReferenceSet) -> list[Row]:
    """What a camera sees over six batches, searched whole every time and only as far as it has changed: what batches
    saw that differs, CPU milliseconds a batch, and how much each look searched: (w)hole, (p)art, (n)othing.
    """
    begins = [10.0 * number for number in range(6)]
    rows = []
    for name, camera in SCENES.items():
        frame = lru_cache(maxsize=None)(camera.frame)
        seen, cost = {}, {}
        await batches(engine, reference, frame, begins, remembering=False)  # all frames are made
        for remembering in (False, True):
            started = process_time()
            seen[remembering] = await batches(engine, reference, frame, begins, remembering=remembering)
            cost[remembering] = (process_time() - started) * 1000 / len(begins)
        told = {how: [(one.outcome, one.faces, one.frames) for one in found] for how, found in seen.items()}
        rows.append(
            {
                "sequence": name.replace(" ", "_"),
                "differs": sum(one != other for one, other in zip(told[True], told[False], strict=True)),
                "whole_ms": cost[False],
                "ms": cost[True],
                "looks": " ".join("".join(extent[0] for extent in one.extents) for one in seen[True]),
            }
        )
    return rows


def _at(detector: Detector, width: int) -> Callable[[Pixels], list[Box]]:
    """Detection with the received frame brought to `width`, up or down; `double` is what the engine does."""

    def find(image: Pixels) -> list[Box]:
        scale = image.shape[1] / width
        looked_at = resized(image, width, round(image.shape[0] / scale))
        return [box.scaled(scale, scale) for box in detector.find(looked_at)]

    return find


def _upsampled(detector: Detector) -> Callable[[Pixels], list[Box]]:
    """Detection at 640 with dlib's own upsampling, which knows nothing of the received frame's pixels."""

    def find(image: Pixels) -> list[Box]:
        scale = image.shape[1] / 640
        processed = resized(image, 640, round(image.shape[0] / scale))
        rectangles, scores, _which = detector._hog.run(processed, 1, 0.0)  # noqa: SLF001  (not offered to the engine)
        boxes = (
            Box(where.top(), where.right(), where.bottom(), where.left(), score)
            for where, score in zip(rectangles, scores, strict=True)
        )
        return [box.scaled(scale, scale) for box in boxes]

    return find


def _compared(
    finders: dict[str, Callable[[Pixels], list[Box]]], shown: Iterator[Sight]
) -> tuple[dict[str, list[bool]], dict[str, float], dict[str, int]]:
    """For each finder whether it found each face, its median CPU milliseconds, and its false boxes; they take turns."""
    found: dict[str, list[bool]] = defaultdict(list)
    times: dict[str, list[float]] = defaultdict(list)
    false = dict.fromkeys(finders, 0)
    for sight in shown:
        for name, find in finders.items():
            started = process_time()
            boxes = find(sight.pixels)
            times[name].append((process_time() - started) * 1000)
            found[name].append(sight.found_by(boxes))
            false[name] += sight.false(boxes)
    return dict(found), {name: median(values) for name, values in times.items()}, false
