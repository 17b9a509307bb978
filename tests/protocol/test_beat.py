"""The beat: strict in what is known, open to what is not; identities that say whose and which they are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from facematch.protocol.beat import MOST_ROOMS, Beat, BeatAnswer, epoch_of, stay_identity
from facematch.protocol.identities import RECOGNIZER_PREFIX

BEAT: dict[str, Any] = {
    "worker": "here-1",
    "boot": "b" * 32,
    "sent_at": "2026-01-02T03:04:05+00:00",
    "capacity": 50,
    "rooms": [{"room": "exam-1", "epoch": 3, "arrived": True, "cost": 2.5}],
}
ANSWER: dict[str, Any] = {"deployment": "ab12cd34", "rooms": [{"room": "exam-1", "epoch": 3}]}


@pytest.mark.parametrize(
    ("model", "body", "wrong"),
    [
        (Beat, BEAT, {"capacity": -1}),
        (Beat, BEAT, {"rooms": [{"room": "x", "epoch": 0}]}),
        (Beat, BEAT, {"rooms": [{"room": "x", "epoch": 1}] * (MOST_ROOMS + 1)}),
        (Beat, BEAT, {"sent_at": "2026-01-02T03:04:05"}),
        (BeatAnswer, ANSWER, {"deployment": "A b"}),
        (BeatAnswer, ANSWER, {"rooms": [{"room": "x" * 513, "epoch": 1}]}),
    ],
)
def test_a_beat_is_strict_in_what_is_known_and_open_to_what_is_not(
    model: type[Beat | BeatAnswer], body: dict[str, Any], wrong: dict[str, Any]
) -> None:
    known = model.model_validate_json(json.dumps(body))

    assert model.model_validate_json(json.dumps(body | {"newer": 1})) == known
    with pytest.raises(ValidationError):
        model.model_validate_json(json.dumps(body | wrong))


@given(st.text(max_size=80), st.text(max_size=80), st.integers(1, 2**53 - 1))
def test_an_identity_says_which_epoch_it_is_of_and_only_in_its_own_room(room: str, other: str, epoch: int) -> None:
    identity = stay_identity("ab12", room, epoch)

    assert identity.startswith(RECOGNIZER_PREFIX)
    assert epoch_of(identity, "ab12", room) == epoch
    assert epoch_of(identity, "ab13", room) is None
    if other != room:
        assert epoch_of(identity, "ab12", other) is None


@pytest.mark.parametrize("end", ["", "x", "-1", "1x", "²"])
def test_an_identity_that_nobody_made_has_no_epoch(end: str) -> None:
    assert epoch_of(stay_identity("ab12", "room", 1)[:-1] + end, "ab12", "room") is None
