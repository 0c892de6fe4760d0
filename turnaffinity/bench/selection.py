"""What does one selection cost the server, with affinity and without?"""

from __future__ import annotations

from dataclasses import replace

from turnaffinity.bench.row import Limit, Row
from turnaffinity.bench.stage import Stage, peer_script
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.specification.scripts import load_script

POOL_SIZE = 100
"""Nodes in each pool, as large as pools get."""

POOL_INDEX = "lingua:v1:pool:{pair}:ids"
"""The key of the pool ids in the variant that keeps one."""


def affinity_rows(stage: Stage) -> list[Row]:
    """Selection with a recorded node: against the bare reads, and against asking each pool in turn."""
    ours, bare, asking = load_script("select_node"), peer_script("same_reads"), peer_script("ask_each_pool")
    rows = []
    for where, pools, holder in (("the first pool", 1, 0), ("the last of 100 pools", 100, -1)):
        nodes = stage.fill(dict.fromkeys(range(pools), POOL_SIZE))
        args = [stage.pair, "", stage.open_turn(nodes[holder])]
        rows.append(
            stage.compare(
                f"affinity kept, node in {where}", this=ours, peer=bare, peer_name="the same four reads alone",
                args=args, limit=Limit("at most", 1.3),
                means="what the script adds to HGET, EXISTS, HGET and SISMEMBER",
            )
        )  # fmt: skip
        rows.append(
            stage.compare(
                f"affinity kept, node in {where}", this=ours, peer=asking, peer_name="asking each pool in turn",
                args=args, limit=None,
                means="the node's own hash names its pool: the cost does not grow with the pools",
            )
        )  # fmt: skip
    return [*rows, *_in_no_pool(stage, ours, asking)]


def _in_no_pool(stage: Stage, ours: str, asking: str) -> list[Row]:
    rows = []
    for pools, limit in ((1, Limit("at most", 0.05)), (100, None)):
        stage.fill(dict.fromkeys(range(pools), POOL_SIZE))
        stranger = f"{stage.name}-stranger"
        stage.put_online(stage.client, stranger, {})
        rows.append(
            stage.compare(
                f"affinity lost, node in no pool of {pools}", this=ours, peer=asking,
                peer_name="asking 1000 pool ids in turn", args=[stage.pair, "", stage.open_turn(stranger)],
                limit=limit, means="three reads settle that; the rest is the random choice",
            )
        )  # fmt: skip
    return rows


def random_rows(stage: Stage) -> list[Row]:
    """The random choice: against collecting the pools up to the first gap, and with a pool index."""
    ours, collecting = load_script("select_node"), peer_script("first_gap")
    args = [stage.pair, "", ""]
    rows = []
    for pools, limit in ((1, 7.0), (10, 4.0), (100, 2.0)):
        stage.fill(dict.fromkeys(range(pools), POOL_SIZE))
        rows.append(
            stage.compare(
                f"random choice, {_pools(pools)}", this=ours, peer=collecting, peer_name="pools up to the first gap",
                args=args, limit=Limit("at most", limit),
                means=f"EXISTS of 50 ids at a time, SCARD for each pool, SMEMBERS of one pool of {POOL_SIZE}",
            )
        )  # fmt: skip
    return [*rows, *_indexed(stage, collecting, args)]


def _indexed(stage: Stage, collecting: str, args: list[str]) -> list[Row]:
    layout = KeyLayout.model_validate({"pool_index": POOL_INDEX})
    indexed = replace(stage, layout=layout)
    rows = []
    for pools in (1, 10, 100):
        indexed.fill(dict.fromkeys(range(pools), POOL_SIZE))
        rows.append(
            indexed.compare(
                f"random choice with a pool index, {_pools(pools)}", this=load_script("select_node", layout),
                peer=collecting, peer_name="pools up to the first gap", args=args, limit=None,
                means="as above, with SMEMBERS of the index in place of the search for gaps",
            )
        )  # fmt: skip
    return rows


def _pools(count: int) -> str:
    return "1 pool" if count == 1 else f"{count} pools"
