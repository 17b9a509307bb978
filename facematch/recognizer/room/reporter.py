"""From what a batch found to the events that tell it: snapshot first, then Match, then Check."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from facematch.protocol.events import Check, Match, PersonNear, confidence_from_distance
from facematch.protocol.values import LONGEST_NAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from facematch.faces.engine import Face
    from facematch.faces.ranking import Named
    from facematch.faces.tolerance import Tolerance
    from facematch.recognizer.counters import Counters
    from facematch.recognizer.delivery.outbox import Outbox
    from facematch.recognizer.delivery.snapshots import Snapshots
    from facematch.recognizer.room.cycle import ReportCheck, ReportMatch
    from facematch.recognizer.room.findings import Findings
    from facematch.recognizer.room.probe import Batch


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose track it is, at the moment of the report (names arrive late and change).

    Whatever a client calls itself can be told: what the wire does not take is cut and replaced here.
    """

    participant_id: str
    participant_name: str
    participant_identity: str
    track_sid: str

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, _tellable(getattr(self, field.name))[:LONGEST_NAME] or "?")


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
                filename=_tellable(str(draft.path)) if draft else None,
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

    async def check(self, subject: Subject, report: ReportCheck, batch: Batch | None) -> None:
        """The Check that ends a batch.

        Args:
            subject: whose track it is.
            report: how it ended.
            batch: what it saw; None: there was none, or nothing of it may be told.
        """
        self._counters.checks += 1
        self._counters.outcomes[report.outcome] += 1
        reference_id = batch.default.id if batch and batch.default else None
        await self._outbox.put(
            Check(
                **self._common(subject, datetime.now(UTC), report.cycle_id, reference_id),
                **(self._found(batch.findings) if batch else {}),
                match_found=report.outcome == "match",
                outcome=report.outcome,
                frames=report.frames,
                frames_reused=report.reused,
                faces=report.faces,
                best_distance=None if report.best_distance is None else round(report.best_distance, 6),
            )
        )

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
            "unknown_faces": findings.unknown_faces,
            "reason": findings.reason,
        }

    def _common(
        self, subject: Subject, now: datetime, cycle_id: str | None, reference_id: str | None
    ) -> dict[str, object]:
        return {
            "participant_id": subject.participant_id,
            "participant_name": subject.participant_name,
            "participant_identity": subject.participant_identity,
            "track_sid": subject.track_sid,
            "timestamp": now,
            "event_id": uuid4(),
            "room": self.room,
            "cycle_id": cycle_id,
            "reference_id": reference_id,
        }


def _compared(gallery_version: int, tolerance: Tolerance) -> dict[str, object]:
    """What was compared with, and how strictly."""
    return {
        "gallery_version": gallery_version or None,
        "candidates": tolerance.candidates,
        "threshold": None if tolerance.value is None else round(tolerance.value, 6),
        "threshold_reason": tolerance.reason,
    }


def _tellable(text: str) -> str:
    """The text as UTF-8 can carry it: lone surrogates, of clients and of odd file names, become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")
