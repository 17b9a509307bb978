"""The recognizer with several rooms in one process: `python -m tests.rig.rooms_recognizer ROOM …`."""

from __future__ import annotations

import sys

from facematch.config.settings import load_or_exit
from facematch.recognizer.app import run
from facematch.recognizer.process.entry import prepare_process, run_process
from facematch.runtime.logs import configure_logging

if __name__ == "__main__":
    prepare_process()
    settings = load_or_exit()
    configure_logging(settings.log_level, settings.log_format)
    run_process(run(settings, sys.argv[1:]))
