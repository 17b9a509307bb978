"""How often a face is said to have changed that has not, and how soon one that has is: looks drawn from photographs.

Each look of a generated camera is another photograph of one person, shuffled, which is harder than a camera: these are
years apart. `--embeddings` is a file that `bench.accuracy --save` wrote.
"""

from __future__ import annotations

import argparse
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.accuracy import read
from bench.report import Row, report, table
from facematch.faces.fused import FusedFace, nearness
from facematch.faces.gallery import Gallery, Person
from facematch.faces.ranking import Enrolled
from facematch.faces.tolerance import MATCH_MARGIN, MatchRules
from facematch.recognizer.evidence.continuity import Continuity, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from bench.rates import Faces
    from facematch.faces.fused import FusedNearness
    from facematch.faces.ranking import Nearness

LOOKS_AN_HOUR = 360
"""With the default pauses."""
SOMEBODY_ELSE = 0.6
"""From the median of their person's other photographs: farther ones show somebody else (of 1,022 four do)."""
SITTING_NOISE = 0.012
"""Of each of 128 numbers, from look to look of one sitting: they are 0.19 apart, as frames of one camera are."""
BEFORE = (1, 2, 3, 6, 12, 60)
"""Looks at the first person before the swap."""
TOLD_WITHIN = 3
ENROLLED = 10
MANY = 1_500
"""In a gallery where one look names nobody: the others with a photograph each."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.continuity", description=__doc__)
    parser.add_argument("--embeddings", type=Path, required=True, help="a file that bench.accuracy --save wrote")
    parser.add_argument("--hours", type=int, default=10_000, help="camera-hours without a swap (10000)")
    parser.add_argument("--swaps", type=int, default=20_000, help="swaps for each number of looks before (20000)")
    options = parser.parse_args()
    generator = np.random.default_rng(7)
    faces = read(options.embeddings)
    people = by_person(faces)
    alarms = sum(false_alarms(person, generator) for person in _drawn(people, options.hours, generator))
    rows = [swapped(people, before, options.swaps, generator) for before in BEFORE]
    rows += [swapped(people, before, options.swaps, generator, sitting=True) for before in BEFORE]
    sittings = other_light(people, options.swaps, generator)
    strangers = [
        strangeness(people, photos, faces.strangers[:others], generator)
        for others in (0, MANY - ENROLLED)
        for photos in (1, 3, 5)
    ]
    table(strangers)
    report("continuity", rows, hours=options.hours, false_alarms=alarms, other_photograph=sittings, strangers=strangers)


def by_person(faces: Faces) -> list[NDArray[np.float32]]:
    """The photographs of each person, (n, 128), without those of somebody else."""
    people = [faces.embeddings[faces.person == person] for person in np.unique(faces.person)]
    return [own[np.linalg.norm(own - np.median(own, axis=0), axis=1) <= SOMEBODY_ELSE] for own in people]


def looks(photographs: NDArray[np.float32], generator: np.random.Generator) -> Iterator[NDArray[np.float32]]:
    """For ever, all of them before any comes again."""
    return chain.from_iterable(generator.permutation(one) for one in repeat(photographs))


def one_sitting(photographs: NDArray[np.float32], generator: np.random.Generator) -> Iterator[NDArray[np.float32]]:
    """For ever, one of them with a camera's noise."""
    photograph = photographs[generator.integers(len(photographs))]
    while True:
        yield photograph + generator.normal(scale=SITTING_NOISE, size=photograph.shape).astype(np.float32)


def other_light(people: list[NDArray[np.float32]], count: int, generator: np.random.Generator) -> str:
    """How often the same person in quite another photograph, from one look to the next, is said to be another."""
    changed = 0
    for person in _drawn(people, count, generator):
        continuity, face = Continuity(), FusedFace()
        for _, embedding in zip(range(12), one_sitting(person, generator), strict=False):
            face.add(embedding)
            continuity.looked(embedding, face)
        for _, embedding in zip(range(TOLD_WITHIN), one_sitting(person, generator), strict=False):
            face.add(embedding)
            continuity.looked(embedding, face)
        changed += continuity.state is State.CHANGED
    return f"{100 * changed / count:.2f} %"


def false_alarms(photographs: NDArray[np.float32], generator: np.random.Generator) -> int:
    """In an hour of one camera; each is acknowledged."""
    continuity, face, alarms = Continuity(), FusedFace(), 0
    for _, embedding in zip(range(LOOKS_AN_HOUR), looks(photographs, generator), strict=False):
        face.add(embedding)
        continuity.looked(embedding, face)
        if continuity.state is State.CHANGED:
            alarms += 1
            continuity.acknowledge(face)
    return alarms


def swapped(
    people: list[NDArray[np.float32]], before: int, count: int, generator: np.random.Generator, *, sitting: bool = False
) -> Row:
    """How soon swaps are told; `sitting`: all looks at one person are of one photograph."""
    drawn = one_sitting if sitting else looks
    told = np.zeros(TOLD_WITHIN + 1, int)
    green = 0
    for _ in range(count):
        one, other = generator.choice(len(people), 2, replace=False)
        continuity, face = Continuity(), FusedFace()
        first = zip(range(before), drawn(people[one], generator), strict=False)
        then = zip(range(TOLD_WITHIN), drawn(people[other], generator), strict=False)
        for _, embedding in first:
            face.add(embedding)
            continuity.looked(embedding, face)
        for look, embedding in then:
            face.add(embedding)
            continuity.looked(embedding, face)
            if continuity.state is State.CHANGED:
                told[look + 1] += 1
                break
        else:
            told[0] += 1
            green += continuity.told == "same"
    return {
        "looks": "one photograph" if sitting else "photographs",
        "looks before": before,
        "swaps": count,
        "told within 2": f"{100 * told[1:3].sum() / count:.2f} %",
        "within 3": f"{100 * told[1:].sum() / count:.2f} %",
        "said to be the same": f"{100 * green / count:.3f} %",
    }


def strangeness(
    people: list[NDArray[np.float32]], photos: int, others: NDArray[np.float32], generator: np.random.Generator
) -> Row:
    """Whom fused looks name, and whom they call a stranger: strangers, rightly, and those who are enrolled, wrongly.

    Args:
        people: in many photographs each.
        photos: of each of ENROLLED of them.
        others: (n, 128), enrolled beside them.
        generator: draws.
    """
    row: Row = {"photographs": photos, "enrolled": ENROLLED + len(others)}
    beside = [Person(f"o_{at}", f"o_{at}", 1, one) for at, one in enumerate(others)]
    wrongly, named, rightly, given = np.zeros(3, int), np.zeros(3, int), np.zeros(3, int), np.zeros(3, int)
    rounds = 200
    for _ in range(rounds):
        chosen = generator.permutation(len(people))
        drawn = [generator.permutation(people[one]) for one in chosen[:ENROLLED]]
        persons = [
            Person(f"p_{at}", f"s_{at}", photos, own[:photos].mean(axis=0, dtype=np.float32))
            for at, own in enumerate(drawn)
        ]
        enrolled = Enrolled(None, Gallery.of(1, "bench", [*persons, *beside]))
        for at, own in enumerate(drawn):
            for count, near in _fused(own[photos:], enrolled):
                wrongly[count] += near.stranger
                named[count] += bool(near.best and near.best.person_id == f"p_{at}" and _within(near.best))
        for one in chosen[ENROLLED : 2 * ENROLLED]:
            for count, near in _fused(generator.permutation(people[one]), enrolled):
                rightly[count] += near.stranger
                given[count] += bool(near.best and _within(near.best) and (near.margin or 0) >= MATCH_MARGIN)
    all_ = rounds * ENROLLED
    for count in (1, 2):
        row[f"{count + 1} looks: known"] = f"{100 * named[count] / all_:.1f} %"
        row[f"{count + 1} looks: called a stranger"] = f"{100 * wrongly[count] / all_:.2f} %"
        row[f"{count + 1} looks: strangers called so"] = f"{100 * rightly[count] / all_:.2f} %"
        row[f"{count + 1} looks: strangers given a name"] = f"{100 * given[count] / all_:.2f} %"
    return row


def _fused(photographs: NDArray[np.float32], enrolled: Enrolled) -> Iterator[tuple[int, FusedNearness]]:
    face = FusedFace()
    for count, embedding in enumerate(photographs[:3]):
        face.add(embedding)
        if face.looks == count + 1:
            yield count, nearness(face, enrolled, MatchRules(), room="bench")


def _within(one: Nearness) -> bool:
    return one.tolerance is not None and one.distance <= one.tolerance


def _drawn(
    people: list[NDArray[np.float32]], count: int, generator: np.random.Generator
) -> Iterator[NDArray[np.float32]]:
    return (people[at] for at in generator.integers(len(people), size=count))


if __name__ == "__main__":
    main()
