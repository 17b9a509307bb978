"""The gallery that a recognizer follows, in virtual time, against a web process that is one list of answers."""

from __future__ import annotations

import asyncio
import os
import stat
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from structlog.testing import capture_logs

from facematch.faces.gallery_file import LARGEST_FILE, tag_of, to_bytes
from facematch.faces.tolerance import MatchRules
from facematch.recognizer.delivery.api_client import Answer, ApiUnreachableError
from facematch.recognizer.gallery import KEPT, GalleryFollower, gallery_path
from facematch.recognizer.matching import Matching
from tests.rig.embeddings import ENCODER, axis, crowd, face, gallery, person
from tests.rig.traces import reachable
from tests.rig.virtual_time import now, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from facematch.faces.gallery import Gallery

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
AWAY = ApiUnreachableError("ConnectError")


@pytest.fixture(autouse=True)
def threads_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Virtual time waits for no thread."""

    async def at_once(work: Callable[..., Any], *args: Any, **known: Any) -> Any:
        await asyncio.sleep(0)
        return work(*args, **known)

    monkeypatch.setattr(asyncio, "to_thread", at_once)


class Web:
    """A web process with a gallery: answers at once when it is another than the one that is known, else waits."""

    def __init__(self, *people: str, version: int = 1) -> None:
        self.gallery: Gallery = gallery(*(person(id_, axis(1)) for id_ in people), version=version)
        self.trouble: Answer | Exception | None = None
        self.deaf = False
        """Keeps questions open and hears of no change."""
        self.asked: list[tuple[float, str, str | None]] = []
        self._changed = asyncio.Event()

    def publish(self, *people: str, version: int) -> None:
        self.gallery = gallery(*(person(id_, axis(1)) for id_ in people), version=version)
        if not self.deaf:
            self._changed.set()

    async def get(self, path: str, tag: str | None, *, seconds: float, most_bytes: int) -> Answer:
        self.asked.append((now(), path, tag))
        assert most_bytes == LARGEST_FILE
        if isinstance(self.trouble, Exception):
            raise self.trouble
        if self.trouble is not None:
            return self.trouble
        wait = float(path.removeprefix("/api/gallery?wait="))
        assert wait < seconds
        self._changed.clear()
        if tag == self.tag:
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                return Answer(304, b"", tag)
            if tag == self.tag:
                return Answer(304, b"", tag)
        return Answer(200, to_bytes(self.gallery), self.tag)

    @property
    def tag(self) -> str:
        return f'"{tag_of(to_bytes(self.gallery))}"'


class Scene:
    def __init__(self, folder: Path, web: Web) -> None:
        self.web = web
        self.kept = gallery_path(folder, "http://api")
        self.clock_set = timedelta()
        self.follower = self.another()
        self.heard: list[tuple[float, int]] = []

    def another(self) -> GalleryFollower:
        follower = GalleryFollower(cast("Any", self.web), self.kept, ENCODER, self._time)
        follower.subscribe(lambda: self.heard.append((now(), follower.current.version)))
        return follower

    def _time(self) -> datetime:
        return BEGAN + timedelta(seconds=now()) + self.clock_set

    async def follow(self, seconds: float) -> None:
        await follow(self.follower, seconds)


async def follow(follower: GalleryFollower, seconds: float) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await follower.run()


def ids(follower: GalleryFollower) -> list[str]:
    return list(follower.current.ids)


def test_what_is_published_is_in_force_at_once_and_so_is_every_change(tmp_path: Path) -> None:
    async def scenario() -> None:
        scene = Scene(tmp_path, Web("p_1"))
        loop = asyncio.get_running_loop()
        loop.call_at(7.0, lambda: scene.web.publish("p_1", "p_2", version=2))
        loop.call_at(30.0, lambda: scene.web.publish("p_2", version=3))
        known = [scene.follower.looked]
        await scene.follow(60)
        known.append(scene.follower.looked)
        assert known == [False, True]
        assert [version for _, version in scene.heard] == [1, 1, 2, 3]
        assert [when for when, _ in scene.heard] == pytest.approx([0, 0, 7, 30], abs=0.01)
        assert len(scene.web.asked) <= 8  # nothing is asked in vain

    run(scenario())


def test_many_changes_in_a_row_are_swapped_whole_and_the_last_is_in_force(tmp_path: Path) -> None:
    async def scenario() -> None:
        scene = Scene(tmp_path, Web("p_1"))
        loop = asyncio.get_running_loop()

        def publish(version: int) -> None:
            scene.web.publish(f"p_{version}", version=version)

        for version in range(2, 200):
            loop.call_at(version / 50, publish, version)
        await scene.follow(5)
        assert (ids(scene.follower), scene.follower.current.version) == (["p_199"], 199)
        assert len(scene.heard) <= 20

    run(scenario())


def test_a_question_that_got_lost_is_asked_anew_when_a_heartbeat_tells(tmp_path: Path) -> None:
    async def scenario() -> None:
        scene = Scene(tmp_path, Web("p_1"))
        scene.web.deaf = True
        loop = asyncio.get_running_loop()
        loop.call_at(5.0, lambda: scene.web.publish("p_2", version=2))
        for second in (2, 4, 6, 8, 10):
            loop.call_at(second, lambda: scene.follower.told(scene.web.gallery.version))
        await scene.follow(12)
        assert scene.heard[-1][1] == 2
        assert scene.heard[-1][0] == pytest.approx(8, abs=0.01)
        assert len(scene.web.asked) == 4

    run(scenario())


def test_what_is_on_its_way_is_not_asked_for_again_and_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        scene = Scene(tmp_path, Web("p_1"))
        loop = asyncio.get_running_loop()
        for tenth in range(600):
            loop.call_at(tenth / 10, lambda: scene.follower.told(99))
        scene.web.deaf = True
        await scene.follow(60)
        assert len(scene.web.asked) <= 12

    run(scenario())


def test_a_web_process_that_does_not_wait_is_not_asked_without_a_pause(tmp_path: Path) -> None:
    async def scenario() -> None:
        scene = Scene(tmp_path, Web("p_1"))
        scene.web.trouble = Answer(304, b"", '"1"')
        await scene.follow(10)
        assert len(scene.web.asked) <= 42

    run(scenario())


@pytest.mark.parametrize("trouble", [AWAY, Answer(404, b"{}"), Answer(403, b"{}"), Answer(500, b"<html>")])
def test_trouble_is_waited_out_and_the_one_before_stays(tmp_path: Path, trouble: Answer | Exception) -> None:
    async def scenario() -> None:
        scene = Scene(tmp_path, Web("p_1"))
        loop = asyncio.get_running_loop()

        def breaks() -> None:
            scene.web.trouble = trouble
            scene.web._changed.set()

        def is_back() -> None:
            scene.web.trouble = None
            scene.web.publish("p_2", version=2)

        loop.call_at(5.0, breaks)
        loop.call_at(100.0, is_back)
        await scene.follow(99)
        assert ids(scene.follower) == ["p_1"]
        assert 15 <= len(scene.web.asked) <= 120
        again = asyncio.create_task(scene.follow(10))
        await again
        assert ids(scene.follower) == ["p_2"]

    run(scenario())


def test_one_that_cannot_be_used_is_told_once_and_the_one_before_stays(tmp_path: Path) -> None:
    async def scenario() -> None:
        scene = Scene(tmp_path, Web("p_1"))
        loop = asyncio.get_running_loop()

        def breaks() -> None:
            scene.web.trouble = Answer(200, b"torn", '"2"')
            scene.web._changed.set()

        def heals() -> None:
            scene.web.trouble = None

        loop.call_at(5.0, breaks)
        loop.call_at(20.0, heals)
        with capture_logs() as lines:
            await scene.follow(19)
            assert ids(scene.follower) == ["p_1"]
            assert scene.follower.error is not None
            assert "damaged" in scene.follower.error
            assert [line["log_level"] for line in lines].count("error") == 1
            await scene.follow(5)
        assert ids(scene.follower) == ["p_1"]
        assert not scene.follower.error

    run(scenario())


def test_it_is_kept_for_a_start_without_the_web_process_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        scene = Scene(tmp_path, Web("p_1", version=5))
        await scene.follow(1)
        assert stat.S_IMODE(scene.kept.stat().st_mode) == 0o600
        scene.web.trouble = AWAY
        later = scene.another()
        await follow(later, 3)
        assert (ids(later), later.current.version, later.looked) == (["p_1"], 5, True)
        scene.web.trouble = None
        await follow(later, 8)
        assert scene.web.asked[-1][2] == scene.web.tag  # it is asked for what is another, not for the same again

    run(scenario())


def test_another_database_with_the_same_version_is_another_gallery(tmp_path: Path) -> None:
    """One put back from a copy, or a web process that was given another: by the version alone nobody would notice."""

    async def scenario() -> None:
        scene = Scene(tmp_path, Web("p_1", version=5))
        await scene.follow(1)
        scene.web.publish("p_2", version=5)
        later = scene.another()
        scene.web.trouble = AWAY
        asyncio.get_running_loop().call_at(now() + 3, lambda: setattr(scene.web, "trouble", None))
        await follow(later, 8)
        assert (ids(later), later.current.version) == (["p_2"], 5)
        scene.web.publish("p_3", version=5)
        await follow(later, 2)
        assert ids(later) == ["p_3"]

    run(scenario())


def test_an_older_web_process_tags_with_the_version_alone(tmp_path: Path) -> None:
    class Older(Web):
        @property
        def tag(self) -> str:
            return f'"{self.gallery.version}"'

    async def scenario() -> None:
        scene = Scene(tmp_path, Older("p_1", version=5))
        for second in range(1, 10):
            asyncio.get_running_loop().call_at(second, lambda: scene.follower.told(5))
        await scene.follow(10)
        assert [tag for _, _, tag in scene.web.asked] == [None, '"5"']

    run(scenario())


def test_the_cameras_wait_a_moment_only_for_a_web_process_that_hangs(tmp_path: Path) -> None:
    class Hanging(Web):
        async def get(self, path: str, tag: str | None, *, seconds: float, most_bytes: int) -> Answer:
            await asyncio.sleep(seconds)
            raise AWAY

    async def scenario() -> None:
        scene = Scene(tmp_path, Hanging())
        await scene.follow(10)
        assert [version for _, version in scene.heard] == [0]
        assert scene.heard[0][0] == pytest.approx(2.0)

    run(scenario())


def test_nobody_is_kept_when_nobody_is_left(tmp_path: Path) -> None:
    async def scenario() -> None:
        scene = Scene(tmp_path, Web("p_1"))
        asyncio.get_running_loop().call_at(5.0, lambda: scene.web.publish(version=2))
        await scene.follow(10)
        assert not scene.kept.exists()
        assert list(tmp_path.iterdir()) == []

    run(scenario())


def test_one_that_was_not_confirmed_for_a_day_is_forgotten_in_memory_and_on_disk(tmp_path: Path) -> None:
    async def scenario() -> None:
        scene = Scene(tmp_path, Web("p_1"))
        await scene.follow(1)
        scene.web.trouble = AWAY
        scene.clock_set = KEPT - timedelta(minutes=1)
        await scene.follow(10)
        assert ids(scene.follower) == ["p_1"]
        scene.clock_set = KEPT
        await scene.follow(10)
        assert ids(scene.follower) == []
        assert not scene.kept.exists()

    run(scenario())


@pytest.mark.parametrize("written", [-KEPT, KEPT + timedelta(hours=1)])
def test_one_that_was_kept_for_too_long_is_deleted_unused(tmp_path: Path, written: timedelta) -> None:
    async def scenario() -> None:
        scene = Scene(tmp_path, Web("p_1"))
        await scene.follow(1)
        when = (BEGAN + written).timestamp()
        os.utime(scene.kept, (when, when))
        scene.web.trouble = AWAY
        later = scene.another()
        await follow(later, 3)
        assert ids(later) == []
        assert not scene.kept.exists()

    run(scenario())


def test_it_is_confirmed_while_the_web_process_answers(tmp_path: Path) -> None:
    async def scenario() -> None:
        scene = Scene(tmp_path, Web("p_1"))
        await scene.follow(3 * 3600)
        confirmed = datetime.fromtimestamp(scene.kept.stat().st_mtime, UTC)
        assert BEGAN + timedelta(hours=2.5) <= confirmed <= BEGAN + timedelta(hours=3)

    run(scenario())


@pytest.mark.parametrize("content", [b"", b"torn", to_bytes(gallery(person("p_1", axis(1))))[:-3]])
def test_a_kept_one_that_is_damaged_is_deleted(tmp_path: Path, content: bytes) -> None:
    async def scenario() -> None:
        scene = Scene(tmp_path, Web())
        scene.kept.write_bytes(content)
        scene.web.trouble = AWAY
        await scene.follow(3)
        assert (ids(scene.follower), scene.follower.looked) == ([], True)
        assert not scene.kept.exists()

    run(scenario())


def test_a_disk_that_takes_nothing_is_told_and_no_older_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async def scenario() -> None:
        scene = Scene(tmp_path, Web("p_1"))
        await scene.follow(1)
        monkeypatch.setattr("facematch.recognizer.gallery.write_whole", full)
        asyncio.get_running_loop().call_at(5.0, lambda: scene.web.publish("p_2", version=2))
        with capture_logs() as lines:
            await scene.follow(10)
        assert ids(scene.follower) == ["p_2"]
        assert not scene.kept.exists()
        assert [line["log_level"] for line in lines].count("warning") == 1

    run(scenario())


def test_of_who_is_erased_nothing_can_be_reached_any_more(tmp_path: Path) -> None:
    """By anything that has ever compared with them, and not in the folder either."""

    async def scenario() -> None:
        generator = np.random.default_rng(3)
        scene, faces = Scene(tmp_path, Web()), [face(one) for one in crowd(generator, 20)]
        own = crowd(generator, 1)[0]
        bitten = bytes(255 - byte for byte in own.tobytes())  # a copy here would be found
        people = [person(f"p_{number}", one) for number, one in enumerate([own, *crowd(generator, 30)])]
        scene.web.gallery = gallery(*people, version=1)
        matching = Matching(cast("Any", SimpleNamespace(current=None, looked=True)), scene.follower, MatchRules())
        following = asyncio.create_task(scene.follower.run())
        await asyncio.sleep(1)
        rankings = [matching.rank(faces, None, room) for room in ("hall", "lab")]
        assert rankings[0].gallery_version == 1
        owned = (scene.follower, matching, rankings, following)

        def found() -> bool:
            return any(bytes(255 - byte for byte in bitten) in data for data in reachable(*owned))

        assert found()
        assert own.tobytes() in scene.kept.read_bytes()
        scene.web.gallery = scene.web.gallery.changed(2, removed=["p_0"])
        people, own = [], None
        scene.web._changed.set()
        await asyncio.sleep(1)
        assert scene.follower.current.version == 2
        assert not found()
        assert bytes(255 - byte for byte in bitten) not in scene.kept.read_bytes()
        assert [path.name for path in tmp_path.iterdir()] == [scene.kept.name]
        following.cancel()
        await asyncio.wait([following])

    run(scenario())


def test_what_nobody_uses_any_more_is_deleted_also_what_was_half_written(tmp_path: Path) -> None:
    """Whoever is erased may be in it; a recognizer that is killed while it writes, or given another API, leaves it."""
    others = gallery_path(tmp_path, "http://another")
    draft, lately = (tmp_path / f".{others.stem}-{name}.part" for name in ("a1b2", "c3d4"))
    foreign = tmp_path / "gallery-of-mine.safetensors"

    def written(file: Path, ago: timedelta) -> None:
        file.write_bytes(b"somebody")
        when = (BEGAN - ago).timestamp()
        os.utime(file, (when, when))

    async def scenario() -> None:
        scene = Scene(tmp_path, Web("p_1"))
        for file, ago in ((others, KEPT - timedelta(minutes=5)), (draft, timedelta(minutes=1)), (foreign, 2 * KEPT)):
            written(file, ago)
        written(lately, timedelta())
        await scene.follow(1)
        assert {*tmp_path.iterdir()} == {scene.kept, others, lately, foreign}
        await scene.follow(700)
        assert {*tmp_path.iterdir()} == {scene.kept, foreign}

    run(scenario())


def test_each_web_process_has_a_file_of_its_own(tmp_path: Path) -> None:
    assert gallery_path(tmp_path, "http://a") != gallery_path(tmp_path, "http://b")


def test_an_answer_that_comes_early_is_news_of_something_else(tmp_path: Path) -> None:
    async def scenario() -> None:
        scene, news = Scene(tmp_path, Web("p_1")), []
        scene.follower.on_news(lambda: news.append(now()))
        asyncio.get_running_loop().call_at(7.0, lambda: scene.web.publish("p_1", version=1))
        await scene.follow(10)
        assert news == pytest.approx([0, 7], abs=0.01)
        assert [version for _, version in scene.heard] == [1, 1]

    run(scenario())
