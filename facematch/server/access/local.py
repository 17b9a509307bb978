"""Local mode: without any key, this user's own programs on this machine have every right, and nobody else has any.

Where the system does not tell whose a program is, a secret made at the start stands for it. It is in an address that
is printed then, which is exchanged for a login once, and in a file that only this user can read, for programs.
"""

from __future__ import annotations

import secrets
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import structlog
from starlette.datastructures import Headers

from facematch.protocol.local_secret import LOCAL_PREFIX, local_secret_file
from facematch.runtime.addresses import is_loopback
from facematch.runtime.atomic_file import write_whole
from facematch.server.access.caller import By, Caller
from facematch.server.access.hosts import (
    foreign_origin,
    host_name,
    is_forwarded,
    origin_name,
    origin_of,
    same_origin,
)
from facematch.server.access.neighbours import Neighbours, Whose
from facematch.server.access.roles import Role
from facematch.server.web.errors import ApiError, Code

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.types import Scope

    from facematch.server.access.authentication import CallerOf

log = structlog.get_logger(__name__)

_IN_PROCESS_CLIENT: Final = "testclient"
_IN_PROCESS_HOST: Final = "testserver"
"""What Starlette's test client calls itself and us. No socket ever has such an address."""

EVERY_RIGHT: Final = Caller(frozenset(Role), By.LOCAL)


class LocalSecret:
    """What a program proves with that it is this user's, where the system does not tell.

    Args:
        folder: DATA_DIR.
    """

    def __init__(self, folder: Path) -> None:
        self.value = LOCAL_PREFIX + secrets.token_urlsafe(32)
        self._file = local_secret_file(folder)
        self._told = False

    def tell(self, port: int) -> None:
        """Print the address and write the file, once. Blocks for as long as the disk does."""
        if self._told:
            return
        self._told = True
        try:
            write_whole(self._file, f"{self.value}\n".encode())
        except OSError as error:
            log.warning("The secret of local mode cannot be written down", reason=str(error))
        sys.stderr.write(
            "Face Match: this system does not tell whose a program is. Open this address once, in each browser that "
            f"you use:\n    http://localhost:{port}/login#{self.value}\n"
            f"Programs send what {self._file} holds: Authorization: Bearer ...\n"
        )
        sys.stderr.flush()

    @property
    def how_to_use(self) -> str:
        """A sentence for whoever has not shown it."""
        return (
            "This system does not tell whose program makes this request. Open the address that Face Match printed "
            f"when it started; a program sends what {self._file} holds (Authorization: Bearer ...)."
        )

    def forget(self) -> None:
        """Remove the file. Harmless without one."""
        try:
            self._file.unlink(missing_ok=True)
        except OSError as error:
            log.warning("The secret of local mode cannot be removed", reason=str(error))


class LocalCallers:
    """Local mode.

    Args:
        neighbours: tell whose program makes a request.
        secret: for whom they do not know.
        by_secret: who has shown the secret, or has a login that was had with it.
    """

    def __init__(self, neighbours: Neighbours, secret: LocalSecret, by_secret: CallerOf) -> None:
        self._neighbours = neighbours
        self._secret = secret
        self._by_secret = by_secret

    async def __call__(self, scope: Scope) -> Caller:
        """Every role for a request whose program is this user's, and whose Host and Origin are this machine.

        Raises:
            ApiError: it is not.
        """
        headers = Headers(scope=scope)
        if is_forwarded(headers):
            raise _not_local("This request came through a proxy.")
        client = (scope.get("client") or ("",))[0]
        in_process = client == _IN_PROCESS_CLIENT
        if not in_process and not is_loopback(client):
            raise _not_local("This request came from another machine.")
        name = host_name(headers)
        if name is None or not (is_loopback(name) or (in_process and name == _IN_PROCESS_HOST)):
            raise ApiError(
                403,
                Code.UNKNOWN_HOST,
                "Face Match does not answer to this host name. Open it as http://localhost, with its port.",
            )
        origin = origin_of(headers)
        if origin and not (is_loopback(origin_name(origin) or "") or same_origin(scope)):
            raise foreign_origin()
        whose = Whose.OURS if in_process else await self._neighbours.whose(scope)
        if whose is Whose.OURS:
            return EVERY_RIGHT
        if whose is Whose.ANOTHERS:
            raise _not_local("This request came from a program of another user of this machine.")
        if whose is Whose.UNKNOWN:  # whoever closes at once does not get the secret into a log
            self._secret.tell((scope.get("server") or ("", 0))[1])
        return await self._proven(scope)

    async def _proven(self, scope: Scope) -> Caller:
        caller = await self._by_secret(scope)
        return replace(caller, roles=frozenset(Role)) if Role.ADMIN in caller.roles else caller


def _not_local(reason: str) -> ApiError:
    return ApiError(
        403,
        Code.NOT_LOCAL,
        f"{reason} Face Match is in local mode: it answers only this user's own programs on its own machine. To let "
        "others in, set ADMIN_KEY and RECOGNIZER_KEY there, or start it with ./run.sh --expose, which makes keys; or "
        "open http://localhost there, with its port.",
    )
