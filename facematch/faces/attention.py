"""How much of a frame has to be searched for faces, when one like it was searched before."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from facematch.faces.detector import BBox
    from facematch.faces.sketch import Changes, Sketch

_MARGIN = 5
"""Blocks around what is new, at least, that are searched with it: a face is found by what surrounds it, too."""
_FACE_MARGIN = 0.4
"""The same around a known face, in its widths: a face of 115 pixels makes it 210 of them."""
_WORTH_IT = 0.8
"""Share of the picture above which the whole of it is searched: the rest would be had for next to nothing."""

_WORTH_IT_BESIDE = 0.45
"""The same for a frame that is followed at once by one that is searched whole: above it, only what is near faces is."""


class Extent(StrEnum):
    """How much of a frame was searched."""

    WHOLE = "whole"
    PART = "part"
    """Around known faces, and where something new was in the picture; what else is told was found by the last whole
    search."""
    NOTHING = "nothing"
    """The picture had not changed since it was searched: the answer is that of the search."""


class Licence(StrEnum):
    """What may stand in for a whole search where the picture has changed."""

    NONE = "none"
    CHANGES = "changes"
    """To search all that is new, around known faces where anything has changed, and around those that are sought."""
    NEAR = "near"
    """The same; around the known faces alone where most of the picture is new: a whole search follows at once."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a whole search found, and what it may answer for."""

    sketch: Sketch
    """Of the frame that was searched."""
    boxes: tuple[BBox, ...]
    """Every face that was found in it."""
    sought: tuple[BBox, ...]
    """Of those, the faces that have to be found anew, whatever has changed."""
    licence: Licence


def to_search(known: Known | None, sketch: Sketch) -> tuple[Extent, tuple[BBox, ...]]:
    """How much of the sketched frame is to be searched, and for `PART` where.

    Returns:
        For `PART` rectangles in pixels of the frame. They may overlap, and a face is found in each that holds it.
    """
    if known is None:
        return Extent.WHOLE, ()
    changed = sketch.changes(known.sketch)
    if changed is not None and not known.sought and not changed.any.any():
        return Extent.NOTHING, ()
    parts: list[BBox] = []
    if changed is not None and known.licence is not Licence.NONE:
        parts = _merged(_of_interest(known, changed, sketch))
    if known.licence is Licence.NEAR and not _worth_it(parts, sketch, _WORTH_IT_BESIDE):
        parts = _merged(_neighbourhoods(known.boxes, sketch))
    return (Extent.PART, tuple(parts)) if _worth_it(parts, sketch) else (Extent.WHOLE, ())


def _worth_it(parts: list[BBox], sketch: Sketch, most: float = _WORTH_IT) -> bool:
    width, height = sketch.frame_size
    return 0 < sum(map(_area, parts)) <= most * width * height


def _of_interest(known: Known, changed: Changes, sketch: Sketch) -> list[BBox]:
    """All that is new, each face around which something has changed, and what is sought. Without a face all that has
    changed: perhaps there is one that was just not found.
    """
    parts = list(_changed(changed.new if known.boxes else changed.any, sketch))
    for box, face in zip(known.boxes, _neighbourhoods(known.boxes, sketch), strict=True):
        top, right, bottom, left = (side // sketch.block for side in face)
        if box in known.sought or changed.any[top:bottom, left:right].any() or any(_touch(face, new) for new in parts):
            parts.append(face)
    return parts


def inside(box: BBox, part: BBox) -> bool:
    """Whether the middle of a face lies in the part."""
    top, right, bottom, left = part
    return top <= (box[0] + box[2]) / 2 < bottom and left <= (box[1] + box[3]) / 2 < right


def _neighbourhoods(boxes: tuple[BBox, ...], sketch: Sketch) -> list[BBox]:
    least = _MARGIN * sketch.block
    return [_grown(box, max(least, round((box[1] - box[3]) * _FACE_MARGIN)), sketch) for box in boxes]


def _changed(changed: NDArray[np.bool_], sketch: Sketch) -> Iterator[BBox]:
    """Rectangles around changed blocks, cut apart wherever a whole row or column between them is unchanged for as
    long as their margins need.
    """
    for top, bottom, left, right in _cut(changed, 0, 0):
        box = (top * sketch.block, right * sketch.block, bottom * sketch.block, left * sketch.block)
        yield _grown(box, _MARGIN * sketch.block, sketch)


def _cut(changed: NDArray[np.bool_], top: int, left: int) -> Iterator[tuple[int, int, int, int]]:
    """(top, bottom, left, right) in blocks of each piece; `top` and `left` are where the given one lies."""
    rows, columns = _runs(changed.any(axis=1)), _runs(changed.any(axis=0))
    if len(rows) <= 1 and len(columns) <= 1:
        for (first, after), (start, end) in zip(rows, columns, strict=True):
            yield top + first, top + after, left + start, left + end
        return
    for first, after in rows:
        for start, end in columns:
            yield from _cut(changed[first:after, start:end], top + first, left + start)


def _runs(any_changed: ArrayLike) -> list[tuple[int, int]]:
    """(first, after the last) of what has changed along one side; gaps that margins would fill are part of it."""
    found = np.flatnonzero(any_changed)
    pieces = np.split(found, np.flatnonzero(np.diff(found) > 2 * _MARGIN) + 1) if found.size else []
    return [(int(piece[0]), int(piece[-1]) + 1) for piece in pieces]


def _merged(boxes: list[BBox]) -> list[BBox]:
    """Those that touch become one, where one rectangle around them costs no more than they do: one small change in the
    corner of a face's neighbourhood, another in the next, and that would be the whole picture. The others overlap.
    """
    apart: list[BBox] = []
    for box in boxes:
        one = box
        while joined := next(((other, both) for other in apart if (both := _joined(one, other))), None):
            other, one = joined
            apart.remove(other)
        apart.append(one)
    return apart


def _joined(one: BBox, other: BBox) -> BBox | None:
    """The rectangle around two that touch, if it is worth it."""
    if not _touch(one, other):
        return None
    both = min(one[0], other[0]), max(one[1], other[1]), max(one[2], other[2]), min(one[3], other[3])
    return both if _area(both) <= _area(one) + _area(other) else None


def _area(box: BBox) -> int:
    top, right, bottom, left = box
    return (bottom - top) * (right - left)


def _grown(box: BBox, by: int, sketch: Sketch) -> BBox:
    """The part inside the frame, in whole blocks, which are as large as cells of the detector."""
    (width, height), block = sketch.frame_size, sketch.block
    top, right, bottom, left = box
    return (
        max(0, (top - by) // block * block),
        min(width, -(-(right + by) // block) * block),
        min(height, -(-(bottom + by) // block) * block),
        max(0, (left - by) // block * block),
    )


def _touch(one: BBox, other: BBox) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[3] < other[1] and other[3] < one[1]
