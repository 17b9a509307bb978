"""What a gallery costs a recognizer: `python -m bench.gallery [people photos]`.

Generated people (10,000 with 5 photos each, unless said otherwise). Times are processor milliseconds, medians: making
the file, taking it over (read, checked, ready to be compared with in a room) and ranking one face; memory is what a
process of its own has more with the gallery than without. The last rows put it against all that a batch costs.
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
from facematch.recognizer.evidence.kept import Compared, Frames, RoomEvidence

if TYPE_CHECKING:
    from collections.abc import Callable

    from facematch.faces.detector import Pixels

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
    report("gallery", [*rows, *beside_a_batch(gallery)])


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


def beside_a_batch(gallery: Gallery) -> list[Row]:
    """A thousand people against one, beside all that a batch of 640x360 frames costs: of a held camera, and of a
    stranger, of whom five are looked at. The evidence of several looks is part of both.
    """
    detector, encoder, frame = Detector(), make_encoder("onnx", CACHE), shot(640, 360, 120)

    def looked_at() -> Face:
        [box] = detector.find(frame)
        [embedding] = encoder.encode([detector.chip(frame, box)])
        return Face((box.top, box.right, box.bottom, box.left), box.score, embedding)

    seen = looked_at()
    whole = milliseconds(looked_at, 31)
    one, thousand = (Enrolled(None, gallery.changed(2, removed=gallery.ids[count:])) for count in (1, 1000))
    rows: list[Row] = [{"what": "a frame with one face", "ms": whole}]
    for what, looks in (("a held camera", 1), ("a stranger", 5)):
        evidence = [milliseconds(of_looks([seen] * looks, frame, enrolled), 101) for enrolled in (one, thousand)]
        ranked = [looks * each([seen], enrolled) for enrolled in (one, thousand)]
        more = evidence[1] - evidence[0] + ranked[1] - ranked[0]
        batch = looks * whole + evidence[0] + ranked[0]
        rows += [
            {"what": f"evidence of a batch of {what}", "ms": evidence[0], "share": evidence[0] / batch},
            {"what": f"1,000 people instead of one, a batch of {what}", "ms": more, "share": more / batch},
        ]
    return rows


def of_looks(faces: list[Face], frame: Pixels, enrolled: Enrolled) -> Callable[[], object]:
    """The evidence of a batch, as a room makes it."""
    room, frames = RoomEvidence(continuity=True), Frames()
    for face in faces:
        frames.add([face], frame)
    compared = Compared(enrolled, MatchRules(), "a room")
    return lambda: room.add("a participant", "TR_1", frames, compared)


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
