"""Does a failure read as a sentence? No Python shows through in what was expected and what was observed."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from turnaffinity.contract.decisions import PRESETS
from turnaffinity.judging.run import run_suite
from turnaffinity.judging.suite import suite_folder
from turnaffinity.stage.evidence import in_words
from turnaffinity.stage.judge import Judge
from turnaffinity.stage.stage import Stage

PYTHON = re.compile(r"""(?<![:\w])None\b|(?<!ARGV)\[['"\-\d\]]|\{['"}]|\(['"]|\(None|set\(|Counter""")
"""None, lists, dictionaries, tuples and sets as Python prints them."""


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "nothing"),
        ("n1", "n1"),
        ("", "an empty text"),
        (["n1", None], "n1, none"),
        ([], "nothing"),
        (("a", "b"), "a, b"),
        ({"b", "a"}, "a, b"),
        ({"muted": "no", "lang": "zh"}, "lang=zh, muted=no"),
        ({}, "no fields"),
        (7, "7"),
    ],
)
def test_a_value_is_told_without_python(value: object, words: str) -> None:
    assert in_words(value) == words


def test_no_case_quotes_a_value_as_python_does() -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in suite_folder().rglob("test_*.py")}
    assert [name for name, text in texts.items() if "!r}" in text] == []


ALWAYS_WRONG = """
import json, sys, uuid
for line in sys.stdin:
    r = json.loads(line)
    if r["op"] == "bye":
        break
    langs = r.get("room_langs") or [r.get("tgt_lang")]
    jobs = [{"job_id": str(uuid.uuid4()), "tgt_lang": lang, "node_id": None} for lang in langs]
    ok = {
        "hello": {"name": "x", "ops": ["finalize", "select"]},
        "select": {"node_id": "nobody" if r.get("turn_id") else None},
        "finalize": {"turn_id": str(uuid.uuid4()), "jobs": jobs},
    }
    print(json.dumps({"id": r["id"], "ok": ok[r["op"]]}), flush=True)
"""


def test_what_a_wrong_implementation_is_told_reads_as_sentences(tmp_path: Path) -> None:
    program = tmp_path / "wrong.py"
    program.write_text(ALWAYS_WRONG, encoding="utf-8")
    rules = ("TA-KEY-*", "TA-TURN-*", "TA-SEL-1", "TA-SEL-7", "TA-WRITE-*", "TA-CLEAR-[1256]", "TA-BIND-1")
    with Judge("adapter", f"{sys.executable} -S {program}", reading=PRESETS["intent"], seed=5) as judge:
        failed = [result for result in run_suite(judge, rules).results if result.outcome == "fail"]
    assert len(failed) > 100
    told = {text for result in failed for text in (result.expected, result.observed)}
    assert sorted(text for text in told if PYTHON.search(text) or not text.strip()) == []


@pytest.mark.long
@pytest.mark.parametrize("reading", ["intent", "continuous"])
def test_what_every_claim_expects_reads_as_a_sentence(monkeypatch: pytest.MonkeyPatch, reading: str) -> None:
    """A claim says what it expects before it is known to hold: on the reference every text is seen."""
    told: set[str] = set()
    claim = Stage.claim

    def heard(stage: Stage, holds: bool, expected: str, observed: Any, *more: Any) -> None:
        told.update({expected, in_words(observed).replace("None", "nothing")})  # where it holds there is nothing to see
        claim(stage, holds, expected, observed, *more)

    monkeypatch.setattr(Stage, "claim", heard)
    with Judge("reference", reading=PRESETS[reading], seed=3) as judge:
        run_suite(judge)
    assert len(told) > 1000
    assert sorted(text for text in told if PYTHON.search(text)) == []
