"""Which rule kills which mutant? The verb `mutants`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    machine: Annotated[
        bool, typer.Option("--machine", help="judge every small change that a machine makes of the reference")
    ] = False,
    workers: Annotated[int, typer.Option("-n", metavar="WORKERS", min=1, help="judge in so many processes")] = 2,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="where the fresh names come from")] = 0,
) -> None:
    """Judge every deliberately wrong implementation of the kit, and print which rule kills which.

    A mutant makes one mistake (`conformance/mutants/`). It is killed if the rule that owns the mistake fails it in
    each of its readings; killed by a neighbour only, where others fail it and the owner does not; else it survived.
    A SHOULD kills by a warning. A rule whose mutants it does not kill itself is not checked. The picture is the whole
    matrix: rules down, mutants across.

    With `--machine` the mistakes are nobody's idea: each command of the reference's scripts and flow dropped or
    swapped with the next, each condition negated, each constant and key changed. What no rule blames under any
    reading is a survivor, and `conformance/mutants/survivors.toml` has to say why that is right.

    examples:
      turnaffinity mutants
      turnaffinity mutants --machine --json machine.json
      turnaffinity mutants --rule 'TA-CLEAR-*' --json matrix.json --svg matrix.svg

    exit: 0 every MUST and DECISION kills a mutant of its own; with --machine: every survivor is explained
          1 one does not; a survivor is not explained, or one that is listed did not survive   2 bad usage
          3 the server could not be run
    """
    from rich.console import Console

    from turnaffinity.contract.rules import RULES
    from turnaffinity.mutation.matrix import run_matrix, selected
    from turnaffinity.mutation.mutants import load_mutants
    from turnaffinity.problem import Problem
    from turnaffinity.reports.console import progress_bar

    if machine:
        if rule or svg:
            what = f"{'--rule' if rule else '--svg'} is about the mutants of the kit"
            raise Problem("--machine", what, "leave one of the two out")
        raise typer.Exit(_machine(json_file, workers, seed))
    chosen = selected(load_mutants(), rule or [])
    if not chosen:
        raise Problem("--rule", f"{', '.join(rule or [])} is the rule of no mutant", "see turnaffinity rules")
    with progress_bar() as told:
        matrix = run_matrix(chosen, workers=workers, told=told, seed=seed)
    if rule:
        matrix.rules = tuple(dict.fromkeys(mutant.rule for mutant in chosen if mutant.rule in RULES))
    _write_json(json_file, matrix.as_dict())
    if json_file is None or str(json_file) != "-":
        console = Console(highlight=False)
        console.print(_table(matrix))
        _summary(console, matrix)
    raise typer.Exit(matrix.exit_status)


def _write_json(path: Path | None, content: dict[str, Any]) -> None:
    import json

    from turnaffinity.reports.outputs import write_all

    text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
    if path is not None and str(path) == "-":
        print(text, end="")
    elif path is not None:
        write_all({path: text})


def _machine(json_file: Path | None, workers: int, seed: int) -> int:
    from rich.console import Console

    from turnaffinity.mutation.machine import Balance, all_changes, as_dict, reasons, run_machine
    from turnaffinity.reports.console import progress_bar

    known = reasons()
    with progress_bar() as told:
        balance = Balance(run_machine(all_changes(), workers=workers, told=told, seed=seed), known)
    _write_json(json_file, as_dict(balance))
    if str(json_file) != "-":
        console = Console(highlight=False, markup=False)
        survivors = sum(fate.survived for fate in balance.fates)
        console.print(f"{len(balance.fates)} changes: {len(balance.fates) - survivors} blamed, {survivors} survived")
        for fate in balance.unexplained:
            console.print(f"survives without a reason, line {fate.change.line}: {fate.change.id}")
        for name in balance.stale:
            console.print(f"listed in survivors.toml, and did not survive: {name}")
    return balance.exit_status


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
