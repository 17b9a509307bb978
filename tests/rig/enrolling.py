"""Enrols people over HTTP with photographs of `tests/data`."""

from __future__ import annotations

from typing import Protocol

import aiohttp

from tests.rig.photographs import DATA


class Web(Protocol):
    """A web process, alone or with a recognizer."""

    base_url: str
    headers: dict[str, str]


ANYWAY = "anyway=ERASED_BEFORE&anyway=UNLIKE_THE_OTHERS"


async def enrol(web: Web, name: str, *photographs: str, **details: object) -> str:
    """Add somebody with all of these photographs, whoever is in them; returns their id."""
    async with aiohttp.ClientSession(web.base_url, headers=web.headers) as session:
        async with session.post("/api/people", json={"name": name, **details}) as answer:
            id_: str = (await answer.json())["id"]
        for photograph in photographs:
            form = aiohttp.FormData()
            picture = (DATA / photograph).read_bytes()
            form.add_field("files", picture, filename=photograph, content_type="image/jpeg")
            async with session.post(f"/api/people/{id_}/photos?{ANYWAY}", data=form) as answer:
                [result] = (await answer.json())["results"]
                assert result["ok"], result
    return id_
