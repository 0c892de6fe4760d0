"""Which line of a script sent each command? The scene is played once more with a copy that tells its caller's line.

The copy's `redis.call` and its kin ask for a key named after the lines of their callers before each command. If that
play does not give the same commands, no line is claimed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from turnaffinity.capsules.playing import collected_cases, play
from turnaffinity.contract.decisions import Reading
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.judging.verdict import CaseResult, Report
from turnaffinity.problem import CannotRun
from turnaffinity.server import token
from turnaffinity.stage.evidence import MOST_WIRE_LINES
from turnaffinity.stage.judge import Judge
from turnaffinity.subjects.script import ScriptSubject
from turnaffinity.wire.command import SCRIPT_CLIENT

MARK = "turnaffinity:lines:"
"""What the copy asks for; the lines follow, the innermost first."""

_PRELUDE = (
    "local redis,server=(function(r,s) "
    "local function told() local lines={} for level=4,12 do local _,at=pcall(error,'',level) "
    "local n=string.match(tostring(at),':(%d+):') if n then lines[#lines+1]=n end end "
    "return table.concat(lines,',') end "
    "local function wrapped(real) if not real then return nil end "
    f"return function(...) r.call('EXISTS','{MARK}'..told()) return real(...) end end "
    "local function copied(o) if not o then return nil end "
    "return setmetatable({call=wrapped(o.call),pcall=wrapped(o.pcall)},{__index=o}) end "
    "return copied(r),copied(s) end)(redis,server) "
)

UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

_FORWARDS = re.compile(r"\.\.\.|unpack\s*\(")
"""A line that hands on what it was given: not it is asked about, but the one that called it."""


@dataclass(frozen=True, slots=True)
class ScriptLines:
    """A script's text, and the lines that sent the commands of each scene, by the case's name."""

    source: str
    by_case: Mapping[str, Sequence[int | None]]

    def at_fault(self, scene: CaseResult) -> int | None:
        """The line of the broken command; where none is marked, of the last one before the answer."""
        lines = self.by_case.get(scene.case, ())
        sent = [(line, command["broken"]) for line, command in zip(lines, scene.wire, strict=False) if line]
        return next((line for line, broken in sent if broken), sent[-1][0] if sent else None)

    def text(self, line: int) -> str:
        """What stands at a line, from 1."""
        return self.source.split("\n")[line - 1].strip()


def script_lines(report: Report, source: str, scenes: Iterable[CaseResult]) -> ScriptLines:
    """The lines of each scene, every one played once more on a server of its own."""
    return ScriptLines(
        source,
        {
            scene.case: lines_of(scene, source, seed=report.seed, reading=report.reading, layout=report.layout)
            for scene in scenes
            if scene.wire
        },
    )


def traced(source: str) -> str:
    """The script with every line where it was, and calls that tell it."""
    if source.startswith("#!"):
        first, _, rest = source.partition("\n")
        return f"{first}\n{_PRELUDE}{rest}"
    return _PRELUDE + source


def lines_of(scene: CaseResult, source: str, *, seed: int, reading: Reading, layout: KeyLayout) -> list[int | None]:
    """The line that sent each command of the scene's wire; nothing but None where the second play went another way.

    Plays the case on a server of its own.
    """
    nothing: list[int | None] = [None] * len(scene.wire)
    text = source.split("\n")
    copy = traced(source)
    judge = Judge(
        "lua", reading=reading, seed=seed, layout=layout,
        factory=lambda judge, url: ScriptSubject(judge.server, copy, "traced"),
    )  # fmt: skip
    try:
        with judge:
            playable = collected_cases(judge).get((scene.rule, scene.case))
            if playable is None:
                return nothing
            again, _ = play(playable, judge)
    except CannotRun:
        return nothing
    found: list[tuple[dict[str, Any], int | None]] = []
    line: int | None = None
    for sent in (sent for sent in again.wire if sent["argv"][0] != "SCRIPT"):
        if sent["argv"][1:] and str(sent["argv"][1]).startswith(MARK):
            line = _at_fault(str(sent["argv"][1]).removeprefix(MARK), text)
        else:
            found.append((sent, line))
            line = None
    told = _alike([sent for sent, _ in found], seed)
    as_before = _alike([sent for sent in scene.wire if sent["argv"][0] != "SCRIPT"], seed)
    if len(again.wire) >= MOST_WIRE_LINES:  # evidence ends there, and the copy sends twice as much
        as_before = as_before[: len(told)]
    if told != as_before:
        return nothing
    numbers = iter([number for _, number in found])
    return [None if sent["argv"][0] == "SCRIPT" else next(numbers, None) for sent in scene.wire]


def _at_fault(lines: str, text: Sequence[str]) -> int | None:
    numbers = [int(part) for part in lines.split(",") if part]
    for number in numbers:
        if number <= len(text) and not _FORWARDS.search(text[number - 1]):
            return number
    return None


def _alike(wire: Sequence[Mapping[str, Any]], seed: int) -> list[list[str]]:
    """What was sent, whoever it was about: made-up names and turn ids masked, and a script's digest left out."""
    made_up = re.compile(rf"[A-Za-z]+\d+-{re.escape(token(seed))}[\w.-]*|{UUID}")
    told = []
    for sent in wire:
        argv = sent["argv"] if sent["client"] == SCRIPT_CLIENT else [sent["argv"][0], *sent["argv"][2:]]
        told.append([made_up.sub("#", str(part)) for part in argv])
    return told
