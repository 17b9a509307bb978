"""Enrols people, and the reference, over HTTP with photographs of `tests/data`."""

from __future__ import annotations

from typing import Protocol

import aiohttp

from tests.rig.photographs import DATA, REFERENCE


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
            form = _form("files", photograph)
            async with session.post(f"/api/people/{id_}/photos?{ANYWAY}", data=form) as answer:
                [result] = (await answer.json())["results"]
                assert result["ok"], result
    return id_


async def upload_reference(web: Web, photograph: str = REFERENCE) -> str:
    """The photo of whom everybody is compared with; returns its id."""
    async with (
        aiohttp.ClientSession(web.base_url, headers=web.headers) as session,
        session.post("/api/reference", data=_form("file", photograph)) as answer,
    ):
        assert answer.status == 200, await answer.text()
        id_: str = (await answer.json())["reference_id"]
        return id_


def _form(field: str, photograph: str) -> aiohttp.FormData:
    form = aiohttp.FormData()
    form.add_field(field, (DATA / photograph).read_bytes(), filename=photograph, content_type="image/jpeg")
    return form
