"""The recognizer as a process: how it ends, what it says then, and with which exit code."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import pytest

from tests.rig.listener import is_check
from tests.rig.photographs import STRANGER, Scene
from tests.rig.process import Process
from tests.rig.waiting import wait_until_true

if TYPE_CHECKING:
    from tests.rig.stack import Stack
    from tests.rig.stacks import MakeStack

FIRST = 30
END_SECONDS = 5.0

SAID = (
    "Received {signal}; initiating graceful shutdown and dumping stacks...",
    "Graceful shutdown flag detected; breaking main loop",
)


@pytest.mark.parametrize("state", ["hold", "wait", "probe", "nobody"])
async def test_sigterm_in_every_state(make_stack: MakeStack, state: str) -> None:
    stack = make_stack(hold_seconds=60, wait_seconds=60, batch_timeout_seconds=60)
    await stack.start()
    async with stack.publishers() as publishers:
        if state == "hold":
            await publishers.on_air(stack.room, "Alice", Scene())
        elif state == "wait":
            await publishers.on_air(stack.room, "Alice", Scene(STRANGER))
        elif state == "probe":  # one frame a minute: the batch waits for its second
            await publishers.on_air(stack.room, "Alice", Scene(STRANGER), fps=1 / 60)
        if state != "nobody":
            await stack.track_in("Alice", state, within=FIRST)
        await _ends_gracefully(stack)


async def test_sigint_ends_it_as_well(make_stack: MakeStack) -> None:
    stack = make_stack()
    await stack.start()
    await _ends_gracefully(stack, signal.SIGINT)


async def test_sigterm_while_the_api_is_away(make_stack: MakeStack) -> None:
    stack = make_stack()
    await stack.start()
    async with stack.listen() as events, stack.publishers() as publishers:
        await publishers.on_air(stack.room, "Alice")
        await events.next(is_check("Alice"), within=FIRST)
        stack.api.kill()
        await wait_until_true(
            lambda: "API does not take events" in stack.recognizer.output(), within=10, what="an event has failed"
        )
        await _ends_gracefully(stack)


async def test_sigterm_while_livekit_was_never_there(make_stack: MakeStack) -> None:
    stack = make_stack(livekit_url="ws://127.0.0.1:9")
    await stack.start_api()
    stack.recognizer.start()
    await wait_until_true(
        lambda: "LiveKit cannot be reached" in stack.recognizer.output(), within=30, what="a connection has failed"
    )
    assert stack.recognizer.alive
    await _ends_gracefully(stack)


async def test_sigterm_while_another_recognizer_has_the_outbox(make_stack: MakeStack) -> None:
    stack = make_stack()
    await stack.start()
    log = stack.folder / "second.log"
    other = Process("second", [sys.executable, "main.py"], env=stack.environment, log=log, prepared=True)
    other.start()
    try:
        await other.says("Another recognizer has the outbox", within=30)
        code, seconds = await other.terminate(within=END_SECONDS)
        assert code == 0, other.tail()
        assert seconds < END_SECONDS
        assert SAID[1] in other.output()
        assert stack.recognizer.alive
    finally:
        other.end()


async def test_refused_credentials_are_exit_code_4_and_no_token_is_said(make_stack: MakeStack) -> None:
    stack = make_stack(livekit_api_secret="not-the-secret-of-this-server-at-all")
    stack.recognizer.start()
    assert await stack.recognizer.ended(within=30) == 4
    output = stack.recognizer.output()
    assert "LIVEKIT_API_SECRET" in output
    assert "eyJ" not in output  # how every JWT begins
    assert "not-the-secret" not in output


@pytest.mark.parametrize("argv", [["main.py"], ["-m", "uvicorn", "api:app", "--port", "1"]], ids=["recognizer", "api"])
async def test_bad_settings_are_exit_code_2_and_all_named(make_stack: MakeStack, argv: list[str]) -> None:
    stack = make_stack(hold_seconds="soon", batch_max_frames=0, log_level="LOUD", memory_exit_ratio="nan")
    log = stack.folder / "refused.log"
    child = Process("refused", [sys.executable, *argv], env=stack.environment, log=log, prepared=True)
    child.start()
    assert await child.ended(within=30) == 2, child.tail()
    output = child.output()
    for variable in ("HOLD_SECONDS", "BATCH_MAX_FRAMES", "LOG_LEVEL", "MEMORY_EXIT_RATIO"):
        assert output.count(f"  {variable}: ") == 1, output
    assert "Traceback" not in output


async def test_the_memory_limit_is_exit_code_3(make_stack: MakeStack) -> None:
    stack = make_stack(memory_warn_ratio=0.0001, memory_exit_ratio=0.0002)
    await stack.start_api()
    stack.recognizer.start()
    assert await stack.recognizer.ended(within=30) == 3
    output = stack.recognizer.output()
    assert ">= exit ratio" in output
    assert SAID[1] in output


async def _ends_gracefully(stack: Stack, number: signal.Signals = signal.SIGTERM) -> None:
    stack.recognizer.send(number)
    assert await stack.recognizer.ended(within=END_SECONDS) == 0
    output = stack.recognizer.output()
    at = [output.index(sentence.format(signal=number.name)) for sentence in SAID]
    assert at == sorted(at)
    assert "MainThread" in output[at[0] :]  # the stacks
    assert "Traceback" not in output
