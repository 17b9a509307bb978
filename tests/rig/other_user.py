"""Programs of another user of this machine. Only root can start them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

OTHER_USER = 12_345
"""Nobody's in particular. Not 65534, which also stands for users without a number."""

PYTHON = [sys.executable, "-I", "-S", "-c"]

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a program as another user")

_BECOME = """
import encodings.idna, http.client, json, os, socket, sys, threading
user = int(sys.argv.pop(1))
os.setgroups([]); os.setgid(user); os.setuid(user)
"""
"""What is needed is imported first: the interpreter may lie in somebody's home."""


def another_user_s(code: str, *arguments: str, user: int = OTHER_USER) -> subprocess.Popen[str]:
    """Starts Python that becomes another user before it does anything; pipes for what it reads and says."""
    command = [*PYTHON, _BECOME + code, str(user), *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, text=True, cwd="/", env={}, stdin=pipe, stdout=pipe, stderr=pipe)
