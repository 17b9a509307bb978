"""Commands with a log of their own, progress on the terminal, and stamps that let a finished step be skipped."""

from __future__ import annotations

import concurrent.futures
import hashlib
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

_NEWS_SECONDS = 15
_LAST_LINES = 20
_LONGEST_NEWS = 60


class SetupError(Exception):
    """A step that cannot be done; the text is a sentence for the person who waits."""


class Log:
    """One step's output: kept in a file, shown only when the step fails."""

    def __init__(self, path: Path) -> None:
        """Start `path` anew."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")

    def run(self, command: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str]) -> None:
        """Run a command to its end, its output in this log.

        Raises:
            SetupError: it failed; the text ends with the log's last lines.
        """
        words = [str(word) for word in command]
        with self.path.open("ab") as log:
            log.write(f"$ {' '.join(words)}\n".encode())
            log.flush()
            try:
                code = _children.run(words, cwd=cwd, env=env, output=log.fileno())
            except OSError as error:
                raise SetupError(f"{words[0]} cannot be run: {error.strerror}") from error
        if code != 0:
            raise SetupError(f"{words[0]} failed (exit code {code}).\n{self.last(_LAST_LINES)}\nAll of it: {self.path}")

    def last(self, count: int) -> str:
        """The last lines that say something."""
        lines = self.path.read_text("utf-8", "replace").splitlines()
        return "\n".join([line.rstrip() for line in lines if line.strip()][-count:])


class Progress:
    """Lines with the seconds since the start, from any thread."""

    def __init__(self) -> None:
        """Starts the clock."""
        self._started = time.monotonic()
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Print one line."""
        with self._lock:
            print(f"[{time.monotonic() - self._started:4.0f} s] {text}", flush=True)  # noqa: T201

    def together(self, steps: Mapping[str, tuple[Callable[[Log], None], Log]]) -> None:
        """Run the steps at the same time, saying now and then what is still going on; returns when all are done.

        Raises:
            SetupError: the first that failed; the others' commands are ended.
        """
        with concurrent.futures.ThreadPoolExecutor(max(1, len(steps))) as pool:
            running = {pool.submit(self._timed, name, step, log): name for name, (step, log) in steps.items()}
            try:
                while running:
                    done, _ = concurrent.futures.wait(
                        running, timeout=_NEWS_SECONDS, return_when=concurrent.futures.FIRST_COMPLETED
                    )
                    for future in done:
                        del running[future]
                        future.result()
                    if running and not done:
                        self.say("… " + ", ".join(f"{name}{_news(steps[name][1])}" for name in running.values()))
            except BaseException:
                _children.end()
                raise

    def _timed(self, name: str, step: Callable[[Log], None], log: Log) -> None:
        started = time.monotonic()
        try:
            step(log)
        except SetupError as error:
            raise SetupError(f"{name}: {error}") from error
        self.say(f"{name}: done in {time.monotonic() - started:.0f} s")


class Stamp:
    """A file that says from which inputs something was made."""

    def __init__(self, path: Path, *, inputs: Iterable[Path | str], made: Iterable[Path] = ()) -> None:
        """`inputs` are files (by content) or words; `made` is what must exist for the stamp to be believed."""
        self._path = path
        self._made = tuple(made)
        digest = hashlib.sha256()
        for item in inputs:
            digest.update(item.encode() if isinstance(item, str) else item.read_bytes())
            digest.update(b"\0")
        self._digest = digest.hexdigest()

    @property
    def fresh(self) -> bool:
        """Whether the thing was made from these very inputs and is still there."""
        try:
            return self._path.read_text("ascii") == self._digest and all(path.exists() for path in self._made)
        except (OSError, UnicodeDecodeError):
            return False

    def forget(self) -> None:
        """Before the making: half a thing must not pass for a whole one."""
        self._path.unlink(missing_ok=True)

    def set(self) -> None:
        """After the making."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(self._digest, "ascii")


def digest(path: Path) -> str | None:
    """The SHA-256 of a file, in hexadecimal; None when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


class _Children:
    """The commands now running, so that the failure of one step ends the others'."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._ended = False

    def run(self, command: list[str], *, cwd: Path, env: Mapping[str, str], output: int) -> int:
        with self._lock:
            if self._ended:
                raise SetupError("stopped, because another step failed")
            child = subprocess.Popen(  # noqa: S603  (commands of this package, never a stranger's)
                command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
            self._running.add(child)
        try:
            return child.wait()
        finally:
            with self._lock:
                self._running.discard(child)

    def end(self) -> None:
        with self._lock:
            self._ended = True
            for child in self._running:
                child.terminate()


_children = _Children()


def _news(log: Log) -> str:
    line = log.last(1).strip()
    return f" ({line[:_LONGEST_NEWS]}…)" if len(line) > _LONGEST_NEWS else f" ({line})" if line else ""


def first_line(command: Sequence[str | Path], env: Mapping[str, str]) -> str | None:
    """The first line that a short command prints on its output; None when it fails, is missing or hangs."""
    try:
        done = subprocess.run(  # noqa: S603  (commands of this package, never a stranger's)
            [str(word) for word in command], env=env, cwd="/", capture_output=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return lines[0].strip() if lines else ""


def refuse(text: str) -> int:
    """Print why set-up stops. Returns the exit code."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201
    return 1
