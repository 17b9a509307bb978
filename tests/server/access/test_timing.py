"""Comparing with a secret takes the same time whatever is sent: by how it is written, since clocks would flake."""

from __future__ import annotations

import ast
import hmac
import re
from typing import TYPE_CHECKING

import pytest

from facematch.config.settings import ROOT
from facematch.server.access.authentication import Keys
from facematch.server.access.roles import Role

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = re.compile(r"secret|token|bearer|password|passwd|pepper|digest|hash|hmac|signature|(^|_)keys?$", re.IGNORECASE)
WITH_SECRETS = ("access", "rooms", "webhooks", "web")
"""The parts of the web process that have any; elsewhere such words are of photographs and tables."""
PUBLIC = {
    "bearer.startswith(INVITATION_PREFIX)",  # tells keys from invitations, which everybody knows apart
    "(wanted.key is None) == (wanted.invitation is None)",  # whether there is one
    "bits_of(key) < ENOUGH_BITS",  # of the configured keys, before anybody asks
    "self._sessions.find(bearer, Kind.INVITATION)",  # which does:
    "self._sessions.find(token, Kind.LOGIN)",
    "self._store.find(self._id(token))",  # an HMAC with what nobody knows: where it differs says nothing of the token
}
"""Comparisons that name such a thing and tell nothing of it."""


def comparisons() -> Iterator[tuple[str, str]]:
    """Each `==`, `!=`, `in` and `startswith` of the web process in which something that sounds secret takes part."""
    server = ROOT / "facematch" / "server"
    for file in sorted(file for part in WITH_SECRETS for file in (server / part).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Compare) and not all(isinstance(op, (ast.Is, ast.IsNot)) for op in node.ops):
                sides = [node.left, *node.comparators]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _TELLING:
                sides = [node.func.value, *node.args]
            else:
                continue
            if any(SECRET.search(name) for side in sides for name in _names(side)):
                yield f"{file.relative_to(ROOT)}", ast.unparse(node)


_TELLING = {"startswith", "endswith", "index", "find"}


def _names(side: ast.expr) -> Iterator[str]:
    for node in ast.walk(side):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr


def test_nothing_secret_is_compared_in_a_way_that_ends_early() -> None:
    assert {code for _, code in comparisons()} == PUBLIC, list(comparisons())


@pytest.mark.parametrize("given", ["admin-key-0123456789", "admin-key-012345678", "a", "", "x" * 100_000, "\udc80"])
def test_whatever_is_sent_is_compared_with_every_key_whole(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[int, int]] = []
    really = hmac.compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return really(one, other)

    keys = Keys({Role.ADMIN: "admin-key-0123456789", Role.VIEWER: "viewer-key-0123", Role.RECOGNIZER: "r" * 40})
    monkeypatch.setattr(hmac, "compare_digest", compare)
    keys.role_of(given)
    assert compared == [(32, 32)] * 3
