"""The web process in a test: folders of its own, no face models, and a client in the same process."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import make_url
from starlette.testclient import TestClient

from facematch.config.settings import Settings
from facematch.server.app import Parts, create_app
from facematch.server.storage.database import sqlite_url
from facematch.server.storage.migrate import migrate
from tests.rig.compiled_once import compiled_once
from tests.rig.event_logs import postgres_database
from tests.rig.fake_examiner import FakeExaminer
from tests.rig.heartbeats import heartbeat_body
from tests.rig.late_routes import late
from tests.rig.migrated import empty_log
from tests.rig.neighbours import FakeNeighbours
from tests.rig.one_hop import one_hop
from tests.rig.postgres import postgres_server
from tests.rig.s3 import s3_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fastapi import FastAPI

    from tests.rig.postgres import Postgres
    from tests.rig.s3 import S3Server


@pytest.fixture(scope="session", autouse=True)
def _made_once_or_never() -> Iterator[None]:
    with late(), compiled_once(), one_hop():
        yield


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An event log that is empty and has its tables: a copy of it is made faster than they are."""
    file = tmp_path_factory.mktemp("migrated") / "events.db"
    file.write_bytes(empty_log())
    return file


@pytest.fixture(scope="session")
def usual() -> Settings:
    """What the settings of every web process are copied from: they are read once."""
    return Settings(livekit_url="ws://127.0.0.1:1", upload_max_mb=0.5)


@pytest.fixture
def settings(tmp_path: Path, migrated: Path, usual: Settings) -> Settings:
    """Of a web process with folders of its own, and the log that users have."""
    return usual.model_copy(update=_folders(tmp_path, migrated))


@pytest.fixture(scope="module")
def shared_settings(tmp_path_factory: pytest.TempPathFactory, migrated: Path, usual: Settings) -> Settings:
    """The same for what a whole file of tests shares: many tries are fine."""
    many: dict[str, Any] = {"login_attempts_per_minute": 10_000, "tokens_per_minute": 10_000}
    return usual.model_copy(update=many | _folders(tmp_path_factory.mktemp("shared"), migrated))


def _folders(folder: Path, migrated: Path) -> dict[str, Any]:
    (folder / "data").mkdir()
    shutil.copyfile(migrated, folder / "data" / "events.db")
    return {
        "output_dir": folder / "captures",
        "data_dir": folder / "data",
        "reference_image": folder / "reference" / "current.jpg",
    }


@pytest.fixture
def examiner() -> FakeExaminer:
    return FakeExaminer()


@pytest.fixture
def app(settings: Settings, examiner: FakeExaminer) -> FastAPI:
    return create_app(settings, Parts(make_examiner=lambda: examiner, neighbours=FakeNeighbours()))


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


@pytest.fixture(scope="module")
def running(shared_settings: Settings) -> Iterator[TestClient]:
    """One application for all tests of a file: making it takes longer than most questions to it."""
    parts = Parts(make_examiner=FakeExaminer, neighbours=FakeNeighbours())
    with TestClient(create_app(shared_settings, parts)) as client:
        yield client


@pytest.fixture
def match() -> dict[str, Any]:
    return {
        "participant_id": "PA_xxx",
        "participant_name": "Alice42",
        "confidence": 0.63,
        "filename": "/srv/captured_faces/match_Alice42_20250925_140708.jpg",
        "snapshot": "match_Alice42_20250925_140708.jpg",
        "timestamp": "2025-09-25T14:07:08.123456+00:00",
        "bbox": [80, 300, 220, 160],
        "frame_size": [640, 360],
    }


@pytest.fixture
def check() -> dict[str, Any]:
    return {
        "type": "check",
        "participant_id": "PA_xxx",
        "participant_name": "Alice42",
        "match_found": True,
        "timestamp": "2025-09-25T14:07:08.987654+00:00",
    }


@pytest.fixture
def heartbeat() -> dict[str, Any]:
    return heartbeat_body()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server of its own; skips what needs it where there can be none."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3-compatible server, which every test leaves running; skips what needs it where there can be none."""
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def migrated_postgres(postgres: Postgres) -> str:
    """The name of a database of it that has its tables and nothing in them."""

    async def made() -> str:
        url = await postgres_database(postgres)
        await migrate(url)
        return str(make_url(url).database)

    return asyncio.run(made())


@pytest.fixture
def log_url(request: pytest.FixtureRequest, tmp_path: Path, migrated: Path) -> Callable[[str], str]:
    """Makes an event log of a kind, empty and with its tables: tests/server/storage looks at how they are made."""

    def made(kind: str) -> str:
        if kind == "postgresql":
            template = request.getfixturevalue("migrated_postgres")
            return asyncio.run(postgres_database(request.getfixturevalue("postgres"), template))
        file = tmp_path / "data" / "events.db"
        file.parent.mkdir(exist_ok=True)
        return sqlite_url(shutil.copyfile(migrated, file))

    return made


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, log_url: Callable[[str], str]) -> str:
    """Of an event log of each kind."""
    return log_url(request.param)
