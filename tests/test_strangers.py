"""Does the kit judge what strangers wrote? Right ones conform, wrong ones are caught by their own rule.

They were written from the design alone (`tests/strangers`): each right one in a way of its own, each wrong one with one
mistake, whose rule its first line names.
"""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from turnaffinity.contract.decisions import Reading, parse_reading
from turnaffinity.judging.judge import Judge
from turnaffinity.judging.run import run_suite, verify
from turnaffinity.judging.verdict import Report

FOLDER = Path(__file__).parent / "strangers"
EVERY_DAY = {"function_library.py"}
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
            continue  # it listens at a socket of its own, and is judged below
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


@pytest.mark.soak
def test_a_right_scheduler_that_listens_and_serves_one_connection_at_a_time_conforms(tmp_path: Path) -> None:
    program, path = FOLDER / "right" / "listens.py", tmp_path / "l.sock"
    with subprocess.Popen([sys.executable, str(program), str(path)], stdin=subprocess.PIPE) as process:
        try:
            deadline = time.monotonic() + 30
            while not path.exists():
                assert process.poll() is None
                assert time.monotonic() < deadline
            with Judge("adapter", f"unix://{path}", reading=reading_of(program), seed=1) as judge:
                report = verify(judge)
        finally:
            process.kill()
    assert [(rule.id, rule.failures[:1]) for rule in report.failed] == []
    assert report.verdict == "conforms"


@pytest.mark.parametrize("folder", ["right", "wrong"])
def test_the_table_beside_the_strangers_names_each_of_them_with_its_reading_or_rule(folder: str) -> None:
    text = (FOLDER / folder / "README.md").read_text(encoding="utf-8")
    for path in sorted((FOLDER / folder).glob("*.py")):
        found = (READING if folder == "right" else RULE).search(head(path))
        assert found is not None
        assert f"| `{path.name}` | {found[1] if folder == 'right' else found[0]} |" in text
