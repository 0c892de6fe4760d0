"""Which mistakes does a report show? Each said in a sentence, with its mend and the one scene that shows it best."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from weakref import WeakKeyDictionary

from turnaffinity.catalogs import told
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.contract.rules import RULES
from turnaffinity.diagnosis.causes import of_one_cause
from turnaffinity.diagnosis.choices import is_one_under, with_choices_told
from turnaffinity.diagnosis.ids import changed_id
from turnaffinity.diagnosis.matching import Match, matches, unexplained
from turnaffinity.diagnosis.mistake import ORDER, Mistake, size_of
from turnaffinity.diagnosis.patterns import Known, check_of, failed_ways, known_mistakes, passed_checks
from turnaffinity.diagnosis.seen import (
    AS_IT_IS,
    EVERY_POOL,
    NO_POOL,
    NOT_TAKEN,
    ONE_IS_ONLINE,
    READ_ANEW,
    REMEMBERED,
    answer_told,
    asks_no_pool,
    drawn_unasked,
    error_in,
    error_told,
    is_no_node,
    online_asked,
    pools_told,
)
from turnaffinity.judging.verdict import PROFILE_LETTERS, CaseResult, Report

DECISION = re.compile(r"\bd[1-4]\b")

COMMAND = re.compile(r"[A-Z]{3,} [^\s,]*:[^,\n]*")
"""What a case observed where it is a command that was sent: its name, then a key."""

SEVERAL = 3
"""So many claims of one rule that do not hold are told by the rule's own sentence."""

UNKNOWN = {
    "en": "It looks like no mistake that is known here: the scene shows what is asked for.",
    "zh": "与已知的错误都不相似：请看场景中要求的行为。",
}
"""How a mistake is mended that nothing known resembles."""

NO_NODE = {
    "en": "It finds no node in most scenes, though candidates are there.",
    "zh": "多数场景中明明有候选节点，却没有找到节点。",
}
LOST = {
    "en": "Follow the commands on the wire: they show where a candidate gets lost.",
    "zh": "照着发出的命令看：候选节点在哪一步丢失了。",
}


_FOUND: WeakKeyDictionary[Report, list[Mistake]] = WeakKeyDictionary()
"""What was found in each report that is still in use: every form of a report asks for it."""


def mistakes_of(report: Report) -> list[Mistake]:
    """The mistakes of a report, found once: those against a MUST first, then by how much they explain.

    A SHOULD that is warned about is none; it helps to tell which mistake it is. Empty where nothing failed.
    """
    if report not in _FOUND:
        _FOUND[report] = _found_in(report)
    return _FOUND[report]


def _found_in(report: Report) -> list[Mistake]:
    failures = [result for result in report.results if result.outcome == "fail"]
    if not failures:
        return []
    ended = [result for result in failures if error_in(result)]
    if 2 * len(ended) > len(failures):  # what follows from it resembles anything
        scene = min(ended, key=size_of)
        return [Mistake(*error_told(scene), tuple(failures), scene)]
    known = {one.id: one for one in known_mistakes() if is_one_under(one, report.reading)}
    profile = PROFILE_LETTERS[report.profile]
    patterns = {name: one.fails[profile] for name, one in known.items() if profile in one.fails}
    failed, passed = failed_ways(report.results), passed_checks(report.results)
    found = matches(failed, passed, patterns, {name: one.rule for name, one in known.items()})
    explained = [each for match in found if (each := _known(known[match.id], match, failures))]
    if seen := _seen(failures, explained, report.layout):
        return [seen]
    told = with_choices_told([*explained, *_unknown(unexplained(failed, found), failures)], report, known)
    mistakes = of_one_cause(told, report.layout)
    return sorted(mistakes, key=_place)


def _place(mistake: Mistake) -> tuple[int, bool, bool, int]:
    return ORDER.index(mistake.level), not mistake.of_choices, mistake.looks_like is None, -mistake.explains


def _seen(failures: Sequence[CaseResult], explained: Sequence[Mistake], layout: KeyLayout) -> Mistake | None:
    """What most of the scenes show by themselves, where no known mistake explains so many of them."""
    cases, without = tuple(failures), [result for result in failures if is_no_node(result.observed)]
    most = max((len(each.cases) for each in explained), default=0)
    sure = max((len(each.cases) for each in explained if not each.perhaps), default=0)
    if found := changed_id(failures, layout):
        changed, scene = found
        most_of_it = [each for each in explained if 2 * len(each.cases) > len(failures)]
        if not any(changed.is_said_by((each.perhaps or each.says)["en"]) for each in most_of_it):
            return Mistake(changed.says(layout), changed.mend(layout), cases, scene)
    if answered := answer_told(failures, layout):
        return Mistake(answered[0], AS_IT_IS, cases, answered[1])
    if 2 * len(without) > len(failures) > 2 * most:
        if elsewhere := pools_told(without, layout):
            return Mistake(elsewhere[0], EVERY_POOL, cases, elsewhere[1], by_its_names=True)
        if asks_no_pool(without, layout):
            return Mistake(NO_POOL, EVERY_POOL, cases, min(without, key=size_of), by_its_names=True)
        if asked := online_asked(without, layout):
            return Mistake(NOT_TAKEN, ONE_IS_ONLINE, cases, min(asked, key=size_of))
        return Mistake(NO_NODE, LOST, cases, min(without, key=size_of), by_its_names=True)
    if 2 * sure < len(failures) and (unasked := drawn_unasked(failures, layout)):
        return Mistake(REMEMBERED, READ_ANEW, cases, min(unasked, key=size_of))
    return None


def _known(known: Known, match: Match, failures: Sequence[CaseResult]) -> Mistake | None:
    """The known mistake with its cases; None where it only explains warnings."""
    cases = tuple(result for result in failures if check_of(result) in match.explains)
    if not cases:
        return None
    titles = Counter(result.title for result in cases)
    scene = min(cases, key=lambda result: (result.rule != known.rule, -titles[result.title], *size_of(result)))
    if match.sure:
        return Mistake(known.says, known.mend, cases, scene, known.id, right=known.right)
    return Mistake(_broken(cases, scene), known.mend, cases, scene, known.id, known.says, right=known.right)


def _unknown(checks: frozenset[str], failures: Sequence[CaseResult]) -> list[Mistake]:
    """One for each rule with failed cases that no known mistake explains."""
    by_rule: dict[str, list[CaseResult]] = {}
    for result in failures:
        if check_of(result) in checks:
            by_rule.setdefault(result.rule, []).append(result)
    return [unknown_mistake(cases) for cases in by_rule.values()]


def unknown_mistake(cases: Sequence[CaseResult]) -> Mistake:
    """What these cases of one rule have in common: the claim that does not hold."""
    scene = min(cases, key=size_of)
    return Mistake(_broken(cases, scene), UNKNOWN, tuple(cases), scene)


def _broken(cases: Sequence[CaseResult], scene: CaseResult) -> dict[str, str]:
    """The claim that does not hold, as the case has it; of several claims under one rule, the rule's own."""
    rule = RULES[scene.rule]
    own = scene.title and len({case.title for case in cases if case.rule == scene.rule}) < SEVERAL
    claim = scene.title if own else rule.statement.split(". ")[0].partition(": ")[0].rstrip(".")
    claim_zh = told(claim, "zh") if own else rule.statement_zh.split("。")[0].partition("：")[0]
    claim = DECISION.sub(lambda decision: decision[0].upper(), claim)
    begins = claim[:1] if re.match(r"[A-Z][A-Z0-9]", claim) else claim[:1].lower()
    sent = COMMAND.match(scene.observed)
    return does_not_hold(f"{begins}{claim[1:]}", claim_zh, sent[0] if sent else "")


def does_not_hold(claim: str, claim_zh: str, sent: str = "") -> dict[str, str]:
    """What is said where a claim does not hold, and nothing known is told for sure; `sent` is what broke it."""
    if sent:
        return {
            "en": f"It sends {sent}, so that this does not hold: {claim}.",
            "zh": f"发送了 {sent}，因此这一点不成立：{claim_zh}。",
        }
    return {"en": f"This does not hold: {claim}.", "zh": f"这一点不成立：{claim_zh}。"}
