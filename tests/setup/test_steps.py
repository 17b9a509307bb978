"""Which Go and Node are good enough, which Python has no wheels, and what the server is built into."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # it brings no types

from facematch.config.settings import ROOT
from facematch.launcher import livekit_server
from tools.setup import toolchains, work
from tools.setup.locks import DEV_LOCK, LOCK
from tools.setup.packages import Packages
from tools.setup.steps import LiveKitServer
from tools.setup.work import Log, SetupError


@pytest.fixture(autouse=True)
def _children_of_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "_children", work._Children())


def program(folder: Path, name: str, answer: str, code: int = 0) -> dict[str, str]:
    """Puts a program that prints `answer` on a PATH of its own."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{answer}'\nexit {code}\n", "utf-8")
    path.chmod(0o755)
    return {"PATH": str(folder)}


@pytest.mark.parametrize(
    ("version", "good"), [("go1.26", True), ("go1.26.8", True), ("go1.30rc1", True), ("go1.25.9", False), ("", False)]
)
def test_a_go_that_is_too_old_will_not_do(tmp_path: Path, version: str, good: bool) -> None:
    env = program(tmp_path, "go", version)

    assert (toolchains.find_go(env, "1.26") is not None) is good


def test_no_go_and_a_broken_go_will_not_do(tmp_path: Path) -> None:
    assert toolchains.find_go({"PATH": str(tmp_path)}, "1.26") is None
    assert toolchains.find_go(program(tmp_path, "go", "go1.26", 1), "1.26") is None


def test_a_go_that_was_fetched_keeps_its_caches_to_itself(tmp_path: Path) -> None:
    own = toolchains.Go("go", tmp_path).environment({"GOFLAGS": "-mod=mod", "GOOS": "plan9"})
    machines = toolchains.Go("go", None).environment({"GOPATH": "/mine"})

    assert all(own[name].startswith(str(tmp_path)) for name in ("GOPATH", "GOMODCACHE", "GOCACHE"))
    assert "GOOS" not in own
    assert own["GOFLAGS"].startswith("-mod=readonly")
    assert (machines["GOPATH"], machines["GOTOOLCHAIN"], machines["CGO_ENABLED"]) == ("/mine", "local", "0")


@pytest.mark.parametrize(("version", "good"), [("v20.20.2", True), ("v24.1.0", True), ("v18.19.0", False)])
def test_a_node_that_is_too_old_will_not_do(tmp_path: Path, version: str, good: bool) -> None:
    program(tmp_path, "npm", "11.0.0")
    env = program(tmp_path, "node", version)

    assert (toolchains.find_node(env) is not None) is good


def test_a_node_without_npm_will_not_do(tmp_path: Path) -> None:
    assert toolchains.find_node(program(tmp_path, "node", "v24.1.0")) is None
    assert toolchains.fetched_node(tmp_path) is None


def test_no_python_with_wheels_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "constraints.txt").touch()
    packages = Packages(tmp_path, {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}, dev=False)

    with pytest.raises(SetupError, match=r"^No wheels of dlib-bin and onnxruntime fit .* with Python 3\.\d+\.\d+ "):
        packages.make_environment([Path(sys.executable)], Log(tmp_path / "log"))
    assert not (tmp_path / ".venv").exists()
    assert not packages.done


def test_a_changed_list_is_installed_again(tmp_path: Path) -> None:
    for name in (LOCK, DEV_LOCK, "tools/dlib/pyproject.toml", "tools/dlib/backend.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").touch()
    (tmp_path / ".venv" / "pyvenv.cfg").touch()

    def packages(*, dev: bool) -> Packages:
        return Packages(tmp_path, {}, dev=dev)

    packages(dev=True)._stamps[1].set()
    assert packages(dev=True).done
    assert packages(dev=False).done, "what the tests need covers what run.sh needs"
    (tmp_path / LOCK).write_text("numpy==1\n")
    assert not packages(dev=False).done


def test_the_pins_agree_with_each_other() -> None:
    version = livekit_server.pinned_version()
    server = LiveKitServer(ROOT, Path("/cache"), {})

    assert server.binary == Path(f"/cache/livekit-server-{version}")
    assert f"github.com/livekit/livekit-server v{version} h1:" in (livekit_server.MODULE / "go.sum").read_text("utf-8")


def test_the_lock_holds_hashes_and_no_addresses() -> None:
    lock = (ROOT / "package-lock.json").read_text("utf-8")

    assert '"integrity": "sha512-' in lock
    assert '"resolved"' not in lock
    assert "://registry" not in lock


def test_the_server_listens_on_loopback_only() -> None:
    arguments = livekit_server.arguments(port=7880, udp_port=7882)

    assert arguments[:4] == ["--bind", "127.0.0.1", "--node-ip", "127.0.0.1"]
    assert "tcp_port: 0," in arguments[-1]
    assert "secret" not in " ".join(arguments)
    assert "webhook" not in arguments[-1]


def test_the_server_tells_an_address_what_happens_in_it() -> None:
    webhook = "http://127.0.0.1:8000/livekit/webhook", "a: key"
    *_, config = livekit_server.arguments(port=7880, udp_port=7882, webhook=webhook)

    assert yaml.safe_load(config)["webhook"] == {"api_key": "a: key", "urls": ["http://127.0.0.1:8000/livekit/webhook"]}
