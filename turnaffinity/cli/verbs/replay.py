"""Does this failure come again? The verb `replay`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from turnaffinity.cli.options import Lang


def replay(
    capsule: Annotated[Path, typer.Argument(metavar="CAPSULE", help="a file that verify --capsules wrote")],
    lua: Annotated[Path | None, typer.Option("--lua", metavar="FILE", help="judge this script instead")] = None,
    adapter: Annotated[
        str | None,
        typer.Option("--adapter", metavar="CMD", help="judge this adapter instead"),
    ] = None,
    server: Annotated[
        str | None, typer.Option("--server", metavar="SPEC", help="embedded (default), redis, fake, or a URL")
    ] = None,
    trust_script: Annotated[
        bool, typer.Option("--trust-script", help="let a script run with all rights where no limited user can be made")
    ] = False,
    deadline: Annotated[
        str | None, typer.Option("--deadline", metavar="LIST", help="hello=S,op=S,bye=S, in seconds")
    ] = None,
    lang: Lang = "en",
) -> None:
    """Run one recorded failure again, and say whether it comes again.

    The case that the capsule names is played with the recorded reading, layout and seed, so that sessions, turns
    and nodes have the same names, and without the steps that were found not to be needed. If it passes so, it is
    played once more with all steps; it passes only if both do.

    The implementation is the one that was judged. A capsule written by another user or on another machine is only
    data: nothing that it names is run, and --lua or --adapter has to say whom to judge. A script on a server that is
    not ours runs as with verify: as a limited user, or not at all without --trust-script.

    examples:
      turnaffinity verify --lua mine.lua --capsules capsules
      turnaffinity replay capsules/TA-SEL-3.*.json
      turnaffinity replay theirs.json --adapter ./run

    exit: 0 it passes now   1 reproduced: the case fails again   2 no readable capsule, or bad usage
          3 the implementation or the server could not be run, or the case cannot be judged there
    """
    from turnaffinity.capsules.files import replay as play_again
    from turnaffinity.reports.verdict_terminal import print_replay
    from turnaffinity.showing.wording import check_language

    check_language(lang)
    replayed = play_again(
        capsule, lua=lua, adapter=adapter, server=server, deadline=deadline, trust_script=trust_script
    )
    print_replay(replayed, lang=lang)
    raise typer.Exit(1 if replayed.reproduced else 0)
