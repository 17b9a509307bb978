from __future__ import annotations

import asyncio
import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from facematch.recognizer.process.shutdown import CLOSE_SECONDS, Shutdown, close_in_time, dump_stacks
from facematch.runtime.exit_codes import ExitCode
from tests.rig.virtual_time import now, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest_asyncio.fixture
async def shutdown() -> AsyncIterator[Shutdown]:
    yield Shutdown()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().remove_signal_handler(number)


async def receive(number: signal.Signals) -> None:
    """A real signal, from this process to itself."""
    os.kill(os.getpid(), number)
    await asyncio.sleep(0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_dumps_the_stacks_and_sets_the_flag(shutdown: Shutdown, number: signal.Signals) -> None:
    shutdown.on_signals()
    with capture_logs() as lines:
        await receive(number)
        await asyncio.wait_for(shutdown.wait(), 5)
    assert [line["log_level"] for line in lines] == ["warning", "warning"]
    assert lines[0]["event"] == f"Received {number.name}; initiating graceful shutdown and dumping stacks..."
    assert "Thread MainThread" in lines[1]["event"]
    assert shutdown.code is ExitCode.STOPPED


async def test_a_second_signal_changes_nothing(shutdown: Shutdown) -> None:
    shutdown.on_signals()
    with capture_logs() as lines:
        await receive(signal.SIGTERM)
        await shutdown.wait()
        await receive(signal.SIGINT)
        for _ in range(5):
            await asyncio.sleep(0)
    assert len(lines) == 2


async def test_the_first_reason_decides_the_exit_code(shutdown: Shutdown) -> None:
    requested = [shutdown.requested]
    shutdown.request(ExitCode.MEMORY_LIMIT)
    shutdown.request(ExitCode.CREDENTIALS_REFUSED)
    requested.append(shutdown.requested)
    assert requested == [False, True]
    assert shutdown.code is ExitCode.MEMORY_LIMIT


async def test_a_signal_after_another_reason_keeps_its_exit_code(shutdown: Shutdown) -> None:
    shutdown.on_signals()
    shutdown.request(ExitCode.MEMORY_LIMIT)
    await receive(signal.SIGTERM)
    assert shutdown.code is ExitCode.MEMORY_LIMIT


async def test_everybody_who_waits_is_woken(shutdown: Shutdown) -> None:
    waiting = [asyncio.create_task(shutdown.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    shutdown.request(ExitCode.STOPPED)
    await asyncio.wait_for(asyncio.gather(*waiting), 5)


async def test_the_dump_names_threads_and_tasks_with_their_places() -> None:
    release = threading.Event()
    thread = threading.Thread(target=release.wait, name="a busy thread")
    thread.start()
    task = asyncio.create_task(asyncio.sleep(60), name="a waiting task")
    try:
        await asyncio.sleep(0)
        dump = dump_stacks()
    finally:
        release.set()
        thread.join()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert "Thread a busy thread:" in dump
    assert "test_shutdown.py" in dump
    assert "Task a waiting task at " in dump


async def test_the_dump_takes_a_task_that_has_not_begun() -> None:
    task = asyncio.create_task(asyncio.sleep(0), name="not begun")
    assert "Task not begun at " in dump_stacks()
    await task


def test_what_is_done_beside_the_flag_is_handed_over() -> None:
    async def work() -> str:
        await asyncio.sleep(1.0)
        return "done"

    assert run(Shutdown().beside(work())) == "done"


def test_what_fails_beside_the_flag_is_raised() -> None:
    async def work() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(Shutdown().beside(work()))


def test_the_flag_waits_for_nothing_beside_it() -> None:
    async def scenario() -> float:
        shutdown = Shutdown()
        asyncio.get_running_loop().call_later(2.0, shutdown.request, ExitCode.STOPPED)
        assert await shutdown.beside(asyncio.sleep(10.0, "too late")) is None
        return now()

    assert run(scenario()) == 2.0


def test_all_is_closed_side_by_side_and_a_failure_is_said() -> None:
    closed = []

    async def close(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if name == "broken":
            raise ZeroDivisionError
        closed.append(name)

    async def scenario() -> float:
        await close_in_time(close("a", 0.5), close("broken", 0.1), close("b", 0.4))
        return now()

    with capture_logs() as lines:
        assert run(scenario()) == 0.5
    assert closed == ["b", "a"]
    assert [line["log_level"] for line in lines] == ["error"]


def test_what_does_not_close_is_not_waited_for() -> None:
    async def scenario() -> float:
        await close_in_time(asyncio.sleep(3600.0), asyncio.sleep(0.1))
        return now()

    with capture_logs() as lines:
        assert run(scenario()) == CLOSE_SECONDS
    assert [(line["log_level"], line["count"]) for line in lines] == [("warning", 1)]
