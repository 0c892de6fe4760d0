"""How does the matrix look? As Markdown, as SVG and as a page; the same result always gives the same text."""

from __future__ import annotations

from html import escape

from turnaffinity.contract.decisions import DECISIONS, GOALS, Reading, all_readings
from turnaffinity.explorer.matrix import Exploration
from turnaffinity.explorer.story import story

HOLDS, BROKEN = "✓", "✗"
CELL_PX, LABEL_PX, HEAD_PX = 44, 380, 34
"""Size of a cell, width of the label column, height of the head, in pixels."""


def matrix_markdown(exploration: Exploration) -> str:
    """The matrix as a Markdown table: a row a combination; those that meet every goal in bold."""
    head = ["D1", "D2", "D3", "D4", "reading", *(goal.id for goal in GOALS)]
    rows = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for reading in all_readings():
        marks = [_mark(exploration, reading, goal.id) for goal in GOALS]
        choices = list(reading.as_dict().values())
        if not exploration.missed(reading):
            choices = [f"**{choice}**" for choice in choices]
        rows.append("| " + " | ".join([*choices, f"`{reading.name}`" if reading.name else "", *marks]) + " |")
    return "\n".join(rows) + "\n"


def decisions_markdown(exploration: Exploration) -> str:
    """What each goal needs of the decisions, and what the named readings miss, as a Markdown list."""
    return "".join(f"- {line}\n" for line in exploration.recommendation())


def matrix_svg(exploration: Exploration) -> str:
    """The matrix as an SVG picture; a cell's tooltip tells what broke the goal."""
    readings = list(all_readings())
    width, height = LABEL_PX + CELL_PX * len(GOALS), HEAD_PX + 24 * len(readings) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13" role="img" '
        'aria-label="which combination of choices meets which goal">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for column, goal in enumerate(GOALS):
        x = LABEL_PX + CELL_PX * column + CELL_PX // 2
        parts.append(f'<text x="{x}" y="22" text-anchor="middle">{goal.id}<title>{escape(goal.title)}</title></text>')
    for row, reading in enumerate(readings):
        parts += _svg_row(exploration, reading, HEAD_PX + 24 * row)
    return "\n".join([*parts, "</svg>"]) + "\n"


def page(exploration: Exploration) -> str:
    """The whole result as one HTML page: the recommendation, the matrix, each counterexample, and why it suffices."""
    from turnaffinity.explorer.goals import PREDICATES

    items = "".join(f"<li>{escape(line)}</li>" for line in exploration.recommendation())
    questions = "".join(
        f"<tr><td>{decision.id}</td><td>{escape(decision.question)}</td>"
        f"<td>{escape(' / '.join(decision.choices))}</td></tr>"
        for decision in DECISIONS
    )
    goals = "".join(
        f"<h3>{p.goal.id} {escape(p.goal.title)}</h3><p>{escape(p.goal.holds_if)}.</p>"
        f"<p><small>Why the bounds suffice: {escape(p.why_enough)}</small></p>{_stories(exploration, p.goal.id)}"
        for p in PREDICATES
    )
    bounds = ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in exploration.bounds.as_dict().items())
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>The open decisions, explored</title>'
        "<style>body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
        "td{padding:.1em .6em}</style>"
        f"<h1>The open decisions, explored</h1><p>Searched: {bounds}; {exploration.states} states, "
        f"{exploration.transitions} transitions; {exploration.replayed} counterexamples replayed on a live server.</p>"
        f"<ul>{items}</ul><table>{questions}</table>{matrix_svg(exploration)}<h2>Goals</h2>{goals}</html>\n"
    )


def _stories(exploration: Exploration, goal_id: str) -> str:
    told = []
    for reading in all_readings():
        cell = exploration.cell(reading, goal_id)
        if not cell.holds:
            lines = "<br>".join(escape(line) for line in story(cell)[1:])
            told.append(f"<details><summary>broken under {escape(reading.label)}</summary>{lines}</details>")
    return "".join(told) or "<p>It holds under every combination.</p>"


def _mark(exploration: Exploration, reading: Reading, goal_id: str) -> str:
    return HOLDS if exploration.cell(reading, goal_id).holds else BROKEN


def _svg_row(exploration: Exploration, reading: Reading, y: int) -> list[str]:
    weight = ' font-weight="bold"' if not exploration.missed(reading) else ""
    choices = " / ".join(reading.as_dict().values()) + (f" ({reading.name})" if reading.name else "")
    parts = [f'<text x="6" y="{y + 16}"{weight}>{escape(choices)}</text>']
    for column, goal in enumerate(GOALS):
        cell = exploration.cell(reading, goal.id)
        x = LABEL_PX + CELL_PX * column
        fill, mark = ("#cfe8cf", HOLDS) if cell.holds else ("#f3cccc", BROKEN)
        tip = f"{goal.id} holds" if cell.holds else f"{goal.id} is broken: {cell.why}"
        parts.append(
            f"<g><title>{escape(tip)}</title>"
            f'<rect x="{x + 2}" y="{y}" width="{CELL_PX - 4}" height="22" fill="{fill}"/>'
            f'<text x="{x + CELL_PX // 2}" y="{y + 16}" text-anchor="middle">{mark}</text></g>'
        )
    return parts
