"""One batch at work: gets the track's frames and has them looked at, until the cycle has seen enough."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from facematch.faces.attention import Extent
from facematch.faces.engine import detection_size
from facematch.protocol.events import Outcome
from facematch.recognizer.evidence.kept import Frames
from facematch.recognizer.room import forwarding
from facematch.recognizer.room.cycle import Cycle, LookCloser, Output, State
from facematch.recognizer.room.findings import Findings
from facematch.recognizer.room.frames import FrameStream
from facematch.recognizer.room.look import Look
from facematch.recognizer.room.memory import Memory
from facematch.recognizer.room.reception import Reception

if TYPE_CHECKING:
    from collections.abc import Callable

    from livekit import rtc

    from facematch.faces.attention import Known
    from facematch.faces.detector import Pixels
    from facematch.faces.engine import Sight
    from facematch.faces.ranking import Ranking
    from facematch.faces.reference import ReferenceSet
    from facematch.protocol.events import Evidence
    from facematch.recognizer.batch_slots import Slot
    from facematch.recognizer.room.frames import Picture
    from facematch.recognizer.room.memory import Kind
    from facematch.recognizer.shared import Shared
    from facematch.recognizer.wakeup import Wakeup

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Batch:
    """What a batch has before it."""

    default: ReferenceSet | None
    """The default person, the same from start to end; None: there is none."""
    pixels: Pixels | None = None
    """The last frame looked at, (height, width, 3) uint8 RGB."""
    look: Look | None = None
    """What was seen in it; None while it has not been looked at, or when that failed."""
    looked: tuple[float, float] | None = None
    """When the first and the last frame that was looked at came, monotonic seconds; None: there was none yet."""
    findings: Findings = field(default_factory=Findings)
    """What was seen in all of them."""
    frames: Frames = field(default_factory=Frames)
    """Their faces, and the last picture with one."""
    evidence: Evidence | None = None
    """What they say together with the looks before; None: nothing yet."""


class Probe:
    """Runs the batches of one track.

    Args:
        publication: the announced video track.
        cycle: the track's state machine.
        shared: by the rooms of the process.
        changed: the track's own; notified when LiveKit said something, or who is looked for changed.
        room: whose track it is.
        bound: says the id of the person who is supposed to be there, if any.
    """

    def __init__(
        self,
        publication: rtc.RemoteTrackPublication,
        cycle: Cycle,
        shared: Shared,
        changed: Wakeup,
        room: str,
        bound: Callable[[], str | None],
    ) -> None:
        self._publication = publication
        self._cycle = cycle
        self._shared = shared
        self._changed = changed
        self._room = room
        self._bound = bound
        self.stopped = False
        """Whether the server was told to send nothing more before the batch, the last or the one at work, was over."""
        self._was_paused = False
        """Whether the track ever was. The server may take that over to the next subscription, and to resume it just
        before the end of this one does not help: the SDK looks at the track when it sends the settings, and it has
        gone."""
        self._first_did = False
        """Whether the last batch needed no more than its first picture."""
        self._default: ReferenceSet | None = None
        """Of the batch at work."""
        self._processed_width = shared.engine.processed_width
        self._memory = Memory()

    async def run(self, batch: Batch, slot: Slot) -> tuple[Output, ...]:
        """The batch that the cycle has begun, until the cycle has ended it.

        Args:
            batch: filled with what it sees last.
            slot: held for it.

        Returns:
            What the cycle wants done after it.
        """
        outputs: tuple[Output, ...] = ()
        self._default = batch.default
        self.stopped = False
        self._memory.begin()
        reception = Reception(
            self._publication,
            self._cycle,
            changed=self._changed,
            slot=slot,
            processed_width=self._processed_width,
            given_up=self._nobody_left,
        )
        track = await reception.track()
        if track is None:
            return self._without_track(reception)
        if self._was_paused and not reception.resumed:
            reception.resume()
        stream = self._opened(track, reception)
        self._shared.counters.streams_open += 1
        try:
            while self._cycle.state is State.PROBE:
                if self.stopped and stream.over and not reception.selection.complete:  # one did not do
                    await stream.aclose()
                    self.stopped = False
                    reception.resume()
                    stream = self._opened(track, reception)
                picture = await reception.picture(stream)
                if picture is None and reception.doubtful:
                    await stream.aclose()
                    if (track := await reception.track_anew()) is None:
                        return self._without_picture(reception)
                    reception.resume()
                    stream = self._opened(track, reception)
                    continue
                if stream.too_large:
                    outputs = self._cycle.refused(_now(), Outcome.TOO_LARGE)
                elif picture is None:
                    outputs = self._without_picture(reception)
                else:
                    outputs = await self._look(batch, picture)
        finally:
            try:
                await stream.aclose()
            finally:
                self._shared.counters.streams_open -= 1
        self._first_did = self._cycle.state is State.HOLD and batch.looked is not None and len(set(batch.looked)) == 1
        return outputs

    def pause(self) -> None:
        """Stay subscribed, and have the server send nothing."""
        forwarding.pause(self._publication)
        self._was_paused = True

    def forget(self) -> None:
        """Keep nothing of what the batches so far have seen."""
        self._memory.forget()

    def _opened(self, track: rtc.RemoteTrack, reception: Reception) -> FrameStream:
        return FrameStream(
            track, reception.selection, self._changed.notify, lambda waiting: self._enough(reception, waiting)
        )

    def _enough(self, reception: Reception, waiting: int) -> bool:
        """Whether no other picture is wanted now: all are here that are looked at, or the first of a held camera is,
        and will most likely do: it did the last time, or it has to wait. What the server sends meanwhile is decoded for
        nothing.
        """
        selection = reception.selection
        likely = reception.resumed and (self._first_did or self._shared.engine.busy)
        first = likely and selection.counted == 1
        if first or (selection.complete and waiting > 1):
            self.pause()
            self.stopped = True
        return first or selection.complete

    def _nobody_left(self) -> bool:
        """Whether somebody whom this batch is about was erased: what came of them is told to nobody."""
        return not self._shared.matching.still(self._default, self._room)

    def _without_picture(self, reception: Reception) -> tuple[Output, ...]:
        """Why none came: the end of the batch."""
        if self._nobody_left():
            return self._cycle.reference_removed(_now())
        if reception.crowded_out:
            return self._cycle.crowded_out(_now())
        return self._cycle.muted(_now()) if self._publication.muted else self._cycle.timed_out(_now())

    def _without_track(self, reception: Reception) -> tuple[Output, ...]:
        """The server did not even begin to send: it never does so for what the publisher denies, and says nothing."""
        if reception.cut_short:
            return self._without_picture(reception)
        return self._cycle.refused(_now(), Outcome.DENIED)

    async def _look(self, batch: Batch, picture: Picture) -> tuple[Output, ...]:
        batch.pixels, came = picture  # what is found out of it later was so when it came
        outputs = await self._look_once(batch, batch.pixels)
        if LookCloser() in outputs:
            outputs = await self._look_once(batch, batch.pixels, closer=True)
        if batch.look is not None:
            batch.looked = (batch.looked[0] if batch.looked else came, came)
        return outputs

    async def _look_once(self, batch: Batch, pixels: Pixels, *, closer: bool = False) -> tuple[Output, ...]:
        batch.look = None
        height, width = pixels.shape[:2]
        kind = ((width, height), closer)
        sight = await self._sight(pixels, kind)
        if self._nobody_left():
            return self._cycle.reference_removed(_now())
        if sight is None:
            return self._cycle.failed(_now())
        look = batch.look = Look(
            at=_now(),
            frame_size=(width, height),
            searched_size=detection_size(width, height, self._processed_width, closer=closer),
            ranking=self._memory.complete(kind, sight, self._ranked(sight)),
            extent=sight.extent,
            closer=closer,
        )
        batch.findings.add(look.ranking)
        batch.frames.add([one.face for one in look.faces], pixels)
        self._shared.counters.frames += not closer
        self._shared.counters.frames_reused += look.reused and not closer
        self._shared.counters.faces += len(look.faces)
        return self._cycle.looked(look.at, look.seen, closer=closer, reused=look.reused)

    def _standard(self) -> object:
        """Stands for whom faces are compared with, and how."""
        return self._shared.matching.standard(self._default), self._bound()

    def _ranked(self, sight: Sight) -> Ranking:
        return self._shared.matching.rank(sight.faces, self._default, self._room, self._bound())

    async def _sight(self, pixels: Pixels, kind: Kind) -> Sight | None:
        """What a frame shows; None when it could not be processed, which ends this batch and nothing else.

        What is known of earlier frames does not answer for it when the people have become others meanwhile.
        """
        while True:
            standard = self._standard()
            self._memory.hold_to(standard)
            known = self._memory.known(kind, last=self._cycle.last_frame)
            sight = await self._looked_at(pixels, known, closer=kind[1])
            same_people = standard == self._standard()
            if sight is None or sight.extent is Extent.WHOLE or same_people:
                return sight

    async def _looked_at(self, pixels: Pixels, known: Known | None, *, closer: bool) -> Sight | None:
        try:
            return await self._shared.engine.look(pixels, known, closer=closer)
        except Exception:  # whatever dlib or ONNX Runtime cannot take
            log.exception("Frame could not be processed", track=self._publication.sid, shape=pixels.shape)
            self._shared.counters.errors += 1
            return None


def _now() -> float:
    return asyncio.get_running_loop().time()
