"""Several looks as one: when they are one, whom they resemble, and when they say stranger."""

from __future__ import annotations

import numpy as np
import pytest

from facematch.faces.fused import MOST_LOOKS, UNLIKE, FusedFace, nearness
from facematch.faces.gallery import DEFAULT, Gallery, empty
from facematch.faces.ranking import Enrolled
from facematch.faces.reference import ReferenceSet
from facematch.faces.tolerance import MatchRules, in_force
from tests.rig.embeddings import ENCODER, axis, crowd, gallery, person

RULES = MatchRules(0.5, 0.01)
NOBODY = empty(ENCODER)
STRANGERS = 4000
ALICE, BOB = person("p_alice", axis(0.0), 3), person("p_bob", axis(0.8), 3)


def fused(*looks: float) -> FusedFace:
    """Looks on a line; Alice is at 0 and Bob at 0.8."""
    face = FusedFace()
    for look in looks:
        face.add(axis(look))
    return face


def test_it_is_the_mean_of_the_last_looks() -> None:
    face = fused(0.1, 0.2, 0.3, 0.4)
    assert face.looks == MOST_LOOKS
    assert face.embedding[0] == pytest.approx(0.3)


def test_a_look_at_another_face_begins_anew() -> None:
    face = fused(0.0, 0.1)
    face.add(axis(0.05 + UNLIKE - 0.01))
    assert face.looks == 3
    face = fused(0.0, 0.1)
    face.add(axis(0.05 + UNLIKE + 0.01))
    assert face.looks == 1
    assert face.embedding[0] == pytest.approx(0.05 + UNLIKE + 0.01)


def test_a_copy_goes_its_own_way() -> None:
    face = fused(0.0)
    other = face.copy()
    other.add(axis(0.2))
    assert (face.looks, other.looks) == (1, 2)


@pytest.mark.parametrize("looks", [1, 2, 3])
def test_the_tolerance_is_that_of_so_many_looks(looks: int) -> None:
    near = nearness(fused(*[0.1] * looks), Enrolled(None, gallery(ALICE, BOB)), RULES, room="r")
    assert near.best is not None
    assert near.best.person_id == "p_alice"
    assert near.best.distance == pytest.approx(0.1)
    assert near.best.tolerance == in_force(RULES, 2, photos=3, looks=looks).value
    assert near.margin == pytest.approx(0.6)
    assert not near.stranger


def test_nobody_is_told_of_who_is_not_near() -> None:
    near = nearness(fused(2.0, 2.0), Enrolled(None, gallery(ALICE, BOB)), RULES, room="r")
    assert (near.best, near.margin, near.stranger) == (None, None, True)


def test_one_look_makes_no_stranger_and_two_do() -> None:
    enrolled = Enrolled(None, gallery(ALICE))
    assert [nearness(fused(*[0.9] * n), enrolled, RULES, room="r").stranger for n in (1, 2, 3)] == [False, True, True]


def test_with_nobody_to_compare_with_nobody_is_a_stranger() -> None:
    near = nearness(fused(0.1, 0.1), Enrolled(None, NOBODY), RULES, room="r")
    assert (near.best, near.bound, near.stranger) == (None, None, False)
    elsewhere = gallery(person("p_alice", axis(0.0), rooms={"lab"}))
    assert not nearness(fused(0.9, 0.9), Enrolled(None, elsewhere), RULES, room="r").stranger


def test_the_default_person_counts_and_has_no_margin() -> None:
    default = ReferenceSet("a photo", axis(0.1)[np.newaxis])
    near = nearness(fused(0.1, 0.1), Enrolled(default, gallery(ALICE, BOB)), RULES, room="r", bound=DEFAULT)
    assert near.best == near.bound
    assert near.best is not None
    assert (near.best.person_id, near.margin) == (DEFAULT, None)
    assert near.best.tolerance == pytest.approx(0.5 * 0.92)


def test_the_bound_person_is_compared_as_the_only_one() -> None:
    many = crowd(np.random.default_rng(3), 400)
    people = Gallery.of(1, ENCODER, [person(f"p_{n}", one) for n, one in enumerate(many)])
    face = FusedFace()
    face.add(many[7])
    near = nearness(face, Enrolled(None, people), RULES, room="r", bound="p_7")
    assert near.best is not None
    assert near.bound is not None
    assert near.best.tolerance is not None
    assert near.bound.tolerance == pytest.approx(0.5)
    assert near.best.tolerance < 0.45
    assert nearness(face, Enrolled(None, people), RULES, room="r", bound="p_gone").bound is None


def test_whoever_is_the_bound_person_is_no_stranger() -> None:
    """Within the tolerance of one, beyond that of four hundred."""
    generator = np.random.default_rng(3)
    others = [person(f"p_{n}", one) for n, one in enumerate(crowd(generator, 400) + axis(9.0))]
    people = Gallery.of(1, ENCODER, [person("p_bob", axis(0.0)), *others])
    enrolled, face = Enrolled(None, people), fused(0.43, 0.43)
    assert nearness(face, enrolled, RULES, room="r").stranger
    assert not nearness(face, enrolled, RULES, room="r", bound="p_bob").stranger


def test_among_too_many_for_one_look_several_name_who_is_very_near_and_call_nobody_a_stranger() -> None:
    people = crowd(np.random.default_rng(4), 1200) + axis(9.0)
    crowded = Gallery.of(1, ENCODER, [ALICE, *(person(f"p_{n}", one) for n, one in enumerate(people))])
    enrolled = Enrolled(None, crowded)
    assert nearness(fused(0.2), enrolled, RULES, room="r").best is None
    near = nearness(fused(0.2, 0.2), enrolled, RULES, room="r")
    assert near.best is not None
    assert (near.best.person_id, near.best.tolerance) == ("p_alice", in_force(RULES, 1201, photos=3, looks=2).value)
    assert near.best.distance < (near.best.tolerance or 0)
    far = nearness(fused(1.0, 1.0), enrolled, RULES, room="r")
    assert (far.best, far.stranger) == (None, False)


@pytest.mark.parametrize(("people", "photos", "looks"), [(1001, 1, 2), (3000, 3, 3), (10_000, 5, 3)])
def test_strangers_are_given_a_name_as_seldom_as_is_set_by_several_looks_among_so_many(
    people: int, photos: int, looks: int
) -> None:
    """Generated: strangers as far apart as was measured, photographs of one person as far as to be one another."""
    generator = np.random.default_rng(people)
    centroids = of_each(crowd(generator, people), photos, generator)
    strangers = of_each(crowd(generator, STRANGERS), looks, generator)
    tolerance = in_force(RULES, people, photos=photos, looks=looks).value
    assert tolerance is not None
    named = 0
    for some in np.array_split(strangers, 20):
        squares = (some**2).sum(axis=1)[:, None] + (centroids**2).sum(axis=1) - 2 * some @ centroids.T
        two = np.sqrt(np.maximum(np.partition(squares, 1, axis=1)[:, :2], 0))
        named += int(((two[:, 0] <= tolerance) & (two[:, 1] - two[:, 0] >= RULES.margin)).sum())
    assert named <= STRANGERS * RULES.stranger_rate


def of_each(people: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """The mean of so many photographs of each, (n, 128), of which one and another are 0.4 apart in the middle."""
    noise = generator.normal(scale=0.4 / np.sqrt(2 * 128), size=(count, *people.shape)).astype(np.float32)
    mean: np.ndarray = (people + noise).mean(axis=0)
    return mean
