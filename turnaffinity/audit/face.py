"""What does `audit` do, from its options to its exit status?"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from turnaffinity.audit.expected import apply_expected
from turnaffinity.audit.report import AuditReport
from turnaffinity.audit.run import Auditor, Progress, audit_files
from turnaffinity.contract.decisions import Reading, parse_reading
from turnaffinity.contract.layout import load_layout
from turnaffinity.judging.expected import load_expectations
from turnaffinity.problem import Problem

STYLES = {"pass": "green", "fail": "bold red", "warn": "yellow", "unobservable": "cyan", "conforms": "bold green",
          "violates": "bold red", "incomplete": "bold magenta"}  # fmt: skip
TOLD = 3
"""Failures of one rule that the terminal shows; the JSON has more."""


@dataclass(frozen=True)
class Options:
    """The options of `audit`, as they were given."""

    files: tuple[str, ...] = ()
    reading: str = "intent"
    layout: Path | None = None
    json_file: Path | None = None
    html: Path | None = None
    junit: Path | None = None
    expect_fail: Path | None = None
    remember: int = 1_000_000
    follow: bool = False
    url: str | None = None
    seconds: float | None = None
    metrics: int | None = None


def audit_and_report(options: Options) -> None:
    """Judge, write the files that were asked for, print the verdict, and leave with its exit status."""
    if options.follow == bool(options.files):
        raise Problem("audit", "needs either FILE (or -) or --follow", "try: turnaffinity audit traffic.log")
    if len([name for name in options.files if name == "-"]) > 1:
        raise Problem("audit", "standard input is named twice", "name - once")
    if not options.follow and (options.url or options.metrics is not None or options.seconds is not None):
        raise Problem("--url, --seconds and --metrics", "belong to --follow", "add --follow, or leave them out")
    reading = _reading(options.reading)
    layout = load_layout(options.layout)
    expected = load_expectations(options.expect_fail) if options.expect_fail else ()
    for path in (options.json_file, options.html, options.junit):
        if path is not None and str(path) != "-" and not path.parent.is_dir():
            raise Problem(str(path), f"there is no folder {path.parent}", "make the folder, or name another file")
    inputs = {Path(name).resolve() for name in (options.files or ()) if str(name) != "-"}
    for path in (options.json_file, options.html, options.junit):
        if path is not None and str(path) != "-" and path.resolve() in inputs:
            raise Problem(str(path), "is the trace itself, which the report would overwrite", "name another file")
    if options.follow:
        from turnaffinity.audit.follow import follow

        report = follow(Auditor(layout, reading, options.remember), options.url, options.seconds, options.metrics)
    else:
        with _progress() as progress:
            report = audit_files(options.files, layout, reading, options.remember, progress)
    apply_expected(report, expected)
    _write(report, options)
    if options.json_file is None or str(options.json_file) != "-":
        print_report(report)
    raise typer.Exit(report.exit_status)


def _reading(text: str) -> Reading | None:
    if text == "auto":
        return None
    try:
        return parse_reading(text)
    except ValueError as error:
        what, _, mend = str(error).partition("; ")
        raise Problem("--reading", what, mend) from error


def _write(report: AuditReport, options: Options) -> None:
    if options.json_file is not None:
        _write_file(options.json_file, json.dumps(report.as_dict(), ensure_ascii=True, indent=2) + "\n")
    if options.html is not None:
        from turnaffinity.audit.page import html_page

        _write_file(options.html, html_page(report))
    if options.junit is not None:
        from turnaffinity.audit.junit import junit_xml

        _write_file(options.junit, junit_xml(report))


def _write_file(path: Path, text: str) -> None:
    if str(path) == "-":
        sys.stdout.write(text)
        return
    partial = path.with_name(f".{path.name}.part")
    try:
        partial.write_text(text, encoding="utf-8", errors="replace")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise Problem(str(path), error.strerror or "cannot be written", "name a file that can be written") from error


@contextmanager
def _progress() -> Iterator[Progress]:
    """Bytes and speed on stderr; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import DownloadColumn, TextColumn, TimeElapsedColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("reading"), DownloadColumn(), TransferSpeedColumn(), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda count: bar.update(task, advance=count)


def print_report(report: AuditReport) -> None:
    """Print the table of rules, the first failures with their lines, and the verdict."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False)
    for column in ("rule", "level", "status", "seen", "broken", "remark"):
        table.add_column(column)
    for rule in report.rules:
        status = Text(rule["status"], style=STYLES.get(rule["status"], ""))
        remark = Text("; ".join(rule["reasons"]))
        table.add_row(rule["id"], rule["level"], status, f"{rule['cases']:,}", f"{rule['broken']:,}", remark)
    console.print(table)
    for rule in report.rules:
        for failure in (rule["failures"] or rule["warnings"])[:TOLD]:
            _print_failure(console, rule, failure)
    console.print()
    console.print(Text(_summary(report)))
    verdict = Text(report.verdict, style=STYLES[report.verdict])
    verdict.append(f", reading {report.reading}", style="default")
    if report.unseen:
        verdict.append(f"; this trace cannot show {', '.join(report.unseen)}", style="default")
    if report.other_choices:
        verdict.append(f"; seen: {'; '.join(report.other_choices)} (see --reading)", style="default")
    if report.stale:
        stale = ", ".join(entry["rule"] for entry in report.stale)
        verdict.append(f"; expected to fail and did not: {stale}", style="default")
    console.print(verdict)


def _summary(report: AuditReport) -> str:
    facts = report.statistics
    gaps = f", {report.gaps} gaps" if report.gaps else ""
    return (
        f"{report.lines:,} lines, {report.matched:,} of interest{gaps}; {report.whole_turns:,} whole turns, "
        f"{facts['turns_superseded']:,} superseded, {facts['orphans_left']:,} left over; "
        f"{facts['selections']:,} selections by script"
    )


def _print_failure(console: Any, rule: dict[str, Any], failure: dict[str, Any]) -> None:
    from rich.text import Text

    from turnaffinity.wire.command import Command

    style = "red" if rule["status"] == "fail" else "yellow"
    where = f" of {failure['file']}" if failure["file"] else ""
    cause = f" (caused at line {failure['cause_line']})" if failure["cause_line"] != failure["line"] else ""
    console.print(Text(f"\n{rule['id']}  line {failure['line']}{where}{cause}", style=style))
    console.print(Text(f"  expected  {failure['expected']}\n  observed  {failure['observed']}"))
    if "expected_by" in failure:
        console.print(Text(f"  expected by  {failure['expected_by']}"))
    for entry in failure["wire"]:
        mark = ">" if entry["broken"] else " "
        text = f"  {mark} {entry['line']:>8}  {entry['client']:<21} {Command(tuple(entry['argv'])).short_text()}"
        console.print(Text(text, style=style if entry["broken"] else "dim"), soft_wrap=True)
