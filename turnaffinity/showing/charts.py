"""How do numbers look? How often each node was drawn, beside its fair share; and how something grows over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from turnaffinity.showing.canvas import Picture, colour_of
from turnaffinity.showing.wording import Words

BAR_PX, ROW_PX, LEFT_PX = 420, 30, 70


def histogram(counts: Mapping[str, int], *, title: str = "how often each node was drawn") -> Picture:
    """Bars for counts by name, sorted by name; the dashed line is the fair share."""
    names = sorted(counts)
    total, most = sum(counts.values()), max(counts.values(), default=1)
    told = ", ".join(f"{name} {counts[name]}" for name in names)
    picture = Picture(LEFT_PX + BAR_PX + 70, 56 + ROW_PX * len(names) + 18, title, f"{told}; {total} in all")
    picture.text(16, 26, title, size=15, bold=True)
    for row, name in enumerate(names):
        y = 42 + ROW_PX * row
        width = BAR_PX * counts[name] / most if most else 0
        picture.text(LEFT_PX - 10, y + 16, name, anchor="end")
        picture.box(LEFT_PX, y, width, 22, fill=colour_of(name, names), tip=f"{name}: {counts[name]}")
        picture.text(LEFT_PX + width + 8, y + 16, str(counts[name]))
    if names and most:
        x = LEFT_PX + BAR_PX * (total / len(names)) / most
        bottom = 42 + ROW_PX * len(names)
        picture.line(x, 36, x, bottom, dashed=True)
        picture.text(x, bottom + 14, Words()("fair share"), size=11, anchor="middle", style="faint")
    return picture


PLOT_PX, HIGH_PX, PLOT_LEFT_PX, TOP_PX = 480, 200, 84, 48
NAME_PX = 18
DASHES = ("", "9 4", "3 3", "12 3 3 3", "6 2 2 2 2 2")
"""How the lines differ where their colours cannot be told apart."""


def growth(
    series: Mapping[str, Sequence[tuple[float, float]]], *, title: str, across: str = "hours", up: str = "turn keys"
) -> Picture:
    """Lines through (x, y) points, each named at its end; both axes start at 0."""
    names = list(series)
    far = max((x for points in series.values() for x, _ in points), default=1) or 1
    high = max((y for points in series.values() for _, y in points), default=1) or 1
    told = "; ".join(f"{name} ends at {points[-1][1]:g}" for name, points in series.items() if points)
    picture = Picture(PLOT_LEFT_PX + PLOT_PX + 190, TOP_PX + HIGH_PX + 46, title, told)
    picture.text(16, 26, title, size=15, bold=True)
    for part in range(5):
        y = TOP_PX + HIGH_PX - HIGH_PX * part / 4
        picture.line(PLOT_LEFT_PX, y, PLOT_LEFT_PX + PLOT_PX, y, style="grid")
        picture.text(PLOT_LEFT_PX - 8, y + 4, f"{high * part / 4:,.0f}", size=11, anchor="end", style="faint")
        x = PLOT_LEFT_PX + PLOT_PX * part / 4
        picture.text(x, TOP_PX + HIGH_PX + 18, f"{far * part / 4:g}", size=11, anchor="middle", style="faint")
    picture.text(PLOT_LEFT_PX + PLOT_PX / 2, TOP_PX + HIGH_PX + 36, across, size=11, anchor="middle", style="faint")
    picture.text(PLOT_LEFT_PX, TOP_PX - 8, up, size=11, style="faint")
    ends = _ends(series, far, high)
    for index, (name, points) in enumerate(series.items()):
        where = [(PLOT_LEFT_PX + PLOT_PX * x / far, TOP_PX + HIGH_PX - HIGH_PX * y / high) for x, y in points]
        picture.path(where, colour=colour_of(name, names), dashed=DASHES[index % len(DASHES)])
        picture.box(PLOT_LEFT_PX + PLOT_PX + 8, ends[name] - 9, 10, 10, fill=colour_of(name, names))
        picture.text(PLOT_LEFT_PX + PLOT_PX + 24, ends[name], name, size=12)
    return picture


def _ends(series: Mapping[str, Sequence[tuple[float, float]]], far: float, high: float) -> dict[str, float]:
    """Where each name is written: beside its line's end, pushed apart where two ends meet."""
    wanted = sorted(
        (TOP_PX + HIGH_PX - HIGH_PX * points[-1][1] / high + 4, name) for name, points in series.items() if points
    )
    placed: dict[str, float] = {}
    y = float("-inf")
    for at, name in wanted:  # downwards, so that none stands in the title
        y = placed[name] = max(at, y + NAME_PX)
    y = TOP_PX + HIGH_PX + 4 + NAME_PX
    for _, name in reversed(wanted):  # and back up, so that none stands below the axis
        y = placed[name] = min(placed[name], y - NAME_PX)
    return placed
