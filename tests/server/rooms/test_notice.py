"""What guests are told before they join, and the link that leads them there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt
import pytest

from tests.rig.keyed import HOST, ORIGIN, Keyed, with_keys

if TYPE_CHECKING:
    from facematch.config.settings import Settings
    from tests.rig.fake_examiner import FakeExaminer

ELSEWHERE = {"livekit_url": "wss://video.example.com", "livekit_api_secret": "a secret that is long enough for anyone"}


def test_it_is_what_the_settings_say(settings: Settings, examiner: FakeExaminer) -> None:
    said = with_keys(
        settings,
        operator_name=" Example University ",
        operator_purpose="to see that candidates are who they say",
        operator_contact="privacy@example.edu",
        snapshot_max_age_days=60,
        event_max_age_days=14,
        statistics_max_age_days=90,
        guests_see_others=False,
        continuity=True,
    )
    with Keyed(said, examiner) as keyed:
        assert keyed.signed_in("participant").get("/api/notice").json() == {
            "operator": "Example University",
            "purpose": "to see that candidates are who they say",
            "contact": "privacy@example.edu",
            "consent_required": False,
            "continuity": True,
            "snapshots": "frame",
            "snapshot_days": 14,  # it goes with its event
            "event_days": 14,
            "statistics_days": 90,
            "guests_see_others": False,
            "may_be_watched": True,
        }


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({}, "frame"),
        ({"snapshot_crop": True}, "face"),
        ({"consent": "required"}, "face"),
        ({"consent": "required", "snapshots_enabled": False}, "none"),
    ],
)
def test_what_is_kept_of_a_picture(
    settings: Settings, examiner: FakeExaminer, changes: dict[str, Any], kept: str
) -> None:
    with Keyed(with_keys(settings, **changes), examiner) as keyed:
        told = keyed.with_key("participant").get("/api/notice").json()
        assert (told["snapshots"], told["operator"], told["contact"]) == (kept, None, None)


@pytest.mark.parametrize("see", [True, False])
def test_who_sees_whom_stands_in_the_token(settings: Settings, examiner: FakeExaminer, see: bool) -> None:
    with Keyed(with_keys(settings, guests_see_others=see), examiner) as keyed:
        for role, sees in (("participant", see), ("viewer", True), ("admin", True)):
            token = keyed.with_key(role).post("/api/token", json={"name": "Alice"}).json()["token"]
            assert jwt.decode(token, options={"verify_signature": False})["video"]["canSubscribe"] is sees


def invited(keyed: Keyed, base_url: str = ORIGIN) -> dict[str, Any]:
    client = keyed.come(base_url, headers={"authorization": "Bearer admin-key-0123456789"})
    found: dict[str, Any] = client.post("/api/invites", json={}).json()
    assert found["url"].endswith(found["path"])
    return found


def test_a_link_begins_where_guests_reach_us(settings: Settings, examiner: FakeExaminer) -> None:
    public = with_keys(settings, public_url="https://Faces.example.com/", allowed_hosts="", **ELSEWHERE)
    with Keyed(public, examiner) as keyed:
        for base in ("https://faces.example.com", "http://localhost:8000"):
            found = invited(keyed, base)
            assert found["url"] == f"https://faces.example.com{found['path']}"
            assert found["warnings"] == []


def test_else_where_the_page_is_opened_and_says_what_does_not_work_there(
    settings: Settings, examiner: FakeExaminer
) -> None:
    with Keyed(with_keys(settings), examiner) as keyed:
        here = invited(keyed, "http://localhost:8000")
        assert here["url"].startswith("http://localhost:8000/login#invite-")
        assert ["PUBLIC_URL" in sentence for sentence in here["warnings"]] == [True]
        plain = invited(keyed, f"http://{HOST}:8000")
        assert plain["url"].startswith(f"http://{HOST}:8000/login#")
        assert ["https" in plain["warnings"][0], "LIVEKIT_PUBLIC_URL" in plain["warnings"][1]] == [True, True]
        assert invited(keyed)["url"].startswith(f"{ORIGIN}/login#")
