"""In which words does a report speak? English and Chinese, side by side; what a case found is told in English."""

from __future__ import annotations

from turnaffinity.contract.rules import FAMILIES, FAMILIES_ZH, RULES
from turnaffinity.problem import Problem

LANGUAGES = ("en", "zh")

ZH = {
    "on": "运行于",
    "reading": "解读",
    "seed": "种子",
    "cases": "用例",
    "expected": "预期",
    "observed": "实际",
    "known": "已知",
    "capsule": "复现文件",
    "pass": "通过",
    "fail": "违反",
    "warn": "警告",
    "not-claimed": "未声明",
    "unobservable": "不可观察",
    "not-run": "未执行",
    "skip": "跳过",
    "conforms": "符合",
    "violates": "违反",
    "incomplete": "不完整",
    "decisions seen": "观察到的决策",
    "not seen": "未观察到",
    "checks executed": "项检查已执行",
    "of": "/",
    "broken": "违反的规则",
    "nothing executed for": "没有执行任何用例",
    "only": "仅检查",
    "stale": "已通过却仍列为预期失败",
    "more failures of this rule": "个同一规则的失败",
    "more commands": "条命令",
    "and": "另有",
    "drawn at random": "随机抽取",
    "draws": "次抽取",
    "a choice that is not random passes with a chance below 1e-9": "非随机的选择误判通过的概率低于 1e-9",
    "every failure is expected": "所有失败均在预期之内",
    "level": "级别",
    "rule": "规则",
    "status": "状态",
    "statement": "内容",
    "failures": "失败详情",
    "rules": "规则",
    "client": "客户端",
    "script": "脚本",
    "decision": "决策",
    "wanted": "要求",
    "server": "服务器",
    "recorded": "记录",
    "now": "现在",
    "reproduced: the same case fails again": "已复现：同一用例再次失败",
    "passes now": "现在通过",
    "nothing on the wire was seen": "没有看到命令",
    "this command breaks the rule": "违反规则的命令",
    "conformance of turn affinity": "turn 亲和一致性报告",
}
"""What a report says in English, in Chinese."""


def check_language(lang: str) -> None:
    """Raise `Problem` for a language that no report speaks."""
    if lang not in LANGUAGES:
        raise Problem("--lang", f'"{lang}" is no language of a report', "use en or zh")


class Words:
    """The words of one language: `words("expected")`."""

    def __init__(self, lang: str = "en") -> None:
        self.lang = lang
        self._zh = lang == "zh"

    def __call__(self, phrase: str) -> str:
        """The phrase in this language; one that has no translation stays as it is."""
        return ZH.get(phrase, phrase) if self._zh else phrase

    def statement(self, rule_id: str) -> str:
        """A rule's statement, or its id where it is none of the contract."""
        rule = RULES.get(rule_id)
        if rule is None:
            return rule_id
        return rule.statement_zh if self._zh else rule.statement

    def family(self, name: str) -> str:
        """What a family of rules is about."""
        return (FAMILIES_ZH if self._zh else FAMILIES).get(name, name)
