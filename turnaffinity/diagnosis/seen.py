"""What do the scenes themselves show? Mistakes told from answers and commands, whatever known mistake they resemble."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.judging.verdict import CaseResult
from turnaffinity.showing.scene import pairs_asked
from turnaffinity.stage.evidence import MOST_WIRE_LINES

Text = dict[str, str]
"""By language."""

Argvs = Iterable[Sequence[Any]]
"""Commands as their arguments."""

SCRIPT_ENDED = "the script ended with an error: "

SCRIPT_LINE = re.compile(r"user_script:(\d+)")
"""Where Redis says that an error in a script arose."""

AROUND_ERROR = re.compile(r"^(?:ERR )?(?:user_script:\d+: )?|,? script: \S.*$", re.DOTALL)
"""What Redis puts before and after Lua's own words."""

FALSE_FOR_NIL = re.compile(r"boolean value|boolean with")

AN_ANSWER = "an answer to "
"""What a case expects that needs an answer to go on; the request follows."""

ANSWER = {
    "en": "Mend what the scene shows under `got`, and judge again.",
    "zh": "先修正场景中“实际”一行所示的问题，再重新检查。",
}
NIL_IS_FALSE = {
    "en": "A key or field that is not there comes to Lua as false, not nil: test it with `if not value`.",
    "zh": "不存在的键或字段在 Lua 里得到的是 false 而不是 nil：请用 `if not value` 判断。",
}
EVERY_POOL = {
    "en": "Ask every pool of the pair, from lingua:v1:pool:<pair>:0:nodes on, with the pair exactly as it is given.",
    "zh": "从 lingua:v1:pool:<pair>:0:nodes 起查询该语言对的每一个池；语言对要按传入的原文使用。",
}


NO_POOL = {
    "en": "It finds no node, and asks no pool for one.",
    "zh": "没有找到节点，也没有向任何池查询。",
}
REMEMBERED = {
    "en": "It draws a node without asking any pool: it goes by what it remembers from before.",
    "zh": "不查询任何池就选出了节点：用的是先前记下的结果。",
}
READ_ANEW = {
    "en": "Read the pair's pools, and EXISTS of the node, anew for each selection; keep no copy in the process.",
    "zh": "每次选择节点都重新查询该语言对的池并用 EXISTS 检查节点，进程里不留副本。",
}


def error_in(result: CaseResult) -> str:
    """The error with which a request ended that wanted an answer; "" where it did not, or found no node."""
    if "answer to " not in result.expected or is_no_node(result.observed):
        return ""
    return result.observed.partition("\n")[0]


def is_no_node(observed: str) -> bool:
    """Whether a case observed that no node was found."""
    return observed.replace("_", " ").startswith(("no node", "error no node"))


def error_line(result: CaseResult) -> int | None:
    """The line of the script that its own error names."""
    found = SCRIPT_LINE.search(error_in(result))
    return int(found[1]) if found else None


def error_told(result: CaseResult) -> tuple[Text, Text]:
    """An error where an answer was due, in its own words, and how it is mended."""
    error = error_in(result)
    if SCRIPT_ENDED in error:
        what, line = AROUND_ERROR.sub("", error.partition(SCRIPT_ENDED)[2]).rstrip("."), error_line(result)
        says = {
            "en": f"The script ends with an error{f' at line {line}' if line else ''}: {what}.",
            "zh": f"脚本{f'在第 {line} 行' if line else ''}出错终止：{what}。",
        }
        return says, NIL_IS_FALSE if FALSE_FOR_NIL.search(what) else ANSWER
    words = error.removeprefix("error ").removeprefix("no usable answer: ").rstrip(".")
    return {
        "en": f"It ends with an error where an answer is due: {words}.",
        "zh": f"应当给出结果时却出错：{words}。",
    }, ANSWER


def pools_told(results: Sequence[CaseResult], layout: KeyLayout) -> tuple[Text, CaseResult] | None:
    """Which pools were asked in place of those where the candidates are, if most of these scenes show it."""
    found = [(result, asked) for result in results if (asked := _asked_elsewhere(result, layout))]
    if 2 * len(found) <= len(results):
        return None
    scene, asked = min(found, key=lambda each: len(each[0].wire))
    right, wrong, more = asked
    more_en, more_zh = (f" and {more} more", f" 等 {more + 1} 个键") if more else ("", "")
    return {
        "en": f"It never asks {right}, where the candidates are; it asks {wrong}{more_en}.",
        "zh": f"从不查询候选节点所在的 {right}，而是查询 {wrong}{more_zh}。",
    }, scene


def _asked_elsewhere(result: CaseResult, layout: KeyLayout) -> tuple[str, str, int] | None:
    """A pool with members that the last step never asks, one that it asks instead, and how many more it asks."""
    asked = next((step for step in reversed(result.steps) if step["op"] != "redis"), None)
    if asked is None or len(result.wire) >= MOST_WIRE_LINES:  # the wire goes on where evidence ends
        return None
    filled = _pools_in((step["command"] for step in result.steps if step["op"] == "redis"), layout)
    seen = _pools_in((command["argv"] for command in result.wire), layout)
    for pair in sorted(pairs_asked(asked)):
        served = [key for key, of_pair in filled.items() if of_pair == pair]
        others = [key for key, of_pair in seen.items() if of_pair == pair or of_pair not in pairs_asked(asked)]
        if served and others and not seen.keys() & set(served):
            return served[0], others[0], len(others) - 1
    return None


def asks_no_pool(results: Sequence[CaseResult], layout: KeyLayout) -> bool:
    """Whether most of these scenes name no pool's key on the wire."""
    return 2 * sum(not _names_a_pool(result, layout) for result in results) > len(results)


def drawn_unasked(results: Sequence[CaseResult], layout: KeyLayout) -> list[CaseResult]:
    """The scenes with a draw whose wire names no pool's key, if they are most of those with a draw."""
    drawing = [result for result in results if result.wire and _has_to_draw(result, layout)]
    unasked = [result for result in drawing if not _names_a_pool(result, layout)]
    return unasked if len(drawing) >= FEW and 2 * len(unasked) > len(drawing) else []


FEW = 3
"""Fewer scenes than this show no habit."""


def _has_to_draw(result: CaseResult, layout: KeyLayout) -> bool:
    """Whether the last request has neither a binding nor an affinity to go by, under any reading."""
    requests = [step for step in result.steps if step["op"] != "redis"]
    if not requests:
        return False
    *before, asked = requests
    if asked["op"] == "select":
        return not asked.get("job_id") and not asked.get("turn_id")
    if asked["reason"] not in ("manual", "timeout"):
        return False
    turn, commands = layout.patterns["turn"], [step["command"] for step in result.steps if step["op"] == "redis"]
    recorded = _ids(commands, turn) & _ids((command["argv"] for command in result.wire), turn)
    return not recorded and all(step.get("session_id") != asked["session_id"] for step in before)


def _names_a_pool(result: CaseResult, layout: KeyLayout) -> bool:
    before = layout.prefixes["pool"]
    return any(before in str(part) for command in result.wire for part in command["argv"])


def _pools_in(commands: Argvs, layout: KeyLayout) -> dict[str, str]:
    """The keys of pools that these commands name, each with its pair."""
    pattern = layout.patterns["pool"]
    return {str(part): match["pair"] for argv in commands for part in argv if (match := pattern.fullmatch(str(part)))}


@dataclass(frozen=True, slots=True)
class Changed:
    """An id that gets into its key otherwise than it was given: `kind` of the key, and `how`."""

    kind: str
    how: str
    told: Text

    def says(self, layout: KeyLayout) -> Text:
        """The mistake in a sentence."""
        key = self.key(layout)
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


CASE = {"en": "upper and lower case are not kept", "zh": "大小写没有保留"}
CUT = {"en": "only the first {n} characters are kept", "zh": "只保留了前 {n} 个字符"}
PART = {"en": "only a part of it is kept", "zh": "只保留了其中一部分"}
MORE = {"en": "it becomes {name}", "zh": "变成了 {name}"}


def changed_id(results: Sequence[CaseResult], layout: KeyLayout) -> Changed | None:
    """How an id is changed on its way into its key, if most of these scenes show it, and all in the same way."""
    found = [changed for result in results if (changed := _changed_in(result, layout))]
    if 2 * len(found) <= len(results):
        return None
    (kind, how), count = Counter((each.kind, each.how) for each in found).most_common(1)[0]
    return next(each for each in found if (each.kind, each.how) == (kind, how)) if count == len(found) else None


def _changed_in(result: CaseResult, layout: KeyLayout) -> Changed | None:
    asked = next((step for step in reversed(result.steps) if step["op"] != "redis"), None)
    if asked is None:
        return None
    commands = [step["command"] for step in result.steps if step["op"] == "redis"]
    for kind in ("session", "turn", "job"):
        pattern = layout.patterns[kind]
        laid_out = _ids(commands, pattern)
        asked_for = {str(step.get(f"{kind}_id") or "") for step in result.steps}
        sent = _ids((command["argv"] for command in result.wire), pattern)
        given = {str(asked.get(f"{kind}_id") or "")} | (
            _open_turns(asked, commands, layout) if kind == "turn" else set()
        )
        for each in given - sent - {""}:
            for strange in sent - laid_out - asked_for:
                if told := _how(each, strange, kind):
                    return Changed(kind, told[0], told[1])
    return None


def _open_turns(asked: Mapping[str, Any], commands: Argvs, layout: KeyLayout) -> set[str]:
    """The open turn that the case laid out for the session that is asked about."""
    session = layout.session_key(str(asked.get("session_id") or ""))
    of_session = (list(argv) for argv in commands if len(argv) > 3 and argv[0] == "HSET" and argv[1] == session)
    return {str(value) for argv in of_session for field, value in zip(argv[2::2], argv[3::2], strict=False)
            if field == layout.current_turn_field}  # fmt: skip


def _ids(commands: Argvs, pattern: re.Pattern[str]) -> set[str]:
    return {match[1] for argv in commands for part in argv if (match := pattern.fullmatch(str(part)))}


def _how(given: str, strange: str, kind: str) -> tuple[str, Text] | None:
    """In which way the one became the other; None where they have nothing to do with each other."""
    if given.casefold() == strange.casefold():
        return "case", CASE
    if not strange:
        return None
    if given.startswith(strange):
        return f"cut {len(strange)}", {lang: text.format(n=len(strange)) for lang, text in CUT.items()}
    if strange in given:
        return "part", PART
    if given not in strange:
        return None
    name = strange.replace(given, f"<{kind}_id>")
    return f"more {name}", {lang: text.format(name=name) for lang, text in MORE.items()}
