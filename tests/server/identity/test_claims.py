"""Who participants are supposed to be by the attributes of their tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from facematch.server.app import Parts, create_app
from tests.rig.fake_examiner import FakeExaminer
from tests.rig.fake_recognizer import track
from tests.rig.identity_client import beat, bind, person
from tests.rig.neighbours import FakeNeighbours

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facematch.config.settings import Settings


@pytest.fixture
def heeding(settings: Settings) -> Iterator[TestClient]:
    parts = Parts(make_examiner=FakeExaminer, neighbours=FakeNeighbours())
    own = settings.model_copy(update={"bindings_from_attributes": True})
    with TestClient(create_app(own, parts)) as client:
        yield client


def told(client: TestClient, claim: str | None) -> dict[str, str]:
    """A heartbeat that says what Alice claims; whom it is answered that she is bound to."""
    answer = beat(client, tracks=[track("alice", "hold") | {"claims_person": claim}])
    bound: dict[str, str] = answer["bindings"]
    return bound


def bindings(client: TestClient) -> list[tuple[str, str, str | None]]:
    found: list[dict[str, Any]] = client.get("/api/bindings").json()["bindings"]
    return [(one["person_id"], one["by"], one["room"]) for one in found]


def test_it_is_not_heeded_unless_it_is_said_so(client: TestClient) -> None:
    assert told(client, person(client, "Alice")) == {}
    assert bindings(client) == []


def test_it_binds_changes_and_is_taken_back(heeding: TestClient) -> None:
    first, second = person(heeding, "Alice"), person(heeding, "Bob")
    for _ in range(2):
        assert told(heeding, first) == {"alice": first}
    assert bindings(heeding) == [(first, "attribute", "red")]
    assert told(heeding, second) == {"alice": second}
    assert told(heeding, None) == {}
    assert bindings(heeding) == []
    assert len(heeding.get("/api/events?type=binding").json()["events"]) == 3


def test_it_neither_replaces_nor_takes_back_what_somebody_said(heeding: TestClient) -> None:
    first, second = person(heeding, "Alice"), person(heeding, "Bob")
    bind(heeding, first)
    assert told(heeding, second) == {"alice": first}
    assert told(heeding, None) == {"alice": first}
    assert bindings(heeding) == [(first, "admin (local)", None)]


def test_nobody_is_bound_to_nobody(heeding: TestClient) -> None:
    assert told(heeding, "p_none") == {}
    assert told(heeding, "default") == {"alice": "default"}
