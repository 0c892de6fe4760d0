"""Which words does the contract use? One word, one meaning, in each language; the translations are held to them."""

from __future__ import annotations

TERMS: dict[str, str] = {
    "the note": "说明",
    "rule": "规则",
    "reading": "解读",
    "decision": "决策",
    "session": "session",
    "finalize": "finalize",
    "batch": "批次",
    "job": "job",
    "turn": "turn",
    "open turn": "当前 turn",
    "closed": "已关闭",
    "affinity": "亲和",
    "node": "节点",
    "pool": "池",
    "language pair": "语言对",
    "candidate": "候选节点",
    "job binding": "job 绑定",
    "write": "写入",
    "clear": "清除",
    "the wire": "发出的命令",
    "case": "用例",
    "wrong variant": "错误变体",
    "verdict": "结论",
}
"""English -> Chinese."""
