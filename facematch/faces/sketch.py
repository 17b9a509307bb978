"""A small grey copy of a frame, and where two of them differ by more than a camera's noise and exposure do.

A camera that sees nothing new still sends other numbers: every pixel has noise, compression smears it, and the exposure
drifts. So pixels are averaged in blocks, brightness and contrast of the whole picture are brought to those of the
earlier one, and what is left is judged by the noise that this very pair of pictures has: the median over all blocks,
which a change in less than half of the picture does not move. Where it is not clear, the pictures differ.

A camera or a person that moves a little changes every edge in the picture and brings nothing new into it. So a change
is *new* where it is no shade between those that lay within a block of it before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facematch.faces.detector import Pixels

BLOCK = 8
"""Pixels across a block, at the size at which a frame is searched. The smallest face that a closer look finds is 26."""

_TIMES_NOISE = 4.5
"""What three by three blocks together may differ by (root mean square), in standard deviations of one block. Of a
picture with nothing but strong noise and drift the worst of 3,600 is 3.7."""
_LEAST = 2.0
"""The same in grey levels, of 255, where there is less noise than that: compression alone moves blocks by one."""
_MOST_NOISE = 3.0
"""Standard deviation of a block in grey levels above which it is no noise. A camera in the dark has 1.5."""
_GAIN = (0.87, 1.15)
"""Change of contrast that is one of exposure only."""
_DRIFT = 16.0
"""Grey levels by which the whole picture may have become lighter or darker."""
_NEW_LEAST = 5.0
"""Grey levels by which three by three blocks are of a new shade together (root mean square). Pictures that sway as a
whole have 4 to 13; a face of 50 pixels that comes has 50 and more in a room that is lit."""
_NEW_TIMES_NOISE = 3.0
"""The same in standard deviations of one block, which movement makes larger, too."""
_SIGMA = 1.4826
"""Standard deviations in a median of absolute values, for normal noise."""


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """Where a frame differs from an earlier one: (rows, columns) of blocks."""

    any: NDArray[np.bool_]
    """All differences beyond noise and exposure."""
    new: NDArray[np.bool_]
    """Those which nothing explains that was there before and has moved by a block."""


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """A frame in blocks. A value; some 14 kB."""

    frame_size: tuple[int, int]
    """Width and height of the frame."""
    block: int
    """Pixels of the frame across a block; the last ones of a row or a column may be cut off."""
    grey: NDArray[np.float32]
    """(rows, columns) means, 0 to 255."""

    def changes(self, earlier: Sketch) -> Changes | None:
        """Which blocks show something else than in an earlier frame.

        Returns:
            None when that cannot be told apart from noise, or the frames have different sizes.
        """
        if (self.frame_size, self.block) != (earlier.frame_size, earlier.block):
            return None
        expected = self._expected(earlier.grey)
        if expected is None:
            return None
        difference = self.grey - expected
        noise = _SIGMA * _middle(np.abs(difference))
        if noise > _MOST_NOISE:
            return None
        changed = _above(difference, max(_LEAST, _TIMES_NOISE * noise))
        if not changed.any():
            return Changes(changed, changed)
        lowest, highest = _nine(expected, np.minimum), _nine(expected, np.maximum)
        beyond = np.maximum(self.grey - highest, lowest - self.grey).clip(min=0)
        return Changes(changed, _above(beyond, max(_NEW_LEAST, _NEW_TIMES_NOISE * noise)) & changed)

    def _expected(self, earlier: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """The earlier picture with this one's brightness and contrast; None when there is no saying what those are."""
        difference = self.grey - earlier
        drift = _middle(difference)
        off = np.abs(difference - drift)
        alike = off <= 3 * _SIGMA * _middle(off) + 1  # what has moved says nothing of the exposure
        before, now = earlier[alike], self.grey[alike]
        middle = float(before.mean())
        spread = before - middle
        shift = float(now.mean()) - middle
        gain = 1 + float(spread @ (now - before)) / max(float(spread @ spread), 1.0)
        if abs(shift) > _DRIFT or not _GAIN[0] <= gain <= _GAIN[1]:
            return None
        return np.clip(earlier + np.float32(shift) + (gain - 1) * (earlier - middle), 0, 255)


def sketched(frame: Pixels, scale: float) -> Sketch:
    """The sketch of a contiguous frame that is searched at `scale` (at most 1) of its size."""
    height, width = frame.shape[:2]
    block = max(1, round(BLOCK / scale))
    return Sketch((width, height), block, _means(frame, block))


def _means(frame: Pixels, block: int) -> NDArray[np.float32]:
    """Of all three colours of each block. Whole rows of bytes are added first, which takes half the time of
    averaging pixels.
    """
    height, width = frame.shape[:2]
    flat = frame.reshape(height, 3 * width)
    whole = height // block * block
    wide: type[np.uint16 | np.uint32] = np.uint16 if block * 255 <= np.iinfo(np.uint16).max else np.uint32
    sums: NDArray[Any] = flat[:whole].reshape(-1, block, 3 * width).sum(axis=1, dtype=wide)
    if whole < height:
        sums = np.vstack((sums, flat[whole:].sum(axis=0, dtype=wide)))
    if beyond := -width % block:
        sums = np.pad(sums, ((0, 0), (0, 3 * beyond)))
    across = sums.reshape(len(sums), -1, 3 * block).sum(axis=2, dtype=np.uint32)
    means: NDArray[np.float32] = across.astype(np.float32) / (3 * np.outer(_sides(height, block), _sides(width, block)))
    return means


def _sides(length: int, block: int) -> NDArray[np.float32]:
    """Pixels of each block along one side of the frame: the last may have fewer."""
    return np.minimum(block, length - np.arange(0, length, block)).astype(np.float32)


def _middle(values: NDArray[np.float32]) -> float:
    """The median; of an even number, the upper of the two. NumPy's own looks for three places, in five times the
    time.
    """
    return float(np.partition(values.ravel(), values.size // 2)[values.size // 2])


def _above(amounts: NDArray[np.float32], limit: float) -> NDArray[np.bool_]:
    """Where the root mean square of a block and its eight neighbours is above a limit."""
    above: NDArray[np.bool_] = _nine(amounts * amounts, np.add) > 9 * limit * limit
    return above


def _nine(values: NDArray[np.float32], join: np.ufunc) -> NDArray[np.float32]:
    """Each block joined with its eight neighbours; beyond an edge, with the edge."""
    padded = np.pad(values, 1, mode="edge")
    rows = join(join(padded[:-2], padded[1:-1]), padded[2:])
    nine: NDArray[np.float32] = join(join(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    return nine
