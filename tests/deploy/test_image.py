"""The image: built from deploy/Containerfile, and both of its processes at work.

Built on a base of Debian's packages, without a daemon and without a registry of images. That takes five minutes: only
with `--faults`, as root, where Debian's buildah and debootstrap are.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from facematch.config.settings import ROOT
from tests.rig.listener import is_match
from tests.rig.photographs import SAME_PERSON, Scene
from tests.rig.postgres import postgres_server
from tests.rig.process import Process
from tests.rig.stack import Stack
from tests.rig.stacks import livekit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.rig.livekit_server import LiveKitServer
    from tests.rig.postgres import Postgres

__all__ = ["livekit"]

TRUSTED = Path("/usr/local/share/ca-certificates")
"""Whom this machine trusts besides Debian: what fetches packages inside has to trust them, too."""
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
USER = 10001
"""Of the image."""
FIRST = 60
"""Seconds within which the first event comes."""
KEYS = {"admin_key": "an-admin-key-of-the-image", "recognizer_key": "a-key-of-its-recognizer"}


class Images:
    """buildah's, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.command = ["buildah", "--root", f"{folder}/store", "--runroot", f"{folder}/run", "--storage-driver", "vfs"]

    def do(self, *arguments: str | Path) -> str:
        """One of its commands; its last line."""
        command = [*self.command, *map(str, arguments)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=1_000)
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return (done.stdout.splitlines() or [""])[-1]


@pytest.fixture(scope="module")
def images(pytestconfig: pytest.Config) -> Iterator[Images]:
    """With `face-match` among them."""
    if not pytestconfig.getoption("--faults"):
        pytest.skip("building the image takes minutes: run with --faults")
    missing = [program for program in ("buildah", "debootstrap") if shutil.which(program) is None]
    if missing or os.geteuid() != 0:
        pytest.skip(f"needs root, and Debian's buildah and debootstrap; missing: {', '.join(missing) or 'root'}")
    with tempfile.TemporaryDirectory(prefix="face-match-image-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        made = Images(folder)
        base = folder / "base"
        debootstrap = ["debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", str(base)]
        subprocess.run(debootstrap, check=True, stdout=subprocess.DEVNULL, timeout=600)
        container = made.do("from", "scratch")
        made.do("add", "--quiet", container, base, "/")
        shutil.rmtree(base)
        made.do("config", "--env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", container)
        if TRUSTED.is_dir():
            made.do("add", "--quiet", container, TRUSTED, TRUSTED)
            made.do("run", "--isolation", "chroot", container, "--", "update-ca-certificates")
            for variable in ("PIP_CERT", "npm_config_cafile", "NODE_EXTRA_CA_CERTS"):
                made.do("config", "--env", f"{variable}={BUNDLE}", container)
        made.do("commit", "--quiet", container, "localhost/base")
        build = ("--isolation", "chroot", "--pull-never", "--build-arg", "BASE=localhost/base")
        made.do("bud", *build, "--tag", "face-match", "--file", "deploy/Containerfile", ".")
        yield made


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with postgres_server() as server:
        yield server


def contained(images: Images, stack: Stack, former: Process, *command: str) -> Process:
    """The same process in a container of the image, which shares the stack's folder and nothing else."""
    own = images.do("from", "face-match")
    settings = [f"--env={name}={value}" for name, value in stack.environment.items() if name not in {"PATH", "HOME"}]
    run = ["run", "--isolation", "chroot", f"--user={USER}", f"--volume={stack.folder}:{stack.folder}", *settings]
    return Process(
        former.name,
        [*images.command, *run, own, "--", "tini", "-s", "--", "/opt/face-match/deploy/start", *command],
        env=os.environ,
        log=former.log,
    )


@pytest.mark.timeout(1_500)
async def test_both_processes_of_the_image_do_their_work(
    images: Images, livekit: LiveKitServer, postgres: Postgres
) -> None:
    with tempfile.TemporaryDirectory(prefix="face-match-state-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        cache = "/opt/face-match/models"
        stack = Stack(folder, livekit, database_url=postgres.url("postgres"), model_cache=cache, **KEYS)
        stack.api = contained(images, stack, stack.api, "api")
        stack.recognizer = contained(images, stack, stack.recognizer, "recognizer")
        shutil.chown(folder, USER)
        for path in folder.rglob("*"):
            shutil.chown(path, USER)
        try:
            await stack.start()
            async with stack.listen() as events, stack.publishers() as publishers:
                await publishers.on_air(stack.room, "Alice", Scene(SAME_PERSON))
                match = await events.next(is_match("Alice"), within=FIRST)
            assert (stack.captures / match["snapshot"]).is_file()
            assert (stack.captures / match["snapshot"]).stat().st_uid == USER
            healthy = contained(images, stack, stack.api, "healthy")
            healthy.start()
            assert await healthy.ended(within=30) == 0
            for process in (stack.recognizer, stack.api):
                await process.terminate(within=15)
        finally:
            stack.end()
