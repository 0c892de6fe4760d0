"""What does `record` do, from its options to its last sentence?"""

from __future__ import annotations

import sys

from turnaffinity.server.address import parse_address
from turnaffinity.wire.listening import CostMeter, connector, default_url, say
from turnaffinity.wire.recorder import Recorded, Recorder, Wanted

MEASURED_AFTER_S = 1.0


def record_traffic(url: str | None, wanted: Wanted) -> Recorded:
    """Say what MONITOR costs, record until a limit or Ctrl-C, measure the cost meanwhile, and tell what came of it.

    Raises `Problem` (exit 2) for a bad URL or file, `CannotRun` (exit 3) if the server cannot be recorded.
    """
    chosen = url or default_url()
    meter = CostMeter(parse_address(chosen))
    say(meter.before().sentence())
    recorder = Recorder(connector(chosen), wanted)
    measured = None
    shown = 0

    def tick(recorded: Recorded) -> None:
        nonlocal measured, shown
        if measured is None and recorded.seconds > MEASURED_AFTER_S:
            measured = meter.during()
        if sys.stderr.isatty() and int(recorded.seconds) > shown:
            shown = int(recorded.seconds)
            sys.stderr.write(f"\r{recorded.kept:,} lines, {recorded.bytes / 1e6:,.1f} MB, {shown} s ")

    try:
        recorded = recorder.run(tick)
    finally:
        meter.close()
    names = ", ".join(str(path) for path in recorded.files)
    say(f"{recorded.kept:,} of {recorded.lines:,} lines in {recorded.seconds:.1f} s: {names}")
    if recorded.gaps:
        say(f"the connection was lost {recorded.gaps} times; each gap is marked")
    if recorded.left_out:
        say(f"{recorded.left_out} lines that hold a password were left out")
    if measured is not None:
        say(measured.sentence())
    return recorded
