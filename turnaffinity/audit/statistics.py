"""What does a team want to know of its traffic anyway? Counts, lengths and costs, kept in constant memory."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

TIMELINE = 40
"""Turns kept for the timeline."""
HOT_KEYS = 4096
LENGTHS = 2000


@dataclass(slots=True)
class Life:
    """One turn from its first write to its close, for the timeline."""

    turn_id: str
    session_id: str
    opened_at: float
    closed_at: float
    jobs: int
    first_line: int
    last_line: int


@dataclass(slots=True)
class Statistics:
    """Counts of a whole trace; lengths are those of the latest turns."""

    turns_opened: int = 0
    turns_closed: int = 0
    superseded: int = 0
    orphans: int = 0
    selections: int = 0
    selection_commands: int = 0
    pools_asked: int = 0
    affinity_reads: int = 0
    affinity_hits: int = 0
    first_at: str = ""
    last_at: str = ""
    jobs: Counter[int] = field(default_factory=Counter)
    hot: Counter[str] = field(default_factory=Counter)
    lives: list[Life] = field(default_factory=list)
    lengths_s: deque[float] = field(default_factory=lambda: deque(maxlen=LENGTHS))

    def closed(
        self, turn_id: str, session_id: str, opened_at: str, closed_at: str, jobs: int, first: int, last: int
    ) -> None:
        """A turn was cleared; the first ones are kept for the timeline."""
        self.turns_closed += 1
        self.jobs[min(jobs, 100)] += 1
        if not opened_at:
            return
        start, end = seconds(opened_at), seconds(closed_at)
        self.lengths_s.append(end - start)
        if len(self.lives) < TIMELINE:
            self.lives.append(Life(turn_id, session_id, start, end, jobs, first, last))

    def touched(self, key: str, at: str) -> None:
        """A sample of the keys in use, and when."""
        self.first_at, self.last_at = self.first_at or at, at
        self.hot[key] += 1
        if len(self.hot) > HOT_KEYS:
            self.hot = Counter(dict(self.hot.most_common(HOT_KEYS // 2)))

    def as_dict(self) -> dict[str, Any]:
        """For `--json`; lengths in seconds, null where nothing was seen."""
        span_s = max(0.0, seconds(self.last_at) - seconds(self.first_at))
        lengths = sorted(self.lengths_s)
        return {
            "turns_opened": self.turns_opened,
            "turns_closed": self.turns_closed,
            "turns_superseded": self.superseded,
            "orphans_left": self.orphans,
            "turns_per_minute": round(self.turns_closed * 60 / span_s, 3) if span_s else None,
            "turn_length_s": {
                "median": round(lengths[len(lengths) // 2], 6) if lengths else None,
                "longest": round(lengths[-1], 6) if lengths else None,
            },
            "jobs_per_turn": {str(jobs): turns for jobs, turns in sorted(self.jobs.items())},
            "selections": self.selections,
            "commands_per_selection": _ratio(self.selection_commands, self.selections),
            "pools_asked_per_selection": _ratio(self.pools_asked, self.selections),
            "affinity_reads": self.affinity_reads,
            "affinity_hits": self.affinity_hits,
            "hot_keys": [[key, count] for key, count in self.hot.most_common(5)],
            "span_s": round(span_s, 6),
        }


def seconds(at: str) -> float:
    """A MONITOR time as a number; 0 where it is none."""
    try:
        return float(at)
    except ValueError:
        return 0.0


def _ratio(count: int, of: int) -> float | None:
    return round(count / of, 3) if of else None
