"""Alarms in the database: what raises one, what is the same one still, and that the log says the same again."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from facematch.server.storage.database import sqlite_url
from facematch.server.storage.errors import LogUnavailableError
from facematch.server.storage.schema import events, people
from tests.rig.alarms import QUIET, Alarms, answer, sight
from tests.rig.identities import binding, named, seen
from tests.rig.rooms_told import change

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from facematch.protocol.events import AlarmChange

BOB: dict[str, Any] = {"participant_identity": "bob", "participant_id": "PA_2", "participant_name": "Bob"}


@pytest_asyncio.fixture
async def kept(database_url: str) -> AsyncIterator[Alarms]:
    kept = Alarms(database_url)
    await kept.open("p_1", "p_2")
    yield kept
    await kept.log.aclose()


def kinds(told: Sequence[AlarmChange]) -> list[tuple[str, str, str | None, str | None]]:
    return [(one.change, str(one.kind), one.person_id, one.seen_person_id) for one in told]


async def test_whoever_is_looked_for_is_told_once_while_they_stay(kept: Alarms) -> None:
    [raised] = await kept.hear(sight(0))
    assert kinds([raised]) == [("raised", "match", None, "p_1")]
    assert (raised.seen_person_name, raised.participant_identity, raised.room) == ("P_1", "alice", "red")
    assert await kept.hear(*(sight(when) for when in range(10, 1000, 10))) == []
    [alarm] = await kept.all(only_open=True)
    assert (alarm.row.sights, alarm.row.last_at - alarm.row.since) == (100, alarm.row.last_at - raised.timestamp)
    assert alarm.match is not None
    assert alarm.match["timestamp"] == raised.timestamp.isoformat()
    [after_a_pause] = await kept.hear(sight(990 + QUIET))
    assert after_a_pause.alarm_id != raised.alarm_id
    assert [one.row.id for one in await kept.all()] == [after_a_pause.alarm_id, raised.alarm_id]


async def test_the_quiet_time_is_of_a_participant_a_room_and_a_person(kept: Alarms) -> None:
    assert len(await kept.hear(sight(0), sight(1, "p_2"), sight(2, **BOB), sight(3, room="blue"), sight(4))) == 4


async def test_a_clock_that_is_set_silences_nothing(kept: Alarms) -> None:
    await kept.hear(sight(0))
    assert len(await kept.hear(sight(-2 * QUIET))) == 1
    assert len(await kept.hear(sight(3 * QUIET))) == 1


async def test_a_sender_of_the_first_contract_raises_them_too(kept: Alarms) -> None:
    [raised] = await kept.hear(sight(0, None, participant_identity=None, room=None))
    assert (raised.participant_identity, raised.room, raised.seen_person_id) == ("Alice", None, "default")
    assert await kept.hear(sight(1, "default", participant_identity="Alice", room=None)) == []


async def test_whoever_is_supposed_to_be_that_person_raises_none(kept: Alarms) -> None:
    assert await kept.hear(change(0, "joined"), binding(), sight(1)) == []
    assert kinds(await kept.hear(sight(2, "p_2"))) == [("raised", "match", "p_1", "p_2")]
    assert await kept.hear(binding("unbound", when=3)) == []
    assert kinds(await kept.hear(sight(4))) == [("raised", "match", None, "p_1")]


async def test_somebody_else_is_the_same_alarm_as_the_match_of_them(kept: Alarms) -> None:
    await kept.hear(change(0, "joined"), binding(), named(1, "p_1"), named(2, "p_1"))
    [raised] = await kept.hear(sight(3, "p_2"), named(3, "p_2"))
    [risen] = await kept.hear(sight(4, "p_2"), named(4, "p_2"))
    assert kinds([raised, risen]) == [("raised", "match", "p_1", "p_2"), ("raised", "someone_else", "p_1", "p_2")]
    assert risen.alarm_id == raised.alarm_id
    [alarm] = await kept.all()
    assert (alarm.row.kind, alarm.row.sights, alarm.person_name, alarm.seen_person_name) == (
        "someone_else", 3, "P_1", "P_2",
    )  # fmt: skip
    assert await kept.hear(sight(5, "p_2")) == []


async def test_what_was_looked_at_as_a_match_is_another_alarm_as_somebody_else(kept: Alarms) -> None:
    await kept.hear(change(0, "joined"), binding(), named(1, "p_1"), named(2, "p_1"))
    [raised] = await kept.hear(sight(3, "p_2"), named(3, "p_2"))
    await kept.hear(answer(raised, "acknowledged", "Dana, viewer (login)", 4))
    [risen] = await kept.hear(sight(5, "p_2"), named(5, "p_2"))
    assert risen.alarm_id != raised.alarm_id
    newest, _ = await kept.all()
    assert newest.match is not None  # the Match that shows who was seen
    assert newest.match["person_id"] == "p_2"


async def test_a_stranger_and_a_changed_face_are_alarms(kept: Alarms) -> None:
    told = await kept.hear(change(0, "joined"), binding(), seen(1, bound="-p_1", stranger=True))
    told += await kept.hear(seen(2, evidence={"continuity": "changed"}))
    assert kinds(told) == [("raised", "someone_else", "p_1", None), ("raised", "face_changed", "p_1", None)]
    assert [one.match for one in await kept.all()] == [None, None]


async def test_what_is_said_of_a_participant_answers_their_alarms(kept: Alarms) -> None:
    await kept.hear(change(0, "joined"), sight(1), sight(2, "p_2"))
    said = await kept.hear(binding("bound", "p_2", when=3, by="Dana, admin (login)"))
    assert [(*one, by.by) for one, by in zip(kinds(said), said, strict=True)] == [
        ("acknowledged", "match", None, "p_2", "Dana, admin (login)")
    ]
    await kept.hear(seen(4, evidence={"continuity": "changed"}))
    said = await kept.hear(binding("acknowledged", when=5, by="Eve, admin (login)"))
    assert ("acknowledged", "face_changed", "p_2", None) in kinds(said)
    assert [one.row.acknowledged_by for one in await kept.all()] == ["Eve, admin (login)", "Dana, admin (login)", ""]


async def test_an_invitation_looks_at_nothing(kept: Alarms) -> None:
    await kept.hear(change(0, "joined"), sight(1))
    assert await kept.hear(binding(when=2, by="invitation")) == []
    assert len(await kept.all(only_open=True)) == 1


async def test_whoever_looked_first_stays_and_a_judgement_is_a_look(kept: Alarms) -> None:
    [one, other] = await kept.hear(sight(0), sight(1, "p_2"))
    await kept.hear(answer(one, "acknowledged", "Dana", 2), answer(one, "acknowledged", "Eve", 3))
    await kept.hear(answer(one, "judged", "Eve", 4, "wrong"), answer(one, "judged", "Eve", 5, "right"))
    await kept.hear(answer(other, "judged", "Eve", 6, "wrong"))
    rows = [(row.acknowledged_by, row.verdict, row.judged_by) for row in (found.row for found in await kept.all())]
    assert rows == [("Eve", "wrong", "Eve"), ("Dana", "right", "Eve")]
    assert await kept.alarms.open_ones() == 0


async def test_a_start_and_another_process_go_on_where_the_former_was(kept: Alarms) -> None:
    await kept.hear(sight(0))
    kept.alarm_fold.doubt()
    assert await kept.hear(sight(10)) == []
    other = Alarms(kept.database.url)
    await other.log.open()
    assert await other.hear(sight(QUIET)) == []
    assert await kept.hear(sight(2 * QUIET - 1)) == []
    assert len(await other.hear(sight(3 * QUIET))) == 1
    await other.log.aclose()
    assert [one.row.sights for one in await kept.all()] == [1, 4]


async def test_people_who_are_one_now_raise_one_alarm(kept: Alarms) -> None:
    await kept.hear(sight(0))
    await kept.database.execute(sa.update(people).where(people.c.id == "p_1").values(merged_into="p_2"))
    kept.alarm_fold.doubt()
    assert await kept.hear(sight(1), sight(2, "p_2")) == []
    [alarm] = await kept.all()
    assert (alarm.seen_person_id, alarm.seen_person_name) == ("p_2", "P_2")


async def test_a_transaction_that_fails_leaves_no_alarm(kept: Alarms, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:

        async def fails(*_: object) -> None:
            raise LogUnavailableError("disk full")

        patch.setattr("facematch.server.presence.rows.Changes.write", fails)
        with pytest.raises(LogUnavailableError):
            await kept.hear(sight(0), named(0, "p_1"))
    assert await kept.all() == []
    assert len(await kept.hear(sight(1))) == 1


async def test_pages(kept: Alarms) -> None:
    told = await kept.hear(
        *(sight(0, **{**BOB, "participant_identity": f"b{n}"}) for n in range(5)), sight(0, room="blue")
    )
    ids = [one.alarm_id for one in reversed(told)]
    first = await kept.all(limit=4)
    rest = await kept.all(limit=4, before=first[-1].row.cursor)
    assert [one.row.id for one in (*first, *rest)] == ids
    assert [one.row.id for one in await kept.all(room="blue")] == ids[:1]
    assert (await kept.alarms.open_ones(), await kept.alarms.open_ones("blue")) == (6, 1)


WHEN = st.integers(0, 40).map(lambda step: step * 30.0)
TOLD = st.one_of(
    st.builds(
        lambda when, person, who: sight(when, person, **who),
        WHEN,
        st.sampled_from(["p_1", "p_2"]),
        st.sampled_from([{}, BOB]),
    ),
    st.builds(named, WHEN, st.sampled_from(["p_1", "p_2"])),
    st.builds(lambda when: seen(when, evidence={"continuity": "changed"}), WHEN),
    st.builds(lambda when, person: binding(person=person, when=when), WHEN, st.sampled_from(["p_1", "p_2"])),
    st.builds(lambda when, word: binding(word, when=when), WHEN, st.sampled_from(["unbound", "acknowledged"])),
    st.builds(lambda when: change(when, "joined"), WHEN),
)
SAID = st.sampled_from(["", "", "acknowledged", "judged"])


@hypothesis_settings(
    max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.lists(TOLD, min_size=1, max_size=6), SAID, st.booleans()), max_size=8))
def test_whatever_happens_a_rebuild_makes_the_same(
    tmp_path_factory: pytest.TempPathFactory, migrated: Path, told: list[tuple[list[Any], str, bool]]
) -> None:
    file = tmp_path_factory.mktemp("log") / "events.db"
    shutil.copyfile(migrated, file)

    async def scenario() -> None:
        kept = Alarms(sqlite_url(file))
        await kept.open("p_1", "p_2")
        try:
            for number, (together, said, forgets) in enumerate(told):
                raised = await kept.hear(*together)
                if raised and said:
                    verdict = "right" if said == "judged" else None
                    await kept.hear(answer(raised[0], said, f"admin {number}", number, verdict))
                if forgets:
                    kept.alarm_fold.doubt()
            before = await kept.table()
            count = await kept.log.count()
            await kept.alarm_fold.rebuild(kept.database)
            assert await kept.table() == before
            assert await kept.log.count() == count
        finally:
            await kept.log.aclose()

    asyncio.run(scenario())


async def test_an_alarm_goes_with_its_cause(kept: Alarms) -> None:
    await kept.hear(sight(0), sight(0, **BOB))
    await kept.database.execute(
        sa.delete(events).where(events.c.type == "match", events.c.participant_identity == "bob")
    )
    await kept.alarm_fold.rebuild(kept.database)
    assert [one.row.identity for one in await kept.all()] == ["alice"]
