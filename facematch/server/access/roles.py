"""What a request may be made as."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a request may be made as."""

    VIEWER = "viewer"
    """Sees events, snapshots, status; may join, and invite others to join."""
    ADMIN = "admin"
    """Sees and changes everything."""
    RECOGNIZER = "recognizer"
    """Reports events, and nothing else."""
    PARTICIPANT = "participant"
    """Joins one room, and sees nothing of what is found there."""
    GUEST = "guest"
    """Nobody yet: may sign in."""


Roles = frozenset[Role]
