"""What keeps an incomplete run from a verdict, each cause told once, and what is to be written or done next?"""

from __future__ import annotations

from dataclasses import dataclass

from turnaffinity.judging.verdict import Report
from turnaffinity.showing.finding import one_line
from turnaffinity.showing.wording import Words

NEXT = {
    "`finalize` is not offered": (
        "answer `finalize`, and judge each part with --rule as you go: TA-TURN-5 (an unknown reason is refused), "
        "TA-TURN-6 (a job for each language), TA-WRITE-1 (the write), TA-CLEAR-1 (the clear), then all"
    ),
    "`select` is not offered": "answer `select` too; a scheduler is judged without it, by its finalizes",
    "has no MONITOR": "judge on a server that shows its commands: --server embedded, or --server redis",
}
"""A cause, as its reason has it, and what mends it."""


@dataclass(frozen=True, slots=True)
class Missing:
    """One cause: why, for which rules, and what is to be done; `todo` is "" where nothing general can be said."""

    why: str
    rules: tuple[str, ...]
    todo: str


def missing(report: Report, words: Words) -> list[Missing]:
    """The causes that rules have no verdict for, in this language, that of most rules first."""
    by_cause: dict[str, list[tuple[str, str]]] = {}
    for rule in report.gaps:
        reason = one_line("".join(rule.reasons[:1]))
        cause = next((known for known in NEXT if known in reason), reason)
        by_cause.setdefault(cause, []).append((rule.id, reason))
    found = []
    for cause, rules in sorted(by_cause.items(), key=lambda each: -len(each[1])):
        why = min((reason for _, reason in rules), key=len)  # a longer one says more than the cause
        found.append(Missing(words.told(why), tuple(rule for rule, _ in rules), words.told(NEXT.get(cause, ""))))
    return found
