"""The wire: the seed's fields to the letter, everything else optional, and nothing that could hurt a listener."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from facematch.protocol.events import Check, Match, Outcome, confidence_from_distance, to_wire

SEEDS_MATCH: dict[str, Any] = {
    "participant_id": "PA_xxx",
    "participant_name": "Alice42",
    "confidence": 0.63,
    "filename": "/abs/path/captured_faces/match_Alice42_20250925_140708.jpg",
    "snapshot": "match_Alice42_20250925_140708.jpg",
    "timestamp": "2025-09-25T14:07:08.123456+00:00",
    "bbox": [90, 310, 240, 160],
    "frame_size": [640, 360],
}
SEEDS_CHECK: dict[str, Any] = {
    "type": "check",
    "participant_id": "PA_xxx",
    "participant_name": "Alice42",
    "match_found": True,
    "timestamp": "2025-09-25T14:07:08.987654+00:00",
}
WHEN = datetime(2025, 9, 25, 14, 7, 8, 123456, UTC)


def refused(model: type[Match | Check], body: dict[str, Any], field: str) -> bool:
    with pytest.raises(ValidationError) as caught:
        model.model_validate_json(json.dumps(body))
    return any(field in map(str, problem["loc"]) or not problem["loc"] for problem in caught.value.errors())


@pytest.mark.parametrize(("model", "sent"), [(Match, SEEDS_MATCH), (Check, SEEDS_CHECK)])
def test_the_seeds_event_is_understood_and_passed_on_unchanged(
    model: type[Match | Check], sent: dict[str, Any]
) -> None:
    received = to_wire(model.model_validate_json(json.dumps(sent)))
    assert {name: received[name] for name in sent} == sent


@pytest.mark.parametrize(("model", "sent"), [(Match, SEEDS_MATCH), (Check, SEEDS_CHECK)])
def test_every_field_of_the_seed_is_needed(model: type[Match | Check], sent: dict[str, Any]) -> None:
    for missing in sent.keys() - {"type"}:
        assert refused(model, {name: value for name, value in sent.items() if name != missing}, missing)


def test_a_type_is_always_told() -> None:
    assert to_wire(Match.model_validate(SEEDS_MATCH))["type"] == "match"
    without = {name: value for name, value in SEEDS_CHECK.items() if name != "type"}
    assert to_wire(Check.model_validate(without))["type"] == "check"


def test_the_wire_carries_every_field_even_when_it_is_null() -> None:
    assert to_wire(Match.model_validate(SEEDS_MATCH)).keys() == set(Match.model_fields)
    assert to_wire(Check.model_validate(SEEDS_CHECK)).keys() == set(Check.model_fields)


def test_the_wire_can_be_read_back() -> None:
    match = Match.model_validate(
        SEEDS_MATCH
        | {
            "event_id": UUID(int=7),
            "source": "boot",
            "seq": 1,
            "room": "room",
            "participant_identity": "Zoë \u2028 <b>",
            "track_sid": "TR_1",
            "cycle_id": "batch",
            "reference_id": "abc",
            "distance": 0.37,
            "threshold": 0.5,
            "model": "dlib",
        }
    )
    wire = json.dumps(to_wire(match), allow_nan=False)
    assert Match.model_validate_json(wire) == match


def test_a_snapshot_that_could_not_be_written_is_null() -> None:
    wire = to_wire(Match.model_validate(SEEDS_MATCH | {"filename": None, "snapshot": None}))
    assert wire["filename"] is wire["snapshot"] is None


@pytest.mark.parametrize(
    ("model", "change"),
    [
        (Match, {"confidence": math.nan}),
        (Match, {"confidence": math.inf}),
        (Match, {"confidence": 1.01}),
        (Match, {"confidence": "high"}),
        (Match, {"distance": math.nan}),
        (Match, {"distance": -0.1}),
        (Match, {"threshold": 5}),
        (Match, {"bbox": [90, 310, 240]}),
        (Match, {"bbox": [90, 310, 90, 160]}),
        (Match, {"bbox": [90, 160, 240, 310]}),
        (Match, {"bbox": [90, 310, 240, 160.5]}),
        (Match, {"frame_size": [0, 360]}),
        (Match, {"frame_size": [640]}),
        (Match, {"type": "check"}),
        (Match, {"snapshot": "../reference/current.jpg"}),
        (Match, {"snapshot": ".hidden.jpg"}),
        (Match, {"snapshot": "a/b.jpg"}),
        (Match, {"snapshot": "line\nbreak.jpg"}),
        (Match, {"snapshot": "newline.jpg\n"}),
        (Match, {"snapshot": ""}),
        (Match, {"seq": 0}),
        (Match, {"event_id": "not a uuid"}),
        (Check, {"timestamp": "2025-09-25T14:07:08.987654"}),
        (Check, {"timestamp": "yesterday"}),
        (Check, {"participant_id": ""}),
        (Check, {"participant_name": "x" * 513}),
        (Check, {"participant_name": None}),
        (Check, {"participant_name": 5}),
        (Check, {"participant_identity": "\ud800"}),
        (Check, {"participant_name": "lone \udfff"}),
        (Check, {"match_found": "perhaps"}),
        (Check, {"match_found": None}),
        (Check, {"outcome": "won"}),
        (Check, {"outcome": "no_match"}),
        (Check, {"match_found": False, "outcome": "match"}),
        (Check, {"frames": -1}),
        (Check, {"best_distance": math.nan}),
        (Check, {"evidence": {"good": True}}),
        (Check, {"evidence": {"good": True, "looks": -1}}),
        (Check, {"evidence": {"good": True, "looks": 2, "to_anchor": math.inf}}),
        (Check, {"evidence": {"good": True, "looks": 2, "continuity": "perhaps"}}),
    ],
)
def test_what_no_listener_should_see_is_refused(model: type[Match | Check], change: dict[str, Any]) -> None:
    sent = SEEDS_MATCH if model is Match else SEEDS_CHECK
    assert refused(model, sent | change, next(iter(change)))


@pytest.mark.parametrize(("model", "sent"), [(Match, SEEDS_MATCH), (Check, SEEDS_CHECK)])
def test_what_a_newer_sender_adds_is_left_out_and_what_is_known_stays_strict(
    model: type[Match | Check], sent: dict[str, Any]
) -> None:
    newer = sent | {"liveness": {"score": 0.9, "deep": [[[]]]}, "cursor": 7, "participant": None}
    assert to_wire(model.model_validate_json(json.dumps(newer), strict=True)) == to_wire(model.model_validate(sent))
    assert refused(model, newer | {"participant_id": 5}, "participant_id")


@pytest.mark.parametrize("outcome", Outcome)
def test_match_found_is_true_for_one_outcome(outcome: Outcome) -> None:
    found = outcome is Outcome.MATCH
    assert Check.model_validate(SEEDS_CHECK | {"match_found": found, "outcome": outcome}).match_found is found


def test_the_outcomes_are_a_contract() -> None:
    reasons = {"no_frames", "muted", "encrypted", "denied", "too_large", "no_reference", "error"}
    assert set(Outcome) == {"match", "no_match", "no_face"} | reasons


@pytest.mark.parametrize(
    ("when", "told"),
    [
        (WHEN, "2025-09-25T14:07:08.123456+00:00"),
        (WHEN.replace(microsecond=0), "2025-09-25T14:07:08+00:00"),
        (WHEN.astimezone(timezone(timedelta(hours=2))), "2025-09-25T16:07:08.123456+02:00"),
        ("2025-09-25T14:07:08.5Z", "2025-09-25T14:07:08.500000+00:00"),
    ],
)
def test_times_are_written_as_the_seed_writes_them(when: datetime | str, told: str) -> None:
    assert to_wire(Check.model_validate(SEEDS_CHECK | {"timestamp": when}))["timestamp"] == told


@pytest.mark.parametrize(("distance", "confidence"), [(0.0, 1.0), (0.37, 0.63), (0.5, 0.5), (1.2, -0.2)])
def test_confidence_is_one_minus_the_distance(distance: float, confidence: float) -> None:
    assert confidence_from_distance(distance) == confidence


@given(st.floats(0, 4), st.floats(0, 4))
def test_confidence_never_rises_with_the_distance(one: float, other: float) -> None:
    nearer, farther = sorted((one, other))
    assert confidence_from_distance(nearer) >= confidence_from_distance(farther)
    Match.model_validate(SEEDS_MATCH | {"confidence": confidence_from_distance(farther)})


@settings(max_examples=200)
@given(st.text(min_size=1, max_size=600))
def test_a_name_either_reaches_the_wire_whole_or_is_refused(name: str) -> None:
    try:
        event = Check.model_validate(SEEDS_CHECK | {"participant_name": name})
    except ValidationError:
        assert len(name) > 512  # st.text() makes no lone surrogates
    else:
        wire = json.dumps(to_wire(event), ensure_ascii=False).encode("utf-8")
        assert json.loads(wire)["participant_name"] == name


def test_an_event_is_a_value() -> None:
    event = Check.model_validate(SEEDS_CHECK)
    with pytest.raises(ValidationError):
        event.match_found = False  # type: ignore[misc]
