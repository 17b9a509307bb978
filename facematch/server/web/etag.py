"""Bytes with an entity tag: sent once, and then only confirmed."""

from __future__ import annotations

from starlette.responses import Response


def answer(data: bytes, media_type: str, tag: str, if_none_match: str | None, *, cache: str) -> Response:
    """The bytes, or 304 when the caller has them.

    Args:
        data: what is asked for.
        media_type: of the data.
        tag: changes whenever the data do; no quotes.
        if_none_match: the request's header.
        cache: the answer's Cache-Control.
    """
    headers = {"ETag": f'"{tag}"', "Cache-Control": cache}
    known = {part.strip().removeprefix("W/").strip('"') for part in (if_none_match or "").split(",")}
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=media_type, headers=headers)
