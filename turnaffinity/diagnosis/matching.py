"""Which known mistakes explain what failed? The fewest, and none that what passed speaks against.

A kill matrix computed ahead of time and held against a failing pattern. A check that few mistakes fail tells more than
one that many do, so that each weighs the logarithm of its rareness.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from turnaffinity.diagnosis.patterns import KIND

SURE = 0.6
"""Below this share of a mistake's own weight it is not named: too many of the checks that it fails have passed."""

TELLING = 3
"""A mistake that fails fewer checks than this is named as a possibility: too many others may fail the same."""

OF_A_WAY = 0.5
"""How much the way in which a check failed weighs, of what the check itself does: of two mistakes one shows first."""

MOST = 6
"""More mistakes than this are not told apart."""


@dataclass(frozen=True, slots=True)
class Match:
    """One mistake that fits, and the failed checks that it explains first.

    `sure` is False where it fails few checks, or another known mistake fails the very same.
    """

    id: str
    explains: frozenset[str]
    sure: bool


def weights(patterns: Iterable[frozenset[str]]) -> dict[str, float]:
    """How much each check tells: the rarer among the mistakes, the more; the way in which it failed tells less."""
    known = list(patterns)
    counts = Counter(check for pattern in known for check in pattern)
    return {
        check: (1 + math.log(len(known) / count)) * (OF_A_WAY if KIND in check else 1)
        for check, count in counts.items()
    }


def _speaks(check: str, failed: frozenset[str], passed: frozenset[str]) -> bool:
    """Whether this run says anything of a check, or of a way in which it fails; what was not executed says nothing."""
    return check in passed or check.partition(KIND)[0] in failed


def matches(
    failed: frozenset[str],
    passed: frozenset[str],
    patterns: Mapping[str, frozenset[str]],
    owners: Mapping[str, str],
) -> list[Match]:
    """The fewest mistakes that explain the failed checks, the one that explains most first.

    `owners` names each mistake's own rule. What no mistake explains is in none of them.
    """
    weight = weights(patterns.values())
    candidates = {
        name: frozenset(check for check in pattern if _speaks(check, failed, passed))
        for name, pattern in patterns.items()
        if pattern & failed
    }
    fits = {name: _fit(pattern, failed, weight) for name, pattern in candidates.items()}
    found: list[Match] = []
    left, known = set(failed), dict(candidates)
    while left and len(found) < MOST:
        best = _best(left, known, fits, owners, weight)
        if best is None:
            break
        found.append(_match(best, left, known))
        left -= found[-1].explains
        for name in (best, *_twins(best, known)):
            del known[name]
    if left and (one := _one_for_all(failed, candidates, fits)):
        return [Match(one, failed, sure=False)]
    return found


def _match(best: str, left: set[str], candidates: Mapping[str, frozenset[str]]) -> Match:
    checks = [check for check in candidates[best] if KIND not in check]
    sure = len(checks) >= TELLING and not _twins(best, candidates)
    return Match(best, frozenset(candidates[best] & left), sure)


def _twins(best: str, candidates: Mapping[str, frozenset[str]]) -> list[str]:
    """The others that fail the very same checks."""
    return [name for name, pattern in candidates.items() if pattern == candidates[best] and name != best]


def _one_for_all(
    failed: frozenset[str], candidates: Mapping[str, frozenset[str]], fits: Mapping[str, float]
) -> str | None:
    """The mistake that fits best of those that explain every failed check by themselves."""
    fit = [name for name, pattern in candidates.items() if failed <= pattern and fits[name] >= SURE]
    return max(fit, key=fits.__getitem__, default=None)


def _fit(pattern: frozenset[str], failed: frozenset[str], weight: Mapping[str, float]) -> float:
    whole = sum(weight[check] for check in pattern)
    return sum(weight[check] for check in pattern & failed) / whole if whole else 0.0


def _best(
    left: set[str],
    candidates: Mapping[str, frozenset[str]],
    fits: Mapping[str, float],
    owners: Mapping[str, str],
    weight: Mapping[str, float],
) -> str | None:
    """The mistake that explains most of what is left, of those that fit; of equals the one that fits best."""
    most, best = 0.0, None
    for name, pattern in candidates.items():
        news = pattern & left
        if fits[name] < SURE or not any(check.startswith(f"{owners[name]} ") for check in news):
            continue
        gain = sum(weight[check] for check in news)
        # as much as it explains, less what it would fail besides and did not
        missed = (1 - fits[name]) * sum(weight[check] for check in pattern)
        score = gain - 2 * missed
        if score > most or (best is not None and score == most and _before(name, best, candidates, fits)):
            most, best = score, name
    return best


def _before(name: str, other: str, candidates: Mapping[str, frozenset[str]], fits: Mapping[str, float]) -> bool:
    return (fits[name], -len(candidates[name])) > (fits[other], -len(candidates[other]))


def unexplained(failed: Iterable[str], found: Sequence[Match]) -> frozenset[str]:
    """The failed checks that no mistake explains."""
    return frozenset(failed).difference(*(match.explains for match in found))
