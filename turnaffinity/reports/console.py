"""How does a verdict look in the terminal?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from turnaffinity.contract.rules import FAMILIES, FAMILIES_ZH, RULES, family, judged_only_with_faults
from turnaffinity.judging.run import Progress as Told
from turnaffinity.judging.suite import all_cases
from turnaffinity.judging.verdict import Report, RuleReport

STYLES = {
    "pass": "green", "fail": "bold red", "warn": "yellow", "not-claimed": "magenta", "unobservable": "cyan",
    "not-run": "bold magenta", "skip": "magenta", "conforms": "bold green", "violates": "bold red",
    "incomplete": "bold magenta",
}  # fmt: skip
MOST_WIRE_LINES = 24
"""Commands shown with a failure; the report as JSON has them all."""


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


def print_report(report: Report, *, lang: str = "en") -> None:
    """Print the table of rules, the failures with their evidence, and the verdict line."""
    console = Console(highlight=False, soft_wrap=False)
    zh = lang == "zh"
    name = report.implementation.get("name", "")
    console.print(f"[bold]{name}[/] on {report.server}, reading {report.reading.label}, seed {report.seed}\n")
    for check in report.protocol:
        if check["status"] == "fail":
            console.print(Text(f"{check['id']}  {check['title']}", style="bold red"))
            console.print(Text(f"  expected  {check['expected']}\n  observed  {check['observed']}\n"))
    for name_of_family, rules in groupby(report.rules, key=lambda rule: family(rule.id)):
        titles = FAMILIES_ZH if zh else FAMILIES
        console.print(_family_table(titles.get(name_of_family, name_of_family), list(rules), zh))
    for rule in report.rules:
        for failure in rule.failures:
            _print_failure(console, rule, failure)
    _print_verdict(console, report)


def _family_table(title: str, rules: list[RuleReport], zh: bool) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, expand=False)
    for column, width in (("rule", 12), ("level", 8), ("status", 12), ("cases", 5)):
        table.add_column(column, width=width, no_wrap=True, justify="right" if column == "cases" else "left")
    table.add_column("statement", ratio=1)
    for rule in rules:
        known = RULES[rule.id]
        statement = known.statement_zh if zh else known.statement
        said = [statement] if rule.status == "pass" else [statement, *rule.reasons[:1], *rule.warnings[:1]]
        table.add_row(
            rule.id,
            rule.level,
            Text(rule.status, style=STYLES[rule.status]),
            str(rule.cases or ""),
            Text("\n".join(said)),
        )
    return table


def _print_failure(console: Console, rule: RuleReport, failure: dict[str, object]) -> None:
    style = STYLES["warn" if rule.level == "SHOULD" else "fail"]
    console.print()
    console.print(Text(f"{rule.id}  {failure['case']}", style=style))
    console.print(Text(f"  expected  {failure['expected']}"))
    console.print(Text(f"  observed  {failure['observed']}"))
    if failure.get("expected_by"):
        console.print(Text(f"  known     {failure['expected_by']}"))
    wire = failure["wire"]
    assert isinstance(wire, list)
    for line in wire[:MOST_WIRE_LINES]:
        indent = "    " if line["client"] == "lua" else "  "
        mark = ">>" if line["broken"] else "  "
        console.print(Text(f"  {mark}{indent}{' '.join(line['argv'])}", style="red" if line["broken"] else "dim"))
    if len(wire) > MOST_WIRE_LINES:
        console.print(Text(f"      ... {len(wire) - MOST_WIRE_LINES} more commands (--json has them all)", style="dim"))


def _print_verdict(console: Console, report: Report) -> None:
    console.print()
    for rule in report.rules:
        for note in rule.notes[:1]:
            console.print(Text(f"{rule.id}  {note}", style="dim"))
    seen = ", ".join(f"{name} = {choice or 'not seen'}" for name, choice in report.decisions.items())
    if report.profile == "scheduler":
        console.print(f"\ndecisions seen: {seen}")
    line = Text(report.verdict, style=STYLES[report.verdict])
    counted = f": {report.executed} of {report.planned} checks executed, {report.seconds:.1f} s"
    line.append(counted, style="default")
    if report.failed:
        line.append("; broken: " + ", ".join(rule.id for rule in report.failed), style="default")
    if report.unseen:
        line.append("; unobservable: " + ", ".join(rule.id for rule in report.unseen), style="default")
    if report.filtered:
        line.append("; only " + ", ".join(report.filtered), style="default")
    elif report.gaps:
        line.append("; nothing executed for " + ", ".join(rule.id for rule in report.gaps), style="default")
    console.print(line)


def print_cases(profiles: frozenset[str], globs: tuple[str, ...], *, faults: bool = False) -> None:
    """Print the cases that a run would execute: rule, and the claim in words."""
    from fnmatch import fnmatchcase

    for info in all_cases():
        if judged_only_with_faults(info.rule) and not faults:
            continue
        if info.profiles & profiles and (not globs or any(fnmatchcase(info.rule, glob) for glob in globs)):
            print(f"{info.rule:<12} {info.title}")
