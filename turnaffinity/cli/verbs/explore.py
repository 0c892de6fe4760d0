"""`turnaffinity explore`: which combination of choices meets which goal?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from turnaffinity.cli.options import chosen_reading

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

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
    from turnaffinity.reports.matrix import print_crashes, print_exploration
    from turnaffinity.reports.verdict_terminal import console_for
    from turnaffinity.server import open_server

    wanted = _goals(goal)
    told = chosen_reading(reading)
    bounds = Bounds(nodes=nodes, max_durations=depth)
    for path in (json, html):
        _refuse_unwritable(path)
    console, notes = console_for(), Console(stderr=True)
    bar = _Bar(notes)
    with open_server(server) as live, bar as tell:
        result = search(bounds, server=live, workers=workers or None, progress=tell)
    _write(json, html, result)
    print_exploration(console, result, told, wanted)
    if crashes:
        print_crashes(console, search_crashes())


def _goals(wanted: list[str] | None) -> list[str]:
    from turnaffinity.contract.decisions import GOALS
    from turnaffinity.problem import Problem

    known = [goal.id for goal in GOALS]
    asked = [name.upper() for name in wanted or []]
    for name in asked:
        if name not in known:
            raise Problem("--goal", f'"{name}" is no goal', f"use one of {', '.join(known)}")
    return asked


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


def _refuse_unwritable(path: Path | None) -> None:
    """Before the search, not after it: the folder has to exist."""
    from turnaffinity.problem import Problem

    if path is not None and (path.is_dir() or not path.parent.is_dir()):
        what = "is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise Problem(str(path), what, "name a file in a folder that exists")


def _write(json: Path | None, html: Path | None, result: Exploration) -> None:
    from json import dumps

    from turnaffinity.explorer.crashes import search_crashes
    from turnaffinity.problem import Problem
    from turnaffinity.reports.matrix import matrix_page

    told = {**result.as_json(), "crashes": search_crashes().as_json()}
    texts: list[tuple[Path | None, Callable[[], str]]] = [
        (json, lambda: dumps(told, ensure_ascii=False, indent=1) + "\n"),
        (html, lambda: matrix_page(result)),
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
