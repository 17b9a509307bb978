"""How often the right person matches, and how often a stranger does: by photographs enrolled, tolerance, gallery."""

from __future__ import annotations

import argparse
import asyncio
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.album import encoded
from bench.rates import ByTolerance, Faces, InForce, Naming, Rate, by_tolerance, in_force, naming
from bench.report import Row, report, table
from facematch.faces.models import EMBEDDING_SIZE
from facematch.faces.tolerance import MatchRules

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TOLERANCES = (0.4, 0.45, 0.5, 0.55, 0.6)
ONE_IN = (1_000, 3_000, 10_000)
PHOTOGRAPHS = (1, 2, 3, 4, 5, 8)
GALLERIES = (10, 50, 100, 150)
GALLERY_PHOTOGRAPHS = 3
RULES = ((0.5, 0.0), (0.5, 0.04), (0.45, 0.0), (0.45, 0.04))
"""Tolerance and margin."""
IN_FORCE_PHOTOGRAPHS = (1, 3, 5)
IN_FORCE_PERSONS = (10, 50, 150, 1000)


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
    elif not options.folder.is_dir():
        parser.error(f"{options.folder} is no folder: give the one that holds a folder for each person")
    else:
        faces = asyncio.run(encoded(options.folder, least=options.least))
        if options.save is not None:
            np.savez_compressed(options.save, people=faces.embeddings, person=faces.person, strangers=faces.strangers)
    measured(faces, options.rounds)


def read(path: Path) -> Faces:
    """What `--save` wrote.

    Raises:
        SystemExit: it is something else.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            faces = Faces(file["people"], file["person"].astype(np.int64), file["strangers"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise SystemExit(f"{path} is no file that --save wrote: {error}") from error
    if any(array.ndim != 2 or array.shape[1] != EMBEDDING_SIZE for array in (faces.embeddings, faces.strangers)):
        raise SystemExit(f"{path} is no file that --save wrote: its embeddings are not {EMBEDDING_SIZE} numbers each")
    if faces.person.shape != (len(faces.embeddings),):
        raise SystemExit(f"{path} is no file that --save wrote: it does not say whose each photograph is")
    return faces


def measured(faces: Faces, rounds: int) -> None:
    """Prints four tables, then the JSON line with all of them."""
    people = len(np.unique(faces.person))
    given, equal = [], []
    for photographs in PHOTOGRAPHS:
        rows = list(by_tolerance(faces, photographs, TOLERANCES, ONE_IN, rounds))
        given += rows[: len(TOLERANCES)]
        equal += rows[len(TOLERANCES) :]
    sizes = sorted({min(size, people) for size in GALLERIES})
    galleries = [row for size in sizes for row in naming(faces, size, GALLERY_PHOTOGRAPHS, RULES, rounds)]
    kept = [
        row
        for photographs in IN_FORCE_PHOTOGRAPHS
        for persons in IN_FORCE_PERSONS
        if (row := in_force(faces, persons, photographs, MatchRules(), max(1, rounds // 4)))
    ]
    print(f"{people} people in {len(faces.person)} photographs, {len(faces.strangers)} strangers\n")
    print("At a tolerance:")
    _told(given, "nobody has two photographs or more")
    print("\nAt one stranger in 1,000, 3,000, 10,000:")
    _told(equal, "for each of them ten times as many pairs of a person and a stranger are needed")
    print(f"\nThe recognizer's own answers; a stranger is to get a name in {MatchRules().stranger_rate:.0%} at most:")
    _told(kept, "there are too few strangers")
    print(f"\nA gallery, {GALLERY_PHOTOGRAPHS} photographs each:")
    if not galleries:
        print(f"nobody has more than {GALLERY_PHOTOGRAPHS} photographs")
    report(
        "accuracy",
        _rows(galleries),
        by_tolerance=_rows(given),
        at_equal_strangers=_rows(equal),
        in_force=_rows(kept),
        people=people,
        photographs=len(faces.person),
        strangers=len(faces.strangers),
        rounds=rounds,
    )


def _told(found: Sequence[ByTolerance | InForce], otherwise: str) -> None:
    if found:
        table(_rows(found))
    else:
        print(otherwise)


def _rows(found: Iterable[ByTolerance | InForce | Naming]) -> list[Row]:
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
