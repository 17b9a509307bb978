"""The name that people give themselves: what it may be, where it comes from, and where it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from structlog.testing import capture_logs

from facematch.server.access.own_name import HEADER, LONGEST, own_name
from facematch.server.events.writer import TooBusyError, Writer
from tests.rig.keyed import KEYS, ORIGIN, Keyed, with_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.testclient import TestClient

    from facematch.config.settings import Settings
    from tests.rig.fake_examiner import FakeExaminer


@pytest.fixture
def keyed(settings: Settings, examiner: FakeExaminer) -> Iterator[Keyed]:
    with Keyed(with_keys(settings), examiner) as made:
        yield made


def signed_in(keyed: Keyed, role: str, name: str) -> TestClient:
    browser = keyed.anybody(origin=ORIGIN)
    answer = browser.post("/api/session", json={"key": KEYS[role], "name": name})
    assert answer.status_code == 200, answer.text
    return browser


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("  Dana \t Müller\n", "Dana Müller"),
        ("Mu\u0308ller", "Müller"),
        ("李小龍", "李小龍"),
        ("Ann\u200cMarie", "Ann\u200cMarie"),
        ("x" * LONGEST, "x" * LONGEST),
        ("   ", None),
        ("", None),
    ],
)
def test_a_name_is_trimmed(given: str, kept: str | None) -> None:
    assert own_name(given) == kept


@pytest.mark.parametrize(
    "given", ["x" * (LONGEST + 1), "Dana\x00", "Dana\x1b[2J", "\u202eanaD", "\ud800", "a\u2066b", "\ufeff"]
)
def test_what_would_break_a_line_of_a_log_is_no_name(keyed: Keyed, given: str) -> None:
    with pytest.raises(ValueError, match="must have"):
        own_name(given)
    if given.isprintable() or "\ud800" not in given:
        answer = keyed.anybody(origin=ORIGIN).post("/api/session", json={"key": KEYS["admin"], "name": given})
        assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")
        assert "name" in answer.json()["detail"]


def test_a_login_has_the_name_that_was_given(keyed: Keyed) -> None:
    with capture_logs() as lines:
        dana = signed_in(keyed, "viewer", " Dana  M. ")
    assert [line["name"] for line in lines if line["event"] == "Signed in"] == ["Dana M."]
    assert dana.get("/api/session").json()["name"] == "Dana M."
    assert (
        dana.get("/api/session", headers={HEADER: "Eve"}).json()["name"] == "Dana M."
    )  # nobody is another by a header
    for none in (None, "", "  "):
        refused = keyed.anybody(origin=ORIGIN).post("/api/session", json={"key": KEYS["viewer"], "name": none})
        assert (refused.status_code, refused.json()["code"]) == (422, "INVALID")
        assert "say who you are" in refused.json()["detail"]
        assert not refused.cookies
    invited = keyed.signed_in("participant")  # whoever only joins is known by what they join as
    assert invited.get("/api/session").json()["name"] is None


def test_whoever_has_no_login_may_send_one_with_each_request(keyed: Keyed) -> None:
    program = keyed.with_key("admin")
    assert program.get("/api/session", headers={HEADER: quote("Dana Müller")}).json()["name"] == "Dana Müller"
    assert program.get("/api/session").json()["name"] is None
    for bad in ("%ff", "%00", "x" * 61):
        answer = program.get("/api/session", headers={HEADER: bad})
        assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")
        assert HEADER in answer.json()["detail"]


def test_the_record_names_who_did_it(keyed: Keyed) -> None:
    dana = signed_in(keyed, "admin", "Dana")
    assert (
        dana.put("/api/bindings", json={"identity": "alice", "person_id": "default"}).json()["by"]
        == "Dana, admin (login)"
    )
    dana.delete("/api/bindings?identity=alice")
    told = dana.get("/api/events?type=binding").json()["events"]
    assert [(one["change"], one["by"]) for one in told] == [
        ("bound", "Dana, admin (login)"),
        ("unbound", "Dana, admin (login)"),
    ]
    dana.put("/api/not-compared?identity=bob")
    assert [one["by"] for one in dana.get("/api/not-compared").json()["participants"]] == ["Dana, admin (login)"]
    with capture_logs() as lines:
        dana.delete("/api/participants?identity=alice")
    assert [line["by"] for line in lines if line["event"] == "Erased"] == ["Dana, admin (login)"]
    [line] = dana.get("/api/erasures").json()["erasures"]
    assert line["requested_by"] == "Dana, admin (login)"
    assert (
        keyed.with_key("admin").put("/api/bindings", json={"identity": "c", "person_id": "default"}).json()["by"]
        == "admin (key)"
    )


def test_in_local_mode_the_browser_sends_what_it_keeps(client: TestClient) -> None:
    bound = client.put("/api/bindings", json={"identity": "a", "person_id": "default"}, headers={HEADER: "Dana"})
    assert bound.json()["by"] == "Dana, admin (local)"


def test_signing_in_and_out_and_photos_are_lines_that_name_who_it_was(keyed: Keyed) -> None:
    dana = signed_in(keyed, "admin", "Dana")
    keyed.signed_in("participant")  # that they join is told of them
    dana.post("/api/reference", files={"file": b"\xff\xd8\xff a photo"})
    person = dana.post("/api/people", json={"name": "Ann"}).json()["id"]
    photo = {"files": b"\xff\xd8\xff another photo"}
    [taken] = dana.post(f"/api/people/{person}/photos", files=photo).json()["results"]
    assert taken["ok"], taken
    [again] = dana.post(f"/api/people/{person}/photos", files=photo).json()["results"]
    assert not again["ok"]
    assert dana.delete(taken["photo"]["url"]).status_code == 200
    dana.delete("/api/reference")
    other = dana.post("/api/people", json={"name": "Anne"}).json()["id"]
    [moved] = dana.post(f"/api/people/{other}/photos", files={"files": b"\xff\xd8\xff her photo"}).json()["results"]
    assert dana.post(f"/api/people/{person}/merge", json={"from": other}).status_code == 200
    back = dana.post(f"/api/people/{person}/split", json={"photos": [moved["photo"]["id"]]})
    assert back.json()["id"] == other
    eve = signed_in(keyed, "viewer", "Eve")
    eve.delete("/api/session")
    dana.delete("/api/sessions")
    program = keyed.with_key("admin")
    told = program.get("/api/events?type=audit").json()["events"]
    by = "Dana, admin (login)"
    assert [(one["change"], one["by"], one["person_name"], one["photos"]) for one in told] == [
        ("signed_in", by, None, None),
        ("reference_replaced", by, None, None),
        ("photos_added", by, "Ann", 1),
        ("photo_deleted", by, "Ann", None),
        ("reference_erased", by, None, None),
        ("photos_added", by, "Anne", 1),
        ("people_merged", by, "Ann", None),
        ("person_split", by, "Ann", None),
        ("signed_in", "Eve, viewer (login)", None, None),
        ("signed_out", "Eve, viewer (login)", None, None),
        ("all_signed_out", by, None, None),
    ]
    lines = program.get("/api/sightings?room=anywhere").json()["lines"]
    assert [line["event"]["change"] for line in lines] == [one["change"] for one in reversed(told)]
    assert program.delete(f"/api/people/{person}").status_code == 200
    left = program.get("/api/events?type=audit").json()["events"]
    assert {one["person_id"] for one in left} == {None, other}  # who is erased is named by none
    assert len(left) == len(told) - 4


def test_nobody_is_let_in_whose_name_cannot_be_kept(keyed: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object, **__: object) -> int:
        raise TooBusyError

    monkeypatch.setattr(Writer, "store", full)
    browser = keyed.anybody(origin=ORIGIN)
    answer = browser.post("/api/session", json={"key": KEYS["viewer"], "name": "Dana"})
    assert (answer.status_code, answer.json()["code"]) == (503, "STORAGE_FAILED")
    assert not browser.cookies
    assert keyed.sessions() == []
