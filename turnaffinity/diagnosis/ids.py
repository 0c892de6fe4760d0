"""Is an id changed, or taken for another, on its way into its key? Told from what was given and what was sent."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.diagnosis.seen import Argvs, Text, ids_in, members_in
from turnaffinity.judging.verdict import CaseResult

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
    found = [(changed, result) for result in results if (changed := next(_changed_in(result, layout), None))]
    counts = Counter(changed.kind + changed.how for changed, _ in found)
    if not counts:
        return None
    name, count = counts.most_common(1)[0]
    if 2 * count < len(results):
        return None
    return min((pair for pair in found if pair[0].kind + pair[0].how == name), key=lambda pair: len(pair[1].wire))


def _changed_in(result: CaseResult, layout: KeyLayout) -> Iterator[Changed]:
    asked = next((step for step in reversed(result.steps) if step["op"] != "redis"), None)
    if asked is None:
        return
    commands = [step["command"] for step in result.steps if step["op"] == "redis"]
    sent = {kind: ids_in((command["argv"] for command in result.wire), layout.patterns[kind]) for kind in KINDS}
    known = {kind: ids_in(commands, layout.patterns[kind]) for kind in KINDS}
    for kind in OF_A_REQUEST:
        known[kind] |= {str(step.get(f"{kind}_id") or "") for step in result.steps}
    given = {kind: {str(asked.get(f"{kind}_id") or "")} - {""} for kind in OF_A_REQUEST}
    given["turn"] |= _open_turns(asked, commands, layout)
    given["node"] = members_in(commands, layout)
    for kind in KINDS:
        for each in given[kind] - sent[kind]:
            for strange in sent[kind] - known[kind] - given[kind]:
                if told := _how(each, strange, kind):
                    yield Changed(kind, *told)
    for kind, other in (("job", "turn"), ("turn", "job"), ("turn", "session"), ("session", "turn")):
        if (given[other] - given[kind] - known[kind]) & sent[kind]:
            yield Changed(kind, f"other {other}", {}, other)


KINDS = (*OF_A_REQUEST, "node")


def _open_turns(asked: Mapping[str, Any], commands: Argvs, layout: KeyLayout) -> set[str]:
    """The open turn that the case laid out for the session that is asked about."""
    session = layout.session_key(str(asked.get("session_id") or ""))
    of_session = (list(argv) for argv in commands if len(argv) > 3 and argv[0] == "HSET" and argv[1] == session)
    pairs = (pair for argv in of_session for pair in zip(argv[2::2], argv[3::2], strict=False))
    return {str(value) for field, value in pairs if field == layout.current_turn_field}


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
