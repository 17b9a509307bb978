"""Everything held about a participant, and nothing of anybody else."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from facematch.server.privacy.participant_export import TABLES
from facematch.server.storage.schema import metadata

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.testclient import TestClient

    from facematch.config.settings import Settings

IDENTITY = "Alice /42\n<b>"


def export(client: TestClient, identity: str) -> dict[str, Any]:
    """What is in it, by the names of the files; pictures as bytes."""
    answer = client.get("/api/participants/export", params={"identity": identity})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name) for name in archive.namelist()}
    return {name: data if name.startswith("snapshots/") else json.loads(data) for name, data in files.items()}


def snapshot(folder: Path, name: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(name.encode())
    return name


def test_everything_of_one_participant(
    client: TestClient, settings: Settings, match: dict[str, Any], check: dict[str, Any]
) -> None:
    mine, others = (snapshot(settings.output_dir, name) for name in ("match_1.jpg", "match_2.jpg"))
    who = {"participant_identity": IDENTITY, "participant_name": "Alice"}
    for body in ({**match, **who, "snapshot": mine}, {**match, "participant_identity": "Bob", "snapshot": others}):
        assert client.post("/api/match", json=body).status_code == 200
    seen = {"outcome": "match", "match_found": True, "source": "boot", "uptime_from": 1.0, "uptime_until": 2.0}
    assert client.post("/api/check", json={**check, **who, **seen}).status_code == 200
    assert client.put("/api/not-compared", params={"identity": IDENTITY}).status_code == 200

    found = export(client, IDENTITY)
    assert found["participant.json"]["identity"] == IDENTITY
    assert [event["type"] for event in found["events-1.json"]] == ["match", "alarm", "check"]
    assert [(alarm["identity"], alarm["kind"]) for alarm in found["alarms.json"]] == [(IDENTITY, "match")]
    assert {event["participant_identity"] for event in found["events-1.json"]} == {IDENTITY}
    assert {name: data for name, data in found.items() if name.startswith("snapshots/")} == {
        "snapshots/match_1.jpg": b"match_1.jpg"
    }
    assert [run["identity"] for run in found["presence.json"]] == [IDENTITY]
    assert [line["by"] for line in found["not_compared.json"]] == ["admin (local)"]
    (settings.output_dir / mine).unlink()
    assert "snapshots/match_1.jpg" not in export(client, IDENTITY)  # it was deleted by hand


def test_of_whom_nothing_is_held_nothing_is_shown(client: TestClient) -> None:
    found = export(client, "nobody")
    assert {name: data for name, data in found.items() if data} == {"participant.json": found["participant.json"]}
    assert client.get("/api/participants/export").json()["code"] == "INVALID"


def test_every_table_that_knows_participants_is_exported() -> None:
    """By whatever name: whoever adds one that calls them otherwise thinks of it here."""
    naming = {
        column.table
        for table in metadata.sorted_tables
        for column in table.c
        if "identity" in column.name or "participant" in column.name
    }
    assert {table.name for table in naming} - {table.name for table in TABLES} == {"events"}
    assert all(isinstance(table.c.identity.type, sa.Text) for table in TABLES)


def test_many_events_come_in_parts(client: TestClient, check: dict[str, Any]) -> None:
    many = [{**check, "participant_identity": "Alice42"} for _ in range(256)]
    for _ in range(2):
        assert client.post("/api/events", json={"events": many}).status_code == 200
    found = export(client, "Alice42")
    assert [len(found[f"events-{number}.json"]) for number in (1, 2)] == [500, 12]
