"""From what a batch found to events: a real outbox on a real file, real snapshots; nobody to deliver to."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

from facematch.faces.engine import Face
from facematch.faces.gallery import empty
from facematch.faces.ranking import Enrolled, rank
from facematch.faces.reference import ReferenceSet
from facematch.faces.tolerance import MatchRules
from facematch.protocol.events import Check, Match, Outcome, ParticipantChange, WatchChange
from facematch.recognizer.counters import Counters
from facematch.recognizer.delivery.api_client import ApiClient
from facematch.recognizer.delivery.outbox import Outbox
from facematch.recognizer.delivery.outbox_store import OutboxStore
from facematch.recognizer.delivery.snapshots import Snapshots
from facematch.recognizer.room.cycle import ReportCheck, ReportMatch
from facematch.recognizer.room.look import Look
from facematch.recognizer.room.probe import Batch
from facematch.recognizer.room.reporter import Reporter
from facematch.recognizer.room.subject import Subject
from tests.rig.embeddings import ENCODER, axis, gallery, person

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from facematch.faces.gallery import Gallery

ALICE = Subject(participant_id="PA_1", participant_name="Alice", participant_identity="alice-42", track_sid="TR_1")
FRAME = np.full((360, 640, 3), 128, np.uint8)
REFERENCE = ReferenceSet("abc", np.zeros((1, 128), np.float32))


NOTHING = Batch(REFERENCE)
"""One that has not looked at anything."""


def face(distance: float, box: tuple[int, int, int, int] = (90, 310, 240, 160)) -> Face:
    return Face(bbox=box, score=1.0, embedding=axis(distance))


def matching(
    *faces: Face, people: Gallery | None = None, default: ReferenceSet | None = REFERENCE
) -> tuple[Batch, ReportMatch]:
    """A batch with a frame that has these faces: those that have a name match."""
    ranking = rank(faces, Enrolled(default, people or empty(ENCODER)), MatchRules(), room="a room")
    batch = Batch(default, FRAME, Look(at=1.0, frame_size=(640, 360), searched_size=(640, 360), ranking=ranking))
    batch.findings.add(ranking)
    return batch, ReportMatch("batch-1", tuple(range(len(ranking.named))))


class Desk(NamedTuple):
    reporter: Reporter
    outbox: Outbox
    counters: Counters
    store: OutboxStore
    erased: set[str]
    """Who may not be named."""

    def events(self) -> list[dict[str, Any]]:
        return [event.body for event in self.store.head(0, 100)]


@asynccontextmanager
async def desk(tmp_path: Path, captures: Path | None = None) -> AsyncIterator[Desk]:
    api, store, counters = ApiClient("http://127.0.0.1:9"), OutboxStore(tmp_path / "outbox.db"), Counters()
    outbox = Outbox(api, store, source="boot", size=100, delay=lambda attempt: 3600)
    snapshots = Snapshots(captures or tmp_path / "captures")
    erased: set[str] = set()
    reporter = Reporter(
        outbox,
        snapshots,
        room="a room",
        model="a model",
        counters=counters,
        may_be_named=lambda person: person not in erased,
    )
    running = asyncio.create_task(outbox.run())
    try:
        yield Desk(reporter, outbox, counters, store, erased)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await outbox.aclose()
        await api.aclose()
        snapshots.close()


async def test_a_match_says_all_there_is_to_say(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        before = datetime.now(UTC)
        await at.reporter.match(ALICE, *matching(face(0.3712345678)))
        (body,) = at.events()
    match = Match.model_validate(body)
    assert match.snapshot == f"match_alice-42_{match.timestamp:%Y%m%d_%H%M%S}.jpg"
    assert match.filename == str(tmp_path / "captures" / match.snapshot)
    assert (tmp_path / "captures" / match.snapshot).exists()
    assert before <= match.timestamp <= before + timedelta(minutes=1)
    assert match.event_id is not None
    assert match.model_dump(include=Match.model_fields.keys() - {"timestamp", "event_id", "filename", "snapshot"}) == {
        "type": "match",
        "participant_id": "PA_1",
        "participant_name": "Alice",
        "participant_identity": "alice-42",
        "track_sid": "TR_1",
        "room": "a room",
        "epoch": None,
        "source": "boot",
        "seq": 1,
        "cycle_id": "batch-1",
        "reference_id": "abc",
        "confidence": 0.6288,
        "distance": 0.371235,
        "gallery_version": None,
        "candidates": 1,
        "threshold": 0.5,
        "threshold_reason": "match_tolerance",
        "person_id": "default",
        "person_name": None,
        "margin": None,
        "model": "a model",
        "bbox": (90, 310, 240, 160),
        "frame_size": (640, 360),
    }


async def test_every_face_is_a_match_of_one_picture_best_first(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.reporter.match(ALICE, *matching(face(0.3), face(0.4, (20, 520, 120, 420))))
        events = at.events()
    assert [event["confidence"] for event in events] == [0.7, 0.6]
    assert [event["bbox"] for event in events] == [[90, 310, 240, 160], [20, 520, 120, 420]]
    assert len({event["snapshot"] for event in events}) == 1
    assert len({event["event_id"] for event in events}) == 2
    assert at.counters.matches == 2
    assert len(list((tmp_path / "captures").iterdir())) == 1


async def test_a_face_that_does_not_match_is_not_told(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        batch, _ = matching(face(0.3), face(0.4), face(0.8, (20, 520, 120, 420)))
        await at.reporter.match(ALICE, batch, ReportMatch("batch-1", (0, 1)))
        events = at.events()
    assert [event["confidence"] for event in events] == [0.7, 0.6]


async def test_a_match_whose_picture_cannot_be_written_is_told_without_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    async with desk(tmp_path, captures=tmp_path / "file" / "captures") as at:
        await at.reporter.match(ALICE, *matching(face(0.3)))
        (event,) = at.events()
    assert (event["snapshot"], event["filename"]) == (None, None)


async def test_a_match_that_the_disk_does_not_take_leaves_no_picture(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.store._db.execute("PRAGMA query_only = 1")
        await at.reporter.match(ALICE, *matching(face(0.3)))
        assert at.outbox.status.queued == 1
    assert list((tmp_path / "captures").iterdir()) == []


@pytest.mark.parametrize("folder", ["/".join(["a folder with quite a long name"] * 25), os.fsdecode(b"odd \xff name")])
async def test_wherever_the_pictures_are_a_match_is_told(tmp_path: Path, folder: str) -> None:
    async with desk(tmp_path, captures=tmp_path / folder) as at:
        await at.reporter.match(ALICE, *matching(face(0.3)))
        (event,) = at.events()
    assert event["filename"].endswith(event["snapshot"])


async def test_a_check_says_how_the_batch_ended(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        report = ReportCheck("batch-1", Outcome.NO_MATCH, frames=5, faces=2, best_distance=0.71234567, reused=3)
        await at.reporter.check(ALICE, report, NOTHING)
        (body,) = at.events()
    check = Check.model_validate(body)
    assert (check.match_found, check.outcome, check.frames, check.faces) == (False, Outcome.NO_MATCH, 5, 2)
    assert check.frames_reused == 3
    assert (check.best_distance, check.cycle_id, check.reference_id) == (0.712346, "batch-1", "abc")
    assert (at.counters.checks, at.counters.outcomes[Outcome.NO_MATCH]) == (1, 1)


async def test_a_check_without_a_batch_has_neither_batch_nor_reference(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.reporter.check(ALICE, ReportCheck(None, Outcome.NO_REFERENCE, 0, 0, None), None)
        (event,) = at.events()
    assert (event["cycle_id"], event["reference_id"], event["best_distance"]) == (None, None, None)


@pytest.mark.parametrize("outcome", Outcome)
async def test_only_a_match_is_a_match_found(tmp_path: Path, outcome: Outcome) -> None:
    async with desk(tmp_path) as at:
        await at.reporter.check(ALICE, ReportCheck("batch-1", outcome, 1, 1, 0.5), NOTHING)
        (event,) = at.events()
    assert event["match_found"] is (outcome is Outcome.MATCH)


@pytest.mark.parametrize("name", ["x" * 10_000, "\ud800", "<img onerror=alert(1)>", "line\nbreak", "Zoë 李 😀"])
async def test_whatever_a_client_calls_itself_can_be_told(tmp_path: Path, name: str) -> None:
    subject = Subject(participant_id="PA_1", participant_name=name, participant_identity=name, track_sid="TR_1")
    async with desk(tmp_path) as at:
        await at.reporter.match(subject, *matching(face(0.3)))
        await at.reporter.check(subject, ReportCheck("batch-1", Outcome.MATCH, 1, 1, 0.3), NOTHING)
        match, check = at.events()
    for event in (match, check):
        told = event["participant_name"]
        assert told == event["participant_identity"]
        assert told == name or (0 < len(told) <= 512 and "\ud800" not in told)
    assert (tmp_path / "captures" / match["snapshot"]).exists()


def test_a_name_of_ordinary_length_is_told_as_it_is() -> None:
    assert Subject("PA_1", "x" * 512, "Zoë", "TR_1").participant_name == "x" * 512


PEOPLE = gallery(person("p_alice", axis(0, 1), 3), person("p_bob", axis(0, 0, 1)), version=7)


async def test_a_match_of_a_person_says_who_and_how_clearly(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.reporter.match(ALICE, *matching(Face((0, 9, 9, 0), 1.0, axis(0, 0.8)), people=PEOPLE))
        (event,) = at.events()
    alice = PEOPLE.person("p_alice")
    assert alice is not None
    assert (event["person_id"], event["reference_id"], event["gallery_version"]) == ("p_alice", alice.photo_set, 7)
    assert (event["distance"], event["candidates"], event["person_name"]) == (pytest.approx(0.2), 2, None)
    assert event["margin"] == pytest.approx((1 + 0.8**2) ** 0.5 - 0.2, abs=1e-5)
    assert event["threshold"] == pytest.approx(0.5 * (0.81 + 0.19 / 3) ** 0.5, abs=1e-5)


async def test_who_is_erased_before_the_report_is_not_named_and_leaves_no_picture(tmp_path: Path) -> None:
    faces = Face((0, 9, 9, 0), 1.0, axis(0, 0.8)), Face((0, 29, 9, 20), 1.0, axis(0, 0, 0.8))
    async with desk(tmp_path) as at:
        at.erased.add("p_bob")
        await at.reporter.match(ALICE, *matching(*faces, people=PEOPLE))
        at.erased.add("p_alice")
        await at.reporter.match(ALICE, *matching(*faces, people=PEOPLE))
        batch, _ = matching(*faces, people=PEOPLE)
        await at.reporter.check(ALICE, ReportCheck("batch-2", Outcome.MATCH, 1, 2, 0.2), batch)
        match, check = at.events()
    assert match["person_id"] == "p_alice"
    assert (check["match_found"], check["people"]) == (True, [])


async def test_who_is_erased_while_the_picture_is_made_is_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path) as at:
        draft = at.reporter._snapshots.draft

        async def draft_meanwhile_erased(*told: Any) -> object:
            made = await draft(*told)
            at.erased.add("p_alice")
            return made

        monkeypatch.setattr(at.reporter._snapshots, "draft", draft_meanwhile_erased)
        faces = Face((0, 9, 9, 0), 1.0, axis(0, 0.8)), Face((0, 29, 9, 20), 1.0, axis(0, 0, 0.8))
        await at.reporter.match(ALICE, *matching(*faces, people=PEOPLE))
        (event,) = at.events()
    assert (event["person_id"], event["snapshot"]) == ("p_bob", None)
    assert list((tmp_path / "captures").iterdir()) == []


async def test_a_check_says_who_was_near_and_how_strict_it_was(tmp_path: Path) -> None:
    near, stranger = Face((0, 9, 9, 0), 1.0, axis(0, 0.45)), Face((0, 29, 9, 20), 1.0, axis(0, 0, 0, 1))
    async with desk(tmp_path) as at:
        batch, _ = matching(near, stranger, people=PEOPLE, default=None)
        await at.reporter.check(ALICE, ReportCheck("batch-1", Outcome.NO_MATCH, 1, 2, 0.55), batch)
        (check,) = at.events()
    (alice,) = [one for one in check["people"] if one["person_id"] == "p_alice"]
    assert alice == {
        "person_id": "p_alice",
        "person_name": None,
        "distance": pytest.approx(0.55),
        "threshold": pytest.approx(0.5 * (0.81 + 0.19 / 3) ** 0.5, abs=1e-5),
    }
    assert (check["unknown_faces"], check["reason"], check["gallery_version"]) == (2, None, 7)
    assert (check["candidates"], check["threshold"], check["threshold_reason"]) == (2, 0.5, "match_tolerance")


async def test_a_check_says_why_nobody_was_named(tmp_path: Path) -> None:
    twins = gallery(person("p_one", axis(0, 1)), person("p_two", axis(0, 1.01)))
    async with desk(tmp_path) as at:
        batch, _ = matching(Face((0, 9, 9, 0), 1.0, axis(0, 0.9)), people=twins, default=None)
        await at.reporter.check(ALICE, ReportCheck("batch-1", Outcome.NO_MATCH, 1, 1, 0.1), batch)
        (check,) = at.events()
    assert (check["reason"], check["reference_id"]) == ("ambiguous", None)
    assert [one["person_id"] for one in check["people"]] == ["p_one", "p_two"]


@pytest.mark.parametrize(
    ("seen", "people", "reference"),
    [
        (axis(0.2), PEOPLE, "abc"),
        (axis(0, 0.8), PEOPLE, None),
        (axis(0, 0, 0, 1), PEOPLE, None),
        (axis(0, 0, 0, 1), None, "abc"),
    ],
    ids=["the default person", "somebody else", "a stranger", "a stranger, nobody else compared"],
)
async def test_a_check_is_of_the_default_photo_only_where_that_decided(
    tmp_path: Path, seen: Any, people: Gallery | None, reference: str | None
) -> None:
    """Erasing that photo erases what came of it, and nobody else's looks."""
    async with desk(tmp_path) as at:
        batch, _ = matching(Face((0, 9, 9, 0), 1.0, seen), people=people)
        await at.reporter.check(ALICE, ReportCheck("batch-1", Outcome.NO_MATCH, 1, 1, 0.1), batch)
        (check,) = at.events()
    assert check["reference_id"] == reference


async def test_a_check_says_when_it_looked_on_both_clocks(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        uptime, before = asyncio.get_running_loop().time(), datetime.now(UTC)
        report = ReportCheck("batch-1", Outcome.NO_FACE, 5, 0, None)
        await at.reporter.check(ALICE, report, NOTHING, (uptime - 7.25, uptime - 7.0))
        (body,) = at.events()
    check = Check.model_validate(body)
    assert (check.uptime_from, check.uptime_until) == (round(uptime - 7.25, 3), round(uptime - 7.0, 3))
    assert check.looked_from is not None
    assert check.looked_until is not None
    assert abs(check.looked_until - before + timedelta(seconds=7)) < timedelta(seconds=1)
    assert abs(check.looked_until - check.looked_from - timedelta(seconds=0.25)) < timedelta(milliseconds=1)


async def test_comings_goings_and_the_watch_are_told_in_order(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.reporter.room_changed("began", participants=1)
        at.reporter.participant_changed(ALICE, "joined", already=True)
        at.reporter.camera_changed(ALICE, "began")
        at.reporter.participant_changed(ALICE, "left", already=False)
        at.reporter.room_changed("lost", reason="STOPPED", participants=None)
        await at.outbox.put()
        bodies = at.events()
    events = [(WatchChange if body["type"] == "watch" else ParticipantChange).model_validate(body) for body in bodies]
    told = [(event.type, event.change, event.participant_identity) for event in events]
    assert told == [
        ("watch", "began", None),
        ("participant", "joined", "alice-42"),
        ("watch", "began", "alice-42"),
        ("participant", "left", "alice-42"),
        ("watch", "lost", None),
    ]
    assert {event.seq for event in events} == {None}  # numbers are for matches and checks
    assert all(event.room == "a room" and event.event_id and event.uptime for event in events)
    assert [body.get("participants") for body in bodies] == [1, None, None, None, None]
    assert [body.get("already") for body in bodies] == [None, True, None, False, None]
