"""A pause belongs to the camera: who takes it away and brings it back gets no batch by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from livekit import rtc

from facematch.recognizer.room import pauses
from facematch.recognizer.room.cycle import Rest
from facematch.recognizer.room.pauses import Camera, Pauses

if TYPE_CHECKING:
    import pytest

CAMERA = rtc.TrackSource.SOURCE_CAMERA
ALICES = Camera("alice", CAMERA)


def test_it_is_known_until_it_would_have_ended() -> None:
    kept = Pauses()
    kept.leave(ALICES, Rest(10.0, 3), now=4.0)
    assert kept.of(ALICES) == Rest(10.0, 3)
    kept.leave(Camera("bob", CAMERA), Rest(20.0), now=10.0)
    assert kept.of(ALICES) == Rest()


def test_it_is_nobody_elses_and_no_other_cameras() -> None:
    kept = Pauses()
    kept.leave(ALICES, Rest(10.0), now=4.0)
    assert kept.of(Camera("bob", CAMERA)) == Rest()
    assert kept.of(Camera("alice", rtc.TrackSource.SOURCE_UNKNOWN)) == Rest()


def test_of_several_tracks_of_a_camera_the_longest_counts() -> None:
    kept = Pauses()
    for until in (8.0, 12.0, 9.0):
        kept.leave(ALICES, Rest(until), now=4.0)
    assert kept.of(ALICES) == Rest(12.0)


def test_one_that_is_over_is_not_kept() -> None:
    kept = Pauses()
    kept.leave(ALICES, Rest(4.0), now=4.0)
    assert not kept._kept


def test_however_many_come_and_go_the_latest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pauses, "MOST", 10)
    kept = Pauses()
    for number in range(100):
        kept.leave(Camera(f"guest {number}", CAMERA), Rest(1e6), now=float(number))
    assert len(kept._kept) <= 10
    assert kept.of(Camera("guest 99", CAMERA)).until == 1e6
