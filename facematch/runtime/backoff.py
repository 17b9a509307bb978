"""How long to wait before trying again."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_DOUBLINGS = 16
"""Far beyond any bound, and a float still holds it."""


def full_jitter(attempt: int, first: float, last: float, draw: Callable[[], float] = random.random) -> float:
    """Seconds before the next attempt: anything between 0 and a bound that doubles.

    Args:
        attempt: 1 after the first failure.
        first: bound after the first failure, seconds.
        last: largest bound, seconds.
        draw: uniform in [0, 1); injected by tests.

    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    return draw() * min(last, first * 2.0 ** min(attempt - 1, _MOST_DOUBLINGS))
