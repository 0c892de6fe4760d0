"""What happened, and what does the listener hear? A counterexample told step by step."""

from __future__ import annotations

from typing import Any

from turnaffinity.explorer.bounds import WATCHED
from turnaffinity.explorer.matrix import Cell


def story(cell: Cell) -> list[str]:
    """The sentences of one counterexample, in order; for a goal that holds, one sentence that says so."""
    title = f"{cell.goal.id} {cell.goal.title}, under {cell.reading.label}"
    if cell.behaviour is None:
        reach = "for behaviours of any length" if cell.closed else "within the bounds"
        return [f"{title}: holds, {reach}."]
    steps = cell.behaviour.as_json()
    lines = [f"{title}: broken.", f"Given: {_given(steps[0])}"]
    turns: dict[str, str] = {}
    lines += [f"{number}. {_sentence(step, turns)}" for number, step in enumerate(steps[1:], start=1)]
    why = " ".join(turns.get(word, word) for word in cell.why.split())
    return [*lines, f"Broken: {why}.", f"What is heard: {cell.goal.heard}."]


def _given(step: dict[str, Any]) -> str:
    pools = {pair: ", ".join(nodes) or "no node" for pair, nodes in step["pools"].items()}
    if len(set(pools.values())) == 1 and next(iter(step["pools"].values())) == step["nodes"]:
        return f"the nodes {', '.join(step['nodes'])} are online and serve all pairs."
    return "; ".join(f"{pair} is served by {nodes}" for pair, nodes in pools.items()) + "."


def _sentence(step: dict[str, Any], turns: dict[str, str]) -> str:
    if step["op"] == "surroundings":
        return f"{_event(step['event']).capitalize()}."
    who = "The speaker" if step["session_id"] == WATCHED else "Another speaker"
    what = "speaks on (max_duration)" if step["reason"] == "max_duration" else f"stops ({step['reason']})"
    turn = turns.setdefault(step["turn_id"], f"T{len(turns) + 1}")
    parts = []
    for number, job in enumerate(step["jobs"], start=1):
        parts += [_event(item["event"]) for item in step["during"] if item["before"] == f"job {number}"]
        parts.append(_job(job))
    parts += [_event(item["event"]) for item in step["during"] if item["before"] == "write"]
    return f"{who} {what}, turn {turn}: {'; '.join(parts)}. {_left(step, turns)}"


def _job(job: dict[str, Any]) -> str:
    how = {"drawn": "drawn", "affinity": "by affinity", "no candidate": "no candidate"}[job["how"]]
    return f"{job['tgt_lang']} to {job['node_id'] or 'no node'} ({how})"


def _event(event: list[str]) -> str:
    kind, subject, *nodes = event
    if kind == "serving":
        return f"{subject} is served by {', '.join(nodes) or 'no node'} now"
    return f"{subject} goes offline" if kind == "offline" else f"{subject} comes online"


def _left(step: dict[str, Any], turns: dict[str, str]) -> str:
    kept = [f"{turns.setdefault(turn, f'T{len(turns) + 1}')} at {node}" for turn, node in step["turn_keys"].items()]
    return f"Recorded: {', '.join(kept)}." if kept else "Nothing is recorded."
