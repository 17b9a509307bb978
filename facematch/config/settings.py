"""Every setting, from the environment and `.env`, typed and checked once at start.

Read only by the two composition roots (`main.py`, `api.py`); everything else receives the few values it needs.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, TypeVar, overload
from urllib.parse import urlsplit

from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from facematch.config.env_file import problem_of
from facematch.config.room_patterns import JoinableRooms, WatchedRooms, split_patterns
from facematch.config.secret_values import (
    SECRETS,
    DatabaseUrl,
    WebhookSecret,
    WebhookUrl,
    digest_of,
    said,
)
from facematch.config.text_values import (  # noqa: TC001  (the same)
    Host,
    HttpUrl,
    Key,
    Line,
    LiveKitSecret,
    Origin,
    RoomName,
    SnapshotStore,
    StoreKey,
    WebSocketUrl,
)
from facematch.runtime.addresses import is_loopback
from facematch.runtime.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Container

ROOT = Path(__file__).resolve().parents[2]
"""The checkout: relative paths in the settings are meant from here, wherever the process was started."""

LEGACY = ("INITIAL_SYNC_FRAMES", "PROCESS_EVERY_N_FRAME")
"""Accepted, without effect; scheduled for removal."""

AGREED = (
    "ROOMS",
    "ROOMS_EXCEPT",
    "BATCH_MAX_FRAMES",
    "HOLD_SECONDS",
    "WAIT_SECONDS",
    "MATCH_COOLDOWN_SECONDS",
    "BATCH_TIMEOUT_SECONDS",
    "MATCH_TOLERANCE",
    "STRANGER_RATE",
    "CONTINUITY",
    "CONSENT",
    "FACE_ENCODER",
    "FRAME_DOWNSCALE_WIDTH",
    "SNAPSHOTS_ENABLED",
    "SNAPSHOT_CROP",
    "SNAPSHOT_STORE",
)
"""Settings that decide what is found, and of whom: processes that share rooms compare them."""

OF_EACH_PROCESS = frozenset(
    {
        "livekit_url",  # its own way there; which LiveKit it is, the key says
        "output_dir",
        "reference_image",
        "model_cache",
        "data_dir",
        "database_url",
        "database_direct_url",
        "s3_endpoint",
        "api_base_url",
        "host",
        "port",
        "allowed_hosts",
        "log_level",
        "log_format",
        # of recognizers alone
        "capacity",
        "max_active_batches",
        "frame_executor_workers",
        "event_queue_size",
        "memory_warn_ratio",
        "memory_exit_ratio",
        "initial_sync_frames",
        "process_every_n_frame",
    }
)
"""Settings that may be another at each web process of one database."""

_SECRET = ("_key", "_secret")
"""How the names of settings end that hold a secret."""
_Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
_PositiveSeconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
_Days = Annotated[float, Field(gt=0, le=36_500, allow_inf_nan=False)]
"""No number means "for ever": a hundred years does."""
_Ratio = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
_Identity = Annotated[str, Field(min_length=1, max_length=256)]
_PASSWORD = re.compile(r"//\S*@")
DEMO_SECRET = "demo-secret"  # noqa: S105  (known to everybody, which is why it is refused elsewhere)
"""The secret of the LiveKit server that run.sh starts on loopback."""


class Settings(BaseSettings):
    """The settings of both processes. Field names are the variables' names in lower case."""

    model_config = SettingsConfigDict(
        env_file=ROOT / ".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    livekit_url: WebSocketUrl = Field("ws://localhost:7880", description="LiveKit server WebSocket URL")
    livekit_public_url: WebSocketUrl | None = Field(
        None, description="LiveKit URL handed to browsers, when it differs from LIVEKIT_URL"
    )
    allow_demo_credentials: bool = Field(
        default=False, description="Accept the demo LiveKit credentials for a server that is not on this machine"
    )
    livekit_api_key: LiveKitSecret = Field("demo-key", min_length=1, description="LiveKit API key")
    livekit_api_secret: LiveKitSecret = Field(
        DEMO_SECRET, min_length=1, repr=False, validate_default=True, description="LiveKit API secret"
    )
    room_name: RoomName = Field("face-recognition-room", description="Room to join and watch")
    allowed_rooms: Annotated[tuple[RoomName, ...], NoDecode] = Field(
        (), description="Comma-separated rooms that tokens are minted for; empty: those that are watched only"
    )
    rooms: Annotated[tuple[RoomName, ...], NoDecode] = Field(
        (),
        max_length=1000,
        description="Patterns (*, ?, [...]) of the rooms that are watched while they are open, separated by commas or "
        "line breaks; empty: ROOM_NAME only",
    )
    rooms_except: Annotated[tuple[RoomName, ...], NoDecode] = Field(
        (), max_length=1000, description="Patterns of rooms that are not watched although ROOMS fits"
    )
    capacity: float | None = Field(
        None,
        gt=0,
        le=1_000_000,
        allow_inf_nan=False,
        description="Frames a second that this machine is given rooms for (ROOMS); empty: 25 for each core",
    )

    batch_max_frames: int = Field(5, ge=1, le=1000, description="Frames per batch (upper bound)")
    hold_seconds: _Seconds = Field(10, description="Seconds of pause after a batch with a match")
    wait_seconds: _Seconds = Field(10, description="Seconds of pause after a batch without one, unsubscribed")
    match_cooldown_seconds: _Seconds = Field(3, description="Least seconds between snapshots of a participant")
    batch_timeout_seconds: _PositiveSeconds = Field(10, description="Seconds a batch may last")
    match_tolerance: float = Field(
        0.5,
        gt=0,
        le=2,
        allow_inf_nan=False,
        description="Largest distance that is a match (lower is stricter)",
    )
    stranger_rate: float = Field(
        0.01,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="A stranger's chance per look of being given some name, at most: the tolerance follows it",
    )
    continuity: bool = Field(
        default=False,
        description="Whether it is told that another face is before a participant's cameras, also of people who are "
        "not enrolled",
    )
    bindings_from_attributes: bool = Field(
        default=False,
        description="Whether a participant's LiveKit attribute facematch.person says who they are supposed to be, "
        "where their token does not let them change it",
    )
    keep_unknown_faces: bool = Field(
        default=False,
        description="Whether pictures of faces that are nobody's are kept for a day, so that somebody can say whose "
        "they are",
    )
    max_active_batches: int | None = Field(
        None,
        ge=1,
        le=256,
        description="Batches that receive pictures at once; empty: four a core, eight at least",
    )
    max_tracks_per_participant: int = Field(
        4, ge=1, le=2000, description="Cameras of one participant that are watched; more are left alone"
    )
    max_tracks: int = Field(500, ge=1, le=2000, description="Cameras of a room that are watched; more are left alone")
    frame_executor_workers: int = Field(2, ge=1, le=64, description="Threads for face work")
    frame_downscale_width: int = Field(
        640, ge=64, le=7680, description="Pixels of width that a frame is scaled down to before detection"
    )
    face_encoder: Literal["onnx", "dlib"] = Field("onnx", description="What runs dlib's encoder: onnx or dlib")

    consent: Literal["off", "required"] = Field(
        "off", description="required: nobody is looked at before they have agreed; off: asking is done elsewhere"
    )

    operator_name: Line | None = Field(
        None, max_length=200, description="Who compares, in the words of the page on which guests join"
    )
    operator_purpose: Line | None = Field(
        None, max_length=500, description="Why faces are compared, the same; goes on after: Faces are compared"
    )
    operator_contact: Line | None = Field(
        None, max_length=200, description="Whom guests can ask, the same: a mail address, an https address or words"
    )
    guests_see_others: bool = Field(
        default=True, description="Whether guests see and hear the others in the room; either way they are told"
    )

    room_signal: bool = Field(
        default=False, description="Whether the recognizer tells ROOM_SIGNAL_OBSERVERS in the room what it finds"
    )
    room_signal_observers: Annotated[tuple[_Identity, ...], NoDecode] = Field(
        (),
        max_length=100,
        validate_default=True,
        description="Comma-separated LiveKit identities that are told, and that only viewers and admins get tokens for",
    )

    output_dir: Path = Field(Path("captured_faces"), description="Snapshot folder")
    snapshot_store: SnapshotStore | None = Field(
        None,
        description="Where snapshots are kept that recognizers send to the API: api (its OUTPUT_DIR) or "
        "s3://bucket/prefix; empty: recognizers write them into OUTPUT_DIR, which the API shares",
    )
    s3_endpoint: HttpUrl | None = Field(
        None, description="Address of the S3-compatible store of SNAPSHOT_STORE; empty: Amazon's"
    )
    s3_region: Line | None = Field(None, max_length=64, description="Its region; empty: us-east-1, or AWS_REGION")
    s3_access_key: StoreKey | None = Field(
        None, repr=False, description="Its access key; empty: what AWS's own programs would use"
    )
    s3_secret_key: StoreKey | None = Field(
        None, repr=False, validate_default=True, description="The secret of S3_ACCESS_KEY"
    )
    snapshots_enabled: bool = Field(default=True, description="Whether matches write snapshots")
    snapshot_crop: bool = Field(default=False, description="Keep the matched face only, not the whole frame")
    snapshot_max_age_days: _Days = Field(7, description="Days that a snapshot is kept")
    snapshot_max_total_mb: float = Field(
        500, ge=1, le=100_000_000, allow_inf_nan=False, description="MB that snapshots may take; the oldest go first"
    )
    event_max_age_days: _Days = Field(30, description="Days that an event is kept, and its snapshot at most")
    check_max_age_days: _Days | None = Field(
        None, description="Days that a Check is kept, if less; empty: EVENT_MAX_AGE_DAYS"
    )
    statistics_max_age_days: _Days = Field(365, description="Days that presence and daily figures are kept")
    person_max_unseen_days: _Days = Field(
        365, description="Days that a person of the gallery is kept unseen, who has no delete_at"
    )
    reference_image: Path = Field(Path("reference/current.jpg"), description="Reference photograph (hot-reloaded)")
    model_cache: Path = Field(
        Path("~/.cache/face-match"),
        description="Folder of the converted encoder and the built LiveKit server",
    )
    data_dir: Path = Field(Path("data"), description="Folder of the outbox and the event log")
    database_url: DatabaseUrl | None = Field(
        None, repr=False, description="PostgreSQL for the event log; empty: a file in DATA_DIR"
    )
    database_direct_url: DatabaseUrl | None = Field(
        None, repr=False, description="The same past a pooler that shares connections out; empty: DATABASE_URL"
    )
    webhook_secret: WebhookSecret | None = Field(None, repr=False, description="What webhooks are signed with")
    webhook_url: WebhookUrl | None = Field(None, repr=False, description="Who is told of events; empty: nobody")
    webhook_types: Annotated[
        tuple[
            Literal["match", "check", "participant", "watch", "identity", "binding", "viewing", "alarm", "audit"], ...
        ],
        NoDecode,
    ] = Field(
        ("match",),
        min_length=1,
        description="Comma-separated events that the webhook tells of: match, check, participant, watch, identity, "
        "binding, viewing, alarm, audit",
    )
    alarm_quiet_seconds: float = Field(
        300,
        ge=0,
        le=86_400,
        allow_inf_nan=False,
        description="Seconds without a sight of somebody before the next one of them is another alarm",
    )
    webhook_retry_seconds: float = Field(
        86_400,
        ge=0,
        le=2_592_000,
        allow_inf_nan=False,
        description="Seconds an event is retried before it is given up",
    )
    api_base_url: HttpUrl = Field("http://127.0.0.1:8000", description="Where the recognizer posts its events")
    event_queue_size: int = Field(10_000, ge=10, le=1_000_000, description="Events kept while the API is away")

    public_url: Origin | None = Field(
        None, description="Address that guests reach the API at, for links; empty: the one that the page is opened at"
    )
    host: str = Field("127.0.0.1", min_length=1, description="Address the API listens on (run.sh)")
    port: int = Field(8000, ge=1, le=65_535, description="Port the API listens on (run.sh)")
    recognizer_key: Key | None = Field(None, repr=False, description="Key that the recognizer reports with")
    viewer_key: Key | None = Field(None, repr=False, description="Key of the viewer role")
    admin_key: Key | None = Field(
        None, repr=False, validate_default=True, description="Key of the admin role; without any key: local mode"
    )
    allowed_hosts: Annotated[tuple[Host, ...], NoDecode] = Field(
        (), description="Comma-separated names that the API answers to, besides addresses and this machine's name"
    )
    session_idle_seconds: int = Field(43_200, ge=60, le=31_536_000, description="Seconds a login lasts unused")
    session_max_seconds: int = Field(604_800, ge=60, le=31_536_000, description="Seconds a login lasts at most")
    invite_ttl_seconds: int = Field(86_400, ge=60, le=31_536_000, description="Seconds an invitation is good for")
    login_attempts_per_minute: int = Field(10, ge=1, le=10_000, description="Logins tried per client address")
    tokens_per_minute: int = Field(60, ge=1, le=10_000, description="LiveKit tokens given per client address")
    token_ttl_seconds: int = Field(3600, ge=60, le=86_400, description="Seconds a participant's token is valid")
    upload_max_mb: float = Field(10, gt=0, le=100, allow_inf_nan=False, description="Largest reference upload, MB")

    memory_warn_ratio: _Ratio = Field(0.80, description="Fraction of the memory limit that logs a warning")
    memory_exit_ratio: _Ratio = Field(0.92, description="Fraction of the memory limit that stops the recognizer")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        "INFO", description="Least level logged"
    )
    log_format: Literal["text", "json"] = Field("text", description="text or json (one object per line)")

    initial_sync_frames: str | None = Field(None, description="Legacy: no effect")
    process_every_n_frame: str | None = Field(None, description="Legacy: no effect")

    @field_validator("allowed_rooms", "allowed_hosts", "webhook_types", "room_signal_observers", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("rooms", "rooms_except", mode="before")
    @classmethod
    def _split_patterns(cls, value: Any) -> Any:
        return split_patterns(value)

    @field_validator("room_signal_observers")
    @classmethod
    def _somebody_is_told(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if info.data.get("room_signal") and not value:
            raise ValueError("names nobody, and ROOM_SIGNAL=true: LiveKit would take no names for everybody")
        return value

    @field_validator("webhook_url")
    @classmethod
    def _signed(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is not None and info.data.get("webhook_secret", value) is None:
            raise ValueError("needs WEBHOOK_SECRET beside it: a receiver must be able to tell who sends")
        return value

    @field_validator("s3_secret_key")
    @classmethod
    def _both_or_neither(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if (value is None) != (info.data.get("s3_access_key") is None):
            raise ValueError("belongs to S3_ACCESS_KEY: set both, or neither")
        return value

    @field_validator("livekit_api_secret")
    @classmethod
    def _demo_secret_on_loopback_only(cls, value: str, info: ValidationInfo) -> str:
        if value != DEMO_SECRET or info.data.get("allow_demo_credentials", True):
            return value
        for variable in ("livekit_url", "livekit_public_url"):
            url = info.data.get(variable)
            if url and not is_loopback(urlsplit(url).hostname or ""):
                raise ValueError(
                    f"is the demo secret that everybody knows, and {variable.upper()} is not on this machine: set "
                    "that server's own, or ALLOW_DEMO_CREDENTIALS=true if nobody else can reach it"
                )
        return value

    @field_validator("viewer_key", "admin_key")
    @classmethod
    def _keys_differ(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        for variable in ("recognizer_key", "viewer_key"):
            if value is not None and variable != info.field_name and info.data.get(variable) == value:
                raise ValueError(f"must differ from {variable.upper()}")
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @field_validator("output_dir", "reference_image", "model_cache", "data_dir")
    @classmethod
    def _from_the_checkout(cls, value: Path) -> Path:
        try:
            return ROOT / value.expanduser()
        except RuntimeError:
            raise ValueError("begins with ~, and this user has no home folder: name it in full") from None

    @field_validator("memory_exit_ratio")
    @classmethod
    def _warn_before_exit(cls, value: float, info: ValidationInfo) -> float:
        warn = info.data.get("memory_warn_ratio")
        if warn is not None and warn > value:
            raise ValueError(f"must not be below MEMORY_WARN_RATIO ({warn})")
        return value

    @property
    def keys_in_use(self) -> bool:
        """Whether any key is set, which ends local mode."""
        return any((self.admin_key, self.viewer_key, self.recognizer_key))

    @property
    def consent_required(self) -> bool:
        """Whether nobody is looked at before they have agreed."""
        return self.consent == "required"

    @property
    def observers(self) -> frozenset[str]:
        """Who is told in the room of what is found."""
        return frozenset(self.room_signal_observers if self.room_signal else ())

    @property
    def token_rooms(self) -> frozenset[str]:
        """The rooms that tokens may be minted for, besides those that `watched_rooms` holds."""
        return frozenset({*((self.default_room,) if self.default_room else ()), *self.allowed_rooms})

    @property
    def default_room(self) -> str | None:
        """The room that is meant where none is named; None: ROOMS are watched, and ROOM_NAME is not set."""
        return self.watched_rooms.always

    @property
    def joinable_rooms(self) -> Container[str]:
        """The rooms that tokens and invitations are given for."""
        return JoinableRooms(self.token_rooms, self.watched_rooms if self.many_rooms else ())

    @property
    def many_rooms(self) -> bool:
        """Whether rooms are watched by pattern: they are found, and given to the recognizers."""
        return bool(self.rooms)

    @property
    def watched_rooms(self) -> WatchedRooms:
        """Which rooms are watched. ROOM_NAME's default is not meant where there are patterns."""
        named = not self.rooms or "room_name" in self.model_fields_set
        return WatchedRooms(self.rooms, self.rooms_except, self.room_name if named else None)

    @property
    def snapshots_sent(self) -> bool:
        """Whether recognizers send their snapshots to the API instead of sharing a folder with it."""
        return self.snapshot_store is not None

    @property
    def s3_options(self) -> dict[str, str]:
        """What is set of how the object store is reached, by the names that obstore has for it."""
        given = {
            "endpoint": self.s3_endpoint,
            "region": self.s3_region,
            "access_key_id": self.s3_access_key and self.s3_access_key.get_secret_value(),
            "secret_access_key": self.s3_secret_key and self.s3_secret_key.get_secret_value(),
        }
        return {name: value for name, value in given.items() if value}

    @property
    def agreed(self) -> dict[str, str]:
        """What recognizers and web processes that share rooms have to be set to alike, by variable, as texts."""
        values = {name: str(getattr(self, name.lower())) for name in AGREED}
        return values | {"SNAPSHOT_STORE": "set" if self.snapshots_sent else ""}  # which place it is, is the API's

    @property
    def alike(self) -> dict[str, str]:
        """What all web processes of one database have to be set to alike, by variable, as texts; of secrets, nothing is
        told but whether all of them together are the same.
        """
        names = [name for name in type(self).model_fields if name not in OF_EACH_PROCESS]
        values = {name: getattr(self, name) for name in names}
        secret = {name: value for name, value in values.items() if name.endswith(_SECRET) or name == "webhook_url"}
        told = {name.upper(): "" if value is None else str(value) for name, value in values.items()}
        digest = digest_of({name: said(value) for name, value in secret.items()})
        return {name: value for name, value in told.items() if name.lower() not in secret} | {SECRETS: digest}

    @property
    def browser_livekit_url(self) -> str:
        """The LiveKit URL that a page is told."""
        return self.livekit_public_url or self.livekit_url

    @property
    def legacy_in_use(self) -> tuple[str, ...]:
        """The variables that are set and have no effect."""
        return tuple(name for name in LEGACY if getattr(self, name.lower()) is not None)


def describe_problems(error: ValidationError) -> str:
    """One message that names every bad variable and what it takes; values of secrets are not repeated."""
    lines = []
    for problem in error.errors(include_url=False):
        variable = str(problem["loc"][0]).upper() if problem["loc"] else "settings"
        secret = variable.endswith(("_SECRET", "_KEY")) or variable in {
            "DATABASE_URL",
            "DATABASE_DIRECT_URL",
            "WEBHOOK_URL",
        }
        shown = (
            "" if secret or not problem["loc"] else f" (got {_PASSWORD.sub('//[password]@', repr(problem['input']))})"
        )
        message = problem["msg"].removeprefix("Value error, ")
        lines.append(_PASSWORD.sub("//[password]@", f"  {variable}: {message}{shown}"))
    return "\n".join(["Bad settings (see .env.example for every variable, its default and unit):", *lines])


S = TypeVar("S", bound=Settings)


@overload
def load_or_exit() -> Settings: ...
@overload
def load_or_exit(kind: type[S]) -> S: ...
def load_or_exit(kind: type[Settings] = Settings) -> Settings:
    """The settings, or exit code 2 after one message on stderr that names all bad variables, or what is wrong with
    the file.
    """
    file = kind.model_config.get("env_file")
    if isinstance(file, Path) and (problem := problem_of(file)):
        _refuse(problem)
    try:
        return kind()
    except ValidationError as error:
        _refuse(describe_problems(error))


def _refuse(message: str) -> NoReturn:
    sys.stderr.write(message + "\n")
    raise SystemExit(ExitCode.BAD_SETTINGS)
