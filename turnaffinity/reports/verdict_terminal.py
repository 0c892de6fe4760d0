"""How does a verdict look in the terminal?"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from turnaffinity.contract.rules import family, judged_only_with_faults
from turnaffinity.diagnosis.again import tell_again
from turnaffinity.diagnosis.lua_lines import ScriptLines
from turnaffinity.diagnosis.missing import missing
from turnaffinity.diagnosis.telling import Form, Summary, forms, height_of, names_of, summary, tell, tell_in
from turnaffinity.judging.run import Progress as Told
from turnaffinity.judging.suite import all_cases
from turnaffinity.judging.verdict import Report, RuleReport
from turnaffinity.showing.finding import Finding, finding, one_line
from turnaffinity.showing.names import Names
from turnaffinity.showing.shown import hanging, print_hanging
from turnaffinity.showing.wording import Words

if TYPE_CHECKING:
    from turnaffinity.capsules.files import Replayed

STYLES = {
    "pass": "green", "fail": "bold red", "warn": "yellow", "not-claimed": "magenta", "unobservable": "cyan",
    "not-run": "bold magenta", "skip": "magenta", "conforms": "bold green", "violates": "bold red",
    "incomplete": "bold magenta",
}  # fmt: skip
SCREEN, HEADLINE = 40, 1
"""A report of mistakes shows what fits so many lines, of which the headline takes one."""

MORE = "all failures: --all; one rule: turnaffinity rules ID, or reference/rules/ID in the book (make book)"
"""Where there is more than a short report says."""

MOST_GAPS = 8
"""Rules without a verdict that the last line of a short report names; more are counted."""

MOST_FAILURES = 2
"""Failures shown of one rule; the rest is counted."""

KNOWN_BESIDE = (("known", "expected_by"), ("capsule", "capsule"))
"""What else a failure may carry: the label, and the member that holds it."""

PIPED_COLUMNS = 100
"""The width where nobody says how wide the reader is."""


def console_for(width: int | None = None) -> Console:
    """A console on standard output; 100 columns wide where that is no terminal (or $COLUMNS says otherwise)."""
    if width is None and not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        width = PIPED_COLUMNS
    return Console(highlight=False, markup=False, emoji=False, width=width)


@contextmanager
def progress_bar() -> Iterator[Told | None]:
    """A bar on stderr for runs that take a while; none where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("judging"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, planned: bar.update(task, completed=done, total=planned or None)


def print_report(
    report: Report,
    *,
    lang: str = "en",
    console: Console | None = None,
    everything: bool = False,
    script: ScriptLines | None = None,
) -> None:
    """Print a line for each rule and the verdict line; where rules were broken, the mistakes and a line a family.

    With `everything` each rule has its line, and each failure its evidence, whatever was broken.
    """
    console, words = console or console_for(), Words(lang)
    name = " ".join(one_line(report.implementation.get(part, "")) for part in ("name", "version")).strip()
    about = f" {words('on')} {one_line(report.server)}, {words('reading')} {report.reading_told(words('not seen'))}"
    console.print(Text.assemble((name, "bold"), f"{about}, {words('seed')} {report.seed}"))
    _print_protocol(console, words, report)
    if report.unrun:
        console.print(Text(f"\n{words(report.unrun)}", style=STYLES["fail"]))
    if report.failed and not report.unrun and not everything:
        _print_mistakes(console, words, report, script)
        return
    if report.gaps and not (report.unrun or report.filtered or everything):
        _print_what_is_missing(console, words, report)
        _print_ending(console, words, report, brief=True)
        return
    for name_of_family, rules in groupby([] if report.unrun else report.rules, key=lambda rule: family(rule.id)):
        console.print(Text(f"\n{words.family(name_of_family)}", style="bold"))
        for rule in rules:
            _print_rule(console, words, rule)
    for rule in report.rules:
        for failure in rule.failures[:MOST_FAILURES]:
            _print_failure(console, words, rule, failure, report)
        more = len(rule.failures) - MOST_FAILURES
        if more > 0:
            console.print(Text(f"  {words('and')} {more} {words('more failures of this rule')} (--json)", style="dim"))
    _print_ending(console, words, report)


def _print_protocol(console: Console, words: Words, report: Report) -> None:
    for check in report.protocol:
        if check["status"] == "fail":
            console.print(Text(f"\n{check['id']}  {check['title']}", style="bold red"))
            print_finding(console, finding(check, Names(), words=words))


def _print_mistakes(console: Console, words: Words, report: Report, script: ScriptLines | None) -> None:
    """What is wrong, MUST first, as much of it as one screen holds; then warnings, families and the verdict."""
    said, width = summary(report, words), console.width - 3
    with console.capture() as besides:
        _print_protocol(console, words, report)
        _print_after_mistakes(console, words, report, said)
    room = SCREEN - HEADLINE - besides.get().count("\n") - (len(said.shown) > 1)  # rows are set off by a line
    others = [tell(mistake, report, words, width=width, script=script) for mistake in said.shown[1:]]
    rows = sum(height_of(told, "row", words, width) for told in others)
    first = [tell_in(room - rows, mistake, report, words, width=width, script=script) for mistake in said.shown[:1]]
    mistakes = [*first, *others]
    shown: list[Form] = ["full"]
    for number, (told, form) in enumerate(zip(mistakes, forms(mistakes, room, words, width), strict=True), 1):
        if not form == shown[-1] == "row":
            console.print()
        shown.append(form)
        print_hanging(console, *told.heading(number, form, words), STYLES["fail"])
        print_told(console, told.lines(width, form))
    _print_after_mistakes(console, words, report, said)


def print_told(console: Console, lines: Iterable[str]) -> None:
    """The lines of a mistake, three columns in, the broken commands in red."""
    for line in lines:
        console.print(Text(f"   {line}", style="red" if line.startswith("> ") else ""), soft_wrap=True)


def _print_after_mistakes(console: Console, words: Words, report: Report, said: Summary) -> None:
    if said.more:
        print_hanging(console, "", said.more, "dim")
    console.print()
    for rule_id, text in said.warned:
        print_hanging(console, f"{words('warn')} {rule_id}  ", text, STYLES["warn"])
    print_families(console, words, ((rule.id, rule.status) for rule in report.rules))
    _print_ending(console, words, report, brief=True)


def _print_what_is_missing(console: Console, words: Words, report: Report) -> None:
    """Each cause once, with the rules that wait for it and what to do next; then a line a family."""
    for each in missing(report, words):
        console.print()
        print_hanging(console, "", words("{n} rules have no verdict: {why}", n=len(each.rules), why=each.why))
        if each.todo:
            print_hanging(console, f"{words('next')}  ", each.todo, "bold")
    console.print()
    print_families(console, words, ((rule.id, rule.status) for rule in report.rules))


def print_families(console: Console, words: Words, rules: Iterable[tuple[str, str]]) -> None:
    """A line for each family of rules, each given by its id and status: how many pass, and which do not."""
    for name, statuses in groupby(rules, key=lambda rule: family(rule[0])):
        by_status: dict[str, list[str]] = {}
        for rule_id, status in statuses:
            by_status.setdefault(status, []).append(rule_id)
        all_of, passed = sum(map(len, by_status.values())), len(by_status.pop("pass", []))
        others = words.listed(
            (
                f"{words(status)} {words('all') if len(ids) == all_of > 1 else words.listed(ids)}"
                for status, ids in by_status.items()
            ),
            "; ",
        )
        count = words("{n} of {all} pass", n=passed, all=all_of)
        style = "" if "fail" in by_status else "dim"
        print_hanging(console, f"{name:<6} ", words.listed(filter(None, (count, others)), "; "), style)
    print_hanging(console, "", words(MORE), "dim")


def _cut(console: Console, text: str, columns: int) -> str:
    if cell_len(text) <= columns:
        return text
    dots = "…" if console.encoding.lower().startswith("utf") else "..."
    return set_cell_size(text, max(0, columns - cell_len(dots))).rstrip() + dots


def _print_rule(console: Console, words: Words, rule: RuleReport) -> None:
    status = words(rule.status)
    status += " " * max(0, 12 - cell_len(status))
    head = Text.assemble(
        f"  {rule.id:<11} {rule.level:<8} ", (status, STYLES[rule.status]), f" {rule.cases or '':>3}  "
    )
    wide = console.width - head.cell_len
    statement = words.statement(rule.id)
    if wide < 20:  # a narrow terminal gets what counts
        console.print(head, no_wrap=True, overflow="crop")
    else:
        console.print(head + Text(_cut(console, statement, wide), style="dim" if rule.status == "pass" else ""))
    if rule.status == "pass":
        return
    said = [*rule.reasons[:1], *rule.warnings[:1]] if not rule.failures else []
    for sentence in said:
        console.print(Padding(Text(words.told(one_line(sentence)), style=STYLES[rule.status]), (0, 0, 0, 14)))


def _print_failure(console: Console, words: Words, rule: RuleReport, failure: dict[str, Any], report: Report) -> None:
    names = names_of(report)
    style = STYLES["warn" if rule.level == "SHOULD" else "fail"]
    console.print()
    print_hanging(console, f"{rule.id}  ", one_line(failure["case"]), style)
    more = [(name, one_line(failure[key])) for name, key in KNOWN_BESIDE if failure.get(key)]
    found = finding(failure, names, layout=report.layout, words=words, scripts=report.scripts, more=more)
    print_finding(console, found)


def print_finding(console: Console, found: Finding) -> None:
    """Print a failure's sentences and its wire, two columns in; the broken commands in red, the others dim."""
    sentences = len(found.lines(console.width - 2)) - (
        len(found.wire.lines(console.width - 2)) if found.wire.rows else 0
    )
    for number, line in enumerate(found.lines(console.width - 2)):
        style = "" if number < sentences else "red" if line.startswith("> ") else "dim"
        console.print(Text(f"  {line}", style=style), soft_wrap=True)


def _print_ending(console: Console, words: Words, report: Report, *, brief: bool = False) -> None:
    console.print()
    drawn = [(rule.id, rule.draws) for rule in report.rules if rule.draws]
    if drawn:
        each = ", ".join(f"{rule_id} {draws}" for rule_id, draws in drawn)
        chance = words("a choice that is not random passes with a chance below 1e-9")
        total = sum(draws for _, draws in drawn)
        which = "" if brief else f" ({each})"
        count = words("{n} draws", n=total)
        print_hanging(console, words.label("drawn at random"), words.listed((f"{count}{which}", chance), "; "), "dim")
    if report.profile == "scheduler":
        seen = words.listed(f"{name} = {choice or words('not seen')}" for name, choice in report.decisions.items())
        console.print(f"{words.label('decisions seen')}{seen}")
    for stale in report.stale:
        console.print(Text(f"{words.label('stale')}{stale['rule']} ({one_line(stale['reason'])})", style="yellow"))
    if why := report.why_not_executed(words.lang):
        print_hanging(console, "", why, "dim")
    print_verdict(console, words(report.verdict), verdict_details(report, words, brief=brief), STYLES[report.verdict])


def print_verdict(console: Console, verdict: str, details: str, style: str) -> None:
    """The verdict, which stands out, and what follows it, broken between words."""
    first, *others = hanging("", verdict + details, console.width)
    console.print(Text.assemble((first[: len(verdict)], style), first[len(verdict) :]), soft_wrap=True)
    for line in others:
        console.print(Text(line), soft_wrap=True)


def verdict_details(report: Report, words: Words, *, brief: bool = False) -> str:
    """What follows the verdict on its line: counts, and the rules that it names."""
    counts = words("{n} of {all} checks executed", n=report.executed, all=report.planned)
    parts = [f"{words.label('')}{counts}, {report.seconds:.1f} s"]

    def named(phrase: str, ids: list[str]) -> None:
        if ids:
            parts.append(
                f"{words(phrase)}{'：' if words.lang == 'zh' else ' ' if ' ' in phrase else ': '}{words.listed(ids)}"
            )

    named("broken", [rule.id for rule in report.failed])
    named("broken", [str(check["id"]) for check in report.protocol if check["status"] == "fail"])
    named("unobservable", [rule.id for rule in report.unseen])
    if report.filtered:
        parts.append(f"{words('only')} {words.listed(report.filtered)}")
    elif brief and len(report.gaps) > MOST_GAPS:
        parts.append(words("{n} rules not judged in full", n=len(report.gaps)))
    elif not report.unrun:
        named("nothing executed for", [rule.id for rule in report.gaps if not rule.cases])
        named("not judged in full", [rule.id for rule in report.gaps if rule.cases])
    if report.failed and report.exit_status == 0:
        parts.append(words("every failure is expected"))
    reading = f"{words('reading')} {report.reading_told(words('not seen'))}"
    return words.listed([*parts, reading, f"{words('seed')} {report.seed}"], "; ")


def print_replay(replayed: Replayed, *, lang: str = "en") -> None:
    """Print what a capsule's failure was taken for, its scene, and whether it comes again."""
    console, words = console_for(), Words(lang)
    capsule, width = replayed.capsule, console.width - 3
    subject = f"{one_line(replayed.implementation)} {words('on')} {one_line(replayed.server)}"
    console.print(Text(f"{subject}, {words('seed')} {capsule.seed}", style="bold"))
    told = tell_again(replayed, words, width)
    console.print()
    label, style = ("", STYLES["fail"]) if replayed.reproduced else (words.label("recorded"), "dim")
    print_hanging(console, label, told.says, style)
    print_told(console, told.lines(width))
    console.print()
    again = "reproduced: the same case fails again" if replayed.reproduced else "passes now"
    console.print(Text(f"{one_line(capsule.rule)} {one_line(capsule.case)}", style="dim"))
    console.print(Text(words(again), style=STYLES["fail" if replayed.reproduced else "pass"]))


def print_cases(
    profiles: frozenset[str], globs: tuple[str, ...], *, faults: bool = False, words: Words | None = None
) -> None:
    """Print the cases that a run would execute: rule, and the claim in words."""
    for info in all_cases():
        if judged_only_with_faults(info.rule) and not faults:
            continue
        if info.profiles & profiles and (not globs or any(fnmatchcase(info.rule, glob) for glob in globs)):
            print(f"{info.rule:<12} {(words or Words()).told(info.title)}")
