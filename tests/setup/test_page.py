"""The page as set-up builds it: few files, named by what is in them, and built anew only when something has changed."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from facematch.config.settings import ROOT
from tools.setup.page import BUILT, PAGES, Page
from tools.setup.work import Log, SetupError


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The sources of the page, and what npm installed."""
    for name in ("package.json", "package-lock.json", "frontend.html"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "static", tmp_path / "static", ignore=shutil.ignore_patterns(BUILT.name, "vendor", "types"))
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    return tmp_path


def page_of(checkout: Path) -> Page:
    return Page(checkout, os.environ, dev=False)


def build(checkout: Path) -> set[str]:
    """The names of what is there afterwards."""
    page_of(checkout).build(Log(checkout / "page.log"))
    return {file.name for file in (checkout / BUILT).iterdir() if not file.name.startswith(".")}


def test_every_page_names_files_that_are_there(checkout: Path) -> None:
    files = build(checkout)
    for page in PAGES:
        text = (checkout / BUILT / Path(page).name).read_text("utf-8")
        named = set(re.findall(r'"/static/([^"]*)"', text))
        assert named <= files
        assert all(re.fullmatch(r"\w+-[A-Z0-9]{8}\.(js|css|svg)", name) for name in named)
        assert [text.count(kind) for kind in ("<script ", "stylesheet")] == [2, 1]
    assert {"livekit-client.LICENSE.txt", "htm.LICENSE.txt"} <= files


def test_no_file_is_found_out_about_from_another(checkout: Path) -> None:
    """What a page's script imports at once is named by the page, so that all is asked for together."""
    build(checkout)
    for page in PAGES:
        text = (checkout / BUILT / Path(page).name).read_text("utf-8")
        scripts = re.findall(r'"/static/([^"]+\.js)"', text)
        imported = {
            name
            for script in scripts
            for name in re.findall(r'(?:from|import)\s*"\./([^"]+)"', (checkout / BUILT / script).read_text("utf-8"))
        }
        assert imported <= set(scripts)


def test_livekit_s_client_is_a_file_of_its_own(checkout: Path) -> None:
    files = build(checkout)
    (client,) = (name for name in files if re.fullmatch(r"livekit-client.*\.js", name))
    others = sum((checkout / BUILT / name).stat().st_size for name in files if name.endswith(".js") and name != client)
    assert (checkout / BUILT / client).stat().st_size > others
    assert not any(client in (checkout / BUILT / Path(page).name).read_text("utf-8") for page in PAGES)


def test_what_has_not_changed_is_not_built_again(checkout: Path) -> None:
    assert not page_of(checkout).built
    before = build(checkout)
    assert page_of(checkout).built
    assert page_of(checkout).done

    style = checkout / "static" / "styles" / "card.css"
    style.write_text(style.read_text("utf-8") + "\n.new { color: red }\n", "utf-8")
    assert not page_of(checkout).built
    after = build(checkout)
    assert {name[:4] for name in before - after} == {name[:4] for name in after - before} == {"app-"}
    assert all(re.search(r"\.css(\.map)?$", name) for name in after - before)


@pytest.mark.parametrize(
    "change", ["static/pages/new.js", "static/view/card.js", "package-lock.json", "static/pages/join.html"]
)
def test_whatever_it_is_made_of(checkout: Path, change: str) -> None:
    build(checkout)
    file = checkout / change
    file.write_text((file.read_text("utf-8") if file.exists() else "") + "\n", "utf-8")
    assert not page_of(checkout).built


def test_a_page_that_is_gone_is_missed(checkout: Path) -> None:
    build(checkout)
    (checkout / BUILT / "login.html").unlink()
    assert not page_of(checkout).built


def test_a_mistake_leaves_what_was_built_before(checkout: Path) -> None:
    before = build(checkout)
    (checkout / "static" / "view" / "card.js").write_text("export const = ;", "utf-8")
    with pytest.raises(SetupError, match=r"static/view/card\.js:1:13"):
        build(checkout)
    assert {file.name for file in (checkout / BUILT).iterdir()} - {".made"} == before
    assert list((checkout / "build").iterdir()) == []


def test_without_the_bundler(checkout: Path) -> None:
    (checkout / "node_modules").unlink()
    with pytest.raises(SetupError, match="no bundler"):
        build(checkout)
