"""Figures of the recognizers that share rooms, one line for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from prometheus_client.metrics_core import Metric

    from facematch.server.assignment.reconciling import WorkerState
    from facematch.server.assignment.service import Assignment


class WorkersCollector(Collector):
    """Collected when it is asked for.

    Args:
        assignment: who watches which room.
    """

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment

    def describe(self) -> Iterable[Metric]:
        """Nothing: so that registering asks nobody for figures."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client."""
        now = self._assignment.latest
        rooms = now.rooms.values()
        watched = sum(now.is_watched(room) for room in rooms)
        yield GaugeMetricFamily("facematch_rooms", "Rooms that are to be watched", value=len(rooms))
        yield GaugeMetricFamily("facematch_rooms_watched", "Rooms that a recognizer is in", value=watched)
        of_worker: list[tuple[str, str, Callable[[WorkerState], float]]] = [
            ("beat_age_seconds", "Since its last beat", lambda one: one.age),
            ("rooms", "Rooms that it is given", lambda one: sum(room.owner == one.name for room in rooms)),
            ("planned", "Frames a second that its rooms need", lambda one: now.planned(one.name)),
            ("capacity", "Frames a second that it can look at", lambda one: one.capacity),
        ]
        for name, text, value in of_worker:
            family = GaugeMetricFamily(f"facematch_worker_{name}", text, labels=["worker"])
            for worker in now.workers.values():
                family.add_metric([worker.name], value(worker))
            yield family
        moves = CounterMetricFamily("facematch_room_moves", "Rooms that were given or taken here", labels=["reason"])
        for reason, count in sorted(self._assignment.moves.items()):
            moves.add_metric([reason], count)
        yield moves
        refused = self._assignment.fence.refused
        yield CounterMetricFamily("facematch_events_fenced", "Events refused: the room was another's", value=refused)
