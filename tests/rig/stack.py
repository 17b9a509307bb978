"""Face Match as a user runs it: the web process and the recognizer, each a process, against a real LiveKit."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from typing import TYPE_CHECKING, Any

import aiohttp

from facematch.config.settings import Settings
from facematch.faces.reference import reference_id
from tests.rig.enrolling import upload_reference
from tests.rig.listener import Listener
from tests.rig.livekit_server import KEY, SECRET
from tests.rig.migrated import lay_log
from tests.rig.photographs import DATA, REFERENCE
from tests.rig.ports import free_tcp_port
from tests.rig.process import Process
from tests.rig.publishing import Publishers
from tests.rig.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.rig.livekit_server import LiveKit

API_START_SECONDS = 60
RECOGNIZER_START_SECONDS = 90
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")


class Stack:
    """Both processes with folders and a room of their own. Nothing is started yet; `end` ends what was.

    Args:
        folder: receives the reference, the snapshots and the logs.
        livekit: the server to use; not ended by `end`.
        settings: variables that differ from the defaults, such as `hold_seconds=2`.
    """

    def __init__(self, folder: Path, livekit: LiveKit, **settings: object) -> None:
        port = free_tcp_port()
        self.folder = folder
        self.room = f"room-{secrets.token_hex(4)}"
        self.base_url = f"http://127.0.0.1:{port}"
        self.reference = folder / "reference" / "current.jpg"
        self.captures = folder / "captures"
        self._livekit = livekit
        own: dict[str, object] = {
            "livekit_url": livekit.url,
            "livekit_api_key": KEY,
            "livekit_api_secret": SECRET,
            "room_name": self.room,
            "reference_image": self.reference,
            "output_dir": self.captures,
            "data_dir": folder / "data",
            "api_base_url": self.base_url,
            "port": port,
        }
        self.environment = _environment(own | settings)
        key = settings.get("admin_key")
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}
        """What every request of the tests carries."""
        uvicorn = [sys.executable, "-m", "uvicorn", "api:app", "--host", "127.0.0.1", "--port", str(port)]
        self.api = Process("api", uvicorn, env=self.environment, log=folder / "api.log", prepared=True)
        self.recognizer = Process(
            "recognizer",
            [sys.executable, "main.py"],
            env=self.environment,
            log=folder / "recognizer.log",
            prepared=True,
        )

    @property
    def processes(self) -> tuple[Process, ...]:
        """Those whose output explains a failure."""
        return self.api, self.recognizer

    async def start(self, *, reference: str | None = REFERENCE, migrating: bool = False) -> None:
        """Both processes, with a photograph in its place unless None is given; returns when both are ready and use it.
        `migrating`: see `start_api`.

        The photograph is put there as an operator does: an upload loads the models of the web process as well.
        """
        enrolled = None if reference is None else self.put_reference(reference)
        # First: a recognizer that is ready before it says that nobody takes its events.
        await self.start_api(migrating=migrating)
        self.recognizer.start()

        async def ready() -> bool:
            heartbeat = await self.recognizer_connected(within=RECOGNIZER_START_SECONDS)
            return bool(heartbeat["reference_id"] == enrolled)

        await wait_until(ready, within=RECOGNIZER_START_SECONDS, what="the recognizer uses the reference")

    async def start_api(self, *, migrating: bool = False) -> None:
        """Returns when it answers. Its first start finds its log, unless it is to be seen `migrating`."""
        if not migrating:
            lay_log(self.environment)
        self.api.start()
        await self.api_answers(within=API_START_SECONDS)

    async def api_answers(self, *, within: float) -> None:
        """Returns when it does."""
        await wait_until(self._api_answers, within=within, what="the API answers")

    async def start_recognizer(self) -> None:
        """Returns when it has told the API that it is in the room."""
        self.recognizer.start()
        await self.recognizer_connected(within=RECOGNIZER_START_SECONDS)

    async def recognizer_connected(self, within: float) -> dict[str, Any]:
        """Its first heartbeat that says `connected`."""

        async def connected() -> dict[str, Any] | None:
            heartbeat = await self.heartbeat()
            return heartbeat if heartbeat and heartbeat["livekit"] == "connected" else None

        return await wait_until(connected, within=within, what="the recognizer is in the room")

    async def heartbeat(self) -> dict[str, Any] | None:
        """The last one, if it is recent."""
        recognizer = (await self.status())["recognizer"]
        heartbeat: dict[str, Any] | None = recognizer["heartbeat"] if recognizer["online"] else None
        return heartbeat

    async def track(self, identity: str) -> dict[str, Any] | None:
        """What the recognizer says of the (first) track of a participant; None when it watches none."""
        heartbeat = await self.heartbeat() or {"tracks": []}
        return next((track for track in heartbeat["tracks"] if track["participant_identity"] == identity), None)

    async def track_in(self, identity: str, state: str, *, within: float) -> dict[str, Any]:
        """The track once it is in `state`."""

        async def there() -> dict[str, Any] | None:
            track = await self.track(identity)
            return track if track and track["state"] == state else None

        return await wait_until(there, within=within, what=f"{identity} is in {state}")

    async def status(self) -> dict[str, Any]:
        """GET /api/status."""
        async with self._session() as session, session.get(f"{self.base_url}/api/status") as response:
            assert response.status == 200, await response.text()
            status: dict[str, Any] = await response.json()
            return status

    async def asked(self, path: str) -> dict[str, Any]:
        """The answer to a GET."""
        async with self._session() as session, session.get(self.base_url + path) as response:
            assert response.status == 200, await response.text()
            answer: dict[str, Any] = await response.json()
            return answer

    async def shown(self, snapshot: str) -> bytes:
        """A snapshot, as the page gets it; nothing, if there is none."""
        async with self._session() as session, session.get(f"{self.base_url}/captures/{snapshot}") as response:
            return await response.read() if response.status == 200 else b""

    async def enroll(self, photograph: str) -> str:
        """Uploads one of `tests/data`; returns the reference id."""
        return await upload_reference(self, photograph)

    def put_reference(self, photograph: str) -> str:
        """Writes the file without the API, whole at once, as an operator's `cp` and `mv` do; returns its id."""
        self.reference.parent.mkdir(parents=True, exist_ok=True)
        part = self.reference.with_suffix(".part")
        shutil.copyfile(DATA / photograph, part)
        part.replace(self.reference)
        return reference_id(self.reference.read_bytes())

    def listen(self, *, after: int | None = None) -> Listener:
        """A WebSocket client."""
        return Listener(self.base_url, after=after, headers=self.headers)

    def publishers(self) -> Publishers:
        """People who can join."""
        return Publishers(self._livekit.url, self.folder / "publishers.log")

    def end(self) -> None:
        """Ends both, the recognizer first."""
        self.recognizer.end()
        self.api.end()

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(headers=self.headers)

    async def _api_answers(self) -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self.base_url}/health") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False


def _environment(settings: Mapping[str, object]) -> dict[str, str]:
    """Every setting said aloud, so that neither a `.env` nor the developer's shell has a word in it."""
    said = {name: field.default for name, field in Settings.model_fields.items() if field.default not in (None, ())}
    said["model_cache"] = Settings().model_cache
    said |= settings
    return {
        **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        "PYTHONUNBUFFERED": "1",
        **{name.upper(): _said(value) for name, value in said.items()},
    }


def _said(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
