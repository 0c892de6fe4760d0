"""Does the audit say which mistake a trace shows, on one screen, and does an incomplete run say what to write next?"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import jsonschema
import pytest
from command_line import typed

from turnaffinity.audit.run import audit_files
from turnaffinity.contract.decisions import PRESETS
from turnaffinity.diagnosis.missing import NEXT
from turnaffinity.diagnosis.mistake import Mistake
from turnaffinity.diagnosis.patterns import known_mistakes
from turnaffinity.diagnosis.telling import Told, _is_minor, forms
from turnaffinity.diagnosis.traces import TRACE, mistakes_of_trace
from turnaffinity.judging.verdict import CaseResult
from turnaffinity.reports import schema
from turnaffinity.showing.wording import Words
from turnaffinity.stage.state import KeyState, difference

TURN, OTHER = "0b6f5a52-6f0a-4b0e-9a52-0f6d6a3f1c01", "7d1c2c0e-58a1-4d43-8b1a-93f7b9b0aa02"
RIGHT = [
    ("10.0.0.5:1", '"HGET" "scheduler:session:s1" "current_turn_id"'),
    ("10.0.0.5:1", f'"HGET" "scheduler:turn:{TURN}" "affinity_node_id"'),
    ("10.0.0.5:1", '"MULTI"'),
    ("10.0.0.5:1", f'"HSET" "scheduler:turn:{TURN}" "affinity_node_id" "n1"'),
    ("10.0.0.5:1", f'"HSET" "scheduler:session:s1" "current_turn_id" "{TURN}"'),
    ("10.0.0.5:1", '"EXEC"'),
    ("10.0.0.5:1", '"WATCH" "scheduler:session:s1"'),
    ("10.0.0.5:1", '"HGET" "scheduler:session:s1" "current_turn_id"'),
    ("10.0.0.5:1", '"MULTI"'),
    ("10.0.0.5:1", f'"HDEL" "scheduler:turn:{TURN}" "affinity_node_id"'),
    ("10.0.0.5:1", '"HDEL" "scheduler:session:s1" "current_turn_id"'),
    ("10.0.0.5:1", '"EXEC"'),
    ("10.0.0.5:1", f'"HGET" "scheduler:turn:{OTHER}" "affinity_node_id"'),
]
WRONG = {
    "TA-NEVER-1": (6, ("10.0.0.9:1", f'"EXPIRE" "scheduler:turn:{TURN}" "300"'), r"EXPIRE for scheduler:turn"),
    "TA-CLEAR-5": (10, ("10.0.0.5:1", '"DEL" "scheduler:session:s1"'), r"HDEL of its field current_turn_id"),
    "TA-KEY-3": (2, ("10.0.0.5:1", f'"HGET" "scheduler:turn:{TURN}" "timeout_node_id"'), r"affinity_node_id"),
}
"""rule -> after which line of the right trace which wrong one comes, and what the mend says."""


def trace(path: Path, wrong: str | None = None) -> Path:
    lines = list(RIGHT)
    if wrong:
        at, line, _ = WRONG[wrong]
        lines.insert(at, line)
    text = "".join(f"{1700000000 + at / 1000:.6f} [0 {who}] {what}\n" for at, (who, what) in enumerate(lines))
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("rule", WRONG)
def test_a_wrong_line_in_a_trace_is_told_with_its_likely_mistake_and_its_mend(rule: str, tmp_path: Path) -> None:
    report = audit_files([str(trace(tmp_path / "wrong.log", rule))], reading=PRESETS["intent"])
    assert report.failed == [rule]
    (mistake,) = mistakes_of_trace(report.rules)
    assert mistake.rules == (rule,) and re.search(WRONG[rule][2], mistake.mend["en"])
    owner = {known.id: known.rule for known in known_mistakes()}
    assert mistake.looks_like and owner[mistake.looks_like] == rule


def test_a_right_trace_has_no_mistakes(tmp_path: Path) -> None:
    report = audit_files([str(trace(tmp_path / "right.log"))], reading=PRESETS["intent"])
    assert report.verdict == "conforms"
    assert mistakes_of_trace(report.rules) == []
    assert report.as_dict()["mistakes"] == []


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("rule", WRONG)
def test_the_report_on_a_trace_with_one_mistake_fits_a_screen_and_says_line_turn_and_mend(
    rule: str, lang: str, tmp_path: Path
) -> None:
    words = Words(lang)
    ran = typed("audit", trace(tmp_path / "wrong.log", rule), "--lang", lang)
    lines = ran.stdout.splitlines()
    assert ran.returncode == 1 and len(lines) <= 40
    assert lines[0].startswith("1. ")
    said = "\n".join(lines)
    assert re.search(rf"^   {words('mend')} ", said, re.M) and re.search(rf"^   {words('turn')} .*T1", said, re.M)
    assert re.search(rf"^   > +{WRONG[rule][0] + 1}  ", said, re.M)
    shown = [line for line in lines if not line.startswith(("T1 ", "T2 "))]
    assert TURN not in "\n".join(shown)


def test_all_shows_every_rule_of_a_trace_and_every_failure(tmp_path: Path) -> None:
    ran = typed("audit", trace(tmp_path / "wrong.log", "TA-NEVER-1"), "--all")
    assert re.search(r"^TA-KEY-1 +MUST +pass", ran.stdout, re.M)
    assert "TA-NEVER-1  line 7" in ran.stdout


def test_the_mistakes_of_a_trace_are_in_its_json_its_markdown_and_its_page(tmp_path: Path) -> None:
    files = {name: tmp_path / f"out.{name}" for name in ("json", "html", "markdown")}
    options = [part for name, path in files.items() for part in (f"--{name}", path)]
    typed("audit", trace(tmp_path / "wrong.log", "TA-NEVER-1"), *options)
    data = json.loads(files["json"].read_text(encoding="utf-8"))
    jsonschema.validate(data, json.loads(schema.schema_text()))
    (mistake,) = data["mistakes"]
    assert mistake["rules"] == ["TA-NEVER-1"] and mistake["line"] == 7
    assert mistake["mend"] in files["html"].read_text(encoding="utf-8").replace("&lt;", "<").replace("&gt;", ">")
    markdown = files["markdown"].read_text(encoding="utf-8")
    assert markdown.startswith("## ") and "**1. " in markdown and "EXPIRE scheduler:turn:T1 300" in markdown


def test_a_trace_that_ends_within_its_failure_shows_each_line_once(tmp_path: Path) -> None:
    path = trace(tmp_path / "wrong.log", "TA-KEY-3")
    report = audit_files([str(path)], reading=PRESETS["intent"])
    (failure,) = next(rule["failures"] for rule in report.rules if rule["id"] == "TA-KEY-3")
    numbers = [line["line"] for line in failure["wire"]]
    assert numbers == sorted(set(numbers))


def test_mistakes_that_traffic_shows_have_a_pattern_of_their_own() -> None:
    shown = {known.rule for known in known_mistakes() if TRACE in known.fails}
    assert {"TA-KEY-1", "TA-KEY-2", "TA-KEY-3", "TA-WRITE-2", "TA-CLEAR-1", "TA-CLEAR-5", "TA-NEVER-1"} <= shown


# one screen


def made(known: bool, wire: int) -> Told:
    rows = (("breaks", "TA-X"), ("mend", "do it"), ("given", "n1"), ("got", "n2"))
    return Told("Wrong.", "MUST", rows, tuple(f"line {at}" for at in range(wire)), ("TA-X",), known, ("breaks", "mend"))


def test_the_first_mistake_is_shown_whole_and_each_known_one_at_least_with_its_mend() -> None:
    told = [made(True, 30), made(True, 10), made(False, 10)]
    assert forms(told, 20, Words("en")) == ["full", "brief", "row"]
    assert forms(told, 500, Words("en")) == ["full", "full", "full"]
    assert forms(told[:1], 5, Words("en")) == ["full"]
    assert forms([], 5, Words("en")) == []


def test_what_is_shown_of_several_mistakes_fits_the_room_where_it_can() -> None:
    told = [made(True, 5), made(True, 5), made(False, 5), made(False, 5)]
    for room in range(20, 60):
        chosen = forms(told, room, Words("en"))
        size = sum((form != "row") + 1 + len(each.lines(None, form)) for each, form in zip(told, chosen, strict=True))
        assert size <= max(room, 1 + 1 + 4 + 5 + 1 + 1 + 2 + 1 + 1)


# what changed


def test_of_a_hash_only_what_differs_is_told() -> None:
    before = {"h": KeyState("hash", {"a": "1", "b": "2", "c": "3"}), "s": KeyState("set", frozenset({"x", "y"}))}
    after = {"h": KeyState("hash", {"a": "1", "b": "5", "d": "4"}, 99), "s": KeyState("set", frozenset({"y", "z"}))}
    assert difference(before, after) == [
        "h has b=5 in place of b=2", "h lost c=3", "h gained d=4", "h got a TTL", "s lost x", "s gained z",
    ]  # fmt: skip
    assert difference(after, after) == []
    kept = {"h": KeyState("hash", {"a": "1"}, 99)}
    assert difference(kept, {"h": KeyState("hash", {"a": "1"})}) == ["h has no TTL any more"]
    assert difference(kept, {"h": KeyState("hash", {"a": "1"}, 100)}) == ["h has another TTL"]
    assert difference({"h": KeyState("string", "1")}, kept) == ["h was 1 and is {a=1} with a TTL"]


# an incomplete run

HALF = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if asked.get("v") not in (None, 1):
        answer = {"error": {"code": "bad_request", "message": "no such version", "supported": [1]}}
    elif asked["op"] == "hello":
        answer = {"ok": {"name": "half", "version": "1", "protocol": 1, "ops": ["finalize"]}}
    elif asked["op"] == "bye":
        answer = {"ok": {}}
    else:
        answer = {"error": {"code": "unsupported", "message": "not yet"}}
    print(json.dumps({"id": asked["id"], **answer}), flush=True)
    if asked["op"] == "bye":
        break
"""


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_an_incomplete_run_says_its_reason_once_and_what_to_write_next(lang: str, tmp_path: Path) -> None:
    (tmp_path / "half.py").write_text(HALF, encoding="utf-8")
    ran = typed("verify", "--adapter", f"{sys.executable} {tmp_path / 'half.py'}", "--lang", lang)
    assert ran.returncode == 1
    words = Words(lang)
    assert len(ran.stdout.splitlines()) <= 40
    assert ran.stdout.count("`unsupported`") == 1
    said = "".join(line.strip() for line in ran.stdout.splitlines()).replace(" ", "")
    assert words.told(NEXT["`finalize` is not offered"]).replace(" ", "")[:40] in said


def test_the_only_mistake_is_shown_however_few_checks_it_fails() -> None:
    case = CaseResult("TA-SEL-1", "test_x[]", "fail", "x", expected="n1", observed="n2")
    alone = Mistake({"en": "a"}, {"en": "b"}, (case,), case)
    larger = Mistake({"en": "c"}, {"en": "d"}, (case, case, case), case)
    assert not _is_minor(alone, [alone])
    assert _is_minor(alone, [alone, larger]) and not _is_minor(larger, [alone, larger])
