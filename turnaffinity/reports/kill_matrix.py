"""How does the kill matrix look? In the terminal, and as a picture: rules down, mutants across."""

from __future__ import annotations

from html import escape

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from turnaffinity.contract.rules import RULES
from turnaffinity.mutation.machine import Balance
from turnaffinity.mutation.matrix import Death, Matrix
from turnaffinity.showing.wording import Words

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


def print_kills(console: Console, matrix: Matrix) -> None:
    """Print a line for each rule with its mutants, and the sums."""
    words = Words()
    console.print(_table(matrix, words))
    _summary(console, matrix, words)


def print_machine(console: Console, balance: Balance) -> None:
    """Print how many changes were blamed, and the survivors that nobody explained."""
    survivors, told = sum(fate.survived for fate in balance.fates), Words().told
    blamed = len(balance.fates) - survivors
    console.print(told(f"{len(balance.fates)} changes: {blamed} blamed, {survivors} survived"))
    for fate in balance.unexplained:
        console.print(told(f"survives without a reason, line {fate.change.line}: {fate.change.id}"))
    for name in balance.stale:
        console.print(told(f"listed in survivors.toml, and did not survive: {name}"))


def _table(matrix: Matrix, words: Words) -> Table:
    table = Table(title=words.told("which rule kills which mutant"), box=SIMPLE_HEAD)
    for name in ("rule", "level", "killed", "also blamed by it"):
        table.add_column(
            words.told(name), no_wrap=True, justify="right" if name in {"killed", "also blamed by it"} else "left"
        )
    table.add_column(words.told("its mutants"), overflow="fold")
    for rule in matrix.rules:
        own = [death for death in matrix.deaths if death.mutant.rule == rule]
        killed = sum(death.status == "killed" for death in own)
        others = sum(death.mutant.rule != rule and rule in death.killed_by for death in matrix.deaths)
        names = Text()
        for number, death in enumerate(own):
            style = {"killed": "green", "killed-by-neighbour": "yellow", "survived": "bold red"}[death.status]
            suffix = "" if death.status == "killed" else f" ({words(death.status)})"
            names.append(", " if number else "")
            names.append(death.mutant.id + suffix, style)
        table.add_row(rule, RULES[rule].level, f"{killed}/{len(own)}", str(others or ""), names)
    return table


def _summary(console: Console, matrix: Matrix, words: Words) -> None:
    count = dict.fromkeys(("killed", "killed-by-neighbour", "survived"), 0)
    for death in matrix.deaths:
        count[death.status] += 1
        if death.undeclared:
            undeclared = ", ".join(death.undeclared)
            console.print(words.told(f"{death.mutant.id} is blamed by {undeclared} too, undeclared"))
    killed, neighbour, survived = count.values()
    counts = f"{killed} killed, {neighbour} killed by neighbour, {survived} survived"
    console.print(words.told(f"{len(matrix.deaths)} mutants: {counts}; {matrix.seconds:.0f} s"))
    if matrix.gaps:
        console.print(words.told(f"without a mutant that it kills itself: {', '.join(matrix.gaps)}"))
