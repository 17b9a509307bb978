"""What an event says of a participant's identity. Pure: one event in, one piece of news out, or none.

What could be seen, and when, is presence's word; whose face it was, depends on whom the participant is bound to, and
is asked of a look when that is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from facematch.faces.tolerance import MATCH_MARGIN
from facematch.protocol.events import Check, ParticipantChange, WatchChange
from facematch.server.presence.evidence import Sight, evidence_of, named

if TYPE_CHECKING:
    from collections.abc import Collection

    from facematch.protocol.events import Event, PersonNear
    from facematch.protocol.events import Evidence as Shown
    from facematch.server.presence.evidence import Evidence

HERE: Final = "here"
"""They are there, and were when the recognizer came."""
CONSENTED: Final = "consent_given"
REFUSED: Final = "consent_withdrawn"
NO_CONSENT: Final = "no_consent"
NOT_COMPARED: Final = "not_compared"
_WITHHELD: Final = {"consent": NO_CONSENT, "not_compared": NOT_COMPARED}
"""Why a camera that is there is not looked at, by what the recognizer says of it."""


@dataclass(frozen=True, slots=True)
class News:
    """One piece."""

    evidence: Evidence
    word: str
    """What happened, or why nothing could be seen; empty: it is a look that could see."""
    check: Check | None
    """Of a look."""

    @property
    def order(self) -> tuple[float, int]:
        """In which news of one source is told, whenever it came."""
        return self.evidence.ended, self.evidence.cursor


def news_of(cursor: int, event: Event) -> News | None:
    """What an event says; None: nothing that matters here."""
    word: str | None = None
    if isinstance(event, ParticipantChange) and (event.already or event.change in (CONSENTED, REFUSED)):
        # Presence makes nothing of these; where and when it is, is told as of any other who joins.
        word = HERE if event.change == "joined" else event.change
        event = event.model_copy(update={"already": False, "change": "joined"})
    if isinstance(event, WatchChange) and event.change == "lost" and event.track_sid is not None:
        word = _WITHHELD.get(event.reason or "")
    evidence = evidence_of(cursor, event)
    if evidence is None:
        return None
    return News(evidence, word or evidence.reason, event if isinstance(event, Check) else None)


class Says(StrEnum):
    """What a look says."""

    EXPECTED = "expected"
    SOMEBODY_ELSE = "other_person"
    STRANGER = "stranger"
    NOBODY = "not_seen"
    UNCLEAR = "unclear"
    """A face, and not enough to tell whose."""


class Verdict(NamedTuple):
    """Of one look."""

    says: Says
    person: str = ""
    """Who it is, of somebody else."""
    looks: int = 1
    """On how many looks it rests: more than one when they were compared as one."""
    others: bool = False
    """Of the expected: other faces are there, too."""


def verdict_of(news: News, expected: Collection[str]) -> Verdict:
    """Whose face a look saw, if it could see.

    Looks that are compared as one (`evidence`) count for all of them. Without them, as an older recognizer or a look
    that is not good enough leaves it, only who was named counts: that somebody was not named says nothing.

    Args:
        news: of a look.
        expected: ids of the person they are supposed to be, those of whoever was merged into them included.
    """
    check = news.check
    if check is None or news.evidence.sight is not Sight.SEEN:
        return Verdict(Says.NOBODY)
    names = check.named if check.named is not None else list(named(check))
    others = max(check.faces or 0, len(names) + (check.unknown_faces or 0)) > 1
    together = _together(check.evidence, expected) if check.evidence and check.evidence.good else None
    if together is not None and together.says is Says.EXPECTED:
        return together._replace(others=others)
    if any(one in expected for one in names):
        return Verdict(Says.EXPECTED, others=others)
    if together is None and names and not any(one.person_id in expected for one in check.people or ()):
        return Verdict(Says.SOMEBODY_ELSE, names[0])
    return together or Verdict(Says.UNCLEAR)


def _together(evidence: Shown, expected: Collection[str]) -> Verdict | None:
    """What looks say that are compared as one; None: nothing."""
    looks, best, bound = max(1, evidence.looks), evidence.best, evidence.bound
    compared = bound is not None and bound.person_id in expected
    if compared and _is_near(bound):
        return Verdict(Says.EXPECTED, looks=looks)
    if best and _is_near(best) and (evidence.margin is None or evidence.margin >= MATCH_MARGIN):
        says = Says.EXPECTED if best.person_id in expected else Says.SOMEBODY_ELSE
        return Verdict(says, "" if says is Says.EXPECTED else best.person_id, looks)
    if evidence.stranger and compared:
        return Verdict(Says.STRANGER, looks=looks)
    return None


def _is_near(one: PersonNear | None) -> bool:
    return one is not None and one.threshold is not None and one.distance <= one.threshold
