"""What the answer to a heartbeat says of participants."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from facematch.protocol.heartbeat import Heartbeat, HeartbeatAnswer
from facematch.server.recognizers.directing import NO_WORD, Directing
from facematch.server.storage.errors import LogUnavailableError
from tests.rig.fake_recognizer import track
from tests.rig.heartbeats import heartbeat_body

if TYPE_CHECKING:
    from collections.abc import Collection


def answer(directing: Directing, *identities: str) -> HeartbeatAnswer:
    tracks = [track(identity, "hold") for identity in identities]
    heartbeat = Heartbeat.model_validate(heartbeat_body() | {"tracks": tracks})
    return HeartbeatAnswer(**asyncio.run(directing.answer(heartbeat)))


async def bindings(room: str, identities: Collection[str]) -> dict[str, str]:
    assert room == "face-recognition-room"
    assert isinstance(identities, set)
    return {"alice": "p_1", "zoe": "p_2"}


async def not_compared(_identities: Collection[str]) -> list[str]:
    return ["bob", "zoe"]


async def acknowledged(room: str) -> dict[str, int]:
    assert room == "face-recognition-room"
    return {"bob": 7, "zoe": 9}


async def away(*_: Any) -> Any:
    raise LogUnavailableError


def test_a_recognizer_learns_of_nobody_whom_it_has_not_named() -> None:
    directing = Directing(bindings, not_compared, lambda _: ["alice", "zoe"], acknowledged)
    said = answer(directing, "alice", "bob")
    assert said.bindings == {"alice": "p_1"}
    assert said.not_compared == ["bob"]
    assert said.look_now == ["alice"]
    assert said.acknowledged == {"bob": 7}
    assert answer(Directing(bindings, not_compared), "alice").acknowledged is None


def test_that_everybody_may_be_looked_at_is_said_only_where_it_is_so() -> None:
    async def nobody(_identities: Collection[str]) -> list[str]:
        return []

    async def yes() -> bool:
        return True

    assert not answer(Directing(not_compared=nobody), "alice").all_compared
    assert answer(Directing(not_compared=nobody, all_compared=yes), "alice").all_compared
    assert not answer(Directing(not_compared=not_compared, all_compared=yes), "bob").all_compared
    assert not answer(Directing(bindings=away, not_compared=nobody, all_compared=yes), "alice").all_compared
    unsaid = answer(Directing(not_compared=nobody, all_compared=away), "alice")
    assert (unsaid.not_compared, unsaid.all_compared) == (None, False)


def test_what_cannot_be_read_is_not_said() -> None:
    for directing in (Directing(away, not_compared), Directing(bindings, away), NO_WORD):
        said = answer(directing, "alice", "bob")
        assert said.not_compared is None
    assert answer(Directing(away, not_compared, lambda _: ["bob"]), "bob").look_now == ["bob"]
