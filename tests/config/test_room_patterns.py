"""Which rooms are watched."""

from __future__ import annotations

import pytest

from facematch.config.settings import Settings, describe_problems


def watched(monkeypatch: pytest.MonkeyPatch, **values: str) -> Settings:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return Settings()


def test_without_patterns_the_one_room_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    for values in ({}, {"ROOM_NAME": "hall"}):
        found = watched(monkeypatch, **values)

        assert not found.many_rooms
        assert found.watched_rooms.always == found.room_name
        assert found.room_name in found.watched_rooms
        assert "exam-1" not in found.watched_rooms


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        ("exam-1", True),
        ("exam-", True),
        ("lab 7", True),
        ("exam-test-1", False),
        ("Exam-1", False),
        ("my-exam-1", False),
        ("exam-\n1", True),
        ("face-recognition-room", False),
    ],
)
def test_patterns_choose_rooms_and_exceptions_take_some_out(
    monkeypatch: pytest.MonkeyPatch, room: str, *, expected: bool
) -> None:
    found = watched(monkeypatch, ROOMS="exam-*\nlab ?", ROOMS_EXCEPT="exam-test-*, other")

    assert found.many_rooms
    assert (room in found.watched_rooms) is expected


def test_a_room_that_is_named_beside_patterns_is_watched_whatever_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    found = watched(monkeypatch, ROOMS="exam-*", ROOMS_EXCEPT="*", ROOM_NAME="hall").watched_rooms

    assert found.always == "hall"
    assert "hall" in found
    assert "exam-1" not in found


def test_a_pattern_that_no_room_can_fit_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="validation error") as refused:
        watched(monkeypatch, ROOMS="exam-\x1b*", CAPACITY="0")

    told = describe_problems(refused.value)  # type: ignore[arg-type]
    assert "ROOMS: must not hold" in told
    assert "CAPACITY" in told


@pytest.mark.parametrize(
    ("rooms", "excepted", "expected"),
    [
        ("exam-*", "", "exam-* (ROOMS)"),
        ("exam-*,lab", "x", "exam-* or lab (ROOMS) and not x (ROOMS_EXCEPT)"),
        ("a,b,c,d,e,f,g", "", "a, b, c, d, e or 2 more (ROOMS)"),
    ],
)
def test_patterns_are_said_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, rooms: str, excepted: str, expected: str
) -> None:
    assert str(watched(monkeypatch, ROOMS=rooms, ROOMS_EXCEPT=excepted).watched_rooms) == expected
