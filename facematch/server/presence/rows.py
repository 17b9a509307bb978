"""Runs and figures as rows: the statements that write and read them."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from facematch.server.presence.evidence import NOT_LOOKS, Chain, Evidence, Sight
from facematch.server.presence.figures import Figures, Key, figures_of
from facematch.server.presence.memory import Scope, everybody_with, scope_of
from facematch.server.presence.runs import Run
from facematch.server.storage.schema import daily_figures, presence, text_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

COLUMNS: Final = tuple(column.name for column in presence.columns)
IS_LOOK: Final = sa.and_(*(presence.c.sight != str(sight) for sight in sorted(NOT_LOOKS)))

_GROWS = ("last_began", "ended", "last_at", "looks", "longest_gap", "open", "best")
_INSERT = sa.insert(presence)
_UPDATE = sa.text(
    f"UPDATE presence SET {', '.join(f'{name} = :{name}' for name in _GROWS)} WHERE first_cursor = :first_cursor"  # noqa: S608
)
_ADD = sa.text(
    "INSERT INTO daily_figures (day, identity, room, person_id, seen, not_seen, unknowable, seconds, first_at, last_at)"
    " VALUES (:day, :identity, :room, :person_id, :seen, :not_seen, :unknowable, :seconds, :first_at, :last_at)"
    " ON CONFLICT (day, identity, room, person_id) DO UPDATE SET"
    " seen = daily_figures.seen + excluded.seen,"
    " not_seen = daily_figures.not_seen + excluded.not_seen,"
    " unknowable = daily_figures.unknowable + excluded.unknowable,"
    " seconds = daily_figures.seconds + excluded.seconds,"
    " first_at = CASE WHEN daily_figures.first_at <= excluded.first_at OR excluded.first_at IS NULL"
    " THEN daily_figures.first_at ELSE excluded.first_at END,"
    " last_at = CASE WHEN daily_figures.last_at >= excluded.last_at OR excluded.last_at IS NULL"
    " THEN daily_figures.last_at ELSE excluded.last_at END"
)

# What each camera needs, or each batch, is made once: to put a statement together costs as much as to run it.
_OWN: Final = tuple(presence.c[name] == sa.bindparam(name) for name in ("track", "identity", "source", "room"))
_NEWEST: Final = sa.select(presence).where(
    presence.c.first_cursor
    == sa.select(presence.c.first_cursor)
    .where(*_OWN, IS_LOOK)
    .order_by(presence.c.ended.desc(), presence.c.first_cursor.desc())
    .limit(1)
    .scalar_subquery()
)
_MARKERS: Final = sa.select(presence).where(
    presence.c.source == sa.bindparam("source"),
    presence.c.room == sa.bindparam("room"),
    presence.c.identity.in_(["", sa.bindparam("identity")]),
    presence.c.track.in_(["", sa.bindparam("track")]),
    sa.not_(IS_LOOK),
)
_IN_ROOM: Final = sa.select(presence).where(
    presence.c.source == sa.bindparam("source"), presence.c.room == sa.bindparam("room")
)
_AMONG: Final = presence.c.identity.in_(sa.bindparam("identities", expanding=True))
_LATER: Final = (
    presence.c.ended > sa.bindparam("ended"),
    presence.c.day >= sa.bindparam("from_day"),
    IS_LOOK,
)
_UNSETTLED: Final = (_IN_ROOM.where(presence.c.open), _IN_ROOM.where(*_LATER))
_UNSETTLED_AMONG: Final = tuple(statement.where(_AMONG) for statement in _UNSETTLED)


class Changes:
    """What a transaction changes, written together."""

    def __init__(self) -> None:
        self.new: dict[int, Run] = {}
        self.grown: dict[int, Run] = {}
        self.closed: list[Run] = []
        self._concerned: set[Scope] = set()
        """Whom what is to be written is about."""

    def begin(self, run: Run) -> None:
        """There is one more."""
        self.new[run.first_cursor] = run
        self._concerned.add(scope_of(run.chain))

    def close(self, run: Run) -> None:
        """Something has come after it."""
        run.open = False
        self.closed.append(run)
        self.grow(run)

    def grow(self, run: Run) -> None:
        """It has changed."""
        if run.first_cursor not in self.new:
            self.grown[run.first_cursor] = run
            self._concerned.add(scope_of(run.chain))

    def concern(self, chain: Chain) -> bool:
        """Whether something is to be written that says something of this camera."""
        mine = scope_of(chain)
        return mine in self._concerned or everybody_with(mine) in self._concerned

    async def write(self, connection: AsyncConnection) -> None:
        """Write them, and begin anew."""
        if self.new:
            await connection.execute(_INSERT, [row_of(run) for run in self.new.values()])
        if self.grown:
            await connection.execute(_UPDATE, [_growth(run) for run in self.grown.values()])
        if self.closed:
            await add_figures(connection, figures_of(self.closed))
        self.new, self.grown, self.closed = {}, {}, []
        self._concerned.clear()


async def add_figures(connection: AsyncConnection, figures: dict[Key, Figures]) -> None:
    """Add to what is there."""
    if figures:
        await connection.execute(_ADD, [{**key._asdict(), **_figure(sums)} for key, sums in figures.items()])


async def recount(connection: AsyncConnection, identity: str, days: Collection[str] | None = None) -> None:
    """Make somebody's figures anew from their runs; None: of all days."""
    of_runs = [presence.c.identity == identity, IS_LOOK, sa.not_(presence.c.open)]
    of_figures = [daily_figures.c.identity == identity]
    if days is not None:
        of_runs.append(presence.c.day.in_(days))
        of_figures.append(daily_figures.c.day.in_(days))
    runs = await runs_where(connection, *of_runs)
    await connection.execute(sa.delete(daily_figures).where(*of_figures))
    await add_figures(connection, figures_of(runs))


async def runs_where(connection: AsyncConnection, *conditions: sa.ColumnElement[bool]) -> list[Run]:
    """The runs for which all of these hold."""
    found = await connection.execute(sa.select(presence).where(*conditions))
    return [run_in(row) for row in found]


async def unsettled(
    connection: AsyncConnection, source: str, room: str, identities: Collection[str] | None, ended: float, day: str
) -> list[Run]:
    """Looks that are open, or went on after a moment: evidence of that moment ends them.

    Args:
        connection: in the transaction.
        source: whose.
        room: where.
        identities: participants who are asked about, some hundreds at most; None: all of them.
        ended: the moment, in seconds on the source's steady clock.
        day: in UTC; those of earlier days count as settled.
    """
    where = {"source": source, "room": room} | ({} if identities is None else {"identities": list(identities)})
    is_open, later = _UNSETTLED if identities is None else _UNSETTLED_AMONG
    rows = [
        *await connection.execute(is_open, where),
        *await connection.execute(later, {**where, "ended": ended, "from_day": day}),
    ]
    return [run_in(row) for row in rows]


async def newest_of(connection: AsyncConnection, chain: Chain) -> Run | None:
    """The last run of a camera."""
    row = (await connection.execute(_NEWEST, chain._asdict())).one_or_none()
    return None if row is None else run_in(row)


async def markers_of(connection: AsyncConnection, chain: Chain) -> list[Evidence]:
    """What was said of the chain's participant, camera and room, besides looks."""
    runs = (run_in(row) for row in await connection.execute(_MARKERS, chain._asdict()))
    return [
        Evidence(run.first_cursor, run.chain, run.sight, run.began, run.ended, run.at, (), run.reason) for run in runs
    ]


def of_chain(chain: Chain) -> Sequence[sa.ColumnElement[bool]]:
    """The condition of a chain's own runs."""
    return (
        presence.c.track == chain.track,
        presence.c.identity == chain.identity,
        presence.c.source == chain.source,
        presence.c.room == chain.room,
    )


def names_one_of(people: Collection[str], table: sa.FromClause = presence) -> sa.ColumnElement[bool]:
    """Whether one of them was named. An id in quotes, in the text of a list of ids, can be nothing else."""
    quoted = [json.dumps(text_of(one)) for one in people]
    return sa.or_(sa.false(), *(sa.func.replace(table.c.people, one, "") != table.c.people for one in quoted))


def row_of(run: Run) -> dict[str, Any]:
    """A run as a row."""
    return {
        **run.chain._asdict(),
        "first_cursor": run.first_cursor,
        "sight": run.sight.value,
        "people": people_text(run.people),
        "reason": run.reason,
        "reference_id": run.reference,
        "day": run.day,
        "began": run.began,
        "first_ended": run.first_ended,
        "at": run.at,
        **_growth(run),
        "sid": run.sid,
        "name": run.name,
        "nameless": run.nameless,
    }


_SIGHTS: Final = {sight.value: sight for sight in Sight}


@lru_cache(maxsize=1024)
def _people(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text)) if text else ()


def people_text(people: tuple[str, ...]) -> str:
    """As a column has it."""
    return json.dumps(people) if people else ""


def run_in(row: Iterable[Any]) -> Run:
    """A row, in the order of `COLUMNS`, as a run."""
    cursor, source, room, identity, track, sight, people, reason, reference, day, *rest = row
    began, first_ended, last_began, ended, at, last_at, looks, longest_gap, is_open, sid, name, nameless, best = rest
    return Run(
        cursor,
        Chain(source, room, identity, track),
        _SIGHTS[sight],
        _people(people),
        reason,
        reference,
        day,
        began,
        first_ended,
        last_began,
        ended,
        at,
        last_at,
        looks,
        longest_gap,
        bool(is_open),
        sid,
        name,
        bool(nameless),
        best,
    )


def _growth(run: Run) -> dict[str, Any]:
    return {name: getattr(run, name) for name in ("first_cursor", *_GROWS)}


def _figure(figures: Figures) -> dict[str, Any]:
    return {name: getattr(figures, name) for name in Figures.__slots__}
