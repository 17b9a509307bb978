"""From what a batch found to the events that tell it: snapshot first, then Match, then Check."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from facematch.protocol.events import Check, Match, confidence_from_distance
from facematch.protocol.values import LONGEST_NAME

if TYPE_CHECKING:
    from facematch.recognizer.counters import Counters
    from facematch.recognizer.delivery.outbox import Outbox
    from facematch.recognizer.delivery.snapshots import Snapshots
    from facematch.recognizer.room.cycle import ReportCheck, ReportMatch
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
        threshold: the largest distance that is a match.
        model: which encoder made the embeddings.
        counters: counts what was reported.
    """

    def __init__(
        self, outbox: Outbox, snapshots: Snapshots, *, room: str, threshold: float, model: str, counters: Counters
    ) -> None:
        self._outbox = outbox
        self._snapshots = snapshots
        self._room = room
        self._threshold = threshold
        self._model = model
        self._counters = counters

    async def match(self, subject: Subject, batch: Batch, report: ReportMatch) -> None:
        """One Match per face, best first, with one snapshot that shows them all.

        Args:
            subject: whose track it is.
            batch: holds the frame and what was seen in it.
            report: says which of its faces match.
        """
        assert batch.pixels is not None and batch.look is not None  # noqa: S101, PT018  (a match comes from a frame)
        look, now = batch.look, datetime.now(UTC)
        matched = [look.faces[i] for i in report.faces]
        confidences = [confidence_from_distance(one.distance) for one in matched]
        labels = [(subject.participant_name, f"{confidence:.2f}") for confidence in confidences]
        boxes = [one.face.bbox for one in matched]
        draft = await self._snapshots.draft(batch.pixels, boxes, labels, subject.participant_identity, now)
        events = [
            Match(
                **self._common(subject, now, report.cycle_id, look.reference_id),
                confidence=confidence,
                filename=_tellable(str(draft.path)) if draft else None,
                snapshot=draft.path.name if draft else None,
                bbox=one.face.bbox,
                frame_size=look.frame_size,
                distance=round(one.distance, 6),
                threshold=self._threshold,
                model=self._model,
            )
            for one, confidence in zip(matched, confidences, strict=True)
        ]
        self._counters.matches += len(events)
        if draft is None:
            await self._outbox.put(*events)
        elif not await self._outbox.put(*events, committed=draft.publish):
            draft.discard()

    async def check(self, subject: Subject, report: ReportCheck, *, reference_id: str | None) -> None:
        """The Check that ends a batch."""
        self._counters.checks += 1
        self._counters.outcomes[report.outcome] += 1
        await self._outbox.put(
            Check(
                **self._common(subject, datetime.now(UTC), report.cycle_id, reference_id),
                match_found=report.outcome == "match",
                outcome=report.outcome,
                frames=report.frames,
                frames_reused=report.reused,
                faces=report.faces,
                best_distance=None if report.best_distance is None else round(report.best_distance, 6),
            )
        )

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
            "room": self._room,
            "cycle_id": cycle_id,
            "reference_id": reference_id,
        }


def _tellable(text: str) -> str:
    """The text as UTF-8 can carry it: lone surrogates, of clients and of odd file names, become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")
