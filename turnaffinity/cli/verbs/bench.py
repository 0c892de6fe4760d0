"""How fast is it, measured against what it has to do? The verb `bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def bench(
    quick: Annotated[
        bool, typer.Option("--quick", help="fewer rounds, calls and draws: a look, not a measurement")
    ] = False,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="write the rows as JSON; - for stdout, without the table"),
    ] = None,
    server: Annotated[
        str | None,
        typer.Option("--server", metavar="SPEC", help="embedded (default), redis, redis://... or unix://..."),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="exit 1 if a limit does not hold")] = False,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="the names of keys are made from it")] = 0,
) -> None:
    """Measure the scripts and the flow on a live server, as ratios to peers measured in the same run.

    Selection with affinity and without, the shares of the nodes in 200,000 draws, and one finalize per reason in
    round trips and in time. Each figure is the median of 15 interleaved rounds of 2,000 calls, on an otherwise idle
    machine; the whole takes a few minutes, with --quick some ten seconds. Limits are printed beside the ratios.

    examples:
      turnaffinity bench --quick
      turnaffinity bench --server redis --json bench.json --check

    exit: 0 measured   1 with --check: a limit does not hold   2 FILE cannot be written
          3 there is no server that can be measured (fakeredis counts no time)
    """
    import json

    from turnaffinity.bench.run import run_bench
    from turnaffinity.bench.timing import FULL, QUICK
    from turnaffinity.problem import Problem

    to_stdout = json_file is not None and str(json_file) == "-"
    if json_file is not None and not to_stdout and not json_file.absolute().parent.is_dir():
        raise Problem(f"--json {json_file}", "its folder does not exist", "name a file in a folder that exists")
    plan = QUICK if quick else FULL
    rows, server_name = run_bench(server, plan, seed=seed)
    report = {
        "server": server_name,
        "quick": quick,
        "rounds": plan.rounds,
        "calls": plan.calls,
        "draws": plan.draws,
        "rows": [row.as_dict() for row in rows],
    }
    text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
    if to_stdout:
        typer.echo(text, nl=False)
    else:
        from rich.console import Console

        from turnaffinity.reports.bench import READING_AID, meanings, speed_table
        from turnaffinity.showing.wording import Words

        console, words = Console(highlight=False), Words()
        console.print(speed_table(rows, server_name, words))
        console.print("\n".join([*meanings(rows, words), "", *map(words.told, READING_AID)]), style="dim", markup=False)
        if json_file is not None:
            try:
                json_file.write_text(text, encoding="utf-8")
            except OSError as error:
                what = error.strerror or "cannot be written"
                raise Problem(f"--json {json_file}", what, "name a file that can be written") from error
    if check and any(row.holds is False for row in rows):
        raise typer.Exit(1)
