"""Which rule kills which mutant? The verb `mutants`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from turnaffinity.cli.options import JsonFile


def mutants(
    json_file: JsonFile = None,
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
    from turnaffinity.contract.rules import RULES
    from turnaffinity.mutation.matrix import run_matrix, selected
    from turnaffinity.mutation.mutants import load_mutants
    from turnaffinity.problem import Problem
    from turnaffinity.reports.files import write_all
    from turnaffinity.reports.kill_matrix import matrix_svg, print_kills
    from turnaffinity.reports.verdict_terminal import console_for, progress_bar

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
    if svg:
        write_all({svg: matrix_svg(matrix)})
    _write_json(json_file, matrix.as_dict())
    if json_file is None or str(json_file) != "-":
        print_kills(console_for(), matrix)
    raise typer.Exit(matrix.exit_status)


def _write_json(path: Path | None, content: dict[str, Any]) -> None:
    import json

    from turnaffinity.reports.files import write_all

    text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
    if path is not None and str(path) == "-":
        print(text, end="")
    elif path is not None:
        write_all({path: text})


def _machine(json_file: Path | None, workers: int, seed: int) -> int:
    from turnaffinity.mutation.machine import Balance, all_changes, as_dict, reasons, run_machine
    from turnaffinity.reports.kill_matrix import print_machine
    from turnaffinity.reports.verdict_terminal import console_for, progress_bar

    known = reasons()
    with progress_bar() as told:
        balance = Balance(run_machine(all_changes(), workers=workers, told=told, seed=seed), known)
    _write_json(json_file, as_dict(balance))
    if str(json_file) != "-":
        print_machine(console_for(), balance)
    return balance.exit_status
