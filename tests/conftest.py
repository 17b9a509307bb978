"""Shared by every test: settings that nothing outside the test decides, free ports, and a guard on leaked tasks."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import signal
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import pytest_asyncio
import structlog

from facematch.config.settings import Settings
from tests.rig import nursery
from tests.rig.lasting import LASTING
from tests.rig.ports import free_tcp_port, free_udp_port
from tests.rig.process import forget_the_ended, started
from tests.rig.schedule import ByFile, arrange
from tools.page import build
from tools.setup.work import SetupError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterator
    from types import FrameType

    from xdist.remote import Producer

KEPT = {"MODEL_CACHE"}
"""A cache of things that cost minutes to make; what is in it does not depend on who made it."""

_LOOP_TURNS_TO_FINISH = 20


def pytest_addoption(parser: pytest.Parser) -> None:
    """Here and not in tests/faults: options are read before that folder is."""
    parser.addoption("--faults", action="store_true", help="run the proofs of tests/faults for their whole length")


def pytest_configure(config: pytest.Config) -> None:
    """The page is that of the present sources. A traceback in the log is plain, as the product's: to draw one with all
    that its frames hold takes most of a second.

    A run that is told to end (a time limit, a shell that closes) ends what it started, as after Ctrl-C.
    """
    if not hasattr(config, "workerinput"):
        try:
            build()
        except SetupError as error:
            raise pytest.UsageError(f"the page cannot be built: {error}") from error
    console = structlog.get_config()["processors"][-1]
    console.exception_formatter = structlog.dev.plain_traceback
    hands_out = bool(config.getoption("numprocesses", None)) and not hasattr(config, "workerinput")

    def end(number: int, frame: FrameType | None) -> None:
        if hands_out:  # a terminal's Ctrl-C reaches the workers as well
            for worker in psutil.Process().children():
                worker.terminate()
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGTERM, end)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    arrange(config, items)


def pytest_collection_finish() -> None:
    """Thousands of collected tests stay to the end: the garbage collector need not look through them again. It comes
    seldom: what an application is made of outlives its first looks anyway.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile | None:
    """For `--dist loadfile`, as test.sh says."""
    return ByFile(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_sessionfinish() -> None:
    nursery.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure shows what the processes said."""
    report = yield
    if report.failed:
        for process in started():
            report.sections.append((f"Output of {process.name} ({process.log})", process.tail()))
    return report


@pytest.hookimpl(trylast=True)
def pytest_runtest_logfinish() -> None:
    """Of the next test they explain nothing."""
    forget_the_ended()


@pytest.fixture(scope="session", autouse=True)
def _settings_only_from_the_test() -> Iterator[None]:
    """No `.env` of the checkout and no variable of the developer's shell reaches a test."""
    with pytest.MonkeyPatch.context() as patch:
        for field in Settings.model_fields:
            for name in {variable for variable in os.environ if variable.upper() == field.upper()} - KEPT:
                patch.delenv(name)
        patch.setitem(Settings.model_config, "env_file", None)
        yield


@pytest.fixture
def tcp_port() -> int:
    """A TCP port of the loopback interface that nothing listened on a moment ago."""
    return free_tcp_port()


@pytest.fixture
def udp_port() -> int:
    """The same for UDP."""
    return free_udp_port()


@pytest.fixture(autouse=True)
def _no_task_left_behind(request: pytest.FixtureRequest) -> None:
    """Every coroutine test ends with no task but its own; fixtures are torn down before the count."""
    if inspect.iscoroutinefunction(getattr(request.node, "obj", None)):
        request.getfixturevalue("_task_guard")


@pytest_asyncio.fixture
async def _task_guard() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    for _ in range(_LOOP_TURNS_TO_FINISH):  # a task that was cancelled last needs a turn or two to notice
        leaked = _others(before)
        if not leaked:
            return
        await asyncio.sleep(0)
    pytest.fail("tasks left running: " + "; ".join(_describe(task) for task in leaked), pytrace=False)


def _others(before: set[asyncio.Task[Any]]) -> list[asyncio.Task[Any]]:
    new = asyncio.all_tasks() - before - set(LASTING)
    return [task for task in new if task is not asyncio.current_task() and not task.done()]


def _describe(task: asyncio.Task[Any]) -> str:
    coroutine = task.get_coro()
    return f"{task.get_name()} ({getattr(coroutine, '__qualname__', coroutine)})"
