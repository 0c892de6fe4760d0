"""How does the kill matrix look? Rules down, mutants across, as SVG; the same matrix always gives the same bytes."""

from __future__ import annotations

from html import escape

from turnaffinity.contract.rules import RULES
from turnaffinity.mutation.matrix import Death, Matrix

CELL_PX, LABEL_PX, HEAD_PX, FOOT_PX = 11, 120, 12, 40
"""Side of a cell, width of the rules' column, height above and below the cells, in pixels."""

FILLS = {"own": "#1a7f37", "neighbour": "#9ec5f2", "missed": "#cf222e", "unseen": "#bf8700"}
"""What a cell's mark is painted with; the legend says it in words."""

LEGEND = {
    "own": "killed by its own rule",
    "neighbour": "blamed by a neighbour",
    "missed": "its own rule passed it",
    "unseen": "its own rule could not see it",
}


def matrix_svg(matrix: Matrix) -> str:
    """The picture; each cell's tooltip names the mutant, the rule and the mistake."""
    width = max(LABEL_PX + CELL_PX * len(matrix.deaths) + 12, 640)
    height = HEAD_PX + CELL_PX * len(matrix.rules) + FOOT_PX
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="10" role="img" aria-label="which rule kills which mutant">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for row, rule in enumerate(matrix.rules):
        y = HEAD_PX + CELL_PX * row
        weight = "bold" if RULES[rule].level == "MUST" else "normal"
        parts.append(f'<text x="4" y="{y + 9}" font-weight="{weight}">{rule}</text>')
        parts.append(f'<path d="M{LABEL_PX} {y + CELL_PX}H{width - 8}" stroke="#eaeef2"/>')
        parts += [_cell(death, rule, LABEL_PX + CELL_PX * column, y) for column, death in enumerate(matrix.deaths)]
    return "\n".join([*(part for part in parts if part), *_legend(height), "</svg>"]) + "\n"


def _cell(death: Death, rule: str, x: int, y: int) -> str:
    mark = death.mark(rule)
    if not mark:
        return ""
    told = escape(f"{death.mutant.id}, {rule}: {LEGEND[mark]}. {death.mutant.mistake}")
    side = CELL_PX - 1
    return f'<rect x="{x}" y="{y}" width="{side}" height="{side}" fill="{FILLS[mark]}"><title>{told}</title></rect>'


def _legend(height: int) -> list[str]:
    parts: list[str] = []
    for number, (mark, words) in enumerate(LEGEND.items()):
        x, y = 4 + 155 * number, height - 20
        parts.append(f'<rect x="{x}" y="{y}" width="10" height="10" fill="{FILLS[mark]}"/>')
        parts.append(f'<text x="{x + 14}" y="{y + 9}">{words}</text>')
    return parts
