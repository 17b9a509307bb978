"""Several web processes that share one PostgreSQL and one folder of snapshots, and a sender that does not give up."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import aiohttp

from tests.rig.waiting import wait_until_true
from tests.rig.web import WebProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

ANSWER_SECONDS = 5.0
"""How long a sender waits for one of them before it asks another."""
AVOIDED_SECONDS = 10.0
_AGAIN_SECONDS = 0.1
_TAKEN_SECONDS = 15


class Replicas:
    """Started with `start`, ended with `end`.

    Args:
        folder: receives what they write.
        database_url: of an empty database.
        number: of processes.
        settings: of all of them.
    """

    def __init__(self, folder: Path, database_url: str, number: int = 2, **settings: object) -> None:
        self.database_url = database_url
        shared: dict[str, object] = {
            "database_url": database_url.replace("+asyncpg", ""),
            "output_dir": folder / "captures",
            "reference_image": folder / "reference" / "current.jpg",
            **settings,
        }
        self.folder = folder
        self.processes = []
        for which in range(number):
            own = folder / f"api-{which}"
            own.mkdir()
            self.processes.append(WebProcess(own, **shared))

    def __getitem__(self, which: int) -> WebProcess:
        return self.processes[which]

    async def start(self) -> None:
        """Returns when all answer."""
        await asyncio.gather(*(process.start() for process in self.processes))

    def end(self) -> None:
        """Harmless when they have ended."""
        for process in self.processes:
            process.end()


class Sender:
    """Posts Checks as a recognizer does: each until one of the processes has taken it, in turn.

    Args:
        urls: of the processes.
        source: whose events these are; None: of one that nobody knows yet.
    """

    def __init__(self, urls: Iterable[str], source: str | None = None) -> None:
        self._urls = list(urls)
        self._source = source or f"recognizer-{uuid4().hex[:8]}"
        self._seqs = count(1)
        self._avoided: dict[str, float] = {}
        """Those that did not answer, and until when they are asked last."""
        self.acknowledged: list[str] = []
        """Ids of events, in the order in which they were taken."""
        self.longest_gap = 0.0
        """Seconds in which none was taken."""
        self._last_at = time.monotonic()

    async def send(self, session: aiohttp.ClientSession, to: int, **fields: Any) -> str:
        """One event. Returns its id.

        Args:
            session: of whoever sends.
            to: which process is asked first.
            fields: of the event that differ.
        """
        body = check_body(source=self._source, seq=next(self._seqs), **fields)
        for which in count(to):
            url = self._urls[which % len(self._urls)]
            if self._avoided.get(url, 0.0) > time.monotonic() and which - to < len(self._urls):
                continue
            try:
                async with asyncio.timeout(ANSWER_SECONDS), session.post(f"{url}/api/check", json=body) as answer:
                    if answer.status == 200:
                        break
                    assert answer.status == 503, await answer.text()
            except aiohttp.ClientError:
                pass
            except TimeoutError:
                self._avoided[url] = time.monotonic() + AVOIDED_SECONDS
            await asyncio.sleep(_AGAIN_SECONDS)
        now = time.monotonic()
        self.longest_gap, self._last_at = max(self.longest_gap, now - self._last_at), now
        event_id: str = body["event_id"]
        self.acknowledged.append(event_id)
        return event_id


@asynccontextmanager
async def sending(
    replicas: Replicas,
    senders: int = 4,
    *,
    apart: float = 0.02,
    source: str | None = None,
    headers: dict[str, str] | None = None,
) -> AsyncIterator[Sender]:
    """Events all the time, to whichever process takes them: at the end, too, whoever was broken last.

    Args:
        replicas: the processes.
        senders: at the same time.
        apart: seconds between two events of one of them.
        source: of the events; see `Sender`.
        headers: of each request.
    """
    sender = Sender([web.base_url for web in replicas.processes], source)

    async def one(which: int) -> None:
        async with aiohttp.ClientSession(headers=headers) as session:
            for n in count(which):
                await sender.send(session, n)
                await asyncio.sleep(apart)

    tasks = [asyncio.create_task(one(which)) for which in range(senders)]
    try:
        yield sender
        taken = len(sender.acknowledged)
        await wait_until_true(lambda: len(sender.acknowledged) > taken, within=_TAKEN_SECONDS, what="events are taken")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()


def check_body(**fields: Any) -> dict[str, Any]:
    """A Check as it is posted."""
    return {
        "type": "check",
        "event_id": str(uuid4()),
        "participant_id": "PA_x",
        "participant_name": "Alice",
        "participant_identity": "Alice",
        "room": "face-recognition-room",
        "match_found": False,
        "timestamp": "2026-01-25T14:07:08.987654+00:00",
        **fields,
    }
