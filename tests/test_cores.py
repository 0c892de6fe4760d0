"""Does a run keep to one core where it should, and to no more than that?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from turnaffinity.shared_files import shared

if not hasattr(os, "sched_setaffinity"):
    pytest.skip("this system has no sched_setaffinity", allow_module_level=True)

EXAMPLE = shared("conformance", "implementations", "python", "run")
EVERY_CORE = set(range(os.cpu_count() or 1))


def _with_every_core(*command: str) -> str:
    """What the command prints, started where it may use every core, whatever this worker is kept to."""
    program = "import os, sys; os.sched_setaffinity(0, eval(sys.argv[1])); os.execv(sys.argv[2], sys.argv[2:])"
    done = subprocess.run(
        [sys.executable, "-c", program, repr(EVERY_CORE), *command], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def _told(program: str) -> list[list[int]]:
    prelude = "import json, os, subprocess, sys\nfrom turnaffinity.judging.cores import *\n"
    cores = "def cores(): print(json.dumps(sorted(os.sched_getaffinity(0))), flush=True)\n"
    printed = _with_every_core(sys.executable, "-c", prelude + cores + program)
    return [json.loads(line) for line in printed.splitlines()]


def test_inside_there_is_one_core_and_afterwards_there_are_all_again() -> None:
    before, inside, after = _told("cores()\nwith on_one_core(): cores()\ncores()")
    assert before == after
    assert len(inside) == 1
    assert inside[0] in before


def test_after_an_error_there_are_all_again() -> None:
    before, after = _told("cores()\ntry:\n  with on_one_core(): raise KeyError\nexcept KeyError: cores()")
    assert before == after


def test_what_is_started_inside_stays_there() -> None:
    child = "[sys.executable, '-c', 'import os; print(sorted(os.sched_getaffinity(0)))']"
    inside, theirs = _told(f"with on_one_core():\n  cores()\n  subprocess.run({child})")
    assert theirs == inside


def test_numbers_count_through_the_cores_and_round() -> None:
    (every,) = _told("cores()")
    for number in (0, 1, len(every), len(every) + 1):
        assert _told(f"keep_to_core({number})\ncores()") == [[every[number % len(every)]]]


def test_numbers_count_through_the_cores_around_too() -> None:
    (every,) = _told("cores()")
    for number in range(len(every)):
        inside = f"with on_one_core():\n  assert cores_at_hand() == {len(every)}\n  keep_to_core({number})\n  cores()"
        assert _told(inside) == [[every[number]]]


def _cores_of_the_adapter(folder: Path, options: Sequence[str]) -> list[list[int]]:
    adapter = folder / "adapter"
    told = f"import os, json; print(json.dumps(sorted(os.sched_getaffinity(0))), file=open('{folder}/cores', 'a'))"
    adapter.write_text(f'#!/bin/sh\n"{sys.executable}" -c "{told}"\nexec "{EXAMPLE}"\n', encoding="utf-8")
    adapter.chmod(0o755)
    verify = [sys.executable, "-m", "turnaffinity", "verify", "--adapter", str(adapter), "--json", f"{folder}/report"]
    # one rule alone is no verdict on all: exit status 1, which the shell takes back
    _with_every_core("/bin/sh", "-c", '"$@" >&2; test $? -eq 1', "sh", *verify, "--rule", "TA-WRITE-[12]", *options)
    report = json.loads((folder / "report").read_text(encoding="utf-8"))
    assert {rule["status"] for rule in report["rules"]} == {"pass"}
    return [json.loads(line) for line in (folder / "cores").read_text(encoding="utf-8").splitlines()]


@pytest.mark.long
def test_an_adapter_keeps_to_the_judges_core(tmp_path: Path) -> None:
    seen = _cores_of_the_adapter(tmp_path, ["-n", "1"])
    assert len({tuple(cores) for cores in seen}) == 1
    assert len(seen[0]) == 1


@pytest.mark.long
def test_with_all_cores_an_adapter_may_use_each(tmp_path: Path) -> None:
    (every,) = _told("cores()")
    assert all(cores == every for cores in _cores_of_the_adapter(tmp_path, ["-n", "1", "--all-cores"]))


@pytest.mark.long
def test_each_worker_keeps_its_adapter_to_a_core_of_its_own(tmp_path: Path) -> None:
    (every,) = _told("cores()")
    seen = {tuple(cores) for cores in _cores_of_the_adapter(tmp_path, ["-n", "2"])}
    assert {(core,) for core in every[:2]} <= seen
    assert {len(cores) for cores in seen} == {1}


@pytest.mark.soak
def test_with_all_cores_workers_spread_too(tmp_path: Path) -> None:
    (every,) = _told("cores()")
    seen = _cores_of_the_adapter(tmp_path, ["-n", "2", "--all-cores"])
    assert all(cores == every for cores in seen)
