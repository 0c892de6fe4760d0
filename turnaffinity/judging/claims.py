"""What do several files of cases claim in the same words?"""

from __future__ import annotations

import re
from collections.abc import Callable

from turnaffinity.stage.business import bindings, contracts
from turnaffinity.stage.drawing import wire_of_another
from turnaffinity.stage.evidence import Violation
from turnaffinity.stage.stage import Stage, Step
from turnaffinity.stage.state import State
from turnaffinity.subjects.subject import Finalized

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
    if step.node != node:
        wire = wire_of_another(lambda: choose(True), lambda another: another.node != node)
        stage.claim(False, expected, step.told_node, wire)


def claim_nothing_changed(stage: Stage, before: State, step: Step) -> None:
    """Fail the case if the refused finalize changed anything that is the contract's, a binding too (TA-TURN-5)."""
    old, new = contracts(stage.layout, before), contracts(stage.layout, stage.snapshot())
    stage.claim_unchanged(old, new, "nothing changed in Redis", step, {*old.keys, *new.keys})


def claim_none_bound(stage: Stage, step: Step) -> None:
    """Fail the case if a job is bound after this closing finalize (TA-BIND-1)."""
    made = [job.job_id for job in step.answer.jobs] if isinstance(step.answer, Finalized) else []
    bound = sorted(bindings(stage.layout, stage.snapshot(), made))
    stage.claim(not bound, f"no job binding after {step.request['reason']}", ", ".join(bound), step.seen)


def selected_from_nobody(stage: Stage, turn: str | None, job: str | None = None) -> Step | None:
    """A selection without a candidate; None where it got no usable answer, which is TA-SEL-7's to blame alone."""
    try:
        return stage.select(turn=turn, job=job)
    except Violation:
        return None


def decided_d1(stage: Stage, open_turn: str, step: Step, now: str | None, observed: str) -> None:
    """D1, where it shows: the open turn's id again, or a new one, which the session names `now`.

    A new id that is written nowhere says nothing of what becomes of an open turn (TA-WRITE-1's).
    """
    if step.turn_id == open_turn:
        stage.decided("D1", "reuse", step, observed)
    elif now == step.turn_id:
        stage.decided("D1", "mint", step, observed)
    else:
        stage.unobservable(UNWRITTEN)


UNWRITTEN = "nothing of the turn was written, so that no choice of when and how shows"
UNCLEARED = "the open turn was not cleared, so that no choice of when shows"


def needs_a_clear(stage: Stage, session: str) -> None:
    """Leave the case where the session names an open turn still: D2 is about when it is cleared."""
    if stage.open_turn(session):
        stage.unobservable(UNCLEARED)


def needs_a_write(stage: Stage, step: Step) -> None:
    """Leave the case where the turn of this max_duration finalize got no affinity: D3 is about when it is written."""
    written = stage.affinity(step.turn_id) is not None
    stage.saw.append(("writes", "yes" if written else "no"))
    if not written:
        stage.unobservable(UNWRITTEN)
