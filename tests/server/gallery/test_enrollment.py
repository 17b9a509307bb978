"""Enrollment: one photo at a time, in few places, with models that are loaded when somebody needs them."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from facematch.faces.models import ModelError
from facematch.faces.reference import reference_id
from facematch.server.gallery import enrollment as service
from facematch.server.gallery.enrollment import Enrollment
from facematch.server.gallery.photo_file import ReferenceFile
from facematch.server.web.errors import ApiError
from tests.rig.fake_examiner import FakeExaminer, FakePhoto

if TYPE_CHECKING:
    from pathlib import Path


async def test_photos_are_examined_one_at_a_time(tmp_path: Path) -> None:
    at_work = asyncio.Semaphore(0)
    go_on = asyncio.Semaphore(0)
    most = now = 0

    class Slow(FakeExaminer):
        async def enroll(self, data: bytes) -> FakePhoto:
            nonlocal most, now
            now += 1
            most = max(most, now)
            at_work.release()
            await go_on.acquire()
            now -= 1
            return FakePhoto(jpeg=data)

    file = ReferenceFile(tmp_path / "current.jpg")
    enrollment = Enrollment(Slow, file)
    tasks = [asyncio.create_task(enrollment.enroll(b"photo %d" % number)) for number in range(3)]
    for _ in tasks:
        await at_work.acquire()
        go_on.release()
    ids = [new_id for new_id, _ in await asyncio.gather(*tasks)]
    assert most == 1
    assert await file.read() == b"photo 2"
    assert ids[-1] == reference_id(b"photo 2")


async def test_places_are_given_back(tmp_path: Path, examiner: FakeExaminer) -> None:
    enrollment = Enrollment(lambda: examiner, ReferenceFile(tmp_path / "current.jpg"))
    for _ in range(2):
        held = [enrollment.place() for _ in range(service._PLACES)]
        for place in held:
            await place.__aenter__()
        with pytest.raises(ApiError) as refused:
            async with enrollment.place():
                pass
        assert (refused.value.status, refused.value.code) == (503, "BUSY")
        for place in held:
            await place.__aexit__(None, None, None)


async def test_models_are_loaded_once_in_a_thread_and_again_after_a_failure(tmp_path: Path) -> None:
    threads: list[threading.Thread] = []

    def make() -> FakeExaminer:
        threads.append(threading.current_thread())
        if len(threads) == 1:
            raise ModelError("not installed")
        return FakeExaminer()

    enrollment = Enrollment(make, ReferenceFile(tmp_path / "current.jpg"))
    with pytest.raises(ApiError) as refused:
        await enrollment.enroll(b"x")
    assert refused.value.status == 503
    assert "not installed" in refused.value.detail
    await enrollment.warm()
    await enrollment.warm()
    await enrollment.enroll(b"x")
    await enrollment.enroll(b"x")
    assert len(threads) == 2
    assert threading.main_thread() not in threads
    await enrollment.aclose()


async def test_closing_ends_the_engine_and_needs_none(tmp_path: Path) -> None:
    unused = Enrollment(lambda: pytest.fail("made for nothing"), ReferenceFile(tmp_path / "current.jpg"))
    await unused.aclose()
    examiner = FakeExaminer()
    used = Enrollment(lambda: examiner, ReferenceFile(tmp_path / "current.jpg"))
    await used.warm()
    await used.aclose()
    assert examiner.closed
    examiner.error = RuntimeError("closed")
    with pytest.raises(ApiError) as refused:
        await used.enroll(b"x")
    assert (refused.value.status, refused.value.code) == (503, "STOPPING")


async def test_closing_after_the_models_failed(tmp_path: Path) -> None:
    def make() -> FakeExaminer:
        raise ModelError("not installed")

    enrollment = Enrollment(make, ReferenceFile(tmp_path / "current.jpg"))
    with pytest.raises(ApiError):
        await enrollment.enroll(b"x")
    await enrollment.aclose()
