"""In which words is something shown? English and Chinese, side by side; what a case found is told in English."""

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
    "not judged in full": "未能完整检查",
    "no job ever got a node: is the layout right?": "没有任何 job 分到节点：layout 对吗？",
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
    "wanted": "应为",
    "server": "服务器",
    "recorded": "记录",
    "now": "现在",
    "reproduced: the same case fails again": "已复现：同一用例再次失败",
    "passes now": "现在通过",
    "nothing on the wire was seen": "没有看到命令",
    "this command breaks the rule": "违反规则的命令",
    "conformance of turn affinity": "turn 亲和一致性报告",
    # keys, wire and steps
    "keys": "键",
    "keys before": "之前的键",
    "keys after": "之后的键",
    "what changed": "变化",
    "key": "键",
    "field": "字段",
    "value": "值",
    "none": "无",
    "nothing": "无",
    "no TTL": "无 TTL",
    "expires": "会过期",
    "on the wire": "发出的命令",
    "{n} more commands": "另有 {n} 条命令",
    "one more command": "另有一条命令",
    "{n} commands": "共 {n} 条命令",
    "and {n} more of the kind": "另有 {n} 条同类命令",
    "pool": "池",
    "one atomic step": "一个原子步骤",
    "one atomic step of {n} commands": "一个原子步骤，内含 {n} 条命令",
    "searches all keys": "扫描所有键",
    "where the draw begins": "抽取的起点",
    "takes the TTL off the turn's hash": "去掉 turn 哈希的 TTL",
    "takes the TTL off the session's hash": "去掉 session 哈希的 TTL",
    "gives the turn's hash a TTL": "给 turn 哈希设 TTL",
    "gives the session's hash a TTL": "给 session 哈希设 TTL",
    "reads the affinity": "读取亲和",
    "looks for the affinity": "查看是否有亲和",
    "writes the affinity": "写入亲和",
    "deletes the affinity": "删除亲和",
    "reads the turn's hash": "读取 turn 哈希",
    "looks for the turn's hash": "查看 turn 哈希",
    "writes the turn's hash": "写入 turn 哈希",
    "deletes the turn's hash": "删除 turn 哈希",
    "reads the open turn": "读取当前 turn",
    "looks for the open turn": "查看是否有当前 turn",
    "writes the open turn": "写入当前 turn",
    "deletes the open turn": "删除当前 turn",
    "reads the session's hash": "读取 session 哈希",
    "looks for the session's hash": "查看 session 哈希",
    "writes the session's hash": "写入 session 哈希",
    "deletes the session's hash": "删除 session 哈希",
    "reads the job's binding": "读取 job 绑定",
    "looks for the job's binding": "查看 job 绑定",
    "writes the job's binding": "写入 job 绑定",
    "deletes the job's binding": "删除 job 绑定",
    "is any of these a pool?": "这些池存在吗？",
    "how many nodes?": "有多少节点？",
    "which nodes?": "有哪些节点？",
    "is the node in it?": "节点在池中吗？",
    "takes a node that is gone out": "移除已下线的节点",
    "is the node online?": "节点在线吗？",
    "in which pool is the node?": "节点在哪个池？",
    "which pools was it in?": "节点曾在哪些池？",
    "no node": "无节点",
    "turn": "turn",
    "job": "job",
    "finalize": "finalize",
    "open turn": "当前 turn",
    # the demo
    "A long speech in a room of three languages": "三种语言的房间里的一次长发言",
    "jobs": "job",
    "; ": "；",
    "all jobs on one node": "所有 job 在同一节点",
    "the batch is scattered over {n} nodes": "同一批 job 分散在 {n} 个节点",
    "{n} of {all} jobs on the node recorded before": "{all} 个 job 中有 {n} 个落在此前记录的节点",
    "{node} is gone, and serves none of them": "{node} 已下线，没有分到 job",
    "a turn key that no session names, left for ever": "留下一个没有 session 指向的 turn 键，永不删除",
    "{n} turn keys that no session names, left for ever": "留下 {n} 个没有 session 指向的 turn 键，永不删除",
    "wire": "命令",
    "changed": "变化",
    "heard": "听到",
    "{nodes} online": "{nodes} 在线",
    "{nodes} gone": "{nodes} 已离线",
    "pool {pool} of {pair}: {nodes}": "{pair} 的 pool {pool}：{nodes}",
    "{n} more pools": "另有 {n} 个 pool",
    "{n} more": "另外 {n} 个",
    "turn {turn} records {node}": "turn {turn} 记录 {node}",
    "open turn of {session}: {turn}": "{session} 的当前 turn：{turn}",
    "job {job} bound to {node}": "job {job} 已绑定 {node}",
    "{n} steps before this one": "此前还有 {n} 步",
    "one step before this one": "此前还有一步",
    "nobody": "无",
    "select a node for {pair}, job {job}, turn {turn}": "为 {pair} 选节点，job {job}，turn {turn}",
    "finalize {session} with {reason}, {src} to {to}{where}": "以 {reason} finalize {session}，{src} 译为 {to}{where}",
    " in a room": "（房间）",
    " in a room without others": "（没有其他人的房间）",
    "what is wrong": "问题所在",
    "given": "已知",
    "asked": "要求",
    "got": "实际",
    "mend": "修正",
    "breaks": "违反",
    "line": "行",
    "perhaps": "可能",
    "asked last": "最后一次查询",
    "looks like": "类似",
    "resembles no known mistake": "与已知的错误都不相似",
    "explains {n} of {all} failed checks": "解释了 {all} 项失败中的 {n} 项",
    "{n} of {all} pass": "{all} 条中 {n} 条通过",
    "{n} more: {rules}": "另有 {n} 个：{rules}",
    "every rule and every failure: --all": "每条规则与每项失败：--all",
    "the whole speech": "整个发言",
    "recorded afterwards": "之后的记录",
    " (left)": "（残留）",
}
"""What a report says in English, in Chinese."""


def check_language(lang: str) -> None:
    """Raise `Problem` for a language that no report speaks."""
    if lang not in LANGUAGES:
        raise Problem("--lang", f'"{lang}" is no language of ours', "use en or zh")


class Words:
    """The words of one language: `words("expected")`."""

    def __init__(self, lang: str = "en") -> None:
        self.lang = lang
        self._zh = lang == "zh"

    def __call__(self, phrase: str, **values: object) -> str:
        """The phrase in this language, its `{names}` filled in; one that has no translation stays as it is."""
        said = ZH.get(phrase, phrase) if self._zh else phrase
        return said.format(**values) if values else said

    def statement(self, rule_id: str) -> str:
        """A rule's statement, or its id where it is none of the contract."""
        rule = RULES.get(rule_id)
        if rule is None:
            return rule_id
        return rule.statement_zh if self._zh else rule.statement

    def family(self, name: str) -> str:
        """What a family of rules is about."""
        return (FAMILIES_ZH if self._zh else FAMILIES).get(name, name)
