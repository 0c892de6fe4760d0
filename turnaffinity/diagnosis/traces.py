"""Which known mistakes does a trace show? What broke in it is held against what each mutant's traffic breaks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from turnaffinity.catalogs import message_of, told
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.contract.rules import RULES
from turnaffinity.diagnosis.matching import Match, matches, unexplained
from turnaffinity.diagnosis.mistakes import does_not_hold
from turnaffinity.diagnosis.patterns import KIND, Known, known_mistakes
from turnaffinity.diagnosis.telling import UNLIKE, Told
from turnaffinity.showing.finding import one_line, recorded_finding
from turnaffinity.showing.names import Names
from turnaffinity.showing.wording import Words

TRACE = "T"
"""The profile of a trace in the patterns."""

Rules = Iterable[Mapping[str, Any]]
"""The rules of an audit's report, as `--json` has them."""


@dataclass(frozen=True, slots=True)
class TraceMistake:
    """One thing that is wrong in a trace: its sentence, and the failures that it explains, the first one first.

    `says` is a known mistake's sentence where it is told for sure, else what was broken; `perhaps` is then the known
    mistake that breaks the same. `mend` and `right` are its own, by language; empty where nothing known does.
    """

    says: dict[str, str]
    rules: tuple[str, ...]
    failures: tuple[Mapping[str, Any], ...]
    broken: int
    looks_like: str | None = None
    perhaps: dict[str, str] = field(default_factory=dict)
    mend: dict[str, str] = field(default_factory=dict)
    right: str = ""


def check_of(rule: str, found: Mapping[str, Any]) -> str:
    """The check behind one failure of a trace: its rule and what was expected, without the names in it."""
    return f"{rule} {message_of(found['expected']) or found['expected']}"


def ways_of(rule: str, found: Mapping[str, Any]) -> frozenset[str]:
    """A failure's check, and the check with the way in which it broke: the sentence seen, or the command."""
    observed = str(found["observed"])
    command = re.match(r"[A-Za-z]{3,}(?= \S*:)", observed)  # before a key
    way = message_of(observed) or (command[0].upper() if command else "")
    check = check_of(rule, found)
    return frozenset({check, f"{check}{KIND}{way}"} if way else {check})


def broken_checks(rules: Rules) -> frozenset[str]:
    """The checks that a trace breaks, a SHOULD's too, each with the ways in which it does."""
    return frozenset(way for rule, found in _found(rules) for way in ways_of(rule["id"], found))


def _found(rules: Rules) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    for rule in rules:
        warned = rule["warnings"] if rule["level"] == "SHOULD" else ()
        for found in (*rule["failures"], *warned):
            yield rule, found


def mistakes_of_trace(rules: Sequence[Mapping[str, Any]]) -> list[TraceMistake]:
    """What is wrong, the known mistakes first, then what resembles none, a rule each; empty where no MUST broke."""
    failed = {rule["id"]: rule for rule in rules if rule["failures"]}
    if not failed:
        return []
    known = {one.id: one for one in known_mistakes() if TRACE in one.fails}
    patterns = {name: one.fails[TRACE] for name, one in known.items()}
    broken = broken_checks(rules)
    judged = {rule["id"] for rule in rules if rule["cases"]}
    held = {check for pattern in patterns.values() for check in pattern if KIND not in check} - broken
    passed = frozenset(check for check in held if check.partition(" ")[0] in judged)
    found = matches(broken, passed, patterns, {name: one.rule for name, one in known.items()})
    told_ones = [_known(known[match.id], match, failed) for match in found]
    rest = unexplained(broken, found)
    unknown = [_mistake(rule, failed, rest) for rule in failed if any(check.startswith(f"{rule} ") for check in rest)]
    return [each for each in (*told_ones, *unknown) if each is not None]


def _known(known: Known, match: Match, failed: Mapping[str, Mapping[str, Any]]) -> TraceMistake | None:
    rule = known.rule if known.rule in failed else next((rule for rule in failed if _of(rule, match.explains)), "")
    broken = _mistake(rule, failed, match.explains) if rule else None
    if broken is None:
        return None
    says, perhaps = (known.says, {}) if match.sure else (broken.says, known.says)
    rules = tuple(rule for rule in RULES if rule in failed and _of(rule, match.explains))
    count = sum(failed[rule]["broken"] for rule in rules)
    return TraceMistake(says, rules, broken.failures, count, known.id, perhaps, known.mend, known.right)


def _of(rule: str, checks: Iterable[str]) -> bool:
    return any(check.startswith(f"{rule} ") for check in checks)


def _mistake(rule: str, failed: Mapping[str, Mapping[str, Any]], checks: frozenset[str]) -> TraceMistake | None:
    """What a rule's failures among these checks have in common: what was expected."""
    failures = tuple(found for found in failed[rule]["failures"] if ways_of(rule, found) & checks)
    if not failures:
        return None
    claim = str(failures[0]["expected"])
    return TraceMistake(does_not_hold(claim, told(claim, "zh")), (rule,), failures, failed[rule]["broken"])


AROUND = 3
"""Lines of the trace that are shown before and after a broken one."""


def tell_in_trace(
    mistake: TraceMistake, names: Names, words: Words, layout: KeyLayout, lives: Sequence[Mapping[str, Any]],
    width: int | None = None,
) -> Told:  # fmt: skip
    """A mistake of a trace in words: rules, mend, where it shows first, the turn's life, and the lines around.

    `lives` are the turns as an audit's report has them; `names` learns the names that are shown.
    """
    first = mistake.failures[0]
    found = recorded_finding({**first, "wire": _nearest(first["wire"])}, names, layout=layout, words=words)
    likeness = f"{words('looks like')} {mistake.looks_like}" if mistake.looks_like else words(UNLIKE)
    often = words("broken {n} times", n=mistake.broken) if mistake.broken > 1 else words("broken once")
    rows = [
        (words("breaks"), words.listed((words.listed(mistake.rules), often, likeness), "; ")),
        (words("perhaps"), mistake.perhaps.get(words.lang, "")),
        (words("mend"), mistake.mend.get(words.lang, "")),
        (words("right"), one_line(mistake.right)),
        (words("where"), _where(first, words)),
        *((words("turn"), _life(life, first, names, words)) for life in _lives_in(first, lives)),
        (words("wanted"), found.expected),
        (words("got"), found.observed),
        *([(words("known"), one_line(first["expected_by"]))] if "expected_by" in first else []),
    ]
    wire = tuple(found.wire.lines(width)) if found.wire.rows else ()
    says = words.told(names.apply(one_line(mistake.says[words.lang])))
    return Told(says, "MUST", tuple((label, text) for label, text in rows if text), wire, mistake.rules)


def as_members(mistakes: Iterable[TraceMistake]) -> list[dict[str, Any]]:
    """What `--json` says of the mistakes in a trace: the members that a verdict's have; `line` is the trace's."""
    return [
        {
            "says": mistake.says["en"], "perhaps": mistake.perhaps.get("en"), "mend": mistake.mend.get("en", ""),
            "right": mistake.right or None, "rules": list(mistake.rules), "looks_like": mistake.looks_like,
            "explains": mistake.broken, "line": mistake.failures[0]["line"], "case": mistake.failures[0]["case"],
            "capsule": None,
        }
        for mistake in mistakes
    ]  # fmt: skip


def _nearest(wire: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The broken lines with a few around them, each once."""
    lines = list({line["line"]: line for line in wire}.values())
    broken = [at for at, line in enumerate(lines) if line["broken"]] or [len(lines) - 1]
    return lines[max(0, broken[0] - AROUND) : broken[-1] + AROUND]


def _where(found: Mapping[str, Any], words: Words) -> str:
    cause = f" (caused at line {found['cause_line']})" if found["cause_line"] != found["line"] else ""
    parts = (f"line {found['line']}", f" of {found['file']}" if found["file"] else "", cause)
    return one_line("".join(map(words.told, parts)))


def _lives_in(found: Mapping[str, Any], lives: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The life of the turn that a failure is about, if it is known."""
    texts = [str(found["expected"]), str(found["observed"]), *(
        part for line in found["wire"] if line["broken"] for part in line["argv"]
    )]  # fmt: skip
    named = [life for life in lives if any(life["turn_id"] in text for text in texts)]
    during = [life for life in lives if life["first_line"] <= found["line"] <= life["last_line"]]
    return [*named, *(life for life in during if any(text.endswith(f":{life['session_id']}") for text in texts))][:1]


def _life(life: Mapping[str, Any], found: Mapping[str, Any], names: Names, words: Words) -> str:
    """From its opening to its close, with the lines, and where between them this broke."""
    told_life = words(
        "{turn} of {session}: opened at line {first}, broken at line {line}, closed at line {last}",
        turn=names.turn(life["turn_id"]), session=names.session(life["session_id"]), first=life["first_line"],
        line=found["line"], last=life["last_line"],
    )  # fmt: skip
    seconds = life["closed_at"] - life["opened_at"]
    return f"{told_life}{words(', {s} s later', s=f'{seconds:,.0f}')}" if seconds >= 1 else told_life
