"""Two people of one name: who gets which identity."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import aiohttp
import pytest
from livekit.api import ServerError

from facematch.server.rooms.own_identity import ARRIVING_SECONDS, LONGEST_IDENTITY, OwnIdentities
from tests.rig.fake_livekit import FakeLiveKit
from tests.rig.keyed import ORIGIN, Keyed, with_keys

if TYPE_CHECKING:
    from facematch.config.settings import Settings
    from tests.rig.fake_examiner import FakeExaminer

LOGIN = "face-match.login"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def identities(livekit: FakeLiveKit, clock: Clock | None = None) -> OwnIdentities:
    return OwnIdentities(cast("Any", livekit), clock or Clock())


async def test_a_free_name_is_the_identity() -> None:
    livekit = FakeLiveKit({"Bob": {}})
    assert await identities(livekit).of("lobby", "Alice", "one") == "Alice"
    assert livekit.asked == ["lobby"]


@pytest.mark.parametrize("theirs", ["one", "two", None], ids=["own login", "another login", "no login"])
async def test_a_taken_one_gets_something_behind_it_whoever_took_it(theirs: str | None) -> None:
    livekit = FakeLiveKit({"Alice": {LOGIN: theirs} if theirs else {}})
    found = await identities(livekit).of("lobby", "Alice", "one")
    assert found.startswith("Alice-")
    assert len(found) == len("Alice-xxxx")


async def test_those_who_come_at_the_same_moment_have_different_ones() -> None:
    clock = Clock()
    own = identities(FakeLiveKit({}), clock)
    found = await asyncio.gather(*(own.of("lobby", "Alice", str(number)) for number in range(20)))
    assert found[0] == "Alice"
    assert len({*found}) == 20
    assert await own.of("hall", "Alice", None) == "Alice"  # another room
    clock.now += ARRIVING_SECONDS
    assert await own.of("lobby", "Alice", None) == "Alice"  # nobody has come


async def test_a_former_one_is_theirs_again_unless_another_has_it() -> None:
    livekit = FakeLiveKit({"Alice": {LOGIN: "two"}, "Alice-mine": {LOGIN: "one"}})
    own = identities(livekit)
    assert await own.of("lobby", "Alice", "one", "Alice-mine") == "Alice-mine"
    assert await own.of("lobby", "Alice", "one", "Alice-gone") == "Alice-gone"
    assert await own.of("lobby", "Alice", "three", "Alice-mine") not in ("Alice", "Alice-mine")
    assert await own.of("lobby", "Alice", None, "Alice-mine") not in ("Alice", "Alice-mine")


@pytest.mark.parametrize("name", ["x" * LONGEST_IDENTITY, "\u674e" * 85, "\U0001f600" * 64])
async def test_it_is_no_longer_than_livekit_takes(name: str) -> None:
    found = await identities(FakeLiveKit({name: {}})).of("lobby", name, None)
    assert len(found.encode()) <= LONGEST_IDENTITY
    assert found[-5] == "-"
    assert name.startswith(found[:-5])


@pytest.mark.parametrize(
    "trouble", [TimeoutError(), aiohttp.ClientConnectionError(), ServerError("unavailable", "busy", status=503)]
)
async def test_while_livekit_is_away_names_are_free(trouble: Exception) -> None:
    own = identities(FakeLiveKit({"Alice": {}}, trouble))
    assert await own.of("lobby", "Alice", None) == "Alice"
    assert not await own.is_another_s("lobby", "Bob", None)


def test_guests_cannot_put_each_other_out(
    settings: Settings, examiner: FakeExaminer, monkeypatch: pytest.MonkeyPatch
) -> None:
    livekit = FakeLiveKit({"Alice": {LOGIN: "somebody's"}})
    monkeypatch.setattr("facematch.server.app._administered", lambda *_: livekit)
    with Keyed(with_keys(settings), examiner) as keyed:
        guest = keyed.signed_in("participant")
        refused = guest.post("/api/token", json={"identity": "Alice"})
        assert (refused.status_code, refused.json()["code"]) == (409, "IDENTITY_TAKEN")
        assert guest.get("/token?identity=Alice").status_code == 409
        named = guest.post("/api/token", json={"name": "Alice"}).json()["identity"]
        assert named.startswith("Alice-")
        again = guest.post("/api/token", json={"name": "Alice", "former": named}).json()["identity"]
        assert again == named
        for role in ("viewer", "admin"):  # programs that ask for one get it
            assert keyed.with_key(role).get("/token?identity=Alice").json()["identity"] == "Alice"


def test_an_observer_s_name_is_none_that_guests_can_come_back_to(settings: Settings, examiner: FakeExaminer) -> None:
    observed = with_keys(settings, room_signal=True, room_signal_observers="moderator")
    with Keyed(observed, examiner) as keyed:
        guest = keyed.anybody(authorization=f"Bearer {keyed.invitation()}", origin=ORIGIN)
        for asked in (
            {"name": "moderator"},
            {"name": "x", "former": "moderator"},
        ):
            assert guest.post("/api/token", json=asked).json()["code"] == "RESERVED_IDENTITY"
