"""Which node serves this job? The one round trip to `select_node.lua` (pool_service.rs)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import redis

from turnaffinity.contract.layout import POOL_IDS, KeyLayout
from turnaffinity.specification.scripts import load_script

Draw = Callable[[Sequence[str]], str]
"""Chooses one of the candidates, which come sorted and are never empty."""


class SelectsNodes(Protocol):
    """What job creation asks for a node; `turn_id` is the fourth parameter, as in the note (section 3)."""

    def select_node(self, src_lang: str, tgt_lang: str, job_id: str | None, turn_id: str | None) -> str | None:
        """The node for one job, or None where there is no candidate (TA-SEL-7)."""


class PoolService:
    """Selection by the shared script: one EVALSHA, `ARGV[1..3]` = pair, job id, turn id."""

    def __init__(self, client: redis.Redis, layout: KeyLayout | None = None) -> None:
        self.script: Any = client.register_script(load_script("select_node", layout or KeyLayout()))

    def select_node(self, src_lang: str, tgt_lang: str, job_id: str | None, turn_id: str | None) -> str | None:
        """The node for one job, or None where there is no candidate.

        `turn_id` names the turn whose affinity is read (None: no affinity); `job_id` asks for a job-level
        binding (None: no binding, TA-BIND-1). Sends EVALSHA (and SCRIPT LOAD once, on a server that does not
        know the script). Raises `redis.RedisError`. TA-SEL-1 to TA-SEL-7; note, section 3, pool_service.rs.
        """
        node = self.script(args=[f"{src_lang}:{tgt_lang}", job_id or "", turn_id or ""])
        return _text(node)


class DrawnPoolService:
    """Selection in plain commands, with a draw of the caller's: for searches, vectors and notebooks.

    The same labelled steps as `select_node.lua`, in the same order; not atomic, and without the script's
    removal of nodes that are gone.
    """

    def __init__(self, client: redis.Redis, draw: Draw, layout: KeyLayout | None = None) -> None:
        self._redis: Any = client
        self._draw = draw
        self._layout = layout or KeyLayout()

    def select_node(self, src_lang: str, tgt_lang: str, job_id: str | None, turn_id: str | None) -> str | None:
        """The node for one job, or None; sends GET, HGET, EXISTS, HGET, SISMEMBER, then EXISTS, SMEMBERS and SET EX."""
        pair = f"{src_lang}:{tgt_lang}"
        # READ
        bound = self._bound_node(job_id)
        recorded = None if bound else self._recorded_node(turn_id)
        # DECIDE (TA-BIND-2)
        if bound is not None:
            return bound
        # DECIDE (TA-SEL-1)
        if recorded is not None and self._serves(recorded, pair):
            node: str | None = recorded
        # DECIDE (TA-SEL-2, TA-SEL-3, TA-SEL-4)
        else:
            candidates = self._candidates(pair)
            node = self._draw(candidates) if candidates else None
        # WRITE
        if node is not None and job_id:
            self._redis.set(self._layout.job_key(job_id), node, ex=self._layout.job_ttl_s)
        return node

    def _bound_node(self, job_id: str | None) -> str | None:
        if not job_id:
            return None
        bound = _text(self._redis.get(self._layout.job_key(job_id)))
        if bound and not self._redis.exists(self._layout.node_key(bound)):
            self._redis.delete(self._layout.job_key(job_id))
            return None
        return bound or None

    def _recorded_node(self, turn_id: str | None) -> str | None:
        if not turn_id:
            return None
        return _text(self._redis.hget(self._layout.turn_key(turn_id), self._layout.affinity_field)) or None

    def _serves(self, node_id: str, pair: str) -> bool:
        if not self._redis.exists(self._layout.node_key(node_id)):
            return False
        pool_id = _text(self._redis.hget(self._layout.node_pools_key(node_id), pair))
        return pool_id is not None and bool(self._redis.sismember(self._layout.pool_key(pair, pool_id), node_id))

    def _candidates(self, pair: str) -> list[str]:
        pipe = self._redis.pipeline(transaction=False)
        keys = [self._layout.pool_key(pair, pool_id) for pool_id in range(POOL_IDS)]
        windows = [keys[first : first + 50] for first in range(0, POOL_IDS, 50)]
        # one EXISTS for fifty ids: nearly all of the 1000 pools are empty
        for window in windows:
            pipe.exists(*window)
        filled = [window for window, count in zip(windows, pipe.execute(), strict=True) if count]
        for window in filled:
            for key in window:
                pipe.smembers(key)
        members = sorted({text for pool in pipe.execute() for node in pool if (text := _text(node))})
        for node_id in members:
            pipe.exists(self._layout.node_key(node_id))
        online = pipe.execute() if members else []
        return [node_id for node_id, is_online in zip(members, online, strict=True) if is_online]


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return None if value is None else str(value)
