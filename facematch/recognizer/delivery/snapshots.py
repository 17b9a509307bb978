"""Snapshots: the frame of a match with its boxes, written whole or not at all, under a safe name."""

from __future__ import annotations

import asyncio
import io
import itertools
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import structlog
from PIL import Image, ImageDraw, ImageFont

from facematch.protocol.snapshot_names import draft_name, is_snapshot_name, snapshot_of_draft, snapshot_stem
from facematch.runtime.owner_only import keep_folder, make_folder, new_file

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from concurrent.futures import Future
    from datetime import datetime
    from io import BufferedWriter
    from pathlib import Path

    from facematch.faces.detector import Pixels

log = structlog.get_logger(__name__)

JPEG_QUALITY = 88

ABANDONED_SECONDS = 60.0
"""Age from which a draft without an event is nobody's: another recognizer may share the folder."""

Label = tuple[str, str]
"""A name, and what stands behind it."""

_BOX = (46, 204, 113)
_LONGEST_NAME = 60


class Draft:
    """A snapshot that is on the disk, but not yet under its name."""

    def __init__(self, part: Path, path: Path, *, stays: bool) -> None:
        self._part = part
        self.path = path
        """The absolute path that it will have."""
        self.stays = stays
        """Whether it will be there for longer than it takes to deliver it."""

    def publish(self) -> None:
        """Give it its name. Call it when its event is safe: so no snapshot is ever without one."""
        try:
            self._part.replace(self.path)
        except OSError as error:
            log.error("Snapshot not published", snapshot=self.path.name, reason=error.strerror or str(error))  # noqa: TRY400

    def discard(self) -> None:
        """Remove it. What cannot be removed is left for the next start."""
        try:
            self._part.unlink(missing_ok=True)
        except OSError as error:
            log.error("Draft not removed", draft=self._part.name, reason=error.strerror or str(error))  # noqa: TRY400


class Snapshots:
    """Writes snapshots into one folder, one at a time, off the event loop.

    A snapshot is written under a hidden name, then its event is committed, then it gets its name. `recover` finishes
    what a crash interrupted.

    Args:
        folder: made when the first snapshot is written.
        enabled: False writes none.
        crop: keep the faces with a margin around them instead of the whole frame.
        source: stands in the names, where snapshots of several machines come together.
        spool_bytes: what the folder may hold of snapshots that are on their way; the oldest give way. None: they stay.
    """

    def __init__(
        self,
        folder: Path,
        *,
        enabled: bool = True,
        crop: bool = False,
        source: str | None = None,
        spool_bytes: float | None = None,
    ) -> None:
        self._folder = folder
        self._enabled = enabled
        self._crop = crop
        self._source = source
        self._spool_bytes = spool_bytes
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="snapshots")

    async def draft(
        self,
        pixels: Pixels,
        boxes: Sequence[tuple[int, int, int, int]],
        labels: Sequence[Label],
        identity: str,
        when: datetime,
    ) -> Draft | None:
        """Write one snapshot.

        Args:
            pixels: the frame, (height, width, 3) uint8 RGB.
            boxes: top, right, bottom, left in its pixels.
            labels: for each box a name, which is left out when it cannot be drawn rightly, and what stands behind it.
            identity: the participant's, as the client chose it; reduced by `snapshot_names.safe_identity`.
            when: the time in the name.

        Returns:
            The draft, or None when none is wanted or it could not be written (the reason is logged).
        """
        if not self._enabled:
            return None
        writing = self._writer.submit(self._draft, pixels, boxes, labels, identity, when)
        try:
            return await asyncio.wrap_future(writing)
        except asyncio.CancelledError:
            writing.add_done_callback(_discard)  # who wanted it has gone, and its thread is not to be stopped
            raise
        except OSError as error:
            log.error("Snapshot not written", reason=error.strerror or str(error), folder=str(self._folder))  # noqa: TRY400
            return None

    def recover(self, expected: Collection[str], *, abandoned: bool = True) -> None:
        """Publish the drafts that committed events speak of, and remove the others, after a crash. Blocks.

        Args:
            expected: names of snapshots of undelivered events.
            abandoned: remove the others, too.
        """
        if self._folder.is_dir():
            keep_folder(self._folder)
        for part in self._folder.glob(draft_name("*")):
            name = snapshot_of_draft(part.name)
            if name is None:
                continue
            draft = self._as_draft(part, self._folder / name)
            if name in expected:
                draft.publish()
            elif abandoned and (self._spool_bytes is not None or _age(part) > ABANDONED_SECONDS):
                draft.discard()

    def take_over(self, folder: Path, expected: Collection[str]) -> None:
        """What `recover` does for the outbox of another process, with the snapshots that it has left on their way.

        Args:
            folder: they lie there, if they are on their way at all.
            expected: names of those that its events speak of.

        Raises:
            OSError: they could not be moved.
        """
        if self._spool_bytes is None:
            self.recover(expected, abandoned=False)
            return
        make_folder(self._folder)
        for file in folder.iterdir() if folder.is_dir() else ():
            name = snapshot_of_draft(file.name) or file.name
            if name in expected:
                file.replace(self._folder / name)
            elif is_snapshot_name(name):
                file.unlink(missing_ok=True)

    def close(self) -> None:
        """Ends after the snapshot that is being written."""
        self._writer.shutdown(wait=True, cancel_futures=True)

    def _draft(
        self,
        pixels: Pixels,
        boxes: Sequence[tuple[int, int, int, int]],
        labels: Sequence[Label],
        identity: str,
        when: datetime,
    ) -> Draft:
        make_folder(self._folder)
        self._make_room()
        image = Image.fromarray(pixels)
        _draw(image, boxes, labels)
        if self._crop:
            image = image.crop(_around(boxes, image.width, image.height))
        jpeg = io.BytesIO()  # Pillow, given a file, does not notice when a full disk takes a part of its last write
        image.save(jpeg, "JPEG", quality=JPEG_QUALITY)
        path, part, file = self._claim(snapshot_stem(identity, when, self._source))
        try:
            with file:
                file.write(jpeg.getbuffer())
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return self._as_draft(part, path)

    def _as_draft(self, part: Path, path: Path) -> Draft:
        return Draft(part, path, stays=self._spool_bytes is None)

    def _make_room(self) -> None:
        if self._spool_bytes is None:
            return
        found = [(path.stat(), path) for path in self._folder.iterdir() if is_snapshot_name(path.name)]
        total = sum(stat.st_size for stat, _ in found)
        for stat, path in sorted(found, key=lambda one: one[0].st_mtime):
            if total <= self._spool_bytes:
                return
            path.unlink(missing_ok=True)
            total -= stat.st_size
            log.error("Snapshots on their way take too much room; the oldest is dropped", snapshot=path.name)

    def _claim(self, stem: str) -> tuple[Path, Path, BufferedWriter]:
        """A name that is free, with a suffix where needed, its draft's, and that draft, made here and still empty.

        Whoever has made the draft has the name, and only then is it certain whether the name is free: the draft of
        another snapshot, of this recognizer or of one that shares the folder, gets its name at any moment.
        """
        for number in itertools.count(1):
            name = f"{stem}.jpg" if number == 1 else f"{stem}_{number}.jpg"
            path, part = self._folder / name, self._folder / draft_name(name)
            if path.exists():
                continue
            try:
                file = new_file(part)
            except FileExistsError:
                continue
            if not path.exists():
                return path, part, file
            file.close()
            part.unlink(missing_ok=True)
        raise AssertionError  # the numbers do not end


def _discard(writing: Future[Draft]) -> None:
    if not writing.cancelled() and writing.exception() is None:
        writing.result().discard()


def _age(part: Path) -> float:
    """Seconds since a draft was written; 0 when that cannot be told."""
    try:
        return time.time() - part.stat().st_mtime
    except FileNotFoundError:  # removed, or published, a moment ago
        return 0.0
    except OSError as error:
        log.error("Draft not looked at", draft=part.name, reason=error.strerror or str(error))  # noqa: TRY400
        return 0.0


def _around(boxes: Sequence[tuple[int, int, int, int]], width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the part that holds all boxes, with half a face of margin (the label's room)."""
    margin = max(right - left for _, right, _, left in boxes) // 2
    return (
        max(0, min(left for *_, left in boxes) - margin),
        max(0, min(top for top, *_ in boxes) - margin),
        min(width, max(right for _, right, _, _ in boxes) + margin),
        min(height, max(bottom for _, _, bottom, _ in boxes) + margin),
    )


def _draw(image: Image.Image, boxes: Sequence[tuple[int, int, int, int]], labels: Sequence[Label]) -> None:
    draw = ImageDraw.Draw(image)
    line = max(2, image.width // 320)
    font = ImageFont.load_default(size=max(12, image.width // 45))
    for (top, right, bottom, left), label in zip(boxes, labels, strict=True):
        draw.rectangle((left, top, right, bottom), outline=_BOX, width=line)
        shown = _shown(label)
        x0, y0, x1, y1 = draw.textbbox((left, bottom + line), shown, font=font)
        below = y1 + line < image.height
        dy = 0 if below else (top - line - (y1 - y0)) - (bottom + line)
        draw.rectangle((x0 - line, y0 + dy - line, x1 + line, y1 + dy + line), fill=_BOX)
        draw.text((left, bottom + line + dy), shown, fill=(0, 0, 0), font=font)


def _shown(label: Label) -> str:
    """The name only where Pillow's own font has all of its letters, which are those of ASCII.

    Boxes in their place, or Arabic whose letters do not join, would be worse than the bare score; the event and the
    page have the name in any case.
    """
    name, rest = label
    return f"{name[:_LONGEST_NAME]} {rest}" if name.isascii() and name.isprintable() and name.strip() else rest
