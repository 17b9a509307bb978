"""Invitations that name a person: who makes them, and to whom whoever follows them is bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.rig.fake_examiner import FakeExaminer
from tests.rig.keyed import ORIGIN, Keyed, with_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facematch.config.settings import Settings


@pytest.fixture(scope="module")
def keyed(shared_settings: Settings) -> Iterator[Keyed]:
    with Keyed(with_keys(shared_settings), FakeExaminer()) as keyed:
        yield keyed


@pytest.fixture
def person(keyed: Keyed) -> str:
    id_: str = keyed.with_key("admin").post("/api/people", json={"name": "Alice"}).json()["id"]
    return id_


def invite(keyed: Keyed, person: str) -> str:
    answer = keyed.with_key("admin").post("/api/invites", json={"person_id": person})
    assert (answer.status_code, answer.json()["person_id"]) == (200, person)
    token: str = answer.json()["token"]
    return token


def bindings(keyed: Keyed, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = keyed.with_key("viewer").get("/api/bindings", params=query).json()["bindings"]
    return found


def test_whoever_follows_it_is_bound_under_the_name_with_which_they_join(keyed: Keyed, person: str) -> None:
    token = invite(keyed, person)
    assert bindings(keyed, person_id=person) == []
    browser = keyed.anybody(origin=ORIGIN)
    assert browser.post("/api/session", json={"invitation": token}).status_code == 200
    assert browser.post("/api/token", json={"name": "From the browser"}).status_code == 200
    assert keyed.anybody(authorization=f"Bearer {token}").get("/token?identity=program").status_code == 200
    both = bindings(keyed, person_id=person)
    assert [one["identity"] for one in both] == ["From the browser", "program"]
    assert {(one["room"], one["by"]) for one in both} == {("face-recognition-room", "invitation")}
    assert all(one["valid_until"] for one in both)
    assert keyed.anybody(authorization=f"Bearer {token}").get("/token?identity=program").status_code == 200
    assert len(bindings(keyed, person_id=person)) == 2


def test_it_takes_nobody_else_s_name(keyed: Keyed, person: str) -> None:
    admin = keyed.with_key("admin")
    assert admin.put("/api/bindings", json={"identity": "carol", "person_id": "default"}).status_code == 200
    guest = keyed.anybody(authorization=f"Bearer {invite(keyed, person)}")
    refused = guest.post("/api/token", json={"identity": "carol"})
    assert (refused.status_code, refused.json()["code"]) == (409, "BOUND_TO_ANOTHER")
    assert [one["person_id"] for one in bindings(keyed, identity="carol")] == ["default"]
    named = guest.post("/api/token", json={"name": "carol"}).json()["identity"]
    assert named.startswith("carol-")
    assert [one["person_id"] for one in bindings(keyed, identity=named)] == [person]
    plain = keyed.anybody(authorization=f"Bearer {keyed.invitation()}")
    assert plain.post("/api/token", json={"name": "carol"}).status_code == 200  # names are not kept for anybody


def test_only_admins_say_who_somebody_is_to_be(keyed: Keyed, person: str) -> None:
    refused = keyed.with_key("viewer").post("/api/invites", json={"person_id": person})
    assert (refused.status_code, refused.json()["code"]) == (403, "ROLE_REQUIRED")
    unknown = keyed.with_key("admin").post("/api/invites", json={"person_id": "p_none"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "NO_PERSON")
    assert keyed.with_key("viewer").post("/api/invites", json={}).json()["person_id"] is None


def test_it_ends_with_the_person(keyed: Keyed, person: str) -> None:
    guest = keyed.anybody(authorization=f"Bearer {invite(keyed, person)}")
    assert guest.get("/token?identity=dora").status_code == 200
    receipt = keyed.with_key("admin").delete(f"/api/people/{person}")
    assert (receipt.status_code, receipt.json()["bindings"]) == (200, 1)
    assert bindings(keyed, identity="dora") == []
    assert guest.get("/token?identity=dora").status_code == 401
