"""What is kept of participants and what their Checks tell, with generated embeddings and `now` passed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facematch.recognizer.evidence.kept import KEPT_SECONDS
from tests.rig.embeddings import axis, gallery, person
from tests.rig.seen_faces import HERS, HIS, Room

if TYPE_CHECKING:
    import numpy as np


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
