"""What tests of the web process ask and tell about who participants are supposed to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facematch.protocol.events import to_wire
from facematch.server.identity.routes import IdentitiesShown
from tests.rig.heartbeats import heartbeat_body

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from facematch.protocol.events import Event


def tell(client: TestClient, *events: Event) -> None:
    """As a recognizer does."""
    answer = client.post("/api/events", json={"events": [to_wire(event) for event in events]})
    assert answer.status_code == 200, answer.text


def person(client: TestClient, name: str) -> str:
    """Adds somebody; returns the id."""
    answer = client.post("/api/people", json={"name": name})
    assert answer.status_code == 200, answer.text
    id_: str = answer.json()["id"]
    return id_


def bind(client: TestClient, person_id: str, **fields: Any) -> dict[str, Any]:
    """Alice is supposed to be this person; returns the answer."""
    answer = client.put("/api/bindings", json={"identity": "alice", "person_id": person_id, **fields})
    assert answer.status_code == 200, answer.text
    bound: dict[str, Any] = answer.json()
    return bound


def ask(client: TestClient, query: str = "") -> list[dict[str, Any]]:
    """Who the participants are now, as a page asks."""
    answer = client.get(f"/api/identity?{query}")
    assert answer.status_code == 200, answer.text
    IdentitiesShown.model_validate_json(answer.content)
    participants: list[dict[str, Any]] = answer.json()["participants"]
    return participants


def beat(client: TestClient, **fields: Any) -> dict[str, Any]:
    """One heartbeat of the recognizer in the room `red`; returns the answer."""
    answer = client.post("/api/heartbeat", json={**heartbeat_body(), "room": "red", **fields})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told
