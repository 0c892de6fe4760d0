"""What does a pull request show? The verdict and its mistakes as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.diagnosis.lua_lines import ScriptLines
from turnaffinity.diagnosis.telling import MOST_MISTAKES, Told, summary, tell
from turnaffinity.diagnosis.traces import TraceMistake, tell_in_trace
from turnaffinity.judging.verdict import Report
from turnaffinity.showing.finding import one_line
from turnaffinity.showing.names import Names
from turnaffinity.showing.wording import Words


def as_markdown(report: Report, *, lang: str = "en", script: ScriptLines | None = None) -> str:
    """A heading with the verdict, each mistake with its mend, and the scene in a block; warnings in a line each."""
    words = Words(lang)
    said = summary(report, words)
    name = _plain(one_line(report.implementation.get("name", "")))
    counts = f"{report.executed} {words('of')} {report.planned} {words('checks executed')}"
    lines = [f"## {name}: {words(report.verdict)}", "", f"{counts}; {words('reading')} {report.reading_told()}", ""]
    for number, mistake in enumerate(said.shown, 1):
        lines += _block(number, tell(mistake, report, words, script=script), words)
    lines += [said.more, ""] if said.more else []
    lines += [f"- {words('warn')} {rule}: {_plain(text)}" for rule, text in said.warned]
    return "\n".join(lines).rstrip() + "\n"


def trace_as_markdown(
    name: str, verdict: str, counts: str, mistakes: Sequence[TraceMistake], rules: Sequence[Mapping[str, Any]],
    layout: KeyLayout, lives: Sequence[Mapping[str, Any]],
) -> str:  # fmt: skip
    """The same of a trace: the verdict, what was read, each mistake with its lines, and the rules that warn."""
    words, names = Words(), Names(layout)
    lines = [f"## {_plain(one_line(name))}: {words(verdict)}", "", _plain(counts), ""]
    for number, mistake in enumerate(mistakes[:MOST_MISTAKES], 1):
        lines += _block(number, tell_in_trace(mistake, names, words, layout, lives), words)
    lines += [f"- {words('warn')} {rule['id']}" for rule in rules if rule["status"] == "warn"]
    return "\n".join(lines).rstrip() + "\n"


def _block(number: int, told: Told, words: Words) -> list[str]:
    """One mistake: its sentence, the mend, the rules, and the scene as it is printed."""
    rows = dict(told.rows)
    mend, breaks = rows.pop(words("mend"), ""), rows.pop(words("breaks"), "")
    lines = [f"**{number}. {_plain(told.says)}**", "", f"{_plain(mend)}", "", f"{_plain(breaks)}", ""]
    scene = [f"{label}: {text}" for label, text in rows.items()]
    fence = "`" * max(3, 1 + max((line.count("`") for line in (*scene, *told.wire)), default=0))
    return [*lines, fence, *scene, *told.wire, fence, ""]


def _plain(text: str) -> str:
    """The text as Markdown that means just itself."""
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>#|" else sign for sign in text)
