"""Which combination of choices meets which goal? A grid; a mark says what the colour says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from turnaffinity.pictures.canvas import Picture

LABEL_PX, CELL_PX, ROW_PX, HEAD_PX = 380, 46, 24, 70


def decision_matrix(
    rows: Sequence[tuple[str, Mapping[str, bool]]], *, title: str = "which combination meets which goal"
) -> Picture:
    """A row for each combination (its label, and goal id -> whether it holds); rows that meet every goal in bold."""
    goals = list(rows[0][1]) if rows else []
    best = [label for label, held in rows if all(held.values())]
    picture = Picture(
        LABEL_PX + CELL_PX * len(goals) + 16,
        HEAD_PX + ROW_PX * len(rows) + 16,
        title,
        f"{len(rows)} combinations, {len(goals)} goals; all goals are met by: {'; '.join(best) or 'none'}",
    )
    picture.text(16, 26, title, size=15, bold=True)
    for column, goal in enumerate(goals):
        picture.text(LABEL_PX + CELL_PX * column + CELL_PX / 2, HEAD_PX - 12, goal, anchor="middle", bold=True)
    for row, (label, held) in enumerate(rows):
        y = HEAD_PX + ROW_PX * row
        picture.text(16, y + 16, label, size=12, bold=label in best)
        for column, goal in enumerate(goals):
            x = LABEL_PX + CELL_PX * column
            tip = f"{goal} {'holds' if held[goal] else 'is broken'}"
            picture.box(
                x + 2, y + 1, CELL_PX - 4, ROW_PX - 2, style="good" if held[goal] else "bad", tip=tip, round_px=3
            )
            picture.text(x + CELL_PX / 2, y + 16, "✓" if held[goal] else "✗", anchor="middle", bold=not held[goal])
    return picture
