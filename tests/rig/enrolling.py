"""Enrols people over HTTP with photographs of `tests/data`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

from tests.rig.photographs import DATA

if TYPE_CHECKING:
    from tests.rig.web import WebProcess

ANYWAY = "anyway=ERASED_BEFORE&anyway=UNLIKE_THE_OTHERS"


async def enrol(web: WebProcess, name: str, *photographs: str, **details: object) -> str:
    """Add somebody with all of these photographs, whoever is in them; returns their id."""
    async with aiohttp.ClientSession(web.base_url) as session:
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
