"""How does what a killed run left on somebody else's server go away?"""

from __future__ import annotations

from typing import Annotated

import typer

from turnaffinity.cli.options import LayoutFile, say


def clean(
    seed: Annotated[int, typer.Option("--seed", help="The seed of the run that was killed; the refusal names it.")],
    server: Annotated[
        str | None,
        typer.Option("--server", metavar="URL", help="The server's URL. Default: TURNAFFINITY_REDIS_URL."),
    ] = None,
    layout: LayoutFile = None,
) -> None:
    """Delete what a killed run left on a server that is not ours.

    A run deletes its keys when it ends, after Ctrl-C too. One that was killed with SIGKILL cannot, and the next run on
    that database refuses it and names the seed. This deletes the keys that carry the token of that seed, in their
    names or, under the layout's prefixes, in their values; no other key is changed. Do not use it on a run that is
    still at work.

    turnaffinity clean --seed 7 --server redis://127.0.0.1:6379/0

    exit: 0 nothing of this seed is left (also if nothing was there)   2 no URL, or a bad one   3 no usable server
    """
    import os

    from turnaffinity.contract.layout import load_layout
    from turnaffinity.problem import Problem
    from turnaffinity.server import URL_VARIABLE, clean_up, parse_address

    url = server or os.environ.get(URL_VARIABLE)
    if not url or "://" not in url:
        what = f'"{url}" is no URL' if url else "no server is named"
        mend = f"clean --seed {seed} --server redis://HOST:PORT/DB (a server of ours leaves nothing behind)"
        raise Problem("clean", what, mend)
    address = parse_address(url)
    kinds, others = clean_up(address, load_layout(layout), seed)
    total = sum(kinds.values())
    detail = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    plural = "key" if total == 1 else "keys"
    say(
        f"deleted {total} {plural} of seed {seed} from {address.shown}: {detail}"
        if total
        else f"nothing of seed {seed} is in {address.shown}"
    )
    if others:
        say(f"still marked there: runs with seed {', '.join(map(str, others))}")
