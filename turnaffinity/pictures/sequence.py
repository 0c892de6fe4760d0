"""Who talks to whom in one finalize? A sequence diagram: the actor, the job creator's script calls, and Redis."""

from __future__ import annotations

from collections.abc import Sequence

from turnaffinity.pictures.canvas import Picture

ROW_PX, TOP_PX, ACTOR_X, REDIS_X = 26, 84, 110, 590


def sequence(calls: Sequence[tuple[str, Sequence[str]]], *, title: str, answer: str = "") -> Picture:
    """An arrow for each command of the client, (its text, the commands that ran inside it), and the answer last."""
    rows = sum(1 + len(inner) for _, inner in calls) + bool(answer)
    told = "; then ".join(text for text, _ in calls)
    picture = Picture(980, TOP_PX + ROW_PX * rows + 34, title, told)
    picture.text(16, 26, title, size=15, bold=True)
    for x, name in ((ACTOR_X, "do_finalize"), (REDIS_X, "Redis")):
        picture.text(x, 60, name, anchor="middle", bold=True)
        picture.line(x, 68, x, TOP_PX + ROW_PX * rows + 14, style="grid")
    y = float(TOP_PX)
    for text, inner in calls:
        picture.text(ACTOR_X + 12, y - 4, text, size=12, style="mono", bold=True)
        picture.line(ACTOR_X, y, REDIS_X - 4, y, arrow=True)
        if inner:
            picture.box(REDIS_X - 4, y - 6, 8, ROW_PX * len(inner) + 12, fill="#0072B2", tip="one atomic step")
        for number, command in enumerate(inner, start=1):
            picture.text(REDIS_X + 16, y + ROW_PX * number - 8, command, size=11, style="mono")
        y += ROW_PX * (1 + len(inner))
    if answer:
        picture.line(REDIS_X, y, ACTOR_X + 4, y, arrow=True, dashed=True)
        picture.text(ACTOR_X + 12, y - 4, answer, size=12)
    return picture
