"""Thousands of names that lead elsewhere, at the door and behind it: what lies outside the folder is never read."""

from __future__ import annotations

import os
from itertools import product
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from facematch.protocol.snapshot_names import is_snapshot_name
from facematch.server.snapshots.folder import read_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.testclient import TestClient

    from facematch.config.settings import Settings

NAME = "match_Alice42_20250925_140708.jpg"
SECRET = b"what lies outside"

PARENTS = (
    "..",
    "%2e%2e",
    "%2E%2e",
    ".%2e",
    "%252e%252e",
    "%c0%ae%c0%ae",
    "%e0%80%ae%e0%80%ae",
    "%uff0e%uff0e",
    "\uff0e\uff0e",
    "\u2024\u2024",
    "....",
    "..;",
    ". .",
    "..%00",
    "..%20",
)
SLASHES = (
    "/",
    "//",
    "/./",
    "\\",
    "%2f",
    "%2F",
    "%5c",
    "%252f",
    "%c0%af",
    "%e0%80%af",
    "%ef%bc%8f",
    "\uff0f",
    "\u2215",
    ";/",
    "%00/",
)
TARGETS = (
    "match_secret.jpg",
    "reference/current.jpg",
    "data/events.db",
    "etc/passwd",
    "proc/self/environ",
    "captures/../match_secret.jpg",
    NAME,
    "match_secret.jpg%00.jpg",
    "match_secret.jpg#",
    "match_secret.jpg%0a",
)
BEFORE = ("", "/", "match_", "./", NAME + "/", "file://", "~", "C:\\", "%2f")
DEPTHS = (1, 2, 5, 12)


def names() -> Iterator[str]:
    for before, parent, slash, depth, target in product(BEFORE, PARENTS, SLASHES, DEPTHS, TARGETS):
        yield before + (parent + slash) * depth + target


@pytest.fixture
def folder(settings: Settings) -> Path:
    """The snapshots, with something worth reading around them, and things in them that are no files."""
    settings.output_dir.mkdir(parents=True, exist_ok=True)
    (settings.output_dir / NAME).write_bytes(b"picture")
    outside = settings.output_dir.parent / "match_secret.jpg"
    outside.write_bytes(SECRET)
    (settings.output_dir / "match_link.jpg").symlink_to(outside)
    (settings.output_dir / "match_way.jpg").symlink_to(outside.parent)
    (settings.output_dir / "match_gone.jpg").symlink_to("nowhere")
    (settings.output_dir / "match_itself.jpg").symlink_to("match_itself.jpg")
    (settings.output_dir / "match_device.jpg").symlink_to("/dev/zero")
    os.mkfifo(settings.output_dir / "match_pipe.jpg")
    (settings.output_dir / "match_folder.jpg").mkdir()
    return settings.output_dir


def test_no_name_leads_outside(folder: Path) -> None:
    count = 0
    for name in names():
        assert not is_snapshot_name(name), name
        assert read_snapshot(folder, name) is None, name
        count += 1
    assert count > 20_000


def test_no_address_leads_outside(client: TestClient, folder: Path) -> None:
    """Every way to write it once, at each door to a file; none is waited for, none is answered with what is outside."""
    tried = 0
    for door, (parent, slash) in product(("/captures/", "/static/", "/reference/"), product(PARENTS, SLASHES)):
        address = quote(f"{door}{(parent + slash) * 2}match_secret.jpg", safe="/%\\;.:#?=~")
        response = client.get(address)
        assert response.status_code in (400, 404), address
        assert SECRET not in response.content
        tried += 1
    assert tried == 3 * len(PARENTS) * len(SLASHES)


@pytest.mark.parametrize("kind", ["link", "way", "gone", "itself", "device", "pipe", "folder"])
def test_neither_links_nor_pipes_nor_devices_are_opened(client: TestClient, folder: Path, kind: str) -> None:
    response = client.get(f"/captures/match_{kind}.jpg")
    assert (response.status_code, response.json()["code"]) == (404, "NOT_FOUND")
    assert client.get(f"/captures/{NAME}").content == b"picture"
