"""Does the kit judge what strangers wrote? Right ones conform, wrong ones are caught by their own rule.

They were written from the design alone (`tests/strangers`): each right one in a way of its own, each wrong one with one
mistake, whose rule its first line names. Those under `whole` keep much else in Redis beside the contract.
"""

import re
import subprocess
import sys
import textwrap
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from turnaffinity.contract.decisions import Reading, parse_reading
from turnaffinity.contract.rules import judged_only_with_faults
from turnaffinity.judging.run import run_suite, verify
from turnaffinity.judging.verdict import Report
from turnaffinity.stage.judge import Judge

FOLDER = Path(__file__).parent / "strangers"
EVERY_DAY = {
    "group_jobs_lose_the_turn.py", "pointer_before_turn.py", "remembers_open_turn.py", "session_ttl_second_time.py",
}  # fmt: skip
"""The schedulers that are judged every day; the others in the long form (`make soak`)."""
SLOW = {"seeded_by_seconds.lua", "round_robin.lua", "skips_the_last.lua"}
"""Scripts whose choice shows only after many draws: in the long form too."""
IN_CI = {
    "fallback_deletes_session.py",
    "no_node_no_clear.py",
    "rooms_clear_late.py",
    "function_library.py",
    "hgetall.lua",
    "own_window.lua",
    "exists_first.lua",
    "seeded_by_turn.lua",
    "ids_as_patterns.lua",
    "names_put_together.lua",
    "pool_then_srandmember.lua",
    "shuffled_once.lua",
    "multiplexed.py",
    "multiplexed_slot.py",
    "script_load.py",
    "job_machine.py",
    "declared_half.py",
    "queue_expires.py",
    "script_overwrites.py",
}
"""Those that are judged in CI (`make long`)."""

VARIATIONS = tomllib.loads((FOLDER / "variations.toml").read_text(encoding="utf-8"))
"""Programs that vary one right script, or one right scheduler: `rules` names those of which one has to fail."""

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
        soaks = path.name in SLOW or (suffix == ".py" and path.name not in EVERY_DAY | IN_CI)
        marks = [pytest.mark.long] if path.name in IN_CI else [pytest.mark.soak] if soaks else []
        found.append(pytest.param(path, id=path.name, marks=marks))
    return found


@pytest.mark.parametrize("path", [*programs("right", ".py"), *programs("right/whole", ".py")])
def test_a_right_scheduler_written_otherwise_conforms(path: Path) -> None:
    report = judged(path)
    assert [(rule.id, rule.failures[:1]) for rule in report.failed] == []
    assert report.verdict == "conforms"


@pytest.mark.parametrize("path", programs("lua/right", ".lua"))
def test_a_right_script_written_otherwise_conforms(path: Path) -> None:
    report = judged(path)
    assert [(rule.id, rule.failures[:1]) for rule in report.failed] == []
    assert report.verdict == "conforms"


@pytest.mark.parametrize(
    "path", [*programs("wrong", ".py"), *programs("wrong/whole", ".py"), *programs("lua/wrong", ".lua")]
)
def test_a_wrong_one_is_caught_by_the_rule_that_owns_its_mistake(path: Path) -> None:
    named = RULE.search(head(path))
    assert named is not None
    with judge_of(path) as judge:
        judge.faults = judged_only_with_faults(named[0])
        results = run_suite(judge, (named[0],)).results
    assert "fail" in {result.outcome for result in results}


def written(variation: dict[str, Any], folder: Path) -> Path:
    """The program of a variation, as a file."""
    if "body" in variation:
        path, lines = folder / "varied.py", [f"import sys; sys.path.insert(0, {str(FOLDER)!r})", "from varied import *"]
        lines += ["from scheduler import *", "import contextlib, os, random, redis, scheduler, time, uuid"]
        lines += ["class V(Varied):", textwrap.indent(variation["body"], "    "), "serve(V)"]
        path.write_text("\n".join(lines), encoding="utf-8")
        return path
    text = variation.get("text") or VARIATIONS["base"]
    for old, new in variation.get("changes", ()):
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "varied.lua"
    path.write_text(text, encoding="utf-8", newline="")
    return path


EVERY_DAY_TOO = {"reread-only-bound-gone", "prefix-match-node"}


def variations(*, wrong: bool) -> list[object]:
    found = [each for kind in ("script", "scheduler") for each in VARIATIONS[kind] if ("rules" in each) is wrong]
    return [
        pytest.param(
            each,
            id=f"{'scheduler' if 'body' in each else 'script'}-{each['name']}",
            marks=[] if each["name"] in EVERY_DAY_TOO else [pytest.mark.soak],
        )
        for each in found
    ]


@pytest.mark.parametrize("variation", variations(wrong=False))
def test_a_right_variation_conforms(variation: dict[str, Any], tmp_path: Path) -> None:
    path = written(variation, tmp_path)
    with judge_of(path) as judge:
        judge.auto = variation.get("reading") == "auto"
        judge.reading = parse_reading("intent" if judge.auto else variation.get("reading", "intent"))
        report = verify(judge)
    assert [(rule.id, rule.failures[:1]) for rule in report.failed] == []
    assert report.verdict == "conforms"


@pytest.mark.parametrize("variation", variations(wrong=True))
def test_a_wrong_variation_is_caught_by_a_rule_that_owns_its_mistake(variation: dict[str, Any], tmp_path: Path) -> None:
    path = written(variation, tmp_path)
    with judge_of(path) as judge:
        judge.reading = parse_reading(variation.get("reading", "intent"))
        results = run_suite(judge, tuple(variation["rules"])).results
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


@pytest.mark.parametrize("folder", ["right", "right/whole", "wrong", "wrong/whole"])
def test_the_table_beside_the_strangers_names_each_of_them_with_its_reading_or_rule(folder: str) -> None:
    text = (FOLDER / folder / "README.md").read_text(encoding="utf-8")
    for path in sorted((FOLDER / folder).glob("*.py")):
        found = (READING if folder.startswith("right") else RULE).search(head(path))
        assert found is not None
        assert f"| `{path.name}` | {found[1] if folder.startswith('right') else found[0]} |" in text
