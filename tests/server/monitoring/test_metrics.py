"""What Prometheus reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from starlette.testclient import TestClient


def figures(client: TestClient) -> dict[str, float]:
    """Every sample by its name, labels included."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        sample.name + "".join(f"[{value}]" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_without_a_recognizer_there_are_the_web_process_own_figures(client: TestClient) -> None:
    assert figures(client) == {
        "facematch_websocket_clients": 0,
        "facematch_websocket_dropped_total": 0,
        "facematch_settings_differ": 0,
        "facematch_recognizer_up": 0,
    }


def test_the_recognizers_figures_are_those_of_its_heartbeat(client: TestClient, heartbeat: dict[str, Any]) -> None:
    counters = {"batches": 7, "matches": 3, "events_queued": 5, "events_rejected": 1}
    told = {
        **heartbeat,
        "counters": counters,
        "outcomes": {"match": 3, "no_face": 4},
        "timings": {"detect": 1.5, "encode": 0.25, "delay": 0.125},
        "outbox_age_seconds": 12.5,
        "livekit": "reconnecting",
    }
    assert client.post("/api/heartbeat", json=told).status_code == 200
    seen = figures(client)
    assert seen["facematch_recognizer_up"] == 1
    assert seen["facematch_recognizer_heartbeat_age_seconds"] < 5
    assert seen["facematch_batches_total"] == 7
    assert seen["facematch_matches_total"] == 3
    assert seen["facematch_dead_letters_total"] == 1
    assert seen["facematch_outbox_events"] == 5
    assert seen["facematch_outbox_age_seconds"] == 12.5
    assert seen["facematch_checks_total[no_face]"] == 4
    assert seen["facematch_checks_total[muted]"] == 0
    assert seen["facematch_detect_seconds_total"] == 1.5
    assert seen["facematch_livekit_state[reconnecting]"] == 1
    assert seen["facematch_livekit_state[connected]"] == 0


def test_a_listener_is_counted(client: TestClient) -> None:
    with client.websocket_connect("/ws/matches"):
        assert figures(client)["facematch_websocket_clients"] == 1
