"""Signing in and out, what a browser is given, and what ends with a login."""

from __future__ import annotations

import re
from datetime import datetime
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any

import pytest
from starlette.websockets import WebSocketDisconnect
from structlog.testing import capture_logs

from facematch.server.access.authentication import Keys
from facematch.server.access.roles import Role
from facematch.server.access.sessions import Kind
from facematch.server.access.store import SqlSessionStore
from tests.rig.keyed import HOST, KEYS, ORIGIN, Keyed, with_keys
from tests.rig.waiting import block_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.testclient import TestClient

    from facematch.config.settings import Settings
    from tests.rig.fake_examiner import FakeExaminer

SOCKET = f"wss://{HOST}/ws/matches"


async def away(*_: object) -> None:
    raise OSError("database is locked")


@pytest.fixture
def keyed(settings: Settings, examiner: FakeExaminer) -> Iterator[Keyed]:
    with Keyed(with_keys(settings, allowed_rooms=("lobby",)), examiner) as made:
        yield made


@pytest.fixture
def strict(settings: Settings, examiner: FakeExaminer) -> Iterator[Keyed]:
    """Three logins and four tokens a minute."""
    with Keyed(with_keys(settings, login_attempts_per_minute=3, tokens_per_minute=4), examiner) as made:
        yield made


@pytest.mark.parametrize("role", ["admin", "viewer"])
def test_a_key_signs_in(keyed: Keyed, role: str) -> None:
    browser = keyed.anybody(origin=ORIGIN)
    answer = browser.post("/api/session", json={"key": f" {KEYS[role]}\n", "name": "Dana"})
    assert answer.status_code == 200
    assert (answer.json()["role"], answer.json()["by"], answer.json()["room"]) == (role, "login", None)
    assert browser.get("/api/session").json() == answer.json()
    assert browser.get("/api/status").status_code == 200
    assert KEYS[role] not in answer.text


def test_the_cookie_under_tls(keyed: Keyed) -> None:
    header = keyed.anybody().post("/api/session", json={"key": KEYS["admin"], "name": "Dana"}).headers["set-cookie"]
    cookie = SimpleCookie(header)["__Host-face_match_session"]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"], cookie["path"]) == (True, True, "strict", "/")
    assert cookie["domain"] == ""
    assert cookie["max-age"] == "604800"
    assert len(cookie.value) >= 43


@pytest.mark.parametrize("headers", [{}, {"x-forwarded-proto": "http"}])
def test_the_cookie_without_tls(keyed: Keyed, headers: dict[str, str]) -> None:
    client = keyed.come(f"http://{HOST}")
    header = client.post("/api/session", json={"key": KEYS["admin"], "name": "Dana"}, headers=headers).headers[
        "set-cookie"
    ]
    cookie = SimpleCookie(header)["face_match_session"]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"]) == (True, "", "strict")


def test_the_cookie_behind_a_proxy_that_speaks_tls(keyed: Keyed) -> None:
    """And the page's own Origin is still its own."""
    client = keyed.come(f"http://{HOST}")
    client.headers.update({"x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.7", "origin": ORIGIN})
    answer = client.post("/api/session", json={"key": KEYS["admin"], "name": "Dana"})
    cookie = SimpleCookie(answer.headers["set-cookie"])["__Host-face_match_session"]
    assert cookie["secure"] is True
    bare = keyed.come(f"http://{HOST}")
    bare.headers.update({"x-forwarded-proto": "https", "cookie": f"__Host-face_match_session={cookie.value}"})
    assert bare.get("/api/status").status_code == 200
    assert bare.delete("/api/session", headers={"origin": f"http://{HOST}"}).json()["code"] == "FOREIGN_ORIGIN"
    assert bare.delete("/api/session", headers={"origin": ORIGIN}).status_code == 200


def test_under_tls_a_cookie_of_a_plain_page_is_none(keyed: Keyed) -> None:
    """Whoever is between a browser and a plain page can set cookies there; the other name takes TLS to set."""
    token = keyed.signed_in("admin").cookies["__Host-face_match_session"]
    assert keyed.anybody(cookie=f"face_match_session={token}").get("/api/status").status_code == 401


@pytest.mark.parametrize(
    ("status", "code", "body"),
    [
        (401, "WRONG_KEY", {"key": "wrong-key-0123456789"}),
        (401, "WRONG_KEY", {"key": KEYS["recognizer"]}),
        (401, "WRONG_KEY", {"key": KEYS["admin"][:-1]}),
        (401, "WRONG_KEY", {"key": "\u00e4" * 20}),
        (401, "WRONG_KEY", {"invitation": "invite-never-made"}),
        (422, "INVALID", {}),
        (422, "INVALID", {"key": ""}),
        (422, "INVALID", {"key": None}),
        (422, "INVALID", {"key": 7}),
        (422, "INVALID", {"key": "x" * 513}),
        (422, "INVALID", {"key": KEYS["admin"], "invitation": "invite-x"}),
        (422, "INVALID", {"key": KEYS["admin"], "role": "admin"}),
        (422, "INVALID", {"key": KEYS["admin"]}),
        (422, "INVALID", {"key": KEYS["viewer"], "name": " "}),
    ],
)
def test_what_does_not_sign_in(keyed: Keyed, status: int, code: str, body: dict[str, Any]) -> None:
    answer = keyed.anybody().post("/api/session", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "set-cookie" not in answer.headers
    assert not [value for value in body.values() if isinstance(value, str) and value.strip() and value in answer.text]


@pytest.mark.parametrize(
    "body", [{"key": "wrong-key-0123456789"}, {"key": KEYS["recognizer"]}, {"invitation": "invite-never-made"}]
)
def test_a_refused_login_is_logged_without_what_was_sent(keyed: Keyed, body: dict[str, str]) -> None:
    with capture_logs() as logs:
        keyed.anybody().post("/api/session", json=body)
    (line,) = (entry for entry in logs if entry["event"] == "Login refused")
    assert line["client"] == "192.0.2.7"
    assert not [value for value in body.values() if value in str(logs)]


def test_signing_out_ends_the_login_and_its_sockets_only(keyed: Keyed) -> None:
    browser, other, program = keyed.signed_in("viewer"), keyed.signed_in("viewer"), keyed.with_key("viewer")
    headers = {"host": HOST, "origin": ORIGIN}
    with (
        browser.websocket_connect(SOCKET, headers=headers) as closed,
        other.websocket_connect(SOCKET, headers=headers) as open_,
        program.websocket_connect(SOCKET, headers={"host": HOST}) as also_open,
    ):
        token = browser.cookies["__Host-face_match_session"]
        answer = browser.delete("/api/session")
        assert answer.json() == {"ok": True}
        assert 'face_match_session=""' in answer.headers["set-cookie"]
        assert "Max-Age=0" in answer.headers["set-cookie"]
        with pytest.raises(WebSocketDisconnect) as ended:
            closed.receive_text()
        assert ended.value.code == 4401
        check = {"participant_id": "PA_x", "participant_name": "A", "match_found": False}
        keyed.with_key("recognizer").post("/api/check", json=check | {"timestamp": "2025-09-25T14:07:08Z"})
        assert "PA_x" in open_.receive_text()
        assert "PA_x" in also_open.receive_text()
    stolen = keyed.anybody(cookie=f"__Host-face_match_session={token}")
    assert stolen.get("/api/status").status_code == 401
    assert other.get("/api/status").status_code == 200


def test_signing_out_without_a_login_does_nothing(keyed: Keyed) -> None:
    program = keyed.with_key("viewer")
    assert program.delete("/api/session").status_code == 200
    assert program.get("/api/status").status_code == 200


def test_an_admin_signs_everybody_out(keyed: Keyed) -> None:
    viewer, admin = keyed.signed_in("viewer"), keyed.signed_in("admin")
    invitation = keyed.invitation()
    kept = len(keyed.sessions())
    with viewer.websocket_connect(SOCKET, headers={"host": HOST, "origin": ORIGIN}) as socket:
        assert admin.delete("/api/sessions").json() == {"ended": kept}
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_text()
        assert ended.value.code == 4401
    assert viewer.get("/api/status").status_code == 401
    assert admin.get("/api/status").status_code == 401
    assert keyed.anybody().post("/api/session", json={"invitation": invitation}).status_code == 401


def test_signing_in_anew_ends_the_former_login(keyed: Keyed) -> None:
    browser = keyed.signed_in("admin")
    former = browser.cookies["__Host-face_match_session"]
    assert browser.post("/api/session", json={"key": KEYS["viewer"], "name": "Dana"}).json()["role"] == "viewer"
    assert keyed.anybody(cookie=f"__Host-face_match_session={former}").get("/api/status").status_code == 401
    assert browser.post("/api/reference").json()["code"] == "ROLE_REQUIRED"


def test_signing_in_in_vain_leaves_the_former_login(keyed: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = keyed.signed_in("admin")
    assert browser.post("/api/session", json={"key": "wrong-key-0123456789"}).status_code == 401
    monkeypatch.setattr(SqlSessionStore, "add", away)
    assert browser.post("/api/session", json={"key": KEYS["viewer"], "name": "Dana"}).json()["code"] == "STORAGE_FAILED"
    assert browser.get("/api/session").json()["role"] == "admin"


def test_a_socket_ends_soon_after_its_login_has_expired(
    settings: Settings, examiner: FakeExaminer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facematch.server.access.service.SWEEP_SECONDS", 0.05)
    with Keyed(with_keys(settings), examiner) as keyed:
        browser = keyed.signed_in("viewer")
        with browser.websocket_connect(SOCKET, headers={"host": HOST, "origin": ORIGIN}) as socket:
            keyed.expire()
            with pytest.raises(WebSocketDisconnect) as ended:
                socket.receive_text()
        assert ended.value.code == 4401
        block_until(lambda: not keyed.sessions(), within=10, what="the login is forgotten")


def test_an_invitation_is_for_one_room_and_shows_nothing(keyed: Keyed) -> None:
    answer = keyed.with_key("viewer").post("/api/invites", json={"room": "lobby"}).json()
    assert answer["path"] == f"/login#{answer['token']}"
    guest = keyed.anybody(origin=ORIGIN)
    signed_in = guest.post("/api/session", json={"invitation": answer["token"]}).json()
    assert (signed_in["role"], signed_in["room"]) == ("participant", "lobby")
    for client in (guest, keyed.anybody(authorization=f"Bearer {answer['token']}")):
        assert client.get("/token", params={"identity": "Bob"}).json()["room"] == "lobby"
        assert client.post("/api/token", json={"name": "Bob", "room": "lobby"}).json()["room"] == "lobby"
        refused = client.post("/api/token", json={"name": "Bob", "room": "face-recognition-room"})
        assert (refused.status_code, refused.json()["code"]) == (403, "ROOM_NOT_ALLOWED")
        page = client.get("/")
        assert "/static/join-" in page.text
        assert "/static/app-" not in page.text
    assert "/static/app-" in keyed.signed_in("viewer").get("/").text


def test_a_login_ends_with_its_invitation(settings: Settings, examiner: FakeExaminer) -> None:
    with Keyed(with_keys(settings, invite_ttl_seconds=3600), examiner) as keyed:
        invitation = keyed.invitation()
        (ends,) = (kept.expires_at for kept in keyed.sessions())
        answer = keyed.anybody().post("/api/session", json={"invitation": invitation})
        assert datetime.fromisoformat(answer.json()["expires_at"]) == ends
        cookie = SimpleCookie(answer.headers["set-cookie"])["__Host-face_match_session"]
        (login,) = (kept for kept in keyed.sessions() if kept.kind is Kind.LOGIN)
        assert int(cookie["max-age"]) == int((ends - login.created_at).total_seconds()) <= 3600


def test_signing_in_as_the_bearer_of_an_invitation_leaves_it_to_the_others(keyed: Keyed) -> None:
    invitation = keyed.invitation()
    bearer = keyed.anybody(authorization=f"Bearer {invitation}", origin=ORIGIN)
    assert bearer.post("/api/session", json={"invitation": invitation}).status_code == 200
    assert bearer.get("/api/session").json()["by"] == "invitation"
    assert keyed.anybody().post("/api/session", json={"invitation": invitation}).status_code == 200


@pytest.mark.parametrize(("room", "status"), [(None, 200), ("", 200), ("lobby", 200), ("attic", 403), (7, 422)])
def test_rooms_to_invite_to(keyed: Keyed, room: Any, status: int) -> None:
    answer = keyed.with_key("admin").post("/api/invites", json={"room": room})
    assert answer.status_code == status
    if status == 200:
        assert answer.json()["room"] == (room or "face-recognition-room")


def test_too_many_logins_of_one_address(strict: Keyed) -> None:
    """Which keep out whoever guesses, and nobody who has a key or an invitation."""
    for _ in range(3):
        assert strict.anybody().post("/api/session", json={"key": "wrong-key-0123456789"}).status_code == 401
    for proof in ({"key": "wrong-key-0123456789"}, {"key": KEYS["recognizer"]}, {"invitation": "invite-never-made"}):
        refused = strict.anybody().post("/api/session", json=proof)
        assert (refused.status_code, refused.json()["code"]) == (429, "TOO_MANY_REQUESTS")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert set(refused.json()) == {"detail", "code"}
    elsewhere = strict.come(client=("192.0.2.8", 1))
    assert elsewhere.post("/api/session", json={"key": "wrong-key-0123456789"}).status_code == 401
    for proof in ({"key": KEYS["admin"], "name": "Dana"}, {"invitation": strict.invitation()}):
        assert strict.anybody().post("/api/session", json=proof).status_code == 200


def test_too_many_wrong_keys_of_one_address(strict: Keyed) -> None:
    """Which the recognizer and an admin on the same machine, or behind the same proxy, do not suffer for."""
    for _ in range(3):
        assert strict.anybody(authorization="Bearer wrong-key-0123456789").get("/api/status").status_code == 401
    for _ in range(3):
        refused = strict.anybody(authorization="Bearer wrong-key-0123456789").get("/api/status")
        assert (refused.status_code, refused.json()["code"]) == (429, "TOO_MANY_REQUESTS")
    assert strict.with_key("recognizer").get("/readyz").status_code in (200, 503)
    assert strict.with_key("admin").get("/api/status").status_code == 200
    assert strict.with_key("participant").get("/api/session").status_code == 200
    assert strict.anybody().get("/livez").status_code == 200
    assert strict.anybody().get("/login").status_code == 200


GUESSABLE = "password-password-password"


def test_a_key_that_can_be_guessed_is_locked_with_the_wrong_ones(settings: Settings, examiner: FakeExaminer) -> None:
    """Else whoever guesses would see which it is."""
    with Keyed(with_keys(settings, viewer_key=GUESSABLE, login_attempts_per_minute=3), examiner) as keyed:
        right, wrong = (keyed.anybody(authorization=f"Bearer {key}") for key in (GUESSABLE, "wrong-key-0123456789"))
        assert right.get("/api/status").status_code == 200
        for _ in range(3):
            assert wrong.get("/api/status").status_code == 401
        assert right.get("/api/status").status_code == 429
        for _ in range(3):
            keyed.anybody().post("/api/session", json={"key": "wrong-key-0123456789"})
        assert keyed.anybody().post("/api/session", json={"key": GUESSABLE}).status_code == 429
        assert keyed.anybody().post("/api/session", json={"key": KEYS["admin"], "name": "Dana"}).status_code == 200


@pytest.mark.parametrize(
    ("key", "guessable"),
    [
        ("aaaaaaaaaaaaaaaa", True),
        ("abababababababababababababababababababab", True),
        ("passwordpassword", True),
        ("correcthorsebattery", True),
        ("6a1dfc0e5b7248931c0f55ab9de37a42", False),
        ("J1c0q2pYb0Q0s2mT3v8xw7ZkA9fGdLrE", False),
        *((key, False) for key in KEYS.values()),
    ],
)
def test_which_keys_can_be_guessed(key: str, guessable: bool) -> None:
    assert Keys({Role.ADMIN: key}).is_guessable(Role.ADMIN) is guessable


def test_an_ended_login_is_told_from_none(keyed: Keyed) -> None:
    browser = keyed.signed_in("viewer")
    keyed.with_key("admin").delete("/api/sessions")
    assert browser.get("/", follow_redirects=False).headers["location"] == "/login?ended=1"
    assert browser.get("/login?ended=1").status_code == 200
    assert keyed.anybody().get("/", follow_redirects=False).headers["location"] == "/login"


def test_so_many_invitations_and_some_are_kept_for_admins(keyed: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facematch.server.access.login.MOST_INVITATIONS", 5)
    monkeypatch.setattr("facematch.server.access.login.KEPT_FOR_ADMINS", 2)
    viewer, admin = keyed.with_key("viewer"), keyed.with_key("admin")
    with capture_logs() as logs:
        assert [viewer.post("/api/invites", json={}).status_code for _ in range(4)] == [200] * 3 + [429]
        assert [admin.post("/api/invites", json={}).status_code for _ in range(3)] == [200] * 2 + [429]
    refused = admin.post("/api/invites", json={}).json()
    assert refused["code"] == "TOO_MANY_REQUESTS"
    assert refused["detail"].startswith("There are 5 invitations that have not expired")
    assert [line["most"] for line in logs if line["event"].startswith("As many invitations")] == [3, 5]
    assert admin.delete("/api/sessions").json() == {"ended": 5}
    assert viewer.post("/api/invites", json={}).status_code == 200


def test_right_keys_are_not_counted(strict: Keyed) -> None:
    for _ in range(20):
        assert strict.with_key("viewer").get("/api/status").status_code == 200


def test_too_many_tokens_of_one_address(strict: Keyed) -> None:
    viewer = strict.with_key("viewer")
    for _ in range(2):
        assert viewer.get("/token", params={"identity": "x"}).status_code == 200
        assert viewer.post("/api/token", json={"identity": "x"}).status_code == 200
    refused = viewer.get("/token", params={"identity": "x"})
    assert (refused.status_code, refused.json()["code"]) == (429, "TOO_MANY_REQUESTS")
    assert "retry-after" in refused.headers


def test_in_local_mode_there_is_nothing_to_sign_in_to(client: TestClient) -> None:
    for method, path, body in (("POST", "/api/session", {"key": "x"}), ("POST", "/api/invites", {})):
        answer = client.request(method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "LOCAL_MODE")
    assert client.delete("/api/sessions").json()["code"] == "LOCAL_MODE"
    login = client.get("/login", follow_redirects=False)
    assert (login.status_code, login.headers["location"]) == (303, "/")
    assert client.get("/api/session").json() == {
        "role": "admin",
        "by": "local",
        "room": None,
        "expires_at": None,
        "name": None,
        "consent_required": False,
        "many_rooms": False,
    }


def test_who_is_signed_in_reads_on_while_nothing_can_be_written(keyed: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
    browser, late = keyed.signed_in("admin"), keyed.signed_in("viewer")
    keyed.change("UPDATE sessions SET used_at = datetime(used_at, '-2 minutes')")
    keyed.change("UPDATE sessions SET expires_at = created_at WHERE role = 'viewer'")
    monkeypatch.setattr(SqlSessionStore, "used", away)
    monkeypatch.setattr(SqlSessionStore, "remove", away)
    for path in ("/", "/api/status", "/api/events", "/api/session"):
        assert browser.get(path).status_code == 200
    assert late.get("/api/status").status_code == 401


def test_where_logins_are_kept_is_away(keyed: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = keyed.signed_in("viewer")
    monkeypatch.setattr(SqlSessionStore, "find", away)
    answer = browser.get("/api/status")
    assert (answer.status_code, answer.json()["code"]) == (503, "STORAGE_FAILED")
    assert keyed.with_key("viewer").get("/api/status").status_code == 200
    monkeypatch.setattr(SqlSessionStore, "add", away)
    answer = keyed.anybody().post("/api/session", json={"key": KEYS["admin"], "name": "Dana"})
    assert (answer.status_code, answer.json()["code"]) == (503, "STORAGE_FAILED")


def test_the_login_page_needs_nothing_and_holds_nothing_inline(keyed: Keyed) -> None:
    page = keyed.anybody().get("/login")
    assert page.status_code == 200
    assert "unsafe" not in page.headers["content-security-policy"]
    assert page.text.count("<script") == page.text.count("<script src=") + page.text.count('<script type="module" src=')
    for word in ("style=", "<style", "onclick", "javascript:"):
        assert word not in page.text
    parts = re.findall(r'"(/static/[^"]+)"', page.text)
    assert {part.rpartition(".")[2] for part in parts} == {"css", "js", "svg"}
    for part in parts:
        assert keyed.anybody().get(part).status_code == 200
