"""Does the suite under pytest say what `verify` says, from wherever it is called?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
VERIFY = [sys.executable, "-m", "turnaffinity.cli.main", "verify"]
UNCACHED = ["-p", "no:cacheprovider"]
BROKEN = "return redis.call('SRANDMEMBER', 'lingua:v1:pool:' .. ARGV[1] .. ':0:nodes')\n"
PLACES = {"root": (ROOT, "conformance"), "elsewhere": (None, str(ROOT / "conformance"))}


@pytest.mark.long
@pytest.mark.parametrize("place", ["elsewhere", pytest.param("root", marks=pytest.mark.long)])
@pytest.mark.parametrize("broken", [True, pytest.param(False, marks=pytest.mark.long)])
def test_pytest_fails_the_cases_that_verify_fails(tmp_path: Path, place: str, broken: bool) -> None:
    script = ROOT / "lua/select_node.lua"
    if broken:
        script = tmp_path / "mine.lua"
        script.write_text(BROKEN, encoding="utf-8")
    out = tmp_path / "r.json"
    rules = ["--rule", "TA-SEL-[17]", "--rule", "TA-NEVER-1"]
    subprocess.run(
        [*VERIFY, "--lua", script, *rules, "--seed", "3", "--json", out],
        stdout=subprocess.DEVNULL, check=False, timeout=120,
    )  # fmt: skip
    report = json.loads(out.read_text(encoding="utf-8"))
    failed = {failure["case"] for rule in report["rules"] for failure in rule["failures"]}
    assert bool(failed) == broken
    cwd, folder = PLACES[place]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", folder, "--lua", script, *rules, "--seed", "3", "-q", "-rf", *UNCACHED],
        cwd=cwd or tmp_path, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("FAILED ")]
    # the vectors beside the suite are no cases of verify's
    named = {line.split("::")[1].split(" - ")[0] for line in lines if "/suite/" in line}
    assert named == failed, done.stdout[-3000:]
    assert done.returncode == (1 if broken else 0)


def test_two_implementations_or_no_rule_are_refused_under_pytest_too() -> None:
    for options, sentence in ((["--lua", "a", "--adapter", "b"], "judge one at a time"), (["--rule", "X"], "no rule")):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "conformance", *options, "-p", "no:cacheprovider"], cwd=ROOT,
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 4
        assert sentence in done.stderr
