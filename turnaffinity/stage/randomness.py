"""Is this choice random? Draws are taken until every way of being fixed is ruled out, or shown.

The contract: at every draw each candidate has at least a tenth of its fair share of the
chances, whatever was drawn before. A right choice is called fixed with a probability below 1e-9 in a run.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

FALSE_ALARM = 1e-11
"""The chance, for one way of being fixed, that a right choice looks fixed; a run looks for fewer than 100 ways."""

LONGEST_PERIOD = 24

SHORT_PERIOD = 6
"""The longest period, and the largest deck, looked for where the claim is only that a choice is made at random there.

How it is made is looked at in full where randomness is the claim itself (TA-SEL-2).
"""

PAIRED = 7
"""Up to so many candidates each has to come right after each; of more, one right after itself is enough."""

NEXT_BATCH = 4
"""How many draws are asked for after the first batch, before the question is looked at again: a draw may be costly."""


def needed_draws(candidates: int, false_alarm: float = FALSE_ALARM) -> int:
    """After how many draws the absence of one candidate is no chance: each has 1/(10 * candidates) at the least.

    2 candidates: 508 draws; 3 candidates: 780; 5 candidates: 1334.
    """
    chance = 1 / (10 * candidates)
    return math.ceil(math.log(false_alarm / candidates) / math.log(1 - chance))


class Draws:
    """The draws so far, and what they still leave open.

    `verdict()` is None while more draws are wanted, "" once the choice is known to vary in every way looked at,
    else the sentence that says how it is fixed. `ordered=False` looks only at which candidates came: for draws
    whose order means nothing (made under different ids). `deep=False` looks for short orders only.
    """

    def __init__(self, candidates: Iterable[str], *, ordered: bool = True, deep: bool = True) -> None:
        self.candidates = sorted(candidates)
        self.seen: list[str] = []
        self.ordered = ordered
        self.deep = deep
        self._missing = set(self.candidates)
        self._visits = Counter[str]()
        """How often a draw was made right after each candidate."""
        self._unrepeated = ordered
        paired = ordered and deep and len(self.candidates) <= PAIRED
        self._pairs = {(a, b) for a in self.candidates for b in self.candidates} if paired else set()
        self._periods = set(range(1, (LONGEST_PERIOD if deep else SHORT_PERIOD) + 1)) if ordered else set()
        sizes = [size for size in _deck_sizes(len(self.candidates)) if ordered and (deep or size <= SHORT_PERIOD)]
        self._decks = {(size, offset) for size in sizes for offset in range(size)}

    @property
    def needed(self) -> int:
        """Draws after which a candidate that never came is a violation."""
        return needed_draws(len(self.candidates))

    @property
    def limit(self) -> int:
        """Draws after which no more are taken: every context was met often enough, if the choice is near fair."""
        if not self.ordered:
            return self.needed + LONGEST_PERIOD
        contexts = 2 * len(self.candidates) if len(self.candidates) <= PAIRED else 1
        return self.needed * max(contexts, *_deck_sizes(len(self.candidates))) + LONGEST_PERIOD

    def add(self, node: str) -> None:
        """Take one draw into account; O(1) amortised."""
        self.seen.append(node)
        index = len(self.seen) - 1
        self._missing.discard(node)
        if not self.ordered or index == 0:
            return
        before = self.seen[-2]
        self._visits[before] += 1
        self._unrepeated = self._unrepeated and before != node
        self._pairs.discard((before, node))
        self._periods -= {p for p in self._periods if p <= index and self.seen[index - p] != node}
        self._decks -= {deck for deck in self._decks if self._deck_broken(deck, index)}

    def _deck_broken(self, deck: tuple[int, int], index: int) -> bool:
        size, offset = deck
        start = index - (index - offset) % size
        if start < offset:
            return False
        times = size // len(self.candidates)
        return self.seen[start : index + 1].count(self.seen[index]) > times

    def verdict(self) -> str | None:
        """None: draw again. "": it varies. Else how it is fixed."""
        count = len(self.seen)
        if not (self._missing or self._unrepeated or self._pairs or self._periods or self._decks):
            return ""
        return self._fixed(count) or ("" if count >= self.limit else None)

    def _fixed(self, count: int) -> str | None:
        if self._missing and count >= self.needed:
            return f"{', '.join(sorted(self._missing))} never drawn in {count} draws"
        if not self.ordered:
            return None
        if self._unrepeated and count > self.needed:
            return f"no draw equals the one before it, in {count} draws"
        for before, after in sorted(self._pairs):
            if self._visits[before] >= self.needed:
                return f"{after} never drawn right after {before}, in {self._visits[before]} chances"
        for period in sorted(self._periods):
            if count - period >= self.needed:
                return f"every draw repeats the one {period} before it, in {count} draws"
        for size, offset in sorted(self._decks):
            if count - offset >= self.needed * size:  # of each block one draw at least is dealt, not drawn
                return f"each block of {size} draws deals every candidate {size // len(self.candidates)} times"
        return None

    def chance_of_false_pass(self) -> float:
        """The chance that a choice which never draws some candidate passed: none, since every candidate came."""
        return 0.0 if not self._missing else 1.0


def draw_until_settled(draws: Draws, draw_some: Callable[[int], Sequence[str]], first: int | None = None) -> str:
    """Ask for draws, `first` and then a few more each time, until the question is settled; "" if it varies.

    The first batch is 32 draws, which rules out most orders; 8 where only short ones, or none, are looked for.
    """
    batch = first or (32 if draws.ordered and draws.deep else 8)
    while True:
        for node in draw_some(batch):
            draws.add(node)
        verdict = draws.verdict()
        if verdict is not None:
            return verdict
        batch = min(NEXT_BATCH, max(1, draws.limit - len(draws.seen)))


def _deck_sizes(candidates: int) -> tuple[int, ...]:
    return tuple(times * candidates for times in (1, 2, 3, 4)) if candidates <= 3 else (candidates, 2 * candidates)
