"""Files of personal data, as both processes leave them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.rig.listener import is_match
from tests.rig.modes import mode, open_to_others, umask
from tests.rig.photographs import SAME_PERSON, Scene

if TYPE_CHECKING:
    from tests.rig.stacks import MakeStack


async def test_they_are_the_owners_alone_under_any_umask_and_so_is_what_was_there(make_stack: MakeStack) -> None:
    with umask(0):
        stack = make_stack(hold_seconds=1)
        stack.captures.mkdir()
        old = stack.captures / "match_Old_20250101_000000.jpg"
        old.touch()
        assert (mode(stack.captures), mode(old)) == (0o777, 0o666)

        await stack.start(migrating=True)
        async with stack.listen() as events, stack.publishers() as publishers:
            await publishers.on_air(stack.room, "Alice", Scene(SAME_PERSON))
            match = await events.next(is_match("Alice"), within=15)
        found = {path.name for path in stack.folder.rglob("*")}  # while both run: the databases' companions, too
        assert {match["snapshot"], "events.db", "events.db-wal", "events.db-shm", "current.jpg", old.name} <= found
        for folder in (stack.folder / "data", stack.captures, stack.reference.parent):
            assert open_to_others(folder) == []
