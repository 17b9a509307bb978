from __future__ import annotations

import pytest

from facematch.server.calibration.proposing import MOST, Judged, Proposal, proposals


def test_a_lower_one_prevents_wrong_names_and_says_what_it_loses() -> None:
    judged = Judged(right=[0.3, 0.42, 0.45, 0.48], wrong=[0.44, 0.49], strangers=[0.52])

    assert proposals(judged, 0.5) == [
        Proposal(0.489, prevents=1, loses=0),
        Proposal(0.439, prevents=2, loses=2),
    ]


def test_a_higher_one_finds_who_was_missed_and_says_whom_else() -> None:
    judged = Judged(missed=[0.531, 0.58, 0.7], strangers=[0.52, 0.57], right=[0.4])

    assert proposals(judged, 0.5) == [
        Proposal(0.531, finds=1, names_strangers=1),
        Proposal(0.58, finds=2, names_strangers=2),
    ]


def test_what_it_prevents_it_does_prevent() -> None:
    for wrong in (0.4, 0.40049, 0.4005, 0.400501, 0.4999, 0.5):
        (one,) = proposals(Judged(wrong=[wrong]), 0.5)
        assert one.prevents == 1
        assert one.tolerance == pytest.approx(wrong, abs=0.0021)


def test_without_verdicts_nothing_is_proposed_and_never_many() -> None:
    assert proposals(Judged(right=[0.1, 0.4], strangers=[0.6]), 0.5) == []
    many = Judged(wrong=[0.4 + n / 1000 for n in range(50)], missed=[0.51 + n / 1000 for n in range(50)])
    assert len(proposals(many, 0.5)) == 2 * MOST
