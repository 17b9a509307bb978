"""Which looks may rest on an earlier search, by the position in the batch and what was found: no pixels here."""

from __future__ import annotations

import numpy as np
import pytest

from facematch.faces.attention import Extent, Licence
from facematch.faces.engine import Face, Sight
from facematch.faces.gallery import empty
from facematch.faces.ranking import Enrolled, RankedFace, rank
from facematch.faces.reference import ReferenceSet
from facematch.faces.sketch import Sketch
from facematch.faces.tolerance import MatchRules
from facematch.recognizer.room.memory import MOST_BATCHES, Kind, Memory

FRAME: Kind = ((640, 360), False)
CLOSER: Kind = ((640, 360), True)
REFERENCE = ReferenceSet("abc", np.zeros((1, 128), np.float32))
SKETCH = Sketch((640, 360), 8, np.zeros((45, 80), np.float32))


def face(distance: float, left: int = 100) -> Face:
    return Face((100, left + 100, 200, left), 1.0, np.full(128, distance / np.sqrt(128), np.float32))


MATCHING, STRANGER = face(0.3), face(0.8)


def sight(*faces: Face, extent: Extent = Extent.WHOLE, parts: tuple[tuple[int, int, int, int], ...] = ()) -> Sight:
    return Sight(faces, extent, parts, SKETCH)


def memory() -> Memory:
    one = Memory()
    one.hold_to("these people")
    one.begin()
    return one


def complete(one: Memory, kind: Kind, seen: Sight) -> tuple[RankedFace, ...]:
    found = rank(seen.faces, Enrolled(REFERENCE, empty("weights")), MatchRules(), room="a room")
    return one.complete(kind, seen, found).faces


def searched(*faces: Face, kind: Kind = FRAME) -> Memory:
    """After the first frame of a batch, all of which was searched."""
    one = memory()
    complete(one, kind, sight(*faces))
    return one


def licence(one: Memory, kind: Kind = FRAME, *, last: bool = False) -> Licence | None:
    known = one.known(kind, last=last)
    return None if known is None else known.licence


def test_the_first_frame_ever_is_searched() -> None:
    assert memory().known(FRAME, last=False) is None


@pytest.mark.parametrize("found", [(STRANGER,), ()])
def test_three_frames_after_the_first_may_do_with_a_part_and_the_last_may_not(found: tuple[Face, ...]) -> None:
    one = searched(*found)
    expected = Licence.NEAR if found else Licence.CHANGES
    for _ in range(3):
        assert licence(one) is expected
        complete(one, FRAME, sight(*found, extent=Extent.PART, parts=((0, 640, 360, 0),)))
    assert licence(one) is Licence.NONE
    complete(one, FRAME, sight(*found))
    assert licence(one) is expected
    assert licence(one, last=True) is Licence.NONE


def test_a_held_camera_looks_near_twice_and_then_everywhere() -> None:
    one = searched(MATCHING)
    for expected in (Licence.CHANGES, Licence.CHANGES, Licence.NONE):
        one.begin()
        known = one.known(FRAME, last=False)
        assert known is not None
        assert (known.sought, known.licence) == ((MATCHING.bbox,), expected)
        complete(one, FRAME, sight(MATCHING, extent=Extent.PART, parts=((50, 250, 250, 50),)))


def test_a_held_camera_whose_person_is_not_where_they_were_is_searched_whole() -> None:
    one = searched(MATCHING)
    one.begin()
    complete(one, FRAME, sight(extent=Extent.PART, parts=((50, 250, 250, 50),)))
    assert licence(one) is Licence.NONE


def test_a_strangers_next_batch_begins_with_the_whole_frame() -> None:
    one = searched(STRANGER)
    one.begin()
    assert licence(one) is Licence.NONE


def test_a_face_that_matches_is_sought_however_little_changes() -> None:
    one = searched(STRANGER, MATCHING)
    known = one.known(FRAME, last=False)
    assert known is not None
    assert known.boxes == (STRANGER.bbox, MATCHING.bbox)
    assert known.sought == (MATCHING.bbox,)


def test_an_answer_serves_for_a_few_batches() -> None:
    one = searched()
    for _ in range(MOST_BATCHES - 1):
        one.begin()
        assert one.known(FRAME, last=False) is not None
        complete(one, FRAME, sight(extent=Extent.NOTHING))
    one.begin()
    assert one.known(FRAME, last=False) is None


def test_an_answer_ends_with_the_people_whom_it_is_about() -> None:
    one = searched(STRANGER)
    one.hold_to("these people")
    assert one.known(FRAME, last=False) is not None
    one.hold_to("others")
    assert one.known(FRAME, last=False) is None


def test_what_is_to_be_forgotten_is_not_known() -> None:
    one = searched(STRANGER)
    one.forget()
    one.begin()
    assert one.known(FRAME, last=False) is None


def test_an_ordinary_search_says_nothing_of_a_closer_one_nor_of_another_size() -> None:
    one = searched()
    assert one.known(CLOSER, last=True) is None
    assert one.known(((320, 180), False), last=False) is None


def test_a_closer_look_that_found_the_person_looks_near_the_next_time() -> None:
    one = searched(MATCHING, kind=CLOSER)
    one.begin()
    assert licence(one, CLOSER, last=True) is Licence.CHANGES


def test_what_was_not_searched_is_told_from_the_search() -> None:
    one = searched(STRANGER, face(0.3, left=400))
    faces = complete(one, FRAME, sight(found := face(0.31, left=405), extent=Extent.PART, parts=((50, 550, 250, 350),)))
    assert [(one.face.bbox, one.face.reused) for one in faces] == [(found.bbox, False), (STRANGER.bbox, True)]
    assert [one.distance for one in faces] == pytest.approx([0.31, 0.8])


def test_a_picture_that_has_not_changed_has_the_faces_that_it_had() -> None:
    faces = complete(searched(STRANGER), FRAME, sight(extent=Extent.NOTHING))
    assert [(one.face.bbox, one.face.reused) for one in faces] == [(STRANGER.bbox, True)]


def test_no_embedding_and_no_name_is_kept() -> None:
    one = searched(STRANGER, MATCHING)
    kept = complete(one, FRAME, sight(extent=Extent.NOTHING))
    assert [(face_.face.embedding.size, face_.named) for face_ in kept] == [(0, None), (0, None)]


def test_few_searches_are_remembered() -> None:
    one = memory()
    for width in range(100, 200):
        complete(one, ((width, 90), False), sight())
    known = [width for width in range(100, 200) if one.known(((width, 90), False), last=False)]
    assert known == [196, 197, 198, 199]
