"""What survives thousands of sessions and real faults? The verb `load`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from turnaffinity.cli.options import JsonFile


def load(
    scenario: Annotated[
        list[str] | None, typer.Option("--scenario", metavar="NAME", help="only this one; repeatable")
    ] = None,
    adapter: Annotated[str | None, typer.Option("--adapter", metavar="CMD", help="what is under load")] = None,
    sessions: Annotated[int, typer.Option("--sessions", min=2, help="sessions in all")] = 2000,
    processes: Annotated[int, typer.Option("-n", metavar="PROCESSES", min=1, help="processes that speak")] = 2,
    server: Annotated[str, typer.Option("--server", metavar="SPEC", help="embedded, or redis")] = "embedded",
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="who speaks when, which node dies")] = 0,
    json_file: JsonFile = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="print the table as Markdown")] = False,
) -> None:
    """Let thousands of sessions speak while nodes die, servers restart and a replica takes over; count what is lost.

    Each scenario runs on servers of our own, with real processes that speak: calm, nodes, restart, restart-aof,
    failover. Each answer is held to what was acknowledged before: a job on a wrong node, an open turn that is gone, a
    closed turn's id used again, a key left over. Errors are counted, and nothing is tried twice. What Redis loses by
    itself (a restart without persistence, writes that no replica had) is shown, and is no fault of an implementation.

    examples:
      turnaffinity load
      turnaffinity load --scenario nodes --sessions 10000 --adapter ./run
      turnaffinity load --json losses.json --server redis

    exit: 0 nothing was lost that need not be   1 a job on a wrong node, or something lost though nothing broke
          2 bad usage   3 the implementation or a server could not be run
    """
    import json

    from turnaffinity.load.storms import STORMS, run_storm, said_by
    from turnaffinity.problem import Problem
    from turnaffinity.reports.files import check_writable, write_all
    from turnaffinity.reports.load import losses_markdown, rows
    from turnaffinity.reports.verdict_terminal import progress_bar
    from turnaffinity.showing.wording import Words

    names = [storm.name for storm in STORMS]
    for name in scenario or []:
        if name not in names:
            raise Problem(f'--scenario "{name}"', "is none", f"use one of {'|'.join(names)}")
    if server not in ("embedded", "redis"):
        raise Problem(f'--server "{server}"', "is restarted and killed here", "use embedded or redis")
    if json_file:
        check_writable([json_file])
    binary = said_by(server)
    outcomes = []
    chosen = [storm for storm in STORMS if not scenario or storm.name in scenario]
    with progress_bar() as told:
        for number, storm in enumerate(chosen):
            if told:
                told(number, len(chosen))
            outcomes.append(
                run_storm(storm, binary, sessions=sessions, processes=processes, adapter=adapter, seed=seed)
            )
    if json_file:
        write_all({json_file: json.dumps([outcome.as_json() for outcome in outcomes], indent=2) + "\n"})
    if markdown:
        typer.echo(losses_markdown(outcomes, adapter or "the specification", Words()), nl=False)
    elif json_file != Path("-"):
        _print_table(rows(outcomes, words=Words()))
    if any(outcome.at_fault for outcome in outcomes):
        raise typer.Exit(1)


def _print_table(found: list[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for number, title in enumerate(found[0]):
        table.add_column(title, justify="right" if number else "left")
    for row in found[1:]:
        table.add_row(*row)
    Console(highlight=False).print(table)
