"""Paths that end in any text there may be: the framework's pattern stops at a line break, and drops one at the end."""

from __future__ import annotations

import re
from typing import Any

from fastapi.routing import APIRoute


def whole(pattern: re.Pattern[str]) -> re.Pattern[str]:
    """The same for every character."""
    return re.compile(pattern.pattern.removesuffix("$") + r"\Z", re.DOTALL)


class WholePathRoute(APIRoute):
    """A route whose `{name:path}` is all that is left of the path."""

    def __init__(self, path: str, endpoint: Any, **of_fastapi: Any) -> None:
        super().__init__(path, endpoint, **of_fastapi)
        self.path_regex = whole(self.path_regex)
