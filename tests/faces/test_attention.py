"""How much of a frame is searched: rectangles in blocks of eight pixels, of sketches that are made by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from facematch.faces.attention import Extent, Known, Licence, inside, to_search
from facematch.faces.sketch import Sketch

if TYPE_CHECKING:
    from facematch.faces.detector import BBox

FACE: BBox = (100, 300, 200, 200)
SIZE = (640, 360)


def picture(*patches: BBox, offset: float = 0.0) -> Sketch:
    """Grey, with light patches."""
    grey = np.full((45, 80), 100 + offset, np.float32)
    for top, right, bottom, left in patches:
        grey[top // 8 : bottom // 8, left // 8 : right // 8] = 160
    return Sketch(SIZE, 8, grey)


def asked(
    now: Sketch,
    licence: Licence = Licence.CHANGES,
    boxes: tuple[BBox, ...] = (FACE,),
    sought: tuple[BBox, ...] = (),
) -> tuple[Extent, tuple[BBox, ...]]:
    return to_search(Known(picture(), boxes, sought, licence), now)


def holds(part: BBox, box: BBox) -> bool:
    return part[0] <= box[0] and part[1] >= box[1] and part[2] >= box[2] and part[3] <= box[3]


def test_what_nobody_knows_is_searched() -> None:
    assert to_search(None, picture()) == (Extent.WHOLE, ())


@pytest.mark.parametrize("licence", Licence)
def test_what_has_not_changed_is_not_searched(licence: Licence) -> None:
    assert asked(picture(), licence) == (Extent.NOTHING, ())


def test_who_is_sought_is_looked_for_though_nothing_has_changed() -> None:
    extent, (part,) = asked(picture(), sought=(FACE,))
    assert extent is Extent.PART
    assert holds(part, (60, 340, 240, 160))
    assert (part[1] - part[3], part[2] - part[0]) == (184, 184)
    assert asked(picture(), Licence.NONE, sought=(FACE,)) == (Extent.WHOLE, ())


def test_what_has_changed_is_searched_with_a_margin() -> None:
    extent, (part,) = asked(picture((160, 560, 200, 520)))
    assert extent is Extent.PART
    assert holds(part, (120, 600, 240, 480))
    assert not inside(FACE, part)


def test_a_face_that_the_change_reaches_is_searched_with_it() -> None:
    extent, (part,) = asked(picture((160, 344, 200, 320)))
    assert extent is Extent.PART
    assert holds(part, (60, 384, 240, 160))


def test_changes_far_apart_are_searched_apart() -> None:
    extent, parts = asked(picture((16, 32, 32, 16), (320, 624, 336, 608)), boxes=())
    assert extent is Extent.PART
    assert len(parts) == 2
    assert all(0 <= top < bottom <= 360 and 0 <= left < right <= 640 for top, right, bottom, left in parts)


def test_when_most_has_changed_all_is_searched() -> None:
    everywhere = picture(*((top, left + 8, top + 8, left) for top in range(0, 360, 80) for left in range(0, 640, 80)))
    assert asked(everywhere) == (Extent.WHOLE, ())
    assert asked(everywhere, Licence.NEAR, boxes=()) == (Extent.WHOLE, ())
    extent, (part,) = asked(everywhere, Licence.NEAR)
    assert extent is Extent.PART
    assert holds(part, (60, 340, 240, 160))


def test_without_leave_a_change_is_searched_whole() -> None:
    assert asked(picture((160, 560, 200, 520)), Licence.NONE) == (Extent.WHOLE, ())


@pytest.mark.parametrize("licence", [Licence.CHANGES, Licence.NONE])
def test_what_cannot_be_compared_is_searched_whole(licence: Licence) -> None:
    assert asked(picture(offset=60), licence) == (Extent.WHOLE, ())


def test_near_faces_all_over_the_picture_it_is_whole() -> None:
    faces: tuple[BBox, ...] = ((20, 310, 310, 20), (20, 620, 310, 330))
    assert asked(picture(offset=60), Licence.NEAR, boxes=faces) == (Extent.WHOLE, ())


def test_small_changes_all_around_a_face_do_not_make_it_the_whole_picture() -> None:
    corners = [(56, 172, 64, 164), (56, 336, 64, 328), (236, 172, 244, 164), (236, 336, 244, 328)]
    far = (16, 600, 24, 592)
    extent, parts = asked(picture(*corners, far), sought=(FACE,))
    assert extent is Extent.PART
    assert sum((bottom - top) * (right - left) for top, right, bottom, left in parts) < 0.5 * 640 * 360
    assert all(any(holds(part, _around(corner)) for part in parts) for corner in (*corners, far))
    assert any(holds(part, (60, 340, 240, 160)) for part in parts)


def _around(patch: BBox) -> BBox:
    return max(0, patch[0] - 40), patch[1] + 40, patch[2] + 40, patch[3] - 40


def test_parts_are_never_larger_than_the_frame_nor_overlap_where_one_would_cost_no_more() -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):
        tops, lefts = rng.integers(0, 40, 3) * 8, rng.integers(0, 75, 3) * 8
        patches = [(int(top), int(left) + 16, int(top) + 16, int(left)) for top, left in zip(tops, lefts, strict=True)]
        extent, parts = asked(picture(*patches), Licence.CHANGES)
        assert (extent is Extent.PART) == bool(parts)
        for i, (top, right, bottom, left) in enumerate(parts):
            assert 0 <= top < bottom <= 360
            assert 0 <= left < right <= 640
            for other in parts[:i]:
                if top < other[2] and other[0] < bottom and left < other[1] and other[3] < right:
                    both = (max(bottom, other[2]) - min(top, other[0])) * (max(right, other[1]) - min(left, other[3]))
                    assert both > (bottom - top) * (right - left) + (other[2] - other[0]) * (other[1] - other[3])
        for patch in patches if parts else ():
            assert any(holds(part, patch) for part in parts)
