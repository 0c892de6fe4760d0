"""What do several files of cases claim in the same words?"""

from __future__ import annotations

import re
from collections.abc import Callable

from turnaffinity.stage.evidence import Violation
from turnaffinity.stage.stage import Stage, Step

UUID_V4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
"""The text of a UUID v4 (TA-TURN-1), in either case."""

EVERY_TIME = 24
"""Selections that must agree; among 3 nodes a random choice agrees with chance 4e-12."""


def claim_every_time(
    stage: Stage,
    node: str,
    *,
    turn: str | None = None,
    lang: str | None = None,
    src: str | None = None,
    fresh_jobs: bool = False,
    times: int = EVERY_TIME,
) -> None:
    """Fail the case unless each of many selections returns this node (TA-SEL-1); `fresh_jobs` asks for bindings."""

    def chosen(watch: bool) -> Step:
        return stage.select(lang, src=src, turn=turn, job=stage.job() if fresh_jobs else None, watch=watch)

    for _ in range(times):
        claim_chosen(stage, node, f"the recorded node {node}, every time", chosen)


def claim_chosen(stage: Stage, node: str | None, expected: str, choose: Callable[[bool], Step]) -> None:
    """Fail the case unless the choice falls on this node; it is watched only once it has not, for the evidence."""
    step = choose(False)
    if step.node == node:
        return
    again = (choose(True) for _ in range(EVERY_TIME))
    wire = next((each.seen for each in again if each.node != node), ())
    stage.claim(False, expected, step.node if node is not None else f"node {step.node!r}", wire)


def selected_from_nobody(stage: Stage, turn: str | None, job: str | None = None) -> Step | None:
    """A selection without a candidate; None where it got no usable answer, which is TA-SEL-7's to blame alone."""
    try:
        return stage.select(turn=turn, job=job)
    except Violation:
        return None
