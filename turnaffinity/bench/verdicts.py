"""How long does a verdict take on those that make it slow? Against the verdict on the reference script."""

from __future__ import annotations

import subprocess
import sys
import time

from turnaffinity.bench.row import Limit, Row
from turnaffinity.bench.stage import Stage
from turnaffinity.problem import CannotRun
from turnaffinity.shared_files import shared
from turnaffinity.stage.judge import Kind

THOUSAND_POOLS, PLAIN_COMMANDS = 3.0, 7.0
"""A script that asks 1000 pools, and a scheduler in plain commands, may take so many times the reference script's."""


def verdict_rows(stage: Stage) -> list[Row]:
    """Wall time of the command `verify`, from its start to its end, each on a server of its own.

    Raises `CannotRun` if one of them, all of which are right, does not conform.
    """
    python = shared("conformance", "implementations", "python", "adapter.py")
    asked: dict[str, tuple[Kind, str, float]] = {
        "verify --lua, a script that asks all 1000 pools in turn": (
            "lua", str(shared("conformance", "bench", "thousand_pools.lua")), THOUSAND_POOLS
        ),
        "verify --adapter, the Python example, in plain commands": (
            "adapter", f"{sys.executable} {python}", PLAIN_COMMANDS
        ),
    }  # fmt: skip
    reference: tuple[Kind, str] = ("lua", str(shared("lua", "select_node.lua")))
    _seconds(stage, *reference)  # what is compiled and read from disk once
    rows = []
    for name, (kind, target, most) in asked.items():
        peer = _seconds(stage, *reference)
        this = _seconds(stage, kind, target)
        rows.append(
            Row(name, "s", this, peer, "the reference script", "wall time of the command", Limit("at most", most))
        )
    return rows


def _seconds(stage: Stage, kind: Kind, target: str) -> float:
    stage.say(f"a verdict on {target.rsplit('/', 1)[-1]}")
    command = [sys.executable, "-m", "turnaffinity.cli.main", "verify", f"--{kind}", target, "--server", "embedded"]
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - started
    if done.returncode:
        last = (done.stdout or done.stderr).strip().splitlines()[-1:]
        raise CannotRun(target, f"is right, and: {' '.join(last)}", "report this as a defect")
    return seconds
