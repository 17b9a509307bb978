from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from facematch.faces.gallery import DEFAULT, Gallery, Person, empty
from facematch.faces.ranking import Enrolled, Nameless, Ranking, rank
from facematch.faces.reference import ReferenceSet
from facematch.faces.tolerance import MatchRules, ToleranceReason, in_force
from tests.rig.embeddings import ENCODER, axis, crowd, face, gallery, person

RULES = MatchRules()
NOBODY = empty(ENCODER)
DEFAULT_PHOTO = ReferenceSet("the photo", axis(0.0)[np.newaxis])


def ranked(
    *embeddings: np.ndarray,
    people: Gallery = NOBODY,
    default: ReferenceSet | None = None,
    rules: MatchRules = RULES,
    room: str = "hall",
    bound: str | None = None,
) -> Ranking:
    faces = [face(embedding, left=100 * at) for at, embedding in enumerate(embeddings)]
    return rank(faces, Enrolled(default, people), rules, room=room, bound=bound)


def names(ranking: Ranking) -> dict[int, str]:
    """Who each face is, by where it was given."""
    return {one.face.bbox[3] // 100: one.named.person_id for one in ranking.faces if one.named}


ALICE, BOB = person("p_alice", axis(1)), person("p_bob", axis(0, 1))
BOTH = gallery(ALICE, BOB, version=7)


def test_alone_the_default_person_is_compared_as_ever_to_the_bit() -> None:
    generator = np.random.default_rng(6)
    reference = ReferenceSet("one", generator.normal(scale=0.045, size=(1, 128)).astype(np.float32))
    faces = [face(one) for one in generator.normal(scale=0.045, size=(8, 128)).astype(np.float32)]

    found = rank(faces, Enrolled(reference, NOBODY), MatchRules(tolerance=0.7), room="hall")

    before = sorted(((reference.distance(one.embedding), one) for one in faces), key=lambda one: one[0])
    assert [one.face for one in found.faces] == [one for _, one in before]
    assert [one.distance for one in found.faces] == [distance for distance, _ in before]
    matched = [distance for distance, _ in before if distance <= 0.7]
    assert 0 < len(matched) < 8
    assert [one.distance for one in found.named] == matched
    assert {(one.person_id, one.reference_id, one.tolerance.value, one.margin) for one in found.named} == {
        (DEFAULT, "one", 0.7, None)
    }


def test_a_face_is_the_person_who_is_near() -> None:
    found = ranked(axis(0.7), axis(0, 0.9), axis(0, 0, 1), people=BOTH)

    assert names(found) == {0: "p_alice", 1: "p_bob"}
    bob, alice = found.named  # the nearest first
    assert [one.distance for one in found.named] == pytest.approx([0.1, 0.3])
    assert (alice.reference_id, bob.person_id, bob.tolerance.value) == (ALICE.photo_set, "p_bob", 0.5)
    assert alice.margin == pytest.approx(math.hypot(0.7, 1) - 0.3)
    assert (found.gallery_version, found.nameless) == (7, None)


def test_two_who_are_about_as_near_are_nobody_and_both_are_told() -> None:
    between = gallery(ALICE, person("p_twin", axis(1, 0.03)))

    found = ranked(axis(0.8), people=between)

    assert found.named == ()
    assert found.nameless is Nameless.AMBIGUOUS
    assert [one.person_id for one in found.faces[0].near] == ["p_alice", "p_twin"]
    assert found.faces[0].distance == pytest.approx(0.2)
    assert names(ranked(axis(0.8), people=between, rules=MatchRules(margin=0.001))) == {0: "p_alice"}
    assert names(ranked(axis(1, -0.1), people=gallery(ALICE, person("p_twin", axis(1, 0.3))))) == {0: "p_alice"}


def test_somebody_nearer_who_has_a_tolerance_of_their_own_is_in_the_way_as_anybody() -> None:
    strict = replace(person("p_strict", axis(0.8, 0.3)), tolerance=0.1)
    assert ranked(axis(0.8), people=gallery(ALICE)).named
    assert ranked(axis(0.8, 0.12), people=gallery(ALICE, strict)).nameless is Nameless.AMBIGUOUS


def test_the_same_human_as_default_and_as_person_is_the_default_person() -> None:
    twice = gallery(person("p_same", axis(0.01)), BOB)
    for distance in (0.0, 0.3, 0.5):
        assert names(ranked(axis(distance), people=twice, default=DEFAULT_PHOTO)) == {0: DEFAULT}
    assert names(ranked(axis(0.505), people=twice, default=DEFAULT_PHOTO)) == {0: "p_same"}


def test_the_default_person_is_a_match_whoever_else_is_nearer_and_however_often() -> None:
    nearer = gallery(person("p_nearer", axis(0.4)), person("p_other", axis(0.41)))

    found = ranked(axis(0.4), axis(0.1), axis(5), people=nearer, default=DEFAULT_PHOTO)

    assert names(found) == {0: DEFAULT, 1: DEFAULT}
    assert [one.distance for one in found.named] == pytest.approx([0.1, 0.4])
    assert [one.person_id for one in found.faces[1].near] == ["p_nearer", "p_other", DEFAULT]


def test_a_default_person_in_the_gallery_is_no_candidate() -> None:
    found = ranked(axis(0.2), people=gallery(person(DEFAULT, axis(0.2)), person("p_1", axis(0.25))))
    assert names(found) == {0: "p_1"}
    assert found.tolerance.candidates == 1


def test_a_person_is_one_face_of_a_frame_and_their_mirror_image_is_nobody_else() -> None:
    people = gallery(ALICE, person("p_other", axis(0.6, 0.2)))

    found = ranked(axis(0.97), axis(1), people=people)

    assert names(found) == {1: "p_alice"}
    assert [one.face.bbox[3] for one in found.faces] == [100, 0]


def test_who_is_for_other_rooms_is_not_compared() -> None:
    people = gallery(person("p_alice", axis(1), rooms={"lab"}), BOB)
    assert names(ranked(axis(1), people=people, room="lab")) == {0: "p_alice"}
    elsewhere = ranked(axis(1), people=people, room="hall", bound="p_alice")
    assert names(elsewhere) == {}
    assert [one.person_id for one in elsewhere.faces[0].near] == []


def test_the_tolerance_follows_the_photographs() -> None:
    for photos in (1, 3, 8):
        limit = in_force(RULES, 1, photos=photos).value
        assert limit is not None
        people = gallery(person("p_alice", axis(1), photos))
        assert ranked(axis(1 - limit + 1e-6), people=people).named
        assert not ranked(axis(1 - limit - 1e-6), people=people).named


def test_bound_is_compared_one_to_one_among_however_many() -> None:
    generator = np.random.default_rng(1)
    for others in (0, 60, 1500):
        people = gallery(
            ALICE, *(person(f"p_{n}", one) for n, one in enumerate(axis(0, 0, 5) + crowd(generator, others)))
        )
        assert names(ranked(axis(0.51), people=people, bound="p_alice")) == {0: "p_alice"}
        assert names(ranked(axis(0.49), people=people, bound="p_alice")) == {}
        assert names(ranked(axis(0.51), people=people)) == ({0: "p_alice"} if others == 0 else {})


def test_bound_needs_no_margin_and_is_one_face() -> None:
    people = gallery(ALICE, person("p_twin", axis(1, 0.03)))

    found = ranked(axis(0.8), axis(0.9), people=people, bound="p_twin")

    assert names(found) == {1: "p_twin"}
    assert found.named[0].margin == pytest.approx(0.1 - math.hypot(0.1, 0.03))
    assert found.named[0].tolerance.candidates == 1
    assert names(ranked(axis(0, 1), people=people, bound="p_nobody")) == {}


def test_the_face_of_the_default_person_is_not_that_of_the_bound_one() -> None:
    people = gallery(person("p_1", axis(0.3)))
    assert names(ranked(axis(0.3), axis(0.7), people=people, default=DEFAULT_PHOTO, bound="p_1")) == {
        0: DEFAULT,
        1: "p_1",
    }


def test_among_too_many_nobody_is_named_and_it_is_said_who_is_near() -> None:
    generator = np.random.default_rng(2)
    centroids = axis(0, 0, 5) + crowd(generator, 1000)
    people = gallery(ALICE, *(person(f"p_{n}", one) for n, one in enumerate(centroids)))

    found = ranked(axis(0.9), people=people)

    assert (found.named, found.nameless) == ((), Nameless.TOO_MANY_CANDIDATES)
    assert (found.tolerance.value, found.tolerance.reason) == (None, ToleranceReason.TOO_MANY_CANDIDATES)
    (alice,) = found.faces[0].near
    assert (alice.person_id, alice.tolerance) == ("p_alice", None)
    assert names(ranked(axis(0.9), axis(0.05), people=people, default=DEFAULT_PHOTO)) == {1: DEFAULT}


def test_near_is_told_up_to_a_tenth_beyond_the_tolerance() -> None:
    found = ranked(axis(0.41), axis(0.39), people=gallery(ALICE))
    assert [[one.person_id for one in of.near] for of in found.faces] == [["p_alice"], []]
    assert found.nameless is None
    to_default = ranked(axis(0.59), axis(0.61), default=DEFAULT_PHOTO)
    assert [[one.person_id for one in of.near] for of in to_default.faces] == [[DEFAULT], []]


def test_no_face_and_nobody_enrolled_are_no_matter() -> None:
    assert ranked(people=BOTH, default=DEFAULT_PHOTO, bound="p_alice").faces == ()
    found = ranked(axis(1))
    assert (found.faces[0].distance, found.named, found.nameless) == (None, (), None)
    assert not Enrolled(None, NOBODY).anyone("hall")
    assert Enrolled(DEFAULT_PHOTO, NOBODY).anyone("hall")
    assert not Enrolled(None, gallery(person("p_1", axis(1), rooms={"lab"}))).anyone("hall")


@pytest.mark.parametrize("others", [10, 100, 1000])
def test_strangers_are_not_named_more_often_as_the_gallery_grows(others: int) -> None:
    """Against one tolerance for all, which names one in four with a thousand people."""
    generator = np.random.default_rng(others)
    centroids, strangers = crowd(generator, others), crowd(generator, 1500)
    people = gallery(*(person(f"p_{n}", one) for n, one in enumerate(centroids)))
    bound = people.ids[0]

    named = sum(bool(ranked(one, people=people).named) for one in strangers)
    naive = sum(np.linalg.norm(centroids - one, axis=1).min() <= 0.5 for one in strangers)
    as_bound = sum(
        any(one.person_id == bound for one in ranked(face_, people=people, bound=bound).named) for face_ in strangers
    )

    assert named <= 0.01 * 1500 + 12  # three standard deviations above the rate
    assert as_bound <= 4
    if others >= 100:
        assert naive > 0.01 * 1500 + 12


@pytest.mark.parametrize(("seed", "count", "frames"), [(1, 8, 40), (2, 40, 40), (3, 300, 20), (4, 1500, 6)])
def test_the_decision_is_that_of_comparing_everybody_one_by_one(seed: int, count: int, frames: int) -> None:
    """Crowds with twins in them, rooms, tolerances of their own, mirrors, the default person and somebody bound."""
    generator = np.random.default_rng(seed)
    people = gallery(*_crowd_with_twins(generator, count))
    default = ReferenceSet("photo", _beside(generator, people.centroids[0], 0.3)[np.newaxis])
    answers = set()

    for _ in range(frames):
        rows = generator.integers(0, len(people), 2)
        seen = [_beside(generator, people.centroids[row], generator.uniform(0, 0.5)) for row in (*rows, rows[0])]
        bound = people.ids[rows[0]] if generator.random() < 0.5 else None
        found = ranked(*seen, people=people, default=default, bound=bound)

        expected, ambiguous = _one_by_one(seen, people, default, bound)
        assert names(found) == expected
        assert {one.face.bbox[3] // 100 for one in found.faces if one.ambiguous} == ambiguous
        for one in found.faces:
            if one.named and one.named.person_id == DEFAULT:
                assert one.distance == default.distance(one.face.embedding)
        answers |= {"ambiguous"} if ambiguous else set()
        answers |= {DEFAULT if name == DEFAULT else "bound" if name == bound else "other" for name in expected.values()}

    assert answers >= ({"bound", "other", "ambiguous"} if count <= 300 else {"bound"})


def _beside(generator: np.random.Generator, embedding: np.ndarray, distance: float) -> np.ndarray:
    direction = generator.normal(size=128)
    return (embedding + distance * direction / np.linalg.norm(direction)).astype(np.float32)


def _crowd_with_twins(generator: np.random.Generator, count: int) -> list[Person]:
    found = []
    for number, one in enumerate(crowd(generator, count)):
        photos, own = int(generator.integers(1, 6)), float(generator.uniform(0.2, 0.6))
        rooms = [[], ["hall", "lab"], ["lab"]][int(generator.choice(3, p=[0.8, 0.1, 0.1]))]
        plain = person(f"p_{number:04}", one, photos, rooms=rooms)
        found.append(replace(plain, tolerance=own) if generator.random() < 0.2 else plain)
        if generator.random() < 0.2:
            found.append(person(f"p_{number:04}_twin", _beside(generator, one, 0.1), photos))
    return found


def _one_by_one(
    seen: list[np.ndarray], people: Gallery, default: ReferenceSet, bound: str | None
) -> tuple[dict[int, str], set[int]]:
    """As the module says, without any shortcut: who each face is, and which are ambiguous."""
    there = [one for one in people if not one.rooms or "hall" in one.rooms]

    def apart(at: int, one: Person) -> float:
        return float(np.linalg.norm(one.centroid - seen[at]))

    def within(at: int, one: Person, among: int) -> bool:
        limit = in_force(RULES, among, photos=one.photos, own=one.tolerance).value
        return limit is not None and apart(at, one) <= limit

    found = {at: DEFAULT for at, one in enumerate(seen) if default.distance(one) <= RULES.tolerance}
    for one in (one for one in there if one.id == bound):
        free = [at for at in range(len(seen)) if at not in found]
        if free and within(nearest := min(free, key=lambda at: apart(at, one)), one, 1):
            found[nearest] = one.id
    ambiguous, claims = set(), []
    for at in (at for at in range(len(seen)) if at not in found):
        ordered = sorted(there, key=lambda one: apart(at, one))
        first = next((one for one in ordered if within(at, one, len(there))), None)
        if first is not None and any(
            apart(at, other) - apart(at, first) < RULES.margin for other in ordered if other is not first
        ):
            ambiguous.add(at)
        elif first is not None:
            claims.append((apart(at, first), at, first.id))
    for _, at, id_ in sorted(claims):
        if id_ not in found.values():
            found[at] = id_
    return found, ambiguous
