"""The recognizer as a whole: what all rooms of a process share, the rooms, and the tasks around them."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
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
from facematch.recognizer.process.shutdown import Shutdown, close_in_time
from facematch.recognizer.references import References
from facematch.recognizer.room.connection import CredentialsRefusedError, LiveKitAccess
from facematch.recognizer.room.cycle import CycleRules
from facematch.recognizer.room.session import RoomSession
from facematch.recognizer.shared import Shared, TrackLimits
from facematch.recognizer.wakeup import Wakeup
from facematch.runtime.exit_codes import ExitCode
from facematch.runtime.hang_watchdog import ended_when_hung
from facematch.runtime.proxies import forget_proxies, is_direct, proxy_for

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from facematch.config.settings import Settings
    from facematch.recognizer.delivery.outbox_store import OutboxStore

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 1.5
"""How long the end waits for the web process to take the last events."""


async def run(settings: Settings, rooms: Sequence[str] = ()) -> ExitCode:
    """Run the recognizer until it is told to stop.

    Args:
        settings: all of them.
        rooms: to be watched; ROOM_NAME when there is none.
    """
    if is_direct(settings.livekit_url, os.environ):
        forget_proxies(os.environ)  # the SDK would use them all the same
    shutdown = Shutdown()
    shutdown.on_signals()
    crop = settings.snapshot_crop or settings.consent_required  # whoever else is in the picture has not been asked
    snapshots = Snapshots(settings.output_dir, enabled=settings.snapshots_enabled, crop=crop)
    try:
        store = await shutdown.beside(asyncio.to_thread(open_outbox, outbox_path(settings)))
    except (OSError, sqlite3.Error, StoreInUseError) as error:
        log.error(  # noqa: TRY400
            "The outbox cannot be opened; DATA_DIR has to be a folder that this user can write",
            reason=str(error),
            folder=str(settings.data_dir),
        )
        return ExitCode.FAILED
    if store is not None:
        await shutdown.beside(asyncio.to_thread(recover, snapshots, store))
    if store is None or shutdown.requested:  # a former recognizer has the outbox, or the disk hangs
        log.info("Graceful shutdown flag detected; breaking main loop")
        return shutdown.code
    with NativeOutput(outbox_path(settings).with_suffix(".stderr")) as native:  # its own, as the outbox is
        try:
            recognizer = Recognizer(settings, rooms or (settings.room_name,), store, snapshots, shutdown)
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


def recover(snapshots: Snapshots, store: OutboxStore) -> None:
    """Finish what a crash interrupted."""
    snapshots.recover(store.snapshots())


class Recognizer:
    """One process at work.

    Args:
        settings: all of them.
        rooms: to be watched, at least one.
        store: where events wait; closed by this object.
        snapshots: takes the pictures; closed by this object.
        shutdown: ends it.
    """

    def __init__(
        self,
        settings: Settings,
        rooms: Sequence[str],
        store: OutboxStore,
        snapshots: Snapshots,
        shutdown: Shutdown,
    ) -> None:
        self._settings = settings
        self._snapshots = snapshots
        self._shutdown = shutdown
        source = uuid4().hex
        key = settings.recognizer_key.get_secret_value() if settings.recognizer_key else None
        self._api = ApiClient(settings.api_base_url, key, lambda: read_local_secret(settings.data_dir))
        self._outbox = Outbox(self._api, store, source=source, size=settings.event_queue_size)
        self._shared = shared_of(settings, self._api)
        livekit = LiveKitAccess(
            settings.livekit_url,
            key=settings.livekit_api_key,
            secret=settings.livekit_api_secret,
            source=source,
            proxy=proxy_for(settings.livekit_url, os.environ),
            observers=settings.observers,
        )
        self._sessions = [
            RoomSession(room, livekit, rules_of(settings), self._shared, self._outbox, snapshots) for room in rooms
        ]
        memory, orders = (
            MemorySampler(),
            ErasureOrders(self._outbox, self._shared.references, self._shared.forget, self._shared.matching.names),
        )
        account = Account(source, self._sessions, self._shared, self._outbox, orders, memory)
        self._heartbeats = HeartbeatSender(
            self._api,
            account,
            orders,
            self._shared.changed,
            Hearers(self._shared.gallery, self._outbox.understanding, self._shared.directions),
        )
        self._watchdog = Watchdog(
            memory,
            warn_ratio=settings.memory_warn_ratio,
            exit_ratio=settings.memory_exit_ratio,
            slots=self._shared.slots,
            shutdown=shutdown,
        )
        model = self._shared.engine.model
        self._anchors = AnchorsHandedOn(self._api, self._shared.evidence, source=source, encoder=weights_of(model))
        log.info("Face Match recognizer starts", room=", ".join(rooms), source=source, encoder=model)
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
                    tasks.create_task(self._heartbeats.run(), name="heartbeat"),
                    tasks.create_task(self._shared.evidence.run(), name="evidence"),
                    tasks.create_task(self._anchors.run(), name="anchors"),
                    tasks.create_task(self._shared.unknown.run(), name="unknown faces"),
                    tasks.create_task(self._watchdog.run(), name="memory"),
                    tasks.create_task(native.run(), name="native output"),
                    *(
                        tasks.create_task(stay_in(session, self._shutdown), name=f"room {session.name}")
                        for session in self._sessions
                    ),
                ]
                await self._shutdown.wait()
                log.info("Graceful shutdown flag detected; breaking main loop")
                for task in running:
                    task.cancel()
            await asyncio.gather(self._outbox.flush(FLUSH_SECONDS), self._anchors.flush(FLUSH_SECONDS))
        finally:
            await close_in_time(
                self._outbox.aclose(),
                self._api.aclose(),
                asyncio.to_thread(self._snapshots.close),
                self._shared.engine.aclose(),
            )


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
