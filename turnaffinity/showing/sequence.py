"""Who talks to whom? An arrow for each command of the client, and beside Redis what ran inside it."""

from __future__ import annotations

from collections.abc import Sequence

from turnaffinity.showing.canvas import Picture
from turnaffinity.showing.wire import WireRow
from turnaffinity.showing.wording import Words

ROW_PX, TOP_PX, CLIENT_X, REDIS_X, WIDE_PX = 26, 84, 60, 590, 980
MOST_CHARS = {0: 66, 1: 54}
"""Characters of a command that fit beside its arrow, by its depth; the whole text is in its tooltip."""


def sequence(rows: Sequence[WireRow], *, title: str, answer: str = "", client: str = "do_finalize") -> Picture:
    """The commands of a step, broken ones marked with ✗, and the answer last where one is given."""
    told = "; then ".join(row.text for row in rows if not row.depth)
    picture = Picture(WIDE_PX, TOP_PX + ROW_PX * (len(rows) + bool(answer)) + 34, title, told)
    picture.text(16, 26, title, size=15, bold=True)
    for x, name in ((CLIENT_X, client), (REDIS_X, "Redis")):
        picture.text(x, 60, name, anchor="middle", bold=True)
        picture.line(x, 68, x, picture.height - 20, style="grid")
    y = float(TOP_PX)
    for place, row in enumerate(rows):
        inside = 0
        while not row.depth and place + inside + 1 < len(rows) and rows[place + inside + 1].depth:
            inside += 1
        _command(picture, row, y, inside)
        y += ROW_PX
    if answer:
        picture.line(REDIS_X, y, CLIENT_X + 4, y, arrow=True, dashed=True)
        picture.text(CLIENT_X + 12, y - 4, answer, size=12)
    return picture


def _command(picture: Picture, row: WireRow, y: float, inside: int) -> None:
    text = row.text if len(row.text) <= MOST_CHARS[row.depth] else row.text[: MOST_CHARS[row.depth] - 1] + "…"
    tip = f"{row.text}: {row.meaning}" if row.meaning else row.text
    if row.broken:
        left = REDIS_X + 8 if row.depth else CLIENT_X + 8
        picture.box(left, y - 18, (WIDE_PX if row.depth else REDIS_X) - left - 8, 20, style="bad", tip=tip)
        text = f"✗ {text}"
    if row.depth:
        picture.text(REDIS_X + 16, y - 4, text, size=11, style="mono", bold=row.broken, tip=tip)
        return
    picture.text(CLIENT_X + 12, y - 4, text, size=12, style="mono", bold=True, tip=tip)
    picture.line(CLIENT_X, y, REDIS_X - 4, y, arrow=True)
    if inside:
        picture.box(REDIS_X - 4, y - 6, 8, ROW_PX * inside + 12, fill="#0072B2", tip=Words()("one atomic step"))
