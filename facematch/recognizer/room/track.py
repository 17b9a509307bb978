"""One video track's cycle, carried out on the real thing: the only adapter around `cycle.Cycle`."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from facematch.protocol.events import Outcome
from facematch.recognizer.evidence.kept import Compared
from facematch.recognizer.evidence.unknown_faces import is_nobody
from facematch.recognizer.room import forwarding
from facematch.recognizer.room.cycle import Cycle, Media, Output, ReportCheck, ReportMatch, Rest, SetMedia, State
from facematch.recognizer.room.probe import Batch, Probe
from facematch.recognizer.room.refusal import WORDS, refusal
from facematch.recognizer.room.subject import claimed_person, identity_of, subject_of
from facematch.recognizer.wakeup import Wakeup

if TYPE_CHECKING:
    from livekit import rtc

    from facematch.protocol.events import Evidence
    from facematch.recognizer.room.reporter import Reporter
    from facematch.recognizer.room.subject import Subject
    from facematch.recognizer.shared import Shared

log = structlog.get_logger(__name__)

UNSUBSCRIBE_SECONDS = 1.0
"""How long to wait for an unsubscription to be confirmed (it takes 2 to 30 ms)."""

DELAY_WORTH_A_LINE = 1.0
"""Seconds by which a batch may begin late before it is counted and logged."""


class TrackWatch:
    """Runs one track's cycle until it is cancelled, and then releases all that it holds.

    Args:
        publication: the announced video track.
        participant: who published it.
        cycle: the track's state machine.
        shared: with the other tracks and rooms of the process.
        reporter: takes what was found.
    """

    def __init__(
        self,
        publication: rtc.RemoteTrackPublication,
        participant: rtc.RemoteParticipant,
        *,
        cycle: Cycle,
        shared: Shared,
        reporter: Reporter,
    ) -> None:
        self.publication = publication
        self.participant = participant
        self.cycle = cycle
        self.changed = Wakeup()
        self.interrupted = False
        """Set when LiveKit cannot be asked for anything now: the end of this cycle then keeps the subscription, paused,
        for the next one."""
        self.last_outcome: Outcome | None = None
        self.last_check_at: datetime | None = None
        self.last_match_at: datetime | None = None
        self._begun = 0.0
        """When the last batch began."""
        self._answered = 0
        """The last look that somebody asked for before it."""
        self._shared = shared
        self._reporter = reporter
        self._processed_width = shared.engine.processed_width
        self._room = reporter.room
        self._evidence = shared.evidence.of(reporter.room)
        self._probe = Probe(publication, cycle, shared, self.changed, reporter.room, self._bound)

    @property
    def subject(self) -> Subject:
        """Whose track it is, as known now."""
        return subject_of(self.participant, self.publication)

    @property
    def claims_person(self) -> str | None:
        """Whom its participant's attributes say that they are supposed to be, where that is heeded."""
        return claimed_person(self.participant) if self._shared.attributes_bind else None

    async def run(self, rest: Rest) -> None:
        """The cycle, for ever. Cancel it when the track is gone.

        Args:
            rest: what the camera still owes of a pause.
        """
        anyone = self._anyone()
        try:
            await self._carry_out(self.cycle.start(_now(), reference=anyone, rest=rest))
            while True:
                match self.cycle.state:
                    case State.IDLE:
                        self._probe.forget()
                        await self.changed.until(self._anyone, None)
                        await self._carry_out(self.cycle.reference_enrolled(_now()))
                    case State.QUEUED:
                        await self._run_batch()
                    case _:
                        await self._rest()
        finally:
            if self.cycle.stop(_now()):
                self._let_go()

    def _bound(self) -> str | None:
        """Who is supposed to be there."""
        return self._shared.directions.bound_person(identity_of(self.participant))

    def _anyone(self) -> bool:
        """Whether there is anybody to look for."""
        return self._shared.matching.anyone(self._room)

    async def _rest(self) -> None:
        """HOLD or WAIT: nothing happens until the time is up, unless nobody is looked for any more, or somebody wants a
        look now.
        """
        remaining = max(0.0, (self.cycle.deadline or 0.0) - _now())
        if not await self.changed.until(lambda: self._wanted() or not self._anyone(), remaining):
            await self._carry_out(self.cycle.due(_now()))
        elif self._anyone():
            await self._carry_out(self.cycle.wanted(_now()))
        else:
            await self._carry_out(self.cycle.reference_removed(_now()))

    def _wanted(self) -> bool:
        """Whether a look was asked for since the last batch began."""
        return self._shared.directions.look_asked(identity_of(self.participant)) > self._answered

    async def _run_batch(self) -> None:
        """Wait for a slot and run one batch, unless there is nobody to look for or nothing to look at."""
        async with self._shared.slots.one(self.participant.sid) as slot:
            batch = Batch(self._shared.matching.default) if self._anyone() else None
            outputs = self.cycle.reference_removed(_now()) if batch is None else self._begin()
            if batch is not None and self.cycle.state is State.PROBE:
                await self._carry_out(outputs)
                outputs = await self._probe.run(batch, slot)
            slot.keep_a_quarter()  # pictures of matches are in memory until they are written
            await self._carry_out(outputs, batch)

    def _begin(self) -> tuple[Output, ...]:
        """A slot is ours: the batch begins, and with it its timeout."""
        self._begun = _now()
        self._answered = self._shared.directions.look_asked(identity_of(self.participant))
        delay = self._begun - self.cycle.since
        self._shared.counters.delay_seconds += delay
        if delay > DELAY_WORTH_A_LINE:
            self._shared.counters.batches_delayed += 1
            log.warning("Batch delayed: all places taken", seconds=round(delay, 1), track=self.publication.sid)
        self._shared.counters.batches += 1
        outputs = self.cycle.admitted(_now())
        if why := refusal(self.publication):
            return self.cycle.refused(_now(), why)
        return self.cycle.muted(_now()) if self.publication.muted else outputs

    async def _carry_out(self, outputs: tuple[Output, ...], batch: Batch | None = None) -> None:
        self._shared.changed.notify()
        for output in outputs:
            match output:
                case SetMedia(media):
                    await self._set_media(media)
                case ReportMatch():
                    assert batch is not None  # noqa: S101  (a match comes from one)
                    await self._reporter.match(self.subject, batch, output)
                    self.cycle.reported()
                    self.last_match_at = datetime.now(UTC)
                case ReportCheck():
                    used = None if output.outcome is Outcome.NO_REFERENCE else batch
                    if used is not None:
                        used.evidence = self._together(used)
                    looked = batch.looked or (self._begun, _now()) if batch else None
                    await self._reporter.check(self.subject, output, used, looked)
                    self._note_refusal(output.outcome)
                    self.last_outcome, self.last_check_at = output.outcome, datetime.now(UTC)
                    self._shared.changed.notify()

    def _together(self, batch: Batch) -> Evidence | None:
        """What a batch and the looks before it say."""
        matching, who = self._shared.matching, self.subject
        compared = Compared(matching.enrolled(batch.default), matching.rules, self._room, self._bound())
        evidence = self._evidence.add(who.participant_identity, who.track_sid, batch.frames, compared)
        unknown = self._shared.unknown
        enrolled = compared.enrolled.anyone(self._room)
        nobody = evidence is not None and not batch.findings.named and is_nobody(evidence, enrolled=enrolled)
        if unknown.enabled and nobody:
            face = self._evidence.seen_face(who.participant_identity, who.track_sid, batch.frames)
            if face is not None:
                unknown.offer(self._room, who, face)
        return evidence

    def _note_refusal(self, outcome: Outcome) -> None:
        """One line for each track that is not looked at, not one per batch."""
        if outcome in WORDS and outcome is not self.last_outcome:
            log.warning(f"Track is not looked at: {WORDS[outcome]}", track=self.publication.sid, **self._names())

    def _names(self) -> dict[str, str]:
        return {"participant": self.participant.sid, "identity": self.participant.identity}

    async def _set_media(self, media: Media) -> None:
        if media is Media.PAUSED:
            if not self._probe.stopped:
                self._probe.pause()
        elif media is Media.UNSUBSCRIBED:
            forwarding.unsubscribe(self.publication)
            await self.changed.until(lambda: self.publication.track is None, UNSUBSCRIBE_SECONDS)
        elif self.publication.track is None:
            forwarding.subscribe(self.publication, self._processed_width)
        else:
            forwarding.resume(self.publication, self._processed_width)

    def _let_go(self) -> None:
        """The end of the cycle, which may not wait for anything.

        What is asked for while LiveKit is away reaches it with what the next cycle asks for. To give a track back and
        to want it again at once is nothing to the server; the SDK has let go of the track by then, and waits for ever.
        """
        if not self.interrupted:
            forwarding.unsubscribe(self.publication)
        elif self.publication.track is not None:
            self._probe.pause()


def _now() -> float:
    return asyncio.get_running_loop().time()
