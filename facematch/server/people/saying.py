"""What people's domain says to whoever asked over HTTP."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from facematch.server.people.models import MOST_PEOPLE
from facematch.server.people.refusals import NoSuchPersonError, NoSuchPhotoError, PeopleFullError
from facematch.server.storage.errors import LogUnavailableError
from facematch.server.web.errors import ApiError, Code

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_PERSON = (404, Code.NO_PERSON, "There is no person of this id (any more).")
NO_PHOTO = (404, Code.NO_PHOTO, "The person has no photo of this id (any more).")
FULL = (409, Code.TOO_MANY_PEOPLE, f"There are {MOST_PEOPLE} people already. Erase some first.")
UNAVAILABLE = (503, Code.STORAGE_FAILED, "The database is away. Ask again.")


@contextmanager
def said() -> Iterator[None]:
    """What is raised meanwhile, as a refusal."""
    try:
        yield
    except NoSuchPersonError:
        raise ApiError(*NO_PERSON) from None
    except NoSuchPhotoError:
        raise ApiError(*NO_PHOTO) from None
    except PeopleFullError:
        raise ApiError(*FULL) from None
    except LogUnavailableError as error:
        raise ApiError(
            503, Code.STORAGE_FAILED, f"The database is away ({error}). Ask again.", headers={"Retry-After": "1"}
        ) from error
