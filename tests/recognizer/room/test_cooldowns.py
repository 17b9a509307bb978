"""Who was reported lately is known for as long as the cooldown lasts, and no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facematch.recognizer.room import cooldowns
from facematch.recognizer.room.cooldowns import Cooldowns

if TYPE_CHECKING:
    import pytest


def test_one_who_left_and_came_back_goes_on_with_the_same_cooldown() -> None:
    kept = Cooldowns(3600.0)
    kept.of("alice", present=[], now=0.0).restart(0.0, ["somebody"])
    kept.of("bob", present=[], now=10.0)
    again = kept.of("alice", present=["bob"], now=60.0)
    assert [again.over(now, "somebody") for now in (60.0, 3599.0, 3600.0)] == [False, False, True]


def test_the_tracks_of_one_who_is_there_share_a_cooldown_that_is_over_as_well() -> None:
    kept = Cooldowns(3.0)
    assert kept.of("alice", present=[], now=0.0) is kept.of("alice", present=["alice"], now=100.0)


def test_who_left_and_may_be_reported_again_is_let_go() -> None:
    kept = Cooldowns(3.0)
    for second in range(100):
        kept.of(f"guest {second}", present=[], now=second).restart(second, ["somebody"])
    assert len(kept._kept) <= 4


def test_however_many_come_and_go_the_latest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cooldowns, "MOST", 10)
    kept = Cooldowns(86_400.0)
    first = kept.of("who stays", present=[], now=0.0)
    for second in range(100):
        kept.of(f"guest {second}", present=["who stays"], now=second).restart(second, ["somebody"])
    assert len(kept._kept) <= 11
    assert not kept.of("guest 99", present=["who stays"], now=100.0).over(100.0, "somebody")
    assert kept.of("who stays", present=["who stays"], now=100.0) is first
