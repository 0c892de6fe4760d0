"""How fast is a recorded trace audited? The audit's own measurement, as lines of the table."""

from __future__ import annotations

from dataclasses import replace

from turnaffinity.bench.row import Limit, Row
from turnaffinity.bench.stage import Stage
from turnaffinity.bench.throughput import LINES, throughput_rows
from turnaffinity.bench.timing import FULL

SOME_OURS = "audit, a tenth of the lines ours"
ALL_OURS = "audit, all lines ours"

_QUICK_LINES = 50_000


def audit_rows(stage: Stage) -> list[Row]:
    """Million lines a second against merely splitting each line of the file, and the peak memory against 150 MB.

    Needs no server.
    """
    stage.say("audit of a written trace")
    lines = LINES if stage.plan.draws >= FULL.draws else _QUICK_LINES
    measured = throughput_rows(lines)
    rows = [
        Row(row["name"], row["unit"], row["this"], row["peer"], row["peer_name"], f"of {lines:,} lines, on one core")
        for row in measured
    ]
    return [replace(row, limit=_limit(row)) for row in rows]


def _limit(row: Row) -> Limit | None:
    """Of the speed at which lines are merely split: a third, and where each line is judged a twenty-second."""
    if row.name in (SOME_OURS, ALL_OURS):
        return Limit("at least", 0.33 if row.name == SOME_OURS else 0.045)
    return Limit("at most", 1.0) if row.unit == "MB" else None
