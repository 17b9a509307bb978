"""`python -m facematch.faces`: makes the cached face encoder where it is missing, checks it, and says where it is."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from facematch.faces.encoder import make_encoder
from facematch.faces.models import ModelError, graph_path

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one line. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m facematch.faces", description="Make and check the face encoder.")
    parser.add_argument("--cache", type=Path, help="folder; default: MODEL_CACHE")
    cache: Path | None = parser.parse_args(arguments).cache
    if cache is None:
        from facematch.config.settings import load_or_exit  # noqa: PLC0415  (set-up names the folder and has none yet)

        cache = load_or_exit().model_cache
    started = perf_counter()
    try:
        encoder = make_encoder("onnx", cache)
        path = graph_path(cache)
    except ModelError as error:
        print(f"face encoder: {error}", file=sys.stderr)  # noqa: T201
        return 1
    seconds = perf_counter() - started
    print(f"face encoder: OK ({encoder.name}, {path}, {path.stat().st_size / 1e6:.1f} MB, {seconds:.1f} s)")  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
