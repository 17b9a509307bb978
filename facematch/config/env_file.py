"""The file `.env` before it is read: a sentence for what is wrong with it, and one for who else can read it."""

from __future__ import annotations

import re
import stat
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_SECRET = re.compile(
    r"^\s*(?:export\s+)?(\w*(?:_KEY|_SECRET)|DATABASE_(?:DIRECT_)?URL|WEBHOOK_URL)\s*=\s*[^\s#]", re.MULTILINE
)
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")


def problem_of(file: Path) -> str | None:
    """Why the file cannot be read, as a sentence that says what to do; None: it can, or is not there."""
    try:
        if file.is_dir():
            return f"{file} is a folder. It has to be a text file (see .env.example), or not to be there."
        data = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"{file} cannot be read ({error.strerror}): make it readable for this user, or take it away."
    text = data.decode("utf-8", "replace")
    if data.startswith(_BYTE_ORDER_MARKS) or "\0" in text or "\ufffd" in text:
        line = text[: text.find("\ufffd")].count("\n") + 1 if "\ufffd" in text else 1
        return f"{file} is not UTF-8 (line {line}): save it in that encoding. Nothing of it was read."
    return None


def warning_about(file: Path) -> str | None:
    """A sentence when others can read a file with secrets; None: they cannot, or it holds none, or is not there."""
    if sys.platform == "win32":
        return None
    try:
        others = file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH)
        names = _SECRET.findall(file.read_text("utf-8", "replace")) if others else []
    except OSError:
        return None
    if not names:
        return None
    return f"Others on this machine can read {', '.join(dict.fromkeys(names))} in {file}: chmod 600 {file}"
