"""The Grafana board: it shows what there is, and what an operator of several processes has to see."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from facematch.server.app import Parts, create_app
from tests.rig.event_logs import new_database
from tests.rig.fake_examiner import FakeExaminer
from tests.rig.fleet import FakeWorker
from tests.rig.neighbours import FakeNeighbours
from tests.rig.waiting import NeverHappenedError, block_until

if TYPE_CHECKING:
    from facematch.config.settings import Settings
    from tests.rig.postgres import Postgres

BOARD = Path(__file__).parents[3] / "docs" / "grafana-dashboard.json"
OF_SEVERAL = {
    "facematch_rooms",
    "facematch_rooms_watched",
    "facematch_worker_rooms",
    "facematch_worker_planned",
    "facematch_worker_capacity",
    "facematch_worker_beat_age_seconds",
    "facematch_room_moves_total",
    "facematch_events_fenced_total",
    "facematch_settings_differ",
    "facematch_doorbell_up",
    "facematch_doorbell_lag_seconds",
}


def shown() -> set[str]:
    """Every metric that a panel names."""
    panels = json.loads(BOARD.read_text("utf-8"))["panels"]
    return {
        name
        for panel in panels
        for target in panel["targets"]
        for name in re.findall(r"\bfacematch_[a-z_]+\b", target["expr"])
    }


def test_panels_stand_beside_each_other() -> None:
    panels = json.loads(BOARD.read_text("utf-8"))["panels"]
    assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert places == [(8 * (number % 3), 7 * (number // 3)) for number in range(len(panels))]


def test_what_there_is_of_several_processes_is_shown() -> None:
    assert shown() >= OF_SEVERAL


async def test_everything_that_is_shown_exists(
    settings: Settings, tmp_path: Path, postgres: Postgres, heartbeat: dict[str, Any]
) -> None:
    url = await new_database("postgresql", tmp_path, postgres)
    values = settings.model_dump() | {"rooms": "exam-*", "room_name": "exam-hall", "database_url": url}
    several = type(settings).model_validate({name: value for name, value in values.items() if value is not None})
    with TestClient(create_app(several, Parts(make_examiner=FakeExaminer, neighbours=FakeNeighbours()))) as client:
        assert client.post("/api/heartbeat", json=heartbeat).status_code == 200
        worker = FakeWorker("host-1")

        def told() -> set[str]:
            answer = client.post("/api/beat", json=worker.beat().model_dump(mode="json")).json()
            worker.answered = True
            worker.holds = {one["room"]: one["epoch"] for one in answer["rooms"]}
            families = text_string_to_metric_families(client.get("/metrics").text)
            return {sample.name for family in families for sample in family.samples}

        try:
            block_until(lambda: shown() <= told(), within=20, what="every figure is there")
        except NeverHappenedError:
            pytest.fail(f"the board shows what there is not: {sorted(shown() - told())}")
