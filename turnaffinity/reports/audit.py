"""How does the verdict on a trace look? In the terminal, live while it is followed, and as a page."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from turnaffinity.audit.report import AuditReport
from turnaffinity.audit.run import Progress
from turnaffinity.contract.rules import RULES
from turnaffinity.reports.page import rendered
from turnaffinity.reports.verdict_terminal import console_for, print_finding
from turnaffinity.showing.finding import one_line, recorded_finding
from turnaffinity.showing.names import Names
from turnaffinity.showing.shown import hanging
from turnaffinity.showing.wording import Words

STYLES = {"pass": "green", "fail": "bold red", "warn": "yellow", "unobservable": "cyan", "conforms": "bold green",
          "violates": "bold red", "incomplete": "bold magenta"}  # fmt: skip
TOLD = 3
"""Failures of one rule that the terminal shows; the JSON has more."""


@contextmanager
def reading_bar() -> Iterator[Progress]:
    """Bytes and speed on stderr; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.progress import DownloadColumn, TextColumn, TimeElapsedColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("reading"), DownloadColumn(), TransferSpeedColumn(), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda count: bar.update(task, advance=count)


def print_audit(report: AuditReport) -> None:
    """Print the table of rules, the first failures with their lines, and the verdict."""
    console, names, words = console_for(), Names(report.layout), Words()
    table = Table(box=None, pad_edge=False)
    for column in (words("rule"), words("level"), words("status"), words("seen"), words("broken"), words("remark")):
        table.add_column(column)
    for rule in report.rules:
        status = Text(words(rule["status"]), style=STYLES.get(rule["status"], ""))
        remark = Text("; ".join(map(words.told, rule["reasons"])))
        table.add_row(rule["id"], rule["level"], status, f"{rule['cases']:,}", f"{rule['broken']:,}", remark)
    console.print(table)
    for rule in report.rules:
        for failure in rule["failures"][:TOLD]:
            _print_failure(console, rule["id"], failure, names)
    console.print()
    _print_warnings(console, report, names)
    _print_names(console, names)
    for sentence in report.read_as:
        console.print(Text(words.told(sentence)), soft_wrap=True)
    console.print(Text(words.told(_summary(report))))
    verdict = Text(words(report.verdict), style=STYLES[report.verdict])
    more = [f", reading {report.reading}"]
    if report.unseen:
        more.append(f"; this trace cannot show {', '.join(report.unseen)}")
    if report.other_choices:
        more.append(f"; seen: {'; '.join(report.other_choices)} (see --reading)")
    if report.stale:
        stale = ", ".join(entry["rule"] for entry in report.stale)
        more.append(f"; expected to fail and did not: {stale}")
    for part in more:
        verdict.append(words.told(part), style="default")
    console.print(verdict)


def _print_names(console: Console, names: Names) -> None:
    """What the short names stand for, so that the trace can be searched."""
    for raw, short in names.raw.items():
        console.print(Text(f"{short} is {one_line(raw)}", style="dim"), soft_wrap=True)


def _summary(report: AuditReport) -> str:
    facts = report.statistics
    gaps = f", {report.gaps} gaps" if report.gaps else ""
    return (
        f"{report.lines:,} lines, {report.matched:,} of interest{gaps}; {report.whole_turns:,} whole turns, "
        f"{facts['turns_superseded']:,} superseded, {facts['orphans_left']:,} left over; "
        f"{facts['selections']:,} selections by script"
    )


def _print_warnings(console: Console, report: AuditReport, names: Names) -> None:
    """A line for each kind of warning: how often, where first, and what was seen there."""
    for rule in report.rules:
        kinds: dict[str, list[dict[str, Any]]] = {}
        for warning in rule["warnings"]:
            kinds.setdefault(str(warning["expected"]), []).append(warning)
        for found in kinds.values():
            first = found[0]
            words = Words()
            times = f"{len(found)} times, first at line {first['line']}" if len(found) > 1 else f"line {first['line']}"
            observed, wanted = (words.told(names.apply(one_line(first[part]))) for part in ("observed", "expected"))
            text = f"{observed}; {words('wanted')}: {wanted}"
            for line in hanging(f"{words('warn')} {rule['id']}  {words.told(times)}: ", text, console.width):
                console.print(Text(line, style=STYLES["warn"]), soft_wrap=True)


def _print_failure(console: Console, rule_id: str, failure: dict[str, Any], names: Names) -> None:
    where = f" of {failure['file']}" if failure["file"] else ""
    cause = f" (caused at line {failure['cause_line']})" if failure["cause_line"] != failure["line"] else ""
    words = Words()
    at = failure["line"]
    place = words.told(f"line {at}") + words.told(where) + words.told(cause)
    console.print(Text(f"\n{rule_id}  {place}", style="red"))
    more = [(words("known"), failure["expected_by"])] if "expected_by" in failure else []
    print_finding(console, recorded_finding(failure, names, more=more, words=words))


class LiveTable:
    """A table that renews itself on a terminal; silent elsewhere."""

    def __init__(self) -> None:
        self._live: Any = None
        if sys.stderr.isatty():
            from rich.live import Live

            self._live = Live(console=Console(stderr=True), transient=True, auto_refresh=False)

    def __enter__(self) -> LiveTable:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live:
            self._live.stop()

    def show(self, report: AuditReport) -> None:
        """The verdict as it is now."""
        if not self._live:
            return
        facts = report.statistics
        title = f"{report.lines:,} lines, {report.whole_turns:,} turns, {facts['turns_per_minute'] or 0:,.0f} a minute"
        table = Table("rule", "status", "seen", "broken", "latest", title=title)
        for rule in report.rules:
            latest = rule["failures"][-1]["observed"] if rule["failures"] else ""
            status = Text(rule["status"], style=STYLES.get(rule["status"], ""))
            table.add_row(rule["id"], status, f"{rule['cases']:,}", f"{rule['broken']:,}", Text(latest[:60]))
        self._live.update(table, refresh=True)


def audit_page(report: AuditReport) -> str:
    """The whole page as text; everything that came from the trace is escaped."""
    data, names = report.as_dict(), Names(report.layout)
    # rendered from top to bottom: what is shown before gets its name before
    return rendered(
        "audit.html.j2",
        report=data,
        statements={rule.id: rule.statement for rule in RULES.values()},
        turns=_timeline(data["turns"], names),
        shown=lambda failure: recorded_finding(failure, names, layout=report.layout),
        figure=lambda value: names.apply(_figure(value)),
        names=names,
    )


def _figure(value: Any) -> str:
    """A figure in words: "median: 1.2, longest: 3", "key (12)", or that it was not seen."""
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_figure(each)}" for name, each in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(f"{one_line(name)} ({count})" for name, count in value) or "none"
    return "not seen" if value is None else f"{value:,}" if isinstance(value, (int, float)) else str(value)


def _timeline(lives: list[dict[str, Any]], names: Names) -> list[dict[str, Any]]:
    """Each turn as a bar: where it begins and how long it is, in per cent of the time shown."""
    if not lives:
        return []
    start = min(life["opened_at"] for life in lives)
    span = max(life["closed_at"] for life in lives) - start or 1.0
    return [
        life
        | {
            "left": round(100 * (life["opened_at"] - start) / span, 3),
            "width": max(0.4, round(100 * (life["closed_at"] - life["opened_at"]) / span, 3)),
            "length_s": life["closed_at"] - life["opened_at"],
            "session": names.session(life["session_id"]),
            "turn": names.turn(life["turn_id"]),
        }
        for life in lives
    ]
