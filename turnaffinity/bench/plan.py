"""How many servers for so many speakers? Plain arithmetic over measured figures and stated assumptions."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, field, replace
from math import ceil
from typing import Any

from turnaffinity.bench.measured import SEGMENTS, Measured
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.problem import Problem

MINUTES_A_DAY = 24 * 60
SHARES = ("long_share", "open_share", "abandoned_share", "busy_share")


def _about(text: str, default: float) -> Any:
    return field(default=default, metadata={"about": text})


@dataclass(frozen=True)
class Assumptions:
    """What is not measured, and has to be believed or replaced; `about` in the field's metadata says what it is."""

    sessions: float = _about("sessions that are connected at the same time", 10_000_000)
    turns_a_minute: float = _about("turns that a session closes in a minute, short ones included", 4)
    long_share: float = _about("share of turns so long that they have a max_duration finalize", 0.2)
    segments: float = _about("max_duration finalizes in such a long turn", 3)
    open_share: float = _about("share of sessions that have an open turn at a moment", 0.15)
    abandoned_share: float = _about("share of long turns that nobody ever closes", 0.001)
    shard_gib: float = _about("memory that one shard may fill, in GiB", 8)
    busy_share: float = _about("share of one core that a shard may be busy", 0.5)

    def __post_init__(self) -> None:
        """Refuse what makes no sense; raises `Problem`, with the member and what it should be."""
        for name, value in asdict(self).items():
            given = f"{name}={value:g}"
            least = 0 if name == "abandoned_share" else sys.float_info.min
            most = 1 if name in SHARES else 1e15
            if not least <= value <= most:
                wanted = "a share, from 0 to 1" if name in SHARES else "a number greater than 0"
                raise Problem(f"--assume {given}", "makes no sense", f"give {wanted}")
            if name == "segments" and value < 1:
                mend = "give 1 or more: a long turn has one at least"
                raise Problem(f"--assume {given}", "makes no sense", mend)

    def having(self, **changes: float) -> Assumptions:
        """The same with some of them replaced."""
        return replace(self, **changes)


@dataclass(frozen=True)
class Plan:
    """What follows; every figure is a property of one line, so that the arithmetic can be read."""

    measured: Measured
    given: Assumptions = Assumptions()

    @property
    def turns_a_second(self) -> float:
        """Turns closed, all sessions together."""
        return self.given.sessions * self.given.turns_a_minute / 60

    @property
    def long_turns_a_second(self) -> float:
        """Those of them that were long enough to have an affinity."""
        return self.turns_a_second * self.given.long_share

    @property
    def finalizes_a_second(self) -> float:
        """One close for each turn, and the max_duration finalizes of the long ones."""
        return self.turns_a_second + self.long_turns_a_second * self.given.segments

    @property
    def cores(self) -> float:
        """Cores of Redis kept wholly busy."""
        closes, extends = self.turns_a_second, self.long_turns_a_second * self.given.segments
        return (closes * self.measured.close_us + extends * self.measured.extend_us) / 1e6

    @property
    def turns_gib(self) -> float:
        """Memory of the open turns."""
        return self.given.sessions * self.given.open_share * self.measured.turn_bytes / 2**30

    @property
    def bindings_gib(self) -> float:
        """Memory of the job bindings: one for each max_duration job, for as long as it lives (TA-BIND-1)."""
        alive = self.long_turns_a_second * self.given.segments * KeyLayout().job_ttl_s
        return alive * self.measured.binding_bytes / 2**30

    @property
    def memory_gib(self) -> float:
        """Both together; what else the session hash and the pools hold is other people's."""
        return self.turns_gib + self.bindings_gib

    @property
    def shards_for_time(self) -> int:
        """Shards so that none is busier than wanted."""
        return ceil(self.cores / self.given.busy_share)

    @property
    def shards_for_memory(self) -> int:
        """Shards so that none holds more than wanted."""
        return ceil(self.memory_gib / self.given.shard_gib)

    @property
    def shards(self) -> int:
        """Shards in all: the scarcer of the two decides."""
        return max(self.shards_for_time, self.shards_for_memory)

    def left_a_turn(self, reading: str) -> float:
        """Turn keys that one long turn leaves for ever: what was measured, scaled to its number of segments."""
        closed, gone = self.measured.left_closed[reading], self.measured.left_abandoned[reading]
        more = (self.given.segments - 1) / (SEGMENTS - 1)  # each segment after the first supersedes one id, or none
        abandoned = 1 + (gone - 1) * more
        return closed * more * (1 - self.given.abandoned_share) + abandoned * self.given.abandoned_share

    def left_a_day(self, reading: str) -> float:
        """Turn keys left in a day: nothing ever removes them, since they have no TTL (TA-WRITE-2)."""
        return self.long_turns_a_second * 60 * MINUTES_A_DAY * self.left_a_turn(reading)

    def left_gib_a_day(self, reading: str) -> float:
        """The memory of the same, at the weight of an open turn."""
        return self.left_a_day(reading) * self.measured.turn_bytes / 2**30

    def days_until_full(self, reading: str) -> float | None:
        """Days until what is left fills the shards; None where nothing is left."""
        a_day = self.left_gib_a_day(reading)
        return max(0.0, self.shards * self.given.shard_gib - self.memory_gib) / a_day if a_day else None

    def as_dict(self) -> dict[str, Any]:
        """Assumptions, measurements and what follows, as JSON has them."""
        return {
            "assumptions": asdict(self.given),
            "measured": self.measured.as_dict(),
            "finalizes_per_second": self.finalizes_a_second,
            "cores": self.cores,
            "memory_gib": {"turns": self.turns_gib, "bindings": self.bindings_gib, "in_all": self.memory_gib},
            "shards": {"for_time": self.shards_for_time, "for_memory": self.shards_for_memory, "in_all": self.shards},
            "left_per_day": {
                name: {
                    "keys": self.left_a_day(name),
                    "gib": self.left_gib_a_day(name),
                    "days_until_full": self.days_until_full(name),
                }
                for name in self.measured.left_closed
            },
        }
