"""run.sh as a user types it: what it says, what it starts, and that nothing of it is left."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

import psutil
import pytest
from dotenv import dotenv_values

from facematch.config.settings import ROOT
from facematch.launcher import livekit_server
from facematch.launcher.__main__ import environment
from facematch.launcher.launch import LaunchError
from facematch.launcher.probe import accepts, get
from tests.rig.livekit_server import KEY, SECRET, server_binary
from tests.rig.own_server import OwnServer
from tests.rig.ports import free_tcp_port, free_udp_port
from tests.rig.process import Process
from tests.rig.run_sh import RunSh
from tests.rig.waiting import wait_until, wait_until_true

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.rig.livekit_server import LiveKitServer

pytestmark = pytest.mark.xdist_group("launch")
"""A LiveKit server of ours takes its usual media port, or whichever is free: one at a time."""

START_SECONDS = 60
STOP_SECONDS = 10


@pytest.fixture
def run_sh(tmp_path: Path, livekit: LiveKitServer) -> Iterator[RunSh]:
    """For what only this test starts."""
    start = RunSh(tmp_path, livekit)
    yield start
    start.end(patience=STOP_SECONDS + 2)


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory, livekit: LiveKitServer) -> Iterator[RunSh]:
    """Its `running` is left to the next test by whoever does not end it."""
    start = RunSh(tmp_path_factory.mktemp("run"), livekit)
    yield start
    start.end(patience=STOP_SECONDS + 2)


async def ready(process: Process) -> list[psutil.Process]:
    """Its children once it says that all is ready."""
    await wait_until_true(
        lambda: "Face Match is ready: http://localhost:" in process.output(),
        within=START_SECONDS,
        what="run.sh is ready",
    )
    assert "API does not take events" not in process.output()  # who starts it is told of no trouble
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) == 2, children
    return children


def left(children: list[psutil.Process]) -> list[psutil.Process]:
    return [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


async def test_the_same_port_twice_says_who_is_there(standing: RunSh, run_sh: RunSh, tcp_port: int) -> None:
    first = standing.running or standing(tcp_port)
    await ready(first)

    second = run_sh(standing.port)

    assert await second.ended(START_SECONDS) == 1
    assert second.output().rstrip().endswith("Another Face Match answers there.")
    assert first.alive


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_a_signal_ends_everything_in_time(standing: RunSh, tcp_port: int, number: signal.Signals) -> None:
    process = standing.running or standing(tcp_port)
    children = await ready(process)

    process.send(number)

    assert await process.ended(STOP_SECONDS) == 0
    assert left(children) == []
    said = process.output()
    assert said.count(f"Received {number.name}") <= 1
    assert "Received SIGTERM; initiating graceful shutdown and dumping stacks..." in said
    assert said.rstrip().endswith("Face Match has stopped.")


async def test_its_own_sudden_death_leaves_nothing(run_sh: RunSh, tcp_port: int) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux tells a child of its parent's death")
    process = run_sh(tcp_port)
    children = await ready(process)

    process.kill()

    await wait_until_true(lambda: not left(children), within=STOP_SECONDS, what="the children are gone")


async def test_a_taken_port_is_one_sentence(run_sh: RunSh) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        process = run_sh(port)
        code = await process.ended(START_SECONDS)

    assert code == 1
    assert process.output().splitlines()[-1] == (
        f"run.sh: Port {port} on 127.0.0.1 is taken: stop what listens there, or set PORT to another."
    )


async def test_refused_credentials_are_told_and_end_everything(run_sh: RunSh, tcp_port: int) -> None:
    process = run_sh(tcp_port, livekit_api_secret="not-the-secret-of-that-server")

    assert await process.ended(START_SECONDS) == 4
    last = process.output().splitlines()[-1]
    assert last.startswith("run.sh: The recognizer stopped by itself with exit code 4")
    assert "LIVEKIT_API_SECRET" in last


async def test_bad_settings_are_all_named(run_sh: RunSh, tcp_port: int) -> None:
    process = run_sh(tcp_port, hold_seconds="ten", log_level="LOUD")

    assert await process.ended(START_SECONDS) == 2
    assert "  HOLD_SECONDS: " in process.output()
    assert "  LOG_LEVEL: " in process.output()


async def test_livekit_is_started_where_nothing_answers_and_ended_with_the_rest(tmp_path: Path, tcp_port: int) -> None:
    own = OwnServer(tmp_path, free_tcp_port(), tcp_port)
    running = asyncio.create_task(own.run())
    await wait_until_true(
        lambda: any(line.startswith("Face Match is ready") for line in own.said) or running.done(),
        within=START_SECONDS,
        what="all is ready",
    )
    if running.done():
        await running
    children = own.pids()
    assert set(children) == {"LiveKit server", "API", "recognizer"}
    listening = {
        connection.laddr.ip
        for connection in children["LiveKit server"].net_connections()
        if connection.status == psutil.CONN_LISTEN or connection.type == socket.SOCK_DGRAM
    }
    assert listening == {"127.0.0.1"}
    assert "demo-secret" not in " ".join(children["LiveKit server"].cmdline())
    kept = dotenv_values(tmp_path / "data" / "keys.env")
    assert str(kept["LIVEKIT_API_SECRET"]) not in " ".join(children["LiveKit server"].cmdline())
    address = ("127.0.0.1", own.livekit_port)
    assert await accepts(*address, key=str(kept["LIVEKIT_API_KEY"]), secret=str(kept["LIVEKIT_API_SECRET"]))
    assert not await accepts(*address, key=KEY, secret=SECRET)  # the pair that everybody knows
    assert await own.recognizer_is_connected()

    data = tmp_path / "beside"  # an event log has place for one API
    data.mkdir(mode=0o700)
    shutil.copy2(tmp_path / "data" / "keys.env", data)
    beside = OwnServer(tmp_path, own.livekit_port, free_tcp_port(), data_dir=data)  # finds that server, knows its keys
    also_running = asyncio.create_task(beside.run())
    await wait_until_true(
        lambda: any(line.startswith("Face Match is ready") for line in beside.said) or also_running.done(),
        within=START_SECONDS,
        what="another start beside it is ready",
    )
    assert set(beside.pids()) == {"API", "recognizer"}
    assert await beside.recognizer_is_connected()
    beside.stop.set()
    async with asyncio.timeout(STOP_SECONDS):
        await also_running

    own.stop.set()
    async with asyncio.timeout(STOP_SECONDS):
        await running

    assert left(list(children.values())) == []


SECRETS = [
    "!Qwol!123!Qwol!123!Qwol!123!Qwol",
    "with a # and: a colon, 32 characters",
    "12345678901234567890123456789012",
    "\"quotes\" and 'others' and \\ and %s",
    "{flow: [style]} & *alias | > @ ` ---",
    "Schlüssel für die Tür, 鍵, 🔑, und mehr",
    "  spaces around, as many as there are ",
]


async def test_a_server_of_ours_takes_whatever_secret_was_chosen(tmp_path: Path) -> None:
    for number, secret in enumerate(SECRETS):
        port = free_tcp_port()
        key = secret[::-1]
        *arguments, config = livekit_server.arguments(port=port, udp_port=free_udp_port())
        server = Process(
            "livekit-server",
            [str(server_binary()), *arguments, config],
            env=livekit_server.environment(key=key, secret=secret),
            log=tmp_path / f"{number}.log",
        )
        server.start()
        try:
            await wait_until(partial(get, "127.0.0.1", port, "/"), within=START_SECONDS, what="it answers")
            assert await accepts("127.0.0.1", port, key=key, secret=secret), secret
            assert not await accepts("127.0.0.1", port, key=key, secret=secret.strip() + "x"), secret
        finally:
            server.kill()


@pytest.mark.parametrize("victim", ["LiveKit server", "API", "recognizer"])
async def test_a_dead_child_is_named_and_ends_everything(tmp_path: Path, tcp_port: int, victim: str) -> None:
    own = OwnServer(tmp_path, free_tcp_port(), tcp_port)
    running = asyncio.create_task(own.run())
    await wait_until_true(lambda: len(own.launch.children) == 3 or running.done(), within=START_SECONDS, what="started")
    children = own.pids()

    children[victim].kill()

    with pytest.raises(LaunchError, match=rf"^The {victim} was ended by SIGKILL; "):
        async with asyncio.timeout(STOP_SECONDS + 5):
            await running
    assert left(list(children.values())) == []


async def test_a_stranger_on_livekits_port_is_told(tmp_path: Path, tcp_port: int) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n<h1>Welcome</h1>")
        writer.close()

    livekit_port = free_tcp_port()
    own = OwnServer(tmp_path, livekit_port, tcp_port)
    async with await asyncio.start_server(answer, "localhost", livekit_port):
        with pytest.raises(LaunchError, match=rf"^Port {livekit_port} is taken by something that is not LiveKit: "):
            await own.run()


async def test_a_server_that_was_not_built_is_told(tmp_path: Path, tcp_port: int) -> None:
    own = OwnServer(tmp_path, free_tcp_port(), tcp_port, model_cache=tmp_path)

    with pytest.raises(LaunchError, match=r"run \./install_fix\.sh\.$"):
        await own.run()


async def test_a_host_that_the_recognizer_could_not_reach_is_refused(tmp_path: Path, tcp_port: int) -> None:
    own = OwnServer(tmp_path, free_tcp_port(), tcp_port, host="192.0.2.7")

    with pytest.raises(LaunchError, match=r"^HOST=192\.0\.2\.7 ") as refused:
        await own.run()
    assert refused.value.exit_code == 2


def test_the_file_adds_to_the_environment_and_the_environment_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / ".env"
    file.write_text("SOMETHING_NEW=1\nHOLD_SECONDS=7\nNO_VALUE\n", "utf-8")
    monkeypatch.setenv("HOLD_SECONDS", "9")

    found = environment(file)

    assert (found["SOMETHING_NEW"], found["HOLD_SECONDS"], found.get("NO_VALUE")) == ("1", "9", None)
    assert environment(tmp_path / "nothing") == dict(os.environ)


def test_run_sh_explains_itself() -> None:
    done = subprocess.run(["./run.sh", "--help"], cwd=ROOT, capture_output=True, text=True, timeout=10, check=True)
    assert done.stdout.startswith("Starts Face Match")
