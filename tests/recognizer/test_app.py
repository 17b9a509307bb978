"""The recognizer as a whole, whose end nothing may hold up: a lock of somebody else's, a disk that hangs."""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from facematch.config.settings import Settings
from facematch.faces.models import ModelError
from facematch.recognizer import app
from facematch.recognizer.delivery.outbox_store import OutboxStore, open_outbox
from facematch.recognizer.delivery.snapshots import Snapshots
from facematch.recognizer.process import shutdown
from facematch.recognizer.process.shutdown import Shutdown
from facematch.runtime.exit_codes import ExitCode
from tests.rig import stand_ins

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BROKEN_SECONDS = 10
"""After which a test gives up; none takes nearly as long."""


class Hanging:
    """What blocks every thread that comes by, until the end of the test."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._over = threading.Event()

    def block(self, *_: object) -> None:
        self.reached.set()
        self._over.wait(BROKEN_SECONDS)

    def end(self) -> None:
        self._over.set()


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    disk = Hanging()
    yield disk
    disk.end()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Of a recognizer that reaches nobody, with no engine and without a hold on this process's signals."""

    async def nothing() -> None: ...

    engine = stand_ins.engine(read_stored=None, aclose=nothing)
    monkeypatch.setattr(app, "FaceEngine", lambda **_: engine)
    monkeypatch.setattr(app, "make_encoder", lambda *_: None)
    opened: list[OutboxStore] = []
    close = OutboxStore.close

    def on_signals(flag: Shutdown) -> None:
        flags.append(flag)

    def opening(path: Path) -> OutboxStore:
        opened.append(open_outbox(path))
        return opened[-1]

    monkeypatch.setattr(Shutdown, "on_signals", on_signals)
    monkeypatch.setattr(app, "open_outbox", opening)
    flags.clear()
    yield Settings(
        _env_file=None,
        livekit_url="ws://127.0.0.1:9",
        api_base_url="http://127.0.0.1:9",
        data_dir=tmp_path / "data",
        output_dir=tmp_path / "captures",
        reference_image=tmp_path / "reference.jpg",
    )
    for store in opened:  # the end of the process closes it where the recognizer did not
        close(store)


flags: list[Shutdown] = []
"""The flag of the recognizer at work."""


async def told_to_stop_once(event: threading.Event, settings: Settings) -> ExitCode:
    """Run the recognizer, and set its flag when this has happened."""
    running = asyncio.create_task(app.run(settings))
    begun = asyncio.create_task(asyncio.to_thread(event.wait, BROKEN_SECONDS))
    await asyncio.wait([running, begun], return_when=asyncio.FIRST_COMPLETED)
    assert event.is_set(), running
    flags[0]._on_signal(signal.SIGTERM)
    async with asyncio.timeout(BROKEN_SECONDS):
        return await running


@pytest.mark.parametrize("where", ["open_outbox", "recover"])
async def test_sigterm_while_the_outbox_is_being_opened(
    settings: Settings, hanging: Hanging, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(app, where, hanging.block)
    with capture_logs() as lines:
        assert await told_to_stop_once(hanging.reached, settings) is ExitCode.STOPPED
    assert not hanging._over.is_set()
    assert lines[-1]["event"] == "Graceful shutdown flag detected; breaking main loop"


@pytest.mark.parametrize("whose", [OutboxStore, Snapshots])
async def test_sigterm_while_the_disk_hangs(
    settings: Settings, hanging: Hanging, monkeypatch: pytest.MonkeyPatch, whose: type
) -> None:
    monkeypatch.setattr(shutdown, "CLOSE_SECONDS", 0.2)
    monkeypatch.setattr(whose, "close", hanging.block)
    begun = threading.Event()
    stay_in = app.stay_in

    async def stay(*arguments: object) -> None:
        begun.set()
        await stay_in(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(app, "stay_in", stay)
    with capture_logs() as lines:
        assert await told_to_stop_once(begun, settings) is ExitCode.STOPPED
    assert hanging.reached.is_set()
    assert not hanging._over.is_set()
    assert [line["count"] for line in lines if line["event"].startswith("Ending without waiting")] == [1]


async def test_models_that_cannot_be_loaded_are_one_sentence(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(*_: object) -> None:
        raise ModelError("the face encoder cannot be written to /x: set MODEL_CACHE to another folder")

    monkeypatch.setattr(app, "make_encoder", make)
    with capture_logs() as lines:
        assert await app.run(settings) is ExitCode.FAILED
    assert "set MODEL_CACHE" in lines[-1]["reason"]
    assert "exc_info" not in lines[-1]


async def test_a_data_folder_that_cannot_be_made_is_named_with_its_variable(settings: Settings) -> None:
    settings.data_dir.write_text("a file")
    with capture_logs() as lines:
        assert await app.run(settings) is ExitCode.FAILED
    assert "DATA_DIR" in lines[-1]["event"]
    assert lines[-1]["folder"] == str(settings.data_dir)
