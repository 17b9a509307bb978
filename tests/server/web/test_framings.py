"""Ways to say where a request ends: each is understood in one way or refused, and nothing is left over for the next."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

from tests.rig.web import WebProcess

if TYPE_CHECKING:
    from pathlib import Path

CHECK = json.dumps(
    {
        "type": "check",
        "participant_id": "PA_xxx",
        "participant_name": "Alice42",
        "match_found": True,
        "timestamp": "2025-09-25T14:07:08.987654+00:00",
    }
).encode()
LENGTH = str(len(CHECK)).encode()
CHUNK = b"%x\r\n%b\r\n" % (len(CHECK), CHECK)
CHUNKED = CHUNK + b"0\r\n\r\n"
NEXT = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
"""Follows on the same connection. Where a framing is refused it is not answered: it may be part of another's body."""

TAKEN, REFUSED, SILENCE = "taken", "refused", "silence"


def post(
    *headers: bytes, body: bytes = CHECK, line: bytes = b"POST /api/check HTTP/1.1", end: bytes = b"\r\n"
) -> bytes:
    return end.join([line, b"Host: localhost", b"Content-Type: application/json", *headers, b"", b""]) + body


def length(value: bytes) -> bytes:
    return b"Content-Length: " + value


def coding(value: bytes) -> bytes:
    return b"Transfer-Encoding: " + value


FRAMINGS: dict[str, tuple[bytes, str]] = {
    # as they should be
    "a length": (post(length(LENGTH)), TAKEN),
    "a length with zeros": (post(length(b"000" + LENGTH)), TAKEN),
    "a length with spaces around": (post(length(b"  " + LENGTH + b" \t")), TAKEN),
    "the same length twice": (post(length(LENGTH), length(LENGTH)), TAKEN),
    "the same length in a list": (post(length(LENGTH + b", " + LENGTH)), TAKEN),
    "chunks": (post(coding(b"chunked"), body=CHUNKED), TAKEN),
    "chunks, in capitals": (post(coding(b"CHUNKED"), body=CHUNKED), TAKEN),
    "chunks with an extension": (post(coding(b"chunked"), body=CHUNKED.replace(b"\r\n", b";a=b\r\n", 1)), TAKEN),
    "chunks with a trailer": (post(coding(b"chunked"), body=CHUNK + b"0\r\nA: b\r\n\r\n"), TAKEN),
    "chunks of one byte": (
        post(coding(b"chunked"), body=b"".join(b"1\r\n%c\r\n" % byte for byte in CHECK) + b"0\r\n\r\n"),
        TAKEN,
    ),
    "a size with zeros": (post(coding(b"chunked"), body=b"000" + CHUNKED), TAKEN),
    "expecting 100": (post(length(LENGTH), b"Expect: 100-continue"), TAKEN),
    "an empty line before": (b"\r\n" + post(length(LENGTH)), TAKEN),
    # a length that is none
    "a negative length": (post(length(b"-1")), REFUSED),
    "a length with a plus": (post(length(b"+" + LENGTH)), REFUSED),
    "a length in hexadecimal": (post(length(b"0x40")), REFUSED),
    "a length with an underscore": (post(length(b"1_0")), REFUSED),
    "a length of letters": (post(length(b"many")), REFUSED),
    "an empty length": (post(length(b"")), REFUSED),
    "a length with a fraction": (post(length(LENGTH + b".0")), REFUSED),
    "a length of twenty-one digits": (post(length(b"9" * 21)), REFUSED),
    "a length of other digits": (post(length("\u0661\u0660".encode())), REFUSED),
    "two lengths": (post(length(LENGTH), length(b"1")), REFUSED),
    "two lengths in a list": (post(length(LENGTH + b", 1")), REFUSED),
    # two ways at once, or one that is not known
    "a length and chunks": (post(length(b"4"), coding(b"chunked"), body=CHUNKED), REFUSED),
    "chunks and a length": (post(coding(b"chunked"), length(b"4"), body=CHUNKED), REFUSED),
    "chunks twice": (post(coding(b"chunked"), coding(b"chunked"), body=CHUNKED), REFUSED),
    "chunks twice in a list": (post(coding(b"chunked, chunked"), body=CHUNKED), REFUSED),
    "chunks and then identity": (post(coding(b"chunked, identity"), body=CHUNKED), REFUSED),
    "identity": (post(coding(b"identity"), length(LENGTH)), REFUSED),
    "gzip and chunks": (post(coding(b"gzip, chunked"), body=CHUNKED), REFUSED),
    "a coding in quotes": (post(coding(b'"chunked"'), body=CHUNKED), REFUSED),
    "a coding with a vertical tab": (post(coding(b"\x0bchunked"), body=CHUNKED), REFUSED),
    "a coding with a tail": (post(coding(b"chunked;q=1"), body=CHUNKED), REFUSED),
    "an empty coding": (post(coding(b""), body=CHUNKED), REFUSED),
    "a space before the colon": (post(b"Transfer-Encoding : chunked", body=CHUNKED), REFUSED),
    "a space before the length's colon": (post(b"Content-Length : " + LENGTH), REFUSED),
    "a folded coding": (post(b"Transfer-Encoding:\r\n chunked", length(LENGTH), body=CHUNKED), REFUSED),
    "a null in a header": (post(length(LENGTH), b"A: b\x00c"), REFUSED),
    "a bare carriage return in a header": (post(length(LENGTH), b"A: b\rContent-Length: 1"), REFUSED),
    "a header without a colon": (post(length(LENGTH), b"Transfer-Encoding"), REFUSED),
    "a header without a name": (post(length(LENGTH), b": chunked"), REFUSED),
    "a line before the headers that begins with a space": (
        post(length(LENGTH), line=b"POST /api/check HTTP/1.1\r\n X: y"),
        REFUSED,
    ),
    # chunks that are none
    "a size that is none": (post(coding(b"chunked"), body=b"xyz\r\n"), REFUSED),
    "a negative size": (post(coding(b"chunked"), body=b"-1\r\n"), REFUSED),
    "a size with a prefix": (post(coding(b"chunked"), body=b"0x5\r\nhello\r\n0\r\n\r\n"), REFUSED),
    "a size of twenty-one digits": (post(coding(b"chunked"), body=b"1" + b"0" * 20 + b"\r\n"), REFUSED),
    "a chunk that is longer than its size": (post(coding(b"chunked"), body=b"1\r\nxyz\r\n0\r\n\r\n"), REFUSED),
    "a space before a size": (post(coding(b"chunked"), body=b" " + CHUNKED), REFUSED),
    # request lines
    "another version of the protocol": (post(length(LENGTH), line=b"POST /api/check HTTP/9.9"), REFUSED),
    "no version": (post(length(LENGTH), line=b"POST /api/check"), REFUSED),
    "a version in small letters": (post(length(LENGTH), line=b"POST /api/check http/1.1"), REFUSED),
    "two spaces": (post(length(LENGTH), line=b"POST  /api/check HTTP/1.1"), REFUSED),
    "HTTP/2's preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", REFUSED),
    "a TLS handshake": (bytes.fromhex("16030100c8010000c40303") + bytes(50), REFUSED),
    # what is not whole: nothing is answered, and nothing done
    "half a head": (post(length(LENGTH))[:60], SILENCE),
    "half a body": (post(length(LENGTH), body=CHECK[:10]), SILENCE),
    "half a chunk": (post(coding(b"chunked"), body=CHUNK[:10]), SILENCE),
    "chunks without an end": (post(coding(b"chunked"), body=CHUNK), SILENCE),
}


async def test_each_is_understood_in_one_way(tmp_path: Path) -> None:
    web = WebProcess(tmp_path)
    wrong = {}
    stored = 0
    try:
        await web.start()
        for name, (request, meant) in FRAMINGS.items():
            statuses = await (heard_nothing(web, request) if meant == SILENCE else said(web, request + NEXT))
            before, stored = stored, await events(web)
            fine = {
                TAKEN: statuses == [200, 200] and stored == before + 1,
                REFUSED: bool(statuses) and min(statuses) >= 400 and stored == before,
                SILENCE: statuses == [] and stored == before,
            }
            if not fine[meant]:
                wrong[name] = (meant, statuses, stored - before)
    finally:
        web.end()
    assert wrong == {}
    assert len(FRAMINGS) >= 50


async def said(web: WebProcess, requests: bytes) -> list[int]:
    """The statuses that the server answers with until it hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
    writer.write(requests)
    answered = b""
    async with asyncio.timeout(20):
        with contextlib.suppress(ConnectionResetError):  # what it has not read is more than what it has answered
            while more := await reader.read(65_536):
                answered += more
    writer.close()
    return [int(part[:3]) for part in answered.split(b"HTTP/1.1 ")[1:] if not part.startswith(b"100")]


async def heard_nothing(web: WebProcess, request: bytes) -> list[int]:
    """What comes, although the request is not whole, before other requests are answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
    writer.write(request)
    await writer.drain()
    await events(web)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.05):
            return [int((await reader.readline()).split()[1])]
    writer.close()
    return []


async def events(web: WebProcess) -> int:
    """How many the log holds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
    writer.write(b"GET /api/events?after=0 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    found: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return len(found["events"])
