"""What the answers to heartbeats say of single participants: who they are supposed to be, who is not to be looked at,
and whom to look at now.

Others know that and are asked here. A recognizer is answered about those only whom it has named: it learns of nobody
whom it does not see.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from facematch.protocol.heartbeat import Heartbeat

log = structlog.get_logger(__name__)


async def _no_binding(_room: str, _identities: Collection[str]) -> Mapping[str, str] | None:
    return None


async def _nobody(_identities: Collection[str]) -> Collection[str] | None:
    return None


async def _no_number(_room: str) -> Mapping[str, int] | None:
    return None


async def _somebody() -> bool:
    return False


async def _unheeded(_heartbeat: Heartbeat) -> None:
    pass


def _no_look(_heartbeat: Heartbeat) -> Collection[str]:
    return ()


@dataclass(frozen=True, slots=True)
class Directing:
    """Who is asked. What cannot be read now (`OSError`) is not said: recognizers then keep to what they know."""

    bindings: Callable[[str, Collection[str]], Awaitable[Mapping[str, str] | None]] = _no_binding
    """Of a room and identities: which person each is supposed to be; those without a binding are left out."""
    not_compared: Callable[[Collection[str]], Awaitable[Collection[str] | None]] = _nobody
    """Of identities: those that are not to be looked at."""
    look_now: Callable[[Heartbeat], Collection[str]] = _no_look
    """Of a heartbeat: the identities whose next batch is due at once."""
    acknowledged: Callable[[str], Awaitable[Mapping[str, int] | None]] = _no_number
    """Of a room: the identities whose other face somebody has seen to, each with a number that rises when it was."""
    all_compared: Callable[[], Awaitable[bool]] = _somebody
    """Whether nobody at all is not to be looked at: recognizers then need not ask first about whoever is new."""

    heed: Callable[[Heartbeat], Awaitable[None]] = _unheeded
    """Hears first what a heartbeat tells of participants."""

    async def answer(self, heartbeat: Heartbeat) -> dict[str, Any]:
        """The fields of the answer to a heartbeat that are about participants."""
        named = {track.participant_identity for track in heartbeat.tracks}
        fields: dict[str, Any] = {"look_now": sorted(named.intersection(self.look_now(heartbeat)))}
        try:
            await self.heed(heartbeat)
            bound, apart = await self.bindings(heartbeat.room, named), await self.not_compared(named)
            acknowledged = await self.acknowledged(heartbeat.room)
            all_compared = apart is not None and not apart and await self.all_compared()
        except OSError as error:
            log.debug("The answer to a heartbeat says nothing of participants", reason=str(error))
            return fields
        if bound is not None:
            fields["bindings"] = {identity: bound[identity] for identity in sorted(named & bound.keys())}
        if apart is not None:
            fields["not_compared"] = sorted(named.intersection(apart))
            fields["all_compared"] = all_compared
        if acknowledged is not None:
            fields["acknowledged"] = {who: acknowledged[who] for who in sorted(named & acknowledged.keys())}
        return fields


NO_WORD = Directing()
"""Nobody is asked."""
