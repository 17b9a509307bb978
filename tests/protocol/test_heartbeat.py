"""Heartbeats and their answers: strict in what is known, open to what is not."""

from __future__ import annotations

import json
import math
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from facematch.protocol.heartbeat import Heartbeat, HeartbeatAnswer, TrackStatus
from tests.rig.heartbeats import heartbeat_body

ID = str(UUID(int=7))


def track(**change: Any) -> dict[str, Any]:
    return {
        "track_sid": "TR_1",
        "participant_id": "PA_1",
        "participant_identity": "ada",
        "participant_name": "Ada",
        "state": "hold",
        "deadline_in": 7.5,
    } | change


@pytest.mark.parametrize("change", [{"state": "asleep"}, {"deadline_in": -1}, {"deadline_in": math.inf}])
def test_a_tracks_status_is_strict(change: dict[str, Any]) -> None:
    TrackStatus.model_validate(track())
    with pytest.raises(ValidationError):
        TrackStatus.model_validate(track(**change))


def test_what_a_newer_recognizer_says_of_a_track_is_left_out() -> None:
    assert TrackStatus.model_validate(track(gaze="left")) == TrackStatus.model_validate(track())


def test_what_a_newer_api_answers_is_left_out() -> None:
    order = {"id": ID, "kind": "erase_participant", "participant_identity": "ada"}
    known = HeartbeatAnswer.model_validate({"ok": True, "orders": [order]})
    assert HeartbeatAnswer.model_validate({"ok": True, "orders": [order | {"why": "asked"}], "advice": 1}) == known
    with pytest.raises(ValidationError):
        HeartbeatAnswer.model_validate({"orders": [order | {"participant_identity": ""}]})


def test_figures_that_a_newer_recognizer_adds_are_left_out_and_known_ones_are_strict() -> None:
    heartbeat = heartbeat_body()
    figures = {"outcomes": {"match": 3, "asleep": 4}, "timings": {"detect": 1.5, "guess": 2}}
    known = Heartbeat.model_validate_json(json.dumps(heartbeat | figures))
    assert known.outcomes == {"match": 3}
    assert known.timings == {"detect": 1.5}
    for wrong in ({"outcomes": {"match": -1}}, {"timings": {"detect": "long"}}, {"outcomes": [1]}, {"timings": None}):
        with pytest.raises(ValidationError):
            Heartbeat.model_validate_json(json.dumps(heartbeat | wrong))


def test_an_order_of_a_newer_kind_does_not_keep_the_others_from_being_carried_out() -> None:
    order = {"id": ID, "kind": "erase_participant", "participant_identity": "ada"}
    answer = HeartbeatAnswer.model_validate({"orders": [{"id": ID, "kind": "erase_what_is_new", "person": 5}, order]})
    assert [known.kind for known in answer.orders] == ["erase_participant"]
    for wrong in ({"id": ID}, {**order, "kind": 5}, {**order, "id": "x"}, "erase"):
        with pytest.raises(ValidationError):
            HeartbeatAnswer.model_validate({"orders": [order, wrong]})
