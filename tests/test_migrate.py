"""`python -m facematch.migrate`, as it is run before an upgrade."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

from facematch.config.settings import ROOT
from facematch.runtime.exit_codes import ExitCode
from facematch.server.storage.migrate import SCRIPTS
from tests.rig.ports import free_tcp_port

if TYPE_CHECKING:
    from pathlib import Path

REVISIONS = sorted(file.name[:4] for file in (SCRIPTS / "versions").glob("[0-9]*.py"))


def run(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "facematch.migrate"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": "", "DATA_DIR": str(folder), **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_says_every_step_and_the_second_time_that_there_was_none(tmp_path: Path) -> None:
    first = run(tmp_path / "data")
    head, *steps = first.stdout.splitlines()
    assert (first.returncode, head) == (ExitCode.STOPPED, "database: OK (SQLite), brought up to date:")
    assert [step.split()[0] for step in steps] == REVISIONS
    assert steps[0] == "  0001  The event log, its position, and how far webhooks have come."

    again = run(tmp_path / "data")
    assert (again.returncode, again.stdout) == (ExitCode.STOPPED, "database: OK (SQLite), nothing to do\n")


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "events.db")) as database, database:
        database.execute("CREATE TABLE alembic_version (version_num TEXT)")
        database.execute("INSERT INTO alembic_version VALUES ('9999')")

    refused = run(tmp_path)

    assert (refused.returncode, refused.stdout) == (ExitCode.BAD_SETTINGS, "")
    assert refused.stderr.startswith("database: nothing was changed: The event log was made by a newer version")
    assert refused.stderr.count("\n") == 1


def test_a_server_that_is_away_is_worth_another_try(tmp_path: Path) -> None:
    away = run(tmp_path, DATABASE_URL=f"postgresql://me:hunter2@127.0.0.1:{free_tcp_port()}/x")

    assert (away.returncode, away.stdout) == (ExitCode.FAILED, "")
    assert away.stderr.startswith("database: nothing was changed: ")
    assert "hunter2" not in away.stderr
    assert away.stderr.count("\n") == 1
