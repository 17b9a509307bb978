from __future__ import annotations

import dlib
import numpy as np
import pytest

from facematch.faces.detector import Box, Detector, resized
from tests.rig.pictures import PEOPLE, frame, pixels


@pytest.mark.parametrize(
    ("size", "wanted"),
    [((1280, 720), (640, 360)), ((1920, 1080), (640, 360)), ((960, 540), (640, 360)), ((320, 180), (640, 360))],
)
def test_resizing_keeps_the_picture(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    down, across = np.mgrid[0 : size[1], 0 : size[0]].astype(np.float32)
    image = np.stack([across / size[0], down / size[1], np.full_like(down, 0.5)], axis=-1)
    smaller = resized((image * 255).astype(np.uint8), *wanted)

    assert smaller.shape == (wanted[1], wanted[0], 3)
    assert smaller.dtype == np.uint8
    assert smaller[0, 0].tolist() == pytest.approx([0, 0, 127], abs=3)
    assert smaller[-1, -1].tolist() == pytest.approx([254, 254, 127], abs=3)
    assert smaller[wanted[1] // 2, wanted[0] // 2].tolist() == pytest.approx([127, 127, 127], abs=3)


def test_an_image_of_that_size_is_not_copied() -> None:
    image = np.zeros((36, 64, 3), np.uint8)
    assert resized(image, 64, 36) is image


def test_odd_sizes() -> None:
    assert resized(np.zeros((1, 2000, 3), np.uint8), 640, 1).shape == (1, 640, 3)
    assert resized(np.zeros((999, 1001, 3), np.uint8), 333, 332).shape == (332, 333, 3)


def test_boxes_scale_and_clip() -> None:
    box = Box(top=-10, right=110, bottom=90, left=10, score=1.0)
    assert box.scaled(2, 3) == Box(top=-30, right=220, bottom=270, left=20, score=1.0)
    assert box.clipped(100, 80) == (0, 100, 80, 10)
    assert box.width == 100


@pytest.mark.parametrize("box", [Box(-50, -5, -5, -50, 1), Box(200, 300, 300, 200, 1)])
def test_a_clipped_box_has_an_inside(box: Box) -> None:
    top, right, bottom, left = box.clipped(100, 80)
    assert 0 <= top < bottom <= 80
    assert 0 <= left < right <= 100


def test_it_finds_a_face_where_it_is(detector: Detector) -> None:
    (box,) = detector.find(frame("obama", 640, 360, face=90, across=0.8))
    assert box.left > 320
    assert 80 <= box.width <= 110
    assert box.score > 0.5


@pytest.mark.parametrize("name", PEOPLE)
def test_every_copy_of_the_detector_finds_what_dlibs_own_does(name: str, detector: Detector) -> None:
    rectangles, scores, _ = dlib.get_frontal_face_detector().run(pixels(name), 0, 0.0)
    wanted = [(one.top(), one.left(), score) for one, score in zip(rectangles, scores, strict=True)]
    for found in (detector.find(pixels(name)), Detector().find(pixels(name))):
        assert [(box.top, box.left, box.score) for box in found] == wanted


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 400, 3), (400, 3, 3), (79, 79, 3), (360, 640, 3)])
def test_blank_images_of_any_size_have_no_face(shape: tuple[int, int, int], detector: Detector) -> None:
    assert detector.find(np.zeros(shape, np.uint8)) == []
    assert detector.find(np.full(shape, 255, np.uint8)) == []


def test_chips_of_boxes_over_the_edge(detector: Detector) -> None:
    image = frame("obama", 320, 180, face=90)
    for box in (Box(-60, 40, 40, -60, 1), Box(150, 340, 250, 240, 1)):
        assert detector.chip(image, box).shape == (150, 150, 3)
