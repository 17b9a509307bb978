"""One face that is none, and what dlib makes of it: what an encoder is checked with on the machine that it runs on."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import numpy as np

from facematch.faces.models import CHIP_SIZE

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DLIBS_ANSWER = (  # 128 32-bit floats, little-endian
    "+BmtvRberj1sGYU8hu8ovaej972pfDe9x0xDvZsYTL3lRaQ9Q/cLvVIcNj5ewti8YK6Hvp5dTL2AMvo5bOKcPdBYCL7OQQi9gAcn"
    "vvMt+L3Y7og8dNMePNRwATsRoce86KWsvf/DgL7YJU69/n+5vQR0tD3C0vm9+IeYu6jPW7wO7nG+mrDFvRgyzrtrO5A9HKcSvZ+Q"
    "0b20qQY+al13vUwy/r3ixkg9NC+aPaOkKD45RyE+8IYQPeAumLwlJqa9lSzePSYXfL6AjkI8dCQMPjSBVz1mGew9PG22PQar+b2p"
    "ZIQ9BRHLPRSuJ77eqTI9QgZAPUCUpr28SXa9WmD7vSe1UT4gV4k9xC6DvRKnCL4ofSM+B7EmvtxqJ73HMO095lVMvbJIBb4HIoO+"
    "feDrPV2Iqz69Sms+8voPvmWQrTzPWu29YyR/vcF3pzucC8A82FsKvVh4P7yYD4i9u+iVPUOuUz4K2mi95UggPT8ybj5Bv0A9zkTc"
    "PKTqi7zDMa87ra8Nvj4qi71ucKS90hPfvE8yHz5txBK+KNAUPXoGAz4GERG+xoK0PcmiKb08cmy92/UfPdjFzztoU4g7gbAfvfN6"
    "Ez4TdHm+SFaNPk9eQT57MAA9ph+cPdJrwTzQQ9I9pjDsvEEerrzsdva9FuQJvkBw4jqIg/e7PPIdvIhxBD0="
)


def synthetic_chip() -> NDArray[np.uint8]:
    """A chip that is the same on every machine: waves and a hash of the coordinates, no photograph."""
    rows, columns = np.mgrid[0:CHIP_SIZE, 0:CHIP_SIZE].astype(np.int64)
    noise = ((rows * 2654435761 + columns * 2246822519) & 0xFFFFFFFF) >> 27
    shape = (rows - 75) * (rows - 75) + (columns - 75) * (columns - 75)
    planes = [(shape // divisor + noise) & 0xFF for divisor in (24, 31, 47)]
    return np.stack(planes, axis=-1).astype(np.uint8)


def synthetic_embedding() -> NDArray[np.float32]:
    """Dlib's embedding (128,) of that chip."""
    return np.frombuffer(base64.b64decode(_DLIBS_ANSWER), "<f4").astype(np.float32)
