"""How many servers for so many speakers? The verb `plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from turnaffinity.cli.options import JsonFile


def plan(
    assume: Annotated[
        list[str] | None, typer.Option("--assume", metavar="NAME=NUMBER", help="replace an assumption; repeatable")
    ] = None,
    server: Annotated[str, typer.Option("--server", metavar="SPEC", help="embedded, or redis")] = "embedded",
    json_file: JsonFile = None,
) -> None:
    """Measure what one turn costs, and multiply: memory, processor time, shards, and keys left over per reading.

    A second or two of measurement on a server of our own: bytes of an open turn, processor time of a finalize, turn
    keys that a speech leaves under each reading. The rest is arithmetic over assumptions, each of which is printed
    and can be replaced. Figures of this machine; measure on yours before you buy.

    examples:
      turnaffinity plan
      turnaffinity plan --assume sessions=250000 --assume shard_gib=2
      turnaffinity plan --server redis --json -

    exit: 0 printed   2 an assumption that is none, or makes no sense   3 the server could not be run
    """
    import json
    from dataclasses import fields

    from turnaffinity.bench.measured import measure
    from turnaffinity.bench.plan import Assumptions, Plan
    from turnaffinity.problem import Problem
    from turnaffinity.reports.files import check_writable, write_all
    from turnaffinity.reports.plan import plan_text
    from turnaffinity.server import open_server
    from turnaffinity.showing.wording import Words

    names = {item.name for item in fields(Assumptions)}
    changes = {}
    for text in assume or []:
        name, _, number = text.partition("=")
        if name not in names:
            raise Problem(f'--assume "{text}"', f'"{name}" is no assumption', f"use one of {'|'.join(sorted(names))}")
        try:
            changes[name] = float(number)
        except ValueError:
            example = f"{name}=10"
            raise Problem(f'--assume "{text}"', f'"{number}" is no number', f"write for instance {example}") from None
    given = Assumptions(**changes)
    if server not in ("embedded", "redis"):
        raise Problem(f'--server "{server}"', "may hold other people's keys", "use embedded or redis")
    if json_file:
        check_writable([json_file])
    with open_server(server) as live:
        made = Plan(measure(live), given)
    if json_file:
        write_all({json_file: json.dumps(made.as_dict(), indent=2) + "\n"})
    if json_file != Path("-"):
        typer.echo(plan_text(made, Words()))
