"""Photographs that are accepted although they will hardly match: what is wrong is said, and of good ones nothing."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from facematch.faces.photos.enrollment import EnrolledPhoto, enroll
from facematch.faces.photos.photo import read_photo
from facematch.faces.photos.refusal import EnrollmentError
from tests.rig.pictures import frame, photo_bytes

if TYPE_CHECKING:
    from facematch.faces.detector import Detector
    from facematch.faces.encoder import Encoder

PEOPLE = ("biden", "collins", "obama", "obama2", "obama3")
Take = Callable[[Image.Image], EnrolledPhoto]


@pytest.fixture(scope="module")
def take(detector: Detector, onnx_encoder: Encoder) -> Take:
    def taken(image: Image.Image) -> EnrolledPhoto:
        file = BytesIO()
        image.save(file, "PNG")
        return enroll(read_photo(file.getvalue()), detector, onnx_encoder)

    return taken


def person(name: str) -> Image.Image:
    """With a face 200 pixels wide."""
    return Image.fromarray(frame(name, 480, 480, face=200))


def blurred(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(5))


def enlarged(image: Image.Image) -> Image.Image:
    """From a thumbnail."""
    return image.resize((image.width // 12, image.height // 12)).resize(image.size, Image.Resampling.BICUBIC)


def dots(image: Image.Image) -> Image.Image:
    return image.convert("1")


def black_and_white(image: Image.Image) -> Image.Image:
    return image.convert("L").point(lambda value: 255 * (value > 110)).convert("1")


def pale(image: Image.Image) -> Image.Image:
    return ImageEnhance.Contrast(image).enhance(0.12)


def dark(image: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(0.12)


def bright(image: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(3)


def grey(image: Image.Image) -> Image.Image:
    return image.convert("L")


def noisy(image: Image.Image) -> Image.Image:
    pixels = np.asarray(image, np.float32)
    noise = np.random.default_rng(1).normal(0, 20, pixels.shape)
    return Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))


def a_little_blurred(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(2))


def in_sunglasses(image: Image.Image, taken: EnrolledPhoto) -> Image.Image:
    top, right, _bottom, left = taken.bbox
    width = right - left
    drawn = image.copy()
    draw = ImageDraw.Draw(drawn)
    for across in (left + 0.27 * width, left + 0.73 * width):
        eye = top + 0.3 * width
        glass = (across - 0.21 * width, eye - 0.13 * width, across + 0.21 * width, eye + 0.17 * width)
        draw.ellipse(glass, fill=(15, 15, 15))
    return drawn


def codes(taken: EnrolledPhoto) -> list[str]:
    assert all(weak.detail.endswith(".") for weak in taken.weak)
    return [weak.code for weak in taken.weak]


@pytest.mark.parametrize("name", ["collins", "obama3"])
@pytest.mark.parametrize("altered", [None, grey, a_little_blurred, noisy])
def test_of_a_good_photograph_nothing_is_said(
    name: str, altered: Callable[[Image.Image], Image.Image] | None, take: Take
) -> None:
    image = person(name)
    assert codes(take(altered(image) if altered else image)) == []


@pytest.mark.parametrize("name", PEOPLE)
def test_of_a_photograph_as_it_came_nothing_is_said(name: str, detector: Detector, onnx_encoder: Encoder) -> None:
    assert codes(enroll(read_photo(photo_bytes(name)), detector, onnx_encoder)) == []


def test_of_the_smallest_face_nothing_is_said(take: Take) -> None:
    assert codes(take(Image.fromarray(frame("obama", 400, 300, face=100)))) == []


@pytest.mark.parametrize("name", ["biden", "obama2"])
@pytest.mark.parametrize(
    ("altered", "code"),
    [
        (blurred, "BLURRED"),
        (enlarged, "BLURRED"),
        (dots, "FEW_TONES"),
        (black_and_white, "FEW_TONES"),
        (pale, "LOW_CONTRAST"),
        (dark, "LOW_CONTRAST"),
        (bright, "OVEREXPOSED"),
    ],
)
def test_what_is_wrong_is_said(name: str, altered: Callable[[Image.Image], Image.Image], code: str, take: Take) -> None:
    image = person(name)
    good = take(image)
    try:
        taken = take(altered(image))
    except EnrollmentError as error:
        assert error.code == "NO_FACE"  # noqa: PT017  (a sentence, too)
        return
    assert code in codes(taken)
    assert np.linalg.norm(taken.embedding - good.embedding) > 0.2  # there was a reason


@pytest.mark.parametrize("name", PEOPLE)
def test_dark_glasses_are_seen(name: str, take: Take) -> None:
    image = person(name)
    good = take(image)
    hidden = take(in_sunglasses(image, good))
    assert "EYES_HIDDEN" in codes(hidden)
    assert np.linalg.norm(hidden.embedding - good.embedding) > 0.3


def test_a_covered_mouth_is_unclear(take: Take) -> None:
    image = person("obama")
    top, right, bottom, left = take(image).bbox
    width, upper = right - left, top + 0.6 * (bottom - top)
    chin = bottom + 0.1 * width
    mask = [(left - 5, upper), (right + 5, upper), (right - 0.1 * width, chin), (left + 0.1 * width, chin)]
    ImageDraw.Draw(image).polygon(mask, fill=(120, 170, 190))
    assert codes(take(image)) == ["UNCLEAR"]
