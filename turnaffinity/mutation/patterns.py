"""Which checks does each mutant fail? All of them are played, in every profile that can show its mistake.

`python -m turnaffinity.mutation.patterns` writes `conformance/mutants/patterns.json`, which the diagnosis reads.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import redis

from turnaffinity.contract.decisions import Reading
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.contract.rules import judged_only_with_faults
from turnaffinity.diagnosis.patterns import FILE, failed_ways
from turnaffinity.diagnosis.traces import TRACE
from turnaffinity.mutation.cases import run_cases
from turnaffinity.mutation.flow import FlowSubject, connection_to, judge_of
from turnaffinity.mutation.matrix import WORKERS, shared_out
from turnaffinity.mutation.mutants import Mutant, load_mutants, mutants_folder
from turnaffinity.mutation.traces import trace_checks
from turnaffinity.server import Server
from turnaffinity.specification.scripts import with_layout
from turnaffinity.stage.judge import Judge
from turnaffinity.subjects.script import ScriptSubject
from turnaffinity.subjects.subject import Answer, Hello, Subject


class WholeSubject(FlowSubject):
    """A changed flow, or a flow with a changed script, that offers `select` too."""

    def __init__(
        self, server: Server, client: redis.Redis, reading: Reading, layout: KeyLayout, sources: Mapping[str, str]
    ) -> None:
        super().__init__(client, reading, layout, sources)
        self.hello = Hello("mutant", language="Python", ops=frozenset({"finalize", "select"}))
        text = sources.get("select_node.lua")
        self._script = ScriptSubject(server, with_layout(text, layout), "mutant") if text else None

    def select(self, pair: str, job_id: str | None, turn_id: str | None) -> Answer:
        """One selection: of the changed script, where it is changed."""
        return self._script.select(pair, job_id, turn_id) if self._script else super().select(pair, job_id, turn_id)


def _whole(mutant: Mutant, reading: Reading, seed: int) -> Judge:
    sources = mutant.sources()

    def made(judge: Judge, url: str) -> Subject:
        return WholeSubject(judge.server, connection_to(judge, url), judge.reading, judge.layout, sources)

    return Judge("adapter", mutant.id, reading=reading, seed=seed, factory=made)


def pattern_of(mutant: Mutant, server: Server, seed: int = 0) -> dict[str, list[str]]:
    """The checks that a mutant fails, by profile: a script's in both, since a scheduler may hold such a script.

    The profile "T" is there only where the mutant's traffic shows its mistake.
    """
    reading = mutant.usual_reading
    faults = judged_only_with_faults(mutant.rule)
    found: dict[str, list[str]] = {}
    for profile in ("L", "S") if mutant.kind == "lua" else ("S",):
        with tempfile.TemporaryDirectory(prefix="turnaffinity-mutant-") as folder:
            alone = profile == "L" or mutant.kind == "adapter" or faults
            judge = judge_of(mutant, reading, Path(folder), seed=seed) if alone else _whole(mutant, reading, seed)
            with judge.on(server):
                results = run_cases(judge, profile, first=mutant.rule, thorough=True)
        found[profile] = sorted(failed_ways([result for outcomes in results.values() for result in outcomes]))
    if mutant.kind != "adapter" and not faults and (shown := trace_of(mutant, reading, server, seed)):
        found[TRACE] = shown
    return found


def trace_of(mutant: Mutant, reading: Reading, server: Server, seed: int = 0) -> list[str]:
    """The checks of a trace that the traffic of a scheduler with this mistake breaks."""
    judge = _whole(mutant, reading, seed).on(server)
    with judge:
        return trace_checks(judge)


def as_data(patterns: Mapping[str, Mapping[str, Sequence[str]]], mutants: Sequence[Mutant]) -> dict[str, Any]:
    """The file's content: the checks once, and for each mutant their places."""
    checks = sorted({check for by in patterns.values() for found in by.values() for check in found})
    place = {check: number for number, check in enumerate(checks)}
    return {
        "checks": checks,
        "mutants": {
            mutant.id: {
                "rule": mutant.rule,
                "fails": {by: [place[check] for check in found] for by, found in patterns[mutant.id].items()},
            }
            for mutant in mutants
        },
    }


def text_of(data: Mapping[str, Any]) -> str:
    """One line for each check and each mutant, so that a change of one is one line of a diff."""
    checks = ",\n".join(json.dumps(check) for check in data["checks"])
    mutants = ",\n".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in data["mutants"].items())
    return f'{{"checks": [\n{checks}\n],\n"mutants": {{\n{mutants}\n}}}}\n'


def committed() -> dict[str, dict[str, list[str]]]:
    """The patterns as the file has them; none where there is no file."""
    path = mutants_folder() / FILE
    if not path.is_file():
        return {}
    data = json.loads(path.read_text(encoding="utf-8"))
    checks = data["checks"]
    return {
        name: {profile: [checks[place] for place in places] for profile, places in entry["fails"].items()}
        for name, entry in data["mutants"].items()
    }


def main(names: Sequence[str] = ()) -> None:
    """Play the mutants of these names, or every one, and write the file."""
    mutants = load_mutants()
    patterns = committed() if names else {}
    chosen = [number for number, mutant in enumerate(mutants) if not names or mutant.id in names]
    for index, found in shared_out(chosen, lambda server, index: pattern_of(mutants[index], server), WORKERS):
        patterns[mutants[index].id] = found
        print(mutants[index].id, file=sys.stderr)
    (mutants_folder() / FILE).write_text(text_of(as_data(patterns, mutants)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
