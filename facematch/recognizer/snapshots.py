"""Snapshots: the frame of a match with its boxes, written whole or not at all, under a safe name."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from facematch.faces.detector import Pixels

log = structlog.get_logger(__name__)

JPEG_QUALITY = 88
NAME_CHARACTERS = 64
"""Longest part of an identity that goes into a file name."""

_BOX = (46, 204, 113)
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


def safe_identity(identity: str) -> str:
    """The identity reduced to what a file name may hold: `[A-Za-z0-9_-]`, 1 to 64 characters."""
    return _UNSAFE.sub("_", identity)[:NAME_CHARACTERS].strip("_") or "participant"


class Snapshots:
    """Writes snapshots into one folder, one at a time, off the event loop.

    Args:
        folder: made when the first snapshot is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="snapshots")

    async def save(
        self,
        pixels: Pixels,
        boxes: Sequence[tuple[int, int, int, int]],
        labels: Sequence[str],
        identity: str,
        when: datetime,
    ) -> Path | None:
        """Write one snapshot.

        Args:
            pixels: the frame, (height, width, 3) uint8 RGB.
            boxes: top, right, bottom, left in its pixels.
            labels: one line of text per box.
            identity: the participant's, as the client chose it; reduced by `safe_identity`.
            when: the time in the name.

        Returns:
            The absolute path, or None when it could not be written (the reason is logged).
        """
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._writer, self._save, pixels, boxes, labels, identity, when)
        except OSError as error:
            log.error("Snapshot not written", reason=error.strerror or str(error), folder=str(self._folder))  # noqa: TRY400
            return None

    def close(self) -> None:
        """Ends after the snapshot that is being written."""
        self._writer.shutdown(wait=True, cancel_futures=True)

    def _save(
        self,
        pixels: Pixels,
        boxes: Sequence[tuple[int, int, int, int]],
        labels: Sequence[str],
        identity: str,
        when: datetime,
    ) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(pixels)
        _draw(image, boxes, labels)
        handle, name = tempfile.mkstemp(prefix=".snapshot-", suffix=".part", dir=self._folder)
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                image.save(file, "JPEG", quality=JPEG_QUALITY)
                file.flush()
                os.fsync(file.fileno())
            path = self._free_name(f"match_{safe_identity(identity)}_{when:%Y%m%d_%H%M%S}")
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return path

    def _free_name(self, stem: str) -> Path:
        """The name, with a suffix when it exists. One writer thread, so that nobody takes it in between."""
        path = self._folder / f"{stem}.jpg"
        number = 2
        while path.exists():
            path = self._folder / f"{stem}_{number}.jpg"
            number += 1
        return path


def _draw(image: Image.Image, boxes: Sequence[tuple[int, int, int, int]], labels: Sequence[str]) -> None:
    draw = ImageDraw.Draw(image)
    line = max(2, image.width // 320)
    font = ImageFont.load_default(size=max(12, image.width // 45))
    for (top, right, bottom, left), label in zip(boxes, labels, strict=True):
        draw.rectangle((left, top, right, bottom), outline=_BOX, width=line)
        shown = "".join(c if c.isprintable() else " " for c in label)[:60]
        x0, y0, x1, y1 = draw.textbbox((left, bottom + line), shown, font=font)
        below = y1 + line < image.height
        dy = 0 if below else (top - line - (y1 - y0)) - (bottom + line)
        draw.rectangle((x0 - line, y0 + dy - line, x1 + line, y1 + dy + line), fill=_BOX)
        draw.text((left, bottom + line + dy), shown, fill=(0, 0, 0), font=font)
