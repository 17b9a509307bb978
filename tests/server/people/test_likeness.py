"""Whether a photo is of whom it is said to be."""

from __future__ import annotations

import numpy as np
import pytest

from facematch.server.people.likeness import UNLIKE, furthest, mistaken_for, outliers
from tests.rig.embeddings import axis, crowd, gallery, person


def test_one_photo_is_like_itself() -> None:
    assert outliers({}) == outliers({"a": axis(9)}) == set()


def test_of_two_that_are_unlike_it_is_both() -> None:
    assert outliers({"a": axis(0), "b": axis(UNLIKE - 0.001)}) == set()
    assert outliers({"a": axis(0), "b": axis(UNLIKE + 0.001)}) == {"a", "b"}


def test_of_several_it_is_the_one_that_is_far_from_the_others() -> None:
    near = {name: axis(0.1 * place) for place, name in enumerate("abc")}
    assert outliers({**near, "d": axis(0, 0.7)}) == {"d"}
    assert outliers(near) == set()


def test_more_photos_allow_less() -> None:
    assert furthest(1) == pytest.approx(UNLIKE)
    assert furthest(1) > furthest(2) > furthest(8) > 0.9 * UNLIKE


def test_a_photo_of_somebody_else_is_told() -> None:
    people = gallery(person("p_1", axis(0)), person("p_2", axis(1), photos=3))
    for own, whose in ((None, "p_3"), (0.9, "p_1")):
        found = mistaken_for(axis(0.9), own, people, whose)
        assert found is not None
        assert found[0] == "p_2"
        assert found[1] == pytest.approx(0.1)
    assert mistaken_for(axis(0.9), 0.05, people, "p_1") is None, "nearer to their own"
    assert mistaken_for(axis(0.9), None, people, "p_2") is None, "nobody is taken for themselves"
    assert mistaken_for(axis(0, 2), None, people, "p_3") is None, "nobody is near"
    assert mistaken_for(axis(0), None, gallery(), "p_3") is None, "there is nobody"


def test_strangers_are_seldom_taken_for_somebody_however_many_there_are() -> None:
    generator = np.random.default_rng(3)
    everybody = gallery(*(person(f"p_{at}", one) for at, one in enumerate(crowd(generator, 1000))))
    newcomers = crowd(generator, 500)
    assert sum(mistaken_for(one, None, everybody, "p_new") is not None for one in newcomers) <= 15
