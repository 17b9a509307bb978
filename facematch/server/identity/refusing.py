"""What identity's domain says to whoever asked over HTTP."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from facematch.server.events.writer import TooBusyError
from facematch.server.identity.bindings import BindingsFullError, BoundToAnotherError
from facematch.server.identity.store import MOST_BINDINGS
from facematch.server.people.saying import said
from facematch.server.web.errors import ApiError, Code

if TYPE_CHECKING:
    from collections.abc import Iterator

FULL: Final = (409, Code.TOO_MANY_BINDINGS, f"There are {MOST_BINDINGS} bindings already. Take some back first.")
BUSY: Final = (503, Code.BUSY, "More arrives than can be stored. Send it again.")
BOUND_TO_ANOTHER: Final = (
    409,
    Code.BOUND_TO_ANOTHER,
    "Your invitation is for somebody else than this name. Choose another name.",
)


@contextmanager
def refused() -> Iterator[None]:
    """What is raised meanwhile, as a refusal."""
    with said():
        try:
            yield
        except BindingsFullError:
            raise ApiError(*FULL) from None
        except BoundToAnotherError:
            raise ApiError(*BOUND_TO_ANOTHER) from None
        except TooBusyError as error:
            raise ApiError(*BUSY, headers={"Retry-After": "1"}) from error
