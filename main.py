"""The recognizer's composition root: settings to objects, objects to tasks, and one exit code."""

from __future__ import annotations

import asyncio
import faulthandler
import hashlib
import os
import sqlite3
import sys
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog

from facematch.config.secret_values import secrets_of
from facematch.config.settings import Settings, load_or_exit
from facematch.faces.encoder import make_encoder
from facematch.faces.engine import FaceEngine
from facematch.recognizer.batch_slots import Places
from facematch.recognizer.counters import Counters
from facematch.recognizer.delivery.api_client import ApiClient
from facematch.recognizer.delivery.outbox import Outbox
from facematch.recognizer.delivery.outbox_store import StoreInUseError, open_outbox
from facematch.recognizer.delivery.snapshots import Snapshots
from facematch.recognizer.erasure_orders import Orders
from facematch.recognizer.heartbeat import Heart
from facematch.recognizer.process.memory import MemorySampler
from facematch.recognizer.process.memory_watchdog import Watchdog
from facematch.recognizer.process.shutdown import ExitCode, Shutdown, close_in_time
from facematch.recognizer.references import References
from facematch.recognizer.room.connection import Connection, CredentialsRefusedError
from facematch.recognizer.room.cooldowns import Cooldowns
from facematch.recognizer.room.cycle import CycleRules
from facematch.recognizer.room.reporter import Reporter
from facematch.recognizer.room.room import RoomWatch
from facematch.recognizer.wakeup import Changed
from facematch.runtime.hang_watchdog import ended_when_hung
from facematch.runtime.logs import configure_logging

if TYPE_CHECKING:
    from pathlib import Path

    from livekit import rtc

    from facematch.recognizer.delivery.outbox_store import OutboxStore

log = structlog.get_logger("facematch.main")

FLUSH_SECONDS = 1.5
"""How long the end waits for the web process to take the last events."""


async def run(settings: Settings) -> ExitCode:
    """Run the recognizer until it is told to stop."""
    shutdown = Shutdown()
    shutdown.on_signals()
    source = uuid4().hex
    engine = FaceEngine(
        workers=settings.frame_executor_workers,
        processed_width=settings.frame_downscale_width,
        encoder=make_encoder(settings.face_encoder, settings.model_cache),
    )
    rules = CycleRules(
        batch_max_frames=settings.batch_max_frames,
        hold_seconds=settings.hold_seconds,
        wait_seconds=settings.wait_seconds,
        batch_timeout_seconds=settings.batch_timeout_seconds,
        threshold=settings.match_tolerance,
    )
    key = settings.recognizer_key.get_secret_value() if settings.recognizer_key else None
    api, counters, changed = ApiClient(settings.api_base_url, key), Counters(), Changed()
    references = References(settings.reference_image, engine.read_stored)
    references.subscribe(changed.notify)  # which reference is in use is told at once, as states are
    snapshots = Snapshots(settings.output_dir, enabled=settings.snapshots_enabled, crop=settings.snapshot_crop)
    try:
        store = await shutdown.beside(asyncio.to_thread(open_outbox, outbox_path(settings)))
    except (OSError, sqlite3.Error, StoreInUseError) as error:
        log.error("The outbox cannot be opened", reason=str(error), folder=str(settings.data_dir))  # noqa: TRY400
        return ExitCode.FAILED
    if store is not None:
        await shutdown.beside(asyncio.to_thread(recover, snapshots, store))
    if store is None or shutdown.requested:  # a former recognizer has the outbox, or the disk hangs
        log.info("Graceful shutdown flag detected; breaking main loop")
        return shutdown.code
    outbox = Outbox(api, store, source=source, size=settings.event_queue_size)
    places = Places(settings.max_active_batches)
    cooldowns = Cooldowns(settings.match_cooldown_seconds)  # one for all stays: the room closes when it is empty
    reporter = Reporter(
        outbox,
        snapshots,
        room=settings.room_name,
        threshold=settings.match_tolerance,
        model=engine.model,
        counters=counters,
    )

    def watch(room: rtc.Room) -> RoomWatch:
        return RoomWatch(
            room,
            rules=rules,
            cooldowns=cooldowns,
            engine=engine,
            references=references,
            places=places,
            reporter=reporter,
            counters=counters,
            processed_width=settings.frame_downscale_width,
            state_changed=changed.notify,
        )

    connection = Connection(
        settings.livekit_url,
        key=settings.livekit_api_key,
        secret=settings.livekit_api_secret,
        room_name=settings.room_name,
        source=source,
        watch=watch,
        state_changed=changed.notify,
    )
    memory = MemorySampler()
    heart = Heart(
        api,
        source=source,
        room=settings.room_name,
        rules=rules,
        cooldown_seconds=settings.match_cooldown_seconds,
        connection=connection,
        references=references,
        outbox=outbox,
        counters=counters,
        memory=memory,
        places=places,
        orders=Orders(outbox, references),
        engine=engine,
        changed=changed,
    )
    watchdog = Watchdog(
        memory,
        warn_ratio=settings.memory_warn_ratio,
        exit_ratio=settings.memory_exit_ratio,
        places=places,
        shutdown=shutdown,
    )
    log.info("Face Match recognizer starts", room=settings.room_name, source=source, encoder=engine.model)
    for name in settings.legacy_in_use:
        log.warning(f"{name} is deprecated and has no effect; remove it")
    try:
        async with ended_when_hung(), asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(references.run(), name="references"),
                tasks.create_task(outbox.run(), name="outbox"),
                tasks.create_task(heart.run(), name="heartbeat"),
                tasks.create_task(watchdog.run(), name="memory"),
                tasks.create_task(stay_connected(connection, shutdown), name="connection"),
            ]
            await shutdown.wait()
            log.info("Graceful shutdown flag detected; breaking main loop")
            for task in running:
                task.cancel()
        await outbox.flush(FLUSH_SECONDS)
    finally:
        await close_in_time(outbox.aclose(), api.aclose(), asyncio.to_thread(snapshots.close), engine.aclose())
    log.info("Face Match recognizer stopped", exit_code=int(shutdown.code))
    return shutdown.code


def outbox_path(settings: Settings) -> Path:
    """One outbox per room and destination, so that recognizers of several rooms may share a data folder."""
    destination = hashlib.sha256(f"{settings.api_base_url}\n{settings.room_name}".encode()).hexdigest()
    return settings.data_dir / f"outbox-{destination[:12]}.db"


def recover(snapshots: Snapshots, store: OutboxStore) -> None:
    """Finish what a crash interrupted."""
    snapshots.recover(store.snapshots())


async def stay_connected(connection: Connection, shutdown: Shutdown) -> None:
    """Stay in the room; refused credentials end the process, since trying again cannot help."""
    try:
        await connection.run()
    except CredentialsRefusedError as error:
        log.error("LiveKit refused the credentials; check LIVEKIT_API_KEY and LIVEKIT_API_SECRET", reason=str(error))  # noqa: TRY400
        shutdown.request(ExitCode.CREDENTIALS_REFUSED)


if __name__ == "__main__":
    faulthandler.enable()  # a crash in native code says where
    SETTINGS = load_or_exit()
    configure_logging(SETTINGS.log_level, SETTINGS.log_format, secrets_of(SETTINGS))
    RUNNER = asyncio.Runner()  # never closed: that would wait for a thread whose disk hangs
    try:
        CODE = RUNNER.run(run(SETTINGS))
    except Exception:  # noqa: BLE001  (whatever ended it is said, and is an exit code)
        traceback.print_exc()
        CODE = ExitCode.FAILED
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # nobody reads it any more
            stream.flush()
    # All is closed. Taking the interpreter down would only end the SDK's own threads in the middle of a call into it,
    # which aborts the process now and then.
    os._exit(CODE)
