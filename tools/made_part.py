"""The part of a page of docs/ that is made from the code, between two marks; the prose around it stays as it is."""

from __future__ import annotations


def renewed(text: str, begin: str, body: str, end: str) -> str:
    """The page's text with `body`, which has no newline at its end, between the marks.

    Raises:
        ValueError: the page has no such place.
    """
    before, found, rest = text.partition(begin)
    _, ended, after = rest.partition(end)
    if not (found and ended):
        raise ValueError(f"The page has no place for what is made: {begin} … {end}")
    return f"{before}{begin}\n{body}\n{end}{after}"
