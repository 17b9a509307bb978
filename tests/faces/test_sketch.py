"""When two frames show the same, and when they do not."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest

from facematch.faces.sketch import Sketch, sketched
from tests.rig.photographs import FACES, Scene
from tests.rig.sequences import Camera, Person

if TYPE_CHECKING:
    from collections.abc import Callable

    from facematch.faces.detector import Pixels

SMALLEST = 26
"""Pixels across the smallest face that a closer look finds."""


def nobody(_at: float) -> tuple[Person, ...]:
    return ()


def only(who: Person) -> Callable[[float], tuple[Person, ...]]:
    return lambda _at: (who,)


def sketch(frame: Pixels) -> Sketch:
    return sketched(frame, min(1.0, 640 / frame.shape[1]))


def changed(now: Sketch, before: Sketch) -> bool:
    changes = now.changes(before)
    return changes is None or bool(changes.any.any())


def test_a_sketch_is_small() -> None:
    for width, height in ((320, 180), (640, 360), (1280, 720), (720, 1280), (4096, 2304)):
        small = sketch(np.zeros((height, width, 3), np.uint8))
        assert small.grey.nbytes < 50_000
        assert small.frame_size == (width, height)


@pytest.mark.parametrize(
    ("width", "height", "scale"), [(24, 16, 1.0), (29, 19, 1.0), (7, 3, 1.0), (90, 61, 0.3), (3000, 2, 0.01)]
)
def test_a_block_is_the_mean_of_its_pixels(width: int, height: int, scale: float) -> None:
    """Those at the right and at the bottom of what is left of them."""
    frame = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    made = sketched(frame, scale)
    means = [
        [frame[top : top + made.block, left : left + made.block].mean() for left in range(0, width, made.block)]
        for top in range(0, height, made.block)
    ]
    np.testing.assert_allclose(made.grey, means, rtol=1e-5)
    assert made.grey.dtype == np.float32


@pytest.mark.parametrize("noise", [0.0, 1.0, 4.0, 8.0])
@pytest.mark.parametrize("drift", [0.0, 5.0, -5.0])
def test_noise_and_drifting_exposure_are_no_change(noise: float, drift: float) -> None:
    camera = Camera(nobody, noise=noise, drift=lambda at: drift * math.sin(at), light=lambda at: 1 + drift * at / 500)
    first = sketch(camera.frame(0.0))
    assert not any(changed(sketch(camera.frame(at / 7)), first) for at in range(1, 11))


@pytest.mark.parametrize("noise", [0.0, 4.0, 8.0])
def test_whoever_comes_wherever_is_a_change(noise: float) -> None:
    """At the smallest size that is ever found, and half as bright as the room."""
    empty = sketch(Camera(nobody, noise=noise).frame(0.0))
    places = product((5, 130, 251, 322, 633), (9, 91, 186, 262, 355))
    for (across, down), photograph in product(places, FACES):
        seen = Camera(only(Person(photograph, SMALLEST, across, down)), noise=noise)
        assert changed(sketch(seen.frame(1.0)), empty), (photograph, across, down)


@pytest.mark.parametrize("light", [1.0, 0.4])
def test_whoever_takes_anothers_place_is_a_change(light: float) -> None:
    for one, other in product(FACES, FACES):
        before, now = (Camera(only(Person(who, 50, 300, 180)), light=lambda _at: light) for who in (one, other))
        assert changed(sketch(now.frame(2.0)), sketch(before.frame(0.0))) is (one != other)


def test_who_moves_by_a_fifth_of_a_small_face_is_a_change() -> None:
    camera = Camera(lambda at: (Person("biden.jpg", 50, 300 + 10 * at, 180),))
    assert changed(sketch(camera.frame(1.0)), sketch(camera.frame(0.0)))


def test_a_slow_arrival_is_seen_against_the_frame_that_was_searched() -> None:
    """Each step is small; the way from where it began is not."""
    camera = Camera(lambda at: (Person("obama.jpg", 60, 700 - at, 180),), noise=2.0)
    first = sketch(camera.frame(0.0))
    assert changed(sketch(camera.frame(80.0)), first)


def test_the_change_is_where_it_is() -> None:
    camera = Camera(lambda at: (Person("obama.jpg", 60, 480, 180),) if at else ())
    changes = sketch(camera.frame(1.0)).changes(sketch(camera.frame(0.0)))
    assert changes is not None
    rows, columns = np.flatnonzero(changes.new.any(axis=1)), np.flatnonzero(changes.new.any(axis=0))
    assert columns[0] * 8 >= 480 - 60 * 1.5 - 16
    assert columns[-1] * 8 <= 480 + 60 * 1.5 + 16
    assert changes.new[180 // 8 - 2 : 180 // 8 + 3, 480 // 8 - 2 : 480 // 8 + 3].any()
    assert rows[0] * 8 >= 180 - 60 * 1.5 - 16


def test_a_picture_that_sways_changes_and_hardly_anything_in_it_is_new() -> None:
    frames = [np.asarray(frame) for frame in Scene("obama2.jpg").frames(4)]
    changes = sketch(frames[1]).changes(sketch(frames[0]))
    assert changes is not None
    assert changes.any.sum() > 200
    assert changes.new.sum() < 20


@pytest.mark.parametrize("light", [1.0, 0.4])
@pytest.mark.parametrize("sway", [0, 5])
def test_whoever_comes_is_new_while_another_sways(light: float, sway: int) -> None:
    """At the smallest size that is found without a closer look."""

    def camera(*comes: Person) -> Camera:
        return Camera(lambda at: (Person("obama2.jpg", 90, 320 + sway * at, 200), *comes), light=lambda _at: light)

    before = sketch(camera().frame(0.0))
    places = product((12, 180, 320, 470, 628), (12, 100, 270, 348))
    for (across, down), photograph in product(places, FACES):
        changes = sketch(camera(Person(photograph, 50, across, down)).frame(1.0)).changes(before)
        assert changes is None or changes.new[max(0, down - 50) // 8 :, max(0, across - 50) // 8 :].any()


@pytest.mark.parametrize("light", [0.7, 1.4])
def test_a_light_that_is_switched_is_a_change(light: float) -> None:
    camera = Camera(nobody, light=lambda at: light if at else 1.0)
    assert changed(sketch(camera.frame(1.0)), sketch(camera.frame(0.0)))


def test_a_camera_that_is_turned_is_a_change() -> None:
    frame = Camera(nobody, noise=2.0).frame(0.0)
    assert changed(sketch(np.ascontiguousarray(np.roll(frame, 6, axis=1))), sketch(frame))


def test_frames_of_other_sizes_cannot_be_compared() -> None:
    small = Camera(nobody, width=320, height=180).frame(0.0)
    assert sketch(small).changes(sketch(Camera(nobody).frame(0.0))) is None


def test_noise_alone_tells_nothing() -> None:
    """A picture so noisy that somebody could hide in it is never the same."""
    rng = np.random.default_rng(1)
    one, other = (rng.integers(0, 255, (360, 640, 3), np.uint8) for _ in range(2))
    assert sketch(one).changes(sketch(other)) is None


def test_a_frame_of_one_pixel() -> None:
    dot = sketched(np.full((1, 1, 3), 90, np.uint8), 1.0)
    assert not changed(dot, dot)
