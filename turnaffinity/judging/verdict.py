"""What is the verdict? From the cases' outcomes to one status a rule and one word for the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from turnaffinity import CONTRACT_VERSION, __version__
from turnaffinity.contract.decisions import Reading
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.contract.rules import RULES, Rule, judged_only_with_faults
from turnaffinity.stage.evidence import NoAnswer, Outcome
from turnaffinity.subjects.protocol import reading_word

Verdict = Literal["conforms", "violates", "incomplete"]

MAY_BE_UNOBSERVABLE = frozenset({"TA-SEL-5", "TA-SEL-6"})
"""Without `select` and without a script on the wire these cannot be told from the finalize's own reads."""

UNOBSERVABLE_WITHOUT_RECORDED = frozenset({"TA-SEL-1", "TA-SEL-3", "TA-SEL-4", "TA-TURN-2"})
"""And these under a reading that never selects with a recorded affinity (D1 = mint and D2 = before)."""


JUDGED = frozenset({"pass", "fail", "warn"})
"""The outcomes of a check that was executed."""

WEAKEST_FIRST: tuple[Outcome, ...] = ("not-run", "skip", "unobservable", "not-claimed")
"""Which outcome a rule with no check executed has: a run that was given up is not a rule that cannot be seen."""

PROFILE_LETTERS = {"lua": "L", "scheduler": "S", "trace": "T"}
"""A report's profile, as rules and cases name it."""

WHY_NOT_EXECUTED: dict[Outcome, tuple[str, str]] = {
    "unobservable": (
        "{n} would show nothing under this reading or from outside",
        "{n} 项在此解读下或从外部看不出差别",
    ),
    "not-claimed": ("{n} need an operation that is not offered", "{n} 项需要未提供的操作"),
    "skip": ("{n} are not possible on this server", "{n} 项在此服务器上无法进行"),
    "not-run": ("{n} were never reached", "{n} 项未轮到"),
}
"""What is said of checks that were planned and not executed, by their outcome, in English and Chinese."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """The outcome of one case, ready to be sent between processes: plain data throughout."""

    rule: str
    case: str
    outcome: Outcome
    title: str = ""
    reason: str = ""
    expected: str = ""
    observed: str = ""
    wire: tuple[dict[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    saw: tuple[tuple[str, str], ...] = ()
    steps: tuple[dict[str, Any], ...] = ()
    draws: int = 0
    seconds: float = 0.0
    unanswered: str = ""
    """The error with which a finalize that has to be carried out was refused, if the case failed by that alone."""
    follows: tuple[str, ...] = ()
    """The rules that own what was found, where the case could come to no verdict because of it."""


def tells_against(result: CaseResult) -> bool:
    """Whether an outcome tells against the implementation; for a SHOULD, a warning is as much as it can say."""
    return result.outcome == "fail" or (result.outcome == "warn" and RULES[result.rule].level == "SHOULD")


@dataclass
class RuleReport:
    """One rule's status, computed from its cases."""

    id: str
    level: str
    status: str
    cases: int
    failures: list[dict[str, Any]] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    draws: int = 0
    """How many random choices were drawn to settle the rule."""
    follows: tuple[str, ...] = ()
    """The rules that own what kept its cases from a verdict; empty where anything else did."""

    def as_dict(self) -> dict[str, Any]:
        """The rule as `--json` writes it."""
        return {
            "id": self.id, "level": self.level, "status": self.status, "cases": self.cases,
            "failures": self.failures, "reasons": self.reasons, "warnings": self.warnings, "notes": self.notes,
            "draws": self.draws,
        }  # fmt: skip


@dataclass(eq=False)
class Report:
    """A run's verdict with its evidence, equal to no other; `as_dict` is the shape of `--json`."""

    profile: str
    implementation: dict[str, Any]
    server: str
    reading: Reading
    decisions: dict[str, str | None]
    seed: int
    rules: list[RuleReport]
    protocol: list[dict[str, Any]] = field(default_factory=list)
    planned: int = 0
    executed: int = 0
    filtered: tuple[str, ...] = ()
    auto: bool = False
    unseen_choices: tuple[str, ...] = ()
    """The decisions that `--reading auto` did not see: the reading's choice there is only the default's."""
    stale: list[dict[str, Any]] = field(default_factory=list)
    expected_rules: frozenset[str] = frozenset()
    """The rules whose every failure was expected."""
    results: tuple[CaseResult, ...] = ()
    """What came of each case, in the suite's order; not part of `--json`."""
    seconds: float = 0.0
    layout: KeyLayout = field(default_factory=KeyLayout)
    scripts: dict[str, str] = field(default_factory=dict)
    """The names of the implementation's scripts by SHA1, where they are known."""
    mixed: bool = False
    """Whether two versions served the same sessions: what depends on D1 to D4 may go unseen."""
    raw_names: bool = False
    """Whether people are shown the ids as they were on the wire, not by short names."""
    unrun: str = ""
    """Why no case was run at all, in a sentence; empty where they were."""

    @property
    def failed(self) -> list[RuleReport]:
        """The rules that were broken."""
        return [rule for rule in self.rules if rule.status == "fail"]

    @property
    def verdict(self) -> Verdict:
        """conforms, violates or incomplete."""
        if self.failed or any(check["status"] == "fail" for check in self.protocol):
            return "violates"
        if self.filtered or self.gaps:
            return "incomplete"
        return "conforms"

    @property
    def gaps(self) -> list[RuleReport]:
        """The MUST rules and the decisions that nothing was executed for, and that may not go unseen."""
        return [rule for rule in self.rules if rule.level != "SHOULD" and not self._settled(rule)]

    def _settled(self, rule: RuleReport) -> bool:
        if rule.status in {"pass", "warn", "fail"}:
            return True
        return rule.status == "unobservable" and self._may_go_unseen(rule)

    def _may_go_unseen(self, rule: RuleReport) -> bool:
        if rule.level == "DECISION" or self.mixed:
            return True
        if self.profile == "trace" or rule.id in MAY_BE_UNOBSERVABLE:
            return True
        never_selects = self.reading.d1 == "mint" and self.reading.d2 == "before"
        return never_selects and rule.id in UNOBSERVABLE_WITHOUT_RECORDED

    @property
    def unseen(self) -> list[RuleReport]:
        """The MUST rules that the verdict line names as unobservable."""
        return [rule for rule in self.rules if rule.level == "MUST" and rule.status == "unobservable"]

    @property
    def exit_status(self) -> int:
        """0 conforms, or every failure was expected and none is stale; else 1."""
        if self.stale:
            return 1
        if self.verdict == "conforms":
            return 0
        unexpected = [rule for rule in self.failed if rule.id not in self.expected_rules]
        protocol_failed = any(check["status"] == "fail" for check in self.protocol)
        only_expected = bool(self.failed) and not unexpected and not protocol_failed
        gaps = [rule for rule in self.gaps if not rule.follows or not set(rule.follows) <= self.expected_rules]
        return 0 if only_expected and not gaps and not self.filtered else 1

    def as_dict(self) -> dict[str, Any]:
        """The whole report as plain data."""
        return {
            "kit": __version__, "contract": CONTRACT_VERSION, "profile": self.profile,
            "implementation": self.implementation, "server": self.server, "reading": self._reading_label(),
            "decisions": self.decisions, "seed": self.seed, "verdict": self.verdict,
            "planned": self.planned, "executed": self.executed,
            "rules": [rule.as_dict() for rule in self.rules], "protocol": self.protocol,
            "filtered": list(self.filtered), "exit": self.exit_status, "stale": self.stale,
            "seconds": round(self.seconds, 3),
        }  # fmt: skip

    def reading_told(self, not_seen: str = "not seen") -> str:
        """The reading for people: "intent", and "literal (D4 not seen)" where `auto` did not see a choice."""
        seen = [choice for name, choice in self.reading.as_dict().items() if name not in self.unseen_choices]
        label = self.reading.name or " / ".join(seen)
        return f"{label} ({', '.join(self.unseen_choices)} {not_seen})" if self.unseen_choices else label

    def why_not_executed(self, lang: str = "en") -> str:
        """Why the checks that were planned and not executed do not count, in one sentence; empty where all were."""
        counts, zh = Counter(result.outcome for result in self.results), lang == "zh"
        told = [says[zh].format(n=counts[outcome]) for outcome, says in WHY_NOT_EXECUTED.items() if counts[outcome]]
        if not told:
            return ""
        sentence = f"未执行：{'，'.join(told)}" if zh else f"not executed: {', '.join(told)}"
        if self.gaps or self.filtered:
            return sentence
        if zh:
            return f"{sentence}；{'其余' if self.unseen else ''}每条 MUST 规则仍都有检查"
        return f"{sentence}; each {'other ' if self.unseen else ''}MUST was judged"

    def _reading_label(self) -> str:
        return reading_word(self.reading) or ""


def rules_in_scope(profile: str, *, with_script: bool = False, faults: bool = False) -> list[Rule]:
    """The rules that a report of this profile lists, in the contract's order; those on faults only where asked for."""
    letters = PROFILE_LETTERS[profile] + ("L" if with_script else "")
    chosen = (rule for rule in RULES.values() if rule.profiles & set(letters))
    return [rule for rule in chosen if faults or not judged_only_with_faults(rule.id)]


def rule_reports(rules: Iterable[Rule], results: Sequence[CaseResult], unrun: str = "") -> list[RuleReport]:
    """One report a rule; a rule with no case is `not-run`, for the reason `unrun` if there is one for all."""
    if unrun:
        return [RuleReport(rule.id, rule.level, "not-run", 0, reasons=[unrun]) for rule in rules]
    by_rule: dict[str, list[CaseResult]] = {}
    for result in results:
        by_rule.setdefault(result.rule, []).append(result)
    return [_rule_report(rule, by_rule.get(rule.id, [])) for rule in rules]


OWN_NO_NODE = ("TA-TURN-6", "TA-SEL-1", "TA-SEL-2", "TA-SEL-3", "TA-SEL-4")
"""The rules that are false where a finalize answers `no_node` though its batch can be served, or a part of it."""

OWN_OTHER_ERRORS = ("TA-TURN-6", "TA-CLEAR-2")
"""Those that are false where it answers any other error, with no fault about."""


def unanswered(rule: str, error: Exception) -> str:
    """The error with which a finalize was refused, where that alone is why a case failed.

    Of a selection's rule it is more than that: no node came where there is a candidate.
    """
    if not isinstance(error, NoAnswer) or (error.code == "no_node" and rule in OWN_NO_NODE):
        return ""
    return error.code


def settled(results: Sequence[CaseResult]) -> tuple[CaseResult, ...]:
    """The results with each missing answer blamed on the rules that own it, if one of them failed.

    Where none did, whoever met the missing answer is all that tells of it, and keeps its failure.
    """
    failed = {result.rule for result in results if result.outcome == "fail"}
    by_itself = {result.rule for result in results if result.outcome == "fail" and not result.unanswered}

    def settle(result: CaseResult) -> CaseResult:
        possible = OWN_NO_NODE if result.unanswered == "no_node" else OWN_OTHER_ERRORS
        owners = tuple(rule for rule in possible if rule in by_itself) or tuple(r for r in possible if r in failed)
        return _following(result, owners) if result.unanswered and owners and result.rule not in owners else result

    return tuple(map(settle, results))


def _following(result: CaseResult, owners: tuple[str, ...]) -> CaseResult:
    what = f"a finalize that has to answer with its batch answered the error {result.unanswered}"
    return replace(
        result, outcome="not-run", reason=f"follows from {' and '.join(owners)}: {what}",
        expected="", observed="", wire=(), steps=(), follows=owners,
    )  # fmt: skip


def _rule_report(rule: Rule, results: list[CaseResult]) -> RuleReport:
    judged = [result for result in results if result.outcome in JUDGED]
    failures = [
        {
            "case": result.case, "expected": result.expected, "observed": result.observed,
            "wire": list(result.wire), "capsule": None,
        }
        for result in judged if result.outcome == "fail"
    ]  # fmt: skip
    warnings = [warning for result in judged for warning in result.warnings]
    unsettled = [result for result in results if result.outcome == "not-run"]
    follows = {owner for result in unsettled for owner in result.follows} if all(r.follows for r in unsettled) else ()
    status = _status(rule, results, judged, bool(failures), bool(warnings))
    return RuleReport(
        rule.id,
        rule.level,
        status,
        len(judged),
        failures,
        _reasons(status, results),
        warnings,
        [note for result in judged for note in result.notes],
        sum(result.draws for result in judged),
        tuple(sorted(follows)),
    )


def _status(rule: Rule, results: list[CaseResult], judged: list[CaseResult], failed: bool, warned: bool) -> str:
    if failed:
        return "warn" if rule.level == "SHOULD" else "fail"
    outcomes = {result.outcome for result in results}
    if judged and "not-run" not in outcomes:  # what was left out did not pass
        return "warn" if warned else "pass"
    return next((outcome for outcome in WEAKEST_FIRST if outcome in outcomes), "not-run")


def _reasons(status: str, results: list[CaseResult]) -> list[str]:
    """Why checks of a rule were not executed, those first that decide its status.

    Where a rule is unobservable and an operation that is not offered would show it, each reason says so.
    """
    found = sorted({(result.outcome != status, result.reason) for result in results if result.reason})
    if status != "unobservable":
        return list(dict.fromkeys(reason for _, reason in found))
    lacking = sorted({result.reason for result in results if result.outcome == "not-claimed" and result.reason})
    ways = "".join(f"; it could be seen otherwise, but {reason}" for reason in lacking)
    return [f"{reason}{ways}" for other, reason in found if not other] + [
        reason for other, reason in found if other and reason not in lacking
    ]


def decisions_seen(results: Iterable[CaseResult]) -> dict[str, list[str]]:
    """For each decision the choices that were seen, most often first."""
    facts: dict[str, Counter[str]] = {}
    for result in results:
        for decision, choice in result.saw:
            facts.setdefault(decision, Counter())[choice] += 1
    seen = {name: [choice for choice, _ in facts.get(name, Counter()).most_common()] for name in ("D1", "D2", "D3")}
    return seen | {"D4": _d4_seen(facts)}


def _d4_seen(facts: Mapping[str, Counter[str]]) -> list[str]:
    online, offline = facts.get("D4 online", Counter()), facts.get("D4 offline", Counter())
    if not online:
        return []
    writes = facts.get("writes", Counter())
    if writes["no"] and not writes["yes"]:  # what is never written is not kept, either
        return ["overwrite"] if online["goes"] else []
    choices: list[str] = []
    if online["goes"]:
        choices.append("overwrite")
    if online["stays"] and (offline["stays"] or not offline):
        choices.append("write-once")
    if online["stays"] and offline["goes"]:
        choices.append("repair")
    return choices


def single_choices(seen: Mapping[str, Sequence[str]]) -> dict[str, str | None]:
    """What the implementation was seen to do: its one choice, several joined by "+", None where unseen."""
    return {name: "+".join(choices) or None for name, choices in seen.items()}
