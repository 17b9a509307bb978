"""The page and its assets."""

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse
from starlette.staticfiles import StaticFiles

from facematch.server.access.authorization import LOGIN_PAGE
from facematch.server.access.caller import By, caller_of
from facematch.server.access.roles import Role
from facematch.server.gallery.enrollment import Enrollment
from facematch.server.web.errors import ApiError, Code, documented

_CACHE = "no-cache"
"""Kept, but asked about each time: an update of Face Match shows at once, and nothing is sent twice."""

_MISSING = (404, Code.NOT_FOUND, "There is nothing at this address.")


def routes(page: Path, assets: Path, enrollment: Enrollment) -> APIRouter:
    """`GET /`, `GET /login` and `GET /static/…`.

    Args:
        page: its HTML.
        assets: folder of its modules and styles.
        enrollment: made ready when somebody opens the page.
    """
    router = APIRouter(tags=["page"])
    page_files = StaticFiles(directory=page.parent)
    asset_files = StaticFiles(directory=assets, check_dir=False)
    files: dict[int | str, dict[str, Any]] = {
        200: {"content": {"text/html": {}}, "description": "The file"},
        304: {"description": "The caller has it"},
        **documented(_MISSING),
    }

    async def file(of: StaticFiles, path: str, request: Request) -> Response:
        response = await of.get_response(path, request.scope)
        response.headers["Cache-Control"] = _CACHE
        return response

    @router.get(
        "/",
        summary="The page",
        response_class=Response,
        responses={**files, 303: {"description": "Sign in first: leads to /login"}},
    )
    async def get_page(request: Request) -> Response:
        """For viewers and admins the whole, for participants the part with which they join."""
        if caller_of(request.scope).roles.isdisjoint({Role.VIEWER, Role.ADMIN}):
            return await file(asset_files, "pages/join.html", request)
        await enrollment.warm()
        return await file(page_files, page.name, request)

    @router.get(
        LOGIN_PAGE,
        summary="Where people sign in",
        response_class=Response,
        responses={**files, 303: {"description": "In local mode there is nothing to sign in to"}},
    )
    async def get_login(request: Request) -> Response:
        """A link of an invitation leads here, too: its token stands after the #, which no server is told."""
        if caller_of(request.scope).by is By.LOCAL:
            return RedirectResponse("/", 303)
        return await file(asset_files, "pages/login.html", request)

    @router.get("/static/{path:path}", summary="A part of the page", response_class=Response, responses=files)
    async def get_asset(path: str, request: Request) -> Response:
        if any(part.startswith(".") for part in path.split("/")):
            raise ApiError(*_MISSING)
        return await file(asset_files, path, request)

    router.add_api_route("/", get_page, methods=["HEAD"], include_in_schema=False)
    router.add_api_route(LOGIN_PAGE, get_login, methods=["HEAD"], include_in_schema=False)
    router.add_api_route("/static/{path:path}", get_asset, methods=["HEAD"], include_in_schema=False)
    return router
