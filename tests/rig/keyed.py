"""A web process with keys, and clients that have one, a login, an invitation, or nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from starlette.testclient import TestClient

from facematch.server.access.sessions import MemorySessionStore
from facematch.server.app import Parts, create_app
from tests.rig.memory_log import MemoryEventLog

if TYPE_CHECKING:
    from fastapi import FastAPI

    from facematch.config.settings import Settings
    from tests.server.conftest import FakeExaminer

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
    store: MemorySessionStore = field(default_factory=MemorySessionStore)

    def __post_init__(self) -> None:
        parts = Parts(make_examiner=lambda: self.examiner, event_log=MemoryEventLog(), sessions=self.store)
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
        proof = {"invitation": self.invitation()} if role == "participant" else {"key": KEYS[role]}
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
        for session_id, session in self.store._sessions.items():
            self.store._sessions[session_id] = replace(session, expires_at=session.created_at - timedelta(seconds=1))
