from __future__ import annotations

import asyncio

import pytest

from facematch.recognizer.delivery.api_client import ApiClient
from tests.rig.receiver import Receiver


@pytest.mark.parametrize("ending", ["", "/"])
async def test_it_posts_json_and_hands_back_the_answer(ending: str) -> None:
    async with Receiver() as receiver:
        receiver.answers.append(422)
        client = ApiClient(receiver.url + ending)
        answer = await client.post("/api/check", {"participant_name": "Zoë"})
        await client.aclose()
    assert receiver.sent == [("/api/check", {"participant_name": "Zoë"})]
    assert (answer.status, answer.body) == (422, b'{"ok": false}')


async def test_an_answer_is_not_waited_for_for_ever() -> None:
    async with Receiver() as receiver:
        receiver.open.clear()
        client = ApiClient(receiver.url)
        with pytest.raises(TimeoutError):
            await client.post("/api/check", {"participant_name": "a"}, seconds=0.05)
        receiver.open.set()
        assert (await client.post("/api/check", {"participant_name": "b"})).status == 200
        await client.aclose()


async def test_a_post_can_be_cancelled() -> None:
    async with Receiver() as receiver:
        receiver.open.clear()
        client = ApiClient(receiver.url)
        posting = asyncio.create_task(client.post("/api/check", {"participant_name": "a"}))
        await receiver.until_sent(1)
        posting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await posting
        await client.aclose()


async def test_closing_what_was_never_used_is_no_trouble() -> None:
    await ApiClient("http://127.0.0.1:9").aclose()
