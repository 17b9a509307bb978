from __future__ import annotations

from facematch.runtime.exit_codes import ExitCode


def test_the_exit_codes_are_a_contract() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "STOPPED": 0,
        "FAILED": 1,
        "BAD_SETTINGS": 2,
        "MEMORY_LIMIT": 3,
        "CREDENTIALS_REFUSED": 4,
    }
