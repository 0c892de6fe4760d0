"""What does a section of the bench work on? A live server, its pools of nodes, and the scripts to compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import redis

from turnaffinity.bench.row import Limit, Row
from turnaffinity.bench.timing import Plan, ScriptCall, interleaved, script_side
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.server import Server, token
from turnaffinity.shared_files import shared

Section = Callable[["Stage"], list[Row]]
"""One part of the bench: measures on the stage, and answers its lines of the table."""


def no_progress(_: str) -> None:
    """Tells nobody."""


@dataclass
class Stage:
    """A server with the bench's own pools on it.

    `say` is told what is being measured, once a round, for whoever shows progress.
    """

    server: Server
    plan: Plan
    seed: int = 0
    say: Callable[[str], None] = no_progress
    layout: KeyLayout = field(default_factory=KeyLayout)

    def __post_init__(self) -> None:
        self.client: redis.Redis = self.server.client()
        self.name = token(self.seed)
        self.pair = f"{self.name}-zh:en"

    def fill(self, sizes: dict[int, int]) -> list[str]:
        """Make the database empty of ours, then one pool of online nodes for each pool id: {id: nodes in it}.

        Answers all nodes, in the order of the pool ids.
        """
        self.server.clear()
        nodes: list[str] = []
        pipe = self.client.pipeline(transaction=False)
        for pool_id, size in sizes.items():
            members = [f"{self.name}-{pool_id}-{number}" for number in range(size)]
            for node_id in members:
                self.put_online(pipe, node_id, {self.pair: pool_id})
            pipe.sadd(self.layout.pool_key(self.pair, pool_id), *members)
            if self.layout.pool_index is not None:
                pipe.sadd(str(self.layout.pool_index_key(self.pair)), pool_id)
            nodes += members
            pipe.execute()
        return nodes

    def put_online(self, client: redis.Redis, node_id: str, pools: dict[str, int]) -> None:
        """One node, online, with the pools that its own hash names: {pair: pool id}, possibly none."""
        client.hset(self.layout.node_key(node_id), "status", "online")
        if pools:
            client.hset(
                self.layout.node_pools_key(node_id), mapping={pair: str(pool_id) for pair, pool_id in pools.items()}
            )

    def open_turn(self, node_id: str) -> str:
        """A turn whose affinity is this node; answers its id."""
        turn_id = f"{self.name}-turn"
        self.client.hset(self.layout.turn_key(turn_id), self.layout.affinity_field, node_id)
        return turn_id

    def compare(
        self, name: str, *, this: str, peer: str, peer_name: str, args: Sequence[str], means: str, limit: Limit | None
    ) -> Row:
        """One row: the server time of two scripts (their sources) with the same arguments, interleaved."""
        calls = [ScriptCall(self.client, source, args) for source in (this, peer)]
        sides = [script_side(self.client, call) for call in calls]
        this_us, peer_us = interleaved(self.plan, sides, lambda: self.say(name))
        return Row(name, "µs", this_us, peer_us, peer_name, means, limit)


def peer_script(name: str) -> str:
    """The source of one peer in `conformance/bench/`; raises `CannotRun` if the installation lacks it."""
    return shared("conformance", "bench", f"{name}.lua").read_text(encoding="utf-8")
