"""How often was each node drawn? A histogram with the fair share drawn across it."""

from __future__ import annotations

from collections.abc import Mapping

from turnaffinity.showing.canvas import Picture, colour_of

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
        picture.text(x, bottom + 14, "fair share", size=11, anchor="middle", style="faint")
    return picture
