"""Is an id changed, or taken for another, on its way into its key? Told from what was given and what was sent."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.diagnosis.seen import Text, ids_in, members_in
from turnaffinity.judging.verdict import CaseResult
from turnaffinity.showing.scene import commands_of, laid_out, last_request

OF_A_REQUEST = ("session", "turn", "job")


@dataclass(frozen=True, slots=True)
class Changed:
    """An id that gets into its key otherwise than it was given: `kind` of the key, and `how`."""

    kind: str
    how: str
    told: Text
    other: str = ""
    """The kind of the id that was taken in its place, where one was."""

    def is_said_by(self, sentence: str) -> bool:
        """Whether a known mistake's sentence says the same."""
        words = SAID_AS.get(self.how.partition(" ")[0], "")
        return bool(words and re.search(words, sentence))

    def says(self, layout: KeyLayout) -> Text:
        """The mistake in a sentence."""
        key = self.key(layout)
        if self.other:
            return {
                "en": f"The key {key} is built from the {self.other} id, not from the {self.kind} id.",
                "zh": f"{key} 是用 {self.other} id 拼的，而不是 {self.kind} id。",
            }
        return {
            "en": f"A {self.kind} id gets into {key} changed: {self.told['en']}.",
            "zh": f"{self.kind} id 写进 {key} 时变了样：{self.told['zh']}。",
        }

    def mend(self, layout: KeyLayout) -> Text:
        """How it is mended."""
        key = self.key(layout)
        return {
            "en": f"Build {key} from the {self.kind} id byte for byte, as it is given.",
            "zh": f"用传入的 {self.kind} id 逐字节原样拼出 {key}。",
        }

    def key(self, layout: KeyLayout) -> str:
        """The key's name with its placeholder."""
        return re.sub(r"\{(\w+)\}", r"<\1>", str(getattr(layout, self.kind)))


SAID_AS = {
    "case": r"\bcase\b", "cut": r"\bcuts?\b|characters|letters", "begin": r"\bcuts?\b|characters|letters",
    "part": "trim|strip|dash", "other": "turn id|job id|session id",
}  # fmt: skip
"""Words by which a known mistake tells of such a change."""

CASE = {"en": "upper and lower case are not kept", "zh": "大小写没有保留"}
CUT = {"en": "only the first {n} characters are kept", "zh": "只保留了前 {n} 个字符"}
BEGINNING = {"en": "only its beginning is kept", "zh": "只保留了开头"}
PART = {"en": "only a part of it is kept", "zh": "只保留了其中一部分"}
MORE = {"en": "it becomes {name}", "zh": "变成了 {name}"}


def changed_id(results: Sequence[CaseResult], layout: KeyLayout) -> tuple[Changed, CaseResult] | None:
    """How an id is changed on its way into its key, with a scene that shows it, if half of these scenes do."""
    found = [(changed, result) for result in results if (changed := _first_in(result, layout))]
    counts = Counter(changed.kind + changed.how for changed, _ in found)
    if not counts:
        return None
    name, count = counts.most_common(1)[0]
    if 2 * count < len(results):
        return None
    return min((pair for pair in found if pair[0].kind + pair[0].how == name), key=lambda pair: len(pair[1].wire))


BY_HOW_MUCH_IT_TELLS = ("case", "begin", "cut", "more", "other", "part")
"""Of several ways in one scene the first of these: a part of one id may be found in another by chance."""


def _first_in(result: CaseResult, layout: KeyLayout) -> Changed | None:
    """The change that a scene shows, the same whatever the order in which its ids are looked at."""

    def place(changed: Changed) -> tuple[int, int, str]:
        how = BY_HOW_MUCH_IT_TELLS.index(changed.how.partition(" ")[0])
        return KINDS.index(changed.kind), how, changed.how

    return min(_changed_in(result, layout), key=place, default=None)


def _changed_in(result: CaseResult, layout: KeyLayout) -> Iterator[Changed]:
    asked = last_request(result.steps)
    if asked is None:
        return
    commands = commands_of(result.steps)
    sent = {kind: ids_in((command["argv"] for command in result.wire), layout.patterns[kind]) for kind in KINDS}
    given = {kind: {str(asked.get(f"{kind}_id") or "")} - {""} for kind in OF_A_REQUEST}
    given["turn"] |= {laid_out(result.steps, layout).opened.get(str(asked.get("session_id") or ""), "")} - {""}
    given["node"] = members_in(commands, layout)

    def strange(ids: set[str], kind: str) -> set[str]:
        """Those that the case never named as ids of this kind."""
        named = ids and ids_in(commands, layout.patterns[kind]) | {str(step.get(f"{kind}_id")) for step in result.steps}
        return ids - named

    for kind in KINDS:
        if unknown := strange(sent[kind] - given[kind], kind):
            pairs = ((each, other) for each in given[kind] - sent[kind] for other in unknown)
            yield from (Changed(kind, *told) for each, other in pairs if (told := _how(each, other, kind)))
    for kind, other in (("job", "turn"), ("turn", "job"), ("turn", "session"), ("session", "turn")):
        if strange(given[other] & sent[kind] - given[kind], kind):
            yield Changed(kind, f"other {other}", {}, other)


KINDS = (*OF_A_REQUEST, "node")


def _how(given: str, strange: str, kind: str) -> tuple[str, Text] | None:
    """In which way the one became the other; None where they have nothing to do with each other."""
    if not strange:
        return None
    if given.casefold() == strange.casefold():
        return "case", CASE
    if given.startswith(strange):
        if kind == "node":  # each at a place of its own
            return "begin", BEGINNING
        return f"cut {len(strange)}", {lang: text.format(n=len(strange)) for lang, text in CUT.items()}
    if strange in given:
        return "part", PART
    if given not in strange:
        return None
    name = strange.replace(given, f"<{kind}_id>")
    return f"more {name}", {lang: text.format(name=name) for lang, text in MORE.items()}
