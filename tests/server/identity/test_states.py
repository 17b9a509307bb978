"""The table of states: each rule with as little as it takes, precedence, and that only the order of looks counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facematch.protocol.events import IdentityState
from facematch.server.identity.looks import news_of
from facematch.server.identity.memory import Participant, Room, Who, kept
from facematch.server.identity.states import RULES, Expected
from tests.rig.identities import binding, named, near, seen
from tests.rig.rooms_told import change, look, watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facematch.protocol.events import Event

P1 = Expected("p_1", frozenset({"p_1", "p_0"}), 0)


def found(*told: Event, expected: Expected | None = P1, swapped: bool = False) -> str:
    """The state after these, given positions from 1 on."""
    known, room = Participant(Who("red", "alice"), None, expected, swapped), Room()
    for cursor, event in enumerate(told, 1):
        news = news_of(cursor, event)
        if news is not None and room.takes(news):
            if news.evidence.chain.identity:
                known.note(news)
            else:
                kept(room.marks, news)
    finding = known.finding(room)
    inside = " ".join(one for one in (finding.detail, finding.seen) if one)
    return f"{finding.state}({inside})" if inside else str(finding.state)


HERE = change(0, "joined")
TWO: dict[str, Any] = {"track_sid": "TR_2"}


def gone(when: float, **fields: Any) -> Event:
    """A camera that is not watched any more."""
    return watch(when, "lost", participant_identity="alice", participant_id="PA_1", track_sid="TR_1", **fields)


WITHHELD = gone(1, reason="consent")

CASES: list[tuple[str, Sequence[Event]]] = [
    ("pending", [HERE]),
    ("absent", [HERE, seen(1, bound="p_1"), change(2, "left")]),
    ("pending", [HERE, change(1, "left"), change(2, "joined", participant_id="PA_2")]),
    # who comes back at once has joined before it is heard that they left
    ("expected", [HERE, change(2, "joined", participant_id="PA_2"), change(2.1, "left"),
                  seen(3, bound="p_1", participant_id="PA_2")]),
    ("expected", [HERE, seen(1, bound="p_1")]),
    ("expected", [HERE, seen(1, bound="p_0")]),
    ("expected", [HERE, seen(1, best="p_1")]),
    ("pending", [HERE, seen(1, bound="p_1", looks=1)]),
    ("expected", [HERE, seen(1, bound="p_1", looks=1), seen(2, bound="p_1", looks=1)]),
    ("pending", [HERE, seen(1, bound="p_1", evidence={"good": False})]),
    ("pending", [HERE, named(1, "p_1")]),
    ("expected", [HERE, named(1, "p_1"), named(2, "p_1")]),
    ("expected", [HERE, named(1, "p_1"), named(2), named(3, "p_1")]),
    ("pending", [HERE, named(1, "p_1"), look(2, "no_face"), named(3, "p_1")]),
    # who has a camera and has not agreed, or is not to be compared; until they are looked at
    ("unknowable(no_consent)", [HERE, WITHHELD]),
    ("unknowable(not_compared)", [HERE, seen(0.5, bound="p_1"), gone(1, reason="not_compared")]),
    ("unknowable(camera_gone)", [HERE, WITHHELD, seen(2, bound="p_1"), gone(3)]),
    ("expected", [HERE, WITHHELD, change(2, "consent_given"), seen(3, bound="p_1")]),
    ("pending", [HERE, WITHHELD, change(2, "consent_given"), seen(3, bound="p_1", looks=1)]),
    ("unknowable(no_consent)", [HERE, seen(1, bound="p_1"), change(2, "consent_withdrawn"), gone(2, reason="consent")]),
    ("pending", [HERE, *(named(when) for when in range(1, 9))]),  # a miss is no stranger
    ("unexpected(other_person p_2)", [HERE, named(1, "p_2"), named(2, "p_2")]),
    ("unexpected(other_person)", [HERE, named(1, "p_2"), named(2, "p_3")]),
    ("pending", [HERE, *(named(when, "p_2", people=[near("p_2"), near("p_1", 0.5)]) for when in (1, 2))]),
    ("unexpected(other_person p_2)", [HERE, seen(1, bound="-p_1", best="p_2")]),
    ("pending", [HERE, seen(1, bound="-p_1", best="p_2", evidence={"margin": 0.01})]),
    ("unexpected(stranger)", [HERE, seen(1, bound="-p_1", stranger=True)]),
    ("pending", [HERE, seen(1, stranger=True)]),  # compared with everybody but the one who counts
    ("expected", [HERE, seen(1, bound="p_1"), seen(2, bound="-p_1", stranger=True, looks=1)]),
    ("unexpected(stranger)", [HERE, seen(1, bound="p_1"), *(seen(n, bound="-p_1", stranger=True, looks=n - 1)
                                                            for n in (2, 3))]),
    ("accompanied", [HERE, *(seen(n, bound="p_1", faces=2) for n in (1, 2))]),
    ("expected", [HERE, seen(1, bound="p_1", faces=2), seen(2, bound="p_1")]),
    ("accompanied", [HERE, *(named(n, "p_1", unknown_faces=1) for n in (1, 2)), named(3, "p_1")]),
    ("expected", [HERE, *(named(n, "p_1", unknown_faces=1) for n in (1, 2)), named(3, "p_1"), named(4, "p_1")]),
    ("accompanied", [HERE, seen(1, bound="p_1"), seen(2, bound="-p_1", best="p_2", **TWO)]),
    ("expected", [HERE, seen(1, bound="p_1"), look(2, "no_face"), look(3, "no_face")]),
    ("not_seen", [HERE, seen(1, bound="p_1"), *(look(n, "no_face") for n in (2, 3, 4))]),
    ("expected", [HERE, seen(1, bound="p_1"), *(look(n, "no_face", **TWO) for n in (2, 3, 4))]),
    ("unknowable(muted)", [HERE, seen(1, bound="p_1"), look(2, "muted")]),
    ("unknowable(no_frames)", [HERE, look(2, "no_frames"), *(look(n, "no_face", **TWO) for n in (3, 4, 5))]),
    ("expected", [HERE, look(2, "encrypted", **TWO), seen(3, bound="p_1")]),
    ("pending", [HERE, seen(1, bound="p_1"), look(2, "muted"), seen(3, bound="p_1", looks=1)]),
    ("unknowable(evidence_restarted)", [HERE, seen(1, bound="p_1"), camera := watch(
        2, "restarted", track_sid="TR_1", participant_identity="alice", participant_id="PA_1")]),
    ("unknowable(camera_gone)", [HERE, seen(1, bound="p_1"), camera.model_copy(update={"change": "lost"})]),
    ("pending", [HERE, seen(1, bound="p_1"), seen(2, looks=1, bound="p_1", evidence={"continuity": "lost"})]),
    ("unknowable(watch_lost)", [HERE, seen(1, bound="p_1"), watch(2, "lost")]),
    ("unknowable(watch_began)", [HERE, seen(1, bound="p_1"), watch(2, "lost"), watch(3, "began")]),
    ("pending", [HERE, seen(1, bound="p_1"), watch(3, "began"), change(3, "joined", already=True)]),
    ("absent", [HERE, change(1, "left"), watch(2, "lost")]),
    ("pending", [HERE, seen(1, bound="p_1"), *(named(n) for n in range(2, 10))]),  # not recognised for too long
    ("swapped", [HERE, seen(1, bound="p_1", evidence={"continuity": "changed"}), look(2, "muted")]),
    ("absent", [HERE, seen(1, bound="p_1", evidence={"continuity": "changed"}), change(2, "left")]),
]  # fmt: skip


@pytest.mark.parametrize(("state", "told"), CASES, ids=[f"{at}-{state}" for at, (state, _) in enumerate(CASES)])
def test_a_state_follows_from_what_was_told(state: str, told: Sequence[Event]) -> None:
    assert found(*told) == state


def test_every_rule_is_reached() -> None:
    reached = {state.partition("(")[0] + ("(stranger)" if "stranger" in state else "") for state, _ in CASES}
    assert {"unbound"} | reached >= {str(state) for state in IdentityState}
    assert "unexpected(stranger)" in reached
    assert len(RULES) == len({(rule.state, rule.detail, rule.when) for rule in RULES})


def test_nobody_is_expected_unless_somebody_says_so() -> None:
    assert found(HERE, seen(1, best="p_1"), look(2, "muted"), expected=None) == "unbound"
    assert found(HERE, expected=None, swapped=True) == "swapped"


def test_looks_before_the_binding_do_not_count() -> None:
    later = Expected("p_1", frozenset({"p_1"}), 2)
    assert found(HERE, seen(1, bound="p_1"), expected=later) == "pending"
    assert found(HERE, look(1, "muted"), expected=later) == "unknowable(muted)"


def test_the_default_person_is_named_or_not_seen_to_be_anybody() -> None:
    default = Expected("default", frozenset({"default"}), 0)
    assert found(HERE, look(1, "match"), look(2, "match"), expected=default) == "expected"
    assert found(HERE, look(1, "no_match"), look(2, "no_match"), expected=default) == "pending"


def test_what_somebody_says_is_no_news() -> None:
    assert news_of(1, binding()) is None


WORDS = ["p_1", "p_2", "nobody", "no_face", "muted", "left", "joined", "lost"]


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=7).flatmap(
    lambda words: st.tuples(st.just(words), st.permutations(range(len(words))))))  # fmt: skip
def test_the_order_in_which_news_comes_does_not_matter(drawn: tuple[list[str], list[int]]) -> None:
    words, order = drawn

    def told(when: int, word: str) -> Event:
        if word in ("left", "joined"):
            return change(when, word)
        if word == "lost":
            return watch(when, word)
        return look(when, word) if word in ("no_face", "muted") else named(when, *[word][: word != "nobody"])

    in_order = [told(when, word) for when, word in enumerate(words, 1)]
    assert found(*in_order) == found(*(in_order[at] for at in order))
