"""`turnaffinity explore`: which combination of choices meets which goal?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console
    from rich.table import Table

    from turnaffinity.contract.decisions import Reading
    from turnaffinity.explorer.crashes import CrashReport
    from turnaffinity.explorer.matrix import Exploration, Progress


def explore(
    depth: Annotated[int, typer.Option(help="max_duration finalizes of one utterance at most.")] = 4,
    nodes: Annotated[int, typer.Option(help="Nodes in the deployment, 2 to 6.")] = 3,
    json: Annotated[Path | None, typer.Option(help="Write the result to this file.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with every counterexample to this file.")] = None,
    goal: Annotated[
        list[str] | None, typer.Option(help="Tell the counterexamples of this goal (G1 ... G8) in full.")
    ] = None,
    reading: Annotated[str, typer.Option(help="The reading whose counterexamples are told.")] = "intent",
    crashes: Annotated[bool, typer.Option(help="Also search crashes between two commands, and takeovers.")] = False,
    server: Annotated[str, typer.Option(help="Where counterexamples are replayed.")] = "embedded",
    workers: Annotated[int, typer.Option(help="Processes; 0: one for each core.")] = 0,
) -> None:
    """Settle the open decisions D1 to D4 by exhaustion: all 24 combinations against the goals G1 to G8.

    Every behaviour within the bounds is searched (two sessions, two utterances of up to --depth max_duration
    finalizes each, --nodes nodes, two languages), each draw being an adversary's, smallest behaviours first. A goal
    that fails comes with a smallest counterexample, which the real flow has repeated on a live server before it is
    shown. The recommendation is derived from the matrix.

    Default: depth 4, nodes 3; the counterexamples told are those of the reading `intent`.

    examples:
      turnaffinity explore
      turnaffinity explore --reading literal --goal G1 --json out.json
      turnaffinity explore --html decisions.html --crashes

    exit: 0 done   2 a number, a goal or a reading that cannot be searched, or a file that cannot be written
          3 the server could not be run
    """
    from rich.console import Console

    from turnaffinity.explorer.bounds import Bounds
    from turnaffinity.explorer.crashes import search_crashes
    from turnaffinity.explorer.matrix import explore as search
    from turnaffinity.server import open_server

    wanted = _goals(goal)
    told = _reading(reading)
    bounds = Bounds(nodes=nodes, max_durations=depth)
    for path in (json, html):
        _refuse_unwritable(path)
    console, notes = Console(), Console(stderr=True)
    bar = _Bar(notes)
    with open_server(server) as live, bar as tell:
        result = search(bounds, server=live, workers=workers or None, progress=tell)
    _write(json, html, result)
    console.print(_table(result))
    _summary(console, result)
    _tell(console, result, told, wanted)
    if crashes:
        _crashes(console, search_crashes())


def _goals(wanted: list[str] | None) -> list[str]:
    from turnaffinity.contract.decisions import GOALS
    from turnaffinity.problem import Problem

    known = [goal.id for goal in GOALS]
    asked = [name.upper() for name in wanted or []]
    for name in asked:
        if name not in known:
            raise Problem("--goal", f'"{name}" is no goal', f"use one of {', '.join(known)}")
    return asked


def _reading(text: str) -> Reading:
    from turnaffinity.contract.decisions import parse_reading
    from turnaffinity.problem import Problem

    try:
        return parse_reading(text)
    except ValueError as error:
        raise Problem("--reading", str(error), "for example --reading literal, or D1=mint,D4=repair") from error


class _Bar:
    """A bar on stderr, on a terminal only."""

    def __init__(self, console: Console) -> None:
        from rich import progress

        done = progress.TextColumn("{task.completed}/{task.total}")
        columns = (progress.TextColumn("{task.description}"), progress.BarColumn(), done)
        self._bar = progress.Progress(
            *columns,
            progress.TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
            # no thread of its own: the search forks
            auto_refresh=False,
        )
        self._task = self._bar.add_task("searching", total=24)

    def __enter__(self) -> Progress:
        self._bar.start()
        self._bar.refresh()
        return self._tell

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def _tell(self, done: int, total: int, what: str) -> None:
        self._bar.update(self._task, completed=done, total=total, description=what, refresh=True)


def _table(result: Exploration) -> Table:
    from rich.table import Table

    from turnaffinity.contract.decisions import DECISIONS, GOALS, all_readings

    table = Table(title="which combination of choices meets which goal", box=None, padding=(0, 1, 0, 0))
    for decision in DECISIONS:
        table.add_column(decision.id, no_wrap=True)
    table.add_column("reading", no_wrap=True, min_width=10)
    for goal in GOALS:
        table.add_column(goal.id, justify="center", no_wrap=True, min_width=2)
    for reading in all_readings():
        marks = ["[green]✓[/]" if result.cell(reading, goal.id).holds else "[red]✗[/]" for goal in GOALS]
        style = "bold" if not result.missed(reading) else ""
        table.add_row(*reading.as_dict().values(), reading.name or "", *marks, style=style)
    return table


def _summary(console: Console, result: Exploration) -> None:
    from turnaffinity.contract.decisions import GOALS

    for goal in GOALS:
        console.print(f"{goal.id}  {goal.title}: {goal.holds_if}", highlight=False)
    bounds = ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in result.bounds.as_dict().items())
    rate = int(result.transitions / max(result.seconds, 0.001))
    per_s = int(result.states / max(result.seconds, 0.001))
    console.print(
        f"\nsearched: {bounds}\n{result.states} states (names apart), {result.transitions} transitions in "
        f"{result.seconds:.1f} s: {per_s} states and {rate} transitions a second; {result.replayed} counterexamples "
        "replayed on the live server",
        highlight=False,
    )
    if result.closed:
        console.print("no state was cut off by the bounds: what holds, holds for speech of any length", highlight=False)
    console.print()
    for line in result.recommendation():
        console.print(line, highlight=False)


def _tell(console: Console, result: Exploration, reading: Reading, wanted: list[str]) -> None:
    from turnaffinity.contract.decisions import GOALS
    from turnaffinity.explorer.story import story

    for goal in GOALS:
        cell = result.cell(reading, goal.id)
        if goal.id in wanted or (not wanted and not cell.holds):
            console.print()
            for line in story(cell):
                console.print(line, highlight=False, markup=False)


def _crashes(console: Console, report: CrashReport) -> None:
    console.print()
    for line in report.lines():
        console.print(line, highlight=False, markup=False)


def _refuse_unwritable(path: Path | None) -> None:
    """Before the search, not after it: the folder has to exist."""
    from turnaffinity.problem import Problem

    if path is not None and (path.is_dir() or not path.parent.is_dir()):
        what = "is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise Problem(str(path), what, "name a file in a folder that exists")


def _write(json: Path | None, html: Path | None, result: Exploration) -> None:
    from json import dumps

    from turnaffinity.explorer.crashes import search_crashes
    from turnaffinity.explorer.picture import page
    from turnaffinity.problem import Problem

    told = {**result.as_json(), "crashes": search_crashes().as_json()}
    texts: list[tuple[Path | None, Callable[[], str]]] = [
        (json, lambda: dumps(told, ensure_ascii=False, indent=1) + "\n"),
        (html, lambda: page(result)),
    ]
    for path, text in texts:
        if path is None:
            continue
        try:
            path.write_text(text(), encoding="utf-8")
        except OSError as error:
            raise Problem(
                str(path), error.strerror or "cannot be written", "name a file in a folder that exists"
            ) from error
