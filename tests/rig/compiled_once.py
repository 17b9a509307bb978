"""Statements that are put together once for all databases of a test run, and not for each.

SQLAlchemy makes a statement's text when an engine first meets it, and remembers it for that engine; the engines of a
process that serves live as long as it does, those of a test for some twenty questions.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.util import LRUCache

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST = 5_000


class _OfADriver:
    """What engines of one driver have made, whichever of them asks: their dialects are of one kind and set up alike."""

    def __init__(self) -> None:
        self._made: LRUCache[Any, Any] = LRUCache(_MOST)

    def get(self, key: tuple[Any, ...]) -> Any:
        return self._made.get(key[1:])

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        self._made[key[1:]] = compiled


@contextmanager
def compiled_once() -> Iterator[None]:
    """Every engine that is made meanwhile."""
    begin = Engine.__init__
    made: dict[type, _OfADriver] = {}

    def shares(self: Engine, *arguments: Any, **options: Any) -> None:
        begin(self, *arguments, **options)
        self._compiled_cache = made.setdefault(type(self.dialect), _OfADriver())  # type: ignore[assignment]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "__init__", shares)
        yield
