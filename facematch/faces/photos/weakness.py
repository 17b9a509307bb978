"""What makes an accepted face a weak reference: it will be taken for its owner less often.

Tuned on altered photographs: each measure is crossed where the embedding has moved about a third of the way to a
stranger's, and not by untouched photographs, grey ones, or faces of the smallest size that is accepted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image, ImageFilter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facematch.faces.detector import Pixels

WeakCode = Literal["BLURRED", "FEW_TONES", "LOW_CONTRAST", "OVEREXPOSED", "EYES_HIDDEN", "UNCLEAR"]

_LEAST_DETAIL = 0.09
"""Detail finer than two pixels of the chip, as a part of its contrast: 0.18 to 0.25 untouched, below it blurred."""
_MOST_DETAIL = 0.55
"""The same: 0.5 in heavy noise, 0.6 to 0.8 in dots of black and white."""
_LEAST_MIDDLE = 0.1
"""Part of the pixels that is neither nearly white nor nearly black: 0.7 to 0.98, without greys 0.06."""
_FULL_SPAN = 200
_LEAST_SPAN = 25
"""Steps of brightness between the darkest and the brightest twentieth: 90 to 160 untouched."""
_BRIGHTEST = 240
"""Of the middle pixel: beyond, most of the face is white."""
_DARKEST_EYES = 0.6
"""Brightness of the eyes against the cheeks: 1 to 1.6 uncovered, 0.1 to 0.55 behind dark glasses."""
_LEAST_SCORE = 0.6
"""The detector's: 1.3 and more for clear frontal faces; 0.3 to 0.6 covered, turned away, moved, in deep shadow."""

# Parts of the chip, in which every face lies alike: rows, columns.
_FACE = np.s_[25:135, 25:125]
_BLURRED_FROM = 6
"""Pixels around it that its blurred copy is made of."""
SHARPNESS_NEEDS = (25 - _BLURRED_FROM, 25 - _BLURRED_FROM, 125 + _BLURRED_FROM, 135 + _BLURRED_FROM)
"""Left, top, right, bottom of what `sharpness_of` looks at, in pixels of a face as the encoder gets it."""
_EYES = (np.s_[50:72, 34:66], np.s_[50:72, 84:116])
_CHEEKS = (np.s_[80:105, 35:55], np.s_[80:105, 95:115])


@dataclass(frozen=True, slots=True)
class Weakness:
    """One reason."""

    code: WeakCode
    detail: str
    """A sentence that a person can act on."""


def weaknesses(chip: Pixels, score: float) -> tuple[Weakness, ...]:
    """Why a face will be recognised less often than others; empty for a good one.

    Args:
        chip: (150, 150, 3), the face upright, as the encoder gets it.
        score: the detector's.
    """
    grey = Image.fromarray(chip).convert("L")
    light = np.asarray(grey, np.float32)
    face: NDArray[np.float32] = light[_FACE]
    detail = _detail(grey)
    dark, middle, bright = (float(value) for value in np.percentile(face, (5, 50, 95)))
    lowest, reach = float(np.min(face)), float(np.ptp(face))
    greys = float(((face > lowest + 0.15 * reach) & (face < lowest + 0.85 * reach)).mean())
    eyes = _middle(light, _EYES) / max(_middle(light, _CHEEKS), 1.0)

    found: list[Weakness] = []
    if detail > _MOST_DETAIL or (greys < _LEAST_MIDDLE and bright - dark > _FULL_SPAN):
        found.append(Weakness("FEW_TONES", "The picture is black and white without greys. Use the original photo."))
    elif middle > _BRIGHTEST:
        found.append(Weakness("OVEREXPOSED", "The face is too bright. Use a photo with less light on it."))
    elif bright - dark < _LEAST_SPAN:
        found.append(Weakness("LOW_CONTRAST", "The face is too dark or too pale. Use a photo with better light."))
    if detail < _LEAST_DETAIL:
        found.append(Weakness("BLURRED", "The face is blurred. Use a sharper photo."))
    if eyes < _DARKEST_EYES:
        found.append(Weakness("EYES_HIDDEN", "The eyes are hidden. Use a photo without dark glasses or shadows."))
    if score < _LEAST_SCORE and not found:
        found.append(
            Weakness("UNCLEAR", "The face is hard to make out. Use a photo that shows all of it from the front.")
        )
    return tuple(found)


def sharpness(chip: Pixels) -> float:
    """How much of the face's contrast is detail finer than two pixels: 0.18 to 0.25 in untouched photographs.

    Args:
        chip: (150, 150, 3), the face upright, as the encoder gets it; or (150, 150), grey.
    """
    return _detail(Image.fromarray(chip).convert("L"))


def sharpness_of(part: Image.Image) -> float:
    """The same, within a tenth, of a grey face of which there is no more than `SHARPNESS_NEEDS`."""
    inside = slice(_BLURRED_FROM, -_BLURRED_FROM)
    return _detail(part, (inside, inside))


def _detail(grey: Image.Image, where: tuple[slice, slice] = _FACE) -> float:
    face = np.asarray(grey, np.float32)[where]
    coarse = np.asarray(grey.filter(ImageFilter.GaussianBlur(2)), np.float32)[where]
    return float(np.abs(face - coarse).mean() / max(face.std(), 1.0))


def _middle(light: NDArray[np.float32], parts: tuple[tuple[slice, slice], ...]) -> float:
    return float(np.median(np.concatenate([light[part].ravel() for part in parts])))
