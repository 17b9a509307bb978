"""Routes that are asked many times a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.routing import APIRoute
from starlette.requests import Request

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


class DirectRoute(APIRoute):
    """A route whose function takes the request, reads it by itself and gives a `Response`; described like any other.

    The framework's way from one to the other (dependencies, models, stacks of contexts) costs as much as an event does.
    """

    def __init__(self, path: str, endpoint: Any, **of_fastapi: Any) -> None:
        super().__init__(path, endpoint, **of_fastapi)
        self.app = self._answer

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self.endpoint(Request(scope, receive))
        await response(scope, receive, send)
