"""A web process that changes its people as fast as it can, at random, and serves the gallery meanwhile. To be killed.

It is never further ahead than `UNSEEN` changes of who fetches the gallery: it would be done before the first.

`python -m tests.rig.gallery_writer DATABASE PORT JOURNAL CHANGES`: goes on where the former was killed, until there
were so many changes. The journal has a line for each version: who could be compared then.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from base64 import b64encode
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import uvicorn
from fastapi import FastAPI

from facematch.server.people import gallery_routes
from facematch.server.people.models import Details
from facematch.server.people.refusals import NoSuchPersonError, PhotoRefusedError
from facematch.server.people.service import People, PeopleRules
from facematch.server.storage.database import Database, sqlite_url
from tests.rig.embeddings import crowd
from tests.rig.people import new_photo

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from facematch.server.people.models import Person

MOST = 12
"""People at once."""
KINDS = ("come", "come", "photo", "photo", "photo", "less", "rooms", "tolerance", "merge", "split", "erase")
UNSEEN = 25
SEEN_SECONDS = 30
ROOMS = ((), (), ("hall",), ("lab",))


def somebody() -> np.ndarray[Any, np.dtype[np.float32]]:
    """Who may come before a camera: (30, 128), one face of each of thirty."""
    return crowd(np.random.default_rng(1), 30)


class Writer:
    """Makes the changes, each of a kind that there is."""

    def __init__(self, people: People, chance: random.Random) -> None:
        self._people = people
        self._chance = chance

    async def change(self) -> None:
        """One."""
        changes, everybody = self._people.changes, await self._everybody()
        if len(everybody) < 2:
            return await self._come()
        one, other = self._chance.sample(everybody, 2)
        photos = [photo.id for photo in await self._people.store.photos(one.id)]
        match self._chance.choice(KINDS):
            case "come" if len(everybody) < MOST:
                await self._come()
            case "photo":
                await self._photo(one.id)
            case "less" if photos:
                await changes.remove(one.id, self._chance.choice(photos))
            case "rooms":
                await changes.update(one.id, lambda known: replace(known, rooms=self._chance.choice(ROOMS)))
            case "tolerance":
                await changes.update(one.id, lambda known: replace(known, tolerance=self._chance.uniform(0.3, 0.6)))
            case "merge":
                await changes.merge(one.id, other.id)
            case "split" if len(photos) > 1:
                await changes.split(one.id, [self._chance.choice(photos)], None)
            case _:
                await changes.erase([one.id, *(gone.id for gone in await self._people.store.merged_into(one.id))])
        return None

    async def _everybody(self) -> list[Person]:
        store = self._people.store
        return await store.those(await store.ids_after("", 1000))

    async def _come(self) -> None:
        await self._people.changes.create(Details("Somebody"))

    async def _photo(self, person_id: str) -> None:
        which = int(person_id.removeprefix("p_"), 16) % len(somebody())
        generator = np.random.default_rng(self._chance.getrandbits(32))
        embedding = (somebody()[which] + generator.normal(scale=0.01, size=128)).astype(np.float32)
        sent = f"{self._chance.getrandbits(64)}".encode()
        try:
            await self._people.changes.add(new_photo(person_id, sent, embedding, "UNLIKE_THE_OTHERS"))
        except PhotoRefusedError:
            return


class Pace:
    """Of the changes: held back while nobody fetches what has become of them."""

    def __init__(self) -> None:
        self._unseen = 0
        self._fetched = asyncio.Event()

    async def step(self) -> None:
        """Before the next change."""
        self._unseen += 1
        if self._unseen >= UNSEEN:
            self._fetched.clear()
            async with asyncio.timeout(SEEN_SECONDS):
                await self._fetched.wait()

    async def see(self, request: Request, answering: Callable[[Request], Awaitable[Response]]) -> Response:
        """Around each request."""
        answer = await answering(request)
        if answer.status_code == HTTPStatus.OK:
            self._unseen = 0
            self._fetched.set()
        return answer


async def write_down(people: People, journal: Path) -> None:
    """Who can be compared now, and the version that this is."""
    version, _, everybody = await people.store.compared()
    there = {one.id: [one.photo_set, b64encode(one.centroid.tobytes()).decode()] for one in everybody}
    with journal.open("a") as file:
        file.write(json.dumps([version, there]) + "\n")


async def main(database_file: str, port: str, journal_file: str, changes: str) -> None:
    journal, database = Path(journal_file), Database(sqlite_url(Path(database_file)))
    done = len(journal.read_text().splitlines()) if journal.exists() else 0
    database.open()
    people = People(database, cast("Any", None), PeopleRules(0))
    pace, app = Pace(), FastAPI(routes=gallery_routes.routes(people.publication).routes)
    app.middleware("http")(pace.see)
    writer = Writer(people, random.Random(done))  # noqa: S311  (changes that the next run repeats, no secrets)
    await write_down(people, journal)
    async with people.running():
        server = uvicorn.Server(uvicorn.Config(app, port=int(port), log_config=None))
        serving = asyncio.create_task(server.serve(), name="serving")
        for _ in range(done, int(changes)):
            await pace.step()
            try:
                await writer.change()
            except NoSuchPersonError:
                continue
            await write_down(people, journal)
        await serving


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
