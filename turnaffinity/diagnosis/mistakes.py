"""Which mistakes does a report show? Each said in a sentence, with its mend and the one scene that shows it best."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from turnaffinity.contract.rules import RULES
from turnaffinity.diagnosis.matching import Match, matches, unexplained
from turnaffinity.diagnosis.patterns import (
    Known,
    check_of,
    failed_checks,
    known_mistakes,
    passed_checks,
    tells_against,
)
from turnaffinity.judging.verdict import CaseResult, Report

ORDER = ("MUST", "DECISION", "SHOULD")
PROFILES = {"lua": "L", "scheduler": "S"}

UNKNOWN = {
    "en": "It looks like no mistake that is known here: the scene shows what is asked for.",
    "zh": "与已知的错误都不相似：请看场景中要求的行为。",
}
"""How a mistake is mended that nothing known resembles."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong: what a report lists.

    `looks_like` is the known mistake that explains the failed checks, None where none does: then `says` is what does
    not hold. `perhaps` is the known mistake's sentence where it is a possibility among others, and `says` is then what
    does not hold, too. `explains` counts failed cases; `scene` is the one of them that shows it best.
    """

    says: dict[str, str]
    mend: dict[str, str]
    rules: tuple[str, ...]
    level: str
    looks_like: str | None
    explains: int
    scene: CaseResult
    score: float = 1.0
    perhaps: dict[str, str] = field(default_factory=dict)
    cases: tuple[tuple[str, str], ...] = ()
    """The failed cases that it explains: (rule, case)."""


def mistakes_of(report: Report) -> list[Mistake]:
    """The mistakes of a report: those against a MUST first, then by how much they explain.

    A SHOULD that is warned about is none; it helps to tell which mistake it is. Empty where nothing failed.
    """
    known = {one.id: one for one in known_mistakes()}
    profile = PROFILES.get(report.profile, "")
    patterns = {name: one.fails[profile] for name, one in known.items() if profile in one.fails}
    failed, passed = failed_checks(report.results), passed_checks(report.results)
    found = matches(failed, passed, patterns, {name: one.rule for name, one in known.items()})
    mistakes = [_known(known[match.id], match, report.results) for match in found]
    mistakes += _unknown(unexplained(failed, found), report.results)
    told = [mistake for mistake in mistakes if mistake is not None]
    return sorted(told, key=lambda mistake: (ORDER.index(mistake.level), mistake.looks_like is None, -mistake.explains))


def _known(known: Known, match: Match, results: Sequence[CaseResult]) -> Mistake | None:
    cases = [result for result in results if result.outcome == "fail" and check_of(result) in match.explains]
    if not cases:
        return None  # warnings alone
    scene = min(cases, key=lambda result: (result.rule != known.rule, *_size(result)))
    counted = [case for case in cases if RULES[case.rule].level != "SHOULD"] or cases
    says, perhaps = (known.says, {}) if match.sure else (_broken(scene), known.says)
    rules, level, names = _rules(cases), _level(cases), _names(cases)
    return Mistake(says, known.mend, rules, level, known.id, len(counted), scene, match.score, perhaps, names)


def _unknown(checks: frozenset[str], results: Sequence[CaseResult]) -> list[Mistake | None]:
    """One for each rule with failed cases that no known mistake explains."""
    by_rule: dict[str, list[CaseResult]] = {}
    for result in results:
        if result.outcome == "fail" and tells_against(result) and check_of(result) in checks:
            by_rule.setdefault(result.rule, []).append(result)
    scenes = {rule: min(cases, key=_size) for rule, cases in by_rule.items()}
    return [
        Mistake(
            _broken(scene),
            UNKNOWN,
            (rule,),
            RULES[rule].level,
            None,
            len(by_rule[rule]),
            scene,
            0.0,
            {},
            _names(by_rule[rule]),
        )
        for rule, scene in scenes.items()
    ]


def _names(cases: Iterable[CaseResult]) -> tuple[tuple[str, str], ...]:
    return tuple((result.rule, result.case) for result in cases)


def _broken(scene: CaseResult) -> dict[str, str]:
    """The claim that does not hold, in English as the case has it, in Chinese as its rule begins."""
    claim = scene.title or RULES[scene.rule].statement.split(". ")[0].rstrip(".")
    return {
        "en": f"This does not hold: {claim[0].lower()}{claim[1:]}.",
        "zh": f"这一点不成立：{RULES[scene.rule].statement_zh.split('。')[0]}。",
    }


def _size(result: CaseResult) -> tuple[bool, int, int]:
    """How much there is to read in a scene; one without any commands shows less than any other."""
    return (not result.wire, len(result.wire), len(result.expected) + len(result.observed))


def _rules(cases: Iterable[CaseResult]) -> tuple[str, ...]:
    broken = {result.rule for result in cases}
    return tuple(rule for rule in RULES if rule in broken)


def _level(cases: Iterable[CaseResult]) -> str:
    return min((RULES[result.rule].level for result in cases), key=ORDER.index)
