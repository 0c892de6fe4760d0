"""Does yours do what the committed vectors say? `pytest conformance/vectors [--lua FILE | --adapter CMD]`.

Not part of `turnaffinity verify`: README.md in this folder says why. Names are fresh in every run.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from turnaffinity.contract.rules import RULES
from turnaffinity.judging.cases import case
from turnaffinity.stage.evidence import NotClaimed, Skipped, Violation
from turnaffinity.stage.step import ask
from turnaffinity.subjects.subject import Answer, Refused
from turnaffinity.vectors.matching import Disagreement
from turnaffinity.vectors.playing import asks_only_for_selections, load, play, readings_of, renamed, translated

FOLDER = Path(__file__).parent


def fresh_name(stage, old):
    kinds = {"s": stage.session, "n": lambda: stage.name("node"), "j": stage.job}
    if len(old) > 30:
        return stage.turn().upper() if old.isupper() else stage.turn()
    return kinds[old[0]]()


def hold(stage, path):
    vector = load(path)
    if vector.get("draws"):
        raise Skipped("its draws have to be forced, which no subject can be told")
    if stage.judge.kind != "lua" and stage.reading not in readings_of(vector):
        raise Skipped(f"it is for another reading: {vector['reading']}")
    if any(step["op"] == "select" for step in vector["when"]):
        stage.needs_select()
    seen = []

    def put(request) -> Answer:
        with stage.watching() as commands:
            answer = ask(stage.subject, request)
        seen.extend(commands)
        if isinstance(answer, Refused) and answer.code == "unsupported":
            raise NotClaimed(f"`{request['op']}` is not offered: it is answered `unsupported`")
        return answer

    fresh = renamed(translated(vector, stage.layout), lambda old: fresh_name(stage, old))
    try:
        play(fresh, stage.subject, stage.judge.client, during=put)
    except Disagreement as error:
        raise Violation(f"{vector['title']}: {error.where}: {error.expected}", error.observed, seen) from error


def cases_for(rule, paths, profiles):
    """One test function for the vectors of a rule; each vector is a case of its own."""

    @case(rule, profiles)
    @pytest.mark.parametrize("path", paths, ids=lambda path: path.stem)
    def test(stage, path):
        hold(stage, path)

    return test


for rule_id in RULES:
    by_profile: dict[str, list[Path]] = {"LS": [], "S": [], "L": []}
    for file in sorted((FOLDER / rule_id).glob("*.json")):
        judged = "".join(sorted(RULES[rule_id].profiles & {"L", "S"}))
        by_profile[judged if asks_only_for_selections(load(file)) else "S"].append(file)
    for which, files in by_profile.items():
        if files:
            name = f"test_{rule_id.lower().replace('-', '_')}_{which.lower()}"
            globals()[name] = cases_for(rule_id, files, which)
