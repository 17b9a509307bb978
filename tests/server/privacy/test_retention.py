"""What is kept and for how long: a real database, real files, and clocks that the test moves."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
import sqlalchemy as sa

from facematch.protocol.heartbeat import Heartbeat
from facematch.server.events.purge import Records, Subject
from facematch.server.events.store import SqlEventLog
from facematch.server.presence.fold import PresenceFold
from facematch.server.privacy import retention
from facematch.server.privacy.retention import GRACE_SECONDS, Limits, Retention, Swept
from facematch.server.recognizers.registry import Recognizers
from facematch.server.recognizers.watermark import delivered_until
from facematch.server.snapshots.folder import SETTLED_NS, SnapshotFolder
from facematch.server.storage.database import Database, sqlite_url
from facematch.server.storage.errors import LogUnavailableError
from facematch.server.storage.schema import presence
from tests.rig.event_logs import check, match

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

START = datetime(2025, 9, 25, 14, 0, tzinfo=UTC)
DAY = 86_400.0
SIZE = 1_000


@dataclass
class World:
    """One log, one folder, and the time."""

    folder: Path
    database: Database
    limits: Limits
    seconds: float = 0.0
    delivered: float | None = None
    """Up to when recognizers have delivered, in seconds since the start; None: nobody knows."""
    log: SqlEventLog = field(init=False)
    records: Records = field(init=False)
    retention: Retention = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.log = SqlEventLog(self.database, PresenceFold(), now=self.now)
        self.records = Records(self.database)
        self.restart()

    def restart(self) -> None:
        self.retention = Retention(
            self.records,
            SnapshotFolder(self.folder),
            self.limits,
            self.delivered_until,
            now=self.now,
            monotonic=lambda: self.seconds,
        )

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def delivered_until(self) -> datetime | None:
        return None if self.delivered is None else START + timedelta(seconds=self.delivered)

    def write(self, name: str, size: int = SIZE) -> str:
        """A snapshot, written now."""
        path = self.folder / f"match_{name}.jpg"
        path.write_bytes(b"x" * size)
        os.utime(path, (self.now().timestamp(),) * 2)
        return path.name

    async def matched(self, name: str, count: int = 1) -> str:
        """A snapshot and its events, as they come when all is well."""
        snapshot = self.write(name)
        await self.log.append([match(snapshot=snapshot, filename=f"/x/{snapshot}") for _ in range(count)])
        return snapshot

    def files(self) -> set[str]:
        return {path.name.removeprefix("match_").removesuffix(".jpg") for path in self.folder.iterdir()}

    async def named(self) -> list[str | None]:
        """What listeners are told of snapshots, in the log's order; every entry agrees with itself."""
        found = [json.loads(entry.text) for entry in await self.log.after(0, 1_000)]
        assert all((event["snapshot"] is None) == (event["filename"] is None) for event in found if "snapshot" in event)
        return [event["snapshot"] and event["snapshot"][6:-4] for event in found if "snapshot" in event]

    async def sweep(self) -> Swept:
        return await self.retention.sweep()


@asynccontextmanager
async def made(url: str, folder: Path, **limits: float) -> AsyncIterator[World]:
    kept = {"snapshot_days": 7.0, "total_bytes": 1e9, "event_days": 30.0, **limits}
    world = World(folder / "captures", Database(url), Limits(**kept))
    await world.log.open()
    try:
        yield world
    finally:
        await world.log.aclose()


@pytest_asyncio.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with made(database_url, tmp_path, total_bytes=3 * SIZE) as world:
        yield world


async def test_a_snapshot_goes_by_its_age_and_its_events_say_so(world: World) -> None:
    await world.matched("old", count=2)
    world.seconds = 3 * DAY
    await world.matched("young")
    world.seconds = 7 * DAY
    assert await world.sweep() == Swept()
    world.seconds += 1
    assert await world.sweep() == Swept(snapshots=1, cleared=2)
    assert world.files() == {"young"}
    assert await world.named() == [None, None, "young"]
    assert await world.sweep() == Swept()


async def test_too_much_and_the_oldest_go_first(world: World) -> None:
    for name in "abcde":
        world.seconds += 60
        await world.matched(name)
    await world.sweep()
    assert world.files() == {"c", "d", "e"}
    assert await world.named() == [None, None, "c", "d", "e"]


async def test_an_old_event_goes_with_its_snapshot(world: World) -> None:
    await world.log.append([check(), check()])
    world.write("x")
    world.seconds = 29 * DAY
    await world.log.append([match(snapshot="match_x.jpg", filename="/x"), check()])
    world.seconds = 30 * DAY + 1
    assert (await world.sweep()).events == 2
    assert (await world.log.count(), await world.log.is_whole()) == (2, False)
    latest = await world.log.latest()
    world.seconds = 60 * DAY
    assert (await world.sweep()).events == 2
    assert (await world.log.count(), await world.log.latest(), world.files()) == (0, latest, set())


async def test_checks_go_sooner_when_it_is_asked_for_and_what_was_derived_stays(
    database_url: str, tmp_path: Path
) -> None:
    async with made(database_url, tmp_path, check_days=2.0) as world:
        for day in range(4):
            world.seconds = day * DAY
            await world.log.append([check(), match(), check(match_found=True)])
        assert (await world.sweep()).events == 2
        kept = [entry.type for entry in await world.log.after(0, 100)]
        assert (kept.count("check"), kept.count("match")) == (6, 4)
        world.seconds = 100 * DAY
        assert (await world.sweep()).events == 10
        assert await world.database.rows(sa.select(sa.func.sum(presence.c.looks))) == [(8,)]
        assert (await world.sweep()).events == 0


async def test_an_event_whose_snapshot_has_gone_says_so_within_a_minute(world: World) -> None:
    await world.matched("a")
    await world.sweep()
    (world.folder / "match_a.jpg").unlink()
    await world.sweep()
    assert await world.named() == ["a"]
    world.seconds = GRACE_SECONDS + retention.PASS_SECONDS
    await world.sweep()
    assert await world.named() == [None]


async def test_a_folder_that_is_removed_whole(world: World) -> None:
    await world.matched("a")
    (world.folder / "match_a.jpg").unlink()
    world.folder.rmdir()
    await world.sweep()
    world.seconds = GRACE_SECONDS
    await world.sweep()
    assert await world.named() == [None]


async def test_a_snapshot_whose_event_is_on_its_way_stays(world: World) -> None:
    world.write("a")
    world.seconds = 3_600
    await world.sweep()  # no recognizer: its outbox may hold the event
    assert world.files() == {"a"}
    world.delivered = 0.0  # the oldest event in its outbox waits since then
    await world.sweep()
    assert world.files() == {"a"}
    world.delivered = GRACE_SECONDS + 1
    assert await world.sweep() == Swept()  # heard of just now
    world.seconds += GRACE_SECONDS
    assert await world.sweep() == Swept(snapshots=1)
    assert world.files() == set()


async def test_a_draft_that_a_killed_recognizer_has_left_goes_as_a_snapshot_without_an_event_does(world: World) -> None:
    draft = world.folder / ".match_a.jpg.part"
    draft.write_bytes(b"x")
    os.utime(draft, (world.now().timestamp(),) * 2)
    world.seconds = 3_600
    world.delivered = 0.0
    assert await world.sweep() == Swept()  # the recognizer is to publish it when it starts again
    world.delivered = GRACE_SECONDS + 1
    world.seconds += GRACE_SECONDS
    assert await world.sweep() == Swept(snapshots=1)
    assert not draft.exists()


async def test_a_clock_that_was_just_set_back_costs_no_snapshot(world: World) -> None:
    """The last heartbeat is from before that; its time is later than the snapshot's, whose event is on its way."""
    late = world.write("late")
    world.seconds, world.delivered = 1.0, 3_600.0
    assert await world.sweep() == Swept()
    world.seconds, world.delivered = 3.0, 2.0  # the next heartbeat
    assert await world.sweep() == Swept()
    await world.log.append([match(snapshot=late, filename="/x")])
    world.seconds = world.delivered = 3_600.0
    assert await world.sweep() == Swept()
    assert (world.files(), await world.named()) == ({"late"}, ["late"])


async def test_a_snapshot_without_an_event_goes_by_age_also_when_nobody_knows(world: World) -> None:
    world.write("a")
    world.seconds = 7 * DAY + 1
    await world.sweep()
    assert world.files() == set()


async def test_an_event_that_arrives_between_two_looks_saves_its_snapshot(world: World) -> None:
    await world.matched("first")
    await world.sweep()
    late = world.write("late")
    world.seconds = world.delivered = 1_000
    await world.log.append([match(snapshot=late, filename="/x")])
    assert await world.sweep() == Swept()
    assert world.files() == {"first", "late"}


async def test_a_new_process_knows_what_the_log_speaks_of(world: World) -> None:
    await world.matched("a")
    world.write("orphan")
    world.seconds = world.delivered = 1_000
    world.restart()
    await world.sweep()
    assert world.files() == {"a", "orphan"}
    world.seconds += GRACE_SECONDS
    await world.sweep()
    assert world.files() == {"a"}


async def test_nothing_but_snapshots_is_touched(world: World) -> None:
    inside = [".part", ".notes.jpg.part", "match_a.jpg.part", "notes.txt", "match_.jpg", "match_a.jpeg", "Match_a.jpg"]
    for name in inside:
        (world.folder / name).write_bytes(b"x" * 9 * SIZE)
    (world.folder / "match_folder.jpg").mkdir()
    (world.folder / "match_folder.jpg" / "match_a.jpg").write_bytes(b"x")
    (world.folder / "match_link.jpg").symlink_to(world.folder / "notes.txt")
    world.seconds = world.delivered = 400 * DAY
    assert await world.sweep() == Swept()
    assert {path.name for path in world.folder.iterdir()} == {*inside, "match_folder.jpg", "match_link.jpg"}


async def test_a_pass_is_bounded_and_the_next_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "MOST_FILES", 4)
    for number in range(10):
        await world.matched(str(number))
    world.seconds = 8 * DAY
    swept = [await world.sweep() for _ in range(4)]
    assert [(one.snapshots, one.cleared, one.more) for one in swept] == [
        (4, 4, True),
        (4, 4, True),
        (2, 2, False),
        (0, 0, False),
    ]


async def test_thousands_of_events_go_in_small_transactions(world: World) -> None:
    for _ in range(3):
        await world.log.append([check() for _ in range(400)])
    await world.log.append([check(participant_identity="Bob") for _ in range(700)])
    assert (await world.records.remove_of(Subject("participant", "Bob"))).events == 700
    world.seconds = 31 * DAY
    assert (await world.sweep()).events == 1_200
    assert await world.log.count() == 0


async def test_a_database_that_is_away_does_not_keep_a_full_disk_full(tmp_path: Path) -> None:
    async with made(sqlite_url(tmp_path / "data" / "events.db"), tmp_path) as world:
        await world.matched("a")
        await world.sweep()
        world.seconds = 8 * DAY
        await world.log.check()

        async def full(names: object) -> int:
            raise LogUnavailableError("SQLite: database or disk is full")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(world.records, "clear_snapshots", full)
            with pytest.raises(OSError, match="disk is full"):
                await world.sweep()
        assert world.files() == set()
        assert await world.sweep() == Swept(cleared=1)
        assert await world.named() == [None]


async def test_a_snapshot_that_is_sent_may_come_after_its_event(tmp_path: Path) -> None:
    """Until recognizers have delivered everything, it may be on its way."""
    async with made(sqlite_url(tmp_path / "data" / "events.db"), tmp_path) as world:
        world.retention._folder.takes_uploads = True
        await world.log.append([match(snapshot="match_a.jpg", filename=None)])
        await world.sweep()
        for world.delivered in (None, -1):
            world.seconds += GRACE_SECONDS + 1
            assert await world.sweep() == Swept()
        world.delivered = world.seconds
        assert await world.sweep() == Swept(cleared=1)
        assert await world.named() == [None]


async def test_the_task_says_once_that_it_cannot_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PASS_SECONDS", 0.01)
    async with made(sqlite_url(tmp_path / "data" / "events.db"), tmp_path) as world:
        world.folder.rmdir()
        world.folder.write_text("not a folder")
        task = asyncio.create_task(world.retention.run())
        await asyncio.sleep(0.3)
        world.folder.unlink()
        await asyncio.sleep(0.3)
        task.cancel()
        await asyncio.wait([task])
    said = capsys.readouterr().out
    assert said.count("cannot be removed now") == 1
    assert said.count("is removed again") == 1


async def test_a_fault_of_ours_does_not_end_the_task(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PASS_SECONDS", 0)
    passes, again = 0, asyncio.Event()

    def delivered() -> datetime | None:
        nonlocal passes
        passes += 1
        if passes == 1:
            raise OverflowError("date value out of range")
        again.set()
        return None

    async with made(sqlite_url(tmp_path / "data" / "events.db"), tmp_path) as world:
        monkeypatch.setattr(world, "delivered_until", delivered)
        world.restart()
        task = asyncio.create_task(world.retention.run())
        waiting = asyncio.create_task(again.wait())
        await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED, timeout=20)
        assert not task.done()
        assert again.is_set()
        task.cancel()
        await asyncio.wait([task])
    said = capsys.readouterr().out
    assert said.count("Retention failed") == 1
    assert "OverflowError" in said


async def test_a_pass_with_nothing_to_do_does_not_look_at_every_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = SnapshotFolder(tmp_path)
    (tmp_path / "match_a.jpg").write_bytes(b"x")
    past = tmp_path.stat().st_mtime_ns - 2 * SETTLED_NS
    os.utime(tmp_path, ns=(past, past))
    looks = 0
    scan = SnapshotFolder._scan

    def counted(self: SnapshotFolder) -> Any:
        nonlocal looks
        looks += 1
        return scan(self)

    monkeypatch.setattr(SnapshotFolder, "_scan", counted)
    assert [set(await folder.files()) for _ in range(3)] == [{"match_a.jpg"}] * 3
    assert looks == 1
    (tmp_path / "match_b.jpg").write_bytes(b"x")
    assert set(await folder.files()) == {"match_a.jpg", "match_b.jpg"}
    (tmp_path / "match_c.jpg").write_bytes(b"x")  # within the same tick of a coarse clock, perhaps
    assert len(await folder.files()) == 3
    assert await folder.remove(["match_a.jpg", "match_z.jpg", "../outside", "notes.txt"]) == 1
    assert len(await folder.files()) == 2


def beat(heartbeat: dict[str, Any], **fields: Any) -> Heartbeat:
    return Heartbeat.model_validate({**heartbeat, **fields})


SENT = datetime(2025, 9, 25, 14, 7, 9, tzinfo=UTC)


def test_until_when_everything_is_delivered(heartbeat: dict[str, Any]) -> None:
    def until(*heard: tuple[dict[str, Any], float]) -> float | None:
        at = delivered_until([(beat(heartbeat, **fields), age) for fields, age in heard])
        return None if at is None else (at - SENT).total_seconds()

    waiting = {"counters": {"events_queued": 2}}
    later = {"source": "boot-2", "started_at": "2025-09-25T15:00:00+00:00"}
    elsewhere = {**later, "room": "another-room"}
    assert until() is None
    assert until(({}, 1.0)) == 0
    assert until(({**waiting, "outbox_age_seconds": 90.0}, 1.0)) == -90
    assert until((waiting, 1.0)) is None  # its clock was set back
    assert until(({"outbox_durable": False}, 1.0)) is None
    assert until(({}, 60.0)) is None
    assert until(({}, 60.0), (later, 1.0)) == 0  # it was replaced
    assert until((waiting, 1.0), (later, 1.0)) == 0
    assert until(({}, 60.0), (elsewhere, 1.0)) is None  # another one, which may come back
    assert until(({**waiting, "outbox_age_seconds": 5.0}, 1.0), (elsewhere, 1.0)) == -5
    assert until(({}, 1.0), (later, 60.0)) is None
    assert until(({"sent_at": "0001-01-01T00:00:00+00:00", "outbox_age_seconds": 5.0}, 1.0)) is None


def test_a_clock_that_was_set_back_does_not_let_more_be_delivered(heartbeat: dict[str, Any]) -> None:
    """The oldest event in the outbox is named by the clock of before: what came of its time stays."""
    now = 1_000.0
    recognizers = Recognizers(lambda: now)
    recognizers.hear(beat(heartbeat))
    assert delivered_until(recognizers.all()) == SENT
    now += 4
    back = SENT - timedelta(hours=1)
    recognizers.hear(beat(heartbeat, sent_at=back.isoformat(), outbox_age_seconds=0.0, counters={"events_queued": 1}))
    assert delivered_until(recognizers.all()) is None
    recognizers.hear(beat(heartbeat, sent_at=back.isoformat()))
    assert delivered_until(recognizers.all()) == back
