"""What does a rule look like when it is kept and when it is broken? One scene of each rule, played twice, live.

A mutant of the rule fails one of its cases; the reference plays the same steps. Both go over a real server.
"""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from turnaffinity.contract.decisions import Reading
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.contract.rules import RULES, judged_only_with_faults
from turnaffinity.judging.verdict import CaseResult, tells_against
from turnaffinity.mutation.cases import planned_cases
from turnaffinity.mutation.flow import judge_of
from turnaffinity.mutation.matrix import shared_out
from turnaffinity.mutation.mutants import Mutant, load_mutants, mutants_folder
from turnaffinity.server import Server, token
from turnaffinity.showing.finding import Finding, finding
from turnaffinity.showing.names import Names
from turnaffinity.showing.scene import given_and_asked
from turnaffinity.showing.sentences import told
from turnaffinity.showing.wording import Words
from turnaffinity.stage.evidence import NotJudged, Violation
from turnaffinity.stage.judge import Judge
from turnaffinity.stage.stage import Stage, Step
from turnaffinity.subjects.subject import Finalized, Selected

SEED = 0
MOST_WIRE = 14
"""Rows of the wire that a page shows; the others are counted."""
ODD = ("ta-odd.toml", "ta-scenes.toml")
"""Mutants that show only with odd names, or in one scene: no page begins with them."""
MOST_MUTANTS = 6
"""So many mutants of a rule are tried."""
TRIED = 2
"""Of so many failed cases of a mutant the one with the fewest steps is shown."""
MOST_STEPS = (60, 2000)
"""A scene of more steps than the first shows less at a glance: taken where there is none other, a draw among them."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A failed case of a mutant, and the last step of the same scene as the reference plays it: plain data."""

    mutant: str
    wrong: CaseResult
    answer: tuple[str, ...]
    """The turn that the reference's answer names, "" for none; then the language and the node of each job in turn."""
    wire: tuple[dict[str, Any], ...]
    scripts: dict[str, str]
    """The names of both implementations' scripts by the SHA1 that the wire shows."""


def scenes(workers: int = 2) -> dict[str, Scene]:
    """A scene for each rule that has a mutant with one; rules on faults have none, since a page shows no outage."""
    mutants = load_mutants()
    chosen = [
        at for at, mutant in enumerate(mutants) if mutant.kind != "adapter" and not judged_only_with_faults(mutant.rule)
    ]
    by_rule = {rule: [at for at in chosen if mutants[at].rule == rule] for rule in RULES}
    rules = [rule for rule, found in by_rule.items() if found]
    odd = {
        mutant["id"] for name in ODD
        for mutant in tomllib.loads((mutants_folder() / name).read_text(encoding="utf-8"))["mutant"]
    }  # fmt: skip
    for own in by_rule.values():
        own.sort(key=lambda at: mutants[at].id in odd)

    def play(server: Server, number: int) -> Scene | None:
        tried = by_rule[rules[number]][:MOST_MUTANTS]
        made = (scene_of(mutants[at], server, most) for most in MOST_STEPS for at in tried)
        return next((scene for scene in made if scene is not None), None)

    found = dict(shared_out(range(len(rules)), play, workers))
    return {rules[number]: scene for number, scene in sorted(found.items()) if scene is not None}


def scene_of(mutant: Mutant, server: Server, most_steps: int = MOST_STEPS[0]) -> Scene | None:
    """The first of its own cases that this mutant fails in so many steps; None where there is none."""
    reading = mutant.usual_reading
    profile = "L" if mutant.kind == "lua" else "S"
    with tempfile.TemporaryDirectory(prefix="turnaffinity-mutant-") as folder:
        judge = judge_of(mutant, reading, Path(folder), seed=SEED).on(server)
        with judge:
            failed = list(islice(_failed(judge, mutant.rule, profile, most_steps), TRIED))
            wrong = min(failed, key=lambda result: (not result.wire, len(result.steps)), default=None)
            scripts = _scripts(judge)
    right = _played_right(wrong.steps, reading, server, scripts) if wrong else None
    if not wrong or not right:
        return None
    wire = tuple({"client": line.client, "argv": list(line.argv), "broken": False} for line in right.seen)
    return Scene(mutant.id, wrong, _answered(right), wire, scripts)


def _scripts(judge: Judge) -> dict[str, str]:
    named: dict[str, str] = {}
    for holder in (judge.subject, getattr(judge.subject, "scheduler", None)):
        named |= getattr(holder, "scripts", None) or {}
    return named


def _answered(step: Step) -> tuple[str, ...]:
    if isinstance(step.answer, Finalized):
        return (step.answer.turn_id, *(part for job in step.answer.jobs for part in (job.tgt_lang, job.node_id or "")))
    if isinstance(step.answer, Selected):
        return ("", "", step.answer.node_id or "")
    return (told(step.answer),)


def _failed(judge: Judge, rule: str, profile: str, most_steps: int) -> Iterator[CaseResult]:
    for case in planned_cases(profile):
        if case.rule == rule:
            result = case.run(judge)
            if tells_against(result) and len(result.steps) < most_steps:
                yield result


def _played_right(
    steps: Sequence[Mapping[str, Any]], reading: Reading, server: Server, scripts: dict[str, str]
) -> Step | None:
    """The last request of these steps as the reference answers it; None where a step cannot be played again."""
    judge = Judge("reference", reading=reading, seed=SEED).on(server)
    last: Step | None = None
    with judge:
        judge.clear()
        scripts |= _scripts(judge)
        stage = Stage(judge, "played right")
        try:
            for step in steps:
                last = _one(stage, step) or last
        except (Violation, NotJudged):
            return None
    return last


def _one(stage: Stage, step: Mapping[str, Any]) -> Step | None:
    if step["op"] == "redis":
        stage.do(*step["command"])
        return None
    if step["op"] == "select":
        src, _, tgt = step["pair"].partition(":")
        return stage.select(tgt, src=src, job=step["job_id"], turn=step["turn_id"])
    room = step["room_langs"]
    site = "solo" if room is None else list(room)
    return stage.finalize(step["session_id"], step["reason"], site, tgt=step["tgt_lang"], src=step["src_lang"])


def scene_lines(scene: Scene, words: Words, width: int) -> tuple[list[str], list[str], list[str]]:
    """The scene in words: what was given and asked; the right play; the wrong one. Names are alike in all three."""
    layout = KeyLayout()
    kept, broken = Names(layout, token(SEED)), Names(layout, token(SEED))
    given, asked = given_and_asked(scene.wrong.steps, layout, kept, words)
    given_and_asked(scene.wrong.steps, layout, broken, words)  # each play has names of its own from here on
    found: list[Finding] = [
        finding(
            {"expected": of.expected, "observed": of.observed, "wire": wire}, names,
            layout=layout, words=words, most=MOST_WIRE, scripts=scene.scripts,
        )
        for of, wire, names in ((scene.wrong, scene.wire, kept), (scene.wrong, scene.wrong.wire, broken))
    ]  # fmt: skip
    right, wrong = found
    return (
        [f"{words('given')}  {given}", f"{words('asked')}  {asked}"],
        [f"{words('answer')}  {_answer(scene, kept, words)}", *right.wire.lines(width)],
        [f"{words('wanted')}  {wrong.expected}", f"{words('got')}  {wrong.observed}", *wrong.wire.lines(width)],
    )


def _answer(scene: Scene, names: Names, words: Words) -> str:
    turn, *jobs = scene.answer
    if not jobs:
        return words.told(turn)
    src = next(str(step.get("src_lang", "")) for step in reversed(scene.wrong.steps) if step["op"] != "redis")
    nodes = [names.node(node) if node else words("no node") for node in jobs[1::2]]
    if not turn:
        return nodes[0]
    langs = [names.pair(f"{src}:{lang}").partition(":")[2] for lang in jobs[::2]]
    each = ", ".join(f"{lang} -> {node}" for lang, node in zip(langs, nodes, strict=True))
    return words("turn {turn}; {jobs}", turn=names.turn(turn), jobs=each)
