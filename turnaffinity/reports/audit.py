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
from turnaffinity.diagnosis.markdown import trace_as_markdown
from turnaffinity.diagnosis.telling import MOST_MISTAKES
from turnaffinity.diagnosis.traces import tell_in_trace
from turnaffinity.reports.page import rendered
from turnaffinity.reports.verdict_terminal import console_for, print_families, print_finding, print_verdict
from turnaffinity.showing.finding import one_line, recorded_finding
from turnaffinity.showing.names import Names
from turnaffinity.showing.shown import print_hanging
from turnaffinity.showing.wording import Words

STYLES = {"pass": "green", "fail": "bold red", "warn": "yellow", "unobservable": "cyan", "conforms": "bold green",
          "violates": "bold red", "incomplete": "bold magenta"}  # fmt: skip
FIGURES = {
    "turns_opened": "turns opened", "turns_closed": "turns closed", "turns_superseded": "turns superseded",
    "orphans_left": "orphans left", "turns_per_minute": "turns per minute", "turn_length_s": "turn length s",
    "jobs_per_turn": "jobs per turn", "selections": "selections", "commands_per_selection": "commands per selection",
    "pools_asked_per_selection": "pools asked per selection", "affinity_reads": "affinity reads",
    "affinity_hits": "affinity hits", "hot_keys": "hot keys", "span_s": "span s", "median": "median",
    "longest": "longest",
}  # fmt: skip
"""How the page calls the figures of a trace."""
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


def print_audit(report: AuditReport, *, everything: bool = False) -> None:
    """Print the verdict: where rules were broken the mistakes and a line a family, else the table of rules.

    With `everything` the table, and each rule's first failures with the lines around them, whatever was broken.
    """
    console, names, words = console_for(), Names(report.layout), Words()
    brief = bool(report.failed) and not everything
    if brief:
        _print_mistakes(console, report, names, words)
    else:
        _print_table(console, report, words)
        for rule in report.rules:
            for failure in rule["failures"][:TOLD]:
                _print_failure(console, rule["id"], failure, names)
    console.print()
    _print_warnings(console, report, names)
    if brief:
        print_families(console, words, ((rule["id"], rule["status"]) for rule in report.rules))
        console.print()
    _print_names(console, names, words)
    for sentence in report.read_as:
        console.print(Text(words.told(sentence)), soft_wrap=True)
    print_hanging(console, "", _summary(report, words))
    verdict, more = words(report.verdict), [f", reading {report.reading}"]
    if report.unseen:
        more.append(f"; this trace cannot show {words.listed(report.unseen)}")
    if report.other_choices:
        more.append(f"; seen: {'; '.join(report.other_choices)} (see --reading)")
    if report.stale:
        stale = ", ".join(entry["rule"] for entry in report.stale)
        more.append(f"; expected to fail and did not: {stale}")
    print_verdict(console, verdict, "".join(map(words.told, more)), STYLES[report.verdict])


def _print_table(console: Console, report: AuditReport, words: Words) -> None:
    table = Table(box=None, pad_edge=False)
    for column in (words("rule"), words("level"), words("status"), words("seen"), words("broken"), words("remark")):
        table.add_column(column)
    for rule in report.rules:
        status = Text(words(rule["status"]), style=STYLES.get(rule["status"], ""))
        remark = Text("; ".join(map(words.told, rule["reasons"])))
        table.add_row(rule["id"], rule["level"], status, f"{rule['cases']:,}", f"{rule['broken']:,}", remark)
    console.print(table)


def _print_mistakes(console: Console, report: AuditReport, names: Names, words: Words) -> None:
    """What is wrong, as in the verdict on a program: each mistake with its first line in the trace, and its turn."""
    mistakes, width = report.mistakes, console.width - 3
    for number, mistake in enumerate(mistakes[:MOST_MISTAKES], 1):
        told = tell_in_trace(mistake, names, words, report.layout, report.lives, width)
        if number > 1:
            console.print()
        print_hanging(console, f"{number}. ", told.says, STYLES["fail"])
        for line in told.lines(width):
            console.print(Text(f"   {line}", style="red" if line.startswith("> ") else ""), soft_wrap=True)
    if rest := mistakes[MOST_MISTAKES:]:
        rules = ", ".join(dict.fromkeys(rule for mistake in rest for rule in mistake.rules))
        print_hanging(console, "", words("{n} more: {rules}", n=len(rest), rules=rules), "dim")


def _print_names(console: Console, names: Names, words: Words) -> None:
    """What the short names stand for, so that the trace can be searched."""
    for raw, short in names.raw.items():
        text = words("{short} is {raw}", short=short, raw=one_line(raw))
        console.print(Text(text, style="dim"), soft_wrap=True)


def _summary(report: AuditReport, words: Words) -> str:
    facts = report.statistics
    gaps = words(", gaps: {n}", n=report.gaps) if report.gaps else ""
    return words(
        "lines: {lines}, of interest: {matched}{gaps}; whole turns: {whole}, superseded: {superseded}, "
        "left over: {left}; selections by script: {selections}",
        lines=f"{report.lines:,}", matched=f"{report.matched:,}", gaps=gaps, whole=f"{report.whole_turns:,}",
        superseded=f"{facts['turns_superseded']:,}", left=f"{facts['orphans_left']:,}",
        selections=f"{facts['selections']:,}",
    )  # fmt: skip


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
            text = words.listed((observed, f"{words.label('wanted')}{wanted}"), "; ")
            label = f"{words('warn')} {rule['id']}  {words.label(words.told(times))}"
            print_hanging(console, label, text, STYLES["warn"])


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
    data, names, words = report.as_dict(), Names(report.layout), Words()
    told = [tell_in_trace(each, names, words, report.layout, report.lives) for each in report.mistakes]
    # rendered from top to bottom: what is shown before gets its name before
    return rendered(
        "audit.html.j2",
        report=data,
        lang=words.lang,
        t=words,
        mistakes=told,
        turns=_timeline(data["turns"], names),
        shown=lambda failure: recorded_finding(failure, names, layout=report.layout, words=words),
        figures=FIGURES,
        figure=lambda value: names.apply(_figure(value, words)),
        names=names,
    )


def audit_markdown(report: AuditReport) -> str:
    """What a pull request shows of the verdict on a trace."""
    words = Words()
    counts = f"{_summary(report, words)}; {words('reading')} {report.reading}"
    name = ", ".join(report.files)
    return trace_as_markdown(name, report.verdict, counts, report.mistakes, report.rules, report.layout, report.lives)


def _figure(value: Any, words: Words) -> str:
    """A figure in words: "median: 1.2, longest: 3", "key (12)", or that it was not seen."""
    if isinstance(value, dict):
        return ", ".join(
            f"{words(FIGURES.get(name, str(name)))}: {_figure(each, words)}" for name, each in value.items()
        ) or words("none")
    if isinstance(value, list):
        return ", ".join(f"{one_line(name)} ({count})" for name, count in value) or words("none")
    if value is None:
        return words("not seen")
    return f"{value:,}" if isinstance(value, (int, float)) else str(value)


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
