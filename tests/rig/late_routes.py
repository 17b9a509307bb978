"""Routes that the framework looks into when they are first asked.

It reads the signature of every function and makes validators of its types, which costs an application as much as its
start does; most tests ask two of its eighty routes.
"""

from __future__ import annotations

import functools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import routing
from starlette.routing import compile_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_compiled = functools.cache(compile_path)


@contextmanager
def late() -> Iterator[None]:
    """Every route that is made meanwhile: until it is asked it has only what it is found by."""
    with pytest.MonkeyPatch.context() as patch:
        for kind in (routing.APIRoute, routing.APIWebSocketRoute):
            begin, complete = _later(kind.__init__)
            patch.setattr(kind, "__init__", begin)
            patch.setattr(kind, "__getattr__", complete, raising=False)
        yield


def _later(whole: Callable[..., None]) -> tuple[Callable[..., None], Callable[[Any, str], Any]]:
    """Instead of this constructor: one that does little, and what does the rest for the first attribute missed."""

    def begin(self: Any, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self.path, self.endpoint = path, endpoint
        self.path_regex, self.path_format, self.param_convertors = _compiled(path)
        if isinstance(self, routing.APIRoute):
            self.methods = {method.upper() for method in options["methods"] or ["GET"]}
        self._options = options

    def complete(self: Any, name: str) -> Any:
        options = vars(self).pop("_options", None)
        if options is None:
            raise AttributeError(name)
        own = dict(vars(self))  # with what a kind of route has set by itself
        whole(self, self.path, self.endpoint, **options)
        vars(self).update(own)
        return getattr(self, name)

    return begin, complete
