"""LiveKit attributes of participants by which Face Match is told something. Everybody in the room reads them."""

from __future__ import annotations

from typing import Final

CONSENT: Final = "facematch.consent"
"""With `CONSENT=required` nobody is looked at whose attribute has another value than `GIVEN`."""
GIVEN: Final = "given"

COMPARED: Final = "facematch.compared"
"""Whoever has it with the value `NO` joined without being compared, and is not looked at."""
NO: Final = "false"

PERSON: Final = "facematch.person"
"""With `BINDINGS_FROM_ATTRIBUTES=true`: the id of the person whom they are supposed to be."""
