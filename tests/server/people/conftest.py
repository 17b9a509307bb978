"""A database with the tables of people, of each kind or the fast one."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest_asyncio

from facematch.server.storage.database import Database, sqlite_url
from facematch.server.storage.migrate import migrate
from tests.rig.people import Enrolled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest_asyncio.fixture
async def enrolled(migrated: Path, tmp_path: Path) -> AsyncIterator[Enrolled]:
    """On SQLite."""
    file = tmp_path / "events.db"
    shutil.copyfile(migrated, file)
    database = Database(sqlite_url(file))
    database.open()
    yield Enrolled(database)
    await database.aclose()


@pytest_asyncio.fixture
async def on_each(database_url: str) -> AsyncIterator[Enrolled]:
    """On SQLite and on PostgreSQL."""
    await migrate(database_url)
    database = Database(database_url)
    database.open()
    yield Enrolled(database)
    await database.aclose()
