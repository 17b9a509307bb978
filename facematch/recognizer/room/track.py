"""One video track's cycle, carried out on the real thing: the only adapter around `cycle.Cycle`."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from facematch.protocol.events import Outcome
from facematch.recognizer.room import forwarding
from facematch.recognizer.room.cycle import Cycle, LookCloser, Media, Output, ReportCheck, ReportMatch, SetMedia, State
from facematch.recognizer.room.frames import FrameStream, Selection, is_filler
from facematch.recognizer.room.reporter import Subject
from facematch.recognizer.wakeup import Changed

if TYPE_CHECKING:
    from collections.abc import Callable

    from livekit import rtc

    from facematch.faces.detector import Pixels
    from facematch.faces.engine import Face, FaceEngine
    from facematch.faces.reference import ReferenceSet
    from facematch.recognizer.batch_slots import Places
    from facematch.recognizer.counters import Counters
    from facematch.recognizer.references import References
    from facematch.recognizer.room.reporter import Reporter

log = structlog.get_logger(__name__)

UNSUBSCRIBE_SECONDS = 1.0
"""How long to wait for an unsubscription to be confirmed (it takes 2 to 30 ms)."""

ASK_AGAIN_SECONDS = 2.0
"""After which a track that has not come is asked for anew (it comes within 30 to 600 ms)."""

SETTLE_SECONDS = 0.5
"""What the server needs to end a subscription, before another one is a new one to it."""

DELAY_WORTH_A_LINE = 1.0
"""Seconds by which a batch may begin late before it is counted and logged."""


class TrackWatch:
    """Runs one track's cycle until it is cancelled, and then releases all that it holds.

    Args:
        publication: the announced video track.
        participant: who published it.
        cycle: the track's state machine.
        engine: shared by all tracks.
        references: what to compare with.
        places: shared by all tracks.
        reporter: takes what was found.
        counters: counts what was done.
        processed_width: pixels that the engine scales frames down to.
        state_changed: called after every change of state.
    """

    def __init__(
        self,
        publication: rtc.RemoteTrackPublication,
        participant: rtc.RemoteParticipant,
        *,
        cycle: Cycle,
        engine: FaceEngine,
        references: References,
        places: Places,
        reporter: Reporter,
        counters: Counters,
        processed_width: int,
        state_changed: Callable[[], None],
    ) -> None:
        self.publication = publication
        self.participant = participant
        self.cycle = cycle
        self.changed = Changed()
        self.interrupted = False
        """Set when LiveKit cannot be asked for anything now: the end of this cycle then keeps the subscription, paused,
        for the next one."""
        self.last_outcome: Outcome | None = None
        self.last_check_at: datetime | None = None
        self.last_match_at: datetime | None = None
        self._engine = engine
        self._references = references
        self._places = places
        self._reporter = reporter
        self._counters = counters
        self._processed_width = processed_width
        self._state_changed = state_changed

    @property
    def subject(self) -> Subject:
        """Whose track it is, as known now."""
        return Subject(
            participant_id=self.participant.sid,
            participant_name=self.participant.name or self.participant.identity,
            participant_identity=self.participant.identity,
            track_sid=self.publication.sid,
        )

    async def run(self) -> None:
        """The cycle, for ever. Cancel it when the track is gone."""
        try:
            await self._carry_out(self.cycle.start(_now(), reference=self._references.current is not None))
            while True:
                match self.cycle.state:
                    case State.IDLE:
                        await self.changed.until(lambda: self._references.current is not None, None)
                        await self._carry_out(self.cycle.reference_enrolled(_now()))
                    case State.QUEUED:
                        async with self._places.one():
                            await self._begin()
                    case _:
                        await self._rest()
        finally:
            if self.cycle.stop(_now()):
                self._let_go()

    async def _rest(self) -> None:
        """HOLD or WAIT: nothing happens until the time is up, unless the reference goes."""
        remaining = max(0.0, (self.cycle.deadline or 0.0) - _now())
        if await self.changed.until(lambda: self._references.current is None, remaining):
            await self._carry_out(self.cycle.reference_removed(_now()))
        else:
            await self._carry_out(self.cycle.due(_now()))

    async def _begin(self) -> None:
        """A place is ours: run one batch, unless there is nothing to compare with or to look at."""
        reference = self._references.current
        if reference is None:
            await self._carry_out(self.cycle.reference_removed(_now()))
            return
        delay = _now() - self.cycle.since
        self._counters.delay_seconds += delay
        if delay > DELAY_WORTH_A_LINE:
            self._counters.batches_delayed += 1
            log.warning("Batch delayed: all places taken", seconds=round(delay, 1), track=self.publication.sid)
        self._counters.batches += 1
        outputs = self.cycle.admitted(_now())
        if self.publication.muted:
            outputs = self.cycle.muted(_now())
        await self._carry_out(outputs, reference=reference)
        if self.cycle.state is State.PROBE:
            await self._batch(reference)

    async def _batch(self, reference: ReferenceSet) -> None:
        outputs: tuple[Output, ...] = ()
        track = await self._subscribed()
        if track is None:
            await self._carry_out(self._without_frame(), reference=reference)
            return
        selection = Selection(min(self._processed_width, self.publication.width or self._processed_width))
        stream = FrameStream(track, self.changed.notify)
        self._counters.streams_open += 1
        pixels: Pixels | None = None
        faces: tuple[Face, ...] = ()
        try:
            while self.cycle.state is State.PROBE:
                pixels = await self._next_frame(stream, selection)
                if pixels is None:
                    outputs = self._without_frame()
                else:
                    faces, outputs = await self._look(pixels, reference)
        finally:
            try:
                await stream.aclose()
            finally:
                self._counters.streams_open -= 1
        await self._carry_out(outputs, pixels=pixels, faces=faces, reference=reference)

    def _cut_short(self) -> bool:
        """Whether there is nothing to look at, or nothing to compare with, any more."""
        return self.publication.muted or self._references.current is None

    def _without_frame(self) -> tuple[Output, ...]:
        """Why no frame came: the end of the batch."""
        if self._references.current is None:
            return self.cycle.reference_removed(_now())
        return self.cycle.muted(_now()) if self.publication.muted else self.cycle.timed_out(_now())

    async def _subscribed(self) -> rtc.RemoteTrack | None:
        """The track, once it is received; None when that takes too long or the batch was cut short meanwhile.

        A subscription that the server takes for the former one, whose end it has not heard of, brings no track.
        """
        if not await self._settled(ASK_AGAIN_SECONDS) and self._remaining() > 0:
            forwarding.unsubscribe(self.publication)
            if not await self.changed.until(self._cut_short, min(SETTLE_SECONDS, self._remaining())):
                forwarding.subscribe(self.publication, self._processed_width)
                await self._settled(self._remaining())
        return None if self._cut_short() else self.publication.track

    async def _settled(self, seconds: float) -> bool:
        """Whether the track is received, or not to be waited for, within so many seconds of the batch."""
        return await self.changed.until(
            lambda: self.publication.track is not None or self._cut_short(), min(seconds, self._remaining())
        )

    async def _next_frame(self, stream: FrameStream, selection: Selection) -> Pixels | None:
        """The next frame worth looking at; None when the batch's time is up or it was cut short."""
        while self._remaining() > 0:
            if not await self.changed.until(lambda: stream.ready() or self._cut_short(), self._remaining()):
                return None
            pixels = stream.take()
            if pixels is None or self._cut_short():
                return None
            if not is_filler(pixels) and selection.accepts(pixels.shape[1], _now()):
                return pixels
        return None

    async def _look(self, pixels: Pixels, reference: ReferenceSet) -> tuple[tuple[Face, ...], tuple[Output, ...]]:
        faces, outputs = await self._look_once(pixels, reference)
        if LookCloser() in outputs:
            return await self._look_once(pixels, reference, closer=True)
        return faces, outputs

    async def _look_once(
        self, pixels: Pixels, reference: ReferenceSet, *, closer: bool = False
    ) -> tuple[tuple[Face, ...], tuple[Output, ...]]:
        faces = await self._inspect(pixels, reference, closer=closer)
        if self._references.current is None:  # it was erased meanwhile: what came of it is told to nobody
            return (), self.cycle.reference_removed(_now())
        if faces is None:
            return (), self.cycle.failed(_now())
        self._counters.frames += not closer
        self._counters.faces += len(faces)
        return faces, self.cycle.looked(_now(), [face.distance for face in faces], closer=closer)

    async def _inspect(
        self, pixels: Pixels, reference: ReferenceSet, *, closer: bool = False
    ) -> tuple[Face, ...] | None:
        """The faces in a frame; None when it could not be processed, which ends this batch and nothing else."""
        try:
            return await self._engine.inspect(pixels, reference, closer=closer)
        except Exception:  # whatever dlib or ONNX Runtime cannot take
            log.exception("Frame could not be processed", track=self.publication.sid, shape=pixels.shape)
            self._counters.errors += 1
            return None

    async def _carry_out(
        self,
        outputs: tuple[Output, ...],
        *,
        reference: ReferenceSet | None = None,
        pixels: Pixels | None = None,
        faces: tuple[Face, ...] = (),
    ) -> None:
        self._state_changed()
        reference_id = reference.id if reference else None
        for output in outputs:
            match output:
                case SetMedia(media):
                    await self._set_media(media)
                case ReportMatch(cycle_id, matched):
                    assert pixels is not None  # noqa: S101  (a match comes from a frame)
                    assert reference_id is not None  # noqa: S101
                    await self._reporter.match(
                        self.subject,
                        pixels,
                        [faces[i] for i in matched],
                        cycle_id=cycle_id,
                        reference_id=reference_id,
                    )
                    self.cycle.reported()
                    self.last_match_at = datetime.now(UTC)
                case ReportCheck():
                    used = None if output.outcome is Outcome.NO_REFERENCE else reference_id
                    await self._reporter.check(self.subject, output, reference_id=used)
                    self.last_outcome, self.last_check_at = output.outcome, datetime.now(UTC)
                    self._state_changed()

    async def _set_media(self, media: Media) -> None:
        if media is Media.PAUSED:
            forwarding.pause(self.publication)
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
            forwarding.pause(self.publication)

    def _remaining(self) -> float:
        return max(0.0, (self.cycle.deadline or 0.0) - _now())


def _now() -> float:
    return asyncio.get_running_loop().time()
