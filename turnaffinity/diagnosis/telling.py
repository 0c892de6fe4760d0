"""How is a mistake told? Its sentence, the rules that it breaks, the mend, and one scene, in the reader's language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich.cells import cell_len

from turnaffinity.contract.rules import RULES
from turnaffinity.diagnosis.lua_lines import ScriptLines, script_lines
from turnaffinity.diagnosis.mistakes import UNKNOWN, Mistake, mistakes_of
from turnaffinity.judging.verdict import CaseResult, Report
from turnaffinity.server import token
from turnaffinity.showing.finding import finding, one_line
from turnaffinity.showing.names import Names, RawNames
from turnaffinity.showing.scene import given_and_asked
from turnaffinity.showing.shown import hanging, padded
from turnaffinity.showing.wording import Words

MOST_MISTAKES = 5
"""Mistakes shown; the rules of the others are named."""

MOST_CODE = 52
"""Characters of a line of code that are shown."""

MOST_WIRE = 6
"""Rows of the wire that a scene shows: those around the broken command."""


Form = Literal["full", "brief", "row"]
"""How much of a mistake is shown: its scene too, what is wrong and how it is mended, or one sentence."""

BRIEF = ("breaks", "perhaps", "mend", "line", "wanted", "got")


@dataclass(frozen=True, slots=True)
class Told:
    """One mistake as text: `says` is its sentence; `rows` are labelled; `wire` are lines, the broken one with ">"."""

    says: str
    level: str
    rows: tuple[tuple[str, str], ...]
    wire: tuple[str, ...]
    rules: tuple[str, ...] = ()
    known: bool = True
    brief: tuple[str, ...] = ()
    """The labels of the rows that a short form keeps."""

    def lines(self, width: int | None = None, form: Form = "full") -> list[str]:
        """Everything below the sentence, at this width: with its scene, only what is wrong and the mend, or nothing."""
        rows = [row for row in self.rows if form == "full" or (form == "brief" and row[0] in self.brief)]
        column = max((cell_len(label) for label, _ in rows), default=0)
        told = [line for label, text in rows for line in hanging(f"{padded(label, column)}  ", text, width)]
        return [*told, *(self.wire if form == "full" else ())]

    def heading(self, number: int, form: Form, words: Words) -> tuple[str, str]:
        """The label and the sentence that it is shown under: its number, or in a row alone the rules that it breaks."""
        return (f"{words('fail')} {', '.join(self.rules)}  " if form == "row" else f"{number}. "), self.says


def names_of(report: Report, *, languages: bool = True) -> Names:
    """Fresh short names for what a report's cases made up; each scene has its own, from n1 on."""
    kind = RawNames if report.raw_names else Names
    return kind(report.layout, token(report.seed), languages=languages)


def tell(
    mistake: Mistake, report: Report, words: Words, *, names: Names | None = None, width: int | None = None,
    script: ScriptLines | None = None,
) -> Told:  # fmt: skip
    """A mistake of a report in words; `names` learns the names that its scene shows."""
    names, scene = names or names_of(report, languages=not mistake.by_its_names), mistake.scene
    given, asked = given_and_asked(scene.steps, report.layout, names, words)
    found = finding(
        {"expected": scene.expected, "observed": scene.observed, "wire": scene.wire}, names,
        layout=report.layout, words=words, scripts=report.scripts, most=MOST_WIRE,
        sent_by=script.by_case.get(scene.case, ()) if script else (),
    )  # fmt: skip
    failed = sum(result.outcome == "fail" and RULES[result.rule].level != "SHOULD" for result in report.results)
    likeness = f"{words('looks like')} {mistake.looks_like}" if mistake.looks_like else words(UNLIKE)
    explained = words("explains {n} of {all} failed checks", n=mistake.explains, all=failed)
    breaks = [", ".join(mistake.rules), *([explained] if mistake.level != "SHOULD" else []), likeness]
    rows = [
        (words("breaks"), "; ".join(breaks)),
        (words("perhaps"), mistake.perhaps.get(words.lang, "")),
        (words("mend"), "" if mistake.mend is UNKNOWN else mistake.mend[words.lang]),
        (words("right"), one_line(mistake.right)),
        (words("line"), _line(script, scene, words)),
        (words("given"), given),
        (words("asked"), asked),
        (words("wanted"), found.expected),
        (words("got"), found.observed),
        *found.more,
        *((words(label), text) for label, text in _beside(scene, report)),
    ]
    wire = tuple(found.wire.lines(width)) if found.wire.rows else ()
    told = tuple((label, text) for label, text in rows if text)
    known, brief = mistake.looks_like is not None, tuple(map(words, BRIEF))
    return Told(mistake.says[words.lang], mistake.level, told, wire, mistake.rules, known, brief)


def forms(mistakes: Sequence[Told], room: int, words: Words, width: int | None = None) -> list[Form]:
    """How much of each mistake is shown in so many lines: of the first all, of each known one at least its mend."""

    def size(at: int, form: Form) -> int:
        told = mistakes[at]
        heading = hanging(*told.heading(at + 1, form, words), width)
        return (form != "row") + len(heading) + len(told.lines(width, form))

    chosen: list[Form] = ["full" if at == 0 else "brief" if told.known else "row" for at, told in enumerate(mistakes)]
    used = sum(size(at, form) for at, form in enumerate(chosen))
    larger: tuple[Form, ...] = ("brief", "full")
    for form in larger:
        for at, before in enumerate(chosen):
            more = size(at, form) - size(at, before)
            if more > 0 and used + more <= room:
                chosen[at], used = form, used + more
    return chosen


def _line(script: ScriptLines | None, scene: CaseResult, words: Words) -> str:
    line = script.at_fault(scene) if script else None
    if not script or not line:
        return ""
    marked = any(command["broken"] for command in scene.wire)
    which = "" if marked else f" ({words('asked last')})"
    code = one_line(script.text(line))
    return f"{line}{which}  {code if len(code) <= MOST_CODE else code[: MOST_CODE - 3] + '...'}"


UNLIKE = "resembles no known mistake"


def _beside(scene: CaseResult, report: Report) -> list[tuple[str, str]]:
    failure = _failure_of(scene, report)
    told = (("known", failure.get("expected_by")), ("capsule", failure.get("capsule")))
    return [(label, one_line(text)) for label, text in told if text]


def _failure_of(scene: CaseResult, report: Report) -> dict[str, Any]:
    """The failure of `--json` that this case became."""
    rules = (rule for rule in report.rules if rule.id == scene.rule)
    return next((failure for rule in rules for failure in rule.failures if failure["case"] == scene.case), {})


@dataclass(frozen=True, slots=True)
class Summary:
    """What a short report says: the mistakes shown, those that are only named by their rules, and the warnings."""

    shown: tuple[Mistake, ...]
    more: str
    warned: tuple[tuple[str, str], ...]
    """(rule, what is said of it)"""


def summary(report: Report, words: Words) -> Summary:
    """The mistakes against a MUST or a DECISION, at most so many, and one sentence for each rule that warns."""
    found = mistakes_of(report)
    against = [mistake for mistake in found if mistake.level != "SHOULD"]
    minor = [mistake for mistake in against if _is_minor(mistake, against)]
    wrong = [mistake for mistake in against if mistake not in minor]
    rest = [*wrong[MOST_MISTAKES:], *minor]
    rules = ", ".join(dict.fromkeys(rule for mistake in rest for rule in mistake.rules))
    more = words("{n} more: {rules}", n=len(rest), rules=rules) if rest else ""
    likely = {rule: mistake.says[words.lang] for mistake in reversed(found) for rule in mistake.rules}
    names = names_of(report)
    warned = [
        (rule.id, likely.get(rule.id) or words.told(names.apply(one_line("".join(rule.warnings[:1])))))
        for rule in report.rules
        if rule.status == "warn"
    ]
    return Summary(tuple(wrong[:MOST_MISTAKES]), more, tuple(warned))


def _is_minor(mistake: Mistake, all_of: Sequence[Mistake]) -> bool:
    """Whether it is one failed check beside a larger mistake, and no known mistake for sure.

    Larger is one that breaks the same rules, or explains more than all others together.
    """
    if mistake.explains > 1 or (mistake.looks_like and not mistake.perhaps):
        return False
    larger = [other for other in all_of if other.explains > 1]
    most = max((other.explains for other in larger), default=0)
    broken = {rule for other in larger for rule in other.rules}
    return set(mistake.rules) <= broken or 2 * most > sum(other.explains for other in all_of)


def lines_of_mistakes(report: Report, source: str) -> ScriptLines:
    """The lines of the script behind the scenes of the mistakes that a report shows."""
    scenes = [mistake.scene for mistake in mistakes_of(report)[:MOST_MISTAKES] if mistake.scene.wire]
    return script_lines(source, scenes, seed=report.seed, reading=report.reading, layout=report.layout)


def as_members(report: Report, script: ScriptLines | None = None) -> dict[str, Any]:
    """What `--json` says of mistakes: `mistakes`, and `names`, the short name of each raw one that they show."""
    found, shown = mistakes_of(report), dict[str, str]()
    for mistake in found:
        names = names_of(report)
        tell(mistake, report, Words(), names=names)
        shown |= names.raw
    return {
        "mistakes": [
            {
                "says": mistake.says["en"], "perhaps": mistake.perhaps.get("en"),
                "mend": mistake.mend["en"], "right": mistake.right or None, "rules": list(mistake.rules),
                "looks_like": mistake.looks_like, "explains": mistake.explains,
                "line": script.at_fault(mistake.scene) if script else None,
                "case": mistake.scene.case, "capsule": _failure_of(mistake.scene, report).get("capsule"),
            }
            for mistake in found
        ],
        "names": shown,
    }  # fmt: skip
