"""How an event log gets its tables is looked at here: it begins without any."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from tests.rig.event_logs import new_database

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    server = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    return await new_database(request.param, tmp_path, server)
