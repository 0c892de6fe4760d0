"""What does the running system send? The verb `record`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from turnaffinity.cli.options import LayoutFile


def record(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="where to; .gz and .zst are compressed")],
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help="redis://... or unix://...")] = None,
    seconds: Annotated[float | None, typer.Option("--seconds", metavar="N", min=0, help="stop after so long")] = None,
    max_bytes: Annotated[
        int | None, typer.Option("--max-bytes", metavar="N", min=1, help="stop at so many bytes")
    ] = None,
    rotate: Annotated[
        int | None,
        typer.Option("--rotate", metavar="BYTES", min=1024, help="begin FILE.001, FILE.002 ... at this size"),
    ] = None,
    only_ours: Annotated[
        bool, typer.Option("--only-ours", help="keep only lines that name our keys, and script calls")
    ] = False,
    mask: Annotated[bool, typer.Option("--mask", help="hide the values of lines that are not ours")] = False,
    layout: LayoutFile = None,
) -> None:
    """Record MONITOR traffic of a running system, for `turnaffinity audit`. Nothing of the system is changed.

    Without --url the server of TURNAFFINITY_REDIS_URL is recorded, or redis://127.0.0.1:6379/0. It says what
    MONITOR costs before it starts, and measures it meanwhile. It ends at a limit or at Ctrl-C, and the file is
    whole then. AUTH and HELLO are never written, nor passwords in CONFIG, ACL and MIGRATE. A lost connection is
    made anew and marked as a gap, which the audit respects. Sizes count before compression.

    examples:
      turnaffinity record --url redis://127.0.0.1:6379/0 --out traffic.log.zst --seconds 60
      turnaffinity record --out traffic.log.gz --only-ours --mask

    exit: 0 recorded   2 bad usage, or the file cannot be written   3 the server could not be recorded
    """
    from turnaffinity.cli.recording import record_traffic
    from turnaffinity.contract.layout import load_layout
    from turnaffinity.wire.recorder import Wanted

    record_traffic(url, Wanted(out, seconds, max_bytes, rotate, only_ours, mask, load_layout(layout)))
