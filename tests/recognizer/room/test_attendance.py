"""What is told of who comes and goes, in the order in which it is told."""

from __future__ import annotations

from facematch.recognizer.room.attendance import Attendance
from facematch.recognizer.room.subject import Participant, Subject
from tests.rig.attendance import Told

ALICE, BOB = Participant("PA_1", "Alice", "alice"), Participant("PA_2", "Bob", "bob")
CAMERA = Subject("PA_1", "Alice", "alice", "TR_1")


def told() -> tuple[Attendance, list[str]]:
    telling = Told()
    return Attendance(telling), telling.told


def test_a_beginning_tells_how_many_are_there_and_each_of_them() -> None:
    attendance, events = told()
    attendance.began([ALICE, BOB])
    assert events == ["room began 2", "alice joined already", "bob joined already"]


def test_who_comes_and_goes_is_told_once() -> None:
    attendance, events = told()
    attendance.began([])
    for present in ([ALICE], [ALICE], [ALICE, BOB], [BOB]):
        attendance.now(present)
    assert events[1:] == ["alice joined", "bob joined", "alice left"]
    assert (attendance.differs(["PA_2"]), attendance.differs(["PA_1"]), attendance.differs([])) == (False, True, True)


def test_a_return_under_the_same_name_is_a_leaving_and_a_joining() -> None:
    attendance, events = told()
    attendance.began([ALICE])
    attendance.now([Participant("PA_9", "Alice", "alice")])
    assert events[2:] == ["alice left", "alice joined"]


def test_while_nobody_watches_nobody_leaves_and_afterwards_it_is_told_who_has() -> None:
    attendance, events = told()
    attendance.began([ALICE, BOB])
    attendance.lost("RECONNECTING")
    attendance.now([])
    assert not attendance.differs([])
    attendance.lost("SERVER_SHUTDOWN")  # the second reason is no news
    attendance.began([BOB])
    assert events[3:] == ["room lost RECONNECTING", "room began 1", "alice left already", "bob joined already"]


def test_a_camera_that_is_watched_anew_after_a_fault_was_not_lost() -> None:
    attendance, events = told()
    attendance.began([ALICE])
    attendance.watches(CAMERA)
    attendance.watches(CAMERA)
    attendance.dropped("TR_1")
    attendance.dropped("TR_1")
    attendance.watches(CAMERA)
    assert events[2:] == ["TR_1 began", "TR_1 restarted", "TR_1 lost", "TR_1 began"]


def test_with_the_room_all_cameras_are_out_of_sight_without_a_word_of_each() -> None:
    attendance, events = told()
    attendance.began([ALICE])
    attendance.watches(CAMERA)
    attendance.lost("STOPPED")
    attendance.dropped("TR_1")
    attendance.began([ALICE])
    attendance.watches(CAMERA)
    assert events[3:] == ["room lost STOPPED", "room began 1", "alice joined already", "TR_1 began"]


def test_who_agrees_and_who_withdraws_is_told_once() -> None:
    attendance, events = told()
    attendance.began([ALICE, BOB], frozenset({"PA_1"}))
    for agreed in ({"PA_1"}, {"PA_1", "PA_2"}, {"PA_2"}):
        assert attendance.differs(["PA_1", "PA_2"], frozenset(agreed)) is (agreed != {"PA_1"})
        attendance.now([ALICE, BOB], frozenset(agreed))
    attendance.now([ALICE])  # who leaves has not withdrawn
    assert events[3:] == [
        "alice consent_given already",
        "bob consent_given",
        "alice consent_withdrawn",
        "bob left",
    ]


def test_what_was_withdrawn_while_nobody_watched_is_told_afterwards() -> None:
    attendance, events = told()
    attendance.began([ALICE], frozenset({"PA_1"}))
    attendance.lost("RECONNECTING")
    attendance.now([ALICE])
    attendance.began([ALICE])
    assert events[-2:] == ["alice joined already", "alice consent_withdrawn already"]


def test_a_camera_that_may_not_be_looked_at_is_told_once_for_each_reason() -> None:
    attendance, events = told()
    attendance.began([ALICE])
    attendance.withheld([(CAMERA, "consent")])
    attendance.withheld([(CAMERA, "consent")])
    attendance.withheld([(CAMERA, "not_compared")])
    attendance.withheld([])
    attendance.watches(CAMERA)
    attendance.dropped("TR_1")
    attendance.withheld([(CAMERA, "consent")])
    assert events[2:] == [
        "TR_1 lost consent",
        "TR_1 lost not_compared",
        "TR_1 began",
        "TR_1 lost",
        "TR_1 lost consent",
    ]
