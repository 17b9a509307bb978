"""Logins of people and invitations to the room: rows that end, and that hold nothing to log in with.

What a browser keeps is a random token; a row keeps a hash of it, made with a secret of the configured keys. So a
stolen database lets nobody in, and changing a key ends every login that was made with it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from facematch.server.access.roles import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

USED_EVERY: Final = timedelta(minutes=1)
"""How exactly it is known when a login was last used: a write for each of a page's questions would be too many."""

INVITATION_PREFIX: Final = "invite-"
"""How a token of an invitation begins, so that it is not mistaken for a key."""


class Kind(StrEnum):
    """What a row stands for."""

    LOGIN = "login"
    """A person's browser, by cookie."""
    INVITATION = "invitation"
    """Whoever has the link."""


@dataclass(frozen=True, slots=True)
class Session:
    """One login or invitation."""

    id: str
    """Hash of its token: tells nobody how to log in."""
    kind: Kind
    role: Role
    room: str | None
    """The one room of a participant; None: not bound to one."""
    created_at: datetime
    used_at: datetime
    expires_at: datetime


class SessionStore(Protocol):
    """Where sessions are kept. Every method raises `OSError` when it cannot do its work now."""

    async def add(self, session: Session) -> None:
        """Keep a new one."""
        ...

    async def find(self, session_id: str) -> Session | None:
        """The one of this id, whether or not it has expired."""
        ...

    async def used(self, session_id: str, at: datetime) -> None:
        """Note when it was used."""
        ...

    async def remove(self, session_id: str) -> None:
        """Forget it; nothing happens when it is not there."""
        ...

    async def clear(self) -> int:
        """Forget all. Returns how many there were."""
        ...

    async def all(self) -> Collection[Session]:
        """Every one that is kept."""
        ...


class MemorySessionStore:
    """Sessions that end with the process."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}

    async def add(self, session: Session) -> None:
        """See `SessionStore.add`."""
        self._sessions[session.id] = session

    async def find(self, session_id: str) -> Session | None:
        """See `SessionStore.find`."""
        return self._sessions.get(session_id)

    async def used(self, session_id: str, at: datetime) -> None:
        """See `SessionStore.used`."""
        if session_id in self._sessions:
            self._sessions[session_id] = replace(self._sessions[session_id], used_at=at)

    async def remove(self, session_id: str) -> None:
        """See `SessionStore.remove`."""
        self._sessions.pop(session_id, None)

    async def clear(self) -> int:
        """See `SessionStore.clear`."""
        count = len(self._sessions)
        self._sessions.clear()
        return count

    async def all(self) -> Collection[Session]:
        """See `SessionStore.all`."""
        return tuple(self._sessions.values())


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Sessions:
    """Begins, finds and ends them.

    Args:
        store: keeps them.
        keys: of the people who can log in; when one changes, every session ends.
        idle: how long a login lasts that nobody uses.
        longest: how long a login lasts at most.
        invitation: how long an invitation is good for.
        now: an aware time; injected by tests.
    """

    def __init__(
        self,
        store: SessionStore,
        *,
        keys: Collection[str],
        idle: timedelta,
        longest: timedelta,
        invitation: timedelta,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._store = store
        self._pepper = hashlib.sha256("\n".join(["face-match sessions", *sorted(keys)]).encode()).digest()
        self._idle = idle
        self._longest = longest
        self._invitation = invitation
        self._now = now
        self._seen: dict[str, datetime] = {}
        """When each was last used, by what was to be written down: who is active does not end because that failed."""

    async def log_in(self, role: Role, room: str | None = None, until: datetime | None = None) -> tuple[str, Session]:
        """A new login.

        Args:
            role: whose.
            room: the only one that it is good for; None: not bound to one.
            until: when what it is had for ends, and with it the login; None: never.

        Returns:
            The token, which is kept nowhere else, and the session.

        Raises:
            OSError: it cannot be kept now.
        """
        token, now = secrets.token_urlsafe(32), self._now()
        ends = now + self._longest if until is None else min(now + self._longest, until)
        session = Session(self._id(token), Kind.LOGIN, role, room, now, now, ends)
        await self._store.add(session)
        return token, session

    async def invite(self, room: str) -> tuple[str, Session]:
        """A new invitation to a room; the same as `log_in` otherwise."""
        token, now = INVITATION_PREFIX + secrets.token_urlsafe(32), self._now()
        ends = now + self._invitation
        session = Session(self._id(token), Kind.INVITATION, Role.PARTICIPANT, room, now, now, ends)
        await self._store.add(session)
        return token, session

    async def find(self, token: str, kind: Kind) -> Session | None:
        """The session of a token, if it is still good. Counts as use, also while nothing can be written.

        Raises:
            OSError: it cannot be looked up now.
        """
        session = await self._store.find(self._id(token))
        if session is None or session.kind is not kind:
            return None
        if not self._is_good(session):
            with suppress(OSError):  # it is refused all the same, and removed by `forget`
                await self._store.remove(session.id)
            return None
        now = self._now()
        if now - self._used_at(session) >= USED_EVERY:
            self._seen[session.id] = now  # before it is written: others need not wait for the same lock
            with suppress(OSError):
                await self._store.used(session.id, now)
        return session

    async def end(self, session: Session) -> None:
        """End one."""
        await self._store.remove(session.id)

    async def end_all(self) -> int:
        """End all, invitations too. Returns how many."""
        return await self._store.clear()

    async def review(self) -> tuple[frozenset[str], frozenset[str]]:
        """Tell the good ones from those that have expired. Writes nothing.

        Returns:
            The ids of all that are good, and of those for `forget`.

        Raises:
            OSError: they cannot be read now.
        """
        kept = await self._store.all()
        good = frozenset(session.id for session in kept if self._is_good(session))
        self._seen = {session_id: at for session_id, at in self._seen.items() if session_id in good}
        return good, frozenset(session.id for session in kept) - good

    async def forget(self, expired: Iterable[str]) -> None:
        """Remove what `review` found to have expired.

        Raises:
            OSError: not all can be removed now; the next review finds them again.
        """
        for session_id in expired:
            await self._store.remove(session_id)

    def _is_good(self, session: Session) -> bool:
        now = self._now()
        unused = now - self._used_at(session)
        return now < session.expires_at and (session.kind is Kind.INVITATION or unused < self._idle)

    def _used_at(self, session: Session) -> datetime:
        return max(session.used_at, self._seen.get(session.id, session.used_at))

    def _id(self, token: str) -> str:
        return hmac.new(self._pepper, token.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
