"""What does the fault proxy cost whoever talks through it?"""

from __future__ import annotations

from turnaffinity.bench.finalizes import COMMANDS, clocked, flow_of
from turnaffinity.bench.row import Row
from turnaffinity.bench.stage import Stage
from turnaffinity.bench.timing import Plan, interleaved
from turnaffinity.faults.proxy import FaultProxy
from turnaffinity.server.address import parse_address
from turnaffinity.server.live import connect


def proxy_rows(stage: Stage) -> list[Row]:
    """One manual finalize through the proxy that `verify --faults` and TA-CLEAR-4 put between, against without it.

    Three round trips each; nothing is armed. Raises `CannotRun` if the proxy cannot listen.
    """
    stage.fill({0: 100})
    name = "do_finalize, manual, through the fault proxy"
    plan = Plan(stage.plan.rounds, max(1, stage.plan.calls // COMMANDS), stage.plan.draws)
    with FaultProxy(stage.server.url) as proxy:
        through = connect(parse_address(proxy.url))
        try:
            sides = [clocked(flow_of(stage, "manual", client)) for client in (through, stage.client)]
            this_us, peer_us = interleaved(plan, sides, lambda: stage.say(name))
        finally:
            through.close()
    means = "wall time at the caller; two more sockets and a thread of Python are on the way"
    return [Row(f"{name}: time", "µs", this_us, peer_us, "without it", means)]
