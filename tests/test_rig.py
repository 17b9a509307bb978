"""The rig of the tests keeps its own promises: ports that are nobody else's, and waits that end with a death."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import psutil
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from facematch.config.settings import ROOT
from tests.rig.breaking import Break, Breaking, Part
from tests.rig.hosts import hosts_or_skip
from tests.rig.lasting import LASTING
from tests.rig.listener import Listener, is_match
from tests.rig.livekit_server import LiveKitServer
from tests.rig.ports import candidates, free_tcp_port, free_udp_port
from tests.rig.process import Process, forget_the_ended, started
from tests.rig.publishing import join_token
from tests.rig.schedule import ByFile
from tests.rig.waiting import DiedError, NeverHappenedError, wait_until_true
from tests.rig.watch_record import Spell
from tests.rig.webhook_receiver import WebhookReceiver

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


@pytest.mark.parametrize(
    ("breaks", "gap", "allowed"),
    [
        ([], (10.0, 11.0), 0.0),
        ([(Part.WEB, 5.0, 9.0, 12.0)], (10.0, 11.0), 0.0),  # moves no room by itself
        ([(Part.RECOGNIZER, 5.0, 9.0, None)], (10.0, 11.0), 5.0),
        ([(Part.RECOGNIZER, 5.0, 1.0, 4.0)], (10.0, 11.0), 0.0),  # long over
        ([(Part.RECOGNIZER, 5.0, 9.0, 12.0), (Part.WEB, 3.0, 9.0, 12.0)], (10.0, 11.0), 8.0),  # delays what moves it
        ([(Part.RECOGNIZER, 5.0, 8.0, None), (Part.RECOGNIZER, 6.0, 9.0, 11.0)], (10.0, 12.0), 12.0),  # 1 s: nobody is
        ([(Part.LIVEKIT, 15.0, 9.0, 11.0)], (10.0, 12.0), 16.0),
    ],
)
def test_what_a_room_may_go_without_anybody_is_what_each_break_allows_that_is_felt(
    breaks: list[tuple[Part, float, float, float | None]], gap: tuple[float, float], allowed: float
) -> None:
    web = ["one", "other"]
    fleet: Any = SimpleNamespace(workers={"a": "worker a", "b": "worker b"}, replicas=SimpleNamespace(processes=web))
    breaking = Breaking(fleet, cast("Any", None), None, seed=1)
    targets = iter(["worker a", "worker b"])
    breaking.breaks = [Break("", part, seconds, at, next(targets), to) for part, seconds, at, to in breaks]
    assert breaking.allowed(Spell("room", *gap, seen=gap[1])) == pytest.approx(allowed, abs=0.3)


async def test_a_connection_to_a_receiver_of_webhooks_is_not_left_behind_by_a_test_and_ends_with_it() -> None:
    before, receiver = asyncio.all_tasks(), WebhookReceiver()
    await receiver.start()
    _, writer = await asyncio.open_connection("127.0.0.1", receiver.port)
    try:
        await wait_until_true(lambda: asyncio.all_tasks() - before, within=SOON, what="it serves the connection")
        assert asyncio.all_tasks() - before <= {*LASTING}
    finally:
        await receiver.stop()
        writer.close()
        await writer.wait_closed()
    await wait_until_true(lambda: not asyncio.all_tasks() - before, within=SOON, what="the connection has ended")


async def test_what_is_in_a_room_sends_nothing_by_the_switch_of_another_test(tmp_path: Path) -> None:
    livekit = LiveKitServer(tmp_path)
    command = [sys.executable, "-m", "tests.rig.restless", livekit.url, join_token("switch", "restless")]
    client = Process("restless", command, env={"PATH": os.environ["PATH"]}, log=tmp_path / "restless.log")
    with hosts_or_skip(1) as hosts:
        try:
            livekit.start()
            client.start()
            await client.says("connected", within=LONG)
            sockets = psutil.Process(client.pid).net_connections("udp")
            assert any(socket.laddr for socket in sockets)
            assert not [socket for socket in sockets if socket.laddr and socket.laddr.ip == hosts.address]
        finally:
            client.end()
            livekit.stop()


async def test_a_failure_shows_what_the_test_has_started_and_nothing_older(doomed: Process) -> None:
    doomed.start()
    assert doomed in started()
    assert await doomed.ended(LONG) == 7
    assert doomed in started()
    forget_the_ended()
    assert doomed not in started()


def test_what_a_quick_run_leaves_out_is_where_test_sh_looks_for_it() -> None:
    said = (ROOT / "test.sh").read_text("utf-8")
    whole, parts = (re.search(rf"^{name}=\((.*?)^\)", said, re.DOTALL | re.MULTILINE) for name in ("long", "real"))
    assert whole is not None
    assert parts is not None
    paths = whole[1].split()
    assert {"tests/e2e", "tests/faults"} < set(paths)
    assert [path for path in paths if not (ROOT / path).exists()] == []
    for part in parts[1].split():
        path, name = part.split("::")
        assert f"def {name}(" in (ROOT / path).read_text("utf-8")


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


class Worker:
    """As the scheduler of a run sees one of its processes."""

    gateway = SimpleNamespace(id="one of two")

    def __init__(self, collected: list[str]) -> None:
        self.collected = collected
        self.given: list[str] = []
        self.shutting_down = False

    def send_runtest_some(self, numbers: list[int]) -> None:
        self.given += [self.collected[number] for number in numbers]

    def shutdown(self) -> None:
        self.shutting_down = True


class TwoWorkers:
    """The options of a run that `ByFile` asks for."""

    option = SimpleNamespace(loadscopereorder=False)

    def __init__(self, *, faults: bool) -> None:
        self._values = {"tx": ["2*popen"], "--faults": faults}

    def getvalue(self, name: str) -> Any:
        return self._values[name]

    getoption = getvalue


def run_by_file(collected: list[str], *, faults: bool) -> tuple[list[str], list[str]]:
    """Which of two workers is given what, when both take the same time for each test."""
    workers = Worker(collected), Worker(collected)
    scheduler = ByFile(TwoWorkers(faults=faults), None)
    for worker in workers:
        scheduler.add_node(worker)
        scheduler.add_node_collection(worker, collected)
    scheduler.schedule()
    done = [0, 0]
    turns = 0
    while len(workers[0].given) + len(workers[1].given) > sum(done) or not all(one.shutting_down for one in workers):
        turns += 1
        assert turns <= 2 * len(collected), "somebody waits for nothing"
        for index, worker in enumerate(workers):
            if done[index] < len(worker.given):
                scheduler.mark_test_complete(worker, collected.index(worker.given[done[index]]))
                done[index] += 1
            if worker.shutting_down and done[index] == len(worker.given) and worker in scheduler.nodes:
                scheduler.remove_node(worker)
    return workers[0].given, workers[1].given


def named(*files: str) -> list[str]:
    return [f"tests/{file}.py::test_{number}" for file in files for number in range(4)]


@pytest.mark.parametrize("faults", [False, True])
def test_the_tests_of_a_file_stay_together(faults: bool) -> None:
    collected = named("e2e/test_a", "test_b", "test_c", "faults/test_d", "faults/test_e")
    given = run_by_file(collected, faults=faults)
    assert sorted(given[0] + given[1]) == sorted(collected)
    files = [{test.partition("::")[0] for test in one} for one in given]
    assert files[0] & files[1] == set()
    assert files[0]
    assert files[1]


def test_proofs_at_their_whole_length_have_the_machine_to_themselves() -> None:
    proofs = named("faults/test_d", "faults/test_e")
    given = run_by_file(named("e2e/test_a", "test_b", "test_c") + proofs, faults=True)
    [one] = [one for one in given if set(one) & set(proofs)]
    assert one[-len(proofs) :] == proofs
