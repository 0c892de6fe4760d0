"""How is a mistake told? Its sentence, the rules that it breaks, the mend, and one scene, in the reader's language."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich.cells import cell_len

from turnaffinity.capsules.capsule import Said
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.contract.rules import RULES
from turnaffinity.diagnosis.lua_lines import ScriptLines, script_lines
from turnaffinity.diagnosis.mistake import Mistake
from turnaffinity.diagnosis.mistakes import UNKNOWN, mistakes_of
from turnaffinity.diagnosis.seen import AN_ANSWER, error_line
from turnaffinity.judging.verdict import CaseResult, Report
from turnaffinity.server import token
from turnaffinity.showing.finding import finding, one_line
from turnaffinity.showing.names import Names, RawNames
from turnaffinity.showing.scene import given_and_asked, last_request, pairs_asked
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

BRIEF = ("breaks", "perhaps", "mend", "rule", "line", "called at", "wanted", "got")


@dataclass(frozen=True, slots=True)
class Told:
    """One mistake as text: `says` is its sentence; `rows` are labelled; `wire` are lines, the broken one with ">"."""

    says: str
    level: str
    rows: tuple[tuple[str, str], ...]
    wire: tuple[str, ...]
    rules: tuple[str, ...] = ()
    known: bool = True
    sure: bool = True
    """Whether its sentence is a known mistake's, and no claim that does not hold."""
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


@dataclass(frozen=True, slots=True)
class Setting:
    """What a scene is told with: the names of its keys, short names, the language, and the scripts that it ran."""

    layout: KeyLayout
    names: Names
    words: Words
    scripts: Mapping[str, str]
    script: ScriptLines | None = None
    width: int | None = None
    wire_rows: int = MOST_WIRE


def tell(
    mistake: Mistake, report: Report, words: Words, *, names: Names | None = None, width: int | None = None,
    script: ScriptLines | None = None, wire_rows: int = MOST_WIRE,
) -> Told:  # fmt: skip
    """A mistake of a report in words; `names` learns the names that its scene shows."""
    scene = shown_scene(mistake, script)
    names = names or names_of(report, languages=not (mistake.by_its_names or names_languages(scene)))
    setting = Setting(report.layout, names, words, report.scripts, script, width, wire_rows)
    failed = sum(result.outcome == "fail" and RULES[result.rule].level != "SHOULD" for result in report.results)
    explained = words("explains {n} of {all} failed checks", n=mistake.explains, all=failed)
    beside = [(words(label), text) for label, text in _beside(scene, report)]
    return tell_scene(mistake, scene, setting, explained if mistake.level != "SHOULD" else "", beside)


def tell_scene(
    mistake: Mistake, scene: CaseResult, setting: Setting, explained: str = "", beside: Iterable[tuple[str, str]] = ()
) -> Told:
    """A mistake in words with one of its scenes: `explained` says how much it explains, `beside` what else is known."""
    names, words, script = setting.names, setting.words, setting.script
    given, asked = given_and_asked(scene.steps, setting.layout, names, words)
    found = finding(
        {"expected": scene.expected, "observed": scene.observed, "wire": scene.wire}, names,
        layout=setting.layout, words=words, scripts=setting.scripts, most=setting.wire_rows,
        sent_by=script.sent_by(scene) if script else (),
    )  # fmt: skip
    unlike = words(UNLIKE) if mistake.mend is UNKNOWN else ""
    likeness = f"{words('looks like')} {mistake.looks_like}" if mistake.looks_like else unlike
    breaks = words.listed(filter(None, (words.listed(mistake.rules), explained, likeness)), "; ")
    rows = [
        (words("breaks"), breaks),
        (words("perhaps"), mistake.perhaps.get(words.lang, "")),
        (words("mend"), "" if mistake.mend is UNKNOWN else mistake.mend.get(words.lang, "")),
        (words("rule"), words.statement(scene.rule) if mistake.mend is UNKNOWN else ""),
        (words("right"), one_line(mistake.right)),
        *((words(label), line) for label, line in _lines(script, scene, words)),
        (words("given"), given),
        (words("asked"), asked),
        (words("wanted"), words("an answer") if scene.expected.startswith(AN_ANSWER) else found.expected),
        (words("got"), found.observed),
        *found.more,
        *beside,
    ]
    wire = tuple(found.wire.lines(setting.width)) if found.wire.rows else ()
    told = tuple((label, text) for label, text in rows if text)
    known, brief = mistake.looks_like is not None, tuple(map(words, BRIEF))
    sure = known and not mistake.perhaps
    says = names.apply(one_line(mistake.says[words.lang]))
    return Told(says, mistake.level, told, wire, mistake.rules, known, sure, brief)


def names_languages(scene: CaseResult) -> bool:
    """Whether a scene's own sentences name a language that was asked for: then it has to be called the same above."""
    asked = last_request(scene.steps)
    languages = {language for pair in pairs_asked(asked) for language in pair.split(":")} if asked else set()
    said = re.findall(r"[\w-]+", f"{scene.expected} {scene.observed}")
    return not scene.expected.startswith(AN_ANSWER) and not languages.isdisjoint(said)


def said_by_case(report: Report) -> dict[tuple[str, str], Said]:
    """The mistake that each failed (rule, case) is taken for, for its capsule."""
    return {
        (result.rule, result.case): Said(
            says=mistake.says, mend={} if mistake.mend is UNKNOWN else mistake.mend, perhaps=mistake.perhaps,
            looks_like=mistake.looks_like, right=mistake.right,
        )
        for mistake in mistakes_of(report) for result in mistake.cases
    }  # fmt: skip


def tell_in(
    room: int, mistake: Mistake, report: Report, words: Words, *, width: int, script: ScriptLines | None = None
) -> Told:
    """A mistake in words that takes so many lines at most: with less of the wire where it would take more."""
    for wire_rows in range(MOST_WIRE, 0, -1):
        told = tell(mistake, report, words, width=width, script=script, wire_rows=wire_rows)
        if height_of(told, "full", words, width) <= room:
            break
    return told


def height_of(told: Told, form: Form, words: Words, width: int | None = None) -> int:
    """The lines that a mistake takes, with the empty one before it."""
    return (form != "row") + len(hanging(*told.heading(1, form, words), width)) + len(told.lines(width, form))


def forms(mistakes: Sequence[Told], room: int, words: Words, width: int | None = None) -> list[Form]:
    """How much of each mistake is shown in so many lines: of the first all, of each known one at least its mend."""

    def size(at: int, form: Form) -> int:
        return height_of(mistakes[at], form, words, width)

    chosen: list[Form] = ["full" if at == 0 else "brief" if told.known else "row" for at, told in enumerate(mistakes)]
    used = sum(size(at, form) for at, form in enumerate(chosen))
    larger: tuple[Form, ...] = ("brief", "full")
    for sure in (False, True):  # those that are a guess lose their mend before those that are known
        for at in reversed(range(1, len(chosen))):
            if used > room and chosen[at] == "brief" and mistakes[at].sure == sure:
                used += size(at, "row") - size(at, "brief")
                chosen[at] = "row"
    for form in larger:
        for at, before in enumerate(chosen):
            more = size(at, form) - size(at, before)
            if more > 0 and used + more <= room:
                chosen[at], used = form, used + more
    return chosen


def shown_scene(mistake: Mistake, script: ScriptLines | None) -> CaseResult:
    """The scene that shows a mistake best: of a script, one in which it is known which line sent what."""
    return script.scene_of(mistake.scenes) if script else mistake.scene


def _lines(script: ScriptLines | None, scene: CaseResult, words: Words) -> Iterator[tuple[str, str]]:
    """The line at fault with its code, and where the function that it stands in was called."""
    line = script.at_fault(scene) if script else None
    if not script or not line:
        return
    marked = any(command["broken"] for command in scene.wire) or error_line(scene)
    yield "line", _code(script, line, "" if marked else words(" (asked last)"))
    if caller := script.called_at(scene):
        yield "called at", _code(script, caller)


def _code(script: ScriptLines, line: int, which: str = "") -> str:
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
    names = names_of(report)
    likely = {
        rule: names.apply(one_line(mistake.says[words.lang])) for mistake in reversed(found) for rule in mistake.rules
    }
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
    scenes = [mistake.scenes for mistake in mistakes_of(report)[:MOST_MISTAKES] if mistake.scene.wire]
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
                "line": script.at_fault(scene) if script else None,
                "case": scene.case, "capsule": _failure_of(scene, report).get("capsule"),
            }
            for mistake in found
            for scene in (shown_scene(mistake, script),)
        ],
        "names": shown,
    }  # fmt: skip
