"""From what happens in a room to the events that tell it. Of a batch: snapshot first, then Match, then Check."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from facematch.faces.gallery import DEFAULT
from facematch.protocol.events import (
    Check,
    Match,
    ParticipantChange,
    PersonNear,
    WatchChange,
    confidence_from_distance,
)
from facematch.recognizer.room.attendance import Attendance
from facematch.recognizer.room.subject import tellable

if TYPE_CHECKING:
    from collections.abc import Callable

    from facematch.faces.engine import Face
    from facematch.faces.ranking import Named
    from facematch.faces.tolerance import Tolerance
    from facematch.protocol.events import Evidence
    from facematch.recognizer.counters import Counters
    from facematch.recognizer.delivery.outbox import Outbox
    from facematch.recognizer.delivery.snapshots import Snapshots
    from facematch.recognizer.room.attendance import Change
    from facematch.recognizer.room.cycle import ReportCheck, ReportMatch
    from facematch.recognizer.room.findings import Findings
    from facematch.recognizer.room.probe import Batch
    from facematch.recognizer.room.signal import RoomSignal
    from facematch.recognizer.room.subject import Participant, Subject


class Reporter:
    """Makes the events of one room and hands them to the outbox, in order.

    Args:
        outbox: delivers the events.
        snapshots: writes the pictures.
        room: the room's name.
        model: which encoder made the embeddings.
        counters: counts what was reported.
        may_be_named: whether the person of an id has not been erased meanwhile.
    """

    def __init__(
        self,
        outbox: Outbox,
        snapshots: Snapshots,
        *,
        room: str,
        model: str,
        counters: Counters,
        may_be_named: Callable[[str], bool],
    ) -> None:
        self._outbox = outbox
        self._snapshots = snapshots
        self.room = room
        self._model = model
        self._counters = counters
        self._may_be_named = may_be_named
        self.attendance = Attendance(self)
        """Who is there, as was told."""
        self.epoch: int | None = None
        """Under which the room is ours, if it was given to us."""
        self.signal: RoomSignal | None = None
        """Tells those in the room who are to be told there."""

    async def match(self, subject: Subject, batch: Batch, report: ReportMatch) -> None:
        """One Match per face, best first, with one snapshot that shows them all.

        Who was erased after the frame was looked at is not named any more, and a snapshot that shows them is not kept.

        Args:
            subject: whose track it is.
            batch: holds the frame and what was seen in it.
            report: says which of its faces match.
        """
        assert batch.pixels is not None and batch.look is not None  # noqa: S101, PT018  (a match comes from a frame)
        look, now = batch.look, datetime.now(UTC)
        seen = self._left([(look.faces[place].face, look.named[place]) for place in report.faces])
        if not seen:
            return
        labels = [(subject.participant_name, f"{confidence_from_distance(one.distance):.2f}") for _, one in seen]
        boxes = [face.bbox for face, _ in seen]
        draft = await self._snapshots.draft(batch.pixels, boxes, labels, subject.participant_identity, now)
        left = self._left(seen)
        if draft is not None and len(left) < len(seen):
            draft.discard()
            draft = None
        events = [
            Match(
                **self._common(subject, now, report.cycle_id, one.reference_id),
                **_compared(look.ranking.gallery_version, one.tolerance),
                confidence=confidence_from_distance(one.distance),
                filename=tellable(str(draft.path)) if draft and draft.stays else None,
                snapshot=draft.path.name if draft else None,
                bbox=face.bbox,
                frame_size=look.frame_size,
                person_id=one.person_id,
                distance=round(one.distance, 6),
                margin=None if one.margin is None else round(one.margin, 6),
                model=self._model,
            )
            for face, one in left
        ]
        self._counters.matches += len(events)
        if draft is None:
            await self._outbox.put(*events)
        elif not await self._outbox.put(*events, committed=draft.publish):
            draft.discard()
        self._tell_room(*events)

    async def check(
        self, subject: Subject, report: ReportCheck, batch: Batch | None, looked: tuple[float, float] | None = None
    ) -> None:
        """The Check that ends a batch.

        Args:
            subject: whose track it is.
            report: how it ended.
            batch: what it saw; None: there was none, or nothing of it may be told.
            looked: from when to when, monotonic seconds; None: at this moment.
        """
        self._counters.checks += 1
        self._counters.outcomes[report.outcome] += 1
        reference_id = batch.default.id if batch and batch.default and _is_of_default(batch.findings) else None
        now, uptime = datetime.now(UTC), _uptime()
        began, ended = looked or (uptime, uptime)
        check = Check(
            **self._common(subject, now, report.cycle_id, reference_id),
            **(self._found(batch.findings) if batch else {}),
            evidence=self._nameable(batch.evidence) if batch and batch.evidence else None,
            looked_from=now - timedelta(seconds=uptime - began),
            looked_until=now - timedelta(seconds=uptime - ended),
            uptime_from=round(began, 3),
            uptime_until=round(ended, 3),
            match_found=report.outcome == "match",
            outcome=report.outcome,
            frames=report.frames,
            frames_reused=report.reused,
            faces=report.faces,
            best_distance=None if report.best_distance is None else round(report.best_distance, 6),
        )
        await self._outbox.put(check)
        self._tell_room(check)

    def _tell_room(self, *events: Match | Check) -> None:
        if self.signal is not None:
            for event in events:
                self.signal.tell(event)

    def _left(self, seen: list[tuple[Face, Named]]) -> list[tuple[Face, Named]]:
        return [(face, named) for face, named in seen if self._may_be_named(named.person_id)]

    def _found(self, findings: Findings) -> dict[str, object]:
        """What a Check tells besides the outcome, of a batch that looked at anything."""
        if findings.tolerance is None:
            return {}
        people = [
            PersonNear(
                person_id=one.person_id,
                distance=round(one.distance, 6),
                threshold=None if one.tolerance is None else round(one.tolerance, 6),
            )
            for one in findings.people
            if self._may_be_named(one.person_id)
        ]
        return {
            **_compared(findings.gallery_version, findings.tolerance),
            "people": people,
            "named": [person_id for person_id in findings.named if self._may_be_named(person_id)],
            "unknown_faces": findings.unknown_faces,
            "reason": findings.reason,
        }

    def _nameable(self, evidence: Evidence) -> Evidence:
        """Without those who have been erased meanwhile."""
        best, bound = (
            one if one and self._may_be_named(one.person_id) else None for one in (evidence.best, evidence.bound)
        )
        return evidence.model_copy(update={"best": best, "bound": bound, "margin": best and evidence.margin})

    def participant_changed(self, who: Participant, change: Change, *, already: bool) -> None:
        """Somebody came or went, agreed or withdrew; `already`: while nobody was watching. Does not wait."""
        event = ParticipantChange(**self._of(who), **self._changed(), change=change, already=already)
        self._outbox.tell(event)

    def camera_changed(
        self, subject: Subject, change: Literal["began", "lost", "restarted"], *, reason: str | None = None
    ) -> None:
        """A camera is watched, is not any more, or is watched anew after a fault. Does not wait."""
        changed = {**self._of(subject), **self._changed(), "track_sid": subject.track_sid}
        self._outbox.tell(WatchChange(**changed, change=change, reason=reason))

    def room_changed(
        self, change: Literal["began", "lost"], *, reason: str | None = None, participants: int | None
    ) -> None:
        """The whole room is watched, or is not any more. Does not wait."""
        self._outbox.tell(WatchChange(**self._changed(), change=change, reason=reason, participants=participants))

    def _changed(self) -> dict[str, Any]:
        return {
            "timestamp": datetime.now(UTC),
            "event_id": uuid4(),
            "room": self.room,
            "epoch": self.epoch,
            "uptime": round(_uptime(), 3),
        }

    def _of(self, who: Participant) -> dict[str, Any]:
        return {
            "participant_id": who.participant_id,
            "participant_name": who.participant_name,
            "participant_identity": who.participant_identity,
        }

    def _common(
        self, subject: Subject, now: datetime, cycle_id: str | None, reference_id: str | None
    ) -> dict[str, Any]:
        return {
            **self._of(subject),
            "track_sid": subject.track_sid,
            "timestamp": now,
            "event_id": uuid4(),
            "room": self.room,
            "epoch": self.epoch,
            "cycle_id": cycle_id,
            "reference_id": reference_id,
        }


def _is_of_default(findings: Findings) -> bool:
    """Whether a look came of the default person's photograph: it names them, or nobody else was compared.

    What it says of others must not go when that photograph is erased, which takes all that came of it.
    """
    return DEFAULT in findings.named or findings.tolerance is None or not findings.tolerance.candidates


def _compared(gallery_version: int, tolerance: Tolerance) -> dict[str, object]:
    """What was compared with, and how strictly."""
    return {
        "gallery_version": gallery_version or None,
        "candidates": tolerance.candidates,
        "threshold": None if tolerance.value is None else round(tolerance.value, 6),
        "threshold_reason": tolerance.reason,
    }


def _uptime() -> float:
    return asyncio.get_running_loop().time()
