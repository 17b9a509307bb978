from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from facematch.recognizer.delivery.api_client import ApiClient, ApiUnreachableError
from tests.rig.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


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
        with pytest.raises(ApiUnreachableError, match="TimeoutError"):
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


@contextlib.asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[str]:
    """A server that says this to whoever connects, and closes."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nbare",
    ],
)
async def test_whatever_is_no_answer_is_one_kind_of_trouble(answer: bytes) -> None:
    async with answering(answer) as url:
        client = ApiClient(url)
        with pytest.raises(ApiUnreachableError):
            await client.post("/api/check", {})
        await client.aclose()


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}", "http://no-such-host.invalid", "http://[::1", "http://a b"])
async def test_nobody_there_is_the_same_trouble(url: str, tcp_port: int) -> None:
    client = ApiClient(url.format(port=tcp_port))
    with pytest.raises(ApiUnreachableError):
        await client.post("/api/check", {})
    await client.aclose()


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async with answering(
        b"HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
    ) as url:
        client = ApiClient(url, "a-key-for-this-address-alone")
        assert (await client.post("/api/check", {})).status == 307
        await client.aclose()


async def test_no_proxy_stands_between(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with Receiver() as receiver:
        client = ApiClient(receiver.url)
        assert (await client.post("/api/check", {"participant_name": "a"})).status == 200
        await client.aclose()


async def test_names_go_as_they_are_and_not_six_times_as_long() -> None:
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil("李".encode()))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        client = ApiClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await client.post("/api/check", {"participant_name": "Zoë 李"})
        await client.aclose()
    assert "Zoë 李".encode() in heard[0]


def proof_in(head: str) -> str:
    """The header by which the client proves who it is."""
    found = [line for line in head.lower().splitlines() if line.startswith("authorization:")]
    return found[0].partition(":")[2].strip() if found else ""


@contextlib.asynccontextmanager
async def wanting(proofs: list[str]) -> AsyncIterator[tuple[int, list[str]]]:
    """A server that answers 401 but to the first of these proofs: its port, and what it was shown."""
    shown: list[str] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        shown.append(proof_in((await reader.readuntil(b"\r\n\r\n")).decode()))
        await reader.readexactly(2)
        status = b"200 OK" if shown[-1] == proofs[0] else b"401 Unauthorized"
        writer.write(b"HTTP/1.1 %b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], shown


async def test_this_machine_s_web_process_is_shown_the_secret_of_local_mode_when_it_wants_one() -> None:
    """Another start of the web process has another, or needs none; nothing is read while all is well."""
    read: list[str | None] = []
    kept: list[str | None] = [None]

    def local_secret() -> str | None:
        read.append(kept[0])
        return kept[0]

    proofs = [""]
    async with wanting(proofs) as (port, shown):
        client = ApiClient(f"http://localhost:{port}", None, local_secret)

        async def status() -> int:
            return (await client.post("/api/check", {})).status

        assert [await status() for _ in range(3)] == [200] * 3
        assert read == []
        proofs[0] = "bearer local-1"
        assert await status() == 401  # there is none yet
        kept[0] = "local-1"
        assert [await status() for _ in range(3)] == [200] * 3
        assert read == [None, "local-1"]
        proofs[0], kept[0] = "bearer local-2", "local-2"
        assert [await status() for _ in range(2)] == [200] * 2
        proofs[0] = "bearer local-3"
        del shown[:]
        assert await status() == 401  # once: there is no other to try
        assert shown == ["bearer local-2"]
        await client.aclose()


async def test_who_has_a_key_shows_that_and_asks_for_no_secret() -> None:
    def never() -> str:
        raise AssertionError("asked for")

    async with wanting(["bearer another-key"]) as (port, shown):
        client = ApiClient(f"http://127.0.0.1:{port}", "a-key", never)
        assert (await client.post("/api/check", {})).status == 401
        await client.aclose()
    assert shown == ["bearer a-key"]


async def test_a_proxy_before_the_web_process_is_shown_the_address_s_name_and_password() -> None:
    async with wanting(["basic dtpw"]) as (port, _):
        client = ApiClient(f"http://u:p@127.0.0.1:{port}")
        assert (await client.post("/api/check", {})).status == 200
        await client.aclose()


@pytest.mark.parametrize("url", ["http://cam.example.com", "http://192.0.2.7:8000", "http://localhost.evil.example"])
async def test_no_other_machine_is_shown_it(url: str) -> None:
    def never() -> str:
        raise AssertionError("asked for")

    client = ApiClient(url, None, never)
    with contextlib.suppress(ApiUnreachableError):
        await client.post("/api/check", {}, seconds=0.01)
    await client.aclose()


async def test_what_is_fetched_comes_with_its_tag_and_is_not_fetched_again() -> None:
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        heard.append(head.split(b"\r\n", 1)[0])
        known = b'If-None-Match: "7"' in head
        body = b"" if known else b"x" * 100_000
        status = b"304 Not Modified" if known else b"200 OK"
        writer.write(b'HTTP/1.1 %s\r\nETag: "7"\r\nContent-Length: %d\r\n\r\n%s' % (status, len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        client = ApiClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "a key")
        first = await client.get("/api/gallery?wait=1", None, seconds=5, most_bytes=100_000)
        again = await client.get("/api/gallery?wait=1", first.tag, seconds=5, most_bytes=100_000)
        with pytest.raises(ApiUnreachableError):
            await client.get("/api/gallery?wait=1", None, seconds=5, most_bytes=99_999)
        await client.aclose()
    assert (first.status, len(first.body), first.tag) == (200, 100_000, '"7"')
    assert (again.status, again.body) == (304, b"")
    assert set(heard) == {b"GET /api/gallery?wait=1 HTTP/1.1"}


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"])
async def test_what_cannot_be_fetched_is_the_same_trouble(answer: bytes) -> None:
    async with answering(answer) as url:
        client = ApiClient(url)
        with pytest.raises(ApiUnreachableError):
            await client.get("/api/gallery", None, seconds=5, most_bytes=100)
        await client.aclose()
