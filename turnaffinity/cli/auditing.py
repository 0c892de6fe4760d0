"""What does `audit` do, from its options to its exit status?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import typer

from turnaffinity.audit.report import AuditReport, apply_expected
from turnaffinity.audit.run import Auditor, audit_files
from turnaffinity.cli.options import chosen_reading
from turnaffinity.contract.layout import load_layout
from turnaffinity.judging.expected import load_expectations
from turnaffinity.problem import Problem
from turnaffinity.reports.audit import LiveTable, audit_markdown, audit_page, print_audit, reading_bar
from turnaffinity.reports.files import add_to_summary, check_writable, summary_file, write_all
from turnaffinity.reports.junit import audit_junit


@dataclass(frozen=True)
class Options:
    """The options of `audit`, as they were given."""

    files: tuple[str, ...] = ()
    reading: str = "intent"
    layout: Path | None = None
    json_file: Path | None = None
    html: Path | None = None
    junit: Path | None = None
    markdown: Path | None = None
    expect_fail: Path | None = None
    remember: int = 1_000_000
    follow: bool = False
    url: str | None = None
    seconds: float | None = None
    metrics: int | None = None
    everything: bool = False


def audit_and_report(options: Options) -> None:
    """Judge, write the files that were asked for, print the verdict, and leave with its exit status."""
    if options.follow == bool(options.files):
        raise Problem("audit", "needs either FILE (or -) or --follow", "try: turnaffinity audit traffic.log")
    if len([name for name in options.files if name == "-"]) > 1:
        raise Problem("audit", "standard input is named twice", "name - once")
    if not options.follow and (options.url or options.metrics is not None or options.seconds is not None):
        raise Problem("--url, --seconds and --metrics", "belong to --follow", "add --follow, or leave them out")
    reading = None if options.reading == "auto" else chosen_reading(options.reading)
    layout = load_layout(options.layout)
    expected = load_expectations(options.expect_fail) if options.expect_fail else ()
    inputs = {Path(name).resolve() for name in (options.files or ()) if str(name) != "-"}
    outputs = [options.json_file, options.html, options.junit, options.markdown]
    for path in outputs:
        if path is not None and str(path) != "-" and path.resolve() in inputs:
            raise Problem(str(path), "is the trace itself, which the report would overwrite", "name another file")
    check_writable(path for path in (*outputs, summary_file()) if path is not None)
    if options.follow:
        from turnaffinity.audit.live import follow

        auditor = Auditor(layout, reading, options.remember)
        with LiveTable() as table:
            report = follow(auditor, options.url, options.seconds, options.metrics, table.show)
    else:
        with reading_bar() as progress:
            report = audit_files(options.files, layout, reading, options.remember, progress)
    apply_expected(report, expected)
    write_all(_files(report, options))
    if page := summary_file():
        add_to_summary(page, audit_markdown(report))
    if options.json_file is None or str(options.json_file) != "-":
        print_audit(report, everything=options.everything)
    raise typer.Exit(report.exit_status)


def _files(report: AuditReport, options: Options) -> dict[Path, str]:
    texts: dict[Path, str] = {}
    if options.json_file is not None:
        texts[options.json_file] = json.dumps(report.as_dict(), ensure_ascii=True, indent=2) + "\n"
    if options.html is not None:
        texts[options.html] = audit_page(report)
    if options.junit is not None:
        texts[options.junit] = audit_junit(report)
    if options.markdown is not None:
        texts[options.markdown] = audit_markdown(report)
    return texts
