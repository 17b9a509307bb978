"""What was acknowledged is there: after SIGKILL, on a full disk, behind a lock. The whole web process each time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import aiohttp
import pytest

from tests.rig.event_logs import check, new_database
from tests.rig.postgres import postgres_server
from tests.rig.waiting import wait_until
from tests.rig.web import WebProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

SENDERS = 8


def body(**fields: Any) -> dict[str, Any]:
    return check(**fields).model_dump(mode="json")


@contextlib.asynccontextmanager
async def running(folder: Path, **settings: object) -> AsyncIterator[tuple[WebProcess, aiohttp.ClientSession]]:
    web = WebProcess(folder, **settings)
    try:
        await web.start()
        async with aiohttp.ClientSession(web.base_url, connector=aiohttp.TCPConnector(limit=0)) as session:
            yield web, session
    finally:
        web.end()


async def post(session: aiohttp.ClientSession, event: dict[str, Any]) -> tuple[int, str]:
    """Status and code."""
    async with session.post("/api/check", json=event) as response:
        return response.status, (await response.json()).get("code", "")


async def whole_log(session: aiohttp.ClientSession) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    after = 0
    while True:
        async with session.get("/api/events", params={"after": after, "limit": 1000}) as response:
            page = await response.json()
        events += page["events"]
        after = page["next_after"]
        if not page["more"]:
            return events


class Sender:
    """Sends 1, 2, 3 … and repeats each until it is acknowledged, as the recognizer's outbox does."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.acknowledged: list[str] = []

    async def run(self, session: aiohttp.ClientSession, stop: asyncio.Event) -> None:
        while not stop.is_set():
            event = body(source=self.name, seq=len(self.acknowledged) + 1)
            while not await self._is_taken(session, event):  # noqa: ASYNC110  (the pause of a sender)
                await asyncio.sleep(0.02)
            self.acknowledged.append(event["event_id"])

    async def _is_taken(self, session: aiohttp.ClientSession, event: dict[str, Any]) -> bool:
        try:
            return await post(session, event) == (200, "")
        except (aiohttp.ClientError, OSError):
            return False


async def test_a_killed_process_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    """And a listener that comes back with its cursor has every event, once and in order."""
    draw = random.Random(4)  # noqa: S311  (when to kill)
    senders = [Sender(f"boot-{n}") for n in range(SENDERS)]
    heard: list[int] = []
    stop = asyncio.Event()
    async with running(tmp_path, log_level="WARNING") as (web, session):

        async def listen() -> None:
            while True:
                after = heard[-1] if heard else 0
                with contextlib.suppress(aiohttp.ClientError, OSError, TypeError):  # TypeError: closed
                    async with session.ws_connect(f"/ws/matches?after={after}") as socket:
                        while True:
                            heard.append((await socket.receive_json())["cursor"])
                await asyncio.sleep(0.02)

        tasks = [asyncio.create_task(sender.run(session, stop)) for sender in senders]
        tasks.append(asyncio.create_task(listen()))
        for kills in range(3):
            before = sum(len(sender.acknowledged) for sender in senders)

            async def some_more(before: int = before) -> bool:
                return sum(len(sender.acknowledged) for sender in senders) > before + 50

            await wait_until(some_more, within=30, what=f"events after {kills} kills")
            await asyncio.sleep(draw.random() * 0.2)
            web.process.kill()
            await web.start()
        stop.set()
        await asyncio.gather(*tasks[:-1])
        log = await whole_log(session)
        await wait_until(lambda: _has(heard, log[-1]["cursor"]), within=20, what="the listener has the last event")
        tasks[-1].cancel()
        await asyncio.wait(tasks[-1:])
        async with session.get("/api/status") as response:
            status = (await response.json())["events"]
    ids = [event["event_id"] for event in log]
    assert len(ids) == len(set(ids)) == status["count"]
    for sender in senders:
        seqs = [event["seq"] for event in log if event["source"] == sender.name]
        assert seqs == list(range(1, len(seqs) + 1))
        own = [event["event_id"] for event in log if event["source"] == sender.name]
        assert own == sender.acknowledged
    assert heard == [event["cursor"] for event in log]
    assert status["gaps"] == {"count": 0, "last": []}


async def _has(heard: list[int], cursor: int) -> bool:
    return bool(heard) and heard[-1] >= cursor


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MB of which a file `ballast` takes 2."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("mounting a small disk takes root")
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("no disk can be mounted here")
    (folder / "ballast").write_bytes(bytes(2 * 1024 * 1024))
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_full_disk_asks_senders_to_wait_and_passes(tmp_path: Path, small_disk: Path) -> None:
    acknowledged: list[str] = []
    async with running(tmp_path, data_dir=small_disk / "data", log_level="WARNING") as (web, session):

        async def fill() -> tuple[int, str]:
            while True:
                event = body(participant_name="x" * 500, track_sid="y" * 500, cycle_id="z" * 500)
                status, code = await post(session, event)
                if status != 200:
                    return status, code
                acknowledged.append(event["event_id"])

        async with asyncio.timeout(60):
            assert await fill() == (503, "STORAGE_FAILED")
        async with session.get("/readyz") as response:
            reason = (await response.json())["checks"]["event_log"]
        assert not reason["ok"]
        assert "full" in reason["reason"] or "only 0 MB free" in reason["reason"]
        async with session.get("/api/status") as response:
            assert "full" in (await response.json())["events"]["error"]
        async with session.get("/livez") as response:
            assert response.status == 200
        found = await whole_log(session)  # it can still be read
        assert [event["event_id"] for event in found] == acknowledged

        web.process.kill()
        await web.start()  # also on a full disk
        (small_disk / "ballast").unlink()

        async def takes_events() -> bool:
            event = body()
            if (await post(session, event))[0] != 200:
                return False
            acknowledged.append(event["event_id"])
            return True

        await wait_until(takes_events, within=10, what="it takes events again")
        assert [event["event_id"] for event in await whole_log(session)] == acknowledged
        async with session.get("/api/status") as response:
            assert (await response.json())["events"]["error"] is None
        database = sqlite3.connect(small_disk / "data" / "events.db")
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        database.close()


async def test_a_locked_file_asks_senders_to_wait_and_passes(tmp_path: Path) -> None:
    async with running(tmp_path) as (_, session):
        assert await post(session, body()) == (200, "")
        other = sqlite3.connect(tmp_path / "data" / "events.db", isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            event = body(event_id=uuid4())
            assert await post(session, event) == (503, "STORAGE_FAILED")
            async with session.get("/readyz") as response:
                assert "locked" in (await response.json())["checks"]["event_log"]["reason"]
            other.execute("COMMIT")
        finally:
            other.close()
        assert await post(session, event) == (200, "")
        assert len(await whole_log(session)) == 2


async def test_a_log_of_a_newer_version_ends_the_start_with_one_sentence(tmp_path: Path) -> None:
    async with running(tmp_path) as (_, session):
        assert await post(session, body()) == (200, "")
    database = sqlite3.connect(tmp_path / "data" / "events.db")
    with database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    web = WebProcess(tmp_path)
    web.process.start()
    try:
        assert await web.process.ended(within=30) != 0
    finally:
        web.end()
    output = web.process.output()
    assert "made by a newer version of Face Match (schema 9999)" in output
    assert "Traceback" not in output


async def test_a_database_server_that_is_restarted_is_found_again(tmp_path: Path) -> None:
    with postgres_server() as server:
        url = (await new_database("postgresql", tmp_path, server)).replace("+asyncpg", "")
        async with running(tmp_path, database_url=url) as (web, session):
            assert await post(session, body()) == (200, "")
            server.stop()
            event = body(event_id=uuid4())
            assert await post(session, event) == (503, "STORAGE_FAILED")
            async with session.get("/api/events") as response:
                assert response.status == 503
            async with session.get("/api/status") as response:
                assert (await response.json())["events"]["count"] == 0 or response.status == 200
            server.start_again()

            async def takes_it() -> bool:
                return (await post(session, event))[0] == 200

            await wait_until(takes_it, within=20, what="it takes events again")
            assert len(await whole_log(session)) == 2
            assert "Traceback" not in web.process.output()


async def test_a_log_of_a_newer_version_is_no_reason_to_start_again(tmp_path: Path) -> None:
    """Exit code 2, as for bad settings: supervisors leave it at that."""
    async with running(tmp_path):
        pass
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "events.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    web = WebProcess(tmp_path)
    web.process.start()
    try:
        assert await web.process.ended(within=30) == 2
    finally:
        web.end()
    assert "Face Match cannot start: The event log was made by a newer version" in web.process.output()
    assert "Traceback" not in web.process.output()
