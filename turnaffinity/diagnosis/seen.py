"""What do the scenes themselves show? Mistakes told from answers and commands, whatever known mistake they resemble."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.judging.verdict import CaseResult
from turnaffinity.showing.scene import commands_of, laid_out, last_request, pairs_asked
from turnaffinity.stage.evidence import FAULTY, MOST_WIRE_LINES

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


AS_IT_IS = {
    "en": "Answer the node id as it stands in the pool, with nothing around it.",
    "zh": "节点 id 按池中的原文返回，前后不加任何内容。",
}
NO_POOL = {
    "en": "It finds no node, and asks no pool for one.",
    "zh": "没有找到节点，也没有向任何池查询。",
}
NOT_TAKEN = {
    "en": "It finds no node, though it asks EXISTS of a candidate that is online.",
    "zh": "用 EXISTS 查过在线的候选节点，却仍然没有返回节点。",
}
ONE_IS_ONLINE = {
    "en": "EXISTS answers the number 1 for a node that is online: compare it with 1, not with true or a text.",
    "zh": "节点在线时 EXISTS 返回数字 1：请与 1 比较，不要与 true 或文本比较。",
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
    asked = last_request(result.steps)
    if asked is None or len(result.wire) >= MOST_WIRE_LINES:  # the wire goes on where evidence ends
        return None
    filled = _pools_in(commands_of(result.steps), layout)
    seen = _pools_in((command["argv"] for command in result.wire), layout)
    for pair in sorted(pairs_asked(asked)):
        served = [key for key, of_pair in filled.items() if of_pair == pair]
        others = [key for key, of_pair in seen.items() if of_pair == pair or of_pair not in pairs_asked(asked)]
        if served and others and not seen.keys() & set(served):
            return served[0], others[0], len(others) - 1
    return None


def online_asked(results: Sequence[CaseResult], layout: KeyLayout) -> list[CaseResult]:
    """The scenes whose wire asks EXISTS of a candidate that is online, if they are most."""
    found = [result for result in results if _asks_of_one_online(result, layout)]
    return found if 2 * len(found) > len(results) else []


def _asks_of_one_online(result: CaseResult, layout: KeyLayout) -> bool:
    given = laid_out(result.steps, layout)
    candidates = {layout.node_key(node) for members in given.pools.values() for node in members if node in given.online}
    asked = {str(part) for sent in result.wire if sent["argv"][0] == "EXISTS" for part in sent["argv"][1:]}
    return bool(asked & candidates)


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
    """Whether the last request has neither a binding nor an affinity to go by, under any reading, and no fault."""
    requests = [step for step in result.steps if step["op"] != "redis"]
    if not requests or requests[-1].get("process") == FAULTY:
        return False
    *before, asked = requests
    if asked["op"] == "select":
        return not asked.get("job_id") and not asked.get("turn_id")
    if asked["reason"] not in ("manual", "timeout"):
        return False
    turn = layout.patterns["turn"]
    recorded = ids_in(commands_of(result.steps), turn) & ids_in((command["argv"] for command in result.wire), turn)
    return not recorded and all(step.get("session_id") != asked["session_id"] for step in before)


def _names_a_pool(result: CaseResult, layout: KeyLayout) -> bool:
    before = layout.prefixes["pool"]
    return any(before in str(part) for command in result.wire for part in command["argv"])


def _pools_in(commands: Argvs, layout: KeyLayout) -> dict[str, str]:
    """The keys of pools that these commands name, each with its pair."""
    pattern = layout.patterns["pool"]
    return {str(part): match["pair"] for argv in commands for part in argv if (match := pattern.fullmatch(str(part)))}


def ids_in(commands: Argvs, pattern: re.Pattern[str]) -> set[str]:
    """The ids in the keys of one kind that these commands name."""
    return {match[1] for argv in commands for part in argv if (match := pattern.fullmatch(str(part)))}


def members_in(commands: Argvs, layout: KeyLayout) -> set[str]:
    """The nodes that the case laid out in pools."""
    pool = layout.patterns["pool"]
    return {
        str(member) for argv in commands if argv[0] == "SADD" and pool.fullmatch(str(argv[1])) for member in argv[2:]
    }


def answer_told(results: Sequence[CaseResult], layout: KeyLayout) -> tuple[Text, CaseResult] | None:
    """What stands around the node in an answer, if more of these scenes show it than show it as it is."""
    found: list[tuple[str, str, CaseResult]] = []
    right = 0
    for result in results:
        nodes = members_in(commands_of(result.steps), layout)
        right += result.observed in nodes
        inside = (node for node in nodes if node in result.observed)
        around = (node for node in inside if re.fullmatch(rf"[^\w\s]+{re.escape(node)}[^\w\s]*", result.observed))
        found += [(result.observed, node, result) for node in around]
    if len(found) < FEW or len(found) <= right:
        return None
    observed, node, scene = min(found, key=lambda each: len(each[2].wire))
    return {
        "en": f"It answers {observed} where the node is called {node}.",
        "zh": f"节点名是 {node}，它却返回了 {observed}。",
    }, scene
