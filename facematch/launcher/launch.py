"""Which processes, in which order, ready when, kept running, and ended how."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from facematch.config.process_settings import is_web_only
from facematch.config.settings import ROOT, Settings
from facematch.launcher import livekit_server
from facematch.launcher.child import Child, Program
from facematch.launcher.keys import KeysError, fresh_livekit_pair, kept_livekit_pair, livekit_pair
from facematch.launcher.probe import PortError, accepts, check_bindable, free_udp_port, get, get_json
from facematch.launcher.supervision import EndedForGoodError, keep_running
from facematch.protocol.local_secret import local_secret_file, read_local_secret
from facematch.runtime.addresses import is_loopback
from facematch.runtime.exit_codes import ExitCode
from facematch.runtime.reach import obstacles

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

READY_SECONDS = 60.0
"""How long the processes may take to be ready, all together."""
CONNECT_SECONDS = 20.0
"""How long the recognizer may take to join the room before the launcher says that LiveKit is awaited."""
_LOOK_SECONDS = 0.1

DEFAULT_LIVEKIT_URL: str = Settings.model_fields["livekit_url"].default
"""Only there a LiveKit server of ours is started: any other address is somebody's own."""

_BAD_SETTINGS: dict[int, str] = {ExitCode.BAD_SETTINGS: "bad settings"}
_RECOGNIZER_CODES: dict[int, str] = {
    **_BAD_SETTINGS,
    ExitCode.MEMORY_LIMIT: "memory limit reached",
    ExitCode.CREDENTIALS_REFUSED: "LiveKit refused LIVEKIT_API_KEY and LIVEKIT_API_SECRET",
}
_OK = 200
_FOR_LIVEKIT = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL")


class LaunchError(Exception):
    """Why everything is stopped, as a sentence."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        """`exit_code` is run.sh's."""
        super().__init__(message)
        self.exit_code = exit_code


class Launch:
    """One start of Face Match.

    Args:
        settings: as both processes read them.
        env: what the processes inherit.
        say: takes each line for the person at the terminal.
        own_livekit_url: where a LiveKit server of ours is started when nothing answers.
    """

    def __init__(
        self,
        settings: Settings,
        env: dict[str, str],
        *,
        say: Callable[[str], None],
        own_livekit_url: str = DEFAULT_LIVEKIT_URL,
    ) -> None:
        self._settings = settings
        self._say = say
        self._own_livekit_url = own_livekit_url
        self._host = _reachable(settings.host)
        self._env = {**env, "PYTHONUNBUFFERED": "1"}
        if "api_base_url" not in settings.model_fields_set:
            shown = f"[{self._host}]" if ":" in self._host else self._host
            self._env["API_BASE_URL"] = f"http://{shown}:{settings.port}"
        self._recognizer: list[Child] = []
        self._servers: list[Child] = []
        self._secret_is_there = False
        """Whether our web process has left a file with what lets this user's programs in."""

    @property
    def children(self) -> list[Child]:
        """What was started so far."""
        return [*self._recognizer, *self._servers]

    async def run(self, stop: asyncio.Event) -> None:
        """Returns after `stop` is set.

        Raises:
            LaunchError: something cannot start, did not get ready, or ended for good.
        """
        await self._check_address()
        starting = asyncio.create_task(self._start(), name="start")
        stopped = asyncio.create_task(stop.wait(), name="stop")
        try:
            await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if stopped.done():
                return
            await starting
            await self._supervise(stopped)
        finally:
            for task in (starting, stopped):
                task.cancel()
            await asyncio.gather(starting, stopped, return_exceptions=True)

    async def _supervise(self, stopped: asyncio.Task[bool]) -> None:
        """Start again what ends by itself, until `stopped` is done."""
        keeping = {
            asyncio.create_task(keep_running(child, self._replace, self._say), name=f"keep {child.program.name}")
            for child in self.children
        }
        try:
            await asyncio.wait({stopped, *keeping}, return_when=asyncio.FIRST_COMPLETED)
            for task in keeping:
                if task.done():
                    task.result()
        except EndedForGoodError as error:
            raise LaunchError(str(error), max(error.child.ended.result(), 1)) from None
        finally:
            for task in keeping:
                task.cancel()
            await asyncio.gather(*keeping, return_exceptions=True)

    def _replace(self, child: Child, former: Child) -> None:
        group = self._recognizer if former in self._recognizer else self._servers
        group[group.index(former)] = child

    async def stop(self) -> None:
        """End all that was started: the recognizer first, whose last events the API still takes."""
        for group in (self._recognizer, self._servers):
            await asyncio.gather(*(child.stop() for child in group))
        if self._secret_is_there:  # a web process that had to be killed removes nothing
            with contextlib.suppress(OSError):
                await asyncio.to_thread(local_secret_file(self._settings.data_dir).unlink, missing_ok=True)

    def kill(self) -> None:
        """End all that was started, at once."""
        for child in self.children:
            child.kill()

    async def _check_address(self) -> None:
        settings = self._settings
        host, port = settings.host, settings.port
        if not is_loopback(self._host) and not settings.keys_in_use:
            raise LaunchError(
                f"HOST={host} would keep the recognizer from the API, which without keys answers requests of this "
                "machine only: use 127.0.0.1, or 0.0.0.0 for all addresses, or set ADMIN_KEY and RECOGNIZER_KEY.",
                ExitCode.BAD_SETTINGS,
            )
        try:
            check_bindable(host, port)
        except PortError as error:
            found = await get_json(self._host, port, "/livez")
            hint = " Another Face Match answers there." if found == {"status": "ok"} else ""
            raise LaunchError(f"{error}{hint}") from error

    async def _start(self) -> None:
        try:
            async with asyncio.timeout(READY_SECONDS):
                livekit = await self._start_livekit()
                settings = self._settings
                # uvicorn's own lines name the address that it is bound to, which is not the one to open.
                listen = ["--host", settings.host, "--port", str(settings.port), "--log-level", "warning"]
                api = await self._start_one(
                    Program(
                        "API",
                        [sys.executable, "-m", "uvicorn", "api:app", *listen],
                        ROOT,
                        self._env,
                        patience=3.0,
                        meanings=_BAD_SETTINGS,
                        final=frozenset({ExitCode.BAD_SETTINGS}),
                    ),
                    self._servers,
                )
                if livekit is not None:
                    await self._until(self._livekit_answers, livekit)
                await self._until(self._api_answers, api)  # else the recognizer warns of it: it is the faster one
                recognizer = await self._start_one(
                    Program(
                        "recognizer",
                        [sys.executable, "main.py"],
                        ROOT,
                        {name: value for name, value in self._env.items() if not is_web_only(name)},
                        patience=5.5,
                        meanings=_RECOGNIZER_CODES,
                        final=frozenset({ExitCode.BAD_SETTINGS, ExitCode.CREDENTIALS_REFUSED}),
                    ),
                    self._recognizer,
                )
                await self._until(self._recognizer_reports, recognizer)
        except TimeoutError:
            raise LaunchError(
                f"Face Match was not ready after {READY_SECONDS:.0f} s; see what it said above."
            ) from None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._until(self._recognizer_connected, recognizer)
        if not await self._recognizer_connected():
            self._say(f"LiveKit does not answer at {settings.livekit_url}; the recognizer goes on trying.")
        secret = await self._local_secret()
        self._secret_is_there = secret is not None
        here = f"http://localhost:{settings.port}" + (f"/login#{secret}" if secret else "")
        self._say(f"Face Match is ready: {here} (Ctrl-C stops it)")
        for line in self._elsewhere():
            self._say(line)

    def _elsewhere(self) -> list[str]:
        """How others get here, and what keeps them from joining; nothing where nobody else is to."""
        settings = self._settings
        if settings.public_url is not None:
            address = settings.public_url
            lines = [f"For guests: {address}"]
        elif not is_loopback(settings.host):
            address = f"http://{socket.gethostname()}:{settings.port}"
            lines = [f"From other machines: {address}, or by address"]
        elif settings.keys_in_use:
            address = f"http://localhost:{settings.port}"
            lines = [f"Links for guests begin with {address}, or where the page is opened that makes them."]
        else:
            return []
        return [*lines, *(f"  {sentence}" for sentence in obstacles(address, settings.browser_livekit_url))]

    async def _start_livekit(self) -> Child | None:
        """The server, when it is ours to start."""
        settings = self._settings
        if settings.livekit_url != self._own_livekit_url:
            return None
        host, port = self._livekit_address()
        answer = await get(host, port, "/")
        if answer is not None and answer[0] == _OK and answer[1].strip() == b"OK":
            self._say(f"LiveKit answers at {settings.livekit_url} already.")
            await self._use_kept_pair(host, port)
            return None
        if answer is not None:
            raise LaunchError(
                f"Port {port} is taken by something that is not LiveKit: stop it, or set LIVEKIT_URL to the address "
                "of a LiveKit server."
            )
        try:
            program = await asyncio.to_thread(livekit_server.runnable, settings.model_cache, settings.data_dir)
        except (livekit_server.ServerError, OSError) as error:
            raise LaunchError(str(error)) from None
        # Not our whole environment: the server takes settings of its own from variables, and needs no key of ours.
        env = {name: self._env[name] for name in _FOR_LIVEKIT if name in self._env}
        pair = self._livekit_pair()
        self._env |= pair
        keys = livekit_server.environment(key=pair["LIVEKIT_API_KEY"], secret=pair["LIVEKIT_API_SECRET"])
        udp_port = free_udp_port(livekit_server.DEFAULT_UDP_PORT)
        told = f"{self._env.get('API_BASE_URL') or settings.api_base_url}/livekit/webhook"
        webhook = (told, pair["LIVEKIT_API_KEY"]) if settings.many_rooms else None  # a room is found as it opens
        log = settings.data_dir / "logs" / f"livekit-server-{port}.log"
        child = await self._start_one(
            Program(
                "LiveKit server",
                [str(program), *livekit_server.arguments(port=port, udp_port=udp_port, webhook=webhook)],
                ROOT,
                {**env, **keys},
                log=log,
                patience=3.0,
                insist=True,
            ),
            self._servers,
        )
        self._say(
            f"LiveKit {livekit_server.pinned_version()} on {settings.livekit_url} (this machine only; log: {log})"
        )
        return child

    def _livekit_pair(self) -> Mapping[str, str]:
        """Key and secret of the server that we start, for it and for both processes."""
        try:
            return livekit_pair(self._settings).values
        except KeysError as error:
            self._say(f"The keys of LiveKit are good for this start only. {error}")
            return fresh_livekit_pair()

    async def _use_kept_pair(self, host: str, port: int) -> None:
        """The server that answers may be one that another start of ours has started: then it has the kept keys."""
        with contextlib.suppress(KeysError):  # it is not needed, then
            pair = kept_livekit_pair(self._settings).values
            if pair and await accepts(host, port, key=pair["LIVEKIT_API_KEY"], secret=pair["LIVEKIT_API_SECRET"]):
                self._env |= pair

    async def _start_one(self, program: Program, group: list[Child]) -> Child:
        try:
            child = await Child.start(program)
        except OSError as error:
            raise LaunchError(f"The {program.name} cannot be started ({error.strerror}: {program.argv[0]}).") from error
        group.append(child)
        return child

    async def _until(self, ready: Callable[[], Awaitable[bool]], child: Child) -> None:
        """Look until it is so, unless the child, or another, ends first."""
        while not await ready():
            await asyncio.wait({child.ended}, timeout=_LOOK_SECONDS)
            self._mourn()

    def _mourn(self) -> None:
        for child in self.children:
            if child.ended.done():
                raise LaunchError(child.obituary(), max(child.ended.result(), 1))

    def _livekit_address(self) -> tuple[str, int]:
        parts = urlsplit(self._settings.livekit_url)
        return parts.hostname or "localhost", parts.port or 80

    async def _livekit_answers(self) -> bool:
        answer = await get(*self._livekit_address(), "/")
        return answer is not None and answer[0] == _OK

    async def _api_answers(self) -> bool:
        return bool(await get_json(self._host, self._settings.port, "/livez"))

    async def _recognizer_reports(self) -> bool:
        if self._settings.many_rooms:
            return bool(await self._beating())
        return bool((await self._recognizer_status()).get("online"))

    async def _recognizer_connected(self) -> bool:
        if self._settings.many_rooms:  # it is in whatever rooms there are, and there may be none
            return bool(await self._beating())
        status = await self._recognizer_status()
        return bool(status.get("online")) and (status.get("heartbeat") or {}).get("livekit") == "connected"

    async def _local_secret(self) -> str | None:
        """What a web process wants to see that has no keys and is not told whose programs we are."""
        return None if self._settings.admin_key else await asyncio.to_thread(read_local_secret, self._settings.data_dir)

    async def _recognizer_status(self) -> dict[str, Any]:
        found = (await self._asked("/api/status")).get("recognizer")
        return found if isinstance(found, dict) else {}

    async def _beating(self) -> list[Any]:
        """Recognizers that can be given rooms."""
        found = (await self._asked("/api/recognizers")).get("recognizers")
        return found if isinstance(found, list) else []

    async def _asked(self, path: str) -> dict[str, Any]:
        key = self._settings.viewer_key or self._settings.admin_key
        bearer = key.get_secret_value() if key else await self._local_secret()
        return await get_json(self._host, self._settings.port, path, bearer=bearer)


def _reachable(host: str) -> str:
    """Where a server that listens on `host` can be reached from this machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "*": "127.0.0.1"}.get(host, host)  # noqa: S104
