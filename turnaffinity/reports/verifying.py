"""What does `verify` do, from its options to its exit status?"""

from __future__ import annotations

import json
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from turnaffinity.contract.decisions import DEFAULT_READING, Reading, parse_reading
from turnaffinity.contract.layout import load_layout
from turnaffinity.contract.rules import judged_only_with_faults, matching
from turnaffinity.judging.expected import (
    Expectation,
    apply_expectations,
    expectations_as_toml,
    expectations_of,
    load_expectations,
)
from turnaffinity.judging.judge import Judge, Kind
from turnaffinity.judging.run import verify
from turnaffinity.judging.verdict import Report
from turnaffinity.problem import Problem
from turnaffinity.reports import files


@dataclass(frozen=True)
class Wishes:
    """The options of `verify`, as they were given."""

    lua: Path | None = None
    adapter: str | None = None
    server: str | None = None
    faults: bool = False
    reading: str = "intent"
    layout: Path | None = None
    rules: tuple[str, ...] = ()
    seed: int | None = None
    json_file: Path | None = None
    junit: Path | None = None
    html: Path | None = None
    badge: Path | None = None
    expect_fail: Path | None = None
    write_expect: Path | None = None
    capsules: Path | None = None
    tcp: bool = False
    deadline: str | None = None
    workers: int = 0
    list_cases: bool = False
    lang: str = "en"


def judge_for(wishes: Wishes) -> Judge:
    """The judge that the options ask for; raises `Problem` for options that cannot be meant."""
    if wishes.lua and wishes.adapter:
        raise Problem("--lua and --adapter", "name two implementations", "judge one at a time")
    auto = wishes.reading == "auto"
    kind: Kind = "lua" if wishes.lua else "adapter" if wishes.adapter else "reference"
    return Judge(
        kind,
        str(wishes.lua or wishes.adapter or ""),
        wishes.server,
        DEFAULT_READING if auto else _reading(wishes.reading),
        auto=auto and kind != "lua",  # a script makes none of the choices
        layout=load_layout(wishes.layout),
        seed=secrets.randbelow(10**9) if wishes.seed is None else wishes.seed,
        tcp=wishes.tcp,
        deadlines=wishes.deadline,
        faults=wishes.faults,
    )


def _reading(text: str) -> Reading:
    try:
        return parse_reading(text)
    except ValueError as error:
        what, _, mend = str(error).partition("; ")
        raise Problem("--reading", what, mend) from error


def check_rules(globs: tuple[str, ...], *, faults: bool = False) -> tuple[str, ...]:
    """The globs in upper case; raises `Problem` for one that names no rule, or only rules that need `--faults`."""
    for glob in globs:
        if all(judged_only_with_faults(rule.id) for rule in matching(glob)) and matching(glob) and not faults:
            raise Problem("--rule", f'"{glob}" is judged only where faults are made', "add --faults")
        if not matching(glob):
            raise Problem("--rule", f'"{glob}" matches no rule', "list the rules with: turnaffinity rules")
    return tuple(glob.upper() for glob in globs)


def verify_and_report(wishes: Wishes) -> None:
    """Judge, write the files that were asked for, print the verdict, and leave with its exit status."""
    from turnaffinity.reports import console

    rules = check_rules(wishes.rules, faults=wishes.faults)
    judge = judge_for(wishes)
    if wishes.capsules:
        raise Problem("--capsules", "is not in this version of the kit yet", "leave it out; --json holds every failure")
    if wishes.list_cases:
        console.print_cases(judge.profiles(), rules, faults=judge.faults)
        return
    known = load_expectations(wishes.expect_fail) if wishes.expect_fail else ()
    for path in (wishes.json_file, wishes.junit, wishes.html, wishes.badge, wishes.write_expect):
        _check_writable(path)
    with judge, console.progress_bar() as progress:
        report = verify(judge, rules, progress=progress, workers=wishes.workers)
    apply_expectations(report, known)
    _write_files(report, wishes, known)
    if wishes.json_file is None or str(wishes.json_file) != "-":
        console.print_report(report, lang=wishes.lang)
    raise typer.Exit(report.exit_status)


def _check_writable(path: Path | None) -> None:
    if path is None or str(path) == "-":
        return
    if not path.parent.is_dir():
        raise Problem(str(path), f"there is no folder {path.parent}", "make the folder, or name another file")
    if path.is_dir():
        raise Problem(str(path), "is a folder", "name a file")


def _write_files(report: Report, wishes: Wishes, known: tuple[Expectation, ...]) -> None:
    if wishes.json_file is not None:
        write_json(report.as_dict(), wishes.json_file)
    if wishes.junit is not None:
        files.write_text(files.junit_xml(report), wishes.junit)
    if wishes.html is not None:
        files.write_text(files.page_html(report), wishes.html)
    if wishes.badge is not None:
        files.write_text(files.badge_svg(report), wishes.badge)
    if wishes.write_expect is not None:
        text = expectations_as_toml(expectations_of(report, known), report.as_dict()["reading"])
        files.write_text(text, wishes.write_expect)


def write_json(data: dict[str, Any], path: Path) -> None:
    """Write JSON to a file, whole or not at all; "-" is standard output."""
    text = json.dumps(data, ensure_ascii=False, indent=2) + "\n"
    if str(path) == "-":
        sys.stdout.write(text)
        return
    files.write_text(text, path)
