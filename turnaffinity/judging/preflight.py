"""Does it find the nodes at all? A few finalizes before the cases: where none does, the names are not the layout's."""

from __future__ import annotations

from itertools import product

from turnaffinity.stage.evidence import NotJudged, Violation
from turnaffinity.stage.judge import Judge
from turnaffinity.stage.stage import SITES, Stage
from turnaffinity.subjects.subject import Finalized, Refused

NO_NODE = "no job ever got a node: is the layout right?"
"""What a report says in place of its rules."""


def finds_no_node(judge: Judge) -> bool:
    """Whether every finalize of each reason at each call site answers that no job got a node, with all nodes online.

    The first that answers otherwise ends it: one finalize, where all is well. Any other trouble is the cases' to tell.
    """
    judge.clear()
    stage = Stage(judge, "before the cases")
    stage.serve(stage.nodes(3), *stage.targets("room"))
    try:
        return all(_without_node(stage, reason, site) for reason, site in product(_REASONS, SITES))
    except (Violation, NotJudged):
        return False
    finally:
        judge.clear()


_REASONS = ("max_duration", "manual", "timeout")


def _without_node(stage: Stage, reason: str, site: str) -> bool:
    answer = stage.finalize(stage.session(), reason, site, watch=False).answer
    if isinstance(answer, Finalized):
        return answer.first_node_id is None
    return isinstance(answer, Refused) and answer.code == "no_node"
