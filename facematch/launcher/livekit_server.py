"""The LiveKit server that set-up builds and the launcher starts: which version, where it is, how it is called.

It lies in a folder that several users may share, so what is run is told by its bytes: `builds.txt` names the SHA-256 of
the server as each Go that was tried builds it, the same on every machine; set-up keeps that of a build by another Go.

Standard library only: set-up reads this before anything is installed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
from pathlib import Path

from facematch.runtime.atomic_file import write_whole
from facematch.runtime.owner_only import PRIVATE_FILE, PRIVATE_PROGRAM, only_owner_writes

_ROOT = Path(__file__).resolve().parents[2]
MODULE = _ROOT / "tools" / "livekit"
"""The Go module that pins the server and all that it is built from."""

PACKAGE = "github.com/livekit/livekit-server/cmd/server"

DEFAULT_UDP_PORT = 7882
_SIXTEEN_BITS = 0xFFFF

BUILDS = MODULE / "builds.txt"
OWN_BUILD = _ROOT / "build" / "livekit-server.sha256"
"""What was built here: the sources it was built from, and its SHA-256."""


class ServerError(Exception):
    """The server is not there, or not to be run; a sentence."""


def pinned_version() -> str:
    """The server's version in `MODULE`, such as "1.13.5".

    Raises:
        ValueError: go.mod does not name one.
    """
    found = re.search(
        r"^\s*github\.com/livekit/livekit-server v(\S+)", (MODULE / "go.mod").read_text("utf-8"), re.MULTILINE
    )
    if found is None:
        raise ValueError(f"{MODULE / 'go.mod'} does not require github.com/livekit/livekit-server")
    return found[1]


def binary(cache: Path) -> Path:
    """Where the built server lies in the cache folder, whether or not it is there yet."""
    return cache / f"livekit-server-{pinned_version()}"


def sources() -> str:
    """Stands for all that the server is built from."""
    return hashlib.sha256(b"".join((MODULE / name).read_bytes() for name in ("go.mod", "go.sum"))).hexdigest()


def known_builds() -> frozenset[str]:
    """The SHA-256 of every file that is this server."""
    known = {line.split()[-1] for line in BUILDS.read_text("ascii").splitlines() if line and not line.startswith("#")}
    try:
        source, built = OWN_BUILD.read_text("ascii").split()
    except (OSError, ValueError):
        return frozenset(known)
    return frozenset(known | {built} if source == sources() else known)


def remember(built: str) -> None:
    """Keep the SHA-256 of a server that was built here, outside the folder that it lies in.

    Raises:
        OSError: it cannot be kept.
    """
    write_whole(OWN_BUILD, f"{sources()} {built}\n".encode(), PRIVATE_FILE)


def runnable(cache: Path, own: Path) -> Path:
    """The server in the cache folder, checked just now. Blocks for some tenths of a second.

    That of another user, who could change it a moment later, is copied into the folder `own`, and the copy is run.

    Raises:
        ServerError: it is not there, not what set-up builds, or can be changed by others.
        OSError: it cannot be read, or not be copied.
    """
    program = binary(cache)
    if not program.exists():
        raise ServerError(f"The LiveKit server is not in MODEL_CACHE, {cache}: run ./install_fix.sh.")
    for part in (cache, program):
        if not only_owner_writes(part):
            raise ServerError(
                f"{part} can be changed by other users, who could have their own program run here: take that right "
                f"away (chmod go-w {part}), or set MODEL_CACHE to a folder of your own and run ./install_fix.sh."
            )
    content = program.read_bytes()
    if hashlib.sha256(content).hexdigest() not in known_builds():
        raise ServerError(
            f"{program} is not the LiveKit server that set-up builds: delete it and run ./install_fix.sh, or set "
            "MODEL_CACHE to another folder."
        )
    if {part.stat().st_uid for part in (cache, program)} <= {0, os.geteuid()}:
        return program
    copy = own / program.name
    write_whole(copy, content, PRIVATE_PROGRAM)
    return copy


def arguments(*, port: int, udp_port: int, webhook: tuple[str, str] | None = None) -> list[str]:
    """Command-line arguments for a server on loopback only: signalling on `port`, media on `udp_port`.

    `webhook`: an address that it tells what happens in it, and the key (not its secret) that it signs that with.

    A TCP media port would listen on every interface whatever else is set, so there is none; without the interface
    list, UDP media would listen on the machine's other addresses.
    """
    config = (
        f"port: {port}\n"
        f"rtc: {{tcp_port: 0, udp_port: {udp_port}, interfaces: {{includes: [{_loopback_interface()}]}}, "
        "enable_loopback_candidate: true}\n"
    )
    if webhook is not None:
        url, key = webhook
        config += f"webhook: {{api_key: {_yaml(key)}, urls: [{_yaml(url)}]}}\n"
    return ["--bind", "127.0.0.1", "--node-ip", "127.0.0.1", "--config-body", config]


def environment(*, key: str, secret: str) -> dict[str, str]:
    """Variables that give the server its one key pair; an argument could be read by everybody on the machine."""
    return {"LIVEKIT_KEYS": f"{_yaml(key)}: {_yaml(secret)}"}


def _yaml(text: str) -> str:
    """Any text as a YAML string: YAML takes JSON's, but for its way to write what lies beyond sixteen bits."""
    return '"' + "".join(one if ord(one) > _SIXTEEN_BITS else json.dumps(one)[1:-1] for one in text) + '"'


def _loopback_interface() -> str:
    """Linux calls it lo, the BSDs and macOS lo0."""
    names = {name for _, name in socket.if_nameindex()}
    return "lo0" if "lo0" in names and "lo" not in names else "lo"
