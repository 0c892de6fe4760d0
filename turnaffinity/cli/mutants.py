"""Which rule kills which mutant? The verb `mutants`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from turnaffinity.mutation.matrix import Matrix


def mutants(
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="write the kill matrix as JSON; - prints it")
    ] = None,
    svg: Annotated[
        Path | None, typer.Option("--svg", metavar="FILE", help="write the kill matrix as a picture")
    ] = None,
    rule: Annotated[list[str] | None, typer.Option("--rule", metavar="GLOB", help="only the mutants of these")] = None,
    workers: Annotated[int, typer.Option("-n", metavar="WORKERS", min=1, help="judge in so many processes")] = 2,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="where the fresh names come from")] = 0,
) -> None:
    """Judge every deliberately wrong implementation of the kit, and print which rule kills which.

    A mutant makes one mistake (`conformance/mutants/`). It is killed if the rule that owns the mistake fails it in
    each of its readings; killed by a neighbour only, where others fail it and the owner does not; else it survived.
    A SHOULD kills by a warning. A rule whose mutants it does not kill itself is not checked. The picture is the whole
    matrix: rules down, mutants across.

    examples:
      turnaffinity mutants
      turnaffinity mutants --rule 'TA-CLEAR-*' --json matrix.json --svg matrix.svg

    exit: 0 every MUST and DECISION kills a mutant of its own   1 one does not   2 bad usage
          3 the server could not be run
    """
    import json

    from rich.console import Console

    from turnaffinity.contract.rules import RULES
    from turnaffinity.mutation.matrix import run_matrix, selected
    from turnaffinity.mutation.mutants import load_mutants
    from turnaffinity.problem import Problem
    from turnaffinity.reports.console import progress_bar
    from turnaffinity.reports.outputs import write_all

    chosen = selected(load_mutants(), rule or [])
    if not chosen:
        raise Problem("--rule", f"{', '.join(rule or [])} is the rule of no mutant", "see turnaffinity rules")
    with progress_bar() as told:
        matrix = run_matrix(chosen, workers=workers, told=told, seed=seed)
    if rule:
        matrix.rules = tuple(dict.fromkeys(mutant.rule for mutant in chosen if mutant.rule in RULES))
    if json_file is not None:
        text = json.dumps(matrix.as_dict(), ensure_ascii=False, indent=2) + "\n"
        if str(json_file) == "-":
            print(text, end="")
        else:
            write_all({json_file: text})
    if json_file is None or str(json_file) != "-":
        console = Console(highlight=False)
        console.print(_table(matrix))
        _summary(console, matrix)
    raise typer.Exit(matrix.exit_status)


def _table(matrix: Matrix) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from turnaffinity.contract.rules import RULES

    table = Table(title="which rule kills which mutant", box=SIMPLE_HEAD)
    for name in ("rule", "level", "killed", "also blamed by it"):
        table.add_column(name, no_wrap=True, justify="right" if name in {"killed", "also blamed by it"} else "left")
    table.add_column("its mutants", overflow="fold")
    for rule in matrix.rules:
        own = [death for death in matrix.deaths if death.mutant.rule == rule]
        killed = sum(death.status == "killed" for death in own)
        others = sum(death.mutant.rule != rule and rule in death.killed_by for death in matrix.deaths)
        names = Text()
        for number, death in enumerate(own):
            style = {"killed": "green", "killed-by-neighbour": "yellow", "survived": "bold red"}[death.status]
            suffix = "" if death.status == "killed" else f" ({death.status})"
            names.append(", " if number else "")
            names.append(death.mutant.id + suffix, style)
        table.add_row(rule, RULES[rule].level, f"{killed}/{len(own)}", str(others or ""), names)
    return table


def _summary(console: object, matrix: Matrix) -> None:
    from rich.console import Console

    assert isinstance(console, Console)
    count = dict.fromkeys(("killed", "killed-by-neighbour", "survived"), 0)
    for death in matrix.deaths:
        count[death.status] += 1
        if death.undeclared:
            console.print(f"{death.mutant.id} is blamed by {', '.join(death.undeclared)} too, undeclared")
    told = ", ".join(f"{number} {status.replace('-', ' ')}" for status, number in count.items())
    console.print(f"{len(matrix.deaths)} mutants: {told}; {matrix.seconds:.0f} s")
    if matrix.gaps:
        console.print(f"without a mutant that it kills itself: {', '.join(matrix.gaps)}")
