"""What a camera would see: a photograph on a plain wall, at a chosen size, moving a little."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

DATA = Path(__file__).resolve().parent.parent / "data"

REFERENCE = "obama.jpg"
SAME_PERSON = "obama2.jpg"
STRANGER = "biden.jpg"
OTHER_STRANGER = "collins.jpg"
NO_FACE = "no_face.jpg"

FACES = {
    "obama.jpg": (366, 136, 259),
    "obama2.jpg": (164, 302, 311),
    "obama3.jpg": (393, 174, 180),
    "biden.jpg": (257, 137, 216),
    "collins.jpg": (121, 83, 88),
}
"""Left, top and width in pixels of the one face in each photograph, as HOG boxes it."""

_WALL = (118, 122, 128)
_SWAY = 6


@dataclass(frozen=True, slots=True)
class Scene:
    """What one camera shows: a photograph of `tests/data`, its face `face` pixels wide in a frame of the given size."""

    photograph: str = REFERENCE
    width: int = 640
    height: int = 360
    face: int = 110
    sway: int = _SWAY
    """Largest movement of the picture, in pixels of the frame; 0: a picture that does not move at all."""

    def frames(self, count: int) -> list[Image.Image]:
        """One period of a slight sway: `count` RGB pictures that can be shown in a loop."""
        with Image.open(DATA / self.photograph) as photograph:
            picture, left, top = self._placed(photograph.convert("RGB"))
        turns = [2 * math.pi * index / count for index in range(count)]
        shifts = [(round(self.sway * math.sin(turn)), round(self.sway / 2 * math.sin(2 * turn))) for turn in turns]
        return [self._frame(picture, left + dx, top + dy) for dx, dy in shifts]

    def _placed(self, photograph: Image.Image) -> tuple[Image.Image, int, int]:
        """The photograph scaled, and where its upper left corner goes."""
        if self.photograph not in FACES:  # no face: it fills the frame
            scale = max(self.width / photograph.width, self.height / photograph.height) * 1.05
            centre_x, centre_y = photograph.width * scale / 2, photograph.height * scale / 2
        else:
            left, top, width = FACES[self.photograph]
            scale = self.face / width
            centre_x, centre_y = (left + width / 2) * scale, (top + width / 2) * scale
        size = (round(photograph.width * scale), round(photograph.height * scale))
        corner = (round(self.width / 2 - centre_x), round(self.height / 2 - centre_y))
        return photograph.resize(size, Image.Resampling.LANCZOS), *corner

    def _frame(self, picture: Image.Image, left: int, top: int) -> Image.Image:
        frame = Image.new("RGB", (self.width, self.height), _WALL)
        frame.paste(picture, (left, top))
        return frame

    def write_mjpeg(self, path: Path, count: int = 30) -> Path:
        """The scene as Chromium's fake camera reads it: JPEG frames one after another."""
        with path.open("wb") as file:
            for frame in self.frames(count):
                buffer = io.BytesIO()
                frame.save(buffer, "JPEG", quality=92)
                file.write(buffer.getvalue())
        return path
