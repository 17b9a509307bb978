"""Presence in the database: what is derived in the transaction of its cause is what the log says, whatever happens."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import pytest_asyncio
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from facematch.server.events.purge import Records, Subject
from facematch.server.events.store import SqlEventLog
from facematch.server.presence.evidence import Sight, evidence_of
from facematch.server.presence.figures import Figures, Key, figures_of
from facematch.server.presence.fold import PresenceFold
from facematch.server.presence.rows import run_in
from facematch.server.presence.runs import Run, folded
from facematch.server.presence.store import PresenceStore, Stretch
from facematch.server.storage.database import Database, sqlite_url
from facematch.server.storage.errors import LogUnavailableError
from facematch.server.storage.schema import daily_figures, events, position, presence
from tests.rig.event_logs import match
from tests.rig.rooms_told import at, change, look, watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from facematch.protocol.events import Event


class Kept:
    """A log, and what is derived from it."""

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.fold = PresenceFold()
        self.log = SqlEventLog(self.database, self.fold)
        self.store = PresenceStore(self.database)
        self.said: list[tuple[int, Event]] = []

    async def tell(self, *events: Event) -> None:
        given = [event.model_copy(update={"event_id": uuid4()}) for event in events]
        for event, entry in zip(given, await self.log.append(given), strict=True):
            assert entry is not None
            self.said.append((entry.cursor, event))

    async def runs(self) -> list[Run]:
        rows = await self.database.rows(sa.select(presence).order_by(presence.c.first_cursor))
        return [run_in(row) for row in rows]

    async def figures(self) -> dict[Key, Figures]:
        columns = [daily_figures.c[name] for name in ("day", "identity", "room", "person_id", *Figures.__slots__)]
        return {Key(*row[:4]): Figures(*row[4:]) for row in await self.database.rows(sa.select(*columns))}

    async def is_as_the_log_says(self) -> None:
        evidence = [one for cursor, event in self.said if (one := evidence_of(cursor, event)) is not None]
        expected = sorted(folded(evidence), key=lambda run: run.first_cursor)
        assert await self.runs() == expected
        assert rounded(await self.figures()) == rounded(figures_of(closed(expected)))


def closed(runs: Sequence[Run]) -> list[Run]:
    return [run for run in runs if not run.open and run.sight not in (Sight.ABSENT, Sight.AWAY)]


def rounded(figures: dict[Key, Figures]) -> dict[Key, Figures]:
    """Sums of the same numbers in another order."""
    for one in figures.values():
        one.seconds = round(one.seconds, 6)
    return figures


@pytest_asyncio.fixture
async def kept(database_url: str) -> AsyncIterator[Kept]:
    kept = Kept(database_url)
    await kept.log.open()
    yield kept
    await kept.log.aclose()


async def test_a_line_of_looks_is_a_row_that_grows(kept: Kept) -> None:
    await kept.tell(*(look(when, "match") for when in (0, 10, 25)))
    [run] = await kept.runs()
    assert (run.looks, run.longest_gap, run.open, run.last_at - run.at) == (3, 15, True, 25)
    assert await kept.figures() == {}
    await kept.tell(look(30, "muted"), match())
    await kept.is_as_the_log_says()
    assert {key.person_id: figures.seen for key, figures in (await kept.figures()).items()} == {"": 3, "default": 3}


async def test_what_comes_late_is_told_in_its_place(kept: Kept) -> None:
    await kept.tell(look(0, "match"), look(20, "match"), look(30, "no_face"))
    await kept.tell(look(10, "no_face"))
    await kept.tell(look(40, "match"), look(50, "match"))
    await kept.tell(change(45, "left"))
    await kept.is_as_the_log_says()
    assert [run.looks for run in await kept.runs() if run.sight is Sight.SEEN] == [1, 1, 1, 1]


async def test_a_start_goes_on_where_the_former_was(kept: Kept) -> None:
    await kept.tell(look(0, "match"), look(10, "match"))
    kept.fold.doubt()  # what a process remembers, another does not
    await kept.tell(look(20, "match"))
    kept.fold.doubt()
    await kept.tell(watch(30, "lost"))
    kept.fold.doubt()
    await kept.tell(look(40, "match"))
    await kept.is_as_the_log_says()
    assert [run.looks for run in await kept.runs()] == [3, 0, 1]


async def test_a_transaction_that_fails_leaves_nothing_behind(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    await kept.tell(look(0, "match"))
    with monkeypatch.context() as patch:

        async def fails(*_: object) -> None:
            raise LogUnavailableError("disk full")

        patch.setattr("facematch.server.presence.rows.Changes.write", fails)
        with pytest.raises(LogUnavailableError):
            await kept.log.append([look(10, "match").model_copy(update={"event_id": uuid4()})])
    await kept.tell(look(20, "match"))
    await kept.is_as_the_log_says()


async def test_what_another_process_has_appended_is_seen(kept: Kept) -> None:
    await kept.tell(look(0, "match"))
    other = Kept(kept.database.url)
    await other.log.open()
    await other.tell(look(10, "match"))
    await kept.tell(look(20, "match"))
    await other.tell(look(30, "no_face"))
    await other.log.aclose()
    [seen, not_seen] = await kept.runs()
    assert (seen.looks, not_seen.looks) == (3, 1)


async def test_a_log_of_the_time_before_is_folded_at_the_start(kept: Kept) -> None:
    await kept.tell(look(0, "match"), look(10, "no_face"), change(20, "left"), look(30, "match"))
    before = await kept.runs()
    await kept.database.execute(sa.delete(presence))
    await kept.database.execute(sa.delete(daily_figures))
    await kept.database.execute(sa.update(position).values(folded=0))
    again = Kept(kept.database.url)
    await again.log.open()
    assert await again.runs() == before
    await again.tell(look(40, "match"))
    await again.log.aclose()
    assert [run.looks for run in await kept.runs()] == [1, 1, 0, 2]


async def test_a_look_that_comes_when_its_neighbours_have_expired_changes_nothing(kept: Kept) -> None:
    await kept.tell(look(0, "match"), look(20, "match"))
    before = await kept.runs()
    await kept.database.execute(sa.delete(events))
    await kept.tell(look(10, "no_face"))
    assert await kept.runs() == before


async def test_whoever_was_forgotten_is_asked_for_again(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for two cameras: of one room five are looked at, and what ends all of them ends all of them."""
    monkeypatch.setattr("facematch.server.presence.memory.MOST_CHAINS", 2)
    people: list[dict[str, Any]] = [{"participant_identity": f"p{n}", "track_sid": f"TR_{n}"} for n in range(5)]
    for who in people:
        await kept.tell(change(1, "joined", participant_identity=who["participant_identity"]))
        await kept.tell(look(10, "match", **who), look(20, "no_face", **who))
    await kept.tell(*(look(30, "match", **who) for who in people))
    await kept.tell(watch(25, "lost"), change(31, "left", participant_identity="p0"))
    await kept.tell(watch(35, "lost"))
    await kept.tell(*(look(40, "match", **who) for who in people), look(15, "match", **people[0]))
    await kept.is_as_the_log_says()
    assert sum(run.open for run in await kept.runs()) == 5


async def test_what_comes_together_is_asked_for_together_and_of_whom_all_is_known_not_again(kept: Kept) -> None:
    said = [f"p{n}" for n in range(40)]
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    async def statements(word: str, when: float, people: list[str]) -> int:
        asked.clear()
        sa.event.listen(sa.Engine, "before_cursor_execute", note)
        try:
            await kept.tell(*(change(when, word, participant_identity=one) for one in people))
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", note)
        return sum("FROM presence" in one for one in asked)

    few, many = await statements("joined", 1, said[:2]), await statements("joined", 2, said[2:])
    assert few == many > 0
    assert await statements("left", 3, said) == 0
    kept.fold.doubt()
    assert await statements("left", 4, said) == many
    await kept.is_as_the_log_says()


@pytest.mark.parametrize("by", ["identity", "name", "sid"])
async def test_an_erased_participant_leaves_nothing_and_others_stay(kept: Kept, by: str) -> None:
    unnamed: dict[str, Any] = {} if by == "identity" else {"participant_identity": None}
    mine: dict[str, Any] = {**unnamed, "participant_name": "alice", "participant_id": "PA_7"}
    others: dict[str, Any] = {"participant_identity": "bob", "participant_name": "Bob", "track_sid": "TR_2"}
    for when, outcome in ((0, "match"), (10, "no_face"), (20, "match")):
        await kept.tell(look(when, outcome, **mine), look(when, outcome, **others))
    subject = Subject("participant", "PA_7" if by == "sid" else "alice")
    latest = await kept.log.latest()
    assert await kept.store.holds(subject, latest, None)
    assert not await kept.store.holds(subject, 0, None)
    assert await kept.store.erase(subject, None) == 3
    assert not await kept.store.holds(subject, latest, None)
    assert {run.chain.identity for run in await kept.runs()} == {"bob"}
    assert {key.identity for key in await kept.figures()} == {"bob"}
    await kept.tell(look(30, "match", **mine), look(30, "match", **others))
    assert [(run.chain.identity, run.looks) for run in await kept.runs() if run.open] == [("bob", 2), ("alice", 1)]


async def test_an_erasure_spares_what_began_after_it(kept: Kept) -> None:
    await kept.tell(look(0, "match"), look(10, "no_face"), look(20, "match"), look(30, "no_face"), look(40, "match"))
    assert await kept.store.erase(Subject("participant", "alice"), at(15)) == 2
    assert [run.looks for run in await kept.runs()] == [1, 1, 1]
    assert (await kept.figures())[Key("2025-09-25", "alice", "red", "")].looks == 2


async def test_what_came_of_an_erased_reference_goes(kept: Kept) -> None:
    await kept.tell(
        look(0, "match", reference_id="old"),
        look(10, "match", reference_id="new"),
        look(20, "no_face", reference_id="new"),
        change(25, "left"),
    )
    assert await kept.store.erase(Subject("reference", "old"), None) == 1
    assert [run.reference for run in await kept.runs()] == ["new", "new", ""]
    assert (await kept.figures())[Key("2025-09-25", "alice", "red", "")].seen == 1


async def test_an_erased_person_is_named_no_more_and_what_was_seen_stays(kept: Kept) -> None:
    await kept.tell(look(0, "match", named=["default"]), look(10, "no_face"), look(20, "match"))
    subject, latest = Subject("person", "default"), await kept.log.latest()
    assert await kept.store.holds(subject, latest, None)
    assert await kept.store.erase(subject, None) == 2
    assert not await kept.store.holds(subject, latest, None)
    assert [run.people for run in await kept.runs()] == [(), (), ()]
    assert {key.person_id for key in await kept.figures()} == {""}
    assert (await kept.figures())[Key("2025-09-25", "alice", "red", "")].looks == 2


async def test_statistics_expire_by_days_and_do_not_need_the_checks(kept: Kept) -> None:
    day = 86_400
    for number in range(3):
        await kept.tell(look(number * day, "match"), look(number * day + 10, "no_face"))
    await Records(kept.database).remove_checks_older(at(1e9))
    assert await kept.log.count() == 0
    assert len(await kept.figures()) == 6
    assert await kept.store.expire(at(1.5 * day)) == 4
    assert sorted({key.day for key in await kept.figures()}) == ["2025-09-26", "2025-09-27"]
    assert sorted({run.day for run in await kept.runs()}) == ["2025-09-26", "2025-09-27"]
    assert await kept.store.expire(at(1.5 * day)) == 0


async def test_figures_of_what_goes_on_are_told_too(kept: Kept) -> None:
    await kept.tell(look(0, "match"), look(10, "match"), look(20, "no_face"), look(30, "match"), look(50, "match"))
    found = await kept.store.figures("alice", "2025-09-25", "2025-09-25")
    whole = found[Key("2025-09-25", "alice", "red", "")]
    assert (whole.seen, whole.not_seen, whole.seconds, whole.looks) == (4, 1, 30, 5)
    assert await kept.store.figures("alice", "2025-09-26", "9999-12-31") == {}
    assert await kept.store.figures("bob", "0001-01-01", "9999-12-31") == {}


async def test_runs_of_a_stretch_come_with_what_bounds_them(kept: Kept) -> None:
    midnight = 1_758_844_800.0
    since = midnight - at(0).timestamp()
    await kept.tell(
        look(since - 4000, "match"),
        look(since - 2000, "no_face"),
        look(since + 10, "match"),
        look(since + 86_000, "match", room="blue"),
        change(since + 86_100, "left", participant_identity="bob"),
    )
    of_day = Stretch(midnight, midnight + 86_399)
    assert sorted(run.at - midnight for run in await kept.store.runs(of_day)) == [-2000, 10, 86_000, 86_100]
    of_room = Stretch(midnight, midnight + 86_399, room="blue")
    assert sorted(run.at - midnight for run in await kept.store.runs(of_room)) == [86_000]
    of_bob = Stretch(midnight, midnight + 86_399, identity="bob")
    assert sorted(run.at - midnight for run in await kept.store.runs(of_bob)) == [86_100]


TOLD = st.one_of(
    st.builds(
        look,
        st.integers(0, 60),
        st.sampled_from(["match", "no_match", "no_face", "muted", "error"]),
        lasts=st.integers(0, 3),
        track_sid=st.sampled_from(["TR_1", "TR_2"]),
        source=st.sampled_from(["boot", None]),
        reference_id=st.sampled_from(["a", "b"]),
        participant_identity=st.sampled_from(["alice", "bob"]),
    ),
    st.builds(
        change,
        st.integers(0, 60),
        st.sampled_from(["joined", "left"]),
        participant_identity=st.sampled_from(["alice", "bob"]),
    ),
    st.builds(watch, st.integers(0, 60), st.sampled_from(["began", "lost"])),
)


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(st.lists(TOLD, min_size=1, max_size=8), max_size=6), st.lists(st.booleans(), min_size=6, max_size=6))
def test_in_whatever_order_it_comes_it_is_what_the_log_says_and_rebuilt_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, migrated: Path, told: list[list[Any]], forgetting: list[bool]
) -> None:
    file = tmp_path_factory.mktemp("log") / "events.db"
    shutil.copyfile(migrated, file)

    async def scenario() -> None:
        kept = Kept(sqlite_url(file))
        await kept.log.open()
        try:
            for together, forgets in zip(told, forgetting, strict=False):
                await kept.tell(*together)
                if forgets:
                    kept.fold.doubt()
            await kept.is_as_the_log_says()
            await kept.fold.rebuild(kept.database)
            await kept.is_as_the_log_says()
        finally:
            await kept.log.aclose()

    asyncio.run(scenario())
