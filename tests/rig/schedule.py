"""Which test runs when, and beside which: several processes share the tests of a run.

The tests of a file stay together, in their order, so that what they share is made once. Those that start processes
come first: they wait as much as they compute, and the many short ones fill the gaps. Tests marked `alone` come last,
when the other workers have gone: they measure time, or break what others stand on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from xdist.scheduler import LoadGroupScheduling

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

ALONE = "alone"
_FIRST, _THEN, _LAST = range(3)
_ALMOST_DONE = 2
"""Tests that a worker has left when it is time to think of its next ones; it begins none without knowing the next."""


def arrange(items: list[pytest.Item]) -> None:
    """Order and group what was collected; the same in every worker."""
    items.sort(key=_turn)
    for item in items:
        if _turn(item) == _LAST:
            item.add_marker(pytest.mark.xdist_group(ALONE))
        elif item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


def _turn(item: pytest.Item) -> int:
    if item.get_closest_marker(ALONE) is not None:
        return _LAST
    slow = item.get_closest_marker("e2e") or item.get_closest_marker("faults")
    return _FIRST if slow is not None else _THEN


class AloneLast(LoadGroupScheduling):  # type: ignore[misc]  # xdist brings no types
    """A group at a time to whoever is free; the group `alone` to the last worker, when the others have ended."""

    def _assign_work_unit(self, node: WorkerController) -> None:
        if ALONE in self.workqueue:
            self.workqueue.move_to_end(ALONE)
        if next(iter(self.workqueue)) != ALONE or len(self.nodes) == 1:
            super()._assign_work_unit(node)

    def _reschedule(self, node: WorkerController) -> None:
        others = any(other is not node and not other.shutting_down for other in self.nodes)
        if list(self.workqueue) == [ALONE] and others and not node.shutting_down:
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
