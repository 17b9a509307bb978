"""Bringing the database's schema up to date, before anything is served."""

from __future__ import annotations

import asyncio
import functools
import logging
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import sqlalchemy as sa
import structlog

from facematch.runtime.owner_only import keep_file, keep_folder
from facematch.server.storage.database import is_sqlite, make_engine, translated

if TYPE_CHECKING:
    from collections.abc import Callable

    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from sqlalchemy.ext.asyncio import AsyncEngine

log = structlog.get_logger(__name__)

SCRIPTS = Path(__file__).with_name("migrations")

_LOCK = 0x0FACE_0A7C4
"""PostgreSQL's advisory lock that lets one process migrate at a time; any number that others do not use."""


_OTHERS_SECONDS = 30.0
"""How long another process may take to migrate."""

_T = TypeVar("_T")


class SchemaTooNewError(Exception):
    """The database was made by a newer version, which may have stored what this one cannot read."""


class Migration(NamedTuple):
    """One step from a schema to the next."""

    revision: str
    what: str
    """A sentence."""


async def migrate(url: str) -> tuple[Migration, ...]:
    """Create the tables, or change them to what this version needs. The event loop stays free meanwhile.

    Args:
        url: as `Database` takes it; the folder of a SQLite file is made.

    Returns:
        What was done, in order; nothing, if the tables were those of this version, or another process made them so.

    Raises:
        SchemaTooNewError: nothing was changed.
        LogUnavailableError: the database is away, locked or full; what was begun is undone.
    """
    # Alembic is synchronous: it gets a thread and, since the drivers are not, a loop of its own.
    return await asyncio.to_thread(lambda: asyncio.run(_migrate(url)))


async def _migrate(url: str) -> tuple[Migration, ...]:
    async with translated():
        if is_sqlite(url) and (database := sa.make_url(url).database):
            await asyncio.to_thread(_keep_to_owner, Path(database))
        # Looking needs no room: a process starts also while the disk is full. It does need a moment without the lock of
        # another process that makes the file, which lasts as long as its disk takes.
        if await _run(make_engine(url, writes=False, connections=1, locked_seconds=_OTHERS_SECONDS), _is_up_to_date):
            return ()
        return await _run(make_engine(url, writes=True, connections=1, locked_seconds=_OTHERS_SECONDS), _upgrade)


def _keep_to_owner(database: Path) -> None:
    keep_folder(database.parent)
    keep_file(database)


async def _run(engine: AsyncEngine, work: Callable[[sa.Connection], _T]) -> _T:
    try:
        async with engine.begin() as connection:
            if connection.dialect.name == "postgresql":  # it thinks in between, for as long as a busy machine takes
                await connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = '60s'")
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


def config() -> Config:
    """Alembic's view of the migrations; `attributes["connection"]` is where they run."""
    from alembic.config import Config  # noqa: PLC0415  (only while the process starts)

    made = Config()
    made.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    return made


def _is_up_to_date(connection: sa.Connection) -> bool:
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415  (only while the process starts)

    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells which classes it uses
    found = set(MigrationContext.configure(connection).get_current_heads())
    known, heads = _revisions()
    if unknown := found - known:
        raise SchemaTooNewError(
            f"The event log was made by a newer version of Face Match (schema {', '.join(sorted(unknown))}). Run that "
            "version, or set DATA_DIR (or DATABASE_URL) to another place."
        )
    return found == heads


@functools.cache
def _revisions() -> tuple[frozenset[str], frozenset[str]]:
    """Of this version: all, and the last. They are files beside this one, and do not change while a process runs."""
    scripts = _scripts()
    return frozenset(script.revision for script in scripts.walk_revisions()), frozenset(scripts.get_heads())


def _scripts() -> ScriptDirectory:
    from alembic.script import ScriptDirectory  # noqa: PLC0415  (only while the process starts)

    return ScriptDirectory.from_config(config())


def _upgrade(connection: sa.Connection) -> tuple[Migration, ...]:
    from alembic import command  # noqa: PLC0415  (only while the process starts)
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415  (the same)

    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    if _is_up_to_date(connection):
        return ()  # another process was faster
    found = MigrationContext.configure(connection).get_current_revision()
    steps = [Migration(step.revision, step.doc) for step in _scripts().iterate_revisions("head", found or "base")]
    settings = config()
    settings.attributes["connection"] = connection
    command.upgrade(settings, "head")
    log.info("Event log: the tables are those of this version")
    return tuple(reversed(steps))
