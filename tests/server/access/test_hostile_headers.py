"""What another site, or whoever is on the way, can make of a request: names, origins, cookies and tokens that are not
theirs to use. All of it held when the running product was attacked with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from starlette.testclient import WebSocketDenialResponse

from tests.rig.keyed import HOST, KEYS, ORIGIN, Keyed, with_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facematch.config.settings import Settings
    from tests.rig.fake_examiner import FakeExaminer

COOKIE = "__Host-face_match_session"
EVIL = "evil.example"

HOSTS = [
    "",
    EVIL,
    f"{HOST}.{EVIL}",
    f"evil{HOST}",
    f"{HOST}@{EVIL}",
    f"{EVIL}@{HOST}",
    f"{HOST}:8000:80",
    f"{HOST}:",
    f"{HOST}:x",
    f"{HOST}:-1",
    f"{HOST}:999999",
    f"{HOST}/",
    f"/{HOST}",
    f"//{HOST}",
    f"https://{HOST}",
    f"{HOST}?",
    f"{HOST}#{EVIL}",
    f"{HOST}\\{EVIL}",
    f"{HOST},{EVIL}",
    f"{HOST}, {HOST}",
    f"{HOST};x",
    f"{HOST} {EVIL}",
    f"{HOST}\t",
    f"{HOST}%00",
    f"{HOST}%2e{EVIL}",
    f"*.{HOST}",
    "*",
    f".{HOST}",
    f"localhost.{EVIL}",
    f"127.0.0.1.{EVIL}",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
    "[::1",
    "::1]",
    f"[::1].{EVIL}",
    f"[{EVIL}]",
]
ORIGINS = [
    "null",
    "undefined",
    "https://",
    f"https://{EVIL}",
    f"http://{HOST}",
    f"{ORIGIN}:8443",
    f"{ORIGIN}:",
    f"{ORIGIN}.{EVIL}",
    f"{ORIGIN}@{EVIL}",
    f"{ORIGIN}\\@{EVIL}",
    f"{ORIGIN}/",
    f"{ORIGIN}/x",
    f"{ORIGIN}?x",
    f"{ORIGIN}#x",
    f"{ORIGIN} ",
    f"{ORIGIN}, https://{EVIL}",
    f"{ORIGIN} https://{EVIL}",
    f"https://www.{HOST}",
    f"https://evil{HOST}",
    f"https://{EVIL}@{HOST}",
    f"https://{EVIL}/{HOST}",
    f"wss://{HOST}",
    f"file://{HOST}",
    f"chrome-extension://{HOST}",
    f"//{HOST}",
    HOST,
    "https://localhost",
    "https://127.0.0.1",
]


@pytest.fixture
def keyed(settings: Settings, examiner: FakeExaminer) -> Iterator[Keyed]:
    with Keyed(with_keys(settings), examiner) as made:
        yield made


def test_no_form_of_another_name_is_ours(keyed: Keyed) -> None:
    admin = keyed.with_key("admin")
    for host in HOSTS:
        answer = admin.get("/api/status", headers={"host": host})
        assert (answer.status_code, answer.json()["code"]) == (403, "UNKNOWN_HOST"), host


def test_no_page_but_our_own_acts_or_listens_with_a_login(keyed: Keyed) -> None:
    browser = keyed.signed_in("admin")
    for origin in ORIGINS:
        answer = browser.post("/api/invites", json={}, headers={"origin": origin})
        assert (answer.status_code, answer.json()["code"]) == (403, "FOREIGN_ORIGIN"), origin
        socket = browser.websocket_connect(f"wss://{HOST}/ws/matches", headers={"host": HOST, "origin": origin})
        with pytest.raises(WebSocketDenialResponse) as refused, socket:
            pass
        assert refused.value.status_code == 403, origin
    assert browser.post("/api/invites", json={}, headers={"origin": ORIGIN}).status_code == 200


@pytest.mark.parametrize("first", [True, False], ids=["ours first", "ours last"])
def test_what_comes_twice_is_believed_neither_time(keyed: Keyed, *, first: bool) -> None:
    browser, key = keyed.signed_in("admin"), f"Bearer {KEYS['admin']}"

    def both(name: str, ours: str, theirs: str) -> list[tuple[str, str]]:
        pair = [(name, ours), (name, theirs)]
        return pair if first else pair[::-1]

    bare = keyed.anybody()
    answers = {
        "host": bare.get("/api/status", headers=[*both("host", HOST, EVIL), ("authorization", key)]),
        "origin": browser.post("/api/invites", json={}, headers=both("origin", ORIGIN, f"https://{EVIL}")),
        "authorization": bare.get("/api/status", headers=both("authorization", key, "Bearer x" + "0" * 20)),
    }
    assert {name: answer.status_code for name, answer in answers.items()} == {
        "host": 403,
        "origin": 403,
        "authorization": 401,
    }


FORMS = ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", ""]


@pytest.mark.parametrize("kind", FORMS)
def test_no_form_of_another_site_signs_a_browser_in_or_acts(keyed: Keyed, kind: str) -> None:
    """A form needs nobody's leave to send these; with the attacker's own key it would be the attacker's login."""
    body = f'{{"key": "{KEYS["viewer"]}"}}'.encode()
    for origin, status in ((f"https://{EVIL}", 403), ("null", 403), (ORIGIN, 415)):
        answer = keyed.anybody(origin=origin).post("/api/session", content=body, headers={"content-type": kind})
        assert (answer.status_code, answer.headers.get("set-cookie")) == (status, None), origin
        answer = keyed.signed_in("admin").post(
            "/api/invites", content=b"{}", headers={"content-type": kind, "origin": origin}
        )
        assert answer.status_code == status, origin
    assert not keyed.anybody(origin=f"https://{EVIL}").post("/api/session", content=body).cookies


def test_a_cookie_that_was_planted_before_is_not_the_login(keyed: Keyed) -> None:
    planted = "planted-" + "0" * 40
    victim = keyed.anybody(origin=ORIGIN, cookie=f"{COOKIE}={planted}")
    answer = victim.post("/api/session", json={"key": KEYS["admin"], "name": "Dana"})
    assert answer.cookies[COOKIE] != planted
    assert keyed.anybody(cookie=f"{COOKIE}={planted}").get("/api/status").status_code == 401


def test_no_token_serves_in_anothers_place(keyed: Keyed) -> None:
    browser = keyed.signed_in("admin")
    tokens = {
        "login": browser.cookies[COOKIE],
        "invitation": keyed.invitation(),
        "room": browser.get("/token?identity=Bob").json()["token"],
        "key": KEYS["admin"],
    }
    assert len(set(tokens.values())) == len(tokens)
    for name, token in tokens.items():
        as_cookie = keyed.anybody(cookie=f"{COOKIE}={token}").get("/api/status")
        assert as_cookie.status_code == (200 if name == "login" else 401), name
        as_bearer = keyed.anybody(authorization=f"Bearer {token}").get("/api/status")
        assert as_bearer.status_code == {"key": 200, "invitation": 403}.get(name, 401), name
        for field in ("key", "invitation"):
            answer = keyed.anybody().post("/api/session", json={field: token, "name": "Dana"})
            refused = 422 if len(token) > 512 else 401  # a room's token is longer than any key
            assert answer.status_code == (200 if field == name else refused), (field, name)


def test_no_answer_can_be_embedded_or_read_by_another_site(keyed: Keyed) -> None:
    browser, bare = keyed.signed_in("admin"), keyed.anybody()
    answers = [
        *(browser.get(path) for path in ("/", "/api/status", "/static/style.css", "/nothing", "/captures/none.jpg")),
        browser.delete("/login"),
        browser.post("/api/invites", content=b"x"),
        browser.post("/api/invites", json={}, headers={"origin": f"https://{EVIL}"}),
        *(bare.get(path, follow_redirects=False) for path in ("/", "/login", "/api/status", "/livez")),
        bare.get("/", headers={"host": EVIL}),
    ]
    assert len({answer.status_code for answer in answers}) > 5
    for answer in answers:
        headers = answer.headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"], answer.url
        assert "default-src" in headers["content-security-policy"]
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["x-content-type-options"] == "nosniff"
        assert not [name for name in headers if name.startswith("access-control-")]
