"""How is a replayed failure told? As a mistake of a report is: what it was taken for, and its scene as it is now."""

from __future__ import annotations

from dataclasses import replace

from turnaffinity.capsules.files import Replayed
from turnaffinity.diagnosis.lua_lines import script_lines
from turnaffinity.diagnosis.mistake import Mistake
from turnaffinity.diagnosis.mistakes import UNKNOWN, unknown_mistake
from turnaffinity.diagnosis.telling import Setting, Told, names_languages, tell_scene
from turnaffinity.judging.verdict import CaseResult
from turnaffinity.server import token
from turnaffinity.showing.finding import one_line
from turnaffinity.showing.names import Names
from turnaffinity.showing.wording import Words


def tell_again(replayed: Replayed, words: Words, width: int | None = None) -> Told:
    """The failure of a capsule in words: its scene as it fails now, or as it was recorded where it passes.

    Where it fails otherwise now, what was recorded stands beside it. Plays a script's scene once more for its lines.
    """
    capsule, layout = replayed.capsule, replayed.capsule.key_layout()
    recorded = CaseResult(
        capsule.rule, capsule.case, "fail", title=capsule.title, expected=capsule.expected, observed=capsule.observed,
        wire=tuple(item.model_dump() for item in capsule.wire), steps=tuple(capsule.steps),
    )  # fmt: skip
    scene = replace(replayed.result, steps=recorded.steps) if replayed.reproduced else recorded
    names = Names(layout, token(capsule.seed), languages=not names_languages(scene))
    lines = None
    if replayed.source and replayed.reproduced:
        reading = capsule.reading_judged()
        lines = script_lines(replayed.source, [[scene]], seed=capsule.seed, reading=reading, layout=layout)
    setting = Setting(layout, names, words, replayed.scripts, lines, width)
    told = tell_scene(_mistake(replayed, scene), scene, setting)
    before = words.told(names.apply(one_line(recorded.observed)))
    if scene is recorded or dict(told.rows).get(words("got")) == before:
        return told
    return replace(told, rows=(*told.rows, (words("when recorded"), before)))


def _mistake(replayed: Replayed, scene: CaseResult) -> Mistake:
    """What the capsule says that it is; where it says nothing, the claim that does not hold."""
    said = replayed.capsule.mistake
    unknown = unknown_mistake([scene])
    if said is None:
        return unknown
    return replace(
        unknown, says=unknown.says | said.says, mend=said.mend or UNKNOWN, looks_like=said.looks_like,
        perhaps=said.perhaps, right=said.right,
    )  # fmt: skip
