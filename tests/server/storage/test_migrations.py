"""What every migration promises: the version before serves on, until its processes are replaced."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from facematch.server.storage.migrate import config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine.interfaces import ReflectedColumn

CONTRACTS = {"0004"}
"""These take something away that the version before still used: a column was renamed when one process served it all.

Another one belongs here only when what it takes away was last used two versions ago.
"""

Tables = dict[str, dict[str, "ReflectedColumn"]]


def test_migrations_add_and_take_nothing_away(tmp_path: Path) -> None:
    lost = {revision: _lost(before, after) for revision, before, after in _steps(tmp_path / "x.db")}
    assert {revision for revision, found in lost.items() if found} == CONTRACTS, lost


def test_each_has_a_number_of_its_own_and_follows_the_one_before() -> None:
    """Two that were written at the same time must not both be the next one."""
    scripts = ScriptDirectory.from_config(config())
    files = sorted(Path(scripts.versions).glob("[0-9]*.py"))
    numbers = [file.name.partition("_")[0] for file in files]
    assert numbers == [f"{number:04}" for number in range(1, len(files) + 1)], "no number twice, and none is missing"
    followed = [(script.revision, script.down_revision, Path(script.path).name) for script in scripts.walk_revisions()]
    before = [None, *numbers[:-1]]
    assert list(reversed(followed)) == list(zip(numbers, before, (file.name for file in files), strict=True))


def _steps(file: Path) -> Iterator[tuple[str, Tables, Tables]]:
    engine = sa.create_engine(f"sqlite:///{file}")
    settings = config()
    before: Tables = {}
    for script in reversed(list(ScriptDirectory.from_config(settings).walk_revisions())):
        with engine.begin() as connection:
            settings.attributes["connection"] = connection
            command.upgrade(settings, script.revision)
        with engine.connect() as connection:
            there: Any = sa.inspect(connection)
            after = {table: {c["name"]: c for c in there.get_columns(table)} for table in there.get_table_names()}
        yield script.revision, before, after
        before = after
    engine.dispose()


def _lost(before: Tables, after: Tables) -> list[str]:
    """What a process that knows only the tables before would miss."""
    found = []
    for table, columns in before.items():
        now = after.get(table, {})
        found += [f"{table}.{name} is gone" for name in columns.keys() - now.keys()]
        found += [
            f"{table}.{name} has to be given"
            for name in now.keys() - columns.keys()
            if not now[name]["nullable"] and now[name]["default"] is None
        ]
    return found
