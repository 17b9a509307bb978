"""What a gallery costs a recognizer: `python -m bench.gallery [people photos]`.

Generated people (10,000 with 5 photos each, unless said otherwise). Times are processor milliseconds, medians: making
the file, taking it over (read, checked, ready to be compared with in a room) and ranking one face; memory is what a
process of its own has more with the gallery than without. The last rows put ranking against all that a frame costs.
"""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import NamedTemporaryFile
from time import process_time
from typing import TYPE_CHECKING

import numpy as np
import psutil

from bench.engine import CACHE, shot
from bench.report import Row, report
from facematch.faces.detector import Detector
from facematch.faces.encoder import make_encoder
from facematch.faces.engine import Face
from facematch.faces.gallery import Gallery, Person
from facematch.faces.gallery_file import from_bytes, to_bytes
from facematch.faces.ranking import Enrolled, rank
from facematch.faces.tolerance import MatchRules

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

ENCODER = "generated"
SPREAD = 0.075
"""Of each of the 128 numbers, around a person's own: two photographs of one are 0.4 apart, strangers 1.2."""
MB = 1 << 20
MEMORY = [sys.executable, "-m", "bench.gallery", "memory"]


def main() -> None:
    if sys.argv[1:2] == ["memory"]:
        print(grown(Path(sys.argv[2])))
        return
    people, photos = map(int, sys.argv[1:3] or ("10000", "5"))
    gallery = generated(people, photos)
    file = to_bytes(gallery)
    faces = [
        Face((0, 100, 100, 0), 1.0, one) for one in np.random.default_rng(9).normal(0.0, 0.1, (50, 128)).astype("f4")
    ]
    rows: list[Row] = [
        {"what": f"file of {people} people", "ms": milliseconds(partial(to_bytes, gallery), 7), "MB": len(file) / MB},
        {
            "what": "taken over",
            "ms": milliseconds(lambda: from_bytes(file, encoder=ENCODER).candidates("a room"), 7),
            "MB": grown_elsewhere(file),
        },
    ]
    for count in (1, 100, 1000, people):
        enrolled = Enrolled(None, gallery.changed(2, removed=gallery.ids[count:]))
        rows.append({"what": f"one face among {count}", "ms": each(faces, enrolled)})
    report("gallery", [*rows, *beside_a_frame(gallery, faces)])


def generated(people: int, photos: int) -> Gallery:
    """People of whom each photograph is the person and some noise."""
    generator = np.random.default_rng(1)
    own = generator.normal(0.0, 0.1, (people, 128)).astype(np.float32)
    noise = generator.normal(0.0, SPREAD / photos**0.5, (people, 128)).astype(np.float32)
    return Gallery.of(
        1, ENCODER, (Person(f"p_{n:012x}", f"{n:016x}", photos, one) for n, one in enumerate(own + noise))
    )


def milliseconds(work: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        begun = process_time()
        work()
        times.append((process_time() - begun) * 1000)
    return median(times)


def each(faces: list[Face], enrolled: Enrolled) -> float:
    """Of one face."""

    def all_of_them() -> None:
        for face in faces:
            rank([face], enrolled, MatchRules(), room="a room")

    all_of_them()
    return milliseconds(all_of_them, 15) / len(faces)


def beside_a_frame(gallery: Gallery, faces: list[Face]) -> list[Row]:
    """A thousand people against one, beside a 640x360 frame with a face."""
    one, thousand = (Enrolled(None, gallery.changed(2, removed=gallery.ids[count:])) for count in (1, 1000))
    detector, encoder, frame = Detector(), make_encoder("onnx", CACHE), shot(640, 360, 120)

    def looked_at() -> NDArray[np.float32]:
        return encoder.encode([detector.chip(frame, box) for box in detector.find(frame)])

    looked_at()
    cost = milliseconds(looked_at, 31)
    more = each(faces, thousand) - each(faces, one)
    return [
        {"what": "a frame with one face", "ms": cost},
        {"what": "1,000 people instead of one, per frame", "ms": more, "share": more / cost},
    ]


def grown_elsewhere(file: bytes) -> float:
    """`grown`, in a process that has never had one."""
    with NamedTemporaryFile() as kept:
        kept.write(file)
        kept.flush()
        return float(subprocess.check_output([*MEMORY, kept.name]))


def grown(kept: Path) -> float:
    """MB that this process has more with a gallery that it took over, and its file, than before."""
    before = psutil.Process().memory_info().rss
    file = kept.read_bytes()
    gallery = from_bytes(file, encoder=ENCODER)
    gallery.candidates("a room")
    rank([Face((0, 1, 1, 0), 1.0, gallery.centroids[0])], Enrolled(None, gallery), MatchRules(), room="a room")
    return (psutil.Process().memory_info().rss - before) / MB


if __name__ == "__main__":
    main()
