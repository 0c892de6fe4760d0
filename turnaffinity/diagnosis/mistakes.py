"""Which mistakes does a report show? Each said in a sentence, with its mend and the one scene that shows it best."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from turnaffinity.catalogs import told
from turnaffinity.contract.rules import RULES
from turnaffinity.diagnosis.matching import Match, matches, unexplained
from turnaffinity.diagnosis.patterns import Known, check_of, failed_ways, known_mistakes, passed_checks
from turnaffinity.judging.verdict import PROFILE_LETTERS, CaseResult, Report

ORDER = ("MUST", "DECISION", "SHOULD")

DECISION = re.compile(r"\bd[1-4]\b")

SEVERAL = 3
"""So many claims of one rule that do not hold are told by the rule's own sentence."""

UNKNOWN = {
    "en": "It looks like no mistake that is known here: the scene shows what is asked for.",
    "zh": "与已知的错误都不相似：请看场景中要求的行为。",
}
"""How a mistake is mended that nothing known resembles."""

NO_ANSWER = {
    "en": "It gives no usable answer, so that nothing else can be told.",
    "zh": "没有给出可用的回答，因此无法判断其他问题。",
}
ANSWER = {
    "en": "Mend what the scene shows under `got`, and judge again.",
    "zh": "先修正场景中“实际”一行所示的问题，再重新检查。",
}
NO_NODE = {
    "en": "It finds no node in most scenes, though candidates are there.",
    "zh": "多数场景中明明有候选节点，却没有找到节点。",
}
PAIR = {
    "en": "See the scene's names as they are: a language is any tag, such as yue or zh-CN, and no fixed list.",
    "zh": "看场景中的原名：语言可以是任何标签，例如 yue、zh-CN，不是固定的几种。",
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong: what a report lists.

    `looks_like` is the known mistake that explains the failed checks, None where none does: then `says` is what does
    not hold. `perhaps` is the known mistake's sentence where it is a possibility among others, and `says` is then what
    does not hold, too. `cases` are the failed cases that it explains, `scene` the one of them that shows it best.
    """

    says: dict[str, str]
    mend: dict[str, str]
    cases: tuple[CaseResult, ...]
    scene: CaseResult
    looks_like: str | None = None
    perhaps: dict[str, str] = field(default_factory=dict)
    by_its_names: bool = False
    """Whether its scene shows the languages as the case calls them."""
    right: str = ""
    """The reference's line that the known mistake changes."""

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that it breaks, in the contract's order."""
        broken = {result.rule for result in self.cases}
        return tuple(rule for rule in RULES if rule in broken)

    @property
    def level(self) -> str:
        """The strictest level of its rules."""
        return min((RULES[rule].level for rule in self.rules), key=ORDER.index)

    @property
    def explains(self) -> int:
        """How many failed cases it explains: of a MUST or a DECISION, where it breaks one."""
        return sum(RULES[result.rule].level != "SHOULD" for result in self.cases) or len(self.cases)


def mistakes_of(report: Report) -> list[Mistake]:
    """The mistakes of a report: those against a MUST first, then by how much they explain.

    A SHOULD that is warned about is none; it helps to tell which mistake it is. Empty where nothing failed.
    """
    failures = [result for result in report.results if result.outcome == "fail"]
    if not failures:
        return []
    unusable = [result for result in failures if result.expected.startswith("an answer to ")]
    if 2 * len(unusable) > len(failures):  # what follows from it resembles anything
        scene = min(unusable, key=_size)
        return [Mistake(NO_ANSWER, ANSWER, tuple(failures), scene)]
    known = {one.id: one for one in known_mistakes()}
    profile = PROFILE_LETTERS[report.profile]
    patterns = {name: one.fails[profile] for name, one in known.items() if profile in one.fails}
    failed, passed = failed_ways(report.results), passed_checks(report.results)
    without = [result for result in failures if _is_no_node(result.observed)]
    found = matches(failed, passed, patterns, {name: one.rule for name, one in known.items()})
    explained = [_known(known[match.id], match, failures) for match in found]
    most = max((len(each.cases) for each in explained if each), default=0)
    if 2 * len(without) > len(failures) > 2 * most:  # nothing known is so common
        scene = min(without, key=_size)
        return [Mistake(NO_NODE, PAIR, tuple(failures), scene, by_its_names=True)]
    mistakes = [each for each in explained if each is not None] + _unknown(unexplained(failed, found), failures)
    return sorted(mistakes, key=lambda each: (ORDER.index(each.level), each.looks_like is None, -each.explains))


def _is_no_node(observed: str) -> bool:
    return observed.replace("_", " ").startswith(("no node", "error no node"))


def _known(known: Known, match: Match, failures: Sequence[CaseResult]) -> Mistake | None:
    """The known mistake with its cases; None where it only explains warnings."""
    cases = tuple(result for result in failures if check_of(result) in match.explains)
    if not cases:
        return None
    titles = Counter(result.title for result in cases)
    scene = min(cases, key=lambda result: (result.rule != known.rule, -titles[result.title], *_size(result)))
    if match.sure:
        return Mistake(known.says, known.mend, cases, scene, known.id, right=known.right)
    return Mistake(_broken(cases, scene), known.mend, cases, scene, known.id, known.says, right=known.right)


def _unknown(checks: frozenset[str], failures: Sequence[CaseResult]) -> list[Mistake]:
    """One for each rule with failed cases that no known mistake explains."""
    by_rule: dict[str, list[CaseResult]] = {}
    for result in failures:
        if check_of(result) in checks:
            by_rule.setdefault(result.rule, []).append(result)
    scenes = [(cases, min(cases, key=_size)) for cases in by_rule.values()]
    return [Mistake(_broken(cases, scene), UNKNOWN, tuple(cases), scene) for cases, scene in scenes]


def _broken(cases: Sequence[CaseResult], scene: CaseResult) -> dict[str, str]:
    """The claim that does not hold, as the case has it; of several claims under one rule, the rule's own."""
    rule = RULES[scene.rule]
    own = scene.title and len({case.title for case in cases if case.rule == scene.rule}) < SEVERAL
    claim = scene.title if own else rule.statement.split(". ")[0].partition(": ")[0].rstrip(".")
    claim_zh = told(claim, "zh") if own else rule.statement_zh.split("。")[0].partition("：")[0]
    claim = DECISION.sub(lambda decision: decision[0].upper(), claim)
    begins = claim[:1] if re.match(r"[A-Z][A-Z0-9]", claim) else claim[:1].lower()
    return does_not_hold(f"{begins}{claim[1:]}", claim_zh)


def does_not_hold(claim: str, claim_zh: str) -> dict[str, str]:
    """What is said where a claim does not hold, and nothing known is told for sure."""
    return {"en": f"This does not hold: {claim}.", "zh": f"这一点不成立：{claim_zh}。"}


def _size(result: CaseResult) -> tuple[bool, bool, int, int]:
    """How much there is to read in a scene; one without any commands, or with none that is broken, shows less."""
    broken = any(command["broken"] for command in result.wire)
    return (not result.wire, not broken, len(result.wire), len(result.expected) + len(result.observed))
