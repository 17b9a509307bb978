from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from facematch.faces.tolerance import MOST_CANDIDATES, STRANGERS, MatchRules, in_force, stranger_chance
from facematch.server.calibration.measuring import (
    MOST_PAIRS,
    Photos,
    chance_of_strangers,
    closest_pairs,
    left_out,
    wilson,
)
from tests.rig.embeddings import axis, crowd, gallery, person

if TYPE_CHECKING:
    from facematch.faces.gallery import Gallery

RULES = MatchRules()


def never() -> bool:
    return False


def enrolled(**embeddings: list[np.ndarray]) -> tuple[Gallery, Photos]:
    """People by id, with their photos."""
    people = gallery(
        *(person(id_, np.mean(photos, axis=0, dtype=np.float32), len(photos)) for id_, photos in embeddings.items())
    )
    each = [(people.place(id_), f"{id_} {n}", one) for id_, all_ in embeddings.items() for n, one in enumerate(all_)]
    owners = np.array([place for place, _, _ in each], np.intp)
    return people, Photos(tuple(id_ for _, id_, _ in each), owners, np.array([one for _, _, one in each], np.float32))


def test_each_photo_is_looked_for_by_the_others_of_its_person() -> None:
    people, photos = enrolled(
        p_good=[axis(0.0), axis(0.1), axis(0.2)],
        p_odd=[axis(9), axis(9.1), axis(9.75)],
        p_one=[axis(20)],
        p_twin=[axis(0, 0.02), axis(0.2, 0.02)],
    )

    found = {one.photo_id: one for one in left_out(people, None, photos, RULES, never)}

    assert set(found) == {*(f"p_good {n}" for n in range(3)), *(f"p_odd {n}" for n in range(3)), "p_twin 0", "p_twin 1"}
    odd = found["p_odd 2"]
    assert odd.distance == pytest.approx(0.7, abs=1e-5)
    assert odd.tolerance == pytest.approx(in_force(RULES, 1, photos=2).value)
    assert (odd.missed, odd.missed_bound, odd.ambiguous) == (True, True, False)
    assert (found["p_odd 0"].missed, found["p_good 1"].missed) == (False, False)
    assert found["p_good 1"].ambiguous, "somebody else is as near to it"
    assert not found["p_odd 0"].ambiguous


def test_among_more_people_more_photos_are_missed_and_one_to_one_as_many() -> None:
    generator = np.random.default_rng(4)
    own = [axis(0), axis(0.45)]
    few, photos = enrolled(p_a=own)
    assert not any(one.missed for one in left_out(few, None, photos, RULES, never))

    crowded, more = enrolled(
        p_a=own, **{f"p_{n}": [one] for n, one in enumerate(axis(0, 0, 5) + crowd(generator, 300))}
    )
    found = left_out(crowded, None, more, RULES, never)
    assert [(one.missed, one.missed_bound) for one in found] == [(True, False)] * 2

    others = {f"p_{n}": [one] for n, one in enumerate(axis(0, 0, 5) + crowd(generator, MOST_CANDIDATES))}
    too_many, photos = enrolled(p_a=[axis(0), axis(0.1)], **others)
    found = left_out(too_many, None, photos, RULES, never)
    assert [(one.missed, one.missed_bound) for one in found] == [(True, False)] * 2, "nobody is named by one look"


def test_a_tolerance_of_ones_own_and_rooms_count() -> None:
    people, photos = enrolled(p_a=[axis(0), axis(0.4)], p_b=[axis(5), axis(5.4)])
    strict = people.changed(2, put=[replace(one, tolerance=0.3) for one in people if one.id == "p_a"])
    elsewhere = strict.changed(3, put=[replace(one, rooms=frozenset({"lab"})) for one in strict if one.id == "p_b"])

    assert [one.missed for one in left_out(strict, None, photos, RULES, never)] == [True, True, False, False]
    assert {one.person_id for one in left_out(elsewhere, "hall", photos, RULES, never)} == {"p_a"}


def test_the_closest_pairs_are_those_of_comparing_all() -> None:
    generator = np.random.default_rng(2)
    centroids = crowd(generator, 600)
    people = gallery(*(person(f"p_{n:03}", one, 3) for n, one in enumerate(centroids)))

    found, complete = closest_pairs(people, None, RULES, never)

    apart = np.linalg.norm(centroids[:, None] - centroids, axis=2)
    expected = np.sort(apart[np.triu_indices(600, 1)])[:MOST_PAIRS]
    assert complete
    assert [one.distance for one in found] == pytest.approx(expected.tolist(), abs=1e-3)
    assert len({one.ids for one in found}) == MOST_PAIRS
    assert all(one.ids[0] < one.ids[1] for one in found)
    assert found[0].tolerance == pytest.approx(in_force(RULES, 1, photos=3).value)


def test_who_is_never_in_one_room_is_no_pair_and_one_person_neither() -> None:
    people = gallery(
        person("p_a", axis(0), rooms={"lab"}), person("p_b", axis(0.1), rooms={"hall"}), person("p_c", axis(1))
    )
    found, _ = closest_pairs(people, None, RULES, never)
    assert [one.ids for one in found] == [("p_b", "p_c"), ("p_a", "p_c")]
    assert closest_pairs(gallery(person("p_a", axis(0))), None, RULES, never) == ([], True)
    assert closest_pairs(gallery(), None, RULES, never) == ([], True)


def test_when_the_time_is_over_what_was_found_is_told() -> None:
    people, photos = enrolled(**{f"p_{n:03}": [axis(n), axis(n, 0.1)] for n in range(300)})
    looks = iter([False, *[True] * 9])

    assert len(left_out(people, None, photos, RULES, lambda: next(looks))) == 256
    assert not closest_pairs(people, None, RULES, lambda: True)[1]


def test_a_strangers_chance_is_that_of_the_table() -> None:
    for distance, rate in STRANGERS:
        found = stranger_chance(distance)
        assert found is not None
        assert found.value == pytest.approx(rate)
        assert not found.at_most
    assert stranger_chance(0.61) is None
    below = stranger_chance(0.3)
    assert below is not None
    assert below.value == pytest.approx(1e-5)
    assert below.at_most

    for count in (1, 10, 150, 1000):
        people = gallery(*(person(f"p_{n}", axis(n)) for n in range(count)))
        chance = chance_of_strangers(people, None, RULES)
        assert chance.some is not None
        assert chance.some <= RULES.stranger_rate + 1e-9
    assert chance_of_strangers(gallery(*(person(f"p_{n}", axis(n)) for n in range(1001))), None, RULES).some == 0
    loose = gallery(replace(person("p_a", axis(0)), tolerance=0.9))
    assert chance_of_strangers(loose, None, MatchRules(stranger_rate=0.02)).some == pytest.approx(5.8e-3)


def test_intervals_are_wilsons() -> None:
    assert wilson(0, 0) == (0, 1)
    assert list(wilson(0, 10)) == pytest.approx([0, 0.2775], abs=1e-3)
    assert list(wilson(10, 10)) == pytest.approx([0.7225, 1], abs=1e-3)
    assert list(wilson(81, 263)) == pytest.approx([0.2553, 0.3662], abs=1e-3)
    assert math.isclose(sum(wilson(50, 100)), 1, abs_tol=1e-12)
