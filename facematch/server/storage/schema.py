"""The tables of the web process. Whoever changes them adds a migration; a test holds the two against each other."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

metadata = sa.MetaData()

POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""On SQLite the only type whose primary key is the row's own number."""


class UtcTime(sa.types.TypeDecorator[datetime]):
    """An aware time, kept in UTC: SQLite has no time zones, so it stores the UTC time without one."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """See SQLAlchemy."""
        if value is None:
            return None
        utc = in_utc(value)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """See SQLAlchemy."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def in_utc(value: datetime) -> datetime:
    """An aware time in UTC; the first or last one there is for a time that has no such."""
    try:
        return value.astimezone(UTC)
    except OverflowError:  # year 1 east of Greenwich, year 9999 west of it
        return datetime(*((1, 1, 1) if value.year == 1 else (9999, 12, 31)), tzinfo=UTC)


events = sa.Table(
    "events",
    metadata,
    sa.Column("cursor", POSITION, primary_key=True, autoincrement=False),
    sa.Column("event_id", sa.Uuid(), nullable=False, unique=True),
    sa.Column("type", sa.Text(), nullable=False),
    sa.Column("room", sa.Text()),
    sa.Column("participant_identity", sa.Text()),
    sa.Column("participant_id", sa.Text(), nullable=False),
    sa.Column("track_sid", sa.Text()),
    sa.Column("reference_id", sa.Text()),
    sa.Column("source", sa.Text()),
    sa.Column("seq", sa.BigInteger()),
    sa.Column("snapshot", sa.Text()),
    sa.Column("timestamp", UtcTime(), nullable=False, comment="when it happened, says the sender"),
    sa.Column("received_at", UtcTime(), nullable=False),
    sa.Column("body", sa.Text(), nullable=False, comment="the event as JSON, without its cursor"),
)
for _name, _columns in {
    "type": ("type", "cursor", "timestamp"),
    "room": ("room", "cursor"),
    "participant_identity": ("participant_identity", "cursor"),
    "participant_id": ("participant_id", "cursor"),
    "track_sid": ("track_sid", "cursor"),
    "reference_id": ("reference_id", "cursor"),
    "source": ("source", "seq"),
    "snapshot": ("snapshot",),
    "timestamp": ("timestamp",),
    "received_at": ("received_at",),
}.items():
    sa.Index(f"ix_events_{_name}", *(events.c[column] for column in _columns))

position = sa.Table(
    "log_position",
    metadata,
    sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("latest", sa.BigInteger(), nullable=False, comment="position of the last event there has been"),
    sa.Column("first", sa.BigInteger(), nullable=False, comment="position before the first event there has been"),
    sa.Column("kept", sa.BigInteger(), nullable=False, comment="rows of events"),
    sa.Column("folded", sa.BigInteger(), nullable=False, server_default="0", comment="presence is derived up to here"),
    sa.Column("erased", sa.BigInteger(), nullable=False, server_default="0", comment="times that presence was erased"),
)
"""One row, changed in every transaction that adds or removes events: who holds its lock is the only writer."""

presence = sa.Table(
    "presence",
    metadata,
    sa.Column("first_cursor", POSITION, primary_key=True, autoincrement=False, comment="the event that began it"),
    sa.Column("source", sa.Text(), nullable=False, comment="as all texts here, empty when there is none"),
    sa.Column("room", sa.Text(), nullable=False),
    sa.Column("identity", sa.Text(), nullable=False),
    sa.Column("track", sa.Text(), nullable=False),
    sa.Column("sight", sa.Text(), nullable=False, comment="seen, not_seen, unknowable; absent, away"),
    sa.Column("people", sa.Text(), nullable=False, comment="persons who were named, as JSON"),
    sa.Column("reason", sa.Text(), nullable=False),
    sa.Column("reference_id", sa.Text(), nullable=False),
    sa.Column("day", sa.Text(), nullable=False, comment="in UTC, as 2025-09-25"),
    sa.Column("began", sa.Double(), nullable=False, comment="seconds of the recognizer's steady clock: first look"),
    sa.Column("first_ended", sa.Double(), nullable=False),
    sa.Column("last_began", sa.Double(), nullable=False, comment="last look"),
    sa.Column("ended", sa.Double(), nullable=False),
    sa.Column("at", sa.Double(), nullable=False, comment="first_ended on the wall clock, seconds since 1970"),
    sa.Column("last_at", sa.Double(), nullable=False, comment="ended on the wall clock"),
    sa.Column("looks", sa.BigInteger(), nullable=False),
    sa.Column("longest_gap", sa.Double(), nullable=False, comment="seconds"),
    sa.Column("open", sa.Boolean(), nullable=False, comment="nothing has come after it"),
    sa.Column("sid", sa.Text(), nullable=False),
    sa.Column("name", sa.Text(), nullable=False),
    sa.Column("nameless", sa.Boolean(), nullable=False, comment="the name stands for an identity"),
    sa.Column("best", sa.Double(), comment="smallest distance of its looks; null: not known"),
)
"""What the log says of who was where, one row for all looks in a row that say the same. Made in the transaction that
appends them, and at any time again from the log."""
sa.Index("ix_presence_day", presence.c.day)
sa.Index("ix_presence_identity", presence.c.identity, presence.c.day)
sa.Index("ix_presence_track", presence.c.track, presence.c.ended)
sa.Index("ix_presence_reference_id", presence.c.reference_id)
_IS_OPEN = sa.text("open")
sa.Index("ix_presence_open", presence.c.source, sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN)

daily_figures = sa.Table(
    "daily_figures",
    metadata,
    sa.Column("day", sa.Text(), primary_key=True),
    sa.Column("identity", sa.Text(), primary_key=True),
    sa.Column("room", sa.Text(), primary_key=True),
    sa.Column("person_id", sa.Text(), primary_key=True, comment="empty: of the participant, whoever was seen"),
    sa.Column("seen", sa.BigInteger(), nullable=False, comment="looks"),
    sa.Column("not_seen", sa.BigInteger(), nullable=False),
    sa.Column("unknowable", sa.BigInteger(), nullable=False),
    sa.Column(
        "seconds", sa.Double(), nullable=False, comment="between the first and the last look of each run of seen"
    ),
    sa.Column("first_at", sa.Double(), comment="of what was seen, seconds since 1970; null: nothing"),
    sa.Column("last_at", sa.Double()),
)
"""Sums of those runs of presence after which something else has come."""
sa.Index("ix_daily_figures_identity", daily_figures.c.identity, daily_figures.c.day)

bindings = sa.Table(
    "bindings",
    metadata,
    sa.Column("identity", sa.Text(), primary_key=True),
    sa.Column("room", sa.Text(), primary_key=True, comment="empty: every room without one of its own"),
    sa.Column("person_id", sa.Text(), nullable=False, comment="who was merged since stands for whom they are now"),
    sa.Column("valid_until", UtcTime()),
    sa.Column("by", sa.Text(), nullable=False, comment="in which role, or by what"),
    sa.Column("since", UtcTime(), nullable=False),
    sa.Column("cursor", POSITION, nullable=False, comment="of the event that says so: looks after it count"),
)
"""Who participants are supposed to be. Written in the transaction that appends the event that says so."""
sa.Index("ix_bindings_person_id", bindings.c.person_id)

identity_state = sa.Table(
    "identity_state",
    metadata,
    sa.Column("room", sa.Text(), primary_key=True, comment="empty when there is none"),
    sa.Column("identity", sa.Text(), primary_key=True),
    sa.Column("sid", sa.Text(), nullable=False),
    sa.Column("name", sa.Text(), nullable=False),
    sa.Column("state", sa.Text(), nullable=False),
    sa.Column("detail", sa.Text(), nullable=False),
    sa.Column("was", sa.Text(), nullable=False, comment="the state before; empty: there was none"),
    sa.Column("person_id", sa.Text(), nullable=False, comment="who they are supposed to be"),
    sa.Column("seen_person_id", sa.Text(), nullable=False, comment="who was recognised instead"),
    sa.Column("looks", sa.BigInteger(), nullable=False, comment="on how many it rests"),
    sa.Column("certainty", sa.Text(), nullable=False),
    sa.Column("swapped", sa.Boolean(), nullable=False, comment="and not acknowledged yet"),
    sa.Column(
        "acknowledged", POSITION, nullable=False, comment="of the last event that says that somebody was; 0: none"
    ),
    sa.Column("since", UtcTime(), nullable=False),
    sa.Column("cursor", POSITION, nullable=False, comment="of the event that it follows from"),
)
"""What the log says of each participant's identity. Made in the transaction that appends what it follows from."""
sa.Index("ix_identity_state_identity", identity_state.c.identity)

webhooks = sa.Table(
    "webhooks",
    metadata,
    sa.Column("name", sa.Text(), primary_key=True),
    sa.Column("cursor", sa.BigInteger(), nullable=False, comment="position of the last event that is settled"),
    sa.Column("dead", sa.BigInteger(), nullable=False, comment="events given up so far"),
    sa.Column("progress", sa.Text(), comment="how it goes, as JSON, for processes that do not deliver"),
)

dead_letters = sa.Table(
    "webhook_dead_letters",
    metadata,
    sa.Column("name", sa.Text(), primary_key=True),
    sa.Column("cursor", sa.BigInteger(), primary_key=True, autoincrement=False),
    sa.Column("reason", sa.Text(), nullable=False),
    sa.Column("given_up_at", UtcTime(), nullable=False),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.Text(), primary_key=True, comment="hash of the token, which is kept nowhere"),
    sa.Column("kind", sa.Text(), nullable=False, comment="login or invitation"),
    sa.Column("role", sa.Text(), nullable=False),
    sa.Column("room", sa.Text(), comment="the only room that it is good for"),
    sa.Column("created_at", UtcTime(), nullable=False),
    sa.Column("used_at", UtcTime(), nullable=False),
    sa.Column("expires_at", UtcTime(), nullable=False),
    sa.Column("person_id", sa.Text(), comment="who whoever has it is supposed to be"),
    sa.Column("name", sa.Text(), comment="their own, as they gave it when they signed in"),
)

erasures = sa.Table(
    "erasures",
    metadata,
    sa.Column("id", sa.Uuid(), primary_key=True),
    sa.Column("kind", sa.Text(), nullable=False, comment="participant or reference"),
    sa.Column("requested_at", UtcTime(), nullable=False),
    sa.Column(
        "requested_by",
        sa.Text(),
        nullable=False,
        comment="own name, role, and how that was shown",
    ),
    sa.Column("salt", sa.LargeBinary(), nullable=False),
    sa.Column("subject_hash", sa.LargeBinary(), nullable=False, comment="scrypt of whom it was about"),
    sa.Column("subject", sa.Text(), comment="as JSON; null as soon as nobody has to be told it any more"),
    sa.Column("events", sa.BigInteger(), nullable=False),
    sa.Column("snapshots", sa.BigInteger(), nullable=False),
    sa.Column("undelivered_events", sa.BigInteger(), comment="null: the recognizer has not answered yet"),
    sa.Column("done_at", UtcTime(), comment="null: the recognizer has not answered yet"),
)
"""What was erased, for as long as there is a database. Says how much and never whose."""
sa.Index("ix_erasures_requested_at", erasures.c.requested_at)

gallery = sa.Table(
    "gallery",
    metadata,
    sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("version", sa.BigInteger(), nullable=False, comment="rises with every change of people or photos"),
    sa.Column("encoder", sa.Text(), nullable=False, comment="whose embeddings all photos have; empty: none yet"),
    sa.Column("erased_key", sa.LargeBinary(), nullable=False, comment="of the hashes in erased_photos"),
)
"""One row, changed in every transaction that changes people or photos: who holds its lock is the only one who does."""

people = sa.Table(
    "people",
    metadata,
    sa.Column("id", sa.Text(), primary_key=True),
    sa.Column("name", sa.Text(), nullable=False),
    sa.Column("name_key", sa.Text(), nullable=False, comment="the name as it is searched and sorted"),
    sa.Column("rooms", sa.Text(), nullable=False, comment="JSON; empty: every room"),
    sa.Column("tolerance", sa.Float()),
    sa.Column("basis", sa.Text(), nullable=False, comment="on what basis they are kept"),
    sa.Column("consent", sa.Text(), comment="JSON: when, by whom, which text"),
    sa.Column("delete_at", UtcTime()),
    sa.Column("created_at", UtcTime(), nullable=False),
    sa.Column("last_seen_at", UtcTime(), comment="to the day"),
    sa.Column("merged_into", sa.Text(), comment="whose their photos are now; they come back by a split"),
    sa.Column("photos", sa.Integer(), nullable=False, comment="rows of photos"),
    sa.Column("outliers", sa.Integer(), nullable=False, comment="photos that are unlike the others"),
    sa.Column("photo_set", sa.Text(), comment="id of the set of photos, from theirs"),
    sa.Column("centroid", sa.LargeBinary(), comment="mean of the embeddings: 128 float32, little-endian"),
)
sa.Index("ix_people_name_key", people.c.name_key, people.c.id)
sa.Index("ix_people_merged_into", people.c.merged_into)
sa.Index("ix_people_delete_at", people.c.delete_at)

photos = sa.Table(
    "photos",
    metadata,
    sa.Column("id", sa.Text(), primary_key=True, comment="first 16 digits of the SHA-256 of image"),
    sa.Column("person_id", sa.Text(), nullable=False),
    sa.Column("origin_person_id", sa.Text(), nullable=False, comment="whose it was when it was added"),
    sa.Column("added_at", UtcTime(), nullable=False),
    sa.Column("upload_hash", sa.LargeBinary(), nullable=False, comment="SHA-256 of what was sent"),
    sa.Column("source", sa.Text(), nullable=False, comment="where it came from: page, import, the name of a file"),
    sa.Column("bbox", sa.Text(), nullable=False, comment="JSON: top, right, bottom, left"),
    sa.Column("frame_size", sa.Text(), nullable=False, comment="JSON: width, height of image"),
    sa.Column("face_px", sa.Integer(), nullable=False),
    sa.Column("score", sa.Float(), nullable=False, comment="the detector's"),
    sa.Column("sharpness", sa.Float(), nullable=False),
    sa.Column("weak", sa.Text(), nullable=False, comment="JSON: what is wrong with it"),
    sa.Column("outlier", sa.Boolean(), nullable=False, comment="unlike the others of its person"),
    sa.Column("model", sa.Text(), nullable=False),
    sa.Column("embedding", sa.LargeBinary(), nullable=False, comment="128 float32, little-endian"),
    sa.Column("image", sa.LargeBinary(), nullable=False, comment="JPEG without metadata"),
)
sa.Index("ix_photos_person_id", photos.c.person_id, photos.c.id)
sa.Index("ix_photos_upload_hash", photos.c.upload_hash)

erased_photos = sa.Table(
    "erased_photos",
    metadata,
    sa.Column("hash", sa.LargeBinary(), primary_key=True, comment="HMAC of the SHA-256 of a file that was erased"),
)
"""So that a photo of the very same bytes does not come back unnoticed."""

not_compared = sa.Table(
    "not_compared",
    metadata,
    sa.Column("identity", sa.Text(), primary_key=True),
    sa.Column("by", sa.Text(), nullable=False, comment="in which role"),
    sa.Column("since", UtcTime(), nullable=False),
)
"""Participants who are not to be looked at. Not erased with the rest of a participant: it is for their protection."""

unknown_faces = sa.Table(
    "unknown_faces",
    metadata,
    sa.Column("id", sa.Text(), primary_key=True),
    sa.Column("group_id", sa.Text(), nullable=False, comment="the same for faces that are alike"),
    sa.Column("room", sa.Text(), nullable=False),
    sa.Column("identity", sa.Text(), nullable=False),
    sa.Column("name", sa.Text(), nullable=False),
    sa.Column("first_at", UtcTime(), nullable=False),
    sa.Column("at", UtcTime(), nullable=False, comment="when the picture was taken"),
    sa.Column("encoder", sa.Text(), nullable=False),
    sa.Column("quality", sa.Double(), nullable=False, comment="more is better"),
    sa.Column("embedding", sa.LargeBinary(), nullable=False, comment="128 float32, little-endian"),
    sa.Column("image", sa.LargeBinary(), nullable=False, comment="JPEG; empty: dismissed"),
)
"""Faces of participants who were recognised as nobody, with KEEP_UNKNOWN_FACES: a few, for a day."""

event_people = sa.Table(
    "event_people",
    metadata,
    sa.Column("person_id", sa.Text(), primary_key=True),
    sa.Column("cursor", POSITION, primary_key=True, autoincrement=False),
)
"""Which events name which people."""
sa.Index("ix_event_people_cursor", event_people.c.cursor)

verdicts = sa.Table(
    "verdicts",
    metadata,
    sa.Column("cursor", POSITION, primary_key=True, autoincrement=False, comment="of the event"),
    sa.Column("verdict", sa.Text(), nullable=False, comment="right, wrong"),
    sa.Column("by", sa.Text(), nullable=False, comment="role of whoever said it"),
    sa.Column("at", UtcTime(), nullable=False),
)
"""What people said of events; a row goes with its event."""

deployment = sa.Table(
    "deployment",
    metadata,
    sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text(), nullable=False, comment="random: tells this installation's recognizers from others"),
)
"""One row."""

workers = sa.Table(
    "workers",
    metadata,
    sa.Column("name", sa.Text(), primary_key=True, comment="of the machine and its DATA_DIR"),
    sa.Column("boot", sa.Text(), nullable=False, comment="source of its events"),
    sa.Column("beat", UtcTime(), nullable=False, comment="the last one, by the database's clock"),
    sa.Column("rounds", sa.BigInteger(), nullable=False, comment="beats since it began"),
    sa.Column("capacity", sa.Double(), nullable=False, comment="frames a second"),
    sa.Column("draining", sa.Boolean(), nullable=False),
    sa.Column("sent_at", UtcTime(), comment="of the last beat, by its own clock"),
    sa.Column("clock_ahead", sa.Double(), nullable=False, comment="seconds, of its clock before ours"),
    sa.Column("settings_differ", sa.Text(), nullable=False, comment="JSON: sentences"),
    sa.Column("version", sa.Text()),
)
"""Recognizers to which rooms are given. Empty on SQLite, where the one web process knows them."""

rooms = sa.Table(
    "rooms",
    metadata,
    sa.Column("room", sa.Text(), primary_key=True),
    sa.Column("epoch", sa.BigInteger(), nullable=False, comment="rises with each owner, and never falls"),
    sa.Column("owner", sa.Text(), comment="name of a worker"),
    sa.Column("since", UtcTime(), comment="when its owner was given it"),
    sa.Column("arrived", sa.Boolean(), nullable=False, comment="its owner is in it"),
    sa.Column("offered", sa.Boolean(), nullable=False, comment="its owner has it until another takes it"),
    sa.Column("cost", sa.Double(), comment="frames a second of its cameras; null: not seen yet"),
    sa.Column("gone_at", UtcTime(), comment="when it was no more; null: it is there"),
)
"""Rooms that ROOMS fits. One that goes is kept for its epoch."""
sa.Index("ix_rooms_gone_at", rooms.c.gone_at)

room_arrivals = sa.Table(
    "room_arrivals",
    metadata,
    sa.Column("room", sa.Text(), primary_key=True),
    sa.Column("epoch", sa.BigInteger(), primary_key=True, autoincrement=False),
    sa.Column("at", UtcTime(), nullable=False, comment="when the owner of this epoch was first in the room"),
)
"""From when on what the owners before it say of a room does not count."""
sa.Index("ix_room_arrivals_at", room_arrivals.c.at)


erasing = sa.Table(
    "erasing",
    metadata,
    sa.Column("erasure_id", sa.Uuid(), primary_key=True),
    sa.Column("kind", sa.Text(), nullable=False, comment="participant, reference or person"),
    sa.Column("subject", sa.Text(), nullable=False, comment="as JSON"),
    sa.Column("until", UtcTime(), nullable=False, comment="the last moment of what is erased"),
    sa.Column("ends_at", UtcTime(), comment="when the last late event may have come; null: not finished"),
)
"""Of what no event is taken any more: asked by whoever appends, on PostgreSQL. Small, and soon empty again."""

turned_away = sa.Table(
    "turned_away",
    metadata,
    sa.Column("event_id", sa.Uuid(), primary_key=True),
    sa.Column("erasure_id", sa.Uuid(), nullable=False),
    sa.Column("source", sa.Text()),
    sa.Column("seq", sa.BigInteger()),
    sa.Column("snapshot", sa.Text(), comment="null: there is none, or it has been removed"),
)
"""Events that came too late, so that other processes do not miss them, and remove their snapshots."""
sa.Index("ix_turned_away_erasure_id", turned_away.c.erasure_id)

confirmations = sa.Table(
    "erasure_confirmations",
    metadata,
    sa.Column("erasure_id", sa.Uuid(), primary_key=True),
    sa.Column("source", sa.Text(), primary_key=True, comment="a start of a recognizer"),
    sa.Column("events", sa.BigInteger(), nullable=False, comment="removed from its outbox"),
)
"""Which recognizers have carried out what is not finished yet."""

heartbeats = sa.Table(
    "heartbeats",
    metadata,
    sa.Column("room", sa.Text(), primary_key=True),
    sa.Column("source", sa.Text(), primary_key=True, comment="a start of a recognizer"),
    sa.Column("body", sa.Text(), nullable=False, comment="its last heartbeat, as JSON"),
    sa.Column("first_at", UtcTime(), nullable=False, comment="by the database's clock"),
    sa.Column("at", UtcTime(), nullable=False, comment="by the database's clock"),
    sa.Column("names", sa.Boolean(), nullable=False, comment="whether it may name participants"),
)
"""The last account of each recognizer, for processes that it does not report to. On PostgreSQL."""

tries = sa.Table(
    "tries",
    metadata,
    sa.Column("what", sa.Text(), primary_key=True, comment="is tried"),
    sa.Column("client", sa.Text(), primary_key=True, comment="an address, or all others together"),
    sa.Column("count", sa.BigInteger(), nullable=False),
    sa.Column("ends_at", UtcTime(), nullable=False, comment="by the database's clock"),
)
"""What each client has tried within its minute, at whichever process. On PostgreSQL."""

looks = sa.Table(
    "looks",
    metadata,
    sa.Column("identity", sa.Text(), primary_key=True),
    sa.Column("batches", sa.Text(), nullable=False, comment="that each camera had had, as JSON"),
    sa.Column("asked_at", UtcTime(), nullable=False, comment="by the database's clock"),
)
"""Whom somebody wants to be looked at now, for seconds. On PostgreSQL."""

expulsions = sa.Table(
    "expulsions",
    metadata,
    sa.Column("login", sa.Text(), primary_key=True, comment="empty: all that were begun until then"),
    sa.Column("ended_at", UtcTime(), nullable=False),
)
"""Logins with whose tokens nobody is to be in a room any more, for as long as those last."""

replicas = sa.Table(
    "replicas",
    metadata,
    sa.Column("process", sa.Text(), primary_key=True, comment="a start of a web process"),
    sa.Column("name", sa.Text(), nullable=False, comment="of its machine, and its port"),
    sa.Column("settings", sa.Text(), nullable=False, comment="JSON: those that all have to have alike"),
    sa.Column("at", UtcTime(), nullable=False, comment="by the database's clock"),
)
"""The web processes that are there. On PostgreSQL."""

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.Text(), primary_key=True, comment="of the work that one process does at a time"),
    sa.Column("holder", sa.Text(), nullable=False, comment="that process; another for each of its starts"),
    sa.Column("epoch", sa.BigInteger(), nullable=False, comment="rises when another process takes it"),
    sa.Column("until", UtcTime(), nullable=False, comment="by the database's clock"),
)

alarms = sa.Table(
    "alarms",
    metadata,
    sa.Column("cursor", POSITION, primary_key=True, autoincrement=False, comment="of the event that it follows from"),
    sa.Column("id", sa.Uuid(), nullable=False),
    sa.Column("kind", sa.Text(), nullable=False, comment="match, someone_else, face_changed"),
    sa.Column("room", sa.Text(), nullable=False, comment="as all texts here, empty when there is none"),
    sa.Column("identity", sa.Text(), nullable=False),
    sa.Column("sid", sa.Text(), nullable=False),
    sa.Column("name", sa.Text(), nullable=False),
    sa.Column("person_id", sa.Text(), nullable=False, comment="who they are supposed to be"),
    sa.Column("seen_person_id", sa.Text(), nullable=False, comment="who was seen"),
    sa.Column("match_cursor", POSITION, comment="of the Match that shows it; null: none does"),
    sa.Column("since", UtcTime(), nullable=False),
    sa.Column("last_at", UtcTime(), nullable=False, comment="when the same was seen last"),
    sa.Column("sights", sa.BigInteger(), nullable=False, comment="how often"),
    sa.Column("acknowledged_by", sa.Text(), nullable=False, comment="empty: it is open"),
    sa.Column("acknowledged_at", UtcTime()),
    sa.Column("verdict", sa.Text(), nullable=False, comment="right, wrong; empty: nobody has said"),
    sa.Column("judged_by", sa.Text(), nullable=False),
    sa.Column("judged_at", UtcTime()),
)
"""What somebody has to look at. Made in the transaction that appends what it follows from, and gone with it."""
sa.Index("ix_alarms_id", alarms.c.id, unique=True)
sa.Index("ix_alarms_of", alarms.c.identity, alarms.c.room, alarms.c.cursor)
sa.Index("ix_alarms_seen_person_id", alarms.c.seen_person_id)
sa.Index("ix_alarms_person_id", alarms.c.person_id)
_NOT_ACKNOWLEDGED = sa.text("acknowledged_by = ''")
sa.Index("ix_alarms_open", alarms.c.cursor, sqlite_where=_NOT_ACKNOWLEDGED, postgresql_where=_NOT_ACKNOWLEDGED)


def text_of(value: str | None) -> Any:
    """Text as a column can hold it: PostgreSQL has no place for U+0000. The event itself keeps it."""
    return None if value is None else value.replace("\x00", "\ufffd")
