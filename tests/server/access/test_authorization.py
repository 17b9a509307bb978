"""Who gets in: every route, every kind of caller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from facematch.server.access.authorization import ANYONE, TABLE, WEBSOCKET
from tests.rig.routes import SIGNED, addresses, concrete, verdict

if TYPE_CHECKING:
    from fastapi import FastAPI

SAFE = {"GET", "HEAD"}
SOCKET = ("127.0.0.1", 40000)


def come(running: TestClient, *, client: tuple[str, int] | None = SOCKET, **more: Any) -> TestClient:
    """Somebody who comes to the application that runs already; from this machine unless said otherwise."""
    found = TestClient(running.app, client=client, **more)  # type: ignore[arg-type]  # None is a socket file's
    found.portal = running.portal
    return found


def test_the_table_names_exactly_the_routes_that_there_are(app: FastAPI) -> None:
    assert addresses(app) == set(TABLE)


CALLERS: dict[str, tuple[dict[str, Any], dict[str, str], str]] = {
    "another machine": ({"client": ("192.0.2.7", 40000)}, {"host": "localhost:8000"}, "NOT_LOCAL"),
    "another machine, by the machine's name": ({"client": ("192.0.2.7", 1)}, {"host": "cam.example"}, "NOT_LOCAL"),
    "no address (a socket file)": ({"client": None}, {"host": "localhost"}, "NOT_LOCAL"),
    "a proxy here (RFC 7239)": ({}, {"host": "localhost", "forwarded": "for=192.0.2.7"}, "NOT_LOCAL"),
    "a proxy here": ({}, {"host": "localhost", "x-forwarded-for": "127.0.0.1"}, "NOT_LOCAL"),
    "a proxy here that hides": ({}, {"host": "localhost", "x-forwarded-proto": "https"}, "NOT_LOCAL"),
    "a proxy that plays the test client": (
        {"client": ("testclient", 0)},
        {"host": "testserver", "x-forwarded-for": "testclient"},
        "NOT_LOCAL",
    ),
    "a rebound name": ({}, {"host": "evil.example:8000"}, "UNKNOWN_HOST"),
    "a name that begins like ours": ({}, {"host": "localhost.evil.example"}, "UNKNOWN_HOST"),
    "an address that begins like ours": ({}, {"host": "127.0.0.1.evil.example"}, "UNKNOWN_HOST"),
    "an empty host": ({}, {"host": ""}, "UNKNOWN_HOST"),
    "a host with a user": ({}, {"host": "localhost@evil.example"}, "UNKNOWN_HOST"),
    "a foreign page": ({}, {"host": "localhost", "origin": "https://evil.example"}, "FOREIGN_ORIGIN"),
    "a page without an origin": ({}, {"host": "localhost", "origin": "null"}, "FOREIGN_ORIGIN"),
    "a tunnel's header of its own": ({}, {"host": "localhost", "cf-connecting-ip": "192.0.2.7"}, "NOT_LOCAL"),
    "the test client's host from a socket": ({"client": ("127.0.0.1", 1)}, {"host": "testserver"}, "UNKNOWN_HOST"),
}


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(("method", "template"), TABLE)
def test_strangers_get_nothing_but_a_sign_of_life(running: TestClient, method: str, template: str, caller: str) -> None:
    how, headers, code = CALLERS[caller]
    status, answered = verdict(come(running, **how), method, concrete(template), **headers)
    if template in SIGNED:
        assert (status, answered) == SIGNED[template]
    elif TABLE[method, template] is ANYONE:
        assert status == 200
    else:
        assert (status, answered) == (403, code)


@pytest.mark.parametrize("caller", ["another machine", "a rebound name", "a foreign page"])
def test_strangers_do_not_learn_which_addresses_there_are(running: TestClient, caller: str) -> None:
    how, headers, code = CALLERS[caller]
    client = come(running, **how)
    assert verdict(client, "GET", "/nothing", **headers) == (403, code)
    assert verdict(client, "DELETE", "/", **headers) == (403, code)
    assert verdict(client, WEBSOCKET, "/ws/nothing", **headers) == (403, code)


HERE = [
    ("127.0.0.1", "localhost:8000"),
    ("127.0.0.1", "127.0.0.1:8000"),
    ("127.1.2.3", "127.8.9.1"),
    ("::1", "[::1]:8000"),
    ("::ffff:127.0.0.1", "LOCALHOST"),
    ("127.0.0.1", "me.localhost"),
]


@pytest.mark.parametrize(("address", "host"), HERE)
@pytest.mark.parametrize(("method", "template"), TABLE)
def test_everybody_here_gets_in(running: TestClient, method: str, template: str, address: str, host: str) -> None:
    said = verdict(come(running, client=(address, 40000)), method, concrete(template), host=host)
    assert said[0] not in (401, 403, 405, 500) or said == SIGNED.get(template)


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1:8000", "http://localhost"])
@pytest.mark.parametrize(("method", "template"), [entry for entry in TABLE if entry[0] not in SAFE])
def test_another_program_here_cannot_act_through_a_browser(
    running: TestClient, method: str, template: str, origin: str
) -> None:
    """A page that another port of this machine serves may look (and cannot read), but neither act nor listen."""
    told = SIGNED.get(template, (403, "FOREIGN_ORIGIN"))
    assert verdict(come(running), method, template, host="localhost:8000", origin=origin) == told


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8000", "http://localhost:8000"),
        ("localhost", "http://localhost:80"),
        ("localhost:80", "http://localhost"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("LocalHost:8000", "http://localhost:8000"),
    ],
)
def test_the_page_itself_may_act(running: TestClient, match: dict[str, Any], host: str, origin: str) -> None:
    here = come(running)
    assert here.post("/api/match", json=match, headers={"host": host, "origin": origin}).status_code == 200
    assert verdict(here, WEBSOCKET, "/ws/matches", host=host, origin=origin)[0] == 101


def test_a_route_that_is_not_in_the_table_is_not_reached(app: FastAPI) -> None:
    reached = []

    @app.get("/forgotten")
    async def forgotten() -> None:
        reached.append(True)

    assert TestClient(app).get("/forgotten").status_code == 404
    assert not reached


def test_a_method_that_an_address_does_not_take(running: TestClient) -> None:
    response = running.delete("/api/status")
    assert (response.status_code, response.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == "GET"
    assert running.head("/").status_code in (200, 404)
    assert running.options("/api/match", headers={"origin": "http://testserver"}).status_code == 405


def test_no_answer_invites_other_sites(running: TestClient) -> None:
    for path in ("/", "/api/status", "/token?identity=x", "/nothing"):
        headers = running.get(path, headers={"origin": "http://testserver"}).headers
        assert not [name for name in headers if name.startswith("access-control-")]


async def test_a_socket_is_refused_also_where_the_server_cannot_send_a_body(app: FastAPI) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    scope = {"type": "websocket", "path": "/ws/matches", "scheme": "ws", "client": ("192.0.2.7", 1), "headers": []}
    await app(scope, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": "NOT_LOCAL"}]


FOREIGN = {
    "an image": {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
    "a script": {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "script"},
    "no-cors": {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "empty"},
    "a frame": {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
    "another port of this machine": {"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"},
    "something new": {"sec-fetch-site": "cross-galaxy"},
}


@pytest.mark.parametrize("how", FOREIGN)
@pytest.mark.parametrize(("method", "template"), [entry for entry in TABLE if TABLE[entry] is not ANYONE])
def test_a_foreign_page_cannot_even_ask_for_what_it_cannot_read(
    running: TestClient, method: str, template: str, how: str
) -> None:
    """Browsers name no Origin then; the token limit was used up so."""
    here = come(running, base_url="http://localhost:8000")
    assert verdict(here, method, concrete(template), host="localhost:8000", **FOREIGN[how]) == (403, "FOREIGN_ORIGIN")


@pytest.mark.parametrize(("path", "status"), [("/", 200), ("/login", 303), ("/api/status", 200), ("/token", 403)])
def test_a_link_on_a_foreign_page_may_lead_here(running: TestClient, path: str, status: int) -> None:
    here = come(running, base_url="http://localhost:8000")
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert here.get(path, headers=link, params={"identity": "x"}, follow_redirects=False).status_code == status
    assert here.post(path, headers=link).status_code in (403, 405)


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_our_own_page_and_the_address_bar_may_ask(running: TestClient, site: str) -> None:
    here = come(running, base_url="http://localhost:8000")
    assert here.get("/token?identity=x", headers={"sec-fetch-site": site}).status_code == 200
