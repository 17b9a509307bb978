"""What every connection to PostgreSQL has in common: neither end waits for the other for ever.

A process that hangs, or whose machine has gone, may hold the lock of the one row that every writer needs. So the server
ends a transaction in which nothing happens, and either end notices a peer that is silent.
"""

from __future__ import annotations

import socket
from typing import Any, Final

CONNECT_SECONDS: Final = 5.0
STATEMENT_SECONDS: Final = 10.0
"""How long PostgreSQL may take for one statement."""
IDLE_IN_TRANSACTION_SECONDS: Final = 5
"""How long a process may stand still in the middle of a transaction before the server ends it."""
SILENT_SECONDS: Final = 3
"""Without a word for as long, the peer is asked whether it is there …"""
ASKED_SECONDS: Final = 2
ASKED_TIMES: Final = 3
"""… and after that the connection is given up, as is one whose bytes are not acknowledged for as long."""

_LOST_MS: Final = (SILENT_SECONDS + ASKED_SECONDS * ASKED_TIMES) * 1000

SERVER_SETTINGS: Final = {
    "application_name": "face-match",
    "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_SECONDS}s",
    "tcp_keepalives_idle": str(SILENT_SECONDS),
    "tcp_keepalives_interval": str(ASKED_SECONDS),
    "tcp_keepalives_count": str(ASKED_TIMES),
    "tcp_user_timeout": str(_LOST_MS),
}
"""Of the server's end."""

_OURS = (
    ("TCP_KEEPIDLE", SILENT_SECONDS),
    ("TCP_KEEPINTVL", ASKED_SECONDS),
    ("TCP_KEEPCNT", ASKED_TIMES),
    ("TCP_USER_TIMEOUT", _LOST_MS),
)
"""Of ours, as far as the system has them."""


def connect_args() -> dict[str, Any]:
    """For asyncpg."""
    return {
        "timeout": CONNECT_SECONDS,
        "command_timeout": STATEMENT_SECONDS,
        "server_settings": dict(SERVER_SETTINGS),
    }


def keep_alive(driver_connection: Any) -> None:
    """Have our end of a connection notice that the other has gone.

    Args:
        driver_connection: asyncpg's, which does not offer this itself.
    """
    transport = getattr(driver_connection, "_transport", None)
    peer = transport.get_extra_info("socket") if transport is not None else None
    if peer is None or peer.family not in (socket.AF_INET, socket.AF_INET6):
        return
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _OURS:
        if (option := getattr(socket, name, None)) is not None:
            peer.setsockopt(socket.IPPROTO_TCP, option, value)
