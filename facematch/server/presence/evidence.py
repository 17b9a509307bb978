"""What an event says of somebody's presence. Pure: one event in, one piece of evidence out, or none.

A look that could see somebody says *seen* or *not seen*; one that could not (muted, no frames, encrypted, an error)
says that nobody can know. LiveKit's word that somebody joined or left proves that they were not there before, or after.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from facematch.protocol.events import Check, Outcome, ParticipantChange, WatchChange
from facematch.server.storage.schema import in_utc, text_of

if TYPE_CHECKING:
    from facematch.protocol.events import Event

DEFAULT_PERSON: Final = "default"
"""Whom a match names that names nobody else: the person of the reference."""


class Sight(StrEnum):
    """What is known."""

    SEEN = "seen"
    """A face was."""
    NOT_SEEN = "not_seen"
    """There was none."""
    UNKNOWABLE = "unknowable"
    """Nothing could be looked at."""
    ABSENT = "absent"
    """They joined or left at this moment, says LiveKit."""
    AWAY = "away"
    """Nobody was looking."""


JOINED: Final = "joined"
LEFT: Final = "left"

NOT_LOOKS: Final = frozenset({Sight.ABSENT, Sight.AWAY})


class Chain(NamedTuple):
    """Looks that can be put in order by a clock that only goes forwards: one camera, watched by one boot of one
    recognizer. Evidence about a participant has no track, evidence about the room no identity either.
    """

    source: str
    room: str
    identity: str
    track: str

    def covers(self, other: Chain) -> bool:
        """Whether what is said of this is said of the other, too."""
        mine, theirs = self, other
        return (mine.source, mine.room) == (theirs.source, theirs.room) and (
            not mine.identity or (mine.identity == theirs.identity and mine.track in ("", theirs.track))
        )


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece."""

    cursor: int
    """Position of the event."""
    chain: Chain
    sight: Sight
    began: float
    """Seconds on the chain's steady clock …"""
    ended: float
    """… of the first and the last frame that were looked at; for what is no look, the moment."""
    at: float
    """`ended` on the recognizer's wall clock, in seconds since 1970."""
    people: tuple[str, ...] = ()
    """Persons who were named, sorted."""
    reason: str = ""
    """Why nothing could be known, or what happened."""
    reference: str = ""
    """What the faces were compared with."""
    sid: str = ""
    name: str = ""
    nameless: bool = False
    """The event has no identity: the name stands for it."""
    best: float | None = None
    """Of a look: distance of the face that matched, else of the nearest."""


def evidence_of(cursor: int, event: Event) -> Evidence | None:
    """What an event says; None: nothing. Times of senders without a steady clock are those of their wall clock."""
    match event:
        case Check():
            return _look(cursor, event)
        case ParticipantChange(change="joined", already=True) | WatchChange(track_sid=str(), change="began"):
            return None  # since when, nobody says
        case ParticipantChange(change="consent_given" | "consent_withdrawn"):
            return None  # what is not looked at is told by its camera
        case ParticipantChange():
            return _moment(cursor, event, "", Sight.ABSENT)
        case WatchChange():
            return _moment(cursor, event, event.track_sid or "", Sight.AWAY)
        case _:  # a Match is thinned by the cooldown: its Check says the same, and more. The others recognizers say not
            return None


def _look(cursor: int, check: Check) -> Evidence:
    at = in_utc(check.looked_until or check.timestamp).timestamp()
    ended, began = check.uptime_until, check.uptime_from
    if check.source is None or ended is None or began is None:
        ended, began = at, in_utc(check.looked_from or check.timestamp).timestamp()
    sight, reason = _sight(check)
    return Evidence(
        cursor,
        _chain(check, check.track_sid or check.participant_id),
        sight,
        min(began, ended),
        ended,
        at,
        named(check) if sight is Sight.SEEN else (),
        reason,
        _text(check.reference_id),
        _text(check.participant_id),
        _text(check.participant_name),
        check.participant_identity is None,
        check.best_distance,
    )


def _sight(check: Check) -> tuple[Sight, str]:
    match check.outcome:
        case Outcome.MATCH | Outcome.NO_MATCH:
            return Sight.SEEN, ""
        case Outcome.NO_FACE:
            return Sight.NOT_SEEN, ""
        case None:  # of a sender that knows only the seed's fields
            return (Sight.SEEN if check.match_found or check.faces else Sight.NOT_SEEN), ""
        case outcome:
            return Sight.UNKNOWABLE, outcome.value


def named(check: Check) -> tuple[str, ...]:
    """The persons whom a Check names. Of a sender that names none, it is the one who was looked for."""
    if check.named is not None:
        return tuple(sorted({_text(person) for person in check.named}))
    return (DEFAULT_PERSON,) if check.match_found else ()


def _moment(cursor: int, event: ParticipantChange | WatchChange, track: str, sight: Sight) -> Evidence | None:
    at = in_utc(event.timestamp).timestamp()
    when = at if event.source is None or event.uptime is None else event.uptime
    chain = _chain(event, track)
    if track and not chain.identity:
        return None  # of nobody's camera
    sid, name = _text(event.participant_id), _text(event.participant_name)
    nameless = bool(chain.identity) and event.participant_identity is None
    word = _WORDS[event.change, bool(track)]
    return Evidence(cursor, chain, sight, when, when, at, (), word, "", sid, name, nameless)


_WORDS = {
    ("joined", False): JOINED,
    ("left", False): LEFT,
    ("began", False): "watch_began",
    ("lost", False): "watch_lost",
    ("restarted", False): "watch_began",
    ("lost", True): "camera_gone",
    ("restarted", True): "evidence_restarted",
}
"""By the change, and whether it is about one camera."""


def _chain(event: Check | ParticipantChange | WatchChange, track: str) -> Chain:
    identity = event.participant_identity or event.participant_name
    return Chain(_text(event.source), _text(event.room), _text(identity), _text(track))


def _text(value: str | None) -> str:
    """As a column has it."""
    return text_of(value) or ""
