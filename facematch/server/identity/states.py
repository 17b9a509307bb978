"""The states of a participant's identity: one table, from the strongest to the weakest. Pure.

What is known of a participant is the news of the last looks at each of their cameras, of themselves and of their room,
in the order of the recognizer's steady clock. The state follows from these and from nothing before: whatever comes late
is put in its place and the state told anew, and a start that reads the same news from the log says the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from facematch.protocol.events import IdentityState
from facematch.server.identity.looks import CONSENTED, HERE, NO_CONSENT, REFUSED, News, Says, verdict_of
from facematch.server.presence.evidence import JOINED, LEFT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from facematch.server.identity.looks import Verdict

FACE_LOOKS: Final = 2
"""That have to agree, one after the other, before a face is said to be the expected one, or not to be: two looks that
are compared as one, or one by one."""
EMPTY_LOOKS: Final = 3
"""In a row without a face."""
REMEMBERED: Final = 8
"""News of one camera that counts: who was recognised before has to be recognised again."""

OTHER_PERSON: Final = "other_person"
STRANGER: Final = "stranger"

_LOST = "camera_gone"


@dataclass(frozen=True, slots=True)
class Expected:
    """Whom a participant is bound to."""

    person_id: str
    ids: frozenset[str]
    """Theirs, and those of whoever was merged into them."""
    after: int
    """Position of the event that says so: looks after it count."""


@dataclass(slots=True)
class Camera:
    """What one camera shows."""

    blind: str = ""
    """Why it cannot be looked at; empty: it can."""
    shows: Says | None = None
    """What looks have agreed on; None: nothing (yet)."""
    person: str = ""
    """Of somebody else."""
    looks: int = 0
    together: bool = False
    """They were compared as one."""
    accompanied: bool = False
    """The expected person is not alone."""


@dataclass(slots=True)
class Known:
    """What is known of a participant now."""

    left: bool = False
    away: str = ""
    """Why nobody may, or can, look at them at all."""
    expected: Expected | None = None
    swapped: bool = False
    cameras: Sequence[Camera] = ()
    gone: bool = False
    """There was a camera, and there is none any more."""
    unheard: bool = False
    """None of their cameras was ever told of."""

    def showing(self, *what: Says) -> Camera | None:
        """The first camera that shows this."""
        return next((one for one in self.cameras if one.shows in what and not one.blind), None)

    @property
    def reason(self) -> str:
        """Why nothing is known."""
        return self.away or next((one.blind for one in self.cameras if one.blind), _LOST if self.gone else "")


class Rule(NamedTuple):
    """One row of the table: it holds unless one above it does."""

    state: IdentityState
    detail: str | None
    """None: why it is."""
    when: str
    looks: int | None
    """That have to agree; None: it does not rest on looks."""
    holds: Callable[[Known], bool]


def _is_accompanied(known: Known) -> bool:
    expected = known.showing(Says.EXPECTED)
    return expected is not None and (
        expected.accompanied or known.showing(Says.SOMEBODY_ELSE, Says.STRANGER) is not None
    )


def _is_blind(known: Known) -> bool:
    """Something cannot be looked at, and nothing else may still show a face."""
    seeing = [one for one in known.cameras if not one.blind]
    return (known.gone or len(seeing) < len(known.cameras)) and all(one.shows is Says.NOBODY for one in seeing)


RULES: Final = (
    Rule(IdentityState.ABSENT, "", "LiveKit says that they left", None, lambda known: known.left),
    Rule(
        IdentityState.SWAPPED,
        "",
        "another face than before was before their camera (`CONTINUITY=true`), and nobody has acknowledged it",
        1,
        lambda known: known.swapped,
    ),
    Rule(
        IdentityState.UNBOUND,
        "",
        "nobody says who they are supposed to be",
        None,
        lambda known: known.expected is None,
    ),
    Rule(
        IdentityState.UNKNOWABLE,
        None,
        "nobody watches the room (`watch_lost`, `watch_began` until they are heard of again), the recognizer is away "
        "(`recognizer_away`), or they do not consent (`no_consent`)",
        None,
        lambda known: bool(known.away),
    ),
    Rule(
        IdentityState.ACCOMPANIED,
        "",
        "expected, and other faces beside, or before another of their cameras",
        FACE_LOOKS,
        _is_accompanied,
    ),
    Rule(
        IdentityState.EXPECTED,
        "",
        "the face is that of the person they are bound to",
        FACE_LOOKS,
        lambda known: known.showing(Says.EXPECTED) is not None,
    ),
    Rule(
        IdentityState.UNEXPECTED,
        OTHER_PERSON,
        "the face is somebody else's",
        FACE_LOOKS,
        lambda known: known.showing(Says.SOMEBODY_ELSE) is not None,
    ),
    Rule(
        IdentityState.UNEXPECTED,
        STRANGER,
        "the face is that of nobody who is compared, by looks that were compared as one",
        FACE_LOOKS,
        lambda known: known.showing(Says.STRANGER) is not None,
    ),
    Rule(
        IdentityState.UNKNOWABLE,
        None,
        "a camera cannot be looked at (`muted`, `no_frames`, `encrypted`, `denied`, `too_large`, `no_reference`, "
        "`error`), may not be (`no_consent`, `not_compared`), is looked at anew (`evidence_restarted`) or gone "
        "(`camera_gone`), and no other one may show a face",
        1,
        _is_blind,
    ),
    Rule(
        IdentityState.NOT_SEEN,
        "",
        "there is no face before any of their cameras",
        EMPTY_LOOKS,
        lambda known: known.showing(Says.NOBODY) is not None and all(one.shows is Says.NOBODY for one in known.cameras),
    ),
    Rule(IdentityState.PENDING, "", "none of these: it is not known yet", None, lambda _known: True),
)
"""By precedence."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What follows."""

    state: IdentityState
    detail: str = ""
    seen: str = ""
    """Who was recognised instead."""
    looks: int = 0
    together: bool = False


def finding_of(known: Known) -> Finding:
    """The state, by the first rule that holds."""
    rule = next(rule for rule in RULES if rule.holds(known))
    if rule.state in (IdentityState.EXPECTED, IdentityState.ACCOMPANIED):
        camera = known.showing(Says.EXPECTED)
    elif rule.state is IdentityState.UNEXPECTED:
        camera = known.showing(Says.STRANGER if rule.detail == STRANGER else Says.SOMEBODY_ELSE)
    else:
        return Finding(rule.state, known.reason if rule.detail is None else rule.detail)
    assert camera is not None, "the rule held"  # noqa: S101  (said to the type checker)
    return Finding(rule.state, rule.detail or "", camera.person, camera.looks, camera.together)


def known_of(
    marks: Iterable[News], cameras: Iterable[Sequence[News]], expected: Expected | None, *, swapped: bool
) -> Known:
    """What is known from news.

    Args:
        marks: of the participant and their room.
        cameras: of each camera, in order.
        expected: whom they are bound to.
        swapped: another face was told, and not acknowledged.
    """
    lines = [line for line in cameras if line]
    newest = max((line[-1] for line in lines), key=lambda one: one.order, default=None)
    heard = _heard(marks, newest)
    known = Known(heard.left is not None, heard.away, expected, swapped)
    known.unheard = not lines
    current = [[one for one in line if one.order > heard.since] for line in lines]
    current = [line for line in current if line]
    known.cameras = [_camera(line, expected) for line in current if line[-1].word != _LOST]
    known.gone = bool(current) and not known.cameras
    return known


@dataclass(slots=True)
class _Heard:
    """What was said, besides looks."""

    sid: str = ""
    left: News | None = None
    away: str = ""
    since: tuple[float, int] = (float("-inf"), 0)
    """What was seen before is over."""


def _heard(marks: Iterable[News], newest: News | None) -> _Heard:
    heard = _Heard()
    for mark in sorted(marks, key=lambda one: one.order):
        match mark.word:
            case word if word in (JOINED, HERE):
                heard.sid, heard.left = mark.evidence.sid, None
                heard.away = heard.away if heard.away == REFUSED and word == HERE else ""
                heard.since = mark.order if word == JOINED else heard.since
            case word if word == LEFT:  # who comes back at once has joined before it is heard that they left
                heard.left = mark if heard.sid in ("", mark.evidence.sid) else heard.left
            case word if word == CONSENTED:
                heard.away = "" if heard.away == REFUSED else heard.away
            case word:
                heard.away, heard.since = word, mark.order
    if newest is not None and newest.order > heard.since and heard.away != REFUSED:
        heard.away = ""  # who is looked at is watched
    if heard.left is not None and newest is not None and newest.order > heard.left.order:
        heard.left = heard.left if newest.evidence.sid == heard.left.evidence.sid else None
    if heard.away == REFUSED:
        heard.away = NO_CONSENT
    return heard


@dataclass(slots=True)
class _Run:
    """Looks in a row that say the same."""

    says: Says | None = None
    looks: int = 0
    people: list[str] = field(default_factory=list)


def _camera(line: Sequence[News], expected: Expected | None) -> Camera:
    camera, run, others = Camera(), _Run(), None
    for news in line:
        if news.word or _starts_anew(news):
            camera, run, others = Camera(blind=news.word), _Run(), None
        camera.blind = news.word
        if news.word or expected is None or news.evidence.cursor <= expected.after:
            continue
        verdict = verdict_of(news, expected.ids)
        if verdict.says is Says.UNCLEAR:
            continue
        run = _grown(run, verdict)
        needed = EMPTY_LOOKS if verdict.says is Says.NOBODY else FACE_LOOKS
        if run.looks >= needed:
            camera.shows, camera.person = _agreed(run, verdict, camera)
            camera.looks, camera.together = max(run.looks, verdict.looks), verdict.looks >= needed
        if verdict.says is Says.EXPECTED:
            if others is verdict.others:  # twice the same
                camera.accompanied = others
            others = verdict.others
    return camera


def _starts_anew(news: News) -> bool:
    evidence = news.check and news.check.evidence
    return bool(evidence and evidence.continuity == "lost")


_NOT_EXPECTED = (Says.SOMEBODY_ELSE, Says.STRANGER)


def _grown(run: _Run, verdict: Verdict) -> _Run:
    """The run with one more look; that it is not the expected face, all agree who say so."""
    same = run.says is verdict.says or (run.says in _NOT_EXPECTED and verdict.says in _NOT_EXPECTED)
    run = run if same else _Run()
    run.says = verdict.says
    run.looks = max(run.looks + 1, verdict.looks)
    run.people.append(verdict.person)
    return run


def _agreed(run: _Run, verdict: Verdict, before: Camera) -> tuple[Says, str]:
    """What is said of a face that has been seen often enough, and whose it is."""
    if verdict.says is not Says.SOMEBODY_ELSE:
        return verdict.says, ""
    if verdict.looks >= FACE_LOOKS or run.people.count(verdict.person) >= FACE_LOOKS:
        return Says.SOMEBODY_ELSE, verdict.person
    return Says.SOMEBODY_ELSE, before.person if before.shows is Says.SOMEBODY_ELSE else ""
