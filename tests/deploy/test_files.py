"""What stands in deploy/: each name in it is one that Face Match, or what else is started, knows."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml  # type: ignore[import-untyped]  # it brings no types

from facematch.config.settings import ROOT, Settings
from facematch.launcher.livekit_server import pinned_version

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
OF_OTHERS = {"FORWARDED_ALLOW_IPS", "MODEL_CACHE", "PYTHONDONTWRITEBYTECODE", "PATH"}
"""uvicorn's, set-up's (of the settings, too), the interpreter's, the shell's."""
OF_COMPOSE = {"SITE", "POSTGRES_PASSWORD"}
"""Read by compose.yaml itself."""
SETTINGS = {name.upper() for name in Settings.model_fields}


def test_the_processes_are_given_settings_that_there_are() -> None:
    ours = [service for service in COMPOSE["services"].values() if service["image"] == "face-match"]

    assert len(ours) == 2
    for service in ours:
        assert set(service["environment"]) <= SETTINGS | OF_OTHERS
        assert service["read_only"]


def test_what_is_to_be_filled_in_is_what_is_read() -> None:
    example = re.findall(r"^(\w+)=", (DEPLOY / "example.env").read_text("utf-8"), re.MULTILINE)
    read = re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text("utf-8"))

    assert set(read) <= set(example)
    assert set(example) <= SETTINGS | OF_COMPOSE


def test_the_livekit_server_is_the_one_that_is_tested() -> None:
    assert COMPOSE["services"]["livekit"]["image"] == f"livekit/livekit-server:v{pinned_version()}"


def test_the_image_sets_what_there_is() -> None:
    text = (DEPLOY / "Containerfile").read_text("utf-8")
    set_there = re.findall(r"^(?:ENV| {4}) ?(\w+)=", text, re.MULTILINE)

    assert set(set_there) <= SETTINGS | OF_OTHERS
    assert {"DATA_DIR", "OUTPUT_DIR", "REFERENCE_IMAGE", "MODEL_CACHE"} <= set(set_there)


def test_no_image_is_made_of_what_git_does_not_keep() -> None:
    ignored = (ROOT / ".containerignore").read_text("utf-8")

    assert ignored == (ROOT / ".dockerignore").read_text("utf-8")
    assert {".env", ".git", "data", "captured_faces/*", "reference/*"} <= set(ignored.split())


@pytest.mark.parametrize("name", ["api", "recognizer"])
def test_a_template_starts_what_the_single_unit_does(name: str) -> None:
    def read(path: str) -> set[str]:
        lines = (ROOT / path).read_text("utf-8").splitlines()
        return {line for line in lines if line and not line.startswith("#")}

    single, template = (
        read(f"docs/systemd/face-match-{name}.service"),
        read(f"deploy/systemd/face-match-{name}@.service"),
    )
    lost = {line.replace("8000", "%i") for line in single} - template
    assert {line.partition("=")[0] for line in lost} <= {"Description", "After", "MemoryMax"}


def test_start_says_what_it_can_start() -> None:
    done = subprocess.run([DEPLOY / "start", "everything"], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr == "start: say api, recognizer, migrate or healthy\n"
