"""Every address of the application x everybody who may knock: one table of what each is told.

The table says it independently of the code. A route that it does not name fails the test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from facematch.server.access.authorization import WEBSOCKET
from tests.rig.fake_examiner import FakeExaminer
from tests.rig.keyed import HOST, KEYS, ORIGIN, Keyed, with_keys
from tests.rig.routes import SIGNED, addresses, concrete, verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI
    from starlette.testclient import TestClient

    from facematch.config.settings import Settings

# Local mode: `here`, `away`. With keys: `guest` has nothing (here or away), then the roles; `past` a login or an
# invitation that has expired, `foreign` an admin's browser on another site's page, `rebound` an admin under a host
# name that is not ours.
MATRIX = """
                                             here  away   guest  viewer  participant  recognizer  admin  past   foreign  rebound
GET        /                                 in    local  login  in      in           role        in     login  origin   host
GET        /login                            in    local  in     in      in           in          in     in     origin   host
GET        /static/{path:path}               in    local  in     in      in           in          in     in     origin   host
GET        /livez                            in    in     in     in      in           in          in     in     in       in
GET        /health                           in    in     in     in      in           in          in     in     in       in
GET        /readyz                           in    local  sign   in      role         in          in     sign   origin   host
GET        /metrics                          in    local  sign   in      role         in          in     sign   origin   host
GET        /openapi.json                     in    local  sign   in      in           in          in     sign   origin   host
POST       /api/session                      in    local  in     in      in           in          in     in     origin   host
GET        /api/session                      in    local  sign   in      in           in          in     sign   origin   host
DELETE     /api/session                      in    local  sign   in      in           in          in     sign   origin   host
DELETE     /api/sessions                     in    local  sign   role    role         role        in     sign   origin   host
POST       /api/invites                      in    local  sign   in      role         role        in     sign   origin   host
GET        /token                            in    local  sign   in      in           role        in     sign   origin   host
POST       /api/token                        in    local  sign   in      in           role        in     sign   origin   host
PUT        /api/consent                      in    local  sign   in      in           role        in     sign   origin   host
GET        /api/notice                       in    local  sign   in      in           role        in     sign   origin   host
POST       /api/viewings                     in    local  sign   in      role         role        in     sign   origin   host
POST       /api/reference                    in    local  sign   role    role         role        in     sign   origin   host
DELETE     /api/reference                    in    local  sign   role    role         role        in     sign   origin   host
DELETE     /api/participants                 in    local  sign   role    role         role        in     sign   origin   host
DELETE     /api/participants/{identity:path} in    local  sign   role    role         role        in     sign   origin   host
GET        /api/erasures                     in    local  sign   role    role         role        in     sign   origin   host
GET        /reference/current.jpg            in    local  sign   in      role         role        in     sign   origin   host
GET        /api/bindings                     in    local  sign   in      role         role        in     sign   origin   host
PUT        /api/bindings                     in    local  sign   role    role         role        in     sign   origin   host
DELETE     /api/bindings                     in    local  sign   role    role         role        in     sign   origin   host
GET        /api/identity                     in    local  sign   in      role         role        in     sign   origin   host
POST       /api/identity/acknowledge         in    local  sign   role    role         role        in     sign   origin   host
GET        /api/alarms                       in    local  sign   in      role         role        in     sign   origin   host
POST       /api/alarms/{id}/acknowledge      in    local  sign   in      role         role        in     sign   origin   host
POST       /api/alarms/{id}/judge            in    local  sign   role    role         role        in     sign   origin   host
GET        /api/calibration                  in    local  sign   in      role         role        in     sign   origin   host
POST       /api/events/{id}/verdict          in    local  sign   role    role         role        in     sign   origin   host
GET        /api/people                       in    local  sign   in      role         role        in     sign   origin   host
POST       /api/people                       in    local  sign   role    role         role        in     sign   origin   host
POST       /api/people/import                in    local  sign   role    role         role        in     sign   origin   host
GET        /api/people/export                in    local  sign   role    role         role        in     sign   origin   host
GET        /api/people/{id}/export           in    local  sign   role    role         role        in     sign   origin   host
GET        /api/people/{id}/statistics       in    local  sign   in      role         role        in     sign   origin   host
GET        /api/people/{id}                  in    local  sign   in      role         role        in     sign   origin   host
PATCH      /api/people/{id}                  in    local  sign   role    role         role        in     sign   origin   host
DELETE     /api/people/{id}                  in    local  sign   role    role         role        in     sign   origin   host
POST       /api/people/{id}/merge            in    local  sign   role    role         role        in     sign   origin   host
POST       /api/people/{id}/split            in    local  sign   role    role         role        in     sign   origin   host
POST       /api/people/{id}/photos           in    local  sign   role    role         role        in     sign   origin   host
GET        /api/people/{id}/photos/{photo}   in    local  sign   in      role         role        in     sign   origin   host
DELETE     /api/people/{id}/photos/{photo}   in    local  sign   role    role         role        in     sign   origin   host
POST       /api/unknowns                     in    local  sign   role    role         in          role   sign   origin   host
GET        /api/unknowns                     in    local  sign   in      role         role        in     sign   origin   host
GET        /api/unknowns/{id}/image          in    local  sign   in      role         role        in     sign   origin   host
POST       /api/unknowns/{id}/assign         in    local  sign   role    role         role        in     sign   origin   host
POST       /api/unknowns/{id}/dismiss        in    local  sign   role    role         role        in     sign   origin   host
GET        /api/not-compared                 in    local  sign   in      role         role        in     sign   origin   host
PUT        /api/not-compared                 in    local  sign   role    role         role        in     sign   origin   host
DELETE     /api/not-compared                 in    local  sign   role    role         role        in     sign   origin   host
GET        /api/participants/export          in    local  sign   role    role         role        in     sign   origin   host
GET        /api/gallery                      in    local  sign   role    role         in          role   sign   origin   host
POST       /api/match                        in    local  sign   role    role         in          role   sign   origin   host
POST       /api/check                        in    local  sign   role    role         in          role   sign   origin   host
POST       /api/events                       in    local  sign   role    role         in          role   sign   origin   host
PUT        /api/snapshots/{name}             in    local  sign   role    role         in          role   sign   origin   host
POST       /api/heartbeat                    in    local  sign   role    role         in          role   sign   origin   host
POST       /api/anchors                      in    local  sign   role    role         in          role   sign   origin   host
POST       /api/beat                         in    local  sign   role    role         in          role   sign   origin   host
POST       /livekit/webhook                  in    in     in     in      in           in          in     in     in       in
POST       /api/looks                        in    local  sign   in      role         role        in     sign   origin   host
GET        /api/status                       in    local  sign   in      role         role        in     sign   origin   host
GET        /api/rooms                        in    local  sign   in      role         role        in     sign   origin   host
GET        /api/recognizers                  in    local  sign   in      role         role        in     sign   origin   host
GET        /api/presence                     in    local  sign   in      role         role        in     sign   origin   host
GET        /api/sightings                    in    local  sign   in      role         role        in     sign   origin   host
GET        /api/participants/statistics      in    local  sign   in      role         role        in     sign   origin   host
GET        /api/events                       in    local  sign   in      role         role        in     sign   origin   host
GET        /captures/{name}                  in    local  sign   in      role         role        in     sign   origin   host
WEBSOCKET  /ws/matches                       in    local  sign   in      role         role        in     sign   origin   host
WEBSOCKET  /ws/events                        in    local  sign   in      role         role        in     sign   origin   host
"""  # noqa: E501  (a table)

REFUSALS = {
    "local": (403, "NOT_LOCAL"),
    "sign": (401, "NOT_SIGNED_IN"),
    "login": (303, ""),
    "role": (403, "ROLE_REQUIRED"),
    "origin": (403, "FOREIGN_ORIGIN"),
    "host": (403, "UNKNOWN_HOST"),
}
NOBODY_GETS_IN_WITH = {refusal for name, refusal in REFUSALS.items() if name != "login"} | {
    (401, "WRONG_KEY"),
    (404, "NOT_FOUND"),
    (405, "METHOD_NOT_ALLOWED"),
}
NOT_THERE = {
    "/static/{path:path}": "NOT_FOUND",
    "/captures/{name}": "NOT_FOUND",
    "/api/events/{id}/verdict": "NO_EVENT",
    "/api/alarms/{id}/acknowledge": "NO_ALARM",
    "/api/alarms/{id}/judge": "NO_ALARM",
    "/api/people/{id}": "NO_PERSON",
    "/api/people/{id}/export": "NO_PERSON",
    "/api/people/{id}/statistics": "NO_PERSON",
    "/api/people/{id}/merge": "NO_PERSON",
    "/api/people/{id}/split": "NO_PERSON",
    "/api/people/{id}/photos/{photo}": "NO_PHOTO|NO_PERSON",
}
"""What is asked for there does not exist, and this is the route's own word for it; or the request is unfit before."""

HEADER, *LINES = [line.split() for line in MATRIX.strip().splitlines()]
TABLE = {(method, path): dict(zip(HEADER, cells, strict=True)) for method, path, *cells in LINES}
HERE = ("127.0.0.1", 40000)
ROLES = ("viewer", "participant", "recognizer", "admin")


def test_the_table_names_every_address_there_is(app: FastAPI) -> None:
    assert addresses(app) == set(TABLE)


def expect(client: TestClient, address: tuple[str, str], said: str, who: str, **headers: str) -> None:
    method, template = address
    found = verdict(client, method, concrete(template), **headers)
    if said != "in":
        assert found == REFUSALS[said], (who, found)
        return
    if template in NOT_THERE:
        words = {(404, word) for word in NOT_THERE[template].split("|")} | {(422, "INVALID")}
        assert found in words, (who, found)
        return
    assert found not in NOBODY_GETS_IN_WITH, (who, found)
    assert found[0] != 500, (who, found)


@pytest.fixture(scope="module")
def unkeyed(shared_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    elsewhere = tmp_path_factory.mktemp("open")  # no two processes have one log
    with Keyed(shared_settings.model_copy(update={"data_dir": elsewhere}), FakeExaminer()) as made:
        yield made


@pytest.fixture(scope="module")
def keyed(shared_settings: Settings) -> Iterator[Keyed]:
    with Keyed(with_keys(shared_settings), FakeExaminer()) as made:
        yield made


@pytest.mark.parametrize("address", TABLE, ids=" ".join)
def test_local_mode(unkeyed: Keyed, address: tuple[str, str]) -> None:
    said = TABLE[address]
    expect(unkeyed.come("http://localhost:8000", HERE), address, said["here"], "here")
    for host in ("localhost:8000", HOST):
        expect(unkeyed.come(f"http://{host}"), address, said["away"], f"away, to {host}")


@pytest.mark.parametrize("address", TABLE, ids=" ".join)
def test_with_keys(keyed: Keyed, address: tuple[str, str]) -> None:
    said = TABLE[address]
    expect(keyed.anybody(), address, said["guest"], "guest away")
    here = keyed.come("http://localhost:8000", HERE)
    expect(here, address, said["guest"], "guest here")
    for role in ROLES:
        expect(keyed.with_key(role), address, said[role], f"{role} with a key")
        if role != "recognizer":
            expect(keyed.signed_in(role), address, said[role], f"{role} signed in")

    past = keyed.signed_in("admin")
    keyed.expire()
    expect(past, address, said["past"], "a login that has expired")

    evil = "https://evil.example"
    expect(keyed.signed_in("admin"), address, said["foreign"], "a foreign page, signed in", origin=evil)
    expect(keyed.with_key("admin"), address, said["foreign"], "a foreign page with a key", origin=evil)
    expect(keyed.anybody(), address, said["foreign"], "a foreign page with nothing", origin="null")

    expect(keyed.signed_in("admin"), address, said["rebound"], "a rebound name, signed in", host="evil.example")
    for origin in ({}, {"origin": evil}):
        expect(keyed.with_key("admin"), address, said["rebound"], "a rebound name", host="evil.example", **origin)


WRONG = {
    "no key": "Bearer ",
    "a wrong key": "Bearer wrong-key-0123456789",
    "an invitation that never was": "Bearer invite-0123456789",
    "the login's own token": "Bearer {login}",
    "an invitation that has expired": "Bearer {past}",
}


@pytest.mark.parametrize("address", TABLE, ids=" ".join)
def test_a_wrong_key_is_worse_than_none(keyed: Keyed, address: tuple[str, str]) -> None:
    login = keyed.signed_in("admin").cookies["__Host-face_match_session"]
    past = keyed.invitation()
    keyed.expire()
    expected = (200, "") if TABLE[address]["guest"] == "in" == TABLE[address]["away"] else (401, "WRONG_KEY")
    expected = SIGNED.get(address[1], expected)
    for what, header in WRONG.items():
        client = keyed.anybody(authorization=header.format(login=login, past=past))
        assert verdict(client, address[0], concrete(address[1])) == expected, what


ACTS = [address for address in TABLE if address[0] != "GET" and TABLE[address]["guest"] == "sign"]


@pytest.mark.parametrize("address", ACTS, ids=" ".join)
def test_a_cookie_without_its_page_does_nothing(keyed: Keyed, address: tuple[str, str]) -> None:
    """Browsers say which page sends a cookie along; what does not say it has the cookie from somewhere else."""
    browser = keyed.signed_in("admin")
    method, path = address[0], concrete(address[1])
    bare = keyed.anybody()
    bare.cookies = browser.cookies
    assert verdict(bare, method, path) == (403, "FOREIGN_ORIGIN")
    for other in (f"http://{HOST}", f"{ORIGIN}:8443", f"https://www.{HOST}"):
        assert verdict(bare, method, path, origin=other) == (403, "FOREIGN_ORIGIN")
    assert verdict(bare, method, path, origin=ORIGIN) not in NOBODY_GETS_IN_WITH - {REFUSALS["role"]}


def test_strangers_do_not_learn_which_addresses_there_are(keyed: Keyed) -> None:
    for client in (keyed.anybody(), keyed.anybody(cookie="__Host-face_match_session=x")):
        for method, path in (("GET", "/nothing"), ("DELETE", "/"), (WEBSOCKET, "/ws/nothing"), ("POST", "/login")):
            assert verdict(client, method, path) == (401, "NOT_SIGNED_IN")
    assert verdict(keyed.with_key("viewer"), "GET", "/nothing") == (404, "NOT_FOUND")
    assert verdict(keyed.with_key("viewer"), "DELETE", "/login") == (405, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize(
    "host", [HOST, f"{HOST}:8000", HOST.upper(), f"{HOST}.", "localhost:8000", "127.0.0.1", "192.0.2.9:8000", "[::1]:8"]
)
def test_names_that_are_ours(keyed: Keyed, host: str) -> None:
    assert keyed.with_key("viewer").get("/api/status", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", f"{HOST}.evil.example", f"evil{HOST}", f"{HOST}@evil.example", "", "a b", "192.0.2.9.x"]
)
def test_names_that_are_not(keyed: Keyed, host: str) -> None:
    response = keyed.with_key("viewer").get("/api/status", headers={"host": host})
    assert (response.status_code, response.json()["code"]) == (403, "UNKNOWN_HOST")


def test_every_role_has_a_key_of_its_own(keyed: Keyed) -> None:
    for role, key in KEYS.items():
        found = keyed.anybody(authorization=f"bearer {key}").get("/api/session").json()
        assert (found["role"], found["by"]) == (role, "key")
