"""The name that people give themselves: what it may be, where it comes from, and where it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from structlog.testing import capture_logs

from facematch.server.access.own_name import HEADER, LONGEST, own_name
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


def signed_in(keyed: Keyed, role: str, name: str | None) -> TestClient:
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
    nobody = signed_in(keyed, "viewer", None)
    assert nobody.get("/api/session").json()["name"] is None


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
