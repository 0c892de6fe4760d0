"""Do the notebooks judge the reader's own implementation: a wrong one stops at its rule, a right one passes?"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
WRONG = ROOT / "tests/strangers/lua/wrong"
RUST = ROOT / "conformance/implementations/rust"
WALKED = ("01-turn-id", "02-write", "03-select", "04-clear", "05-never", "06-job-binding")
"""The notebooks that walk through the reader's own implementation."""

MISTAKES = {
    "reads_twice.lua": ("TA-SEL-5", "03-select", ("01-turn-id", "02-write", "04-clear", "05-never", "06-job-binding")),
    "touches_on_hit.lua": ("TA-NEVER-1", "05-never", ("01-turn-id", "04-clear", "06-job-binding")),
    "session_fallback.lua": ("TA-NEVER-3", "05-never", ("01-turn-id", "06-job-binding")),
    "nil_becomes_empty.lua": ("TA-SEL-7", "03-select", ("05-never",)),
    "serves_any_pair.lua": ("TA-SEL-4", "03-select", ("01-turn-id", "04-clear")),
}
"""A wrong script: the rule that it breaks, the notebook of that rule, and notebooks of rules that it keeps."""

IN_CI = "reads_twice.lua"


def run(names: list[str], **environment: str) -> dict[str, list[int]]:
    """Walk through these notebooks; the code cells that failed in each, by their position."""
    paths = [str(NOTEBOOKS / f"{name}.ipynb") for name in names]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval-lax", "-q", "-rf", "-n", "2", "--dist", "loadfile", *paths],
        cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stdout[-2000:] + done.stderr[-2000:]
    found: dict[str, list[int]] = {name: [] for name in names}
    for name, cell in re.findall(r"^FAILED notebooks/(\S+)\.ipynb::Cell (\d+)", done.stdout, re.MULTILINE):
        found[name].append(int(cell))
    assert done.returncode == any(found.values()), done.stdout[-2000:]
    return found


def source(name: str, cell: int) -> str:
    found = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    return "".join([each for each in found if each["cell_type"] == "code"][cell]["source"])


@pytest.mark.parametrize(
    "script", [pytest.param(name, marks=pytest.mark.long if name == IN_CI else pytest.mark.soak) for name in MISTAKES]
)
def test_a_wrong_script_stops_the_notebook_of_its_rule_and_no_unrelated_one(script: str) -> None:
    rule, home, unrelated = MISTAKES[script]
    kept = unrelated[:1] if script == IN_CI else unrelated
    failed = run([home, *kept], TURNAFFINITY_LUA=str(WRONG / script), TURNAFFINITY_ADAPTER="")
    assert any(f'holds("{rule}")' in source(home, cell) for cell in failed.pop(home))
    assert failed == {name: [] for name in kept}


@pytest.mark.soak
@pytest.mark.parametrize("script", ["hgetall.lua", "exists_first.lua"])
def test_a_right_script_written_otherwise_passes_them_all(script: str) -> None:
    path = ROOT / "tests/strangers/lua/right" / script
    assert run(list(WALKED), TURNAFFINITY_LUA=str(path), TURNAFFINITY_ADAPTER="") == {name: [] for name in WALKED}


@pytest.mark.soak
def test_the_rust_example_passes_them_all() -> None:
    if not (RUST / "target/release/adapter").exists():
        pytest.skip("needs the Rust example: make examples")
    failed = run(list(WALKED), TURNAFFINITY_ADAPTER=str(RUST / "run"), TURNAFFINITY_LUA="")
    assert failed == {name: [] for name in WALKED}
