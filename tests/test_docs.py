"""The documents agree with the code and with each other."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from facematch.config.settings import ROOT
from facematch.protocol.events import (
    EVENT_TYPES,
    BindingChange,
    Check,
    IdentityChange,
    Match,
    ParticipantChange,
    ViewingChange,
    WatchChange,
)
from tools import continuity_table, identity_table
from tools.http_reference import PAGE, page

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import BaseModel

MODELS: dict[str, type[BaseModel]] = {
    "match": Match,
    "check": Check,
    "participant": ParticipantChange,
    "watch": WatchChange,
    "identity": IdentityChange,
    "binding": BindingChange,
    "viewing": ViewingChange,
}
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md"), *(ROOT / "bench").glob("*.md")])


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_every_link_leads_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)

    for link in links:
        if re.match(r"[a-z]+:", link):
            continue
        assert (path.parent / link).exists(), f"{named(path)} links to {link}"


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_every_file_that_is_named_exists(path: Path) -> None:
    folders = "bench|docs|facematch|static|tests|tools"
    for name in re.findall(rf"`((?:{folders})/[\w./-]+)`", path.read_text("utf-8")):
        assert (ROOT / name).exists(), f"{named(path)} speaks of {name}"


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_examples_are_json_and_events_are_valid(path: Path) -> None:
    for block in re.findall(r"```json\n(.*?)```", path.read_text("utf-8"), flags=re.DOTALL):
        found = json.loads(block)
        if "data" in found:  # a webhook's envelope, its event shortened
            continue
        if found.get("type") in EVENT_TYPES:
            del found["cursor"]
            model = MODELS[found["type"]]
            event = model.model_validate(found)
            assert set(found) == set(model.model_fields), "an example shows every field"
            if isinstance(event, Match):
                assert event.distance is not None
                assert event.confidence == round(1 - event.distance, 4)


def test_the_http_reference_is_current() -> None:
    text = PAGE.read_text("utf-8")

    assert page(text) == text, "run `python -m tools.http_reference`"


def test_the_table_of_identity_is_current() -> None:
    text = identity_table.PAGE.read_text("utf-8")

    assert identity_table.page(text) == text, "run `python -m tools.identity_table`"


def test_the_table_of_continuity_is_current() -> None:
    text = continuity_table.PAGE.read_text("utf-8")

    assert continuity_table.page(text) == text, "run `python -m tools.continuity_table`"


def test_the_screenshot_is_small() -> None:
    picture = ROOT / "docs" / "screenshot.png"

    assert picture.stat().st_size < 500_000


def test_the_first_screen_of_the_readme_has_both_commands() -> None:
    first = (ROOT / "README.md").read_text("utf-8").splitlines()[:20]

    assert any(line.startswith("./run.sh") for line in first)
    assert any(line.startswith("./test.sh") for line in first)
