"""What does a pull request show? The verdict and its mistakes as Markdown."""

from __future__ import annotations

from turnaffinity.diagnosis.lua_lines import ScriptLines
from turnaffinity.diagnosis.telling import summary, tell
from turnaffinity.judging.verdict import Report
from turnaffinity.showing.finding import one_line
from turnaffinity.showing.wording import Words


def as_markdown(report: Report, *, lang: str = "en", script: ScriptLines | None = None) -> str:
    """A heading with the verdict, each mistake with its mend, and the scene in a block; warnings in a line each."""
    words = Words(lang)
    said = summary(report, words)
    name = _plain(one_line(report.implementation.get("name", "")))
    counts = f"{report.executed} {words('of')} {report.planned} {words('checks executed')}"
    lines = [f"## {name}: {words(report.verdict)}", "", f"{counts}; {words('reading')} {report.reading_told()}", ""]
    for number, mistake in enumerate(said.shown, 1):
        told = tell(mistake, report, words, script=script)
        rows = dict(told.rows)
        mend, breaks = rows.pop(words("mend"), ""), rows.pop(words("breaks"), "")
        lines += [f"**{number}. {_plain(told.says)}**", "", f"{_plain(mend)}", "", f"{_plain(breaks)}", ""]
        scene = [f"{label}: {text}" for label, text in rows.items()]
        fence = "`" * max(3, 1 + max((line.count("`") for line in (*scene, *told.wire)), default=0))
        lines += [fence, *scene, *told.wire, fence, ""]
    lines += [said.more, ""] if said.more else []
    lines += [f"- {words('warn')} {rule}: {_plain(text)}" for rule, text in said.warned]
    return "\n".join(lines).rstrip() + "\n"


def _plain(text: str) -> str:
    """The text as Markdown that means just itself."""
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>#|" else sign for sign in text)
