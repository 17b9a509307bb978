"""`GET /metrics`: what an operator's Prometheus reads. Everything is collected when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from facematch.protocol.events import Outcome
from facematch.protocol.heartbeat import LiveKitState
from facematch.server.monitoring.worker_metrics import WorkersCollector
from facematch.server.web.errors import documented

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client.metrics_core import Metric

    from facematch.protocol.heartbeat import Heartbeat
    from facematch.server.assignment.service import Assignment
    from facematch.server.events.hub import Hub
    from facematch.server.gallery.photo_file import ReferenceFile
    from facematch.server.recognizers.registry import Recognizers
    from facematch.server.replicas.service import Agreement
    from facematch.server.storage.doorbell import Doorbell

_TRACK_STATES = ("idle", "queued", "probe", "hold", "wait")

_COUNTERS = {
    "batches": ("batches", "Batches begun"),
    "batches_delayed": ("batches_delayed", "Batches that began more than a second late: all places were taken"),
    "frames": ("frames", "Frames looked at"),
    "frames_reused": ("frames_reused", "Frames unchanged since an earlier one was searched"),
    "faces": ("faces", "Faces found"),
    "matches": ("matches", "Faces within the threshold that were reported"),
    "errors": ("errors", "Frames or cycles that failed"),
    "events_posted": ("outbox_posted", "Events accepted by the API"),
    "events_dropped": ("outbox_dropped", "Events dropped because the outbox was full"),
    "events_rejected": ("dead_letters", "Events refused for good"),
}
_NOW = {
    "events_queued": ("outbox_events", "Events not yet delivered"),
    "streams_open": ("streams_open", "Streams of frames: one for each batch at work"),
    "tasks": ("recognizer_tasks", "Tasks of the recognizer's event loop"),
}
_TIMINGS = {
    "detect": ("detect_seconds", "Seconds spent looking for faces, over all threads"),
    "encode": ("encode_seconds", "Seconds spent in landmarks and embeddings, over all threads"),
    "delay": ("probe_delay_seconds", "Seconds by which batches began later than they were due"),
}


@dataclass(frozen=True, slots=True)
class ServerFigures:
    """What the web process knows of itself."""

    websocket_clients: int
    websocket_dropped: int
    """Listeners closed since start because they were too slow."""
    reference_age_seconds: float | None
    """Since the reference was enrolled; None without one."""
    settings_differ: int
    """Settings, and processes, that are not alike."""
    bells_heard: bool | None
    """Whether the other processes' bells are heard; None: there are no others."""
    bell_seconds: float | None
    """Which the last bell took; None: it did not come."""


def routes(
    recognizers: Recognizers,
    assignment: Assignment,
    hub: Hub,
    reference: ReferenceFile,
    agreement: Agreement,
    doorbell: Doorbell,
) -> APIRouter:
    """The route.

    Args:
        recognizers: the newest speaks for all.
        assignment: who watches which room, where rooms are shared.
        hub: the listeners.
        reference: how old it is.
        agreement: whether processes are set alike.
        doorbell: how soon they hear of each other.
    """
    router = APIRouter(tags=["health"])

    @router.get(
        "/metrics",
        summary="Figures for Prometheus",
        response_class=Response,
        responses={
            200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus text format"},
            **documented(),
        },
    )
    async def metrics() -> Response:
        registry = CollectorRegistry()
        own = await _own_figures(hub, reference, agreement, doorbell)
        registry.register(_Collector(recognizers.newest(), own))
        if assignment.shared:
            registry.register(WorkersCollector(assignment))
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router


async def _own_figures(hub: Hub, reference: ReferenceFile, agreement: Agreement, doorbell: Doorbell) -> ServerFigures:
    found = await reference.current()
    age = (datetime.now(UTC) - found.updated_at).total_seconds() if found else None
    heard = doorbell.lag is not None if doorbell.rings else None
    return ServerFigures(hub.clients, hub.dropped, age, len(agreement.differing()), heard, doorbell.lag)


class _Collector(Collector):
    def __init__(self, heard: tuple[Heartbeat, float] | None, own: ServerFigures) -> None:
        self._heard = heard
        self._own = own

    def describe(self) -> Iterable[Metric]:
        return ()  # so that registering asks nobody for figures

    def collect(self) -> Iterator[Metric]:
        own = self._own
        yield _gauge("websocket_clients", "Listeners connected", own.websocket_clients)
        yield _counter("websocket_dropped", "Listeners closed because they were too slow", own.websocket_dropped)
        yield _gauge("settings_differ", "Settings that are another in another process", own.settings_differ)
        if own.bells_heard is not None:
            yield _gauge("doorbell_up", "1 while the other web processes' bells are heard", float(own.bells_heard))
        if own.bell_seconds is not None:
            yield _gauge("doorbell_lag_seconds", "From a bell to its being heard", own.bell_seconds)
        if own.reference_age_seconds is not None:
            yield _gauge("reference_age_seconds", "Since the reference was enrolled", own.reference_age_seconds)
        heard = self._heard
        yield _gauge("recognizer_up", "1 when a heartbeat was heard in the last hour", float(heard is not None))
        if heard is not None:
            yield from _recognizer(*heard)


def _recognizer(heartbeat: Heartbeat, age: float) -> Iterator[Metric]:
    yield _gauge("recognizer_heartbeat_age_seconds", "Since the recognizer's last heartbeat", age)
    for name, (metric, text) in _COUNTERS.items():
        yield _counter(metric, text, heartbeat.counters.get(name, 0))
    for timing, (metric, text) in _TIMINGS.items():
        yield _counter(metric, text, heartbeat.timings.get(timing, 0.0))  # type: ignore[call-overload]
    checks = CounterMetricFamily("facematch_checks", "Checks by outcome", labels=["outcome"])
    for outcome in Outcome:
        checks.add_metric([outcome], heartbeat.outcomes.get(outcome, 0))
    yield checks
    tracks = GaugeMetricFamily("facematch_tracks", "Tracks by state", labels=["state"])
    for state in _TRACK_STATES:
        tracks.add_metric([state], sum(track.state == state for track in heartbeat.tracks))
    yield tracks
    connection = GaugeMetricFamily(
        "facematch_livekit_state", "1 for the state of the LiveKit connection", labels=["state"]
    )
    for livekit in LiveKitState:
        connection.add_metric([livekit], float(heartbeat.livekit is livekit))
    yield connection
    reference = GaugeMetricFamily("facematch_reference", "1, labelled with what is in use", labels=["reference_id"])
    if heartbeat.reference_id:
        reference.add_metric([heartbeat.reference_id], 1)
    yield reference
    for name, (metric, text) in _NOW.items():
        yield _gauge(metric, text, heartbeat.counters.get(name, 0))
    yield _gauge("outbox_age_seconds", "How long the oldest of them has waited", heartbeat.outbox_age_seconds)
    yield _gauge("outbox_durable", "0 while events wait in memory only", float(heartbeat.outbox_durable))
    yield _gauge("batch_places_waiting", "Tracks whose batch is due and has no place", heartbeat.batch_places_waiting)
    yield _counter("recognizer_cpu_seconds", "CPU time of the recognizer", heartbeat.cpu_seconds)
    yield _gauge("recognizer_memory_bytes", "Resident memory of the recognizer", heartbeat.memory_bytes)
    yield _gauge("memory_ratio", "Memory in use against the limit", heartbeat.memory_ratio)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"facematch_{name}", text, value=value)


def _counter(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(f"facematch_{name}", text, value=value)
