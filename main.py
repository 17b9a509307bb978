"""The recognizer's composition root: settings to a running process, and one exit code."""

from __future__ import annotations

import structlog

from facematch.config.process_settings import RecognizerSettings, forget_web_secrets, warnings_about
from facematch.config.secret_values import secrets_of
from facematch.config.settings import load_or_exit
from facematch.recognizer.app import run
from facematch.recognizer.process.entry import prepare_process, run_process
from facematch.runtime.logs import configure_logging

if __name__ == "__main__":
    prepare_process()
    SETTINGS = load_or_exit(RecognizerSettings)
    forget_web_secrets()
    configure_logging(SETTINGS.log_level, SETTINGS.log_format, secrets_of(SETTINGS))
    for WARNING in warnings_about(SETTINGS):
        structlog.get_logger("facematch.main").warning(WARNING)
    run_process(run(SETTINGS))
