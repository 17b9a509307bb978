"""An event log in a file is served by one process, however the second one is started."""

from __future__ import annotations

import asyncio
import fcntl
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import aiohttp
import pytest

from facematch.runtime.exit_codes import ExitCode
from facematch.server.storage import sole_process
from facematch.server.storage.database import sqlite_url
from facematch.server.storage.sole_process import AlreadyServedError, served_alone
from tests.rig.web import WebProcess

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def url(tmp_path: Path) -> str:
    return sqlite_url(tmp_path / "data" / "events.db")


async def test_one_at_a_time(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sole_process, "HANDOVER_SECONDS", 0.0)
    for _ in range(2):
        async with served_alone(url):
            with pytest.raises(AlreadyServedError, match=rf"process {os.getpid()}\) serves the event log in .*data"):
                async with served_alone(url):
                    pass
            assert (tmp_path / "data" / "events.lock").stat().st_mode & 0o777 == 0o600


async def test_whoever_ends_is_waited_for(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sole_process, "_LOOK_SECONDS", 0.001)
    first, begun = served_alone(url), asyncio.Event()
    await first.__aenter__()

    async def second() -> None:
        begun.set()
        async with served_alone(url):
            pass

    waiting = asyncio.create_task(second())
    await begun.wait()
    await asyncio.sleep(0)
    await first.__aexit__(None, None, None)
    async with asyncio.timeout(5):
        await waiting


async def test_nothing_is_left_locked_by_a_process_that_was_killed(url: str, tmp_path: Path) -> None:
    async with served_alone(url):
        pass
    hold = "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); input()"
    command = [sys.executable, "-c", hold, str(tmp_path / "data" / "events.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:  # noqa: ASYNC220
        assert other.stdout is not None
        assert await asyncio.to_thread(other.stdout.readline) == b"held\n"
        other.kill()
        async with served_alone(url):
            pass


async def test_on_postgresql_there_may_be_several() -> None:
    url = "postgresql+asyncpg://me@127.0.0.1:1/x"
    async with served_alone(url), served_alone(url):
        pass


async def test_where_files_cannot_be_locked_the_log_says_so(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    async with served_alone(url), served_alone(url):
        pass
    assert "It cannot be made sure that no other process serves this event log" in capsys.readouterr().out


async def test_a_second_web_process_on_the_same_log_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    first, second = WebProcess(tmp_path), WebProcess(tmp_path)
    try:
        await first.start()
        second.process.start()
        assert await second.process.ended(within=90) == ExitCode.BAD_SETTINGS
        assert "Traceback" not in second.process.output()
        assert f"Face Match cannot start: Another Face Match (process {first.process.pid})" in second.process.output()
        async with aiohttp.ClientSession() as session, session.get(f"{first.base_url}/livez") as response:
            assert response.status == 200
    finally:
        first.end()
        second.end()


async def test_several_workers_are_refused_as_a_whole(tmp_path: Path) -> None:
    web = WebProcess(tmp_path, web_concurrency=3)  # uvicorn's own variable for --workers
    web.process.start()
    try:
        await web.process.ended(within=150)
    finally:
        web.end()
    assert "start uvicorn without --workers" in web.process.output()
    assert "Traceback" not in web.process.output()
