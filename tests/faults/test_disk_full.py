"""The disk of snapshots, outbox and event log is full: nothing crashes, no file is torn, and it is told."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.rig.audit import assert_in_order, assert_snapshots_have_events, logged
from tests.rig.crowd import gather
from tests.rig.listener import is_match
from tests.rig.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.conftest import Scale
    from tests.rig.stacks import MakeStack

FIRST = 30
DISK_MB = 160
"""More than /readyz asks for."""
_MB = 1 << 20


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of `DISK_MB`, or the test is skipped."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("needs root on Linux to mount a small tmpfs")
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"a small tmpfs cannot be mounted here: {done.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(ballast: Path) -> None:
    """Take every byte that is left."""
    with ballast.open("ab", buffering=0) as file:
        for size in (_MB, 4096, 1):
            with suppress(OSError):
                while True:
                    file.write(b"\0" * size)
    assert shutil.disk_usage(ballast.parent).free == 0


async def test_a_full_disk_is_told_and_gets_well_again(
    make_stack: MakeStack, tmp_path: Path, scale: Scale, figure: dict[str, object]
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        stack = make_stack(hold_seconds=0.5, output_dir=disk / "captures", data_dir=disk / "data")
        captures = disk / "captures"
        try:
            await stack.start()
            async with stack.publishers() as publishers:
                await gather(publishers, stack.room, 4)
                async with stack.listen() as events:
                    await events.next(is_match(), within=FIRST)
                await _ready(stack.base_url, True)
                for _ in range(scale(1, 5)):
                    fill(disk / "ballast")
                    fullness = await _ready(stack.base_url, False)
                    assert any(
                        "MB free" in check["reason"] or "space" in check["reason"] for check in fullness.values()
                    )
                    lost = stack.recognizer.output().count("Snapshot not written")
                    await stack.recognizer.says("Snapshot not written", times=lost + 4, within=FIRST)
                    assert stack.api.alive
                    assert stack.recognizer.alive
                    last = (await logged(stack.base_url))[-1]["cursor"]
                    (disk / "ballast").unlink()

                    async with stack.listen(after=last) as events:
                        bare = await events.next(
                            lambda event: is_match()(event) and event["snapshot"] is None,
                            within=60,
                            what="a match of that time, without a snapshot",
                        )
                        assert bare["filename"] is None
                        await events.next(
                            lambda event: is_match()(event) and event["snapshot"] is not None,
                            within=60,
                            what="a match with a snapshot again",
                        )
                    await _ready(stack.base_url, True)
                assert (await stack.recognizer.terminate(within=10))[0] == 0
            found = await logged(stack.base_url)
            assert_in_order(found)
            figure["snapshots"] = assert_snapshots_have_events(found, captures, ended=stack.recognizer)
            figure["matches without"] = sum(event["type"] == "match" and not event["snapshot"] for event in found)
            for process in stack.processes:
                assert "Traceback" not in process.output(), process.tail(200)
        finally:
            stack.end()


async def _ready(base_url: str, expected: bool) -> dict[str, Any]:
    """The checks of /readyz that fail, once it says what is expected."""

    async def answers() -> dict[str, Any] | None:
        async with aiohttp.ClientSession() as session, session.get(f"{base_url}/readyz") as response:
            readiness = await response.json()
            assert response.status == (200 if readiness["ready"] else 503)
            return readiness if readiness["ready"] is expected else None

    readiness = await wait_until(answers, within=15, what=f"/readyz says ready={expected}")
    return {name: check for name, check in readiness["checks"].items() if not check["ok"]}
