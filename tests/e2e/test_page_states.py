"""Every state of the page, in a real browser on the real web process, with a fake recognizer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import pytest
from playwright.async_api import expect

from tests.rig.fake_recognizer import track
from tests.rig.page import BACKWARDS, CHECKS, DESK, LONG, LOOK, MARKUP, PHONE, card_of, everybody, looking, quoted
from tests.rig.photographs import DATA

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Page

    from tests.rig.fake_recognizer import FakeRecognizer
    from tests.rig.web import WebProcess

SHIFTS = """() => {
    window.shifted = [];
    new PerformanceObserver(list => {
        for (const entry of list.getEntries())
            for (const { node } of entry.sources)
                if (node && (node.closest ? node : node.parentElement).closest("#participants"))
                    window.shifted.push(node.outerHTML?.slice(0, 100) ?? node.data);
    }).observe({ type: "layout-shift" });
}"""
"""Notes what moves inside the participants area."""
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50))))"
"""Returns when what moved has been noted, too."""

TRY_NOW = "[...document.querySelectorAll('button')].find(one => one.textContent === 'Try now')?.click()"
"""Unless it has tried by itself meanwhile, and succeeded."""
NO_CAMERA = """kind => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", kind)); }"""


async def test_each_state_has_its_card(web: WebProcess, fake: FakeRecognizer) -> None:
    expected = await everybody(fake)
    async with looking(web) as page:
        await page.get_by_test_id("past").locator("summary").click(timeout=LOOK)
        await expect(page.get_by_test_id("past").get_by_test_id("card")).to_have_attribute("data-reason", "left")
        for identity, state in expected.items():
            await expect(card_of(page, identity)).to_have_attribute("data-state", state, timeout=LOOK)
        ann = card_of(page, "Ann")
        await expect(ann.get_by_test_id("card-state")).to_have_text("Match")
        await expect(ann.get_by_test_id("card-phase")).to_have_text(re.compile(r"next look in \d+ s$"))
        await expect(ann.get_by_role("meter", name="Similarity score")).to_have_attribute(
            "aria-valuetext", re.compile("0.63")
        )
        await expect(ann.get_by_test_id("score")).to_have_attribute("title", re.compile("Distance 0.37"))
        await expect(ann.get_by_role("img")).to_have_count(0)  # a snapshot is a button that enlarges it
        await expect(ann.get_by_role("button", name="Enlarge the last snapshot of Ann")).to_be_visible()
        await expect(card_of(page, "Bob").get_by_test_id("card-phase")).to_have_text(re.compile(r"next look in \d+ s$"))
        await expect(card_of(page, "Dora").get_by_test_id("card-phase")).to_have_text(
            re.compile(r"^camera switched off · next look in \d+ s$")
        )
        await expect(card_of(page, "Eve").get_by_test_id("card-phase")).to_have_text("its turn comes next")
        await expect(page.get_by_test_id("past")).to_contain_text("1 participant left")
        await expect(page.get_by_test_id("answer")).to_contain_text("Match Ann and gnp.exe")
        await expect(page.get_by_test_id("steps")).to_be_visible()  # there is no reference yet


async def test_names_are_text(web: WebProcess, fake: FakeRecognizer) -> None:
    await everybody(fake)
    async with looking(web, viewport=PHONE) as page:
        await expect(page.get_by_role("heading", name=MARKUP, exact=True)).to_be_visible(timeout=LOOK)
        assert await page.locator("img[src=x]").count() == 0
        await expect(card_of(page, BACKWARDS).get_by_role("heading")).to_have_text("gnp.exe")
        title = card_of(page, LONG).get_by_role("heading")
        await expect(title).to_have_attribute("title", LONG.strip())
        assert await title.evaluate("one => one.getBoundingClientRect().height") < 40


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_everything_can_be_read_and_has_a_name(
    web: WebProcess,
    fake: FakeRecognizer,
    artifacts: Path,
    viewport: dict[str, int],
    scheme: Literal["light", "dark"],
) -> None:
    expected = await everybody(fake)
    async with looking(web, viewport=viewport, scheme=scheme) as page:
        await page.get_by_test_id("past").locator("summary").click(timeout=LOOK)
        await expect(page.get_by_test_id("card")).to_have_count(len(expected), timeout=LOOK)
        await page.get_by_text("Advanced").click()
        assert await page.evaluate(CHECKS) == []
        await page.screenshot(path=artifacts / f"page-states-{viewport['width']}-{scheme}.png", full_page=True)
        await page.get_by_test_id("recognizer").click()
        assert await page.evaluate(CHECKS) == []
        await page.keyboard.press("Escape")
        await page.get_by_test_id("tiles-size").click()
        await page.get_by_role("button", name="What the score says").first.click()
        await expect(page.get_by_text("not a probability")).to_be_visible()
        assert await page.evaluate(CHECKS) == []
        await page.keyboard.press("Escape")
        await page.get_by_test_id("sighting-row").get_by_role("button", name="Enlarge").first.click()
        assert await page.evaluate(CHECKS) == []


async def test_the_parts_are_landmarks_in_their_order(web: WebProcess) -> None:
    async with looking(web, viewport=PHONE) as page:
        await expect(page.get_by_role("banner")).to_be_visible()
        regions = page.get_by_role("main").get_by_role("region")
        await expect(regions).to_have_count(5)
        tops = []
        for name in ("Set up", "Reference", "Join", "Participants", "Sightings"):  # nobody is looked for yet
            box = await page.get_by_role("region", name=name).bounding_box()
            assert box is not None
            tops.append(box["y"])
        assert tops == sorted(tops)


async def test_the_keyboard_reaches_everything(web: WebProcess, fake: FakeRecognizer) -> None:
    await fake.heartbeat(track("Ann", "hold", deadline_in=9))
    await fake.match("Ann")
    async with looking(web) as page:
        await expect(card_of(page, "Ann")).to_be_visible(timeout=LOOK)
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        reached = []
        for _ in range(40):
            await page.keyboard.press("Tab")
            reached.append(
                await page.evaluate(
                    "[document.activeElement.dataset.testid, document.activeElement.ariaLabel,"
                    " document.activeElement.textContent.trim()].filter(Boolean)[0] ?? ''"
                )
            )
            visible = await page.evaluate("""() => {
                const at = document.activeElement.closest(".file-button") ?? document.activeElement;
                return at === document.body || getComputedStyle(at).outlineStyle !== "none";
            }""")
            assert visible, f"no focus ring: {reached[-1]}"
        wanted = ["recognizer", "answer", "setup-button", "Enlarge the last snapshot of Ann", "What the score says"]
        wanted += ["live-sightings", "setup-close", "reference-file", "Preview the camera", "join-name", "join-room"]
        wanted += ["join-camera", "Advanced", "join-button"]
        places = [reached.index(name) for name in wanted]
        assert places == sorted(places)

        shot = page.get_by_test_id("sighting-row").get_by_role("button", name="Enlarge the snapshot of Ann")
        await shot.focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("dialog", name="Ann")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await expect(shot).to_be_focused()


async def test_nothing_jumps_when_answers_come(web: WebProcess, fake: FakeRecognizer) -> None:
    names = [f"Person {number}" for number in range(6)]
    await fake.heartbeat(*(track(name, "wait", deadline_in=600) for name in names))
    async with looking(web) as page:
        await page.get_by_test_id("reference-file").set_input_files(DATA / "obama.jpg")
        await expect(page.get_by_test_id("reference-accepted")).to_be_visible(timeout=LOOK)
        await expect(page.get_by_test_id("card")).to_have_count(6, timeout=LOOK)
        await expect(page.get_by_test_id("steps")).to_have_count(0, timeout=LOOK)
        await page.evaluate(SHIFTS)
        for outcome in ("no_match", "no_face", "muted", "error"):
            for name in names:
                await fake.check(name, outcome, best=0.8 if outcome == "no_match" else None)
            await expect(page.locator(f"[data-testid=card][data-state={_state(outcome)}]")).to_have_count(
                6, timeout=LOOK
            )
        await fake.match(names[0], snapshot=False)
        await expect(card_of(page, names[0])).to_have_attribute("data-state", "match", timeout=LOOK)
        await page.evaluate(DRAWN)
        assert await page.evaluate("window.shifted") == []
        order = await page.get_by_test_id("card").evaluate_all("cards => cards.map(card => card.dataset.identity)")
        assert order == names


def _state(outcome: str) -> str:
    return {"muted": "no_video"}.get(outcome, outcome)


async def test_changes_are_read_out_and_nothing_else(web: WebProcess, fake: FakeRecognizer) -> None:
    await fake.heartbeat(track("Ann", "probe"))
    async with looking(web) as page:
        announcer = page.locator("#announcer")
        await expect(card_of(page, "Ann")).to_be_visible(timeout=LOOK)
        await expect(announcer).to_have_text("")
        await fake.match("Ann")
        await expect(announcer).to_have_text("Ann: Match.", timeout=LOOK)
        await fake.match("Ann")
        await fake.check("Ann", "no_match", best=0.7)
        await expect(announcer).to_have_text("Ann: No match.", timeout=LOOK)


async def test_two_faces_are_outlined_and_the_old_photo_stays(web: WebProcess) -> None:
    async with looking(web) as page:
        files = page.get_by_test_id("reference-file")
        await files.set_input_files(DATA / "obama.jpg")
        await expect(page.get_by_test_id("reference-accepted")).to_be_visible(timeout=LOOK)
        await files.set_input_files(DATA / "two_faces.jpg")
        await expect(page.get_by_test_id("reference-refused")).to_contain_text("faces", timeout=LOOK)
        preview = page.get_by_test_id("reference-preview")
        await expect(preview).to_have_attribute("data-tone", "refused")
        await expect(preview.get_by_test_id("face-outline")).to_have_count(2)
        inside = await preview.evaluate("""picture => {
            const frame = picture.getBoundingClientRect();
            return [...picture.querySelectorAll("[data-testid=face-outline]")].every(outline => {
                const at = outline.getBoundingClientRect();
                const across = at.left >= frame.left && at.right <= frame.right;
                return across && at.top >= frame.top && at.bottom <= frame.bottom;
            });
        }""")
        assert inside
        await expect(page.get_by_test_id("reference-still").get_by_role("img")).to_be_visible()
        assert await page.evaluate(CHECKS) == []
        await page.get_by_role("button", name="Keep it").click()
        await expect(page.get_by_test_id("reference-image")).to_be_visible()

        await files.set_input_files({"name": "notes.png", "mimeType": "image/png", "buffer": b"no picture at all"})
        await expect(page.get_by_test_id("reference-refused")).to_be_visible(timeout=LOOK)
        await expect(page.get_by_test_id("reference-preview")).to_contain_text("notes.png")


async def test_it_resumes_where_it_was(web: WebProcess, fake: FakeRecognizer) -> None:
    await fake.heartbeat(track("Ann", "hold", deadline_in=9))
    await fake.match("Ann", snapshot=False)
    async with looking(web) as page:
        await expect(card_of(page, "Ann")).to_have_attribute("data-state", "match", timeout=LOOK)
        await page.get_by_test_id("live-looks").click()
        rows = page.get_by_test_id("activity-row")
        await expect(rows).to_have_count(2)
        web.end()
        await expect(card_of(page, "Ann")).to_have_attribute("data-reason", "page", timeout=LOOK)
        await expect(card_of(page, "Ann").get_by_test_id("countdown")).to_have_count(0)
        await expect(page.get_by_test_id("activity-notice")).to_be_visible()
        await expect(page.get_by_test_id("answer")).to_contain_text("Last known: match, Ann")
        assert await page.evaluate(CHECKS) == []
        await expect(page.get_by_role("button", name="Try now")).to_be_visible(timeout=LOOK)
        await web.start()
        await fake.heartbeat(track("Ann", "probe"))
        await fake.check("Ann", "no_match", best=0.8)
        await page.evaluate(TRY_NOW)
        await expect(card_of(page, "Ann")).to_have_attribute("data-state", "no_match", timeout=LOOK)
        await expect(rows).to_have_count(3)


async def test_a_recognizer_that_has_stopped_is_said_so(web: WebProcess, fake: FakeRecognizer) -> None:
    async with looking(web) as page:
        recognizer = page.get_by_test_id("recognizer")
        await expect(recognizer).to_have_attribute("data-recognizer", "never")
        await fake.heartbeat(track("Ann", "probe"), reference_id="0123456789abcdef")
        await expect(recognizer).to_have_attribute("data-recognizer", "ok", timeout=LOOK)
        await fake.fall_silent()
        await expect(recognizer).to_have_attribute("data-recognizer", "absent", timeout=LOOK)
        await expect(card_of(page, "Ann")).to_have_attribute("data-reason", "recognizer")
        assert await page.evaluate(CHECKS) == []


@pytest.mark.parametrize(
    ("kind", "words"),
    [("NotAllowedError", "did not allow the camera"), ("NotFoundError", "No camera was found")],
)
async def test_a_missing_camera_is_told_in_words(web: WebProcess, kind: str, words: str) -> None:
    async def prepare(page: Page) -> None:
        await page.add_init_script(f"({NO_CAMERA})({quoted(kind)})")

    async with looking(web, viewport=PHONE, prepare=prepare) as page:
        await page.get_by_test_id("join-button").click()
        await expect(page.get_by_test_id("join-trouble")).to_contain_text(words, timeout=LOOK)
        await expect(page.get_by_role("button", name="Join without a camera")).to_be_visible()
        assert await page.evaluate(CHECKS) == []


async def test_the_theme_is_kept(web: WebProcess) -> None:
    async with looking(web) as page:
        light = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        await page.get_by_role("button", name="Theme: as the system").click()
        await page.get_by_role("button", name="Theme: light").click()
        await expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()
        assert await page.evaluate("getComputedStyle(document.body).backgroundColor") != light
        await page.reload()
        await expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()


async def test_a_room_full_of_participants(web: WebProcess, fake: FakeRecognizer, artifacts: Path) -> None:
    names = [f"Person {number:02}" for number in range(60)]
    await fake.heartbeat(*(track(name, "wait", deadline_in=9) for name in names))
    for name in names:
        await fake.check(name, "no_match", best=0.8)
    await fake.match(names[40])
    async with looking(web) as page:
        await expect(page.get_by_test_id("card")).to_have_count(49, timeout=LOOK)
        await expect(page.get_by_test_id("card").first).to_have_attribute("data-identity", names[40])
        await page.get_by_role("button", name="Next").click()
        await expect(page.get_by_test_id("card")).to_have_count(11)
        await page.get_by_test_id("live-looks").click()
        await expect(page.get_by_test_id("activity-row")).to_have_count(60)
        await page.get_by_role("button", name="Show older").click()
        await expect(page.get_by_test_id("activity-row")).to_have_count(62)
        await page.screenshot(path=artifacts / "page-full-room.png")
        await page.get_by_role("button", name="Matches only").click()
        await expect(page.get_by_test_id("card")).to_have_count(1)
        await page.get_by_test_id("filter-kind").select_option("match")
        await expect(page.get_by_test_id("activity-row")).to_have_count(1)
