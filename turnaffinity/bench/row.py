"""What does one line of the speed table say? A ratio, what it is allowed to be, and what it means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Limit:
    """The bound that a row's ratio (this/peer) has to keep."""

    kind: Literal["at most", "at least"]
    ratio: float

    def holds(self, ratio: float) -> bool:
        """Whether `ratio` keeps the bound; the bound itself does."""
        return ratio <= self.ratio if self.kind == "at most" else ratio >= self.ratio

    def __str__(self) -> str:
        return f"{'≤' if self.kind == 'at most' else '≥'} {self.ratio:.3g}"


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement against its peer, both in `unit`; `means` says what the figure stands for, in a sentence."""

    name: str
    unit: str
    this: float
    peer: float
    peer_name: str
    means: str = ""
    limit: Limit | None = None

    @property
    def ratio(self) -> float:
        """this/peer."""
        return self.this / self.peer

    @property
    def holds(self) -> bool | None:
        """Whether the limit holds; None where the row has none."""
        return self.limit.holds(self.ratio) if self.limit else None

    def as_dict(self) -> dict[str, Any]:
        """The row as `bench --json` writes it, with its limit and its meaning besides."""
        return {
            "name": self.name,
            "unit": self.unit,
            "this": self.this,
            "peer": self.peer,
            "peer_name": self.peer_name,
            "ratio": self.ratio,
            "limit": str(self.limit) if self.limit else None,
            "holds": self.holds,
            "means": self.means,
        }
