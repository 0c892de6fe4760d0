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
    """Million lines a second against `grep -c` on the same file, and the peak memory against 150 MB; needs no server.

    Rows without a peer (no grep on PATH) are left out.
    """
    stage.say("audit of a written trace")
    lines = LINES if stage.plan.draws >= FULL.draws else _QUICK_LINES
    measured = [row for row in throughput_rows(lines) if row["peer"]]
    rows = [
        Row(row["name"], row["unit"], row["this"], row["peer"], row["peer_name"], f"of {lines:,} lines, on one core")
        for row in measured
    ]
    return [replace(row, limit=_limit(row)) for row in rows]


def _limit(row: Row) -> Limit | None:
    """A tenth of grep's speed or a million lines a second, whichever is less strict; 200,000 where all are ours."""
    if row.name == SOME_OURS:
        return Limit("at least", min(0.1, 1.0 / row.peer))
    if row.name == ALL_OURS:
        return Limit("at least", 0.2 / row.peer)
    return Limit("at most", 1.0) if row.unit == "MB" else None
