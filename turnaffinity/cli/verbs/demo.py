"""What does the contract look like when it runs? The verb `demo`."""

from __future__ import annotations

from typing import Annotated

import typer

from turnaffinity.cli.options import Lang, LayoutFile, chosen_reading


def demo(
    reading: Annotated[
        str,
        typer.Option("--reading", metavar="NAME", help="literal, intent, continuous, decided, steady, or D1=..,D4=.."),
    ] = "intent",
    server: Annotated[
        str | None, typer.Option("--server", metavar="SPEC", help="embedded (default), redis, fake, or a URL")
    ] = None,
    layout: LayoutFile = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="where the names come from")] = 1,
    lang: Lang = "en",
    wire: Annotated[bool, typer.Option("--wire", help="show the commands inside each selection, too")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the story as JSON, for machines")] = False,
) -> None:
    """Tell the story of a long speech on a live server: each finalize, its commands on the wire, the keys after it.

    A room of three languages, five nodes. The speaker goes on and on (max_duration), a node dies, the speaker
    stops (manual), speaks again, and falls silent (timeout). Another reading makes another story. Made-up ids are
    called s1, T1, J1 and n1, in the order seen; --json has them as they are.
    On --server fake the commands on the wire cannot be seen, and the story goes without them.

    examples:
      turnaffinity demo
      turnaffinity demo --reading literal --wire
      turnaffinity demo --lang zh
      turnaffinity demo --reading continuous --json | python -m json.tool

    exit: 0 told   2 bad usage   3 the server could not be run
    """
    import json

    from turnaffinity.contract.layout import load_layout
    from turnaffinity.reports.demonstration import narrate
    from turnaffinity.reports.verdict_terminal import console_for
    from turnaffinity.server import open_server
    from turnaffinity.showing.wording import check_language
    from turnaffinity.stage.demonstration import tell

    check_language(lang)
    chosen = chosen_reading(reading)
    names = load_layout(layout)
    with open_server(server, layout=names, seed=seed) as live:
        story = tell(live, chosen, seed, names)
        if as_json:
            told = [scene.as_dict() for scene in story]
            data = {"reading": chosen.label, "decisions": chosen.as_dict(), "server": live.name, "seed": seed}
            print(json.dumps(data | {"scenes": told}, ensure_ascii=False, indent=2))
        else:
            narrate(console_for(), chosen, live.name, story, lang=lang, wire=wire)
