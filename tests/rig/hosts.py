"""Machines as network namespaces on a bridge: each has an address of its own, and a cable that can be pulled.

What has no cable any more says nothing and hears nothing: no refusal and no reset tells the others, as when a machine
loses its power. Needs root, and a kernel that lets it make namespaces.
"""

from __future__ import annotations

import secrets
import subprocess
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Self

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_COMMAND_SECONDS = 20


class NoHostsError(Exception):
    """There can be none here, and why."""


class Host:
    """One machine."""

    def __init__(self, space: str, address: str) -> None:
        self.address = address
        self.before: Sequence[str] = ("ip", "netns", "exec", space)
        """What stands before a command that runs there."""
        self._link = f"{space}h"

    def pull(self) -> None:
        """The cable, out of the switch."""
        _run("ip", "link", "set", self._link, "down")

    def plug(self) -> None:
        """The cable, in again."""
        _run("ip", "link", "set", self._link, "up")


class Hosts:
    """A context manager: so many machines, and the one that the test runs on, on one switch.

    Args:
        number: of machines besides this one.

    Raises:
        NoHostsError: this machine permits none.
    """

    def __init__(self, number: int) -> None:
        name, third = f"fm{secrets.token_hex(3)}", secrets.randbelow(250) + 1
        self.interface = f"vnic{secrets.token_hex(3)}"
        """The switch. LiveKit's SDK leaves networks of such names alone, as those of virtual machines: else what other
        tests have in a room meanwhile would send by this one, which ends with its test."""
        self.address = f"10.213.{third}.1"
        """Of this machine there."""
        self._spaces = [f"{name}{which}" for which in range(number)]
        self._made = [Host(space, f"10.213.{third}.{which + 2}") for which, space in enumerate(self._spaces)]

    def __getitem__(self, which: int) -> Host:
        return self._made[which]

    def __enter__(self) -> Self:
        try:
            _run("ip", "link", "add", self.interface, "type", "bridge")
            _run("ip", "addr", "add", f"{self.address}/24", "dev", self.interface)
            _run("ip", "link", "set", self.interface, "up")
            for host, space in zip(self._made, self._spaces, strict=True):
                self._add(host, space)
        except (OSError, subprocess.CalledProcessError) as error:
            self.__exit__()
            said = error.stderr.strip() if isinstance(error, subprocess.CalledProcessError) else error
            raise NoHostsError(f"network namespaces cannot be made here: {said}") from error
        return self

    def __exit__(self, *_: object) -> None:
        for space in self._spaces:
            with suppress(OSError, subprocess.CalledProcessError):
                _run("ip", "netns", "del", space)  # with its end of the cable, and so with both
        with suppress(OSError, subprocess.CalledProcessError):
            _run("ip", "link", "del", self.interface)

    def _add(self, host: Host, space: str) -> None:
        here, there = f"{space}h", f"{space}g"
        _run("ip", "netns", "add", space)
        _run("ip", "link", "add", here, "type", "veth", "peer", "name", there)
        _run("ip", "link", "set", here, "master", self.interface)
        _run("ip", "link", "set", there, "netns", space)
        host.plug()
        for command in (
            ("addr", "add", f"{host.address}/24", "dev", there),
            ("link", "set", there, "up"),
            ("link", "set", "lo", "up"),
        ):
            _run("ip", "-n", space, *command)


@contextmanager
def hosts_or_skip(number: int) -> Iterator[Hosts]:
    """The same for a test, which is skipped where the machine permits none."""
    with ExitStack() as stack:
        try:
            made = stack.enter_context(Hosts(number))
        except NoHostsError as reason:
            pytest.skip(str(reason))
        yield made


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=_COMMAND_SECONDS)
