"""How often the right person matches, and how often a stranger does: by photographs enrolled, tolerance, gallery."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.album import encoded
from bench.rates import ByTolerance, Faces, Naming, Rate, by_tolerance, naming
from bench.report import Row, report, table

if TYPE_CHECKING:
    from collections.abc import Iterable

TOLERANCES = (0.4, 0.45, 0.5, 0.55, 0.6)
ONE_IN = (1_000, 3_000, 10_000)
PHOTOGRAPHS = (1, 2, 3, 4, 5, 8)
GALLERIES = (10, 50, 100, 150)
GALLERY_PHOTOGRAPHS = 3
RULES = ((0.5, 0.0), (0.5, 0.04), (0.45, 0.0), (0.45, 0.04))
"""Tolerance and margin."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.accuracy", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="one folder per person, photographs in each")
    parser.add_argument("--embeddings", type=Path, help="a file that --save wrote, in place of a folder")
    parser.add_argument("--save", type=Path, help="keep the embeddings of the folder in this file (.npz)")
    parser.add_argument("--least", type=int, default=12, help="photographs of a person who is looked for (12)")
    parser.add_argument("--rounds", type=int, default=20, help="times that the enrolled photographs are drawn (20)")
    options = parser.parse_args()
    if (options.folder is None) == (options.embeddings is None):
        parser.error("a FOLDER, or --embeddings FILE")
    if options.embeddings is not None:
        faces = read(options.embeddings)
    else:
        faces = asyncio.run(encoded(options.folder, least=options.least))
        if options.save is not None:
            np.savez_compressed(options.save, people=faces.embeddings, person=faces.person, strangers=faces.strangers)
    measured(faces, options.rounds)


def read(path: Path) -> Faces:
    """What `--save` wrote."""
    with np.load(path, allow_pickle=False) as file:
        return Faces(file["people"], file["person"].astype(np.int64), file["strangers"])


def measured(faces: Faces, rounds: int) -> None:
    """Prints three tables, then the JSON line with all of them."""
    people = len(np.unique(faces.person))
    given, equal = [], []
    for photographs in PHOTOGRAPHS:
        rows = list(by_tolerance(faces, photographs, TOLERANCES, ONE_IN, rounds))
        given += rows[: len(TOLERANCES)]
        equal += rows[len(TOLERANCES) :]
    sizes = sorted({min(size, people) for size in GALLERIES})
    galleries = [row for size in sizes for row in naming(faces, size, GALLERY_PHOTOGRAPHS, RULES, rounds)]
    print(f"{people} people in {len(faces.person)} photographs, {len(faces.strangers)} strangers\n")
    print("At a tolerance:")
    table(_rows(given))
    print("\nAt one stranger in 1,000, 3,000, 10,000, where there are pairs enough:")
    table(_rows(equal))
    print(f"\nA gallery, {GALLERY_PHOTOGRAPHS} photographs each:")
    report(
        "accuracy",
        _rows(galleries),
        by_tolerance=_rows(given),
        at_equal_strangers=_rows(equal),
        people=people,
        photographs=len(faces.person),
        strangers=len(faces.strangers),
        rounds=rounds,
    )


def _rows(found: Iterable[ByTolerance | Naming]) -> list[Row]:
    rows = []
    for one in found:
        row: Row = {}
        for name, value in one._asdict().items():
            if isinstance(value, Rate):
                row |= {
                    name: round(value.value, 6),
                    f"{name} from": round(value.low, 6),
                    f"{name} to": round(value.high, 6),
                }
            else:
                row[name] = round(value, 4)
        rows.append(row)
    return rows


if __name__ == "__main__":
    main()
