"""Does every node get its share? Draws of the random choice, counted."""

from __future__ import annotations

from collections import Counter

from turnaffinity.bench.row import Limit, Row
from turnaffinity.bench.stage import Stage
from turnaffinity.bench.timing import ScriptCall
from turnaffinity.specification.scripts import load_script

LEAST, MOST = Limit("at least", 0.4), Limit("at most", 2.5)
"""What a node's share may be, as a multiple of its fair one, at 200,000 draws."""

POOLS: dict[str, dict[int, int]] = {
    "1 pool of 100": {0: 100},
    "3 pools of 100, after a gap too": {0: 100, 1: 100, 42: 100},
    "pools of 100, 1, 37 and 3": {0: 100, 1: 1, 2: 37, 3: 3},
}
"""The pools that are drawn from: {pool id: nodes in it}."""

_BATCH = 5000


def share_rows(stage: Stage) -> list[Row]:
    """For each setting of pools, the least and the most that one node was drawn, against its fair share."""
    rows = []
    for name, sizes in POOLS.items():
        least, most = extreme_draws(stage, sizes, f"shares, {name}")
        fair = stage.plan.draws / sum(sizes.values())
        means = f"of {stage.plan.draws:,} draws; a fair share is {fair:,.0f}"
        rows += [
            Row(f"draws of the rarest node, {name}", "draws", least, fair, "its fair share", means, LEAST),
            Row(f"draws of the commonest node, {name}", "draws", most, fair, "its fair share", means, MOST),
        ]
    return rows


def extreme_draws(stage: Stage, sizes: dict[int, int], saying: str) -> tuple[int, int]:
    """How often the rarest and the commonest node came, in the plan's number of draws."""
    nodes = stage.fill(sizes)
    call = ScriptCall(stage.client, load_script("select_node"), [stage.pair, "", ""])
    drawn: Counter[str] = Counter(dict.fromkeys(nodes, 0))
    left = stage.plan.draws
    while left > 0:
        drawn.update(call.send(min(left, _BATCH)))
        left -= _BATCH
        stage.say(saying)
    return min(drawn.values()), max(drawn.values())
