"""Settings in which recognizers and the web process have to agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from facematch.config.secret_values import SECRETS

if TYPE_CHECKING:
    from collections.abc import Mapping

MUST_AGREE: Final = ("CONSENT", "FACE_ENCODER", "MODEL")
"""With another one of these a recognizer would look at people who have not agreed, or compare what cannot be."""

_LONGEST: Final = 80
"""Characters of a value that are shown."""


def differences(theirs: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    """By setting, a sentence about each that is another here.

    Args:
        theirs: as a recognizer has them. Those that it does not name are those of another version, and not compared.
        ours: as they are here.
    """
    return {
        name: f"{name} is {_shown(theirs[name])} for the recognizer, {_shown(ours[name])} for the API: set both alike."
        for name in sorted(theirs.keys() & ours.keys())
        if theirs[name] != ours[name]
    }


def sentence_of_others(name: str, process: str, theirs: str, ours: str) -> str:
    """That a setting is another at another web process; of secrets, which one it is, is not known."""
    if name == SECRETS:
        return f"One of the keys or secrets is another at {process} than here: set all alike."
    return f"{name} is {_shown(theirs)} at {process}, {_shown(ours)} here: set both alike."


def refusal(differing: Mapping[str, str]) -> str | None:
    """Why a recognizer must not watch; None: it may.

    Args:
        differing: as `differences` gives it.
    """
    grave = [differing[name] for name in MUST_AGREE if name in differing]
    return f"It watches nothing until then: {' '.join(grave)}" if grave else None


def _shown(value: str) -> str:
    return f"{value[:_LONGEST]}…" if len(value) > _LONGEST else value or "empty"
