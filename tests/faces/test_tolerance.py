from __future__ import annotations

import numpy as np
import pytest

from facematch.faces.tolerance import (
    MOST_CANDIDATES,
    STRANGERS,
    MatchRules,
    ToleranceReason,
    all_in_force,
    in_force,
    largest_keeping,
)

RULES = MatchRules()
MEASURED = {
    1: (0.542, 0.504, 0.469, 0.409),
    2: (0.515, 0.481, 0.447, 0.389),
    3: (0.506, 0.472, 0.439, 0.380),
    4: (0.502, 0.467, 0.435, 0.376),
    5: (0.499, 0.465, 0.433, 0.373),
    8: (0.495, 0.461, 0.429, 0.369),
}
"""By photographs: the distance within which 1 stranger in 1,000, in 3,000, in 10,000, in 100,000 is."""


@pytest.mark.parametrize(("photos", "distances"), MEASURED.items())
def test_with_more_photographs_it_is_where_the_same_strangers_were_measured(
    photos: int, distances: tuple[float, ...]
) -> None:
    for one, several in zip(MEASURED[1], distances, strict=True):
        rules = MatchRules(tolerance=one, stranger_rate=1)
        assert in_force(rules, 1, photos=photos).value == pytest.approx(several, abs=0.008)
    at_the_default = in_force(MatchRules(MEASURED[1][1]), 1, photos=photos).value
    assert at_the_default == pytest.approx(distances[1], abs=0.002)


def test_one_photograph_and_a_small_room_take_what_is_set() -> None:
    for candidates in (1, 10, 30):
        tolerance = in_force(RULES, candidates)
        assert (tolerance.value, tolerance.reason) == (0.5, ToleranceReason.MATCH_TOLERANCE)


@pytest.mark.parametrize("candidates", [50, 150, 500, 1000])
def test_the_more_are_compared_the_stricter_it_is(candidates: int) -> None:
    tolerance, fewer = in_force(RULES, candidates), in_force(RULES, candidates // 2 + 9)

    assert tolerance.reason is ToleranceReason.STRANGER_RATE
    assert tolerance.value is not None
    assert fewer.value is not None
    assert STRANGERS[0][0] <= tolerance.value < fewer.value <= 0.5


@pytest.mark.parametrize("rate", [0.002, 0.01, 0.05, 0.3])
@pytest.mark.parametrize("candidates", [1, 2, 10, 50, 150, 1000])
def test_a_stranger_is_named_at_most_as_often_as_is_set(rate: float, candidates: int) -> None:
    most = largest_keeping(rate, candidates)
    if most is None:
        assert 1 - (1 - STRANGERS[0][1]) ** candidates > rate
        return
    each = float(np.exp(np.interp(most, [t for t, _ in STRANGERS], np.log([f for _, f in STRANGERS]))))
    assert 1 - (1 - each) ** candidates <= rate * (1 + 1e-9)


def test_among_more_than_a_thousand_nobody_is_named_whatever_is_set() -> None:
    for rate in (0.01, 1.0):
        tolerance = in_force(MatchRules(stranger_rate=rate), MOST_CANDIDATES + 1)
        assert (tolerance.value, tolerance.reason) == (None, ToleranceReason.TOO_MANY_CANDIDATES)
    assert in_force(MatchRules(stranger_rate=0.01), MOST_CANDIDATES).value is not None
    assert in_force(MatchRules(stranger_rate=0.001), MOST_CANDIDATES).value is None


def test_several_looks_name_among_more_than_a_thousand_ever_more_strictly() -> None:
    found = [in_force(RULES, candidates, looks=3).value for candidates in (1000, 1001, 3000, 10_000)]
    values = [one for one in found if one is not None]
    assert len(values) == 4
    assert values == sorted(values, reverse=True)
    assert values[0] - values[1] < 0.02
    assert values[-1] > 0.25
    assert in_force(RULES, 11_000, looks=3).reason is ToleranceReason.TOO_MANY_CANDIDATES
    assert in_force(MatchRules(stranger_rate=0.0001), 1000, looks=3).value is None


@pytest.mark.parametrize("looks", [2, 3])
def test_several_looks_take_what_one_does_where_it_is_measured(looks: int) -> None:
    for candidates in (1, 50, 1000):
        assert largest_keeping(0.01, candidates, looks) == largest_keeping(0.01, candidates)


def test_a_persons_own_is_in_the_same_measure_and_keeps_the_stranger_rate_too() -> None:
    stricter, looser = in_force(RULES, 10, photos=3, own=0.4), in_force(RULES, 150, own=0.6)

    assert stricter.reason is ToleranceReason.OWN
    assert stricter.value == pytest.approx(0.4 * (0.81 + 0.19 / 3) ** 0.5)
    assert (looser.reason, looser.value) == (ToleranceReason.STRANGER_RATE, in_force(RULES, 150).value)


def test_the_mean_of_looks_takes_less() -> None:
    values = [in_force(RULES, 1, looks=looks).value for looks in (1, 2, 3, 9)]
    assert values == pytest.approx([0.5, 0.46, 0.4475, 0.4475])


@pytest.mark.parametrize("candidates", [3, 400, 1001])
def test_all_at_once_are_as_each_alone(candidates: int) -> None:
    own = np.full(candidates, np.nan, np.float32)
    own[1] = 0.375
    photos = np.full(candidates, 3, np.int32)
    photos[2] = 1

    found = all_in_force(RULES, own, photos)

    for row, settings in ((0, {"photos": 3}), (1, {"photos": 3, "own": 0.375}), (2, {"photos": 1})):
        alone = in_force(RULES, candidates, **settings).value
        assert found[row] == (-1 if alone is None else alone)
