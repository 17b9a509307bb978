"""The gallery changes at random, a thousand times, while faces are compared, and whoever changes it is killed."""

from __future__ import annotations

import asyncio
import json
import sys
from base64 import b64decode
from contextlib import suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from facematch.faces.models import weights_of
from facematch.faces.tolerance import MatchRules
from facematch.recognizer.delivery.api_client import ApiClient
from facematch.recognizer.gallery import GalleryFollower, gallery_path
from facematch.recognizer.matching import Matching
from facematch.server.storage.database import sqlite_url
from facematch.server.storage.migrate import migrate
from tests.rig.embeddings import face
from tests.rig.gallery_writer import somebody
from tests.rig.people import MODEL
from tests.rig.ports import free_tcp_port
from tests.rig.process import Process
from tests.rig.waiting import wait_until_true

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from facematch.faces.ranking import Ranking

CHANGES, WHOLE = 150, 1_000
"""In the short form, and with `--faults`."""
KILLED_AT = (0.2, 0.45, 0.7)
"""Of all changes."""
NOBODY = SimpleNamespace(current=None, looked=True)


@dataclass
class Recognizer:
    """Compares the same faces again and again with whatever gallery is in force."""

    follower: GalleryFollower
    looks: list[Ranking] = field(default_factory=list)

    async def run(self) -> None:
        faces = [face(one) for one in somebody()]
        matching = Matching(cast("Any", NOBODY), self.follower, MatchRules())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.follower.run())
            while True:
                self.looks.append(matching.rank(faces, None, "hall"))
                await asyncio.sleep(0.05)


async def test_every_name_is_of_the_gallery_that_its_look_says(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    all_of_them = WHOLE if pytestconfig.getoption("--faults") else CHANGES
    database, journal, port = tmp_path / "people.db", tmp_path / "journal", free_tcp_port()
    await migrate(sqlite_url(database))
    command = [sys.executable, "-m", "tests.rig.gallery_writer", database, port, journal, all_of_them]
    writer = Process("writer", [*map(str, command)], env={"PATH": "/usr/bin"}, log=tmp_path / "writer.log")
    api = ApiClient(f"http://127.0.0.1:{port}")
    looks: list[Ranking] = []

    def compared_with(changes: int) -> bool:
        """So many changes are written down, and whoever compares has got as far; with all of them, to the end."""
        written = journal.read_bytes().split(b"\n")[:-1] if journal.exists() else []
        if len(written) < changes or not looks:
            return False
        version, _ = json.loads(written[-1 if changes == all_of_them else changes - 1])
        return looks[-1].gallery_version >= int(version)

    try:
        for changes in (*(int(part * all_of_them) for part in KILLED_AT), all_of_them):
            follower = GalleryFollower(api, gallery_path(tmp_path, "http://api"), weights_of(MODEL))
            recognizer = Recognizer(follower, looks)  # it is killed with the writer, and begins with what it has kept
            comparing = asyncio.create_task(recognizer.run())
            writer.start()
            what = f"{changes} changes, and a look with them"
            await wait_until_true(lambda: compared_with(changes), within=60, what=what)  # noqa: B023
            if changes < all_of_them:
                writer.kill()
            comparing.cancel()
            with suppress(asyncio.CancelledError):
                await comparing
    finally:
        writer.end()
        await api.aclose()

    states = dict(json.loads(line) for line in journal.read_text().splitlines())
    named = [(look, one) for look in looks for one in look.faces if one.named]
    for look, one in named:
        assert one.named is not None
        photo_set, centroid = states[look.gallery_version][one.named.person_id]
        assert one.named.reference_id == photo_set
        expected = np.linalg.norm(np.frombuffer(b64decode(centroid), np.float32) - one.face.embedding)
        assert one.named.distance == float(expected)
    assert named
    assert len({look.gallery_version for look in looks}) > len(KILLED_AT)  # how many of them name somebody is chance
