"""The rig of the tests keeps its own promises: ports that are nobody else's, and waits that end with a death."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from facematch.config.settings import ROOT
from tests.rig.listener import Listener, is_match
from tests.rig.ports import candidates, free_tcp_port, free_udp_port
from tests.rig.process import Process
from tests.rig.waiting import DiedError, NeverHappenedError, wait_until_true

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG = 60
SOON = 20

MANY = "from tests.rig.ports import free_tcp_port; print(*(free_tcp_port() for _ in range(200))); input()"


def test_ports_are_below_those_of_outgoing_connections() -> None:
    ports = {free_tcp_port() for _ in range(20)} | {free_udp_port() for _ in range(20)}
    assert len(ports) == 40
    assert all(port in candidates() for port in ports)
    lowest, _ = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("ascii").split()
    if int(lowest) > candidates().start + 1000:
        assert candidates().stop <= int(lowest)


def test_no_two_processes_are_given_the_same_port() -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", MANY], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    try:
        given = []
        for child in children:
            assert child.stdout is not None
            given += child.stdout.readline().split()
        assert len(set(given)) == len(given) == 400
    finally:
        for child in children:
            child.communicate("\n", timeout=LONG)


@pytest.fixture
def doomed(tmp_path: Path) -> Iterator[Process]:
    """Says a word and ends by itself."""
    command = [sys.executable, "-c", "print('the last words'); raise SystemExit(7)"]
    process = Process("doomed", command, env={}, log=tmp_path / "doomed.log")
    yield process
    process.end()


async def test_a_death_ends_the_wait_at_once_and_shows_the_log(doomed: Process) -> None:
    began = time.monotonic()
    doomed.start()
    with pytest.raises(DiedError, match=r"(?s)doomed ended by itself with exit code 7.*the last words"):
        await wait_until_true(lambda: False, within=LONG, what="something that it would do")
    assert time.monotonic() - began < SOON
    with pytest.raises(NeverHappenedError):  # it is told once
        await wait_until_true(lambda: False, within=0, what="anything")


async def test_a_death_ends_the_wait_for_an_event_as_well(doomed: Process) -> None:
    async def say_nothing(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()
        return socket

    app = web.Application()
    app.router.add_get("/ws/matches", say_nothing)
    async with TestServer(app) as server, Listener(str(server.make_url("")).rstrip("/")) as events:
        doomed.start()
        with pytest.raises(DiedError, match="doomed ended by itself"):
            await events.next(is_match(), within=LONG)


async def test_an_end_that_is_asked_for_or_waited_for_is_none(doomed: Process, tmp_path: Path) -> None:
    doomed.start()
    assert await doomed.ended(LONG) == 7
    patient = Process("patient", ["sleep", str(LONG)], env={"PATH": "/usr/bin:/bin"}, log=tmp_path / "patient.log")
    for end in (patient.kill, patient.end, lambda: patient.send(signal.SIGTERM)):
        patient.start()
        end()
        await patient.ended(LONG)
    with pytest.raises(NeverHappenedError):
        await wait_until_true(lambda: False, within=0, what="anything")


def test_what_two_files_of_tests_need_lies_in_the_rig() -> None:
    """Importing from each other, they could not be read, moved or run alone."""
    tests = ROOT / "tests"
    for file in sorted(tests.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tests."):
                last = node.module.rpartition(".")[2]
                allowed = node.module.startswith("tests.rig") or (last == "conftest" and file.name != "conftest.py")
                if allowed and last == "conftest":
                    allowed = file.parent == ROOT.joinpath(*node.module.split(".")).parent
                assert allowed, f"{file.relative_to(ROOT)} imports from {node.module}"
