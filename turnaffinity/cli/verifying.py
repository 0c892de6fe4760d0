"""What does `verify` do, from its options to its exit status?"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from turnaffinity.capsules.files import capsule_files
from turnaffinity.cli.options import chosen_reading
from turnaffinity.contract.decisions import DEFAULT_READING
from turnaffinity.contract.layout import load_layout
from turnaffinity.contract.rules import judged_only_with_faults, matching
from turnaffinity.diagnosis.lua_lines import ScriptLines
from turnaffinity.diagnosis.markdown import as_markdown
from turnaffinity.diagnosis.telling import as_members, lines_of_mistakes, said_by_case
from turnaffinity.judging.cores import on_one_core
from turnaffinity.judging.expected import (
    Expectation,
    apply_expectations,
    expectations_as_toml,
    expectations_of,
    load_expectations,
)
from turnaffinity.judging.run import verify
from turnaffinity.judging.verdict import Report
from turnaffinity.judging.workers import check_shareable, workers_for
from turnaffinity.problem import Problem
from turnaffinity.reports.badge import badge
from turnaffinity.reports.files import (
    STDOUT,
    add_to_summary,
    check_folder,
    check_writable,
    make_folder,
    summary_file,
    write_all,
)
from turnaffinity.reports.junit import junit
from turnaffinity.shared_files import shared
from turnaffinity.showing.wording import Words, check_language
from turnaffinity.stage.judge import Judge, Kind
from turnaffinity.subjects.script import read_script


@dataclass(frozen=True)
class Wishes:
    """The options of `verify`, as they were given."""

    lua: Path | None = None
    adapter: str | None = None
    beside: str | None = None
    server: str | None = None
    faults: bool = False
    acl: bool = False
    trust_script: bool = False
    reading: str = "intent"
    layout: Path | None = None
    rules: tuple[str, ...] = ()
    seed: int | None = None
    json_file: Path | None = None
    junit: Path | None = None
    html: Path | None = None
    markdown: Path | None = None
    badge: Path | None = None
    expect_fail: Path | None = None
    write_expect: Path | None = None
    capsules: Path | None = None
    tcp: bool = False
    deadline: str | None = None
    workers: int | None = None
    everything: bool = False
    raw: bool = False
    list_cases: bool = False
    lang: str = "en"
    all_cores: bool = False


def cluster_layout() -> Path:
    """The file with names of keys that lie in one slot of a cluster; raises `CannotRun` if there is none."""
    return shared("lua", "cluster", "layout.toml")


def judge_for(wishes: Wishes) -> Judge:
    """The judge that the options ask for; raises `Problem` for options that cannot be meant."""
    if wishes.lua and wishes.adapter:
        raise Problem("--lua and --adapter", "name two implementations", "judge one at a time")
    if wishes.adapter is not None and not wishes.adapter.strip():
        raise Problem("--adapter", "names no command", "give the command that starts the adapter")
    if wishes.deadline is not None and not wishes.adapter:
        raise Problem("--deadline", "is how long an adapter may take", "use it with --adapter CMD")
    if wishes.beside and (not wishes.adapter or wishes.reading == "auto" or wishes.faults):
        mend = "use --adapter CMD --beside CMD, without --faults and --reading auto"
        raise Problem("--beside", "is a second version of an adapter, in an ordinary run", mend)
    auto = wishes.reading == "auto"
    kind: Kind = "lua" if wishes.lua else "adapter" if wishes.adapter else "reference"
    return Judge(
        kind,
        str(wishes.lua or wishes.adapter or ""),
        wishes.server,
        DEFAULT_READING if auto else chosen_reading(wishes.reading),
        auto=auto and kind != "lua",  # a script makes none of the choices
        layout=load_layout(wishes.layout or (cluster_layout() if wishes.server == "cluster" else None)),
        seed=secrets.randbelow(10**9) if wishes.seed is None else wishes.seed,
        beside=wishes.beside or "",
        tcp=wishes.tcp,
        deadlines=wishes.deadline,
        faults=wishes.faults,
        acl=wishes.acl,
        trust_script=wishes.trust_script,
        all_cores=wishes.all_cores,
    )


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
    from turnaffinity.reports import verdict_terminal

    rules = check_rules(wishes.rules, faults=wishes.faults)
    judge = judge_for(wishes)
    if wishes.list_cases:
        verdict_terminal.print_cases(judge.profiles(), rules, faults=judge.faults, words=Words(wishes.lang))
        return
    check_outputs(wishes)
    source = read_script(wishes.lua) if wishes.lua else ""
    known = load_expectations(wishes.expect_fail) if wishes.expect_fail else ()
    workers = workers_for(judge) if wishes.workers is None else wishes.workers
    if workers > 1:
        check_shareable(judge)
    with nullcontext() if wishes.all_cores else on_one_core(), judge, verdict_terminal.progress_bar() as progress:
        report = verify(judge, rules, progress=progress, workers=workers)
        report.raw_names = wishes.raw
        apply_expectations(report, known)
        capsules = _capsules(judge, report, wishes.capsules)
    script = lines_of_mistakes(report, source) if source and report.failed and wishes.server != "fake" else None
    if capsules and wishes.capsules:
        make_folder(wishes.capsules)
    write_all(capsules | report_files(report, wishes, known, script))
    if summary := summary_file():
        add_to_summary(summary, as_markdown(report, lang=wishes.lang, script=script))
    if wishes.json_file != STDOUT:
        verdict_terminal.print_report(report, lang=wishes.lang, everything=wishes.everything, script=script)
    raise typer.Exit(report.exit_status)


def _capsules(judge: Judge, report: Report, folder: Path | None) -> dict[Path, str | bytes]:
    return capsule_files(judge, report, folder, said_by_case(report)) if folder else {}


def check_outputs(wishes: Wishes) -> None:
    """Raise `Problem` before the run if a file that is asked for could not be written."""
    check_language(wishes.lang)
    others = [wishes.junit, wishes.html, wishes.markdown, wishes.badge, wishes.write_expect]
    if STDOUT in others:
        raise Problem("-", "only --json prints to standard output", "name a file")
    check_writable(path for path in [wishes.json_file, *others, summary_file()] if path is not None)
    if wishes.capsules is not None:
        check_folder(wishes.capsules)


def report_files(
    report: Report, wishes: Wishes, known: Sequence[Expectation] = (), script: ScriptLines | None = None
) -> dict[Path, str | bytes]:
    """The files that were asked for, with their texts."""
    texts: dict[Path, str | bytes] = {}
    if wishes.json_file:
        texts[wishes.json_file] = json_text({**report.as_dict(), **as_members(report, script)})
    if wishes.junit:
        texts[wishes.junit] = junit(report, lang=wishes.lang)
    if wishes.html:
        from turnaffinity.reports.verdict_page import verdict_page

        texts[wishes.html] = verdict_page(report, lang=wishes.lang, script=script)
    if wishes.markdown:
        texts[wishes.markdown] = as_markdown(report, lang=wishes.lang, script=script)
    if wishes.badge:
        texts[wishes.badge] = badge(report)
    if wishes.write_expect:
        expected = expectations_of(report, known)
        texts[wishes.write_expect] = expectations_as_toml(expected, report.as_dict()["reading"], wishes.lang)
    return texts


def json_text(data: dict[str, Any]) -> str:
    """A report as JSON; bytes that were no UTF-8 are written as escapes."""
    text = json.dumps(data, ensure_ascii=False, indent=2) + "\n"
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(data, indent=2) + "\n"
    return text
