"""The page and its assets."""

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.staticfiles import StaticFiles

from facematch.server.errors import ApiError, Code, documented
from facematch.server.references import Enrollment

_CACHE = "no-cache"
"""Kept, but asked about each time: an update of Face Match shows at once, and nothing is sent twice."""

_MISSING = (404, Code.NOT_FOUND, "There is nothing at this address.")


def routes(page: Path, assets: Path, enrollment: Enrollment) -> APIRouter:
    """`GET /` and `GET /static/…`.

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

    @router.get("/", summary="The page", response_class=Response, responses=files)
    async def get_page(request: Request) -> Response:
        enrollment.warm()
        return await file(page_files, page.name, request)

    @router.get("/static/{path:path}", summary="A part of the page", response_class=Response, responses=files)
    async def get_asset(path: str, request: Request) -> Response:
        if any(part.startswith(".") for part in path.split("/")):
            raise ApiError(*_MISSING)
        return await file(asset_files, path, request)

    router.add_api_route("/", get_page, methods=["HEAD"], include_in_schema=False)
    router.add_api_route("/static/{path:path}", get_asset, methods=["HEAD"], include_in_schema=False)
    return router
