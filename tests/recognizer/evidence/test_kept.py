"""What is kept of participants and what their Checks tell, with generated embeddings and `now` passed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from facematch.faces.engine import NOT_KEPT, Face
from facematch.faces.gallery import empty
from facematch.faces.ranking import Enrolled
from facematch.faces.tolerance import MatchRules
from facematch.recognizer.evidence.kept import KEPT_SECONDS, Compared, Frames, KeptEvidence
from tests.rig.embeddings import ENCODER, axis, gallery, person
from tests.rig.photographs import Scene

if TYPE_CHECKING:
    from facematch.faces.gallery import Gallery
    from facematch.protocol.events import Evidence

NOBODY = empty(ENCODER)
HERS, HIS = 0.0, 0.8
BOX = (125, 375, 235, 265)


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    """A head that moves a little."""
    return [np.asarray(frame) for frame in Scene().frames(8)]


class Room:
    def __init__(self, pictures: list[np.ndarray], *, continuity: bool = True, people: Gallery = NOBODY) -> None:
        self.kept = KeptEvidence(continuity=continuity)
        self.room = self.kept.of("a room")
        self._pictures = pictures
        self._enrolled = Enrolled(None, people)
        self._count = 0

    def look(
        self, *faces: float, who: str = "alice", track: str = "TR_1", bound: str | None = None, reused: bool = False
    ) -> Evidence | None:
        """A batch of one frame."""
        frames = Frames()
        picture = self._pictures[0 if reused else self._count % len(self._pictures)]
        frames.add([Face(BOX, 1.5, NOT_KEPT if reused else axis(at), reused) for at in faces], picture)
        self._count += 1
        return self.room.add(who, track, frames, Compared(self._enrolled, MatchRules(), "a room", bound))

    def continuity(self, *looks: float, track: str = "TR_1") -> list[str | None]:
        told = [self.look(one, track=track) for one in looks]
        return [one.continuity if one else None for one in told]


def test_with_continuity_off_only_the_fused_face_is_told(pictures: list[np.ndarray]) -> None:
    room = Room(pictures, continuity=False, people=gallery(person("p_1", axis(HERS), 3)))
    for looks in (1, 2, 3, 3):
        told = room.look(HERS, bound="p_1")
        assert told is not None
        assert (told.good, told.looks, told.continuity, told.to_anchor) == (True, looks, None, None)
        assert told.best is not None
        assert told.bound is not None
        assert (told.best.person_id, told.bound.person_id) == ("p_1", "p_1")
    assert [one.stranger for _ in range(3) if (one := room.look(2.0))] == [False, True, True]


def test_a_swap_is_told_across_camera_off_and_on(pictures: list[np.ndarray]) -> None:
    room = Room(pictures)
    assert room.continuity(HERS, HERS, HERS) == [None, None, "same"]
    room.room.camera_gone("alice", "TR_1")
    assert room.continuity(HIS, HIS, track="TR_2") == [None, "changed"]


def test_the_same_face_goes_on_across_camera_off_and_on(pictures: list[np.ndarray]) -> None:
    room = Room(pictures)
    room.continuity(HERS, HERS, HERS)
    room.room.camera_gone("alice", "TR_1")
    told = room.look(HERS, track="TR_2")
    assert told is not None
    assert (told.continuity, told.looks, told.to_anchor) == ("same", 3, 0.0)


def test_with_continuity_off_nothing_outlives_the_camera(pictures: list[np.ndarray]) -> None:
    room = Room(pictures, continuity=False)
    room.look(HERS)
    room.room.camera_gone("alice", "TR_1")
    told = room.look(HERS, track="TR_2")
    assert told is not None
    assert told.looks == 1


def test_a_batch_without_a_look_that_counts_says_so_and_calls_nobody_the_same(pictures: list[np.ndarray]) -> None:
    room = Room(pictures)
    assert room.look() is None
    room.continuity(HERS, HERS, HERS)
    told = room.look()
    assert told is not None
    assert (told.good, told.looks, told.continuity, told.to_anchor, told.still) == (False, 3, None, None, None)
    assert room.continuity(HIS, HIS)[-1] == "changed"
    told = room.look()
    assert told is not None
    assert (told.good, told.continuity) == (False, "changed")


def test_an_unchanged_picture_is_no_further_look(pictures: list[np.ndarray]) -> None:
    room = Room(pictures)
    room.continuity(HERS, HERS, HERS)
    told = [room.look(HERS, reused=True) for _ in range(4)]
    assert [(one.good, one.looks, one.continuity) for one in told if one] == [(True, 3, "same")] * 4
    assert told[-1] is not None
    assert told[-1].still is True


def test_two_faces_count_only_where_one_of_them_was_there(pictures: list[np.ndarray]) -> None:
    room = Room(pictures)
    room.continuity(HERS, HERS, HERS)
    told = room.look(HIS, HERS)
    assert told is not None
    assert (told.good, told.continuity) == (True, "same")
    told = room.look(HIS, 1.6)
    assert told is not None
    assert (told.good, told.continuity) == (False, None)


def test_ten_minutes_after_they_left_it_is_dropped(pictures: list[np.ndarray]) -> None:
    room = Room(pictures)
    room.continuity(HERS, HERS, HERS)
    room.room.there([], now=100)
    room.room.there([], now=400)
    room.room.expire(now=100 + KEPT_SECONDS - 1)
    room.room.there(["alice"], now=650)
    assert room.continuity(HIS, HIS, track="TR_2")[-1] == "changed", "they came back in time"
    room.room.there([], now=700)
    room.room.expire(now=700 + KEPT_SECONDS)
    assert room.continuity(HIS, HIS, HIS, track="TR_3") == [None, None, "same"]


def test_what_is_dropped_while_nobody_knows_who_left_is_lost(pictures: list[np.ndarray]) -> None:
    room = Room(pictures)
    room.continuity(HERS, HERS, HERS)
    room.room.nobody_knows(now=100)
    room.room.expire(now=100 + KEPT_SECONDS)
    room.room.there(["alice"], now=800)
    room.room.expire(now=2000)
    assert room.continuity(HIS, HIS, HIS, track="TR_2") == ["lost"] * 3
    room.room.acknowledge("alice")
    assert room.continuity(HIS, track="TR_2") == ["same"]
    room.room.nobody_knows(now=3000)
    room.room.expire(now=3000 + KEPT_SECONDS)
    room.room.there([], now=4000)
    room.room.expire(now=4000)
    assert room.continuity(HIS, track="TR_3") == [None], "they have left, and long ago"


def test_whoever_is_forgotten_begins_anew_in_every_room(pictures: list[np.ndarray]) -> None:
    room = Room(pictures)
    room.continuity(HERS, HERS, HERS)
    room.kept.forget("bob")
    assert room.continuity(HERS) == ["same"]
    room.kept.forget("alice")
    assert room.continuity(HIS, HIS, HIS) == [None, None, "same"]


def test_acknowledged_it_is_another_one(pictures: list[np.ndarray]) -> None:
    room = Room(pictures)
    room.room.acknowledge("alice")
    room.continuity(HERS, HERS, HERS, HIS, HIS, HIS)
    room.kept.acknowledge("alice")
    assert room.continuity(HIS, HERS, HERS) == ["same", None, "changed"]
