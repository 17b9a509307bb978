"""Photographs that are none: whatever is uploaded, nothing fails, memory stays, and the reference is whole."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import Counter
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples

from tests.rig.hostile_images import uploads
from tests.rig.photographs import DATA, REFERENCE
from tests.rig.web import WebProcess

if TYPE_CHECKING:
    from tests.faults.conftest import Scale
    from tests.rig.hostile_images import Upload

EXPECTED = {200, 413, 422}
UPLOAD_MAX_MB = 2
PEAK_MB = 800
"""The largest photograph that is read has 40 million pixels: 120 MB, and again as much for each step that copies it."""
GROWTH_MB = 80
"""What may stay: allocators do not give everything back. The whole form has 10,000 uploads for it: 8 kB each."""
_BOUNDARY = "boundary-of-the-test"


async def test_whatever_is_uploaded(tmp_path: Path, scale: Scale, figure: dict[str, object]) -> None:
    web = WebProcess(tmp_path, upload_max_mb=UPLOAD_MAX_MB)
    await web.start()
    try:
        await asyncio.to_thread(fuzz, web, scale(150, 10_000), figure)
    finally:
        web.end()
    assert "Traceback" not in web.process.output()


def fuzz(web: WebProcess, count: int, figure: dict[str, object]) -> None:
    with closing(Client(web.port)) as client:
        fuzz_with(client, web, count, figure)


def at_rest(client: Client, process: psutil.Process) -> int:
    """Bytes of memory when the photo before is forgotten, which it is when another one has been looked at."""
    assert client.send(b"no photo at all", "photo.jpg", "image/jpeg") == 422
    return int(process.memory_info().rss)


def fuzz_with(client: Client, web: WebProcess, count: int, figure: dict[str, object]) -> None:
    first = (DATA / REFERENCE).read_bytes()
    assert client.send(first, "photo.jpg", "image/jpeg") == 200
    current = client.reference()
    process = psutil.Process(web.process.pid)
    answered: Counter[int] = Counter()
    settled = 0

    @given(upload=uploads())
    @examples(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def attempt(upload: Upload) -> None:
        nonlocal current, settled
        status = client.send(upload.file.data, upload.name, upload.content_type)
        assert status in EXPECTED, (status, upload)
        answered[status] += 1
        now = client.reference()
        if status == 200:
            assert now != b""
            current = now
        assert now == current, upload
        if sum(answered.values()) == count // 3:  # by now everything has been loaded that ever is
            settled = at_rest(client, process)

    attempt()
    grown = (min(at_rest(client, process) for _ in range(5)) - settled) / 1e6
    peak = peak_memory(process.pid) / 1e6
    figure |= {"uploads": sum(answered.values()), "answers": dict(answered), "peak MB": round(peak)}
    figure["grown MB"] = round(grown)
    assert {200, 422} <= set(answered)
    assert peak < PEAK_MB
    assert grown < GROWTH_MB
    assert client.send(first, "photo.jpg", "image/jpeg") == 200  # and still works
    assert hashlib.sha256(client.reference()).hexdigest()[:16] == client.reference_id


def peak_memory(pid: int) -> int:
    """Bytes of resident memory, at the most so far (Linux)."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text("utf-8"), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


class Client:
    """Sends forms as they are, with whatever name."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self.reference_id = ""

    def send(self, data: bytes, name: str, content_type: str) -> int:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"').replace("\0", "%00")
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{quoted}"\r\n'
        head += f"Content-Type: {content_type}\r\n\r\n" if content_type else "\r\n"
        body = head.encode() + data + f"\r\n--{_BOUNDARY}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
        self._connection.request("POST", "/api/reference", body, headers)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status

    def close(self) -> None:
        self._connection.close()

    def reference(self) -> bytes:
        self._connection.request("GET", "/reference/current.jpg")
        answer = self._connection.getresponse()
        self.reference_id = (answer.getheader("ETag") or "").strip('"')
        return answer.read()
