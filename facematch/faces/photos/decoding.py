"""Photographs of others, decoded in a process of their own: whatever they do there, nothing happens here.

Each gets a new one, without this process's secrets, with bounds on memory and time (`decoding_process`). It is no
wall: who finds a way to run code of his own in a codec runs it as this user.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from PIL import Image

from facematch.faces.photos.photo import LONGEST_READ, Photo, photo_kind
from facematch.faces.photos.refusal import EnrollmentError

if TYPE_CHECKING:
    from asyncio.subprocess import Process

log = structlog.get_logger(__name__)

START_SECONDS = 20.0
"""How long a process may take to start; a tenth of a second of work."""
DECODE_SECONDS = 15.0
"""How long a photograph may take, whatever else the machine does. Of computing alone it gets less."""
_COMMAND = (sys.executable, "-m", "facematch.faces.photos.decoding_process")
_FOLDER = Path(__file__).resolve().parents[3]
_KEPT = ("LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "PYTHONPATH")
"""What the process gets of the environment: enough to find Python and its packages."""
_LARGEST_ANSWER = 3 * LONGEST_READ**2 + 4096


async def decode(data: bytes) -> Photo:
    """The photograph in the bytes of a JPEG, PNG or WebP file; the first one if it holds several.

    One at a time: whoever calls sees to it.

    Raises:
        EnrollmentError: it is none of these, damaged, too large, or too much for the process.
        OSError: the process cannot be started, or not in time. The photograph is not to blame.
    """
    photo_kind(data)  # what is none needs no process
    process = await asyncio.create_subprocess_exec(
        *_COMMAND,
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        cwd=_FOLDER,
        env={name: os.environ[name] for name in _KEPT if name in os.environ},
        start_new_session=True,  # Ctrl+C in a terminal is for us
        limit=_LARGEST_ANSWER,
    )
    try:
        await _started(process)
        return await asyncio.to_thread(_photo, await _answer(process, data))
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def _started(process: Process) -> None:
    try:
        async with asyncio.timeout(START_SECONDS):
            if process.stdout is not None and await process.stdout.readline():
                return
            await process.wait()
    except TimeoutError:
        raise TimeoutError(f"the process that reads photos did not start within {START_SECONDS:.0f} seconds") from None
    raise OSError(f"the process that reads photos ended at its start ({process.returncode})")


async def _answer(process: Process, data: bytes) -> bytes:
    """All that it says of the photograph."""
    try:
        async with asyncio.timeout(DECODE_SECONDS):
            answer, _ = await process.communicate(data)
    except TimeoutError:
        raise _too_slow() from None
    if process.returncode == -signal.SIGXCPU:
        raise _too_slow()
    if process.returncode:
        log.warning("A photo ended the process that read it", exit_code=process.returncode)
        raise _unreadable()
    return answer


def _photo(answer: bytes) -> Photo:
    line, _, pixels = answer.partition(b"\n")
    said = json.loads(line)
    if "code" in said:
        size = said["frame_size"]
        raise EnrollmentError(said["code"], said["detail"], frame_size=tuple(size) if size else None)
    return Photo(Image.frombytes("RGB", tuple(said["picture"]), pixels), tuple(said["size"]))


def _too_slow() -> EnrollmentError:
    log.warning("A photo took too long to read and was given up")
    return EnrollmentError("TOO_LARGE", "The picture takes too long to read. Save it again as a plain JPEG.")


def _unreadable() -> EnrollmentError:
    return EnrollmentError("NOT_AN_IMAGE", "The picture cannot be read: it stops the decoder. Use another file.")
