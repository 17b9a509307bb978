"""What face work costs, and what decided how it is done: `python -m bench.engine [section ...]`.

Sections: encoder (ONNX Runtime against dlib), frames (one frame through the engine), threads (throughput and what the
event loop feels), memory, grey (detection on grey against RGB), closer (ways to find small faces), looks (a picture
that was searched before), sequences (what is saved and what is missed by that), spread (the frames of a batch closer
together and further apart). All of them take about five minutes. Medians of interleaved rounds, so that a shared
machine's moods hit both sides of a comparison.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bench.report import Row, percentile, report
from bench.sightings import closer_rows, grey_rows, sequence_rows, spread_rows
from facematch.config.settings import Settings
from facematch.faces.attention import Known, Licence
from facematch.faces.detector import Detector, resized
from facematch.faces.encoder import make_encoder
from facematch.faces.engine import FaceEngine
from facematch.faces.gallery import empty
from facematch.faces.known_answer import synthetic_chip
from facematch.faces.ranking import Enrolled, rank
from facematch.faces.reference import ReferenceSet
from facematch.faces.sketch import sketched
from facematch.faces.tolerance import MatchRules
from tests.rig.photographs import REFERENCE, SAME_PERSON, Scene

if TYPE_CHECKING:
    from collections.abc import Callable

    from facematch.faces.detector import Pixels

MB = 1 << 20
CACHE = Settings().model_cache


def shot(width: int, height: int, face: int, photograph: str = SAME_PERSON) -> Pixels:
    return np.asarray(Scene(photograph, width, height, face).frames(1)[0])


def interleaved(rounds: int, **works: Callable[[], object]) -> dict[str, float]:
    """CPU milliseconds: the median of each piece of work over rounds in which they take turns, the first left out.

    Processor time and not the clock's: each piece keeps one core busy, so on an idle machine they are the same, and
    on a shared one the neighbours' share is left out.
    """
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds + 1):
        for name, work in works.items():
            started = process_time()
            work()
            if turn:
                times[name].append((process_time() - started) * 1000)
    return {name: median(values) for name, values in times.items()}


def encoder_rows() -> list[Row]:
    """One face and four at once, in one thread."""
    onnx, dlib = make_encoder("onnx", CACHE), make_encoder("dlib", CACHE)
    one, four = [synthetic_chip()], [synthetic_chip()] * 4
    times = interleaved(
        15, onnx=lambda: onnx.encode(one), onnx_of_four=lambda: onnx.encode(four), dlib=lambda: dlib.encode(one)
    )
    difference = float(np.abs(onnx.encode(one) - dlib.encode(one)).max())
    return [
        {
            "onnx_ms": times["onnx"],
            "onnx_ms_in_fours": times["onnx_of_four"] / 4,
            "dlib_ms": times["dlib"],
            "dlib_over_onnx": times["dlib"] / times["onnx"],
            "largest_difference": difference,
        }
    ]


def frame_rows() -> list[Row]:
    """What one frame costs in one thread, step by step and as a whole."""
    engine = FaceEngine(workers=1, processed_width=640, encoder=make_encoder("onnx", CACHE))
    detector = Detector()
    rows = []
    with asyncio.Runner() as loop:
        for width, height in ((320, 180), (640, 360), (1280, 720), (1920, 1080)):
            image = shot(width, height, 110 * width // 640)
            blank = np.full_like(image, 90)
            small = resized(image, min(width, 640), min(height, 360))
            (box, *_), at = detector.find(small), max(1, width // 640)
            place = box.scaled(at, at)

            def inspect(what: Pixels, *, closer: bool = False) -> Callable[[], object]:
                return lambda: loop.run(engine.inspect(what, closer=closer))

            times = interleaved(
                11,
                scale=partial(resized, image, small.shape[1], small.shape[0]),
                detect=partial(detector.find, small),
                cut_out=partial(detector.chip, image, place),
                inspect_one_face=inspect(image),
                inspect_no_face=inspect(blank),
                closer_no_face=inspect(blank, closer=True),
            )
            rows.append({"frame": f"{width}x{height}", **{f"{name}_ms": value for name, value in times.items()}})
        loop.run(engine.aclose())
    return rows


def thread_rows() -> list[Row]:
    """Frames with one face at 640x360, as fast as the threads take them: medians of five rounds of a second each."""
    cases: list[tuple[Literal["onnx", "dlib"], int]] = [("onnx", 1), ("onnx", 2), ("onnx", 4), ("dlib", 1), ("dlib", 2)]
    engines = {
        (kind, workers): FaceEngine(workers=workers, processed_width=640, encoder=make_encoder(kind, CACHE))
        for kind, workers in cases
    }
    rounds = [{case: asyncio.run(_throughput(engines[case], case[1], seconds=1.0)) for case in cases} for _ in range(5)]
    rows = []
    for kind, workers in cases:
        figures = {name: median(turn[kind, workers][name] for turn in rounds) for name in rounds[0][kind, workers]}
        gains = [turn[kind, workers]["frames_per_second"] / turn[kind, 1]["frames_per_second"] for turn in rounds]
        rows.append({"encoder": kind, "threads": workers, **figures, "times_one_thread": median(gains)})
        engines[kind, workers].close()
    return rows


async def _throughput(engine: FaceEngine, callers: int, *, seconds: float) -> dict[str, float]:
    image = shot(640, 360, 110)
    await asyncio.gather(*(engine.inspect(image) for _ in range(callers)))
    done, lags = count(), [0.0]
    started, cpu = perf_counter(), process_time()
    ends = started + seconds

    async def ask() -> None:
        while perf_counter() < ends:
            await engine.inspect(image)
            next(done)

    async def feel() -> None:
        while (before := perf_counter()) < ends:
            await asyncio.sleep(0.001)
            lags.append((perf_counter() - before) * 1000 - 1)

    await asyncio.gather(feel(), *(ask() for _ in range(callers + 1)))
    frames = next(done)
    return {
        "frames_per_second": frames / (perf_counter() - started),
        "cpu_ms_per_frame": (process_time() - cpu) / max(1, frames) * 1000,
        "loop_lag_p99_ms": percentile(lags, 0.99),
        "loop_lag_worst_ms": max(lags),
    }


_MEMORY_PROGRAM = """
import asyncio, sys, numpy as np, psutil
seen = lambda: print(psutil.Process().memory_info().rss)
seen()
from pathlib import Path
from bench.engine import shot
from facematch.faces.encoder import make_encoder
from facematch.faces.engine import FaceEngine
from facematch.faces.gallery import empty
from facematch.faces.ranking import Enrolled, rank
seen()
engine = FaceEngine(workers=2, processed_width=640, encoder=make_encoder(sys.argv[1], Path(sys.argv[2])))
seen()
frames = [shot(1280, 720, 220), shot(640, 360, 110), shot(1920, 1080, 60)]
async def work(times):
    for turn in range(times):
        await asyncio.gather(*(engine.inspect(image, closer=turn % 5 == 0) for image in frames))
for times in (20, 20, 60):
    asyncio.run(work(times))
    seen()
"""


def memory_rows() -> list[Row]:
    """Resident megabytes of a process with an engine of two workers, from start to 300 frames."""
    rows = []
    for kind in ("onnx", "dlib"):
        result = subprocess.run(
            [sys.executable, "-c", _MEMORY_PROGRAM, kind, CACHE],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).resolve().parent.parent,
        )
        names = ("python", "imports", "loaded", "after_60", "after_120", "after_300")
        sizes = (int(line) // MB for line in result.stdout.split())
        rows.append({"encoder": kind, **{f"{name}_mb": size for name, size in zip(names, sizes, strict=True)}})
    return rows


def look_rows() -> list[Row]:
    """One look at a picture that was searched before: all of it, around the face, and nothing."""
    rows = []
    with asyncio.Runner() as loop, closing(_engine()) as engine:
        for width, height in ((320, 180), (640, 360), (1280, 720)):
            image = shot(width, height, 110 * width // 640)
            whole = loop.run(engine.look(image))
            boxes = tuple(face.bbox for face in whole.faces)

            def look(known: Known | None) -> Callable[[], object]:
                return lambda: loop.run(engine.look(image, known))  # noqa: B023  (called before the next round)

            times = interleaved(
                11,
                whole=look(None),
                near=look(Known(whole.sketch, boxes, boxes, Licence.CHANGES)),
                nothing=look(Known(whole.sketch, boxes, (), Licence.NONE)),
                sketch=lambda: sketched(image, min(1.0, 640 / image.shape[1])),  # noqa: B023
            )
            rows.append({"frame": f"{width}x{height}", **{f"{name}_ms": value for name, value in times.items()}})
    return rows


def spread_section() -> list[Row]:
    """Batches of five looks, closer together and further apart, at somebody who tilts their head."""
    with asyncio.Runner() as loop, closing(_engine()) as engine:
        reference = loop.run(_reference(engine))

        def found(image: Pixels) -> float | None:
            ranking = rank(loop.run(engine.inspect(image)), Enrolled(reference, empty("bench")), MatchRules(), room="")
            return ranking.best_distance

        return spread_rows(found)


def sequence_section() -> list[Row]:
    """Sequences of frames with and without what is remembered of earlier ones."""
    with asyncio.Runner() as loop, closing(_engine()) as engine:
        return loop.run(sequence_rows(engine, loop.run(_reference(engine))))


def _engine() -> FaceEngine:
    return FaceEngine(workers=1, processed_width=640, encoder=make_encoder("onnx", CACHE))


async def _reference(engine: FaceEngine) -> ReferenceSet:
    (face,) = await engine.inspect(shot(640, 360, 110, REFERENCE))
    return ReferenceSet("bench", face.embedding[None])


SECTIONS: dict[str, Callable[[], list[Row]]] = {
    "encoder": encoder_rows,
    "frames": frame_rows,
    "threads": thread_rows,
    "memory": memory_rows,
    "grey": grey_rows,
    "closer": closer_rows,
    "looks": look_rows,
    "sequences": sequence_section,
    "spread": spread_section,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="section", help=f"of {', '.join(SECTIONS)}; default: all")
    wanted: Any = parser.parse_args().sections or list(SECTIONS)
    if unknown := set(wanted) - set(SECTIONS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    for section in wanted:
        print(f"\n{section}: {(SECTIONS[section].__doc__ or '').strip()}")
        report(f"engine.{section}", SECTIONS[section]())


if __name__ == "__main__":
    main()
