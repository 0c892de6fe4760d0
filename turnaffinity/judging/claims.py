"""What do several files of cases claim in the same words?"""

from __future__ import annotations

import re

from turnaffinity.stage.stage import Stage

UUID_V4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
"""The text of a UUID v4 (TA-TURN-1), in either case."""

EVERY_TIME = 24
"""Selections that must agree; among 3 nodes a random choice agrees with chance 4e-12."""


def told_affinity(node: str | None) -> str:
    """What the field holds, as a sentence says it."""
    return "no affinity" if node is None else f"affinity {node or 'empty'}"


def told_turn(affinity: str | None, open_turn: str | None) -> str:
    """What stands in both fields: "affinity n1, open turn T1", "no affinity, no open turn"."""
    pointer = "no open turn" if open_turn is None else f"open turn {open_turn or 'empty'}"
    return f"{told_affinity(affinity)}, {pointer}"


def claim_every_time(
    stage: Stage, node: str, *, turn: str | None = None, lang: str | None = None, fresh_jobs: bool = False
) -> None:
    """Fail the case unless each of many selections returns this node (TA-SEL-1); `fresh_jobs` asks for bindings."""
    for _ in range(EVERY_TIME):
        step = stage.select(lang, turn=turn, job=stage.job() if fresh_jobs else None)
        stage.claim(step.node == node, f"the recorded node {node}, every time", step.told_node, step.seen)
