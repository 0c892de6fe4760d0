"""Which steps does a failure need? The case is played again and again with fewer of them.

A step is left out for good if, without it, the implementation still fails the same claim *and* the reference still
passes the case: so what is left is a failure of the implementation, and not of a scene that has lost its sense.
The claim is the case's own code; that is why the steps are left out of the case, and not played from a list.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from turnaffinity.capsules.capsule import Capsule, Item, Shrunk
from turnaffinity.capsules.playing import Playable, play
from turnaffinity.judging.verdict import CaseResult
from turnaffinity.stage.judge import Judge

SECONDS_EACH = 2.0
"""How long one failure is shrunk at most, in seconds."""

SECONDS_IN_ALL = 20.0
"""How long the failures of a run are shrunk at most, in seconds; the rest keep all their steps."""

MOST_STEPS = 120
"""A case of more steps draws many times, or plays a long life; leaving out steps one by one would take minutes."""

UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass
class Shrinker:
    """Shrinks the failures of one run: `subject` is the judge of the run, `reference` one of the reference."""

    subject: Judge
    reference: Judge
    cases: dict[tuple[str, str], Playable]
    _deadline: float = field(default_factory=lambda: time.monotonic() + SECONDS_IN_ALL)

    def shrink(self, capsule: Capsule) -> Capsule:
        """The capsule with the steps that the failure needs; as it was, with the reason, where it cannot be shrunk."""
        search = _Search(self, capsule, self.cases.get((capsule.rule, capsule.case)))
        return search.result(min(self._deadline, time.monotonic() + SECONDS_EACH))


@dataclass
class _Search:
    shrinker: Shrinker
    capsule: Capsule
    playable: Playable | None
    plays: int = 0
    left_out: frozenset[int] = frozenset()
    best: tuple[CaseResult, list[bool]] | None = None

    def result(self, deadline: float) -> Capsule:
        total = len(self.capsule.steps)
        if reason := self._reason_not_to(deadline):
            shrunk = Shrunk(before=total, after=total, plays=self.plays, reason=reason)
            return self.capsule.model_copy(update={"shrunk": shrunk})
        for block in _blocks(total):
            if time.monotonic() > deadline:
                break
            wanted = self.left_out | (block - self.left_out)
            if wanted != self.left_out and self._still_fails(wanted):
                self.left_out = wanted
        return self._shrunk(total)

    def _reason_not_to(self, deadline: float) -> str:
        if self.playable is None:
            return "the case is not among the cases"
        if len(self.capsule.steps) > MOST_STEPS:
            return f"more than {MOST_STEPS} steps: the case draws many times, or plays a long life"
        if "no usable answer" in self.capsule.observed:
            return "the implementation gave no usable answer"
        if getattr(self.shrinker.subject.subject, "exhausted", False):
            return "the implementation was given up"
        if time.monotonic() > deadline:
            return "no time was left"
        return "" if self._still_fails(frozenset()) else "played again at once, the case did not fail in the same way"

    def _still_fails(self, left_out: frozenset[int]) -> bool:
        assert self.playable is not None
        self.plays += 1
        result, stage = play(self.playable, self.shrinker.subject, left_out)
        if result.outcome != "fail" or not _same_claim(result, self.capsule):
            return False
        # the reference may end in another outcome than pass only where it did so with all steps (a warning)
        reference, _ = play(self.playable, self.shrinker.reference, left_out)
        if reference.outcome not in {"pass", "warn"}:
            return False
        self.best = (result, list(stage.asked_steps))
        return True

    def _shrunk(self, total: int) -> Capsule:
        assert self.best is not None
        result, done = self.best
        places = [place for place, was_done in enumerate(done) if not was_done]
        update: dict[str, Any] = {
            "steps": list(result.steps), "left_out": places, "expected": result.expected, "observed": result.observed,
            "wire": [Item(**line) for line in result.wire],
            "shrunk": Shrunk(before=total, after=len(result.steps), plays=self.plays),
        }  # fmt: skip
        return self.capsule.model_copy(update=update)


def _blocks(total: int) -> Iterator[frozenset[int]]:
    """Places to leave out together: halves first, then quarters, down to single ones."""
    size = max(1, total // 2)
    while True:
        for start in range(0, total, size):
            yield frozenset(range(start, min(total, start + size)))
        if size == 1:
            return
        size //= 2


def _same_claim(result: CaseResult, capsule: Capsule) -> bool:
    """Whether the same claim failed; ids that the implementation makes up differ from play to play."""
    return _without_ids(result.expected) == _without_ids(capsule.expected)


def _without_ids(text: str) -> str:
    return UUID.sub("<id>", text)
