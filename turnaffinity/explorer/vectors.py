"""How does a counterexample become a test vector that needs no Python?

`python -m turnaffinity.explorer.vectors` searches anew, which takes half a minute, and writes G1/ to G8/.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.explorer.behaviour import Behaviour
from turnaffinity.explorer.database import arranging_commands, event_commands
from turnaffinity.explorer.goals import Step
from turnaffinity.explorer.matrix import Cell, Exploration
from turnaffinity.specification.oracle import Run

CONTRACT = "1.0"


def vectors(exploration: Exploration) -> dict[str, dict[str, Any]]:
    """A vector for every counterexample, by its path below `conformance/vectors/`."""
    made = {}
    for cell in exploration.cells:
        if cell.behaviour is not None:
            made[f"{cell.goal.id}/{_slug(cell)}.json"] = vector(cell, cell.behaviour)
    return made


def vector(cell: Cell, behaviour: Behaviour, layout: KeyLayout | None = None) -> dict[str, Any]:
    """One counterexample as a vector: what a right implementation of these choices does, draws being forced.

    A finalize inside which the surroundings change has a member `during`: commands to send just before its n-th job
    (from 1) selects its node, or just before its write. A runner that cannot do that skips the vector, as one does that
    cannot force draws.
    """
    names = layout or KeyLayout()
    turns: dict[str, str] = {}
    when: list[dict[str, Any]] = []
    results: list[dict[str, Any] | None] = []
    draws: list[str] = []
    for step in behaviour.steps:
        if step.run is None:
            for argv in event_commands(step.before, step.event, names):
                when.append({"op": "redis", "command": list(argv)})
                results.append(None)
            continue
        when.append(_finalize(step, step.run, names))
        results.append(_result(step.run, turns))
        draws += [item.node_id for item in step.run.happened if item.kind == "routed" and item.drawn and item.node_id]
    return {
        "contract": CONTRACT,
        "id": _slug(cell),
        "rule": cell.goal.id,
        "level": None,
        "reading": cell.reading.as_dict(),
        "title": f"{cell.goal.title} is broken under {cell.reading.label}: {_renamed(cell.why, turns)}",
        "draws": draws,
        "given": [list(argv) for argv in arranging_commands(behaviour.given, names)],
        "when": when,
        "then": {"results": results, **_then(behaviour, turns, names)},
    }


def write_vectors(exploration: Exploration, folder: Path) -> list[Path]:
    """Write every vector below `folder`; returns the paths. The same result always gives the same bytes."""
    paths = []
    for name, content in vectors(exploration).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(as_text(content), encoding="utf-8")
        paths.append(path)
    return paths


LINE = 110
"""What fits into so many characters is written on one line."""


def as_text(content: dict[str, Any]) -> str:
    """A vector as its file holds it: JSON in which a command, or a job, takes one line."""
    return _pretty(content, "") + "\n"


def _pretty(content: Any, indent: str) -> str:
    flat = json.dumps(content, ensure_ascii=False)
    if len(indent) + len(flat) <= LINE or not isinstance(content, dict | list):
        return flat
    deeper = indent + "  "
    if isinstance(content, list):
        parts = [deeper + _pretty(item, deeper) for item in content]
        return "[\n" + ",\n".join(parts) + f"\n{indent}]"
    parts = [f"{deeper}{json.dumps(name)}: {_pretty(item, deeper)}" for name, item in content.items()]
    return "{\n" + ",\n".join(parts) + f"\n{indent}}}"


def _slug(cell: Cell) -> str:
    return "-".join(cell.reading.as_dict().values())


def _finalize(step: Step, run: Run, names: KeyLayout) -> dict[str, Any]:
    request = step.request
    assert request is not None
    made: dict[str, Any] = {
        "op": "finalize",
        "session_id": request.session_id,
        "reason": request.reason,
        "src_lang": request.src_lang,
        "tgt_lang": request.tgt_lang,
        "room_langs": list(request.room_langs) if request.room_langs is not None else None,
    }
    during = []
    world = step.before
    for index, item in enumerate(run.happened):
        if item.event:
            rest = [after.kind for after in run.happened[index + 1 :] if not after.event]
            job = 1 + sum(before.kind == "routed" for before in run.happened[:index])
            commands = [list(argv) for argv in event_commands(world, item.event, names)]
            during.append({"before": f"job {job}" if rest[:1] == ["routed"] else "write", "commands": commands})
        world = item.world
    return {**made, "during": during} if during else made


def _result(run: Run, turns: dict[str, str]) -> dict[str, Any]:
    if run.error is not None:
        return {"error": run.error}
    turn = run.turn_id or ""
    known = turn in turns
    name = turns.setdefault(turn, f"T{len(turns) + 1}")
    jobs = [{"tgt_lang": language, "node_id": node} for language, node in run.nodes]
    return {"turn_id": {"same_as" if known else "bind": name}, "jobs": jobs}


def _then(behaviour: Behaviour, turns: dict[str, str], names: KeyLayout) -> dict[str, Any]:
    world = behaviour.steps[-1].after
    recorded = dict(world.affinities)
    keys = {_turn_key(turns[turn], names): {names.affinity_field: node} for turn, node in recorded.items()}
    for session, turn in world.open_turns:
        keys[names.session_key(session)] = {names.current_turn_field: f"${{{turns[turn]}}}"}
    sessions = {step.request.session_id for step in behaviour.steps if step.request is not None}
    absent = [_turn_key(name, names) for turn, name in turns.items() if turn not in recorded]
    absent += [names.session_key(one) for one in sessions if world.open_turn(one) is None]
    return {"keys": dict(sorted(keys.items())), "absent": sorted(absent), "no_ttl": sorted(keys)}


def _turn_key(name: str, names: KeyLayout) -> str:
    return names.turn_key(f"${{{name}}}")


def _renamed(text: str, turns: dict[str, str]) -> str:
    return " ".join(turns.get(word, word) for word in text.split())


if __name__ == "__main__":
    from turnaffinity.explorer.matrix import explore
    from turnaffinity.server import open_server
    from turnaffinity.shared_files import shared

    where = Path(sys.argv[1]) if len(sys.argv) > 1 else shared("conformance", "vectors")
    with open_server() as live:
        print(f"{len(write_vectors(explore(server=live), where))} counterexamples in {where}")
