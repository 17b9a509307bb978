"""Which faces are nobody's, and how often each is sent."""

from __future__ import annotations

import asyncio
import io
from base64 import b64decode
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from facematch.protocol.events import Evidence
from facematch.protocol.unknown_faces import UnknownFaceSeen
from facematch.recognizer.delivery.api_client import Answer, ApiUnreachableError
from facematch.recognizer.evidence.unknown_faces import SeenFace, UnknownFaces, is_nobody
from facematch.recognizer.room.subject import Participant
from tests.rig.embeddings import axis
from tests.rig.traces import reachable
from tests.rig.waiting import wait_until_true

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ALICE = Participant("PA_1", "Alice", "alice")


class Api:
    def __init__(self) -> None:
        self.away = False
        self.asked = 0
        self.seen: list[UnknownFaceSeen] = []

    async def post(self, path: str, body: bytes, seconds: float) -> Answer:
        assert (path, seconds > 0) == ("/api/unknowns", True)
        self.asked += 1
        if self.away:
            raise ApiUnreachableError("away")
        self.seen.append(UnknownFaceSeen.model_validate_json(body, strict=True))
        return Answer(200, b"{}")


@asynccontextmanager
async def running(api: Api) -> AsyncIterator[UnknownFaces]:
    given: Any = api
    faces = UnknownFaces(given, "dlib", enabled=True)
    task = asyncio.create_task(faces.run())
    yield faces
    task.cancel()
    await asyncio.wait([task])


def face(at: float = 0.0, width: int = 100) -> SeenFace:
    picture = np.full((360, 640, 3), 90, np.uint8)
    return SeenFace(axis(at), (100, 200 + width, 100 + width, 200), picture)


@pytest.mark.parametrize(
    ("told", "enrolled", "nobody"),
    [
        ({"looks": 2, "stranger": True}, True, True),
        ({"looks": 2}, False, True),
        ({"looks": 2}, True, False),  # somebody is near, or there are too many to tell
        ({"looks": 1, "stranger": True}, True, False),
        ({"looks": 1}, False, False),
        ({"looks": 3, "good": False}, False, False),
    ],
)
def test_nobody_is_whom_several_looks_together_take_for_nobody(
    told: dict[str, Any], *, enrolled: bool, nobody: bool
) -> None:
    assert is_nobody(Evidence(**{"good": True, **told}), enrolled=enrolled) is nobody


async def test_each_face_is_sent_once_with_a_margin_and_again_when_it_is_much_better() -> None:
    api = Api()
    async with running(api) as faces:
        for one in (face(), face(0.1), face(0.1, 110), face(2.0), face(width=140), face(width=70)):
            faces.offer("red", ALICE, one)
        faces.offer("blue", ALICE, face())
        await wait_until_true(lambda: len(api.seen) == 4, within=10, what="all that are to be sent")
    assert [(one.room, one.quality) for one in api.seen] == [
        ("red", 100),
        ("red", 100),
        ("red", 140),
        ("blue", 100),
    ]
    with Image.open(io.BytesIO(b64decode(api.seen[0].image))) as picture:
        assert picture.size == (220, 220)


async def test_what_could_not_be_sent_is_offered_again_by_the_next_look() -> None:
    api = Api()
    api.away = True
    async with running(api) as faces:
        faces.offer("red", ALICE, face())
        await wait_until_true(lambda: api.asked == 1, within=10, what="it was tried")
        api.away = False
        await asyncio.sleep(0)
        faces.offer("red", ALICE, face())
        await wait_until_true(lambda: len(api.seen) == 1, within=10, what="it was sent")


async def test_of_whoever_is_forgotten_nothing_is_sent() -> None:
    api = Api()
    async with running(api) as faces:
        faces.offer("red", ALICE, face())
        faces.forget("alice")
        faces.offer("red", Participant("PA_2", "Bob", "bob"), face(2.0))
        await wait_until_true(lambda: len(api.seen) == 1, within=10, what="what is left was sent")
    assert api.seen[0].participant_identity == "bob"


async def test_of_whoever_is_forgotten_nothing_can_be_reached() -> None:
    """Neither by what was sent last nor by the task that has sent it."""
    api = Api()
    given: Any = api
    faces = UnknownFaces(given, "dlib", enabled=True)
    task = asyncio.create_task(faces.run())
    picture = np.random.default_rng(3).integers(0, 256, (360, 640, 3), np.uint8)
    # A copy here would be found: what is looked for is bitten.
    bitten = [bytes(255 - byte for byte in one.tobytes()) for one in (picture[60, 200:300], axis(0.7))]
    faces.offer("red", ALICE, SeenFace(axis(0.7), (100, 300, 200, 200), picture))
    del picture
    await wait_until_true(lambda: len(api.seen) == 1, within=10, what="it was sent")
    await asyncio.sleep(0)
    api.seen.clear()

    def found() -> list[bool]:
        held = list(reachable(faces, task))
        return [any(bytes(255 - byte for byte in one) in data for data in held) for one in bitten]

    assert found()[1], "it is remembered what was sent"
    faces.forget("alice")
    assert found() == [False, False]
    task.cancel()
    await asyncio.wait([task])
