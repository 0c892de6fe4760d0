"""Does the kit judge what strangers wrote? Right ones conform, wrong ones are caught by their own rule.

They were written from the design alone (`tests/strangers`): each right one in a way of its own, each wrong one with one
mistake, whose rule its first line names.
"""

import re
import sys
from pathlib import Path

import pytest

from turnaffinity.contract.decisions import Reading, parse_reading
from turnaffinity.judging.judge import Judge
from turnaffinity.judging.run import run_suite, verify
from turnaffinity.judging.verdict import Report

FOLDER = Path(__file__).parent / "strangers"
EVERY_DAY = {"one_script_finalize.py", "function_library.py", "own_socket.py", "sweeps_superseded.py"}
"""The right schedulers that are judged every day; the others in the long form (`make soak`)."""

READING = re.compile(r"Reading (\S+?)\.(?:\s|$)")
RULE = re.compile(r"TA-[A-Z]+-\d+")


def head(path: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8").splitlines()[:4])


def reading_of(path: Path) -> Reading:
    found = READING.search(head(path))
    return parse_reading(found[1] if found else "intent")


def judge_of(path: Path) -> Judge:
    if path.suffix == ".lua":
        return Judge("lua", str(path), reading=reading_of(path), seed=1)
    return Judge("adapter", f"{sys.executable} {path}", reading=reading_of(path), seed=1)


def judged(path: Path) -> Report:
    with judge_of(path) as judge:
        return verify(judge)


def programs(folder: str, suffix: str) -> list[object]:
    found = []
    for path in sorted((FOLDER / folder).glob(f"*{suffix}")):
        if "sys.argv[1]" in path.read_text(encoding="utf-8"):
            continue  # it listens at a socket of its own, and is judged in test_adapter's way
        marks = [pytest.mark.soak] if folder == "right" and path.name not in EVERY_DAY else []
        found.append(pytest.param(path, id=path.name, marks=marks))
    return found


@pytest.mark.parametrize("path", programs("right", ".py"))
def test_a_right_scheduler_written_otherwise_conforms(path: Path) -> None:
    report = judged(path)
    assert [(rule.id, rule.failures[:1]) for rule in report.failed] == []
    assert report.verdict == "conforms"


@pytest.mark.parametrize("path", programs("lua/right", ".lua"))
def test_a_right_script_written_otherwise_conforms(path: Path) -> None:
    report = judged(path)
    assert [(rule.id, rule.failures[:1]) for rule in report.failed] == []
    assert report.verdict == "conforms"


@pytest.mark.parametrize("path", [*programs("wrong", ".py"), *programs("lua/wrong", ".lua")])
def test_a_wrong_one_is_caught_by_the_rule_that_owns_its_mistake(path: Path) -> None:
    named = RULE.search(head(path))
    assert named is not None
    with judge_of(path) as judge:
        results = run_suite(judge, (named[0],)).results
    assert "fail" in {result.outcome for result in results}
