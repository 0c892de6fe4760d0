"""How long does a verdict take on those that make it slow? Against the verdict on the reference script."""

from __future__ import annotations

import sys

from turnaffinity.bench.row import Limit, Row
from turnaffinity.bench.stage import Stage
from turnaffinity.judging.run import verify
from turnaffinity.judging.workers import workers_for
from turnaffinity.problem import CannotRun
from turnaffinity.shared_files import shared
from turnaffinity.stage.judge import Judge, Kind

THOUSAND_POOLS, PLAIN_COMMANDS = 3.0, 7.0
"""A script that asks 1000 pools, and a scheduler in plain commands, may take so many times the reference script's."""


def verdict_rows(stage: Stage) -> list[Row]:
    """Wall time of `verify`, each on a server of its own, in as many workers as `verify` has.

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
    _seconds(stage, *reference)  # imports, and what is compiled once
    rows = []
    for name, (kind, target, most) in asked.items():
        peer = _seconds(stage, *reference)
        this = _seconds(stage, kind, target)
        rows.append(
            Row(name, "s", this, peer, "the reference script", "wall time of a verdict", Limit("at most", most))
        )
    return rows


def _seconds(stage: Stage, kind: Kind, target: str) -> float:
    stage.say(f"a verdict on {target.rsplit('/', 1)[-1]}")
    with Judge(kind, target, "embedded") as judge:
        report = verify(judge, workers=workers_for(judge))
    if report.verdict != "conforms":
        broken = ", ".join(rule.id for rule in report.failed)
        raise CannotRun(target, f"is right, and {report.verdict}: {broken}", "report this as a defect")
    return report.seconds
