"""Rates of faces whose distances are known."""

from __future__ import annotations

import numpy as np
import pytest

from bench.rates import Faces, by_tolerance, distances, draws, in_force, naming, over_pairs, over_people
from facematch.faces.tolerance import MatchRules
from facematch.faces.tolerance import in_force as tolerance


def points(*firsts: float) -> np.ndarray:
    """Embeddings on a line."""
    made = np.zeros((len(firsts), 128), np.float32)
    made[:, 0] = firsts
    return made


LINE = Faces(points(0, 0, 0, 0, 1, 1, 1, 1.3), np.repeat([0, 1], 4), points(0.2, 0.45, 5, 9))
"""Two people a unit apart, one of whose photographs is bad; two of four strangers are near the first."""


def test_distances_are_euclidean() -> None:
    rng = np.random.default_rng(1)
    some, others = (rng.normal(size=(n, 128)).astype(np.float32) for n in (5, 7))

    expected = np.linalg.norm(some[:, None] - others[None], axis=2)

    assert distances(some, others) == pytest.approx(expected, rel=1e-4)


def test_what_enrols_is_never_looked_for_and_all_else_is() -> None:
    for draw in draws(LINE, 3, 10, np.random.default_rng(1)):
        assert draw.owner.tolist() == [0, 1]
        assert draw.references[1, 0] * 3 + draw.probes[1, 0] == pytest.approx(4.3)


def test_nobody_is_enrolled_with_all_photographs() -> None:
    assert list(draws(LINE, 4, 10, np.random.default_rng(1))) == []
    assert list(by_tolerance(LINE, 4, [0.5], [], 10)) == []


def test_rates_by_tolerance() -> None:
    strict, wide, widest = by_tolerance(LINE, 1, [0.1, 0.35, 0.5], [], 200)

    assert strict.right.value == pytest.approx((1 + 0.5) / 2, abs=0.05)  # the bad one enrols in a quarter of the rounds
    assert strict.right.low < strict.right.value < strict.right.high
    assert wide.right.value == 1
    assert wide.stranger.value == pytest.approx(1 / 8)  # 0.2 to 0
    assert widest.stranger.value == pytest.approx(2 / 8)


def test_a_tolerance_is_found_for_a_rate_when_there_are_pairs_enough() -> None:
    rng = np.random.default_rng(1)
    people = rng.normal(size=(60, 128)).astype(np.float32)
    faces = Faces(people, np.repeat(np.arange(20), 3), rng.normal(size=(500, 128)).astype(np.float32))

    rows = list(by_tolerance(faces, 2, [], [100, 1_000_000], 4))

    assert len(rows) == 1
    assert rows[0].stranger.value == pytest.approx(0.01, rel=0.05)


def test_a_gallery_names_the_nearest_within_tolerance_and_margin() -> None:
    plain, marked, wide = naming(LINE, 2, 3, [(0.5, 0.0), (0.5, 0.25), (2.0, 0.0)], 200)

    assert (plain.right.value, plain.wrong.value) == (1, 0)
    assert plain.stranger.value == pytest.approx(0.5)
    assert marked.stranger.value == pytest.approx(0.25)  # 0.45 is nearly as far from the other
    assert wide.stranger.value == pytest.approx(0.5)


def test_people_who_are_mixed_up_are_told_apart_from_those_who_are_missed() -> None:
    twins = Faces(points(0, 0, 1, 0, 0, 0), np.repeat([0, 1], 3), points(9))
    [row] = naming(twins, 2, 2, [(0.4, 0.0)], 300)

    assert row.right.value + row.wrong.value < 1
    assert row.wrong.value > 0.05


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """People who differ much: each has a share of their own around 0.3."""
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(200):
        shares = rng.beta(3, 7, size=60)
        rate = over_people(shares, rng)
        held += rate.low <= 0.3 <= rate.high
    assert 180 <= held <= 199


def test_pairs_are_as_uneven_as_their_people() -> None:
    """One person whom every stranger is taken for says little about others."""
    hits = np.zeros((20, 1000))
    hits[0] = 1

    rate = over_pairs(hits, np.random.default_rng(1))

    assert rate.value == pytest.approx(0.05)
    assert rate.low == 0
    assert rate.high > 0.1


def test_what_was_never_seen_may_happen_all_the_same() -> None:
    rate = over_people(np.zeros(300), np.random.default_rng(1))

    assert (rate.value, rate.low) == (0, 0)
    assert rate.high == pytest.approx(0.01)


def test_what_is_in_force_is_what_the_recognizer_answers() -> None:
    """Two people a unit apart, looked for by everything but one photograph; the others enrolled are strangers."""
    rng = np.random.default_rng(4)
    far = rng.normal(scale=0.2, size=(300, 128)).astype(np.float32) + points(9)
    faces = Faces(points(0, 0.1, 0.2, 2, 2.1, 2.2), np.repeat([0, 1], 3), np.concatenate([far, points(0.15)]))

    found = in_force(faces, 101, 2, MatchRules(), 3)

    assert found is not None
    # 101 make a draw that leaves the stranger beside them out of those who are enrolled.
    assert (found.persons, found.of_one, found.right.value, found.wrong.value) == (101, 99, 1.0, 0.0)
    assert found.tolerance == tolerance(MatchRules(), 101, photos=2).value
    assert 0 < found.stranger.value <= 1 / 100
    assert in_force(faces, 250, 2, MatchRules(), 3) is None
