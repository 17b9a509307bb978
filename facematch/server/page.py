"""The page and its assets."""

import re
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from facematch.server.access.authorization import LOGIN_PAGE
from facematch.server.access.caller import By, caller_of
from facematch.server.access.roles import Role
from facematch.server.gallery.enrollment import Enrollment
from facematch.server.web.errors import ApiError, Code, documented
from facematch.server.web.kept_files import KeptFiles

_ASKED_ABOUT: Final = "no-cache"
"""Kept, but asked about each time: an update of Face Match shows at once, and nothing is sent twice."""
_FOR_GOOD: Final = "public, max-age=31536000, immutable"
_NAMED_BY_CONTENT: Final = re.compile(r"[^/]+-[A-Z0-9]{8}\.[a-z.]+")
"""As the bundler names files (see `tools/setup/page.py`): another content has another name."""

_MISSING: Final = (404, Code.NOT_FOUND, "There is nothing at this address.")
_NOT_BUILT: Final = (503, Code.NOT_READY, "The page has not been built here: run ./install_fix.sh.")


def routes(built: Path, enrollment: Enrollment) -> APIRouter:
    """`GET /`, `GET /login` and `GET /static/…`.

    Args:
        built: folder of what set-up made of the page.
        enrollment: made ready when somebody opens the page.
    """
    router = APIRouter(tags=["page"])
    kept = KeptFiles(built)
    sent: dict[int | str, dict[str, Any]] = {
        200: {"content": {"text/html": {}}, "description": "The file"},
        304: {"description": "The caller has it"},
    }
    pages = {**sent, **documented(_NOT_BUILT)}

    async def page(name: str, request: Request) -> Response:
        found = await kept.answer(name, request, cache=_ASKED_ABOUT)
        if found is None:
            raise ApiError(*_NOT_BUILT)
        return found

    @router.get(
        "/",
        summary="The page",
        response_class=Response,
        responses={**pages, 303: {"description": "Sign in first: leads to /login"}},
    )
    async def get_page(request: Request) -> Response:
        """For viewers and admins the whole, for participants the part with which they join."""
        if caller_of(request.scope).roles.isdisjoint({Role.VIEWER, Role.ADMIN}):
            return await page("join.html", request)
        await enrollment.warm()
        return await page("frontend.html", request)

    @router.get(
        LOGIN_PAGE,
        summary="Where people sign in",
        response_class=Response,
        responses={**pages, 303: {"description": "In local mode there is nothing to sign in to"}},
    )
    async def get_login(request: Request) -> Response:
        """A link of an invitation leads here, too: its token stands after the #, which no server is told."""
        if caller_of(request.scope).by is By.LOCAL:
            return RedirectResponse("/", 303)
        return await page("login.html", request)

    parts = {**sent, **documented(_MISSING)}

    @router.get("/static/{path:path}", summary="A part of the page", response_class=Response, responses=parts)
    async def get_asset(path: str, request: Request) -> Response:
        found = await kept.answer(path, request, cache=_FOR_GOOD if _NAMED_BY_CONTENT.fullmatch(path) else _ASKED_ABOUT)
        if found is None:
            raise ApiError(*_MISSING)
        return found

    router.add_api_route("/", get_page, methods=["HEAD"], include_in_schema=False)
    router.add_api_route(LOGIN_PAGE, get_login, methods=["HEAD"], include_in_schema=False)
    router.add_api_route("/static/{path:path}", get_asset, methods=["HEAD"], include_in_schema=False)
    return router
