"""The table, step by step and over scripted looks; how good its limits are is `bench/continuity.py`'s to say."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.continuity import looks
from facematch.faces.fused import FusedFace
from facematch.recognizer.evidence.continuity import (
    MOST_ANCHORED,
    SETTLED,
    TOLD,
    TRANSITIONS,
    Anchor,
    Continuity,
    Input,
    State,
    limit,
)
from tests.rig.embeddings import axis

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

HERS, HIS, NEITHER = axis(0.0), axis(0.8), axis(0.45)


class Seat:
    """One participant's looks."""

    def __init__(self) -> None:
        self.continuity, self.face = Continuity(), FusedFace()

    def look(self, *embeddings: NDArray[np.float32]) -> list[str | None]:
        told: list[str | None] = []
        for embedding in embeddings:
            self.face.add(embedding)
            self.continuity.looked(embedding, self.face)
            told.append(self.continuity.told)
        return told


def test_the_same_face_is_said_to_be_so_from_the_third_look_on() -> None:
    assert Seat().look(HERS, HERS, HERS, HERS) == [None, None, "same", "same"]


def test_another_face_is_told_at_the_second_look_at_it_and_never_called_the_same() -> None:
    seat = Seat()
    seat.look(*[HERS] * 5)
    assert seat.look(HIS, HIS, HIS, HIS) == [None, "changed", "changed", "changed"]


@pytest.mark.parametrize("before", [1, 2, 3])
def test_also_while_the_anchor_forms(before: int) -> None:
    seat = Seat()
    seat.look(*[HERS] * before)
    assert "changed" in seat.look(HIS, HIS, HIS)


def test_one_look_at_another_face_changes_nothing() -> None:
    seat = Seat()
    assert seat.look(HERS, HERS, HERS, HIS, HERS, HIS, HERS)[2:] == ["same", None, "same", None, "same"]


def test_the_anchors_face_may_come_back() -> None:
    seat = Seat()
    seat.look(HERS, HERS, HERS, HIS, HIS)
    assert seat.look(HERS) == ["same"]
    assert seat.look(HIS, HIS) == [None, "changed"]


def test_acknowledged_the_other_one_is_the_anchor() -> None:
    seat = Seat()
    seat.look(HERS, HERS, HERS, HIS, HIS)
    seat.continuity.acknowledge(seat.face)
    assert seat.continuity.told is None
    assert seat.look(HIS, HIS, HERS, HERS) == ["same", "same", None, "changed"]


def test_a_lost_anchor_stays_lost_until_it_is_acknowledged() -> None:
    seat = Seat()
    seat.look(HERS, HERS, HERS)
    seat.continuity.not_kept()
    assert seat.continuity.anchor is None
    assert seat.look(HERS, HERS, HIS) == ["lost"] * 3
    seat.continuity.acknowledge(seat.face)
    assert seat.look(HIS, HIS) == [None, "same"]


def test_forgotten_there_is_nothing() -> None:
    seat = Seat()
    seat.look(HERS, HERS, HERS, HIS, HIS)
    seat.continuity.forget()
    assert (seat.continuity.anchor, seat.continuity.distance, seat.continuity.told) == (None, None, None)
    assert Seat().look(HIS, HIS, HIS) == seat.look(HIS, HIS, HIS)


def test_an_anchor_is_the_mean_of_its_looks_and_knows_how_unlike_they_are() -> None:
    generator = np.random.default_rng(5)
    photographs = generator.normal(scale=0.03, size=(10, 128)).astype(np.float32)
    anchor = Anchor(photographs[0], 1)
    for photograph in photographs[1:]:
        anchor = anchor.joined(photograph)
    assert np.allclose(anchor.embedding, photographs.mean(axis=0), atol=1e-6)
    assert anchor.spread == pytest.approx(np.var(photographs, axis=0, ddof=1).sum(), rel=1e-3)
    for _ in range(20):
        anchor = anchor.joined(photographs[0])
    assert anchor.looks == MOST_ANCHORED


def test_looks_that_are_alike_say_less() -> None:
    """The limit is farther where all are of one light, and nearer where there are many that differ."""
    one = fused(HERS)
    alike = limit(Anchor(HERS, 12, 0.0), fused(HERS, HERS, HERS))
    differing = limit(Anchor(HERS, 12, 0.1), fused(axis(0, 0.3), axis(0, 0, 0.3), axis(0, 0, 0, 0.3)))
    assert alike == limit(Anchor(HERS, 1), one)
    assert differing < 0.53
    assert 0.6 < alike < 0.63


def fused(*embeddings: NDArray[np.float32]) -> FusedFace:
    face = FusedFace()
    for embedding in embeddings:
        face.add(embedding)
    return face


def test_every_state_is_reached_and_every_row_leads_somewhere() -> None:
    assert TRANSITIONS.keys() == TOLD.keys() == set(State)
    reached = {state for row in TRANSITIONS.values() for state in row.values()}
    assert reached == set(State)
    assert {given for row in TRANSITIONS.values() for given in row} == set(Input)


SCRIPTS = st.lists(st.sampled_from(["hers", "his", "neither", "acknowledge", "forget", "not kept"]), max_size=60)


@settings(max_examples=300)
@given(SCRIPTS)
def test_whatever_happens_no_green_is_said_but_of_a_look_at_the_anchor(script: list[str]) -> None:
    seat = Seat()
    faces = {"hers": HERS, "his": HIS, "neither": NEITHER}
    for step in script:
        before = seat.continuity.state
        if step in faces:
            [told] = seat.look(faces[step])
            anchor = seat.continuity.anchor
            if told == "same":
                assert anchor is not None
                assert anchor.looks >= SETTLED
                assert anchor.distance(faces[step]) <= limit(anchor, seat.face)
            if before is State.LOST:
                assert told == "lost"
            if told == "changed" and before is not State.CHANGED:
                assert seat.face.looks >= 2
        elif step == "acknowledge":
            seat.continuity.acknowledge(seat.face)
        elif step == "forget":
            seat.continuity.forget()
            seat.face = FusedFace()
        else:
            seat.continuity.not_kept()
        assert (seat.continuity.anchor is None) == (seat.continuity.state in (State.NONE, State.LOST))


def person(generator: np.random.Generator) -> NDArray[np.float32]:
    """Photographs of somebody, with the measured distances: two of one person 0.45 apart, of two people 0.8."""
    middle = generator.normal(scale=0.055, size=128)
    photographs: NDArray[np.float32] = (middle + generator.normal(scale=0.028, size=(15, 128))).astype(np.float32)
    return photographs


def test_generated_people_are_not_taken_for_others_and_others_are() -> None:
    generator = np.random.default_rng(8)
    for _ in range(20):
        hers, his = person(generator), person(generator)
        seat = Seat()
        assert "changed" not in seat.look(*first(hers, 360, generator))
        assert "changed" in seat.look(*first(his, 3, generator))


def first(
    photographs: NDArray[np.float32], count: int, generator: np.random.Generator
) -> Iterable[NDArray[np.float32]]:
    return islice(looks(photographs, generator), count)
