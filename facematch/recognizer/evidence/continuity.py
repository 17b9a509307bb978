"""Whether the face before a participant's cameras is still the one that was there before. Without I/O or clock.

The *anchor* is the mean of a participant's looks so far. Each look that counts is an input: by its distance from the
anchor, and by that of the last looks together (`facematch.faces.fused`), it is the anchor's face or another one.
Every change of state goes through `TRANSITIONS`, which is the whole rule book; the table in `docs/people.md` is made
from it. What is not in it cannot happen, and raises `KeyError`.

    NONE      there is no anchor
    FORMING   the anchor is of fewer than three looks: nothing is said yet
    SAME      the last look was at the anchor's face
    DOUBTED   it was at another one, or at neither clearly, or there was none yet: nothing is said
    CHANGED   several looks in a row were at another one
    LOST      there was an anchor, and it is not known any more: until somebody acknowledges it
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facematch.faces.fused import FusedFace

SETTLED: Final = 3
"""Looks that an anchor is of before it is relied on."""
MOST_ANCHORED: Final = 16
"""Looks that count in full; each one more counts a sixteenth, so that a face may slowly be lit otherwise."""
PROOF: Final = 2
"""Looks in a row at another face, at least, before it is said to have changed."""

_SPREAD = 0.1
"""Variance of independent photographs of one person."""
_FAR = 0.95
"""Of the limit: one look has to be farther, too, to be of another face."""
_SURELY = 1.06
"""What the mean of two looks has to be farther than the limit, to be proof."""
_CLEARLY = 0.85
"""Of the limit: what is nearer belongs to the anchor, and is taken into it."""


class State(StrEnum):
    NONE = "none"
    FORMING = "forming"
    SAME = "same"
    DOUBTED = "doubted"
    CHANGED = "changed"
    LOST = "lost"


class Input(StrEnum):
    """What can happen to an anchor, in the words of the table."""

    EARLY = "the anchor's face, fewer than three looks"
    ANCHORS_FACE = "the anchor's face"
    UNCLEAR = "another face, or neither clearly"
    PROVEN = "another face, proven"
    ACKNOWLEDGED = "acknowledged"
    NOT_KEPT = "not kept while nobody could look"
    HANDED_ON = "handed on by the recognizer before"
    FORGOTTEN = "forgotten"


_EVERYWHERE = {Input.NOT_KEPT: State.LOST, Input.FORGOTTEN: State.NONE}
_KNOWN_BEFORE = {Input.HANDED_ON: State.DOUBTED}
_LOOKED = {
    Input.EARLY: State.FORMING,
    Input.ANCHORS_FACE: State.SAME,
    Input.UNCLEAR: State.DOUBTED,
}

TRANSITIONS: dict[State, dict[Input, State]] = {
    State.NONE: {
        Input.EARLY: State.FORMING,
        Input.ACKNOWLEDGED: State.FORMING,
        **_KNOWN_BEFORE,
        **_EVERYWHERE,
    },
    State.FORMING: {**_LOOKED, Input.ACKNOWLEDGED: State.FORMING, **_KNOWN_BEFORE, **_EVERYWHERE},
    State.SAME: {
        Input.ANCHORS_FACE: State.SAME,
        Input.UNCLEAR: State.DOUBTED,
        Input.ACKNOWLEDGED: State.FORMING,
        **_KNOWN_BEFORE,
        **_EVERYWHERE,
    },
    State.DOUBTED: {
        **_LOOKED,
        Input.PROVEN: State.CHANGED,
        Input.ACKNOWLEDGED: State.FORMING,
        **_KNOWN_BEFORE,
        **_EVERYWHERE,
    },
    State.CHANGED: {
        Input.EARLY: State.FORMING,
        Input.ANCHORS_FACE: State.SAME,
        Input.UNCLEAR: State.CHANGED,
        Input.PROVEN: State.CHANGED,
        Input.ACKNOWLEDGED: State.FORMING,
        **_KNOWN_BEFORE,
        **_EVERYWHERE,
    },
    State.LOST: {Input.ACKNOWLEDGED: State.FORMING, **_EVERYWHERE},
}

TOLD: dict[State, Literal["same", "changed", "lost"] | None] = {
    State.NONE: None,
    State.FORMING: None,
    State.SAME: "same",
    State.DOUBTED: None,
    State.CHANGED: "changed",
    State.LOST: "lost",
}
"""What an event says of each."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Anchor:
    """The mean of a participant's looks."""

    embedding: NDArray[np.float32]
    """(128,)"""
    looks: int
    """At least 1, at most MOST_ANCHORED."""
    spread: float = 0.0
    """Variance of the looks: squared distance from their mean, unbiased as far as they are independent."""

    def distance(self, embedding: NDArray[np.float32]) -> float:
        """Euclidean."""
        return float(np.linalg.norm(self.embedding - embedding))

    def joined(self, embedding: NDArray[np.float32]) -> Anchor:
        """With one more look."""
        looks = min(self.looks + 1, MOST_ANCHORED)
        off = embedding - self.embedding
        spread = self.spread + (float(off @ off) - self.spread * looks / (looks - 1)) / looks
        return Anchor(self.embedding + off / np.float32(looks), looks, max(0.0, spread))


def limit(anchor: Anchor, fused: FusedFace) -> float:
    """The distance between two means of looks beyond which they are of two people.

    They are apart by what does not change of a person, and by what does, which falls with the number of looks as far
    as these are unlike each other: of one sitting, in one light, they are not, and many say hardly more than one.
    Measured on Labeled Faces in the Wild, as `tolerance` is; `bench/continuity.py` measures it anew.
    """
    return math.sqrt(0.22 + 0.08 * (_share(anchor.looks, anchor.spread) + _share(fused.looks, fused.spread)))


def _share(looks: int, spread: float) -> float:
    """What is left of a single look's error in the mean of several: all of it in looks that are alike."""
    alike = 1.0 if looks == 1 else min(1.0, max(0.0, 1 - spread / _SPREAD))
    return alike + (1 - alike) / looks


class Continuity:
    """Of one participant."""

    def __init__(self) -> None:
        self.state = State.NONE
        self.anchor: Anchor | None = None
        """None in NONE and LOST, and in no other state."""
        self.distance: float | None = None
        """From the anchor to the last looks together."""
        self._others = 0
        """Looks in a row that were not at the anchor's face."""

    @property
    def told(self) -> Literal["same", "changed", "lost"] | None:
        """What an event says."""
        return TOLD[self.state]

    def looked(self, embedding: NDArray[np.float32], fused: FusedFace) -> None:
        """A look that counts.

        Args:
            embedding: (128,), of this look.
            fused: the last looks at this face, this one among them.
        """
        if self.state is State.LOST:
            return
        if self.anchor is None:
            self.anchor, self.distance, self._others = Anchor(embedding, 1), 0.0, 0
            self._take(Input.EARLY)
            return
        given = self._judged(embedding, fused)
        if given is Input.ANCHORS_FACE:
            self.anchor, self._others = self.anchor.joined(embedding), 0
            given = Input.ANCHORS_FACE if self.anchor.looks >= SETTLED else Input.EARLY
        self._take(given)

    def acknowledge(self, fused: FusedFace) -> None:
        """Whoever is there now is whom the next looks are compared with.

        Args:
            fused: the last looks at them, if there are any.
        """
        if not fused.looks:
            self.forget()
            return
        self._take(Input.ACKNOWLEDGED)
        self.anchor, self.distance, self._others = Anchor(fused.embedding, fused.looks, fused.spread), 0.0, 0

    def resume(self, anchor: Anchor, fused: FusedFace) -> None:
        """An anchor of before this process: looks since then are compared with it, in place of one made of them.

        Args:
            anchor: what it was.
            fused: the last looks, if there are any yet.
        """
        if self.state is State.LOST:
            return
        self._take(Input.HANDED_ON)
        far = bool(fused.looks) and anchor.distance(fused.embedding) > limit(anchor, fused) * _FAR
        self.anchor, self.distance, self._others = anchor, None, fused.looks if far else 0

    def not_kept(self) -> None:
        """The anchor goes, though nobody knows that the participant has left."""
        self._take(Input.NOT_KEPT)
        self.anchor = self.distance = None

    def forget(self) -> None:
        """The anchor goes: they have left, were erased, or do not want it."""
        self._take(Input.FORGOTTEN)
        self.anchor, self.distance, self._others = None, None, 0

    def _judged(self, embedding: NDArray[np.float32], fused: FusedFace) -> Input:
        assert self.anchor is not None  # noqa: S101  (asked for with one only)
        most = limit(self.anchor, fused)
        self.distance = self.anchor.distance(fused.embedding)
        if self.anchor.distance(embedding) <= most * _FAR:
            self._others = 0
            return Input.ANCHORS_FACE if self.distance <= most * _CLEARLY else Input.UNCLEAR
        self._others += 1
        enough = most if fused.looks >= SETTLED else most * _SURELY
        if self._others >= PROOF and fused.looks >= PROOF and self.distance > enough:
            return Input.PROVEN
        return Input.UNCLEAR

    def _take(self, given: Input) -> None:
        self.state = TRANSITIONS[self.state][given]
