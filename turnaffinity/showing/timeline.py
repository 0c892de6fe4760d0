"""What happened to a turn? Finalizes from left to right, their jobs by language, and how long each key lived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len

from turnaffinity.showing.canvas import Picture, colour_of
from turnaffinity.showing.shown import hanging, padded
from turnaffinity.showing.wording import Words

LEFT_PX, STEP_PX, TOP_PX, LANE_PX = 150, 128, 92, 36


@dataclass(frozen=True)
class Moment:
    """One finalize, or one event of the surroundings, and what stood in Redis after it.

    `jobs` are (target language, node or None); `affinity` is turn -> recorded node; `open_turn` the session's.
    """

    label: str
    turn: str = ""
    jobs: tuple[tuple[str, str | None], ...] = ()
    affinity: Mapping[str, str] = field(default_factory=dict)
    open_turn: str = ""


def timeline(moments: Sequence[Moment], *, title: str = "the timeline of a turn") -> Picture:
    """The moments from left to right: what closed the segment, where each language's job went, which keys stood."""
    languages = list(dict.fromkeys(language for moment in moments for language, _ in moment.jobs))
    turns = list(dict.fromkeys(turn for moment in moments for turn in moment.affinity))
    nodes = sorted({node for moment in moments for _, node in moment.jobs if node})
    lanes = len(languages) + len(turns) + 1
    picture = Picture(
        LEFT_PX + STEP_PX * len(moments) + 20, TOP_PX + LANE_PX * lanes + 24, title, "; ".join(map(_told, moments))
    )
    picture.text(16, 26, title, size=15, bold=True)
    for column, moment in enumerate(moments):
        x = LEFT_PX + STEP_PX * column
        picture.text(x + STEP_PX / 2, 54, moment.label, anchor="middle", bold=True)
        picture.text(
            x + STEP_PX / 2, 72, f"turn {moment.turn}" if moment.turn else "", size=11, anchor="middle", style="faint"
        )
        picture.line(x, 44, x, TOP_PX + LANE_PX * lanes, style="grid")
    for row, language in enumerate(languages):
        _lane_of_jobs(picture, moments, language, TOP_PX + LANE_PX * row, nodes)
    for row, turn in enumerate(turns):
        held = [moment.affinity.get(turn, "") for moment in moments]
        _lane_of_a_key(picture, f"turn {turn}", held, TOP_PX + LANE_PX * (len(languages) + row))
    pointed = [moment.open_turn for moment in moments]
    _lane_of_a_key(picture, Words()("open turn"), pointed, TOP_PX + LANE_PX * (lanes - 1))
    return picture


def timeline_lines(moments: Sequence[Moment], *, words: Words | None = None, width: int | None = None) -> list[str]:
    """The moments from top to bottom, one a line: reason, turn, each language's node, and what stands afterwards."""
    words = words or Words()
    languages = list(dict.fromkeys(language for moment in moments for language, _ in moment.jobs))
    rows = [["", words("finalize"), words("turn"), *languages, words("recorded afterwards")]]
    for number, moment in enumerate(moments, start=1):
        nodes = dict(moment.jobs)
        held = ", ".join(f"{turn} {node}{'' if turn == moment.open_turn else words(' (left)')}"
                         for turn, node in sorted(moment.affinity.items(), key=_in_order))  # fmt: skip
        row = [str(number), moment.label, moment.turn, *(nodes.get(each) or "-" for each in languages)]
        rows.append([*row, held or words("nothing")])
    widths = [max(cell_len(row[column]) for row in rows) for column in range(len(rows[0]))]
    heads = ["  ".join(padded(cell, wide) for cell, wide in zip(row[:-1], widths, strict=False)) for row in rows]
    return [line for head, row in zip(heads, rows, strict=True) for line in hanging(f"{head}  ", row[-1], width)]


def _in_order(held: tuple[str, str]) -> tuple[int, str]:
    """T2 before T10."""
    return len(held[0]), held[0]


def _lane_of_jobs(picture: Picture, moments: Sequence[Moment], language: str, y: float, nodes: list[str]) -> None:
    picture.text(LEFT_PX - 14, y + 20, Words()("job in {language}", language=language), anchor="end")
    for column, moment in enumerate(moments):
        for name, node in moment.jobs:
            if name == language:
                x = LEFT_PX + STEP_PX * column + 8
                fill = colour_of(node, nodes) if node else ""
                picture.box(x, y + 2, STEP_PX - 16, 28, fill=fill, style="" if node else "bad", tip=node or "no node")
                # black on a light pill, so that every colour of the palette carries its label
                picture.box(x + STEP_PX / 2 - 34, y + 6, 52, 20, style="paper", round_px=10)
                picture.text(x + STEP_PX / 2 - 8, y + 20, node or "no node", size=12, anchor="middle", bold=True)


def _lane_of_a_key(picture: Picture, label: str, held: Sequence[str], y: float) -> None:
    """A bar for each stretch in which the key held one value."""
    picture.text(LEFT_PX - 14, y + 20, label, anchor="end", style="faint")
    start = 0
    for column in range(1, len(held) + 1):
        if column == len(held) or held[column] != held[start]:
            if held[start]:
                x = LEFT_PX + STEP_PX * start + STEP_PX - 10
                # a key appears at the end of a finalize, and is gone at the end of the one that clears it
                picture.box(x, y + 8, STEP_PX * (column - start) - 2, 18, style="good", tip=f"{label}: {held[start]}")
                picture.text(x + 8, y + 21, f"{held[start]}", size=11, style="mono")
            start = column


def _told(moment: Moment) -> str:
    jobs = ", ".join(f"{language} to {node or 'no node'}" for language, node in moment.jobs)
    return f"{moment.label}: {jobs}" if jobs else moment.label
