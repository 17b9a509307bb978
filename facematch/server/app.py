"""The web process put together."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import structlog
from fastapi import FastAPI
from livekit.api import LiveKitAPI, TokenVerifier, WebhookReceiver

from facematch import __version__
from facematch.config.settings import ROOT
from facematch.faces.tolerance import MatchRules
from facematch.protocol.heartbeat import CycleSettings
from facematch.runtime.clock import wall_clock
from facematch.runtime.exit_codes import ExitCode
from facematch.runtime.owner_only import keep_configured
from facematch.runtime.proxies import proxy_for
from facematch.server import page
from facematch.server.access.authorization import AccessControl
from facematch.server.access.links import Links
from facematch.server.access.neighbours import Neighbours
from facematch.server.access.roles import Role
from facematch.server.access.room_meant import RoomsOffered
from facematch.server.access.service import Access, Rules, Stores
from facematch.server.access.store import SqlSessionStore
from facematch.server.access.tries import SharedTries
from facematch.server.alarms.fold import AlarmFold
from facematch.server.alarms.service import Alarms
from facematch.server.assignment.finder import RoomList
from facematch.server.assignment.routes import Asking
from facematch.server.assignment.service import Assignment
from facematch.server.assignment.service import Rules as Sharing
from facematch.server.calibration import routes as calibration
from facematch.server.calibration.service import Calibrator
from facematch.server.calibration.verdicts import Verdicts
from facematch.server.events import history
from facematch.server.events import routes as events
from facematch.server.events.hub import Hub
from facematch.server.events.ingest import Intake
from facematch.server.events.service import Feed
from facematch.server.events.store import SqlEventLog
from facematch.server.gallery import routes as gallery_routes
from facematch.server.gallery.enrollment import Enrollment
from facematch.server.gallery.photo_file import ReferenceFile
from facematch.server.identity.fold import IdentityFold
from facematch.server.identity.service import Identity
from facematch.server.monitoring import health, metrics, rooms, status
from facematch.server.people.service import People, PeopleRules
from facematch.server.presence import routes as presence
from facematch.server.presence import sightings_routes
from facematch.server.presence.fold import PresenceFold
from facematch.server.presence.sightings import Sightings
from facematch.server.presence.store import PresenceStore
from facematch.server.privacy.erasing import Erasing
from facematch.server.privacy.retention import Limits
from facematch.server.privacy.service import SWEEPING, Keeping
from facematch.server.recognizers import anchors_routes, looks_routes
from facematch.server.recognizers import routes as heartbeats
from facematch.server.recognizers.directing import Directing
from facematch.server.recognizers.looks import Looks
from facematch.server.recognizers.registry import Recognizers
from facematch.server.recognizers.shared_looks import SharedLooks
from facematch.server.recognizers.sharing import SharedHeartbeats
from facematch.server.replicas.service import Agreement
from facematch.server.rooms import consent, not_compared_routes, notice, token_routes, tokens, viewing_routes
from facematch.server.rooms.ended_logins import EndedLogins
from facematch.server.rooms.expulsion import Expulsion
from facematch.server.rooms.not_compared import NotCompared
from facematch.server.rooms.own_identity import OwnIdentities
from facematch.server.rooms.viewing import Viewings
from facematch.server.snapshots import routes as captures
from facematch.server.snapshots.service import storage_of
from facematch.server.storage.bell import Bell
from facematch.server.storage.database import Database, url_of
from facematch.server.storage.doorbell import Doorbell
from facematch.server.storage.leases import Leases
from facematch.server.storage.sole_process import served_alone
from facematch.server.unknowns import routes as unknowns
from facematch.server.unknowns.assigning import Assigning
from facematch.server.unknowns.store import UnknownFaces
from facematch.server.web import openapi
from facematch.server.web.bodies import MB
from facematch.server.web.errors import HANDLERS, CatchFailures
from facematch.server.web.request_log import RequestLog, no_access_log
from facematch.server.web.security_headers import AddHeaders, security_headers
from facematch.server.web.shutdown import GOODBYE_SECONDS, goodbye_first
from facematch.server.web.startup import StartupErrors
from facematch.server.webhooks.relay import Receiver
from facematch.server.webhooks.service import Webhooks
from facematch.server.webhooks.store import WebhookStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from facematch.config.settings import Settings
    from facematch.server.assignment.fence import Fence
    from facematch.server.gallery.enrollment import Examiner
    from facematch.server.snapshots.storage import SnapshotStorage

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a test, or another composition root, may put in place of the usual parts; None: the usual one."""

    make_examiner: Callable[[], Examiner] | None = None
    neighbours: Neighbours | None = None
    monotonic: Callable[[], float] = time.monotonic
    around: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
    """Entered first when the process starts to serve, and left last."""


def create_app(settings: Settings, parts: Parts = Parts()) -> FastAPI:
    """The web process. Touches nothing outside itself before its lifespan begins."""
    database = Database(url_of(settings.database_url, settings.data_dir))
    leases = Leases(database)
    minted = _tokens(settings)
    recognizers = Recognizers(parts.monotonic)
    assignment = Assignment(
        database,
        _sharing(settings),
        RoomList(settings.livekit_url, minted.to_list_rooms),
        leases.while_held,
        recognizers.attend,
        parts.monotonic,
    )
    agreement = Agreement(database, lambda: settings.alike, settings.agreed, recognizers, assignment)
    event_log = _event_log(settings, database, assignment.fence)
    hub = Hub(event_log)
    webhooks = Webhooks(event_log, WebhookStore(database), _receiver(settings), leases)
    feed = Feed(event_log, hub, webhooks.notify)
    administered = _administered(settings, minted)
    expulsion = Expulsion(
        administered,
        lambda: settings.token_rooms | assignment.rooms(),
        settings.token_ttl_seconds,
        kept=EndedLogins(database),
        leads=lambda: leases.holds(SWEEPING),
    )
    viewings = Viewings(minted, administered, event_log, feed.writer)
    access = Access(
        _rules(settings),
        Stores(SqlSessionStore(database), SharedTries(database)),
        hub.dismiss,
        parts.neighbours or Neighbours(),
        expulsion.expel,
        parts.monotonic,
    )
    shared = SharedHeartbeats(database, recognizers)
    reference = ReferenceFile(settings.reference_image)
    enrollment = Enrollment(parts.make_examiner or _examiner_maker(settings), reference)
    people = People(database, enrollment, _people_rules(settings), monotonic=parts.monotonic)
    identity = Identity(database, feed.writer, people.store, recognizers)
    snapshots = storage_of(settings.snapshot_store, settings.output_dir, settings.s3_options)
    keeping = Keeping(database, snapshots, _limits(settings), recognizers, feed, people)
    looks = Looks(recognizers.all, people.publication.call, SharedLooks(database), parts.monotonic)
    not_compared = NotCompared(database, people.publication.call, parts.monotonic)
    doorbell = _doorbell(
        settings,
        database,
        people,
        (Bell.LOG, feed.follow),
        (Bell.LOGINS, access.dismiss_ended),
        (Bell.LOGINS, expulsion.refresh),
        (Bell.ERASURES, keeping.erasures.refresh),
        (Bell.DIRECTIONS, looks.refresh),
    )

    async def say_goodbye() -> None:
        keeping.erasures.stop()
        people.publication.stop()
        await hub.close(GOODBYE_SECONDS)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with parts.around(), _folders_of(settings, snapshots), served_alone(database.url):
            await feed.open()
            with no_access_log(), goodbye_first(say_goodbye):
                log.info(
                    "Face Match is up",
                    room=", ".join(settings.rooms) or settings.room_name,
                    livekit_url=settings.livekit_url,
                )
                try:
                    async with (
                        doorbell.running(),
                        shared.running(),
                        agreement.running(),
                        access.running(),
                        expulsion.running(),
                        viewings.running(),
                        webhooks.running(),
                        people.running(),
                        identity.running(leases),
                        keeping.running(leases),
                        assignment.running(),
                    ):
                        yield
                finally:
                    await say_goodbye()
                    await enrollment.aclose()
                    await feed.aclose()

    app = FastAPI(
        title="Face Match",
        version=__version__,
        description=openapi.DESCRIPTION,
        openapi_tags=openapi.TAGS,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        docs_url=None,  # they load their scripts from a third party
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        exception_handlers=HANDLERS,
    )
    for router in (
        events.routes(Intake(feed.writer, keeping.erasures.turns_away), hub),  # asked for most: looked at first
        page.routes(ROOT / "static" / "built", enrollment),
        access.routes(
            _rooms_offered(settings),
            identity.bindings.is_person,
            feed.audit,
            consent_required=settings.consent_required,
        ),
        history.routes(event_log),
        gallery_routes.routes(enrollment, reference, int(settings.upload_max_mb * MB), feed.audit),
        people.routes(feed.audit),
        unknowns.routes(
            keeping.unknown,
            Assigning(keeping.unknown, people),
            feed.audit,
            kept=settings.keep_unknown_faces,
            covered=lambda seen: keeping.erasures.covers(unknowns.as_event(seen)),
        ),
        presence.routes(PresenceStore(database), people.store),
        sightings_routes.routes(Sightings(database), people.store),
        identity.routes(),
        calibration.routes(_calibrator(settings, people), Verdicts(database), people.store, wall_clock),
        Alarms(database, feed.writer).routes(),
        keeping.routes(reference, feed.audit),
        captures.routes(snapshots, keeping.speaks_of),
        token_routes.routes(_door(settings, minted, administered, identity.bind_invited), access.token_limit),
        notice.routes(_notice(settings)),
        viewing_routes.routes(viewings, access.token_limit),
        consent.routes(
            consent.Consents(administered, settings.default_room, recognizers.anchors.forget), access.token_limit
        ),
        heartbeats.routes(
            recognizers,
            keeping.erasures,
            people.gallery_version,
            _directing(settings, identity, not_compared, looks),
            shared.tell,
        ),
        anchors_routes.routes(recognizers.anchors),
        assignment.routes(
            _livekit_s_signature(settings),
            Asking(people.gallery_version, heartbeats.ordered_by_beats(recognizers, keeping.erasures)),
        ),
        looks_routes.routes(looks),
        not_compared_routes.routes(not_compared, recognizers, keeping.unknown),
        status.routes(
            _configured(settings),
            status.Shown(
                recognizers, reference, feed, webhooks, keeping.erasures, people.compared, assignment, agreement
            ),
        ),
        rooms.routes(settings.room_name, recognizers, assignment, agreement),
        metrics.routes(recognizers, assignment, hub, reference, agreement, doorbell),
        health.routes(
            health.Health(
                _checks(settings, feed, snapshots, health.recognizer_check(recognizers, assignment)), parts.monotonic
            )
        ),
    ):
        app.router.routes.extend(router.routes)  # flat, so that whoever walks app.routes sees each one
    app.openapi = lambda: openapi.document(app)  # type: ignore[method-assign]

    app.add_middleware(AccessControl, caller_of=access.caller_of, how_to_sign_in=access.how_to_sign_in)  # innermost
    app.add_middleware(CatchFailures)
    app.add_middleware(RequestLog)
    app.add_middleware(AddHeaders, headers=security_headers(settings.browser_livekit_url))
    app.add_middleware(StartupErrors, for_good=ExitCode.BAD_SETTINGS)  # outermost
    return app


def _event_log(settings: Settings, database: Database, fence: Fence) -> SqlEventLog:
    alarms = AlarmFold(timedelta(seconds=settings.alarm_quiet_seconds))
    derived = (fence, IdentityFold(), alarms, PresenceFold(), UnknownFaces(database))
    return SqlEventLog(database, *derived, gate=Erasing())


@asynccontextmanager
async def _folders_of(settings: Settings, snapshots: SnapshotStorage) -> AsyncIterator[None]:
    """With the folders, and the store, that the settings name, or not at all."""
    snapshots.open()
    for folder, variable in (
        (settings.output_dir, "OUTPUT_DIR"),
        (settings.reference_image.parent, "REFERENCE_IMAGE"),
    ):
        await asyncio.to_thread(keep_configured, folder, variable)
    if settings.database_url is None:
        await asyncio.to_thread(keep_configured, settings.data_dir, "DATA_DIR", written=True)
    yield


def _directing(settings: Settings, identity: Identity, not_compared: NotCompared, looks: Looks) -> Directing:
    """What recognizers are told of the participants that they name."""
    return Directing(
        bindings=identity.store.bound,
        acknowledged=identity.store.acknowledged_in,
        not_compared=not_compared.among,
        all_compared=not_compared.nobody,
        look_now=looks.due,
        **({"heed": identity.claims.heed} if settings.bindings_from_attributes else {}),
    )


def _examiner_maker(settings: Settings) -> Callable[[], Examiner]:
    def make() -> Examiner:
        from facematch.faces.encoder import make_encoder  # noqa: PLC0415  (loads dlib: not before it is needed)
        from facematch.faces.engine import FaceEngine  # noqa: PLC0415  (the same)

        encoder = make_encoder(settings.face_encoder, settings.model_cache)
        return FaceEngine(workers=1, processed_width=settings.frame_downscale_width, encoder=encoder)

    return make


def _doorbell(
    settings: Settings, database: Database, people: People, *looking: tuple[Bell, Callable[[], Awaitable[object]]]
) -> Doorbell:
    """Who looks again when another process has changed something."""

    def is_known(bell: Bell, pid: int) -> bool:
        return bell is Bell.LOG and database.is_its_own(pid)  # what this process appends it hands on without a bell

    doorbell = Doorbell(_direct_url(settings), is_known)
    for bell, look in looking:
        doorbell.runs(bell, look)
    doorbell.answered_by(Bell.GALLERY, people.publication.changed)
    return doorbell


def _direct_url(settings: Settings) -> str:
    direct = settings.database_direct_url if settings.database_url else None
    return url_of(direct or settings.database_url, settings.data_dir)


def _receiver(settings: Settings) -> Receiver | None:
    if settings.webhook_url is None or settings.webhook_secret is None:
        return None
    url = settings.webhook_url.get_secret_value()
    return Receiver(
        url=url,
        secret=settings.webhook_secret.get_secret_value(),
        types=settings.webhook_types,
        seconds=settings.webhook_retry_seconds,
        proxy=proxy_for(url, os.environ),
    )


def _rules(settings: Settings) -> Rules:
    keys = {
        Role.ADMIN: settings.admin_key,
        Role.VIEWER: settings.viewer_key,
        Role.RECOGNIZER: settings.recognizer_key,
    }
    return Rules(
        keys={role: key.get_secret_value() for role, key in keys.items() if key is not None},
        hosts=_hosts(settings),
        idle=timedelta(seconds=settings.session_idle_seconds),
        longest=timedelta(seconds=settings.session_max_seconds),
        invitation=timedelta(seconds=settings.invite_ttl_seconds),
        attempts_per_minute=settings.login_attempts_per_minute,
        tokens_per_minute=settings.tokens_per_minute,
        data_dir=settings.data_dir,
        port=settings.port,
        links=Links(settings.public_url, settings.browser_livekit_url),
    )


def _hosts(settings: Settings) -> frozenset[str]:
    ours = urlsplit(settings.public_url or "").hostname
    return frozenset({settings.host, *settings.allowed_hosts, *((ours,) if ours else ())})


def _door(
    settings: Settings, minted: tokens.Tokens, administered: Callable[[str], LiveKitAPI], bind: token_routes.Bind
) -> token_routes.Door:
    company = token_routes.Company(settings.observers, settings.guests_see_others)
    return token_routes.Door(minted, OwnIdentities(administered), bind, company)


def _notice(settings: Settings) -> notice.Notice:
    snapshots: Literal["none", "face", "frame"] = "frame"
    if not settings.snapshots_enabled:
        snapshots = "none"
    elif settings.snapshot_crop or settings.consent_required:
        snapshots = "face"
    return notice.Notice(
        operator=settings.operator_name,
        purpose=settings.operator_purpose,
        contact=settings.operator_contact,
        consent_required=settings.consent_required,
        continuity=settings.continuity,
        snapshots=snapshots,
        snapshot_days=min(settings.snapshot_max_age_days, settings.event_max_age_days),
        event_days=settings.event_max_age_days,
        statistics_days=settings.statistics_max_age_days,
        guests_see_others=settings.guests_see_others,
    )


def _limits(settings: Settings) -> Limits:
    return Limits(
        snapshot_days=settings.snapshot_max_age_days,
        total_bytes=settings.snapshot_max_total_mb * MB,
        event_days=settings.event_max_age_days,
        check_days=settings.check_max_age_days,
        statistics_days=settings.statistics_max_age_days,
    )


def _calibrator(settings: Settings, people: People) -> Calibrator:
    return Calibrator(people.store, people.current, _match_rules(settings))


def _people_rules(settings: Settings) -> PeopleRules:
    unseen = timedelta(days=settings.person_max_unseen_days)
    return PeopleRules(int(settings.upload_max_mb * MB), unseen, _match_rules(settings))


def _match_rules(settings: Settings) -> MatchRules:
    return MatchRules(settings.match_tolerance, settings.stranger_rate)


def _administered(settings: Settings, minted: tokens.Tokens) -> Callable[[str], LiveKitAPI]:
    def administered(room: str) -> LiveKitAPI:
        return LiveKitAPI.with_token(minted.to_administer(room), settings.livekit_url)

    return administered


def _tokens(settings: Settings) -> tokens.Tokens:
    return tokens.Tokens(
        key=settings.livekit_api_key,
        secret=settings.livekit_api_secret,
        url=settings.browser_livekit_url,
        rooms=_rooms_offered(settings),
        seconds=settings.token_ttl_seconds,
    )


def _rooms_offered(settings: Settings) -> RoomsOffered:
    fitting = str(settings.watched_rooms) if settings.many_rooms else ""
    return RoomsOffered(settings.default_room, settings.joinable_rooms, fitting)


def _sharing(settings: Settings) -> Sharing:
    return Sharing(shared=settings.many_rooms, watched=settings.watched_rooms, agreed=settings.agreed)


def _livekit_s_signature(settings: Settings) -> WebhookReceiver:
    return WebhookReceiver(TokenVerifier(settings.livekit_api_key, settings.livekit_api_secret))


def _configured(settings: Settings) -> status.Configured:
    return status.Configured(
        room=settings.room_name,
        livekit_url=settings.browser_livekit_url,
        cycle=CycleSettings(
            batch_max_frames=settings.batch_max_frames,
            hold_seconds=settings.hold_seconds,
            wait_seconds=settings.wait_seconds,
            batch_timeout_seconds=settings.batch_timeout_seconds,
            match_cooldown_seconds=settings.match_cooldown_seconds,
            threshold=settings.match_tolerance,
        ),
    )


def _checks(
    settings: Settings, feed: Feed, snapshots: SnapshotStorage, recognizer: health.Check
) -> dict[str, health.Check]:
    return {
        "event_log": health.log_check(feed, settings.data_dir if settings.database_url is None else None),
        "snapshot_folder": snapshots.check,
        "recognizer": recognizer,
        "livekit": health.livekit_check(settings.livekit_url, proxy_for(settings.livekit_url, os.environ)),
    }
