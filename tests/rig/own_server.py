"""A launch that starts a LiveKit server of its own."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import psutil

from facematch.config.settings import Settings
from facematch.launcher.launch import Launch
from facematch.launcher.probe import get_json

if TYPE_CHECKING:
    from pathlib import Path


class OwnServer:
    """A launch in this process that may start a LiveKit server of its own, on a free port."""

    def __init__(self, folder: Path, livekit_port: int, port: int, **more: Any) -> None:
        self.said: list[str] = []
        self.livekit_port = livekit_port
        self.port = port
        self.url = f"ws://localhost:{livekit_port}"
        chosen: dict[str, Any] = {
            "port": port,
            "livekit_url": self.url,
            "room_name": f"launch-{port}",
            "reference_image": folder / "reference.jpg",
            "output_dir": folder / "captures",
            "data_dir": folder / "data",
        } | more
        env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        env |= {name.upper(): str(value) for name, value in chosen.items()}
        env["MODEL_CACHE"] = str(Settings().model_cache)
        self.launch = Launch(Settings(**chosen), env, say=self.said.append, own_livekit_url=self.url)
        self.stop = asyncio.Event()

    async def run(self) -> None:
        """As run.sh does."""
        try:
            await self.launch.run(self.stop)
        finally:
            await self.launch.stop()

    def pids(self) -> dict[str, psutil.Process]:
        """Of what was started, by name."""
        return {child.program.name: psutil.Process(child.process.pid) for child in self.launch.children}

    async def recognizer_is_connected(self) -> bool:
        """Whether the recognizer is in the room now."""
        status = await get_json("127.0.0.1", self.port, "/api/status")
        return ((status.get("recognizer") or {}).get("heartbeat") or {}).get("livekit") == "connected"
