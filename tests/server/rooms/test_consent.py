"""Who may change what somebody has agreed to, and what they are told when LiveKit does not take it. That it does, and
what the recognizer makes of it, is tried on the real server.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import aiohttp
import pytest
from livekit.api import ServerError

from facematch.server.rooms.consent import Consents
from facematch.server.web.errors import ApiError
from tests.rig.fake_livekit import FakeLiveKit


def change(
    livekit: FakeLiveKit, identity: str, login: str | None, *, given: bool = True, room: str | None = None
) -> None:
    asyncio.run(
        Consents(cast("Any", livekit), "lobby", livekit.forgotten.append).change(room, identity, login, given=given)
    )


def test_one_s_own_is_changed_and_nothing_else() -> None:
    livekit = FakeLiveKit({"guest": {"face-match.login": "one"}, "own": {"facematch.consent": "given"}})
    change(livekit, "guest", "one")
    change(livekit, "own", None, given=False, room="hall")
    assert livekit.people == {
        "guest": {"face-match.login": "one", "facematch.consent": "given"},
        "own": {"facematch.consent": ""},
    }
    assert livekit.asked == ["lobby", "hall"]
    assert livekit.forgotten == ["own"]


@pytest.mark.parametrize(("identity", "login"), [("guest", "two"), ("guest", None), ("own", "one"), ("nobody", None)])
def test_nobody_agrees_for_somebody_else(identity: str, login: str | None) -> None:
    livekit = FakeLiveKit({"guest": {"face-match.login": "one"}, "own": {}})
    with pytest.raises(ApiError) as refused:
        change(livekit, identity, login)
    assert (refused.value.status, refused.value.code) == (404, "NOT_IN_ROOM")
    assert "facematch.consent" not in str(livekit.people)


@pytest.mark.parametrize(
    "trouble", [TimeoutError(), aiohttp.ClientConnectionError(), ServerError("unavailable", "busy", status=503)]
)
def test_who_cannot_withdraw_now_is_told_how_not_to_be_looked_at(trouble: Exception) -> None:
    with pytest.raises(ApiError) as refused:
        change(FakeLiveKit({}, trouble), "own", None, given=False)
    assert (refused.value.status, refused.value.code) == (503, "LIVEKIT_AWAY")
    assert "switch the camera off" in refused.value.detail
