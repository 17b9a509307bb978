"""Which test runs when, and beside which: several processes share the tests of a run.

The tests of a file stay together, in their order, so that what they share is made once. Those that start processes
come first: they wait as much as they compute, and the many short ones fill the gaps. The longest of the others come
next, so that no worker is left with one when the rest have ended. With `--faults`, those of tests/faults and
tests/scale come last, one after the other, when the other processes have ended: their figures are those of a machine
that does nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    import pytest
    from xdist.workermanage import WorkerController

SLOW = ("tests/e2e/", "tests/faults/", "tests/scale/")
_LONGEST = (
    "tests/server/events/test_ingest.py",
    "tests/server/presence/test_fold.py",
    "tests/server/privacy/test_erasure.py",
    "tests/server/web/test_hostile_clients.py",
    "tests/server/web/test_openapi.py",
    "tests/server/web/test_uvicorn.py",
    "tests/server/webhooks/test_relay.py",
    "tests/setup/test_packages.py",
    "tests/test_imports.py",
)
"""Ten seconds and more, by the clock."""
_ALONE = ("tests/faults/", "tests/scale/")
_LAST = "alone"
"""What those go under."""
_ALMOST_DONE = 2
"""Tests that a worker has left when it is time to think of its next ones; it begins none without knowing the next."""


def arrange(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order what was collected; the same in every worker."""
    alone_last = bool(config.getoption("--faults"))

    def turn(item: pytest.Item) -> int:
        if alone_last and item.nodeid.startswith(_ALONE):
            return 3
        if item.nodeid.startswith(SLOW):
            return 0
        return 1 if item.nodeid.startswith(_LONGEST) else 2

    items.sort(key=turn)


class ByFile(LoadFileScheduling):  # type: ignore[misc]  # xdist brings no types
    """A file at a time to whoever is free; what is to be alone to the last worker, when the others have ended."""

    def _split_scope(self, nodeid: str) -> str:
        if self.config.getoption("--faults") and nodeid.startswith(_ALONE):
            return _LAST
        file: str = super()._split_scope(nodeid)
        return file

    def _assign_work_unit(self, node: WorkerController) -> None:
        if next(iter(self.workqueue)) != _LAST or len(self.nodes) == 1:
            super()._assign_work_unit(node)

    def _reschedule(self, node: WorkerController) -> None:
        others = any(other is not node and not other.shutting_down for other in self.nodes)
        if list(self.workqueue) == [_LAST] and others and not node.shutting_down:
            if self._pending_of(self.assigned_work[node]) <= _ALMOST_DONE:
                node.shutdown()
        else:
            super()._reschedule(node)

    def remove_node(self, node: WorkerController) -> str | None:
        """It has ended: perhaps the one that is left has been waiting for that."""
        crashed: str | None = super().remove_node(node)
        for left in self.nodes:
            self._reschedule(left)
        return crashed
