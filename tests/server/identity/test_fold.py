"""Identity in the database: what is told in the transaction of its cause, and that the log says the same again."""

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
from facematch.server.storage.schema import bindings, events, people
from tests.rig.identities import Identities, binding, named, seen, with_id
from tests.rig.rooms_told import change, look, watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from facematch.protocol.events import Event, IdentityChange


@pytest_asyncio.fixture
async def kept(database_url: str) -> AsyncIterator[Identities]:
    kept = Identities(database_url)
    await kept.open("p_1", "p_2")
    yield kept
    await kept.log.aclose()


def said(changes: Sequence[IdentityChange]) -> list[str]:
    return [f"{one.state}({one.detail})" if one.detail else str(one.state) for one in changes]


async def test_from_unbound_to_absent(kept: Identities) -> None:
    assert await kept.tell(change(0, "joined"), seen(1, best="p_1")) == []
    [told] = await kept.told()
    assert (told.state, told.person_id, told.sid, told.name) == ("unbound", "", "PA_1", "Alice")
    [pending] = await kept.tell(bound := binding(when=2))
    assert (pending.state, pending.was, pending.person_id, pending.person_name) == ("pending", "unbound", "p_1", "P_1")
    assert bound.seq is pending.seq is None
    [expected] = await kept.tell(look := seen(3, bound="p_1"))
    assert (expected.state, expected.was, expected.looks, expected.certainty) == ("expected", "pending", 2, "sure")
    assert expected.since == look.looked_until
    assert said(await kept.tell(seen(4, bound="-p_1", best="p_2", looks=1))) == []
    [other] = await kept.tell(seen(5, bound="-p_1", best="p_2"))
    assert (other.state, other.detail, other.seen_person_id) == ("unexpected", "other_person", "p_2")
    assert other.seen_person_name == "P_2"
    assert said(await kept.tell(look_muted(6), look_muted(7))) == ["unknowable(muted)"]
    assert said(await kept.tell(change(8, "left"))) == ["absent"]
    [released] = await kept.tell(binding("unbound", when=9))
    assert (released.state, released.was, released.person_id) == ("absent", "absent", None)
    assert [told.state for told in await kept.told()] == ["absent"]


def look_muted(when: float, **fields: Any) -> Any:
    return look(when, "muted", **fields)


def three() -> list[Event]:
    told: list[Event] = [change(0, "joined"), binding(), seen(1, bound="p_1")]
    return [with_id(event, number) for number, event in enumerate(told, 1)]


async def test_events_of_identity_follow_in_the_same_transaction(kept: Identities) -> None:
    entries = await kept.log.append(three())
    assert [entry.type for entry in entries if entry] == ["participant", "binding", "check", "identity", "identity"]
    assert [entry.cursor - entries[0].cursor for entry in entries if entry and entries[0]] == [0, 1, 2, 3, 4]
    assert entries[-1] is not None
    assert await kept.log.latest() == entries[-1].cursor
    assert await kept.log.count() == 5


async def test_a_repeat_changes_nothing_and_says_nothing_again(kept: Identities) -> None:
    told = three()
    first = await kept.tell(*told)
    assert said(first) == ["pending", "expected"]
    assert await kept.tell(*told) == []
    await kept.database.execute(sa.delete(events).where(events.c.type == "check"))  # expired, and sent once more
    assert await kept.tell(told[2]) == []
    assert await kept.made() == [one.event_id for one in first]


async def test_a_start_goes_on_where_the_former_was(kept: Identities) -> None:
    await kept.tell(change(0, "joined"), binding(), named(1, "p_1"))
    kept.fold.doubt()  # what a process remembers, another does not
    [expected] = await kept.tell(named(2, "p_1"))
    assert (expected.state, expected.certainty) == ("expected", "one_look")
    kept.fold.doubt()
    assert await kept.tell(named(3, "p_2")) == []
    kept.fold.doubt()
    assert said(await kept.tell(named(4, "p_2"))) == ["unexpected(other_person)"]


async def test_what_another_process_has_appended_is_seen(kept: Identities) -> None:
    await kept.tell(change(0, "joined"), binding(), named(1, "p_1"))
    other = Identities(kept.database.url)
    await other.log.open()
    assert said(await other.tell(named(2, "p_1"))) == ["expected"]
    assert await kept.tell(named(3, "p_1")) == []
    assert said(await other.tell(change(4, "left"))) == ["absent"]
    await other.log.aclose()


async def test_who_is_nobody_in_particular_is_not_read_again_when_another_process_hears_of_them(
    kept: Identities, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every event of the one is a step ahead of what the other remembers, and all wait for who holds the log."""
    other = Identities(kept.database.url)
    await other.log.open()
    await kept.tell(change(0, "joined"), seen(1, best="p_1"))
    await other.tell(seen(2, best="p_1"))
    read: list[int] = []

    async def news_before(_connection: Any, _who: Any, cursor: int) -> list[Any]:
        read.append(cursor)
        return []

    monkeypatch.setattr("facematch.server.identity.fold.news_before", news_before)
    for when in range(3, 9):
        assert await (kept, other)[when % 2].tell(seen(when, best="p_1")) == []
    assert read == []
    await other.tell(binding(when=9))
    assert len(read) == 1
    await kept.tell(seen(10, bound="p_1"))
    assert len(read) == 2, "they are somebody now"
    await other.log.aclose()


async def test_a_look_that_comes_late_is_put_in_its_place(kept: Identities) -> None:
    await kept.tell(change(0, "joined"), binding(), named(1, "p_1"), named(2, "p_1"), named(3, "p_2"))
    [unexpected] = await kept.tell(named(5, "p_2"))
    assert unexpected.state == "unexpected"
    [again] = await kept.tell(named(4, "p_1"))  # in between: so nobody else was seen twice in a row
    assert (again.state, again.was) == ("expected", "unexpected")


async def test_what_a_replaced_boot_saw_is_not_about_now(kept: Identities) -> None:
    await kept.tell(watch(0, "began"), change(0, "joined"), binding(), seen(1, bound="p_1"))
    again: dict[str, Any] = {"source": "next"}
    assert said(await kept.tell(watch(10, "began", **again))) == ["unknowable(watch_began)"]
    assert said(await kept.tell(change(10, "joined", already=True, **again))) == ["pending"]
    assert said(await kept.tell(seen(11, bound="p_1", **again))) == ["expected"]
    assert await kept.tell(seen(5, bound="-p_1", best="p_2"), change(6, "left"), watch(7, "lost")) == []


async def test_who_had_left_is_absent_to_the_next_boot_too(kept: Identities) -> None:
    await kept.tell(watch(0, "began"), change(0, "joined"), binding(), change(1, "left"))
    assert await kept.tell(watch(10, "began", source="next")) == []
    assert await kept.tell(binding(person="p_2", when=11)) != []
    assert [told.state for told in await kept.told()] == ["absent"]


async def test_a_swap_lasts_until_somebody_acknowledges_it(kept: Identities) -> None:
    await kept.tell(change(0, "joined"), seen(1))
    assert said(await kept.tell(seen(2, evidence={"continuity": "changed"}))) == ["swapped"]
    kept.fold.doubt()
    assert await kept.tell(seen(3, evidence={"continuity": "same"}), look_muted(4)) == []
    assert said(await kept.tell(change(5, "left"))) == ["absent"]
    assert said(await kept.tell(change(6, "joined", participant_id="PA_2"))) == ["swapped"]
    assert await kept.store.acknowledged_in("red") == {}
    assert said(await kept.tell(binding("acknowledged", when=7))) == ["unbound"]
    [first] = (await kept.store.acknowledged_in("red")).values()
    changed: dict[str, Any] = {"evidence": {"continuity": "changed"}, "participant_id": "PA_2"}
    assert said(await kept.tell(seen(8, **changed))) == ["swapped"]
    assert said(await kept.tell(binding("acknowledged", when=9))) == ["unbound"]
    assert await kept.tell(seen(10, **changed)) == []  # the recognizer has not heard of it yet
    assert (await kept.store.acknowledged_in("red"))["alice"] > first
    assert await kept.store.acknowledged_in("blue") == {}
    assert await kept.tell(*(seen(when, participant_id="PA_2") for when in (11, 12))) == []
    assert said(await kept.tell(seen(13, **changed))) == ["swapped"]


async def test_a_binding_for_a_room_counts_before_one_for_all(kept: Identities) -> None:
    blue: dict[str, Any] = {"room": "blue", "participant_id": "PA_2", "track_sid": "TR_2", "source": "other"}
    await kept.tell(change(0, "joined"), change(0, "joined", **blue))
    both = await kept.tell(binding())
    assert [(one.room, one.person_id) for one in both] == [("blue", "p_1"), ("red", "p_1")]
    [one] = await kept.tell(binding(person="p_2", room="blue"))
    assert (one.room, one.person_id, one.was) == ("blue", "p_2", "pending")
    assert await kept.store.bound("blue", ["alice", "bob"]) == {"alice": "p_2"}
    assert await kept.store.bound("red", ["alice", "bob"]) == {"alice": "p_1"}
    [back] = await kept.tell(binding("unbound", room="blue"))
    assert (back.room, back.person_id) == ("blue", "p_1")
    assert said(await kept.tell(binding("unbound"))) == ["unbound", "unbound"]
    assert await kept.store.bound("red", ["alice"]) == {}


async def test_who_was_merged_stands_for_whom_they_are_now(kept: Identities) -> None:
    await kept.tell(change(0, "joined"), binding(), seen(1, bound="p_1"))
    await kept.database.execute(sa.update(people).where(people.c.id == "p_1").values(merged_into="p_2"))
    kept.fold.doubt()
    [moved] = await kept.tell(seen(2, bound="p_2"))
    assert (moved.state, moved.person_id, moved.person_name) == ("expected", "p_2", "P_2")
    assert await kept.store.bound("red", ["alice"]) == {"alice": "p_2"}
    await kept.database.execute(sa.update(people).where(people.c.id == "p_1").values(merged_into=None))
    kept.fold.doubt()
    assert [one.person_id for one in await kept.tell(seen(3, bound="p_1"))] == ["p_1"]


async def test_nobody_is_bound_to_somebody_who_is_not_there(kept: Identities) -> None:
    assert await kept.tell(change(0, "joined"), binding(person="p_9")) == []
    assert await kept.database.rows(sa.select(bindings.c.identity)) == []


async def test_a_transaction_that_fails_leaves_nothing_behind(
    kept: Identities, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kept.tell(change(0, "joined"), binding(), named(1, "p_1"))
    with monkeypatch.context() as patch:

        async def fails(*_: object) -> None:
            raise LogUnavailableError("disk full")

        patch.setattr("facematch.server.presence.rows.Changes.write", fails)
        with pytest.raises(LogUnavailableError):
            await kept.tell(named(2, "p_1"))
    assert [told.state for told in await kept.told()] == ["pending"]
    assert said(await kept.tell(named(3, "p_1"))) == ["expected"]


WHEN = st.integers(1, 40)
ALICE: dict[str, Any] = {}
BOB: dict[str, Any] = {"participant_identity": "bob", "participant_id": "PA_2", "track_sid": "TR_9"}
WHO = st.sampled_from([ALICE, BOB, {"track_sid": "TR_2"}])
TOLD = st.one_of(
    st.builds(lambda when, who, **given: seen(when, **given, **who), WHEN, WHO, bound=st.sampled_from(["p_1", "-p_1"])),
    st.builds(lambda when, who, best: seen(when, bound="-p_1", best=best, **who), WHEN, WHO, st.just("p_2")),
    st.builds(
        lambda when, who, looks: seen(when, bound="-p_1", stranger=True, looks=looks, **who),
        WHEN,
        WHO,
        st.integers(1, 3),
    ),
    st.builds(lambda when, who, names: named(when, *names, **who), WHEN, WHO, st.sampled_from([["p_1"], ["p_2"], []])),
    st.builds(
        lambda when, who, word: look(when, word, **who), WHEN, WHO, st.sampled_from(["no_face", "muted", "error"])
    ),
    st.builds(
        lambda when, word: seen(when, bound="p_1", evidence={"continuity": word}),
        WHEN,
        st.sampled_from(["changed", "lost"]),
    ),
    st.builds(change, WHEN, st.sampled_from(["joined", "left"])),
    st.builds(watch, WHEN, st.sampled_from(["began", "lost"])),
    st.builds(binding, st.sampled_from(["bound", "bound", "unbound", "acknowledged"]), st.sampled_from(["p_1", "p_2"])),
)


@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.lists(st.lists(TOLD, min_size=1, max_size=8), max_size=6),
    st.lists(st.sampled_from(["the same", "forgets", "another"]), min_size=6, max_size=6),
)
def test_in_whatever_order_it_comes_a_rebuild_tells_the_same(
    tmp_path_factory: pytest.TempPathFactory, migrated: Path, told: list[list[Any]], by: list[str]
) -> None:
    file = tmp_path_factory.mktemp("log") / "events.db"
    shutil.copyfile(migrated, file)

    async def scenario() -> None:
        kept, another = Identities(sqlite_url(file)), Identities(sqlite_url(file))
        await kept.open("p_1", "p_2")
        await another.log.open()
        try:
            for together, who in zip(told, by, strict=False):
                await (another if who == "another" else kept).tell(*together)
                if who == "forgets":
                    kept.fold.doubt()
            before, events_before = await kept.told(), await kept.made()
            bound = await kept.database.rows(sa.select(bindings).order_by(bindings.c.identity))
            assert await kept.fold.rebuild(kept.database) == events_before
            assert await kept.told() == before
            assert await kept.database.rows(sa.select(bindings).order_by(bindings.c.identity)) == bound
        finally:
            await another.log.aclose()
            await kept.log.aclose()

    asyncio.run(scenario())
