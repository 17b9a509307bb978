from __future__ import annotations

import os
from typing import TYPE_CHECKING

import psutil
import pytest

from facematch.recognizer.process.memory import GROUPS_SECONDS, MemoryRule, MemorySample, MemorySampler, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

OK, WARN, EXIT = Verdict.OK, Verdict.WARN, Verdict.EXIT
MB = 1 << 20
PAGE = os.sysconf("SC_PAGE_SIZE")
UNLIMITED_V1 = "9223372036854771712"
"""What version 1 says where no limit is set."""


def judged(*ratios: float) -> list[Verdict]:
    rule = MemoryRule(0.80, 0.92)
    return [rule.judge(ratio) for ratio in ratios]


def test_both_ratios_are_reached_at_their_own_value() -> None:
    assert judged(0.7999) == [OK]
    assert judged(0.80) == [WARN]
    assert judged(0.9199) == [WARN]
    assert judged(0.92) == [EXIT]


def test_one_warning_per_rise() -> None:
    assert judged(0.5, 0.81, 0.85, 0.82, 0.9) == [OK, WARN, OK, OK, OK]


def test_a_flutter_around_the_ratio_warns_once() -> None:
    assert judged(0.81, 0.79, 0.81, 0.785, 0.81) == [WARN, OK, OK, OK, OK]


def test_a_new_rise_warns_again() -> None:
    assert judged(0.81, 0.77, 0.81) == [WARN, OK, WARN]


def test_exit_is_said_as_long_as_it_holds_and_without_a_warning_before() -> None:
    assert judged(0.95, 0.99, 0.5) == [EXIT, EXIT, OK]


def test_memory_is_short_from_a_warning_until_it_is_clearly_over() -> None:
    rule = MemoryRule(0.80, 0.92)
    short = []
    for ratio in (0.7, 0.81, 0.79, 0.77):
        rule.judge(ratio)
        short.append(rule.short)
    assert short == [False, True, True, False]


def test_equal_ratios_exit() -> None:
    assert MemoryRule(0.9, 0.9).judge(0.9) is EXIT


def test_the_ratio_of_an_unknown_limit_is_zero() -> None:
    assert MemorySample(used=5, limit=0, resident=5).ratio == 0.0


def tree(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def version_2(used: int, limit: str, inactive: int = 0) -> dict[str, str]:
    return {
        "memory.current": f"{used}\n",
        "memory.max": f"{limit}\n",
        "memory.stat": f"anon 1\nfile 2\ninactive_file {inactive}\n",
    }


def version_1(used: int, limit: str, inactive: int = 0) -> dict[str, str]:
    return {
        "memory/memory.usage_in_bytes": f"{used}\n",
        "memory/memory.limit_in_bytes": f"{limit}\n",
        "memory/memory.stat": f"cache 1\ninactive_file 0\ntotal_inactive_file {inactive}\n",
    }


@pytest.mark.parametrize("files", [make(60 * MB, str(80 * MB), 20 * MB) for make in (version_2, version_1)])
def test_a_container_with_a_limit_is_what_counts(tmp_path: Path, files: Mapping[str, str]) -> None:
    sample = MemorySampler(tree(tmp_path, files)).sample()
    assert (sample.used, sample.limit) == (40 * MB, 80 * MB)  # the cache that can be given back does not count
    assert sample.ratio == 0.5


@pytest.mark.parametrize(
    ("make", "mount", "own"),
    [
        (version_2, "", "0::/system.slice/face-match.service\n"),
        (version_1, "memory/", "5:devices:/\n4:cpu,memory:/system.slice/face-match.service\n0::/\n"),
    ],
)
@pytest.mark.parametrize("inner", [True, False], ids=["its own limit", "the limit around it"])
def test_the_group_of_the_process_is_found_from_outside_a_container(
    tmp_path: Path, make: Callable[[int, str], Mapping[str, str]], mount: str, own: str, inner: bool
) -> None:
    group = "system.slice/face-match.service" if inner else "system.slice"
    other = "system.slice" if inner else "system.slice/face-match.service"
    files = {
        f"{mount}{folder}/{name.removeprefix(mount)}": text
        for folder, (used, limit) in {group: (60 * MB, 80 * MB), other: (60 * MB, 600 * MB)}.items()
        for name, text in make(used, str(limit)).items()
    }
    (tmp_path / "own").write_text(own)
    sample = MemorySampler(tree(tmp_path, files), tmp_path / "own").sample()
    assert (sample.used, sample.limit) == (60 * MB, 80 * MB)


@pytest.mark.parametrize("own", ["", "nonsense\n", "0::/gone\n", "0::/../elsewhere\n", "0:memory\n"])
def test_a_group_that_is_not_there_is_the_machine(tmp_path: Path, own: str) -> None:
    (tmp_path / "own").write_text(own)
    assert MemorySampler(tmp_path, tmp_path / "own").sample().limit == psutil.virtual_memory().total


@pytest.mark.parametrize("files", [version_2(5, "max"), version_1(5, UNLIMITED_V1), {}])
def test_without_a_limit_it_is_the_machine(tmp_path: Path, files: Mapping[str, str]) -> None:
    sample = MemorySampler(tree(tmp_path, files)).sample()
    assert sample.limit == psutil.virtual_memory().total
    assert 0 < sample.used < sample.limit


@pytest.mark.parametrize(
    "broken",
    [
        {"memory.current": "not a number\n"},
        {"memory.max": ""},
        {"memory.stat": "one\ntwo three four\n"},
    ],
)
def test_files_that_cannot_be_read_are_as_if_they_were_not_there(tmp_path: Path, broken: dict[str, str]) -> None:
    sample = MemorySampler(tree(tmp_path, version_2(5, str(80 * MB)) | broken)).sample()
    assert sample.limit == psutil.virtual_memory().total


def test_more_cache_than_use_is_no_use(tmp_path: Path) -> None:
    assert MemorySampler(tree(tmp_path, version_2(10 * MB, str(80 * MB), 20 * MB))).sample().used == 0


def test_the_resident_memory_is_this_process(tmp_path: Path) -> None:
    sampled, known = MemorySampler(tmp_path).sample().resident, psutil.Process().memory_info().rss
    assert sampled == pytest.approx(known, rel=0.2)


def test_the_real_machine_gives_a_ratio() -> None:
    assert 0 < MemorySampler().sample().ratio < 1


def test_what_was_read_a_moment_ago_is_not_read_again(tmp_path: Path) -> None:
    sampler = MemorySampler(tmp_path, tmp_path / "own")
    first = sampler.recent()
    assert sampler.recent() is first
    second = sampler.sample()
    assert sampler.recent() is second
    assert second is not first


def test_a_limit_that_comes_later_is_found_and_one_that_changes_counts_at_once(tmp_path: Path) -> None:
    now = 0.0
    sampler = MemorySampler(tree(tmp_path, version_2(5, "max")), tmp_path / "own", lambda: now)
    assert sampler.sample().limit == psutil.virtual_memory().total
    (tmp_path / "memory.max").write_text(str(80 * MB))
    now = GROUPS_SECONDS
    assert sampler.sample().limit == 80 * MB
    (tmp_path / "memory.max").write_text(str(60 * MB))
    assert sampler.sample().limit == 60 * MB
    (tmp_path / "memory.max").write_text("max")
    assert sampler.sample().limit == psutil.virtual_memory().total
