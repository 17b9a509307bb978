from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from facematch.faces.ranking import Enrolled, Nameless, Ranking, rank
from facematch.faces.tolerance import MatchRules
from facematch.recognizer.room.findings import Findings
from tests.rig.embeddings import axis, face, gallery, person

if TYPE_CHECKING:
    from facematch.faces.gallery import Gallery

PEOPLE = gallery(
    person("p_alice", axis(1)), person("p_bob", axis(0, 1)), person("p_bobs_twin", axis(0, 1.01)), version=3
)


def frame(*embeddings: object, people: Gallery = PEOPLE) -> Ranking:
    return rank([face(one) for one in embeddings], Enrolled(None, people), MatchRules(), room="hall")  # type: ignore[arg-type]


def test_everybody_is_told_once_at_their_nearest() -> None:
    findings = Findings()
    for distance in (0.55, 0.52, 0.57):
        findings.add(frame(axis(1 - distance)))
    (alice,) = findings.people
    assert alice.person_id == "p_alice"
    assert alice.distance == pytest.approx(0.52)
    assert (findings.unknown_faces, findings.reason, findings.gallery_version) == (1, None, 3)


def test_who_stands_beside_a_match_is_counted_in_that_frame_only() -> None:
    findings = Findings()
    findings.add(frame(axis(0, 0, 1), axis(0, 0, 2), axis(0, 0, 3)))
    assert findings.unknown_faces == 3
    findings.add(frame(axis(0.9), axis(0, 0, 1)))
    assert (findings.unknown_faces, findings.reason) == (1, None)


def test_why_nobody_was_named_is_remembered_until_somebody_is() -> None:
    findings = Findings()
    findings.add(frame(axis(0, 0.9)))
    findings.add(frame(axis(0, 0, 1)))
    assert findings.reason is Nameless.AMBIGUOUS
    findings.add(frame(axis(0.9)))
    assert findings.reason is None


def test_no_more_are_told_than_an_event_takes() -> None:
    crowd = gallery(*(person(f"p_{number}", axis(1, number / 1000)) for number in range(100)))
    findings = Findings()
    findings.add(frame(axis(0.9), axis(0.9, 0.1), people=crowd))
    assert len(findings.people) == 16
