"""The places *People* and *History* in a real browser, with real photographs on the real web process."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.rig.enrolling import enrol
from tests.rig.fake_recognizer import FakeRecognizer, track
from tests.rig.page import CHECKS, DESK, LOOK, PHONE, card_of, looking
from tests.rig.photographs import DATA, NO_FACE, OTHER_STRANGER, REFERENCE, SAME_PERSON, STRANGER
from tests.rig.web import WebProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from playwright.async_api import FilePayload, Locator, Page, Route

WIDTHS = (DESK, {"width": 1024, "height": 768}, PHONE)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
VIEWER = '{"role": "viewer", "by": "login", "room": null, "expires_at": null}'


@pytest.fixture(scope="module")
def _web_of_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebProcess]:
    process = WebProcess(tmp_path_factory.mktemp("web"))
    yield process
    process.end()


@pytest_asyncio.fixture
async def web(_web_of_file: WebProcess) -> WebProcess:
    """One for all of this file; nobody is enrolled when it is handed out."""
    if not _web_of_file.process.alive:
        await _web_of_file.start()
    async with aiohttp.ClientSession(_web_of_file.base_url) as session:
        async with session.get("/api/people") as answer:
            there = (await answer.json())["people"]
        for person in there:
            await session.delete(f"/api/people/{person['id']}")
    return _web_of_file


@asynccontextmanager
async def at(web: WebProcess, place: str) -> AsyncIterator[Page]:
    async with looking(web) as page:
        await page.goto(f"{web.base_url}/{place}")
        yield page


def row_of(page: Page, photograph: str) -> Locator:
    return page.get_by_test_id("intake-row").filter(has_text=photograph)


def title(page: Page, words: str) -> Locator:
    return page.get_by_role("heading", level=2, name=words, exact=True)


async def test_photos_are_added_each_with_what_it_is_worth(web: WebProcess, artifacts: Path) -> None:
    async with at(web, "#/people") as page:
        await page.get_by_test_id("nobody").get_by_role("link", name="Add the first person").click()
        await expect(title(page, "Add a person")).to_be_focused()
        files = page.get_by_test_id("photo-files")
        await files.set_input_files([DATA / SAME_PERSON])
        await expect(page.get_by_role("alert")).to_have_text("Give them a name first.")
        await expect(page.get_by_test_id("new-name")).to_be_focused()
        await page.get_by_test_id("new-name").fill("Barack")
        await page.keyboard.press("Enter")
        await expect(row_of(page, SAME_PERSON)).to_have_attribute("data-tone", "good")
        await expect(page.get_by_test_id("added")).to_contain_text("Barack is enrolled.")

        again: FilePayload = {
            "name": "again.jpg",
            "mimeType": "image/jpeg",
            "buffer": (DATA / SAME_PERSON).read_bytes(),
        }
        await files.set_input_files(again)
        await expect(row_of(page, "again.jpg")).to_have_attribute("data-code", "DUPLICATE")
        await files.set_input_files([DATA / NO_FACE, DATA / STRANGER])
        await expect(row_of(page, NO_FACE)).to_have_attribute("data-code", "NO_FACE")
        await expect(row_of(page, NO_FACE).locator(".verdict")).to_contain_text("Use a photo with one clear")
        stranger = row_of(page, STRANGER)
        await expect(stranger).to_have_attribute("data-code", "UNLIKE_THE_OTHERS")
        assert await page.evaluate(CHECKS) == []
        await page.screenshot(path=artifacts / "people-intake.png", full_page=True)
        await stranger.get_by_test_id("anyway").click()
        await expect(stranger).to_have_attribute("data-tone", "warn")
        await expect(page.get_by_test_id("intake-progress")).to_have_text("2 of 4 photos added.")

        await page.get_by_test_id("open-person").click()
        await expect(title(page, "Barack")).to_be_focused()

        await page.goto(f"{web.base_url}/#/people/new")
        await page.get_by_test_id("new-name").fill("Nobody yet")
        await page.get_by_test_id("add").click()
        await expect(page.get_by_test_id("added")).to_contain_text("Nobody yet is added, and looked for as soon as")


async def test_a_wrong_photo_is_moved_and_two_who_are_one_are_merged_and_split(
    web: WebProcess, artifacts: Path
) -> None:
    barack = await enrol(web, "Barack", SAME_PERSON, STRANGER)
    async with at(web, f"#/people/{barack}") as page:
        await expect(page.get_by_test_id("remarks")).to_contain_text("A photo is unlike the others")
        await expect(page.get_by_test_id("photo")).to_have_count(2)
        await expect(page.locator(".photo-flag[data-code=UNLIKE_THE_OTHERS]")).to_have_count(2)
        await page.get_by_test_id("begin-split").click()
        await page.get_by_test_id("choose-photo").nth(1).check()
        await page.get_by_test_id("split-name").fill("Joe")
        await page.get_by_test_id("split").click()
        await expect(title(page, "Joe")).to_be_focused()
        await expect(page.get_by_test_id("photo")).to_have_count(1)
        await expect(page.get_by_test_id("remarks")).not_to_contain_text("unlike")

        await page.get_by_test_id("begin-merge").click()
        await page.get_by_test_id("merge-search").fill("barack")
        await page.get_by_test_id("merge-choice").filter(has_text="Barack").click()
        await expect(page.get_by_test_id("sides").get_by_role("img")).to_have_count(2)
        assert await page.evaluate(CHECKS) == []
        await page.screenshot(path=artifacts / "people-merge.png")
        await page.get_by_test_id("merge-confirm").click()
        await expect(page.get_by_test_id("photo")).to_have_count(2)
        await expect(page.get_by_test_id("merged")).to_contain_text("Barack, 1 photo")
        await page.get_by_test_id("split-back").click()
        await expect(page.get_by_test_id("merged")).to_have_count(0)
        await expect(page.get_by_test_id("photo")).to_have_count(1)


async def test_details_are_changed_and_a_person_is_erased(web: WebProcess) -> None:
    await enrol(web, "Barack")
    joe = await enrol(web, "Joe", STRANGER)
    async with at(web, f"#/people/{joe}") as page:
        await page.get_by_test_id("detail-name").fill("Joe Biden")
        await page.get_by_test_id("detail-rooms").fill("front desk, lobby")
        await page.get_by_test_id("detail-basis").fill("Contract of today")
        await page.get_by_test_id("detail-agreed").fill("2026-01-05")
        await page.get_by_test_id("detail-text").fill("2")
        await page.get_by_test_id("save").click()
        await expect(page.get_by_test_id("saved")).to_contain_text("Saved")
        await expect(title(page, "Joe Biden")).to_be_visible()
        await expect(page.get_by_test_id("person")).to_contain_text("looked for in 2 rooms")
        await expect(page.get_by_test_id("details")).to_contain_text("noted by page")
        await expect(page.get_by_test_id("recognition")).to_contain_text("A face is theirs within 0.500")
        await page.get_by_test_id("detail-agreed").fill("")
        await page.get_by_test_id("save").click()
        await expect(page.get_by_test_id("details")).not_to_contain_text("noted by page")

        await page.get_by_test_id("erase-person").click()
        await page.get_by_test_id("erase-confirm").click()
        await expect(page.get_by_test_id("erase-receipt")).to_contain_text("Erased")
        await page.get_by_test_id("erase-close").click()
        await expect(title(page, "People")).to_be_visible()
        await expect(page.get_by_test_id("person-card")).to_have_count(1)
        await expect(page.get_by_test_id("person-card")).to_contain_text("Barack")
        await page.go_back()
        await expect(page.get_by_test_id("no-person")).to_be_visible()


async def test_a_photo_is_removed_after_a_question(web: WebProcess) -> None:
    susan = await enrol(web, "Susan", OTHER_STRANGER)
    async with at(web, f"#/people/{susan}") as page:
        await page.get_by_role("button", name="Remove photo 1…").click()
        await page.get_by_role("button", name="Keep it").click()
        await page.get_by_role("button", name="Remove photo 1…").click()
        await page.get_by_test_id("remove-photo").click()
        await expect(page.get_by_test_id("no-photos")).to_be_visible()
        await page.get_by_test_id("photo-files").set_input_files([DATA / OTHER_STRANGER])
        await expect(row_of(page, OTHER_STRANGER)).to_have_attribute("data-code", "ERASED_BEFORE")
        await row_of(page, OTHER_STRANGER).get_by_test_id("anyway").click()
        await expect(page.get_by_test_id("photo")).to_have_count(1)


async def test_three_poses_before_the_camera(web: WebProcess) -> None:
    async with at(web, "#/people/new") as page:
        await page.get_by_test_id("new-name").fill("In front of it")
        await page.get_by_test_id("use-camera").click()
        take = page.get_by_test_id("take-photo")
        for number in (1, 2, 3):
            await expect(take).to_have_text(re.compile(f"{number} of 3"))
            await expect(take).to_have_attribute("aria-disabled", "false")
            video = page.get_by_test_id("poses").locator("video")
            await video.evaluate("video => new Promise(resolve => video.requestVideoFrameCallback(resolve))")
            await take.click()
        assert await page.evaluate(CHECKS) == []
        rows = page.get_by_test_id("intake-row")
        await expect(page.locator("[data-testid=intake-row][data-state=done]")).to_have_count(3)
        assert set(await rows.evaluate_all("rows => rows.map(row => row.dataset.code)")) <= {"", "DUPLICATE"}
        await page.get_by_role("button", name="Done").click()
        await expect(page.get_by_test_id("poses")).to_have_count(0)


async def test_presence_of_people_and_participants(web: WebProcess, artifacts: Path) -> None:
    barack = await enrol(web, "Barack", REFERENCE, basis="a test")
    async with FakeRecognizer(web) as fake:
        for ago in range(300, 200, -10):
            await fake.check("Alice42", "match", best=0.4, ago=ago, named=[barack])
        for ago in (190, 180):
            await fake.check("Alice42", "no_face", ago=ago)
        await fake.check("Alice42", "muted", ago=170)
        await fake.check("Bob", "no_face", ago=60)
        async with at(web, f"#/people/{barack}") as page:
            presence = page.get_by_test_id("presence")
            await expect(presence.get_by_test_id("looks")).to_have_text("In all: seen in 10 of 12 looks, 1 min.")
            await expect(presence.get_by_test_id("seen").first).to_be_visible()
            await expect(presence.get_by_test_id("unlooked").first).to_be_visible()
            await presence.get_by_text("Times").first.click()
            await expect(presence.get_by_test_id("stay").first).to_contain_text("in 10 looks, longest gap")
            await page.get_by_test_id("day-before").click()
            await expect(presence.get_by_test_id("not-seen")).to_have_text("Nobody looked on this day.")
            assert "?day=" in page.url

            await page.get_by_role("link", name="History").click()
            await expect(title(page, "History")).to_be_focused()
            rows = page.get_by_test_id("strip-row")
            await expect(rows).to_have_count(2)
            await expect(rows.filter(has_text="Bob")).to_contain_text("not seen")
            await rows.filter(has_text="Alice42").get_by_role("button", name="Alice42").click()
            await expect(rows).to_have_count(1)
            await expect(page.get_by_test_id("statistics")).to_contain_text("10 / 12 looks")
            await page.screenshot(path=artifacts / "history.png")
            await whose_past_is_typed(page, rows, barack)

            href = await page.get_by_test_id("csv").get_attribute("href")
            answer = await page.request.get(f"{web.base_url}{href}")
            header, *lines = (await answer.text()).splitlines()
            assert "person_name" in header
            assert [line for line in lines if "Barack" in line and "Alice42" in line]

            await page.reload()  # its address says all of it
            await expect(rows.get_by_role("link", name="Barack")).to_be_visible()
            await page.get_by_test_id("history-room").select_option("face-recognition-room")
            await expect(rows).to_have_count(1)
            await rows.get_by_role("link", name="Barack").click()
            await expect(title(page, "Barack")).to_be_focused()


async def whose_past_is_typed(page: Page, rows: Locator, barack: str) -> None:
    assert "identity=Alice42" in page.url
    who, whose = page.get_by_test_id("history-identity"), page.get_by_test_id("history-person")
    await expect(who).to_have_value("Alice42")
    await who.fill("Bob")
    await who.press("Enter")
    await expect(rows).to_contain_text("not seen")
    await page.get_by_test_id("by-person").click()
    await who.fill("")
    await expect(rows.get_by_role("link", name="Barack")).to_be_visible()
    assert "by=person" in page.url
    await whose.fill("Nobody")
    await whose.press("Enter")
    await expect(page.get_by_test_id("history-nobody")).to_have_text("Nobody is called Nobody.")
    await whose.fill("bara")
    await whose.press("Enter")
    await expect(whose).to_have_value("Barack")
    assert f"person={barack}" in page.url


async def test_the_past_is_asked_of_the_log_page_by_page(web: WebProcess) -> None:
    eve = await enrol(web, "Eve", REFERENCE, basis="a test")
    async with FakeRecognizer(web) as fake:
        for ago in range(600, 0, -10):
            await fake.match("Dora", person=eve, ago=ago, snapshot=ago == 10)
        await fake.check("Dora", "muted", ago=1)
        async with at(web, "#/history") as page:
            rows = page.get_by_test_id("happened-row").filter(has_text="Dora")
            await page.get_by_test_id("view-sightings").click()
            await expect(rows).to_have_count(2)  # a stay of sixty looks is one line
            await expect(rows.nth(0)).to_contain_text("Camera off")
            await expect(rows.nth(1)).to_contain_text("Match Eve")
            await expect(rows.nth(1)).to_contain_text("best 0.63 · 60 looks")
            await page.get_by_test_id("view-matches").click()
            await rows.first.get_by_role("button", name="Dora", exact=True).click()
            await expect(rows).to_have_count(50)
            await page.get_by_test_id("older").click()
            await expect(rows).to_have_count(60)
            await rows.first.get_by_role("button", name="Eve").click()
            await expect(page.get_by_test_id("history-person")).to_have_value("Eve")
            assert f"person={eve}" in page.url
            await page.reload()  # its address says all of it
            await expect(rows).to_have_count(50)
            href = await page.get_by_test_id("csv").get_attribute("href")
            lines = (await (await page.request.get(f"{web.base_url}{href}")).text()).splitlines()
            assert len(lines) == 61
            await rows.first.get_by_role("button", name="Enlarge").click()
            await expect(page.locator("#viewer")).to_be_visible()
            await page.keyboard.press("Escape")
            await page.get_by_test_id("happened-to").fill("2020-01-01")
            await expect(page.get_by_text("Nothing fits this filter.")).to_be_visible()


async def test_an_older_page_that_comes_late_is_no_answer_to_another_filter(web: WebProcess) -> None:
    older, go_on = re.compile(r"/api/events\?.*before="), asyncio.Event()

    async def hold(route: Route) -> None:
        await go_on.wait()
        await route.continue_()

    async with FakeRecognizer(web) as fake:
        for ago in range(60, 0, -1):
            await fake.match("Fay", ago=ago, snapshot=False)
        await fake.match("Gil", snapshot=False)
        async with at(web, "#/history?view=matches") as page:
            rows, whose = page.get_by_test_id("happened-row"), page.get_by_test_id("history-identity")
            await expect(rows).to_have_count(50)
            await page.route(older, hold)
            async with page.expect_request(older):
                await page.get_by_test_id("older").click()
            await whose.fill("Gil")
            await whose.press("Enter")
            await expect(rows).to_have_count(1)
            async with page.expect_response(older) as late:
                go_on.set()
            await (await late.value).finished()
            await page.evaluate("fetch('/api/status').then((answer) => answer.json())")  # it was read before this one
            await page.evaluate("new Promise(requestAnimationFrame)")
            await expect(rows).to_have_count(1)


async def test_everything_can_be_read_at_every_width(web: WebProcess, artifacts: Path) -> None:
    barack = await enrol(web, "Barack Obama", SAME_PERSON, rooms=["lobby"])
    await enrol(web, "Wolfeschlegelsteinhausenbergerdorff-Müller the Third of Somewhere")
    async with FakeRecognizer(web) as fake:
        for ago in range(300, 200, -10):
            await fake.check("Carla", "match", best=0.4, ago=ago, named=[barack])
        async with at(web, "#/people") as page:
            for viewport, scheme in product(WIDTHS, SCHEMES):
                await page.set_viewport_size(viewport)  # type: ignore[arg-type]
                await page.emulate_media(color_scheme=scheme)
                await page.reload()
                for place, ready in (
                    ("#/people", "person-card"),
                    (f"#/people/{barack}", "strip-row"),
                    ("#/people/new", "new-name"),
                    ("#/history?identity=Carla", "statistics"),
                    ("#/history?view=sightings", "happened-row"),
                ):
                    await page.goto(f"{web.base_url}/{place}")
                    await expect(page.get_by_test_id(ready).locator("visible=true").first).to_be_visible()
                    assert await page.evaluate(CHECKS) == []
                    name = re.sub(r"\W+", "-", place.replace(barack, "one"))
                    await page.screenshot(path=artifacts / f"place{name}-{viewport['width']}-{scheme}.png")


async def test_places_by_keyboard(web: WebProcess) -> None:
    await enrol(web, "Ada", basis="a test")
    async with FakeRecognizer(web) as fake:
        await fake.heartbeat(track("Ann", "hold", deadline_in=9))
        await fake.match("Ann", snapshot=False)
        async with looking(web) as page:
            nav = page.get_by_role("navigation", name="Places")
            await expect(nav.get_by_role("link", name="Live")).to_have_attribute("aria-current", "page")
            await page.keyboard.press("Tab")
            await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
            for name in ("Live", "People"):
                await page.keyboard.press("Tab")
                await expect(nav.get_by_role("link", name=name)).to_be_focused()
            await page.keyboard.press("Enter")
            await expect(title(page, "People")).to_be_focused()
            await expect(nav.get_by_role("link", name="People")).to_have_attribute("aria-current", "page")
            await expect(nav.locator("[aria-current]")).to_have_count(1)
            await expect(page.locator("#live")).to_be_hidden()
            await expect(page.locator(".bar-answer")).to_contain_text("Match Ann")  # wherever one is
            assert "● Ann" in await page.title()
            await expect(page.get_by_role("link", name="Ada")).to_be_visible()
            for _ in range(3):
                await page.keyboard.press("Tab")  # add, search, attention
            await page.keyboard.press("Tab")
            await expect(page.get_by_role("link", name="Ada")).to_be_focused()
            await page.keyboard.press("Enter")
            await expect(title(page, "Ada")).to_be_focused()
            await page.go_back()
            await expect(title(page, "People")).to_be_focused()
            await page.locator(".bar-answer").click()
            await expect(card_of(page, "Ann")).to_be_visible(timeout=LOOK)


async def test_who_may_look_changes_nothing(web: WebProcess) -> None:
    ada = await enrol(web, "Ada", STRANGER, basis="a test")

    async def as_viewer(page: Page) -> None:
        async def answer(route: Any) -> None:
            await route.fulfill(body=VIEWER, content_type="application/json")

        await page.route("**/api/session", answer)

    async with looking(web, prepare=as_viewer) as page:
        await page.goto(f"{web.base_url}/#/people")
        await expect(page.get_by_test_id("person-card")).to_have_count(1)
        await expect(page.get_by_test_id("add-person")).to_have_count(0)
        await page.goto(f"{web.base_url}/#/people/{ada}")
        await expect(page.get_by_test_id("details")).to_contain_text("a test")
        for what in ("photo-files", "save", "erase-person", "begin-merge", "export"):
            await expect(page.get_by_test_id(what)).to_have_count(0)
        await expect(page.get_by_role("button", name="Remove photo 1…")).to_have_count(0)
        assert await page.evaluate(CHECKS) == []


async def test_a_card_says_who_it_is_and_whether_they_should_be(web: WebProcess) -> None:
    ada, bob = await enrol(web, "Ada", STRANGER), await enrol(web, "Bob", OTHER_STRANGER)
    async with FakeRecognizer(web) as fake:
        await fake.heartbeat(track("Guest7", "hold", deadline_in=9))
        await fake.match("Guest7", person=ada)
        async with looking(web) as page:
            card = card_of(page, "Guest7")
            await expect(card.get_by_test_id("card-state")).to_have_text("Match")
            await expect(card.get_by_test_id("card-who")).to_have_text("Ada")
            await expect(page.get_by_test_id("answer")).to_contain_text("Match Ada")
            await expect(page.get_by_test_id("sighting-row").first).to_be_visible()

            await card.get_by_label("More about Guest7").click()
            await card.get_by_test_id("menu-item").filter(has_text="Supposed to be").click()
            dialog = page.get_by_role("dialog", name="Who is Guest7 supposed to be?")
            assert await page.evaluate(CHECKS) == []
            await dialog.get_by_test_id("merge-choice").filter(has_text="Ada").click()
            told = card.get_by_test_id("card-identity")
            await expect(told).to_have_text("Expected: Ada, not seen yet")
            for _ in range(2):
                await fake.match("Guest7", person=ada)
            await expect(told).to_contain_text("Expected: Ada \u2713")
            await expect(card.get_by_test_id("card-state")).to_have_text("Expected")
            assert await page.evaluate(CHECKS) == []
            for _ in range(2):
                await fake.match("Guest7", person=bob)
            await expect(told).to_have_text("Someone else: Bob, expected Ada")
            await expect(card).to_have_attribute("data-identity-tone", "bad")
            await expect(card.get_by_test_id("card-state")).to_have_text("Someone else")
            answer = page.get_by_test_id("answer")
            await expect(answer).to_have_attribute("data-kind", "alarm")
            await expect(answer).to_contain_text("Someone else as Guest7")
            assert await page.evaluate(CHECKS) == []

            await fake.check("Guest7", "no_match", best=0.6)  # near is not named
            await expect(card).to_have_attribute("data-state", "no_match")
            await expect(card.get_by_test_id("card-who")).to_have_count(0)
            await card.get_by_label("More about Guest7").click()
            await card.get_by_test_id("menu-item").filter(has_text="Supposed to be nobody").click()
            await expect(told).to_have_count(0)


async def test_a_list_of_many(web: WebProcess) -> None:
    """The last of this file: nobody has to erase so many, which is slow on purpose, for another test."""
    async with aiohttp.ClientSession(web.base_url) as session:
        for number in range(70):
            async with session.post("/api/people", json={"name": f"Person {number:02}", "basis": "a test"}) as answer:
                assert answer.status == 200
    async with at(web, "#/people") as page:
        cards = page.get_by_test_id("person-card")
        await expect(page.get_by_test_id("people-count")).to_have_text("70 people")
        await expect(cards).to_have_count(60)
        await page.get_by_test_id("next-page").click()
        await expect(cards).to_have_count(10)
        await expect(page.get_by_test_id("page-part")).to_have_text(re.compile("^61.70 / 70$"))
        await page.get_by_test_id("people-search").fill("person 4")
        await expect(cards).to_have_count(10)
        await expect(page.get_by_test_id("people-count")).to_have_text("10 found")
        assert page.url.endswith("#/people?search=person+4")
        await page.reload()
        await expect(page.get_by_test_id("people-search")).to_have_value("person 4")
        await page.get_by_test_id("people-search").fill("nobody at all")
        await expect(page.get_by_test_id("nobody")).to_contain_text("Nobody is called nobody at all")
