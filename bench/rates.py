"""How often faces are told right: rates over people and strangers, and how far they may be off.

People are enrolled with some of their photographs, by the mean of the embeddings as the recognizer does it, and looked
for in their others; strangers are compared with everybody. Which photographs enrol is drawn anew in every round. Each
person counts the same, however many photographs there are of them. Intervals are of 95 %, from resampling people and
strangers: the photographs of one person are no independent witnesses.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from facematch.faces.engine import Face
from facematch.faces.gallery import Gallery, Person
from facematch.faces.ranking import Enrolled, rank
from facematch.faces.tolerance import in_force as tolerance_in_force

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from facematch.faces.tolerance import MatchRules

    Floats = NDArray[np.float32]
    Floats64 = NDArray[np.float64]

_RESAMPLED = 500
_INTERVAL = (0.025, 0.975)
_NEVER_SEEN = 3.0
"""What was not seen in n independent tries happens, 95 % sure, less often than three times in n."""
_FEWEST_STRANGERS = 100
"""Who have to be left to be taken for somebody."""
_FEWEST_HITS = 10
"""Pairs that have to be within a tolerance before it is called that of a rate."""


@dataclass(frozen=True)
class Faces:
    """What is compared."""

    embeddings: Floats
    """(n, 128), of the people who are looked for."""
    person: NDArray[np.int64]
    """(n,), whose each of them is: 0, 1, 2 …"""
    strangers: Floats
    """(m, 128), each of another person."""


class Rate(NamedTuple):
    """A share, 0 to 1, and its interval."""

    value: float
    low: float
    high: float


class ByTolerance(NamedTuple):
    """What a tolerance does when people are enrolled with `photographs` each."""

    photographs: int
    tolerance: float
    right: Rate
    stranger: Rate


class Naming(NamedTuple):
    """What a gallery answers: the nearest person within `tolerance`, if the next one is `margin` further away."""

    persons: int
    tolerance: float
    margin: float
    right: Rate
    wrong: Rate
    """Somebody in the gallery is given the name of another."""
    stranger: Rate
    """Somebody who is not in it is given a name."""


class InForce(NamedTuple):
    """What the recognizer itself answers, with the tolerance that is in force for so many people and photographs."""

    persons: int
    photographs: int
    of_one: int
    """How many of the persons have one photograph only, for lack of people."""
    tolerance: float
    """Of those with all of theirs."""
    right: Rate
    wrong: Rate
    stranger: Rate
    """Has to be STRANGER_RATE at most."""


class Draw(NamedTuple):
    """One round: who was enrolled with what."""

    references: Floats
    """(people, 128)"""
    probes: Floats
    """(n, 128): what was not enrolled."""
    owner: NDArray[np.int64]
    """(n,): whose each probe is, as a row of the references."""


def draws(faces: Faces, photographs: int, rounds: int, rng: np.random.Generator) -> Iterator[Draw]:
    """Enrol everybody who has a photograph more than that, anew in every round."""
    albums = [np.flatnonzero(faces.person == one) for one in np.unique(faces.person)]
    albums = [album for album in albums if len(album) > photographs]
    for _ in range(rounds if albums else 0):
        shuffled = [rng.permutation(album) for album in albums]
        yield Draw(
            np.stack([faces.embeddings[album[:photographs]].mean(axis=0) for album in shuffled]),
            np.concatenate([faces.embeddings[album[photographs:]] for album in shuffled]),
            np.repeat(np.arange(len(albums)), [len(album) - photographs for album in shuffled]),
        )


def by_tolerance(
    faces: Faces, photographs: int, tolerances: Sequence[float], one_in: Sequence[int], rounds: int
) -> Iterator[ByTolerance]:
    """Rates at the tolerances given, then at those at which one stranger in `one_in` is taken for a person."""
    rng = np.random.default_rng(photographs)
    rows = list(draws(faces, photographs, rounds, rng))
    if not rows:
        return
    own = [np.linalg.norm(row.probes - row.references[row.owner], axis=1) for row in rows]
    others = [distances(row.references, faces.strangers) for row in rows]
    sorted_others = np.sort(np.concatenate([matrix.ravel() for matrix in others]))
    pairs = others[0].size
    known = [float(sorted_others[len(sorted_others) // number]) for number in one_in if pairs >= number * _FEWEST_HITS]
    for tolerance in [*tolerances, *known]:
        hits = np.mean([matrix <= tolerance for matrix in others], axis=0)
        right = _over_rounds(
            [_each(row.owner, near <= tolerance, len(row.references)) for row, near in zip(rows, own, strict=True)]
        )
        yield ByTolerance(photographs, tolerance, over_people(right, rng), over_pairs(hits, rng))


def naming(
    faces: Faces, persons: int, photographs: int, rules: Sequence[tuple[float, float]], rounds: int
) -> Iterator[Naming]:
    """What a gallery of so many people answers under each (tolerance, margin)."""
    rng = np.random.default_rng(persons)
    told: dict[tuple[float, float], list[tuple[Floats64, Floats64, NDArray[np.bool_]]]] = {rule: [] for rule in rules}
    for row in draws(faces, photographs, rounds, rng):
        people = len(row.references)
        chosen = rng.permutation(people)[:persons]
        inside = np.isin(row.owner, chosen)
        probes, owner = row.probes[inside], row.owner[inside]
        nearest, near, next_one = _two_nearest(distances(row.references[chosen], probes))
        _, stranger_near, stranger_next = _two_nearest(distances(row.references[chosen], faces.strangers))
        own = chosen[nearest] == owner
        for tolerance, margin in rules:
            named = (near <= tolerance) & (next_one - near >= margin)
            strange = (stranger_near <= tolerance) & (stranger_next - stranger_near >= margin)
            told[tolerance, margin].append(
                (_each(owner, named & own, people), _each(owner, named & ~own, people), strange)
            )
    for (tolerance, margin), answers in told.items():
        if not answers:
            continue  # nobody has a photograph more than that
        right, wrong, stranger = (over_people(_over_rounds([one[i] for one in answers]), rng) for i in range(3))
        yield Naming(persons, tolerance, margin, right, wrong, stranger)


def in_force(faces: Faces, persons: int, photographs: int, rules: MatchRules, rounds: int) -> InForce | None:
    """The recognizer's answers to one face at a time. Where people are too few, strangers enrol with the one photograph
    that there is of each, and the others are strangers still; None: too few are left.
    """
    rng = np.random.default_rng(persons)
    answers: list[tuple[Floats64, Floats64, Floats64]] = []
    of_one = 0
    for row in draws(faces, photographs, rounds, rng):
        people = len(row.references)
        chosen, shuffled = rng.permutation(people)[:persons], rng.permutation(len(faces.strangers))
        of_one = persons - len(chosen)
        if len(shuffled) - of_one < _FEWEST_STRANGERS:
            return None
        gallery = Gallery.of(
            1,
            "bench",
            [Person(str(one), "set", photographs, row.references[one]) for one in chosen]
            + [Person(f"s{one}", "set", 1, faces.strangers[one]) for one in shuffled[:of_one]],
        )
        named = partial(_named, Enrolled(None, gallery), rules)
        inside = np.isin(row.owner, chosen)
        owner = row.owner[inside]
        names = [named(probe) for probe in row.probes[inside]]
        own = np.array([name == str(one) for name, one in zip(names, owner, strict=True)])
        other = np.array([name is not None for name in names]) & ~own
        strange = np.full(len(shuffled), np.nan)
        strange[shuffled[of_one:]] = [named(faces.strangers[one]) is not None for one in shuffled[of_one:]]
        answers.append((_each(owner, own, people), _each(owner, other, people), strange))
    if not answers:
        return None
    right, wrong, stranger = (over_people(_over_rounds([one[i] for one in answers]), rng) for i in range(3))
    tolerance = tolerance_in_force(rules, persons, photos=photographs).value or 0.0
    return InForce(persons, photographs, of_one, tolerance, right, wrong, stranger)


def _named(enrolled: Enrolled, rules: MatchRules, embedding: Floats) -> str | None:
    names = rank([Face((0, 1, 1, 0), 1.0, embedding)], enrolled, rules, room="").named
    return names[0].person_id if names else None


def distances(references: Floats, others: Floats) -> Floats:
    """Euclidean, (references, others)."""
    squares = (references**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2 * references @ others.T
    found: Floats = np.sqrt(np.maximum(squares, 0, out=squares))
    return found


def over_people(shares: Floats64, rng: np.random.Generator) -> Rate:
    """The mean of what each person has, who might have been others."""
    count = len(shares)
    drawn = rng.integers(count, size=(_RESAMPLED, count))
    return _rate(float(shares.mean()), shares[drawn].mean(axis=1), count)


def over_pairs(shares: Floats64, rng: np.random.Generator) -> Rate:
    """The mean of (people, strangers), when both might have been others."""
    people, strangers = shares.shape
    drawn = [
        float(
            rng.multinomial(people, np.full(people, 1 / people))
            @ shares
            @ rng.multinomial(strangers, np.full(strangers, 1 / strangers))
        )
        / shares.size
        for _ in range(_RESAMPLED)
    ]
    return _rate(float(shares.mean()), np.array(drawn), strangers)


def _rate(value: float, resampled: Floats64, independent: int) -> Rate:
    if value in (0.0, 1.0):
        edge = min(1.0, _NEVER_SEEN / independent)
        return Rate(value, max(0.0, value - edge), min(1.0, value + edge))
    if independent == 1:
        return Rate(value, 0.0, 1.0)  # one alone says nothing of others
    low, high = np.quantile(resampled, _INTERVAL)
    return Rate(value, float(low), float(high))


def _each(owner: NDArray[np.int64], hits: NDArray[np.bool_], people: int) -> Floats64:
    """The share of each person's probes that are hits; nan for those without a probe."""
    total = np.bincount(owner, minlength=people)
    share: Floats64 = np.bincount(owner, weights=hits, minlength=people) / np.where(total, total, np.nan)
    return share


def _over_rounds(shares: Sequence[NDArray[Any]]) -> Floats64:
    """The mean of each one's rounds, for those who were in any."""
    stacked = np.array(shares, np.float64)
    means: Floats64 = np.nanmean(stacked[:, ~np.isnan(stacked).all(axis=0)], axis=0)
    return means


def _two_nearest(matrix: Floats) -> tuple[NDArray[np.int64], Floats, Floats]:
    """For each column: which reference is the nearest, its distance, and that of the next one."""
    if len(matrix) == 1:
        return np.zeros(matrix.shape[1], np.int64), matrix[0], np.full(matrix.shape[1], np.inf, np.float32)
    two = np.argpartition(matrix, 1, axis=0)[:2]
    near = np.take_along_axis(matrix, two, axis=0)
    first = near.argmin(axis=0)
    columns = np.arange(matrix.shape[1])
    return two[first, columns], near[first, columns], near[1 - first, columns]
