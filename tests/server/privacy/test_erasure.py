"""Erasing a participant or the reference: the real application on a real database and real files."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from facematch.server.app import Parts, create_app
from facematch.server.events.hub import Hub
from facematch.server.events.purge import Records, Subject
from facematch.server.events.service import Feed
from facematch.server.events.store import SqlEventLog
from facematch.server.gallery.enrollment import Enrollment
from facematch.server.gallery.photo_file import ReferenceFile
from facematch.server.identity.store import IdentityStore
from facematch.server.people.service import People, PeopleRules
from facematch.server.presence.fold import PresenceFold
from facematch.server.privacy import erasure as erasure_module
from facematch.server.privacy.retention import Limits
from facematch.server.privacy.service import Keeping
from facematch.server.privacy.store import ErasureStore, subject_hash
from facematch.server.recognizers.registry import Recognizers
from facematch.server.snapshots.folder import SnapshotFolder
from facematch.server.storage.database import Database, sqlite_url
from facematch.server.storage.errors import LogUnavailableError
from facematch.server.storage.leases import Leases
from facematch.server.storage.schema import position
from tests.rig.event_logs import check
from tests.rig.fake_examiner import FakeExaminer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

    from facematch.config.settings import Settings
    from facematch.protocol.events import Event
    from facematch.server.events.log import Entry
    from facematch.server.events.purge import Removed

JPEG = b"\xff\xd8 a snapshot"


@pytest.fixture
def parts(examiner: FakeExaminer, monkeypatch: pytest.MonkeyPatch) -> Parts:
    monkeypatch.setattr(erasure_module, "WAIT_SECONDS", 0.2)
    return Parts(make_examiner=lambda: examiner)


@pytest.fixture
def web(settings: Settings, parts: Parts) -> Iterator[TestClient]:
    with TestClient(create_app(settings, parts)) as client:
        yield client


@pytest.fixture
def matched(web: TestClient, match: dict[str, Any], settings: Settings) -> Any:
    """Posts a Match, with its snapshot in the folder."""
    count = 0

    def post(identity: str | None, name: str | None = None, *, stem: str = "x", **fields: Any) -> str:
        nonlocal count
        count += 1
        snapshot = f"match_{stem}_20250925_1407{count:02}.jpg"
        (settings.output_dir / snapshot).write_bytes(JPEG)
        body = {**match, "snapshot": snapshot, "event_id": str(uuid4()), **fields}
        body |= {"participant_name": name or identity, "participant_identity": identity}
        assert web.post("/api/match", json=body).status_code == 200
        return snapshot

    return post


def events(web: TestClient, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = web.get("/api/events", params=query).json()["events"]
    return found


def beat(web: TestClient, heartbeat: dict[str, Any], **fields: Any) -> list[dict[str, Any]]:
    """The orders in the answer."""
    answer = web.post("/api/heartbeat", json={**heartbeat, **fields})
    assert answer.status_code == 200, answer.text
    orders: list[dict[str, Any]] = answer.json()["orders"]
    return orders


def eventually(holds: Callable[[], bool]) -> None:
    """Until it is so; nothing here waits for a time."""
    end = time.monotonic() + 60  # a disk that is busy with others' files lets a write wait
    while not holds():
        assert time.monotonic() < end


def done(orders: list[dict[str, Any]], count: int = 0) -> list[dict[str, Any]]:
    return [{"id": order["id"], "erased_events": count} for order in orders]


def test_events_and_snapshots_of_one_participant_go_and_those_of_others_stay(
    web: TestClient, matched: Any, settings: Settings
) -> None:
    mine = [matched("Alice/42", stem="Alice_42") for _ in range(3)]
    kept = matched("Alice_42", stem="Alice_42")  # her name reduces to the same text

    answer = web.delete(f"/api/participants/{quote('Alice/42', safe='')}")

    assert answer.status_code == 200, answer.text
    receipt = answer.json()
    assert receipt["identity"] == "Alice/42"
    assert (receipt["events"], receipt["snapshots"], receipt["verified"]) == (4, 3, True)  # three matches, one alarm
    assert (receipt["recognizer"], receipt["undelivered_events"]) == ("pending", None)
    assert [event["snapshot"] for event in events(web)] == [kept]
    assert [file.name for file in settings.output_dir.iterdir()] == [kept]
    assert not any(web.get(f"/captures/{name}").status_code == 200 for name in mine)


def test_comings_and_goings_of_a_participant_go_and_those_of_the_room_stay(web: TestClient) -> None:
    when = "2025-09-25T14:07:00+00:00"
    alice = {"participant_id": "PA_1", "participant_name": "Alice", "participant_identity": "alice", "timestamp": when}
    sent = [
        {"type": "watch", "change": "began", "timestamp": when},
        {"type": "participant", "change": "joined", **alice},
        {"type": "watch", "change": "began", "track_sid": "TR_1", **alice},
        {"type": "participant", "change": "joined", **alice, "participant_identity": "bob"},
    ]
    assert web.post("/api/events", json={"events": sent}).status_code == 200
    assert web.delete("/api/participants?identity=alice").json()["events"] == 2
    kept = web.get("/api/events?type=all").json()["events"]
    assert [event["participant_identity"] for event in kept] == [None, "bob"]
    late = [{**sent[1], "change": "left"}, sent[2], sent[0]]
    assert web.post("/api/events", json={"events": late}).status_code == 200
    assert [event["type"] for event in web.get("/api/events?type=all").json()["events"]] == [
        "watch",
        "participant",
        "watch",
    ]


ANY_IDENTITY = [
    "<img onerror=…>",
    "Анна",
    "a/../b",
    "a b",
    "x" * 512,
    "\U0001f600",
    "a?b#c",
    ".",
    "..",
    "../..",
    "/",
    "a//b/",
    "line\nbreak",
    "\r\n",
    "\u2028\u202e",
    " ",
    "%2e%2e",
    "a+b&identity=c;d",
    "\x00",
    "e\u0301",
]


@pytest.mark.parametrize("identity", ANY_IDENTITY)
def test_any_identity_can_be_named(web: TestClient, matched: Any, identity: str) -> None:
    matched(identity)
    matched("somebody else")
    told = [event["type"] for event in events(web, type="all") if event["participant_identity"] == identity]
    assert sorted(told) == ["alarm", "match"]
    receipt = web.delete(f"/api/participants?identity={quote(identity, safe='')}").json()
    assert (receipt["identity"], receipt["events"], receipt["snapshots"]) == (identity, len(told), 1)
    assert {event["participant_identity"] for event in events(web, type="all")} == {"somebody else"}


def test_events_that_name_no_identity_are_known_by_name_and_sid(web: TestClient, matched: Any) -> None:
    matched(None, "Alice42")
    matched(None, "alice42")
    matched(None, 'x","participant_name":"Alice42",')
    matched("Bob", "Alice42")
    assert web.delete("/api/participants/Alice42").json()["events"] == 2  # a match and its alarm
    assert web.delete("/api/participants/PA_xxx").json()["events"] == 4
    assert [event["participant_identity"] for event in events(web)] == ["Bob"]
    assert [event["participant_identity"] for event in events(web, type="alarm")] == ["Bob"]


def test_nobody_of_that_name(web: TestClient) -> None:
    receipt = web.delete("/api/participants/nobody").json()
    assert (receipt["events"], receipt["snapshots"], receipt["verified"]) == (0, 0, True)


@pytest.mark.parametrize("identity", ["<img onerror=…>", "Анна", "a/../b", "a b", "x" * 512, "a?b#c"])
def test_the_path_takes_simple_names_as_before(web: TestClient, matched: Any, identity: str) -> None:
    matched(identity)
    receipt = web.delete(f"/api/participants/{quote(identity, safe='')}").json()
    assert (receipt["identity"], receipt["events"], receipt["snapshots"]) == (identity, 2, 1)  # a match and its alarm


@pytest.mark.parametrize("identity", ["Alice\n", "\nAlice", "Ali\nce", "Alice\r\n", "Alice\u2028"])
def test_a_line_break_in_the_path_is_part_of_the_name(web: TestClient, matched: Any, identity: str) -> None:
    """Without it, it would be somebody else's."""
    matched("Alice")
    receipt = web.delete(f"/api/participants/{quote(identity, safe='')}").json()
    assert (receipt["identity"], receipt["events"]) == (identity, 0)


@pytest.mark.parametrize(
    "path",
    [
        "/api/participants/",
        "/api/participants/" + "x" * 513,
        "/api/participants",
        "/api/participants?identity=",
        "/api/participants?identity=" + "x" * 513,
        "/api/participants?name=x",
    ],
)
def test_an_identity_that_cannot_be(web: TestClient, path: str) -> None:
    answer = web.delete(path)
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")


def test_the_recognizer_is_told_until_it_confirms(
    web: TestClient, matched: Any, settings: Settings, heartbeat: dict[str, Any]
) -> None:
    assert beat(web, heartbeat) == []
    matched("Alice")
    receipt = web.delete("/api/participants/Alice").json()
    assert receipt["recognizer"] == "pending"

    [order] = beat(web, heartbeat)
    assert order == {"id": receipt["receipt_id"], "kind": "erase_participant", "participant_identity": "Alice"}
    assert beat(web, heartbeat) == [order]
    beat(web, heartbeat, orders_done=done([order], 7))

    line = until_done(web)
    assert line["receipt_id"] == receipt["receipt_id"]
    assert (line["events"], line["snapshots"], line["undelivered_events"]) == (2, 1, 7)
    for _ in range(200):  # the record says so a moment before
        if beat(web, heartbeat, orders_done=done([order], 7)) == []:
            return
    raise AssertionError("it is told for ever")


def until_done(web: TestClient) -> dict[str, Any]:
    """The newest line of the record, once it is done."""

    def newest() -> dict[str, Any]:
        line: dict[str, Any] = web.get("/api/erasures").json()["erasures"][0]
        return line

    eventually(lambda: newest()["recognizer"] == "done")
    return newest()


def test_what_is_pending_survives_a_restart_and_the_identity_does_not_survive_its_end(
    settings: Settings, parts: Parts, heartbeat: dict[str, Any]
) -> None:
    with TestClient(create_app(settings, parts)) as web:
        web.delete("/api/participants/Alice%00Wonder")
    with TestClient(create_app(settings, parts)) as web:
        orders = beat(web, heartbeat)
        assert [order["participant_identity"] for order in orders] == ["Alice\x00Wonder"]
        beat(web, heartbeat, orders_done=done(orders))
        until_done(web)
    with sqlite3.connect(settings.data_dir / "events.db") as database:
        [(subject, by, kind)] = database.execute("SELECT subject, requested_by, kind FROM erasures")
    database.close()
    assert (subject, by, kind) == (None, "admin (local)", "participant")


def test_a_late_event_is_taken_and_goes_nowhere(
    web: TestClient, match: dict[str, Any], heartbeat: dict[str, Any], settings: Settings
) -> None:
    web.delete("/api/participants/Alice")
    late = {**match, "participant_identity": "Alice", "event_id": str(uuid4())}
    new = {**late, "timestamp": (datetime.now(UTC) + timedelta(seconds=1)).isoformat(), "event_id": str(uuid4())}
    with web.websocket_connect("/ws/matches") as socket:
        assert web.post("/api/match", json=late).json() == {"ok": True, "delivered": 0}
        orders = beat(web, heartbeat)
        beat(web, heartbeat, orders_done=done(orders))
        until_done(web)
        assert web.post("/api/match", json=late).json() == {"ok": True, "delivered": 0}  # it was under way
        assert web.post("/api/match", json=new).json()["delivered"] == 1
        assert socket.receive_json()["event_id"] == new["event_id"]
    assert [event["event_id"] for event in events(web)] == [new["event_id"]]


class SlowLog(SqlEventLog):
    """Stores when it is told to."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, PresenceFold())
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()

    async def append(self, events_: Sequence[Event]) -> Sequence[Entry | None]:
        self.begun.set()
        await self.go_on.wait()
        return await super().append(events_)


async def test_an_event_that_was_just_being_stored_goes_too(settings: Settings) -> None:
    database = Database(sqlite_url(settings.data_dir / "events.db"))
    event_log = SlowLog(database)
    feed = Feed(event_log, Hub(event_log))
    people = People(database, Enrollment(FakeExaminer, ReferenceFile(settings.reference_image)), PeopleRules(1000))
    keeping = Keeping(database, SnapshotFolder(settings.output_dir), Limits(1, 1e9, 1), Recognizers(), feed, people)
    await feed.open()
    async with keeping.running(Leases(database)):
        just_now = check(participant_identity="Alice", timestamp=datetime.now(UTC))
        storing = asyncio.create_task(feed.writer.store(just_now))
        await event_log.begun.wait()
        asyncio.get_running_loop().call_later(0.3, event_log.go_on.set)  # long after everything else could be done
        erased = await keeping.erasures.participant("Alice", "admin")
        await storing
        assert (erased.events, await event_log.count()) == (1, 0)
    await feed.aclose()


def test_listeners_for_whom_it_still_waits_are_not_sent_it(
    settings: Settings, parts: Parts, match: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten: list[Collection[int]] = []
    monkeypatch.setattr(Hub, "forget", lambda _hub, cursors: forgotten.append(cursors))
    with TestClient(create_app(settings, parts)) as web:
        for who in ("Alice", "Bob", "Alice"):
            web.post("/api/match", json={**match, "participant_identity": who, "event_id": str(uuid4())})
        told = [event for event in events(web, type="all") if event["participant_identity"] == "Alice"]
        web.delete("/api/participants/Alice")
    assert {cursor for cursors in forgotten for cursor in cursors} == {event["cursor"] for event in told}
    assert sorted(event["type"] for event in told) == ["alarm", "match", "match"]


@pytest.mark.parametrize("after", [(Records, "remove_of"), (IdentityStore, "erase")], ids=["events", "what follows"])
def test_an_event_that_comes_meanwhile_is_not_taken_for_one_that_is_left(
    web: TestClient, matched: Any, monkeypatch: pytest.MonkeyPatch, after: tuple[type, str]
) -> None:
    """Nor is the alarm that follows from it."""
    remove = getattr(*after)
    came: list[str] = []

    async def and_one_comes(*args: Any, **named: Any) -> Any:
        removed = await remove(*args, **named)
        if not came:
            now = datetime.now(UTC).isoformat()
            came.append(await asyncio.to_thread(matched, "Alice", timestamp=now))
        return removed

    monkeypatch.setattr(*after, and_one_comes)
    matched("Alice")
    receipt = web.delete("/api/participants/Alice").json()
    assert (receipt["events"], receipt["verified"]) == (2, True)
    assert [event["snapshot"] for event in events(web)] == came


def test_a_snapshot_whose_event_never_came_goes_too(web: TestClient, matched: Any, settings: Settings) -> None:
    matched("Alice", stem="Alice")
    (settings.output_dir / "match_Alice_20250925_150000.jpg").write_bytes(JPEG)
    (settings.output_dir / "match_Alice_2_20250925_150000.jpg").write_bytes(JPEG)
    (settings.output_dir / "Alice.jpg").write_bytes(JPEG)
    assert web.delete("/api/participants/Alice").json()["snapshots"] == 2
    left = {file.name for file in settings.output_dir.iterdir()}
    assert left == {"Alice.jpg", "match_Alice_2_20250925_150000.jpg"}


def test_a_snapshot_that_was_being_written_when_its_recognizer_was_killed_goes_too(
    web: TestClient, settings: Settings
) -> None:
    drafts = [settings.output_dir / f".match_{who}_20250925_140708.jpg.part" for who in ("Alice_42", "Bob")]
    for draft in drafts:
        draft.write_bytes(JPEG)
    assert web.delete(f"/api/participants/{quote('Alice/42', safe='')}").json()["snapshots"] == 1
    assert [draft.exists() for draft in drafts] == [False, True]
    assert web.get(f"/captures/{drafts[1].name}").status_code == 404


def test_nothing_of_the_participant_is_left_in_any_file(
    web: TestClient, matched: Any, settings: Settings, heartbeat: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(50):
        matched("Zacharias-Unmistakable", stem="Zacharias-Unmistakable")
    matched("Bob")
    web.delete("/api/participants/Zacharias-Unmistakable")
    beat(web, heartbeat, orders_done=done(beat(web, heartbeat)))
    until_done(web)
    while beat(web, heartbeat):  # the very last write
        pass
    for file in settings.data_dir.rglob("*"):
        assert b"Zacharias" not in file.read_bytes(), file.name
    logged = capsys.readouterr()
    assert "Zacharias" not in logged.out + logged.err
    assert len(re.findall(r"Erased .*events=51.*snapshots=50", logged.out)) == 1


def test_a_snapshot_that_cannot_be_removed_is_said_and_tried_again(
    web: TestClient, matched: Any, settings: Settings, heartbeat: dict[str, Any]
) -> None:
    name = matched("Alice", stem="Alice")
    (settings.output_dir / name).unlink()
    (settings.output_dir / name).mkdir()
    answer = web.delete("/api/participants/Alice")
    assert (answer.status_code, answer.json()["code"]) == (503, "STORAGE_FAILED")
    assert name not in answer.text
    assert events(web) == []
    (settings.output_dir / name).rmdir()
    beat(web, heartbeat, orders_done=done(beat(web, heartbeat)))
    until_done(web)


def test_what_could_not_be_removed_is_removed_after_a_restart_whoever_is_there(
    settings: Settings, parts: Parts, match: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_records: Records, _subject: Subject, *, until: datetime | None = None) -> Removed:
        raise LogUnavailableError("SQLite: database or disk is full")

    with TestClient(create_app(settings, parts)) as web, monkeypatch.context() as full:
        web.post("/api/match", json={**match, "participant_identity": "Alice"})
        full.setattr(Records, "remove_of", refuse)
        assert "is tried again by itself" in web.delete("/api/participants/Alice").json()["detail"]
        assert len(events(web)) == 1
    with TestClient(create_app(settings, parts)) as web:
        eventually(lambda: events(web) == [])


@pytest.mark.parametrize(("enrolled", "left"), [(-10, False), (10, True)])
def test_a_reference_that_was_to_be_erased_when_the_process_was_killed(
    settings: Settings, parts: Parts, match: dict[str, Any], enrolled: float, *, left: bool
) -> None:
    """It is erased by the next start, unless it was enrolled again."""
    with TestClient(create_app(settings, parts)) as web:
        reference_id = enroll(web)
        web.post("/api/match", json={**match, "reference_id": reference_id})

    async def ask() -> None:
        database = Database(sqlite_url(settings.data_dir / "events.db"))
        database.open()
        now = datetime.now(UTC)
        await ErasureStore(database).begin(Subject("reference", reference_id), now, "admin", now)
        await database.aclose()

    asyncio.run(ask())
    os.utime(settings.reference_image, (time.time() + enrolled,) * 2)
    with TestClient(create_app(settings, parts)) as web:
        eventually(lambda: events(web) == [])
        assert settings.reference_image.exists() == left


def test_text_that_a_reader_has_kept_in_the_files_goes_when_it_has_finished(
    web: TestClient,
    matched: Any,
    settings: Settings,
    heartbeat: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wipe, kept = Records.wipe, 0

    async def counted(records: Records) -> bool:
        nonlocal kept
        wiped = await wipe(records)
        kept += not wiped
        return wiped

    monkeypatch.setattr(Records, "wipe", counted)
    matched("Zerlina")
    path = settings.data_dir / "events.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM events").fetchone()
        assert web.delete("/api/participants/Zerlina").json()["verified"] is True
        beat(web, heartbeat, orders_done=done(beat(web, heartbeat)))
        until_done(web)
        eventually(lambda: kept > 4)  # two removals, one more, the end: then again by itself
        assert any(b"Zerlina" in file.read_bytes() for file in settings.data_dir.iterdir())
    beat(web, heartbeat)  # it would be tried again by itself, but not at once
    eventually(lambda: not any(b"Zerlina" in file.read_bytes() for file in settings.data_dir.iterdir()))


async def test_whoever_writes_while_readers_are_waited_for_is_not_turned_away(migrated: Path, tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    shutil.copyfile(migrated, path)
    database = Database(sqlite_url(path))
    database.open()
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT COUNT(*) FROM events").fetchone()
            await database.execute(sa.update(position).values(latest=1))
            wiping = asyncio.create_task(Records(database).wipe())
            written = 1
            while not wiping.done():
                written += 1
                await database.execute(sa.update(position).values(latest=written))
            assert await wiping is False
        assert await Records(database).wipe() is True
    finally:
        await database.aclose()


def test_a_database_that_is_away(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise LogUnavailableError("database: Connection refused")

    for door in ("execute", "rows"):
        monkeypatch.setattr(Database, door, away)
    for method, path in (("DELETE", "/api/participants/Alice"), ("GET", "/api/erasures")):
        answer = client.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (503, "STORAGE_FAILED")


def enroll(web: TestClient) -> str:
    upload = {"file": ("a.jpg", b"a photo", "image/jpeg")}
    reference_id: str = web.post("/api/reference", files=upload).json()["reference_id"]
    return reference_id


def test_the_reference_goes_with_all_that_came_of_it_and_the_recognizer_is_told(
    web: TestClient, matched: Any, settings: Settings, heartbeat: dict[str, Any]
) -> None:
    assert web.delete("/api/reference").json()["code"] == "NO_REFERENCE"
    reference_id = enroll(web)
    mine = [matched(who, reference_id=reference_id) for who in ("Alice", "Bob")]
    kept = [matched("Alice", reference_id="another"), matched("Alice")]
    beat(web, heartbeat, reference_id=reference_id)

    receipt = web.delete("/api/reference").json()

    assert (receipt["reference_id"], receipt["recognizer"], receipt["verified"]) == (reference_id, "pending", True)
    assert (receipt["events"], receipt["snapshots"], receipt["undelivered_events"]) == (4, 2, None)
    assert not settings.reference_image.exists()
    assert web.get("/reference/current.jpg").status_code == 404
    assert web.get("/api/status").json()["reference"] is None
    assert [event["snapshot"] for event in events(web)] == kept
    assert not any((settings.output_dir / name).exists() for name in mine)

    [order] = beat(web, heartbeat, reference_id=reference_id)
    until = datetime.fromisoformat(order.pop("until")) - datetime.fromisoformat(receipt["at"])
    assert order == {"id": receipt["receipt_id"], "kind": "erase_reference", "reference_id": reference_id}
    assert until == timedelta(seconds=3)
    # One that has done it and yet uses the photo has a file of its own.
    beat(web, heartbeat, reference_id=reference_id, orders_done=done([order], 5))
    assert web.get("/api/erasures").json()["erasures"][0]["recognizer"] == "pending"
    beat(web, heartbeat, reference_id=None, orders_done=done([order], 5))
    line = until_done(web)
    assert (line["kind"], line["events"], line["snapshots"], line["undelivered_events"]) == ("reference", 4, 2, 5)
    assert web.delete("/api/reference").status_code == 404


def test_what_came_of_an_erased_reference_is_taken_and_goes_nowhere(
    web: TestClient, match: dict[str, Any], heartbeat: dict[str, Any], settings: Settings
) -> None:
    snapshot = settings.output_dir / match["snapshot"]
    late = {**match, "reference_id": enroll(web), "event_id": str(uuid4())}
    web.delete("/api/reference")
    snapshot.write_bytes(JPEG)
    again = {**late, "timestamp": (datetime.now(UTC) + timedelta(seconds=10)).isoformat(), "event_id": str(uuid4())}
    assert web.post("/api/match", json=late).json() == {"ok": True, "delivered": 0}
    beat(web, heartbeat, orders_done=done(beat(web, heartbeat)))
    assert until_done(web)["snapshots"] == 1
    assert not snapshot.exists()
    assert web.post("/api/match", json=late).json() == {"ok": True, "delivered": 0}  # it was under way
    web.post("/api/match", json=again)
    assert [event["event_id"] for event in events(web)] == [again["event_id"]]


def test_a_reference_that_is_pending_survives_a_restart(
    settings: Settings, parts: Parts, heartbeat: dict[str, Any]
) -> None:
    with TestClient(create_app(settings, parts)) as web:
        reference_id = enroll(web)
        web.delete("/api/reference")
    with TestClient(create_app(settings, parts)) as web:
        orders = beat(web, heartbeat)
        assert [order["reference_id"] for order in orders] == [reference_id]
        beat(web, heartbeat, orders_done=done(orders))
        assert until_done(web)["kind"] == "reference"


def test_a_reference_that_cannot_be_removed_takes_nothing_with_it(
    web: TestClient, matched: Any, settings: Settings, heartbeat: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    matched("Alice", reference_id=enroll(web))

    def refuse(_self: ReferenceFile) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(ReferenceFile, "_remove", refuse)
    answer = web.delete("/api/reference")
    assert (answer.status_code, answer.json()["code"]) == (503, "STORAGE_FAILED")
    assert answer.json()["detail"] == (
        "The photo could not be removed (Permission denied). Nothing was erased. Ask again."
    )
    assert len(events(web)) == 1
    assert web.get("/api/erasures").json() == {"erasures": []}
    assert beat(web, heartbeat) == []


def test_whoever_remembers_events_can_see_that_some_were_erased(
    settings: Settings, parts: Parts, match: dict[str, Any], heartbeat: dict[str, Any]
) -> None:
    seen = []

    def look(web: TestClient) -> None:
        seen.append(web.get("/api/status").json()["erasures"])

    with TestClient(create_app(settings, parts)) as web:
        web.post("/api/match", json={**match, "participant_identity": "Alice"})
        look(web)
        web.delete("/api/participants/Alice")
        look(web)
        beat(web, heartbeat, orders_done=done(beat(web, heartbeat)))
        until_done(web)
        look(web)
    with TestClient(create_app(settings, parts)) as web:  # a restart is nothing to read the log again for
        look(web)
    assert seen == [0, 3, 3, 3]


def test_the_record_says_nothing_that_tells_whose(web: TestClient) -> None:
    web.delete("/api/participants/Alice")
    [line] = web.get("/api/erasures").json()["erasures"]
    assert "Alice" not in json.dumps(line)
    assert (line["kind"], line["requested_by"], line["done_at"]) == ("participant", "admin (local)", None)


def test_a_receipt_can_be_held_against_an_identity() -> None:
    assert subject_hash("Alice", b"salt") == subject_hash("Alice", b"salt")
    assert subject_hash("Alice", b"salt") != subject_hash("Alice", b"other")
    assert subject_hash("Alice", b"salt") != subject_hash("Bob", b"salt")


def test_files_of_other_places_are_out_of_reach(web: TestClient, match: dict[str, Any], tmp_path: Path) -> None:
    """An event may name any file; only snapshots in the folder are removed."""
    outside = tmp_path / "current.jpg"
    outside.write_bytes(JPEG)
    web.post("/api/match", json={**match, "participant_identity": "Alice", "snapshot": "current.jpg"})
    assert web.delete("/api/participants/Alice").json()["events"] == 2
    assert outside.exists()
