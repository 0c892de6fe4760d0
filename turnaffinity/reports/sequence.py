"""How is a failure drawn? Its commands as arrows between client, script and Redis, as inline SVG."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup, escape

from turnaffinity.judging.adapter_text import plain
from turnaffinity.reports.words import Words
from turnaffinity.wire.command import Command
from turnaffinity.wire.meaning import SCRIPT_CALLS

MOST_ARROWS = 30
"""Arrows drawn; around the broken command, if there are more."""

MOST_CHARS = 92
"""Characters of a command shown beside its arrow; the whole text is its tooltip, and in the JSON report."""

LANES = {"client": 60, "script": 170, "redis": 280}
"""Where the lifelines stand, in pixels from the left."""

WIDTH, HEAD, STEP, TEXT_X = 1000, 44, 26, 300


def sequence(wire: list[dict[str, Any]], words: Words) -> Markup:
    """The diagram of a failure's wire; a sentence where nothing was seen."""
    if not wire:
        return Markup('<p class="dim">{}</p>').format(words("nothing on the wire was seen"))
    broken = next((place for place, line in enumerate(wire) if line["broken"]), 0)
    start = max(0, min(broken - MOST_ARROWS // 2, len(wire) - MOST_ARROWS))
    shown = wire[start : start + MOST_ARROWS]
    height = HEAD + STEP * len(shown) + 12
    parts = [
        Markup('<svg class="sequence" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
            WIDTH,
            height,
            f"{len(shown)} {words('more commands')}" if start else ", ".join(_name(line) for line in shown),
        )
    ]
    for lane, label in (("client", words("client")), ("script", words("script")), ("redis", "Redis")):
        x = LANES[lane]
        parts.append(Markup('<text class="lane" x="{}" y="18">{}</text>').format(x, label))
        parts.append(Markup('<line class="life" x1="{0}" y1="26" x2="{0}" y2="{1}"/>').format(x, height - 6))
    for row, line in enumerate(shown):
        parts.append(_arrow(line, HEAD + STEP * row + 8, words))
    parts.append(Markup("</svg>"))
    left = len(wire) - len(shown)
    if left:
        parts.append(Markup('<p class="dim">… {} {} (--json)</p>').format(left, words("more commands")))
    return Markup("\n").join(parts)


def _name(line: dict[str, Any]) -> str:
    return plain(str(line["argv"][0])) if line["argv"] else ""


def _arrow(line: dict[str, Any], y: int, words: Words) -> Markup:
    inner = line["client"] == "lua"
    calls = not inner and _name(line).upper() in SCRIPT_CALLS
    start = LANES["script" if inner else "client"]
    end = LANES["script" if calls else "redis"]
    text = plain(Command(tuple(line["argv"])).text())
    short = text if len(text) <= MOST_CHARS else text[: MOST_CHARS - 1] + "…"
    kind = "broken" if line["broken"] else "inner" if inner else "sent"
    mark = (
        Markup('<text class="cross" x="{}" y="{}">✗</text>').format((start + end) // 2, y - 4) if line["broken"] else ""
    )
    title = f"{text} ({words('this command breaks the rule')})" if line["broken"] else text
    return Markup(
        '<g class="{kind}"><title>{title}</title><line x1="{start}" y1="{y}" x2="{tip}" y2="{y}"/>'
        '<path d="M{end} {y} l-8 -4 v8 z"/>{mark}<text x="{text_x}" y="{base}">{short}</text></g>'
    ).format(
        kind=kind, title=title, start=start, y=y, tip=end - 8, end=end, mark=mark, text_x=TEXT_X, base=y + 4,
        short=escape(short),
    )  # fmt: skip
