"""A folder of photographs, one folder per person, to the faces in them."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from bench.rates import Faces
from facematch.config.settings import Settings
from facematch.faces.encoder import make_encoder
from facematch.faces.engine import FaceEngine

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
_NEWS_SECONDS = 2.0


async def encoded(folder: Path, *, least: int) -> Faces:
    """Find and encode the largest face of every photograph, as the recognizer would, with news of it on stderr.

    Who has at least `least` photographs with a face is looked for; of everybody else the first is a stranger.

    Raises:
        SystemExit: nobody is to be looked for, or nobody is a stranger.
    """
    photographs = _listed(folder)
    found: dict[str, list[NDArray[np.float32]]] = {}
    settings = Settings()
    workers = os.cpu_count() or 1
    encoder = make_encoder(settings.face_encoder, settings.model_cache)
    engine = FaceEngine(workers=workers, processed_width=settings.frame_downscale_width, encoder=encoder)
    news = _News(len(photographs))
    waiting = iter(photographs)

    async def work() -> None:
        for person, photograph in waiting:  # one iterator for all: each takes the next
            embedding = await _face(engine, readers, photograph)
            news.done(found=embedding is not None)
            if embedding is not None:
                found.setdefault(person, []).append(embedding)

    with ThreadPoolExecutor(workers) as readers:
        await asyncio.gather(*(work() for _ in range(workers + 1)))
    await engine.aclose()
    people = [embeddings for embeddings in found.values() if len(embeddings) >= least]
    strangers = [embeddings[0] for embeddings in found.values() if len(embeddings) < least]
    if not people or not strangers:
        raise SystemExit(
            f"{len(people)} people have {least} or more photographs with a face, {len(strangers)} have fewer. There "
            f"must be some of both: {folder} should hold one folder per person, or try another --least."
        )
    return Faces(
        np.concatenate([np.stack(embeddings) for embeddings in people]),
        np.repeat(np.arange(len(people)), [len(embeddings) for embeddings in people]),
        np.stack(strangers),
    )


def _listed(folder: Path) -> list[tuple[str, Path]]:
    """Whose, and which file."""
    return [
        (person.name, photograph)
        for person in sorted(folder.iterdir())
        if person.is_dir()
        for photograph in sorted(person.iterdir())
        if photograph.suffix.lower() in _SUFFIXES
    ]


async def _face(engine: FaceEngine, readers: ThreadPoolExecutor, photograph: Path) -> NDArray[np.float32] | None:
    loop = asyncio.get_running_loop()
    pixels = await loop.run_in_executor(readers, _pixels, photograph)
    if pixels is None:
        return None
    faces = await engine.inspect(pixels) or await engine.inspect(pixels, closer=True)
    if not faces:
        return None
    return max(faces, key=lambda face: face.bbox[2] - face.bbox[0]).embedding


def _pixels(photograph: Path) -> NDArray[np.uint8] | None:
    try:
        with Image.open(photograph) as image:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, UnidentifiedImageError) as error:
        print(f"{photograph}: {error}", file=sys.stderr)
        return None


class _News:
    """How far it is, a line now and then."""

    def __init__(self, total: int) -> None:
        self._total, self._done, self._missed = total, 0, 0
        self._started = self._told = time.monotonic()

    def done(self, *, found: bool) -> None:
        self._done += 1
        self._missed += not found
        now = time.monotonic()
        if now - self._told >= _NEWS_SECONDS or self._done == self._total:
            self._told = now
            rate = self._done / max(now - self._started, 1e-9)
            left = (self._total - self._done) / rate
            print(
                f"{self._done:,} of {self._total:,} photographs, {self._missed} without a face, {rate:.0f} a second, "
                f"{left:.0f} s left",
                file=sys.stderr,
            )
