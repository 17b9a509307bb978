"""The recognizer as a whole: what all rooms of a process share, the rooms, and the tasks around them."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog

from facematch.faces.encoder import make_encoder
from facematch.faces.engine import FaceEngine
from facematch.faces.models import ModelError, weights_of
from facematch.faces.tolerance import MatchRules
from facematch.protocol.local_secret import read_local_secret
from facematch.recognizer.account import Account
from facematch.recognizer.batch_slots import BatchSlots, slots_for
from facematch.recognizer.counters import Counters
from facematch.recognizer.delivery.api_client import ApiClient
from facematch.recognizer.delivery.outbox import Outbox
from facematch.recognizer.delivery.outbox_slots import Adoption, OutboxSlots, spool_of
from facematch.recognizer.delivery.outbox_store import StoreInUseError, open_outbox
from facematch.recognizer.delivery.snapshots import Snapshots
from facematch.recognizer.directions import Directions
from facematch.recognizer.erasure_orders import ErasureOrders
from facematch.recognizer.evidence.handing_on import AnchorsHandedOn
from facematch.recognizer.evidence.kept import KeptEvidence
from facematch.recognizer.evidence.unknown_faces import UnknownFaces
from facematch.recognizer.gallery import GalleryFollower, gallery_path
from facematch.recognizer.heartbeat import Hearers, HeartbeatSender
from facematch.recognizer.matching import Matching
from facematch.recognizer.process.memory import MemorySampler
from facematch.recognizer.process.memory_watchdog import Watchdog
from facematch.recognizer.process.native_output import NativeOutput
from facematch.recognizer.process.sdk_start import start_sdk
from facematch.recognizer.process.shutdown import CLOSE_SECONDS, Shutdown, close_in_time
from facematch.recognizer.references import References
from facematch.recognizer.room.connection import CredentialsRefusedError
from facematch.recognizer.room.cycle import CycleRules
from facematch.recognizer.room.livekit_access import LiveKitAccess
from facematch.recognizer.room.session import RoomSession
from facematch.recognizer.shared import Shared, TrackLimits
from facematch.recognizer.stays.given_rooms import FRAMES_A_CORE, GivenRooms, WorkerSettings, worker_name
from facematch.recognizer.stays.stay import Ground
from facematch.recognizer.wakeup import Wakeup
from facematch.runtime.exit_codes import ExitCode
from facematch.runtime.hang_watchdog import ended_when_hung
from facematch.runtime.proxies import forget_proxies, is_direct, proxy_for

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Sequence
    from pathlib import Path

    from facematch.config.settings import Settings
    from facematch.recognizer.delivery.outbox_store import OutboxStore

log = structlog.get_logger(__name__)

END_SECONDS = 5.0
"""From being told to end to having ended, also where rooms are given back, and the web process answers nothing."""
FLUSH_SECONDS = 1.5
LEAST_FLUSH_SECONDS = 0.5
"""How long the end waits for the web process to take the last events: less after rooms that were long in being taken
over. What it has not taken stays in the outbox.
"""


async def run(settings: Settings, rooms: Sequence[str] = ()) -> ExitCode:
    """Run the recognizer until it is told to stop.

    Args:
        settings: all of them.
        rooms: to be watched; when there is none, those that the web process gives if ROOMS is set, else ROOM_NAME.
    """
    if is_direct(settings.livekit_url, os.environ):
        forget_proxies(os.environ)  # the SDK would use them all the same
    shutdown = Shutdown()
    shutdown.on_signals()
    source = uuid4().hex
    slots = slots_of(settings) if settings.many_rooms and not rooms else None
    try:
        opening = asyncio.to_thread(slots.take) if slots else asyncio.to_thread(open_outbox, outbox_path(settings))
        store = await shutdown.beside(opening)
    except (OSError, sqlite3.Error, StoreInUseError) as error:
        log.error(  # noqa: TRY400
            "The outbox cannot be opened; DATA_DIR has to be a folder that this user can write",
            reason=str(error),
            folder=str(settings.data_dir),
        )
        return ExitCode.FAILED
    outbox = slots.path if slots else outbox_path(settings)
    snapshots = snapshots_of(settings, outbox, source if slots or settings.snapshots_sent else None)
    if store is not None:
        await shutdown.beside(asyncio.to_thread(recover, snapshots, store, slots is None))
    if store is None or shutdown.requested:  # a former recognizer has the outbox, or the disk hangs
        log.info("Graceful shutdown flag detected; breaking main loop")
        return shutdown.code
    with NativeOutput(outbox.with_suffix(".stderr")) as native:  # its own, as the outbox is
        start_sdk(warnings_to_stderr=native.separate)
        try:
            belongings = Belongings(
                source, store, snapshots, slots, spool_of(outbox) if settings.snapshots_sent else None
            )
            recognizer = Recognizer(settings, rooms or (settings.room_name,), belongings, shutdown)
        except ModelError as error:
            log.error("The face models cannot be loaded", reason=str(error))  # noqa: TRY400  (it says what to do)
            return ExitCode.FAILED
        await recognizer.run(native)
    log.info("Face Match recognizer stopped", exit_code=int(shutdown.code))
    return shutdown.code


def outbox_path(settings: Settings) -> Path:
    """One outbox per room and destination, so that recognizers of several rooms may share a data folder."""
    destination = hashlib.sha256(f"{settings.api_base_url}\n{settings.room_name}".encode()).hexdigest()
    return settings.data_dir / f"outbox-{destination[:12]}.db"


def slots_of(settings: Settings) -> OutboxSlots:
    """Where the outboxes of processes lie that watch many rooms: one for each process and destination."""
    return OutboxSlots(settings.data_dir, settings.api_base_url, outbox_path(settings))


def snapshots_of(settings: Settings, outbox: Path, source: str | None) -> Snapshots:
    """What takes the pictures: into the folder that the API shares, or into that of those that are sent to it."""
    return Snapshots(
        spool_of(outbox) if settings.snapshots_sent else settings.output_dir,
        enabled=settings.snapshots_enabled,
        crop=settings.snapshot_crop or settings.consent_required,  # who else is in the picture has not been asked
        source=source,
        spool_bytes=settings.snapshot_max_total_mb * 1024 * 1024 if settings.snapshots_sent else None,
    )


def recover(snapshots: Snapshots, store: OutboxStore, abandoned: bool) -> None:  # noqa: FBT001  (of a thread's call)
    """Finish what a crash interrupted; `abandoned`: and remove drafts that no event of this outbox speaks of."""
    snapshots.recover(store.snapshots(), abandoned=abandoned)


@dataclass(frozen=True, slots=True)
class Belongings:
    """What is the process's own on this machine."""

    source: str
    """Names this start of it."""
    store: OutboxStore
    """Where events wait."""
    snapshots: Snapshots
    """Takes the pictures."""
    slots: OutboxSlots | None
    """Where the store lies beside others; None: rooms are not given to it."""
    spool: Path | None
    """Where snapshots lie that are sent to the web process; None: it shares the folder."""


class Recognizer:
    """One process at work.

    Args:
        settings: all of them.
        rooms: to be watched, at least one, where none are given to it.
        own: what is its own; closed by this object.
        shutdown: ends it.
    """

    def __init__(self, settings: Settings, rooms: Sequence[str], own: Belongings, shutdown: Shutdown) -> None:
        source, snapshots = own.source, own.snapshots
        self._snapshots = snapshots
        self._shutdown = shutdown
        key = settings.recognizer_key.get_secret_value() if settings.recognizer_key else None
        self._api = ApiClient(settings.api_base_url, key, lambda: read_local_secret(settings.data_dir))
        self._outbox = Outbox(self._api, own.store, source=source, size=settings.event_queue_size, spool=own.spool)
        self._shared = shared_of(settings, self._api)
        livekit = LiveKitAccess(
            settings.livekit_url,
            key=settings.livekit_api_key,
            secret=settings.livekit_api_secret,
            source=source,
            proxy=proxy_for(settings.livekit_url, os.environ),
            observers=settings.observers,
        )
        memory, orders = (
            MemorySampler(),
            ErasureOrders(self._outbox, self._shared.references, self._shared.forget, self._shared.matching.names),
        )
        ground = Ground(livekit, rules_of(settings), self._shared, self._api, self._outbox, snapshots, orders, memory)
        self._given = given_to(settings, ground, own.slots, shutdown) if own.slots else None
        self._fixed = None if own.slots else FixedRooms(rooms, ground, shutdown)
        self._watchdog = Watchdog(
            memory,
            warn_ratio=settings.memory_warn_ratio,
            exit_ratio=settings.memory_exit_ratio,
            slots=self._shared.slots,
            shutdown=shutdown,
        )
        model = self._shared.engine.model
        self._anchors = AnchorsHandedOn(self._api, self._shared.evidence, source=source, encoder=weights_of(model))
        watched = ", ".join(settings.rooms if own.slots else rooms)
        log.info("Face Match recognizer starts", room=watched, source=source, encoder=model)
        for name in settings.legacy_in_use:
            log.warning(f"{name} is deprecated and has no effect; remove it")

    async def run(self, native: NativeOutput) -> None:
        """Work until the shutdown flag is set, deliver what can be delivered, and close everything."""
        try:
            async with ended_when_hung(), asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(self._shared.references.run(), name="references"),
                    tasks.create_task(self._shared.gallery.run(), name="gallery"),
                    tasks.create_task(self._outbox.run(), name="outbox"),
                    tasks.create_task(self._shared.evidence.run(), name="evidence"),
                    tasks.create_task(self._anchors.run(), name="anchors"),
                    tasks.create_task(self._shared.unknown.run(), name="unknown faces"),
                    tasks.create_task(self._watchdog.run(), name="memory"),
                    tasks.create_task(native.run(), name="native output"),
                    *(tasks.create_task(watching, name=name) for name, watching in self._watching()),
                ]
                await self._shutdown.wait()
                log.info("Graceful shutdown flag detected; breaking main loop")
                began = asyncio.get_running_loop().time()
                if self._given is not None:
                    await self._given.drain()
                for task in running:
                    task.cancel()
            left = began + END_SECONDS - CLOSE_SECONDS - asyncio.get_running_loop().time()
            seconds = min(FLUSH_SECONDS, max(LEAST_FLUSH_SECONDS, left))
            await asyncio.gather(self._outbox.flush(seconds), self._anchors.flush(seconds))
        finally:
            await close_in_time(
                self._outbox.aclose(),
                self._api.aclose(),
                asyncio.to_thread(self._snapshots.close),
                self._shared.engine.aclose(),
            )

    def _watching(self) -> Iterator[tuple[str, Coroutine[None, None, None]]]:
        if self._given is not None:
            yield "given rooms", self._given.run()
        if self._fixed is not None:
            yield from self._fixed.running()


class FixedRooms:
    """Rooms that are watched from the start to the end, with one account of all of them.

    Args:
        rooms: at least one.
        ground: what the sessions stand on.
        shutdown: ends the process, when LiveKit refuses its credentials.
    """

    def __init__(self, rooms: Sequence[str], ground: Ground, shutdown: Shutdown) -> None:
        shared, outbox, orders = ground.shared, ground.outbox, ground.orders
        self._shutdown = shutdown
        self._sessions = [
            RoomSession(room, ground.livekit, ground.rules, shared, outbox, ground.snapshots) for room in rooms
        ]
        account = Account(ground.livekit.source, self._sessions, shared, outbox, orders, ground.memory)
        hearers = Hearers(shared.gallery, outbox.understanding, shared.directions)
        self._heartbeats = HeartbeatSender(ground.api, account, orders, shared.changed, hearers)

    def running(self) -> Iterator[tuple[str, Coroutine[None, None, None]]]:
        """What has to run for it, each by its name."""
        yield "heartbeat", self._heartbeats.run()
        for session in self._sessions:
            yield f"room {session.name}", stay_in(session, self._shutdown)


def given_to(settings: Settings, ground: Ground, slots: OutboxSlots, shutdown: Shutdown) -> GivenRooms:
    """What watches the rooms that the web process gives."""
    worker = WorkerSettings(
        worker_name(settings.data_dir, slots.number),
        settings.capacity or FRAMES_A_CORE * (os.cpu_count() or 1),
        settings.agreed,
    )
    return GivenRooms(ground, worker, Adoption(slots, ground.outbox, ground.snapshots), shutdown)


def shared_of(settings: Settings, api: ApiClient) -> Shared:
    """What the rooms share, loaded and ready."""
    engine = FaceEngine(
        workers=settings.frame_executor_workers,
        processed_width=settings.frame_downscale_width,
        encoder=make_encoder(settings.face_encoder, settings.model_cache),
    )
    references, changed = References(settings.reference_image, engine.read_stored), Wakeup()
    kept = gallery_path(settings.data_dir, settings.api_base_url)
    gallery = GalleryFollower(api, kept, weights_of(engine.model))
    gallery.on_news(changed.notify)
    evidence = KeptEvidence(continuity=settings.continuity)
    rules = MatchRules(settings.match_tolerance, settings.stranger_rate)
    matching = Matching(references, gallery, rules, always=settings.continuity or settings.keep_unknown_faces)
    matching.subscribe(changed.notify)  # who is looked for is told at once, as states are
    return Shared(
        engine,
        references,
        gallery,
        matching,
        Directions(evidence.acknowledge),
        evidence,
        UnknownFaces(api, weights_of(engine.model), enabled=settings.keep_unknown_faces),
        BatchSlots(settings.max_active_batches or slots_for(os.cpu_count() or 1)),
        Counters(),
        TrackLimits(settings.max_tracks_per_participant, settings.max_tracks),
        changed,
        consent_required=settings.consent_required,
        agreed={} if settings.many_rooms else settings.agreed,
        attributes_bind=settings.bindings_from_attributes,
    )


def rules_of(settings: Settings) -> CycleRules:
    """The settings that every cycle obeys."""
    return CycleRules(
        batch_max_frames=settings.batch_max_frames,
        hold_seconds=settings.hold_seconds,
        wait_seconds=settings.wait_seconds,
        batch_timeout_seconds=settings.batch_timeout_seconds,
        cooldown_seconds=settings.match_cooldown_seconds,
        threshold=settings.match_tolerance,
    )


async def stay_in(session: RoomSession, shutdown: Shutdown) -> None:
    """Stay in a room; refused credentials end the process, since trying again cannot help."""
    try:
        await session.run()
    except CredentialsRefusedError as error:
        log.error("LiveKit refused the credentials; check LIVEKIT_API_KEY and LIVEKIT_API_SECRET", reason=str(error))  # noqa: TRY400
        shutdown.request(ExitCode.CREDENTIALS_REFUSED)
