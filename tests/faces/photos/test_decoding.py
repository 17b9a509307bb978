"""A photograph is decoded apart: what it does to the process that reads it is an answer, in time, and no end."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sys
import zlib
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest
from PIL import Image

from facematch.faces.photos import decoding
from facematch.faces.photos.decoding import decode
from facematch.faces.photos.decoding_process import CPU_SECONDS, MEMORY_BYTES
from facematch.faces.photos.photo import read_photo
from facematch.faces.photos.refusal import EnrollmentError
from tests.rig.hostile_images import png, progressive_bomb, webp_bomb
from tests.rig.pictures import photo_bytes
from tests.rig.waiting import wait_until_true

if TYPE_CHECKING:
    from pathlib import Path

    from facematch.faces.engine import FaceEngine

SECRETS = {"ADMIN_KEY": "the-admins", "LIVEKIT_API_SECRET": "the-servers", "AWS_SESSION_TOKEN": "somebody-elses"}


async def refusal(data: bytes) -> EnrollmentError:
    with pytest.raises(EnrollmentError) as refused:
        await decode(data)
    assert refused.value.detail.endswith(".")
    return refused.value


@pytest.fixture(autouse=True)
def _others() -> None:
    """Servers that other tests share are this process's children, too."""
    OTHERS.clear()
    OTHERS.update(psutil.Process().children())


OTHERS: set[psutil.Process] = set()


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if child not in OTHERS]


def program(monkeypatch: pytest.MonkeyPatch, does: str) -> None:
    """Have this done instead of decoding: what no photograph can be made to do on demand."""
    before = "import json, os, resource, signal, sys, time\n"
    before += "from facematch.faces.photos import decoding_process as real\n"
    monkeypatch.setattr(decoding, "_COMMAND", (sys.executable, "-c", before + does))


STARTED = "real._limit(); real._say(real.READY); data = sys.stdin.buffer.read()\n"


@pytest.mark.parametrize("name", ["obama", "two_faces"])
async def test_a_photograph_comes_back_as_it_is_read_here(name: str) -> None:
    data = photo_bytes(name)
    apart, here = await decode(data), read_photo(data)
    assert (apart.size, apart.picture.mode) == (here.size, "RGB")
    assert np.array_equal(np.asarray(apart.picture), np.asarray(here.picture))
    assert not children()


async def test_the_size_that_it_had_comes_with_it() -> None:
    file = BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (6400, 4000)).save(file, "JPEG", exif=exif)
    photo = await decode(file.getvalue())
    assert (photo.size, photo.picture.size) == ((4000, 6400), (2000, 3200))


async def test_a_refusal_comes_back_whole() -> None:
    data = png(8000, 5001, zlib.compress(b""))
    with pytest.raises(EnrollmentError) as here:
        read_photo(data)
    apart = await refusal(data)
    assert (apart.code, apart.detail, apart.frame_size) == (here.value.code, here.value.detail, (8000, 5001))
    assert (await refusal(b"\xff\xd8\xff no picture")).frame_size is None


async def test_what_is_no_picture_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_COMMAND", ("/no/such/program",))
    for data in (b"", b"no picture", b"\0\0\0\x18ftypheic"):
        assert (await refusal(data)).code == "NOT_AN_IMAGE"


# --- bombs


async def test_a_jpeg_of_very_many_passes_is_counted_and_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = progressive_bomb(6_000, 6_000, 100_000)
    assert len(bomb) < 7_000_000  # seven minutes of work
    refused = await refusal(bomb)
    assert (refused.code, refused.frame_size) == ("TOO_LARGE", (6_000, 6_000))
    assert "50 layers" in refused.detail
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    monkeypatch.setattr(decoding, "DECODE_SECONDS", 60)
    assert (await decode(progressive_bomb(6_000, 6_000, 49))).size == (6_000, 6_000)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - used.ru_utime < CPU_SECONDS


async def test_a_webp_of_few_bytes_and_very_many_pixels() -> None:
    bomb = webp_bomb(16_384, 16_384)
    assert len(bomb) < 50
    refused = await refusal(bomb)
    assert (refused.code, refused.frame_size) == ("TOO_LARGE", (16_384, 16_384))
    assert (await decode(webp_bomb(5_000, 5_000))).size == (5_000, 5_000)


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the count out of the way; without a bound, this one is read."""
    program(monkeypatch, "from facematch.faces.photos import photo\nphoto.LARGEST_PIXELS = 10**9\nreal.main()\n")
    refused = await refusal(webp_bomb(12_000, 12_000))
    assert refused.code in ("TOO_LARGE", "NOT_AN_IMAGE")


async def test_time_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the count out of the way, and a second in place of ten."""
    lifted = "from facematch.faces.photos import photo\nphoto.MOST_SCANS = 10**9\nreal.CPU_SECONDS = 1\nreal.main()\n"
    program(monkeypatch, lifted)
    monkeypatch.setattr(decoding, "DECODE_SECONDS", 120)
    refused = await refusal(progressive_bomb(6_000, 6_000, 10_000))
    assert (refused.code, refused.frame_size) == ("TOO_LARGE", None)
    assert "too long" in refused.detail


# --- what goes wrong with the process


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL, signal.SIGBUS])
async def test_a_crash_in_a_codec_is_an_answer(number: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    program(monkeypatch, STARTED + f"os.kill(os.getpid(), {int(number)})\n")
    refused = await refusal(photo_bytes("obama"))
    assert refused.code == "NOT_AN_IMAGE"
    assert "cannot be read" in refused.detail
    monkeypatch.undo()
    assert (await decode(photo_bytes("obama"))).size == (910, 1137)


async def test_a_crash_before_the_photograph_was_taken_in(monkeypatch: pytest.MonkeyPatch) -> None:
    program(monkeypatch, "real._say(real.READY)\nos.abort()\n")
    assert (await refusal(b"\xff\xd8\xff" + bytes(5_000_000))).code == "NOT_AN_IMAGE"


async def test_the_real_one_killed_at_work() -> None:
    """Stopped as soon as it has the photograph, then killed by its number, as a machine without memory does."""
    data = progressive_bomb(10_000, 10_000, 49) + bytes(20_000_000)  # far more than Python reads to start
    reading = asyncio.create_task(decode(data))
    at_work = lambda: any(child.io_counters().read_chars > len(data) for child in children())  # noqa: E731
    await wait_until_true(at_work, within=30, what="the photograph is being read")
    (child,) = children()
    child.send_signal(signal.SIGSTOP)
    child.kill()
    with pytest.raises(EnrollmentError, match="cannot be read"):
        await reading
    assert not children()


async def test_one_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    program(monkeypatch, STARTED + "os.kill(os.getpid(), signal.SIGSTOP)\n")
    monkeypatch.setattr(decoding, "DECODE_SECONDS", 0.2)
    refused = await refusal(photo_bytes("obama"))
    assert (refused.code, "too long" in refused.detail) == ("TOO_LARGE", True)
    assert not children()


async def test_one_that_takes_nothing_in_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    program(monkeypatch, "real._say(real.READY)\ntime.sleep(600)\n")
    monkeypatch.setattr(decoding, "DECODE_SECONDS", 0.2)
    assert (await refusal(b"\xff\xd8\xff" + bytes(5_000_000))).code == "TOO_LARGE"


@pytest.mark.parametrize("does", ["sys.exit(3)", "raise ImportError('no codec')", "os.abort()"])
async def test_one_that_does_not_start_is_not_the_photographs_fault(does: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program(monkeypatch, does)
    with pytest.raises(OSError, match="ended at its start"):
        await decode(photo_bytes("obama"))


async def test_one_that_is_not_there_or_hangs_at_its_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_COMMAND", (str(tmp_path / "no-such-python"),))
    with pytest.raises(OSError, match="no-such-python"):
        await decode(photo_bytes("obama"))
    program(monkeypatch, "time.sleep(600)")
    monkeypatch.setattr(decoding, "START_SECONDS", 0.2)
    with pytest.raises(TimeoutError):
        await decode(photo_bytes("obama"))
    assert not children()


async def test_whoever_stops_waiting_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    program(monkeypatch, STARTED + "time.sleep(600)\n")
    reading = asyncio.create_task(decode(photo_bytes("obama")))
    await wait_until_true(children, within=30, what="it has started")
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert not children()


# --- what it is given


async def test_it_has_limits_and_no_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    wanted = "RLIMIT_AS RLIMIT_CPU RLIMIT_CORE RLIMIT_FSIZE"
    tell = f"""
limits = {{name: resource.getrlimit(getattr(resource, name))[0] for name in {wanted.split()!r}}}
told = json.dumps([dict(os.environ), limits, os.getsid(0) == os.getpid(), sorted(os.listdir("/proc/self/fd"))])
real._say(real._line({{"code": "NO_FACE", "detail": told, "frame_size": None}}))
"""
    program(monkeypatch, STARTED + tell)
    held = (tmp_path / "held").open("w")
    os.set_inheritable(held.fileno(), True)
    with held, pytest.raises(EnrollmentError) as told:
        await decode(photo_bytes("obama"))
    environment, limits, own_session, files = json.loads(told.value.detail)
    assert set(environment) <= {"LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "PYTHONPATH", "LC_CTYPE"}
    assert limits == {
        "RLIMIT_AS": MEMORY_BYTES,
        "RLIMIT_CPU": CPU_SECONDS,
        "RLIMIT_CORE": 0,
        "RLIMIT_FSIZE": 0,
    }
    assert own_session
    assert len(files) == 4  # the three, and the folder that is being listed


# --- through the engine


async def test_the_engine_reads_apart(engine: FaceEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    program(monkeypatch, STARTED + "os.abort()\n")
    for read in (engine.enroll, engine.read_stored):
        with pytest.raises(EnrollmentError, match="cannot be read"):
            await read(photo_bytes("obama"))
