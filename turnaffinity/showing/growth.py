"""How does something grow over time? One line for each way of doing it: memory, or rubbish, over a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from turnaffinity.showing.canvas import Picture, colour_of

PLOT_PX, HIGH_PX, LEFT_PX, TOP_PX = 480, 200, 84, 48
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
    picture = Picture(LEFT_PX + PLOT_PX + 190, TOP_PX + HIGH_PX + 46, title, told)
    picture.text(16, 26, title, size=15, bold=True)
    for part in range(5):
        y = TOP_PX + HIGH_PX - HIGH_PX * part / 4
        picture.line(LEFT_PX, y, LEFT_PX + PLOT_PX, y, style="grid")
        picture.text(LEFT_PX - 8, y + 4, f"{high * part / 4:,.0f}", size=11, anchor="end", style="faint")
        x = LEFT_PX + PLOT_PX * part / 4
        picture.text(x, TOP_PX + HIGH_PX + 18, f"{far * part / 4:g}", size=11, anchor="middle", style="faint")
    picture.text(LEFT_PX + PLOT_PX / 2, TOP_PX + HIGH_PX + 36, across, size=11, anchor="middle", style="faint")
    picture.text(LEFT_PX, TOP_PX - 8, up, size=11, style="faint")
    ends = _ends(series, far, high)
    for index, (name, points) in enumerate(series.items()):
        where = [(LEFT_PX + PLOT_PX * x / far, TOP_PX + HIGH_PX - HIGH_PX * y / high) for x, y in points]
        picture.path(where, colour=colour_of(name, names), dashed=DASHES[index % len(DASHES)])
        picture.box(LEFT_PX + PLOT_PX + 8, ends[name] - 9, 10, 10, fill=colour_of(name, names))
        picture.text(LEFT_PX + PLOT_PX + 24, ends[name], name, size=12)
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
