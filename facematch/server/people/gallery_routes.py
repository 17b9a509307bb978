"""The gallery for recognizers: one file, and a way to wait for the next."""

# Annotations are read at run time here: FastAPI makes its routes from them.
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query, Response

from facematch.faces.gallery_file import MEDIA_TYPE
from facematch.server.people.publication import Publication
from facematch.server.web.errors import Code, documented
from facematch.server.web.etag import answer

LONGEST_WAIT: Final = 30.0
"""Seconds: shorter than what proxies take for a connection that is dead."""


def routes(publication: Publication) -> APIRouter:
    """`GET /api/gallery`.

    Args:
        publication: of the gallery.
    """
    router = APIRouter(tags=["people"])

    @router.get(
        "/api/gallery",
        summary="Everybody who is looked for, for recognizers",
        response_class=Response,
        responses={
            200: {
                "content": {MEDIA_TYPE: {}},
                "description": "A `safetensors` file; its ETag begins with the version",
            },
            304: {"description": "The gallery that the caller has is the current one (still, after `wait`)"},
            **documented((422, Code.INVALID, "wait: Input should be less than or equal to 30")),
        },
    )
    async def get(
        wait: Annotated[
            float,
            Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait for another gallery than that in If-None-Match"),
        ] = 0.0,
        if_none_match: Annotated[str | None, Header()] = None,
    ) -> Response:
        """Ids, rooms, tolerances and mean embeddings; no names and no photos. The default person is not in it."""
        known = (if_none_match or "").strip().removeprefix("W/").strip('"')
        published = await publication.other_than(known, wait)
        return answer(published.file, MEDIA_TYPE, published.tag, if_none_match, cache="private, no-cache")

    return router
