"""`turnaffinity explore`: which combination of choices meets which goal?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from turnaffinity.cli.options import Lang


def explore(
    depth: Annotated[int, typer.Option(help="max_duration finalizes of one utterance at most.")] = 4,
    nodes: Annotated[int, typer.Option(help="Nodes in the deployment, 2 to 6.")] = 3,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the result as JSON; - prints it.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the page on which the decisions are turned.")
    ] = None,
    goal: Annotated[
        list[str] | None, typer.Option(help="Tell the counterexamples of this goal (G1 ... G8) in full.")
    ] = None,
    reading: Annotated[str, typer.Option(help="The reading whose counterexamples are told.")] = "intent",
    rollout: Annotated[
        tuple[str, str] | None,
        typer.Option("--rollout", metavar="A B", help="Search an upgrade: any finalize handled by A or by B."),
    ] = None,
    decide: Annotated[
        str, typer.Option("--decide", metavar="LIST", help="What is decided: a reading, or D1=..,D2=..")
    ] = "",
    adr: Annotated[
        Path | None, typer.Option("--adr", metavar="FILE", help="Write the decision record (Markdown, MADR).")
    ] = None,
    present: Annotated[
        str, typer.Option("--present", metavar="NAME", help="The version at work now, for the record's rollout.")
    ] = "before",
    crashes: Annotated[bool, typer.Option(help="Also search crashes between two commands, and takeovers.")] = False,
    server: Annotated[str, typer.Option(help="Where counterexamples are replayed.")] = "embedded",
    workers: Annotated[int, typer.Option(help="Processes; 0: one for each core.")] = 0,
    lang: Lang = "en",
) -> None:
    """Settle the open decisions D1 to D4 by exhaustion: all 24 combinations against the goals G1 to G8.

    Every behaviour within the bounds is searched (two sessions, two utterances of up to --depth max_duration
    finalizes each, --nodes nodes, two languages), each draw being an adversary's, smallest behaviours first. A goal
    that fails comes with a smallest counterexample, which the real flow has repeated on a live server before it is
    shown. The recommendation is derived from the matrix.

    With --rollout two versions serve the same sessions, and the adversary chooses which of them handles each finalize:
    two readings, or `before`, the scheduler that neither reads, writes nor clears a turn. With --decide and --adr the
    decision is written down: the options, what each goal costs, the counterexamples that decided, the way there.

    Default: depth 4, nodes 3; the counterexamples told are those of the reading `intent`.

    examples:
      turnaffinity explore
      turnaffinity explore --reading literal --goal G1 --json out.json
      turnaffinity explore --html decisions.html --crashes
      turnaffinity explore --rollout before steady
      turnaffinity explore --decide steady --adr 0001-turn-affinity.md --present literal

    exit: 0 done   2 a number, a goal or a reading that cannot be searched, or a file that cannot be written
          3 the server could not be run
    """
    from turnaffinity.cli.exploring import Wishes, explore_and_report

    explore_and_report(
        Wishes(
            depth=depth, nodes=nodes, json=json, html=html, adr=adr, goals=tuple(goal or ()), reading=reading,
            rollout=rollout, decide=decide, present=present, crashes=crashes, server=server, workers=workers, lang=lang,
        )
    )  # fmt: skip
