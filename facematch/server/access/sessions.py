"""Logins of people and invitations to the room: rows that end, and that hold nothing to log in with.

What a browser keeps is a random token; a row keeps a hash of it, made with a secret of the configured keys. So a
stolen database lets nobody in, and changing a key ends every login that was made with it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from facematch.server.access.roles import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

USED_EVERY: Final = timedelta(minutes=1)
"""How exactly it is known when a login was last used: a write for each of a page's questions would be too many."""

STEP: Final = 500
"""How many are looked at, or removed, at once."""

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
    person_id: str | None = None
    """Who whoever has it is supposed to be; None: nobody says."""
    name: str | None = None
    """What whoever signed in calls themselves."""


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

    async def remove(self, *session_ids: str) -> None:
        """Forget them; nothing happens with those that are not there."""
        ...

    async def clear(self) -> int:
        """Forget all. Returns how many there were."""
        ...

    async def some(self, session_ids: Collection[str]) -> Collection[Session]:
        """Those of these ids."""
        ...

    async def expired(self, now: datetime, unused_since: datetime, after: str, limit: int) -> Sequence[Session]:
        """Those whose end has come, or that are logins and were not used after that time: by id, beyond `after`."""
        ...

    async def count(self, kind: Kind, now: datetime) -> int:
        """How many of this kind have not come to their end."""
        ...


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _steps(ids: list[str]) -> Iterator[list[str]]:
    return (ids[at : at + STEP] for at in range(0, len(ids), STEP))


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

    async def log_in(
        self, role: Role, invitation: Session | None = None, name: str | None = None
    ) -> tuple[str, Session]:
        """A new login.

        Args:
            role: whose.
            invitation: for which it is had: it is good for no other room or person, and no longer; None: for a key.
            name: what they call themselves.

        Returns:
            The token, which is kept nowhere else, and the session.

        Raises:
            OSError: it cannot be kept now.
        """
        token, now = secrets.token_urlsafe(32), self._now()
        ends, room, person_id = now + self._longest, None, None
        if invitation is not None:
            ends = min(ends, invitation.expires_at)
            room, person_id = invitation.room, invitation.person_id
        session = Session(self._id(token), Kind.LOGIN, role, room, now, now, ends, person_id, name)
        await self._store.add(session)
        return token, session

    async def invite(self, room: str, person_id: str | None = None) -> tuple[str, Session]:
        """A new invitation to a room, perhaps of a certain person; the same as `log_in` otherwise."""
        token, now = INVITATION_PREFIX + secrets.token_urlsafe(32), self._now()
        ends = now + self._invitation
        session = Session(self._id(token), Kind.INVITATION, Role.PARTICIPANT, room, now, now, ends, person_id)
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
            with suppress(OSError):  # it is refused all the same, and removed by `forget_expired`
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
        self._seen.pop(session.id, None)

    async def end_all(self) -> int:
        """End all, invitations too. Returns how many."""
        return await self._store.clear()

    async def invitations(self) -> int:
        """How many there are that have not expired."""
        return await self._store.count(Kind.INVITATION, self._now())

    async def good(self, ids: Iterable[str]) -> frozenset[str]:
        """Which of these are good. Writes nothing.

        Raises:
            OSError: they cannot be read now.
        """
        good: set[str] = set()
        for step in _steps(list(ids)):
            good |= {session.id for session in await self._store.some(step) if self._is_good(session)}
        return frozenset(good)

    async def forget_expired(self) -> None:
        """Remove what has expired, in steps, between which others have their turn.

        Raises:
            OSError: not all can be removed now; the next time finds them again.
        """
        now = self._now()
        self._seen = {session_id: at for session_id, at in self._seen.items() if now - at < self._idle}
        after = ""
        while True:
            found = await self._store.expired(now, now - self._idle, after, STEP)
            if expired := [session.id for session in found if not self._is_good(session)]:
                await self._store.remove(*expired)
            if len(found) < STEP:
                return
            after = found[-1].id

    def _is_good(self, session: Session) -> bool:
        now = self._now()
        unused = now - self._used_at(session)
        return now < session.expires_at and (session.kind is Kind.INVITATION or unused < self._idle)

    def _used_at(self, session: Session) -> datetime:
        return max(session.used_at, self._seen.get(session.id, session.used_at))

    def _id(self, token: str) -> str:
        return hmac.new(self._pepper, token.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
