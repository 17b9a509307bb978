"""A web process with keys, and clients that have one, a login, an invitation, or nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from starlette.testclient import TestClient

from facematch.server.access.roles import Role
from facematch.server.access.sessions import Kind, Session
from facematch.server.app import Parts, create_app
from tests.rig.neighbours import FakeNeighbours

if TYPE_CHECKING:
    from fastapi import FastAPI

    from facematch.config.settings import Settings
    from tests.rig.fake_examiner import FakeExaminer

HOST = "cam.example.com"
ORIGIN = f"https://{HOST}"
KEYS = {
    "admin": "admin-key-0123456789",
    "viewer": "viewer-key-0123456789",
    "recognizer": "recognizer-key-0123456789",
}
AWAY = ("192.0.2.7", 40000)


def with_keys(settings: Settings, **more: Any) -> Settings:
    """The settings of an exposed server: many tries are fine unless said otherwise."""
    values = settings.model_dump() | {f"{role}_key": key for role, key in KEYS.items()}
    values |= {"allowed_hosts": HOST, "login_attempts_per_minute": 10_000, "tokens_per_minute": 10_000, **more}
    return type(settings).model_validate({name: value for name, value in values.items() if value is not None})


@dataclass
class Keyed:
    """The process, and who comes to it. Use as a context: it runs meanwhile."""

    settings: Settings
    examiner: FakeExaminer
    neighbours: FakeNeighbours = field(default_factory=FakeNeighbours)

    def __post_init__(self) -> None:
        parts = Parts(make_examiner=lambda: self.examiner, neighbours=self.neighbours)
        self.app: FastAPI = create_app(self.settings, parts)

    def __enter__(self) -> Self:
        self._running = TestClient(self.app)
        self._running.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._running.__exit__(*error)

    def come(
        self, base_url: str = ORIGIN, client: tuple[str, int] = AWAY, headers: dict[str, str] | None = None
    ) -> TestClient:
        """Somebody who comes from and to there; served by the one loop that the process runs in."""
        found = TestClient(self.app, base_url=base_url, client=client, headers=headers)
        found.portal = self._running.portal
        return found

    def anybody(self, **headers: str) -> TestClient:
        """Somebody on another machine, who comes over TLS and has nothing."""
        return self.come(headers=headers)

    def with_key(self, role: str) -> TestClient:
        """A program with a role's key; a participant's is an invitation."""
        token = self.invitation() if role == "participant" else KEYS[role]
        return self.anybody(authorization=f"Bearer {token}")

    def signed_in(self, role: str) -> TestClient:
        """A person's browser with a login."""
        client = self.anybody(origin=ORIGIN)
        proof = {"invitation": self.invitation()} if role == "participant" else {"key": KEYS[role], "name": "Dana"}
        response = client.post("/api/session", json=proof)
        assert response.status_code == 200, response.text
        return client

    def invitation(self, room: str | None = None) -> str:
        """Its token."""
        response = self.anybody(authorization=f"Bearer {KEYS['admin']}").post("/api/invites", json={"room": room})
        assert response.status_code == 200, response.text
        token: str = response.json()["token"]
        return token

    def expire(self) -> None:
        """Every login and invitation has had its time."""
        self.change("UPDATE sessions SET expires_at = datetime(created_at, '-1 second')")

    def sessions(self) -> list[Session]:
        """Every login and invitation that is kept."""
        with closing(sqlite3.connect(self.settings.data_dir / "events.db")) as database:
            rows = database.execute("SELECT id, kind, role, room, created_at, used_at, expires_at FROM sessions")
            return [
                Session(id_, Kind(kind), Role(role), room, _in_utc(created), _in_utc(used), _in_utc(ends))
                for id_, kind, role, room, created, used, ends in rows
            ]

    def change(self, statement: str) -> None:
        """Change what is kept, as time does."""
        with closing(sqlite3.connect(self.settings.data_dir / "events.db")) as database, database:
            database.execute(statement)


def _in_utc(at: str) -> datetime:
    return datetime.fromisoformat(f"{at}+00:00")
