"""Which line of a script sent each command? The scene is played once more with a copy that tells its caller's line.

The copy's `redis.call` and its kin ask for a key named after the lines of their callers before each command. If that
play does not give the same commands, no line is claimed.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from turnaffinity.capsules.playing import collected_cases, play
from turnaffinity.contract.decisions import Reading
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.diagnosis.seen import error_line
from turnaffinity.judging.verdict import CaseResult
from turnaffinity.problem import CannotRun
from turnaffinity.server import token
from turnaffinity.showing.names import masked
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

_FORWARDS = re.compile(r"\.\.\.|unpack\s*\(")
"""A line that hands on what it was given: not it is asked about, but the one that called it."""


class Sent(NamedTuple):
    """The line that sent a command, and the line that called that one, where it stands in a function."""

    line: int
    caller: int | None = None


@dataclass(frozen=True, slots=True)
class ScriptLines:
    """A script's text, and the lines that sent the commands of each scene, by the case's name."""

    source: str
    by_case: Mapping[str, Sequence[Sent | None]]

    def sent_by(self, scene: CaseResult) -> list[int | None]:
        """The line that sent each command of the scene's wire; empty where none is known."""
        return [sent.line if sent else None for sent in self.by_case.get(scene.case, ())]

    def scene_of(self, cases: Sequence[CaseResult]) -> CaseResult:
        """The first of these cases whose lines are known; the first of all where no case's are."""
        return next((case for case in cases if any(self.by_case.get(case.case, ()))), cases[0])

    def at_fault(self, scene: CaseResult) -> int | None:
        """The line that the script's own error names, or that sent the broken command; else the last command's."""
        sent = self._at_fault(scene)
        return error_line(scene) or (sent.line if sent else None)

    def called_at(self, scene: CaseResult) -> int | None:
        """The line that called the one at fault, where that stands in a function."""
        sent = None if error_line(scene) else self._at_fault(scene)
        return sent.caller if sent else None

    def _at_fault(self, scene: CaseResult) -> Sent | None:
        lines = self.by_case.get(scene.case, ())
        sent = [(line, command["broken"]) for line, command in zip(lines, scene.wire, strict=False) if line]
        return next((line for line, broken in sent if broken), sent[-1][0] if sent else None)

    def text(self, line: int) -> str:
        """What stands at a line, from 1."""
        return self.source.split("\n")[line - 1].strip()


def traced(source: str) -> str:
    """The script with every line where it was, and calls that tell it."""
    if source.startswith("#!"):
        first, _, rest = source.partition("\n")
        return f"{first}\n{_PRELUDE}{rest}"
    return _PRELUDE + source


def script_lines(
    source: str, scenes: Iterable[Sequence[CaseResult]], *, seed: int, reading: Reading, layout: KeyLayout
) -> ScriptLines:
    """The line that sent each command of a scene's wire; None for all of a scene that went another way.

    Of each group of scenes those are played once more, on a server of its own, until the lines of one are known.
    """
    copy, text = traced(source), source.split("\n")
    judge = Judge(
        "lua", reading=reading, seed=seed, layout=layout,
        factory=lambda judge, url: ScriptSubject(judge.server, copy, "traced"),
    )  # fmt: skip
    by_case: dict[str, Sequence[Sent | None]] = {}
    try:
        with judge:
            playable = collected_cases(judge)
            for scene in itertools.chain.from_iterable(_until_known(group, by_case) for group in scenes):
                again, _ = play(playable[scene.rule, scene.case], judge)
                by_case[scene.case] = _lines(scene.wire, again.wire, text, token(seed))
    except CannotRun:
        pass  # the copy does not run here: what was found until then is all there is
    return ScriptLines(source, by_case)


def _until_known(scenes: Sequence[CaseResult], by_case: Mapping[str, Sequence[Sent | None]]) -> Iterator[CaseResult]:
    """The scenes one by one, until the lines of one are known."""
    for scene in scenes:
        yield scene
        if any(by_case[scene.case]):
            return


Wire = Sequence[Mapping[str, Any]]


def _lines(wire: Wire, again: Wire, text: Sequence[str], token: str) -> Sequence[Sent | None]:
    """The line behind each command of a wire, from what the copy sent; all None where that is not the same."""
    sent: list[Mapping[str, Any]] = []
    lines: list[Sent | None] = []
    line: Sent | None = None
    for command in again:
        if _tells_lines(command):
            line = _at_fault(command["argv"][1].removeprefix(MARK), text)
        elif not _loads(command):
            sent.append(command)
            lines.append(line)
            line = None
    before = [command for command in wire if not _loads(command)]
    if len(again) >= MOST_WIRE_LINES:  # evidence ends there, and the copy sends twice as much
        before = before[: len(sent)]
    if _alike(sent, token) != _alike(before, token):
        return [None] * len(wire)
    numbers = iter(lines)
    return [None if _loads(command) else next(numbers, None) for command in wire]


def _tells_lines(command: Mapping[str, Any]) -> bool:
    return len(command["argv"]) > 1 and str(command["argv"][1]).startswith(MARK)


def _loads(command: Mapping[str, Any]) -> bool:
    """Whether it is SCRIPT LOAD, which comes with the first call of all."""
    return bool(command["argv"][0] == "SCRIPT")


def _at_fault(lines: str, text: Sequence[str]) -> Sent | None:
    """The innermost line that is asked about, and the one that called it; the call of the whole script is none."""
    numbers = [int(part) for part in lines.split(",") if part]
    asked = [number for number in numbers if number <= len(text) and not _FORWARDS.search(text[number - 1])]
    if not asked:
        return None
    last = max((number for number, line in enumerate(text, 1) if line.strip()), default=0)
    return Sent(asked[0], next((number for number in asked[1:] if number not in {asked[0], last}), None))


def _alike(wire: Wire, token: str) -> list[list[str]]:
    """What was sent, whoever it was about, and without a script's digest."""
    told = []
    for sent in wire:
        argv = sent["argv"] if sent["client"] == SCRIPT_CLIENT else [sent["argv"][0], *sent["argv"][2:]]
        told.append([masked(str(part), token) for part in argv])
    return told
