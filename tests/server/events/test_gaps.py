"""Numbers that are missing: found once, forgiven when they come late, never made up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from facematch.server.events.gaps import MOST_GAPS, MOST_SOURCES, SHOWN, Gap, Gaps


def followed(*numbers: int, source: str = "a") -> Gaps:
    gaps = Gaps()
    gaps.follow(source, 0)
    for number in numbers:
        gaps.observe(source, number)
    return gaps


def test_nothing_is_missing_at_first() -> None:
    assert (followed(1, 2, 3).count, followed(1, 2, 3).latest) == (0, ())


def test_what_is_left_out_is_missing() -> None:
    gaps = followed(1, 2, 5, 6, 8)
    assert gaps.count == 3
    assert gaps.latest == (Gap("a", 3, 4), Gap("a", 7, 7))


def test_the_first_numbers_of_a_new_source_count() -> None:
    assert followed(3).latest == (Gap("a", 1, 2),)


def test_a_repeat_is_nothing_new() -> None:
    assert followed(1, 2, 2, 1, 3).count == 0


def test_a_late_number_is_no_longer_missing() -> None:
    gaps = followed(1, 6, 4)
    assert gaps.latest == (Gap("a", 2, 3), Gap("a", 5, 5))
    for number in (2, 5, 3):
        gaps.observe("a", number)
    assert gaps.count == len(gaps.latest) == 0


def test_sources_do_not_mix() -> None:
    gaps = followed(1, 3)
    gaps.follow("b", 0)
    gaps.observe("b", 1)
    gaps.observe("b", 2)
    assert gaps.latest == (Gap("a", 2, 2),)


def test_what_is_remembered_is_bounded() -> None:
    gaps = Gaps()
    for number in range(MOST_SOURCES * 2):
        gaps.follow(str(number), 0)
    assert sum(gaps.follows(str(number)) for number in range(MOST_SOURCES * 2)) == MOST_SOURCES
    many = followed(*range(2, 2 * MOST_GAPS * 3, 2))
    assert len(many.latest) == SHOWN
    assert many.count == MOST_GAPS * 3 - 1


@given(st.permutations(range(1, 9)), st.sets(st.integers(1, 8)))
def test_in_whatever_order_they_come(order: list[int], lost: set[int]) -> None:
    came = [number for number in order if number not in lost]
    gaps = followed(*came)
    missing = {number for number in range(1, max(came, default=0) + 1) if number not in came}
    assert gaps.count == len(missing)
    if len(gaps.latest) < SHOWN:
        assert {n for gap in gaps.latest for n in range(gap.first, gap.last + 1)} == missing
