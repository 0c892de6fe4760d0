"""How does a scheduler keep turn affinity without scripts? Plain commands; WATCH and MULTI where it must be atomic."""

from __future__ import annotations

import random
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import redis

CHOICES = {
    "D1": ("reuse", "mint"),
    "D2": ("before", "after"),
    "D3": ("after-batch", "after-first-job"),
    "D4": ("overwrite", "write-once", "repair"),
}
"""The open decisions; the first choice of each is the reading `intent`."""

INTENT = {decision: choices[0] for decision, choices in CHOICES.items()}
CONTINUOUS = INTENT | {"D2": "after", "D3": "after-first-job"}
PRESETS = {
    "intent": INTENT,
    "literal": INTENT | {"D1": "mint"},
    "continuous": CONTINUOUS,
    "decided": CONTINUOUS | {"D4": "write-once"},
    "steady": CONTINUOUS | {"D4": "repair"},
}

LAYOUT = {
    "turn": "scheduler:turn:{turn_id}",
    "session": "scheduler:session:{session_id}",
    "node": "lingua:v1:node:{node_id}",
    "node_pools": "lingua:v1:node:{node_id}:pools",
    "pool": "lingua:v1:pool:{pair}:{pool_id}:nodes",
    "job": "lingua:v1:job:{job_id}:node",
    "affinity_field": "affinity_node_id",
    "current_turn_field": "current_turn_id",
    "job_ttl_s": 3600,
    "pool_index": None,
}
POOL_IDS = 1000
POOLS_AT_ONCE = 41
"""Pool ids asked in one command; a gap in the ids hides nothing unless it is as long as this."""


class BadRequest(ValueError):
    """Refused before anything is read or written."""


class NoNode(RuntimeError):
    """No job of the batch got a node."""


@dataclass
class Job:
    job_id: str
    tgt_lang: str
    node_id: str | None


class Scheduler:
    """One connection, one reading, one set of key names."""

    def __init__(self, url: str, reading: str | None = None, layout: dict[str, Any] | None = None) -> None:
        self.choices = parse_reading(reading)
        self.layout = LAYOUT | (layout or {})
        self.redis: Any = redis.Redis.from_url(
            url, decode_responses=True, encoding_errors="surrogateescape", single_connection_client=True
        )

    def key(self, name: str, **parts: object) -> str:
        return str(self.layout[name].format(**parts))

    def do_finalize(
        self, session_id: str, reason: str, src_lang: str, tgt_lang: str, room_langs: list[str] | None
    ) -> tuple[str, list[Job]]:
        refuse_bad_request(session_id, reason, src_lang, tgt_lang, room_langs)
        if reason == "max_duration":
            turn_id, jobs = self.extend_turn(session_id, src_lang, tgt_lang, room_langs)
        else:
            turn_id, jobs = self.close_turn(session_id, src_lang, tgt_lang, room_langs)
        if all(job.node_id is None for job in jobs):
            raise NoNode("no node serves any language of this batch")
        return turn_id, jobs

    def extend_turn(self, session_id: str, src: str, tgt: str, room: list[str] | None) -> tuple[str, list[Job]]:
        reuse = self.choices["D1"] == "reuse"
        turn_id = (reuse and self.open_turn(session_id)) or str(uuid.uuid4())
        early = self.choices["D3"] == "after-first-job"
        jobs: list[Job] = []
        written = False
        for lang in batch_langs(tgt, room):
            jobs.append(self.create_job_with_minimal_scheduler(src, lang, turn_id, bind=True))
            if early and not written and (node := jobs[-1].node_id):
                self.write_affinity(session_id, turn_id, node)
                written = True
        if not written and (first := next((job.node_id for job in jobs if job.node_id), None)):
            self.write_affinity(session_id, turn_id, first)
        return turn_id, jobs

    def close_turn(self, session_id: str, src: str, tgt: str, room: list[str] | None) -> tuple[str, list[Job]]:
        clear_first = self.choices["D2"] == "before"
        if clear_first:
            with suppress(redis.RedisError):  # the clear below repairs it
                self.clear_affinity(session_id)
        try:
            turn_id = (not clear_first and self.open_turn(session_id)) or str(uuid.uuid4())
            langs = batch_langs(tgt, room)
            return turn_id, [self.create_job_with_minimal_scheduler(src, lang, turn_id, bind=False) for lang in langs]
        finally:  # also when a job could not be created: the turn is over
            self.clear_affinity(session_id)

    def create_job_with_minimal_scheduler(self, src_lang: str, tgt_lang: str, turn_id: str, *, bind: bool) -> Job:
        job_id = str(uuid.uuid4())
        return Job(job_id, tgt_lang, self.select_node(f"{src_lang}:{tgt_lang}", job_id if bind else None, turn_id))

    def open_turn(self, session_id: str) -> str | None:
        field = self.layout["current_turn_field"]
        return self.redis.hget(self.key("session", session_id=session_id), field) or None

    def write_affinity(self, session_id: str, turn_id: str, node_id: str) -> None:
        turn, field = self.key("turn", turn_id=turn_id), self.layout["affinity_field"]
        overwrite = self.choices["D4"] == "overwrite"

        def write(pipe: Any) -> None:
            recorded = None if overwrite else pipe.hget(turn, field)
            if recorded and self.choices["D4"] == "repair" and not pipe.exists(self.key("node", node_id=recorded)):
                recorded = None
            pipe.multi()
            if not recorded:
                pipe.hset(turn, field, node_id)
            pipe.hset(self.key("session", session_id=session_id), self.layout["current_turn_field"], turn_id)

        self.redis.transaction(write, *([] if overwrite else [turn]))  # what was read must still stand at EXEC

    def clear_affinity(self, session_id: str) -> None:
        session, field = self.key("session", session_id=session_id), self.layout["current_turn_field"]

        def clear(pipe: Any) -> None:
            turn_id = pipe.hget(session, field)
            pipe.multi()
            if turn_id:
                pipe.hdel(self.key("turn", turn_id=turn_id), self.layout["affinity_field"])
            pipe.hdel(session, field)

        self.redis.transaction(clear, session)  # tried again if the session changed between the read and EXEC

    def select_node(self, pair: str, job_id: str | None, turn_id: str | None) -> str | None:
        """The node this job is bound to, else the turn's node if it serves the pair, else any that does."""
        job_key = self.key("job", job_id=job_id) if job_id else None
        bound = self.redis.get(job_key) if job_key else None
        if bound and self.online(bound):
            return str(bound)
        node = self.affinity_node(pair, turn_id) or self.random_node(pair)
        if job_key and node:
            self.redis.set(job_key, node, ex=self.layout["job_ttl_s"])
        elif bound:  # to a node that is gone
            self.redis.delete(job_key)
        return node

    def affinity_node(self, pair: str, turn_id: str | None) -> str | None:
        if not turn_id:
            return None
        recorded = self.redis.hget(self.key("turn", turn_id=turn_id), self.layout["affinity_field"])
        if not recorded or not self.online(recorded):
            return None
        pool_id = self.redis.hget(self.key("node_pools", node_id=recorded), pair)
        serves = pool_id and self.redis.sismember(self.key("pool", pair=pair, pool_id=pool_id), recorded)
        return str(recorded) if serves else None

    def random_node(self, pair: str) -> str | None:
        nodes = sorted(self.pool_nodes(pair))
        random.SystemRandom().shuffle(nodes)
        return next((node for node in nodes if self.online(node)), None)

    def pool_nodes(self, pair: str) -> set[str]:
        if self.layout["pool_index"]:
            return self.members(pair, self.redis.smembers(self.key("pool_index", pair=pair)))
        nodes: set[str] = set()
        for start in range(0, POOL_IDS, POOLS_AT_ONCE):
            found = self.members(pair, range(start, min(start + POOLS_AT_ONCE, POOL_IDS)))
            if not found:
                break
            nodes |= found
        return nodes

    def members(self, pair: str, pool_ids: Any) -> set[str]:
        name = self.layout["pool"].format
        pools = [name(pair=pair, pool_id=pool_id) for pool_id in pool_ids]
        return set(self.redis.sunion(pools)) if pools else set()

    def online(self, node_id: str) -> bool:
        return bool(self.redis.exists(self.key("node", node_id=node_id)))


def batch_langs(tgt_lang: str, room_langs: list[str] | None) -> list[str]:
    """One language a job: the solo one, also in a room without others; else the room's distinct ones in order."""
    return list(dict.fromkeys(room_langs)) if room_langs else [tgt_lang]


def refuse_bad_request(session_id: Any, reason: Any, src_lang: Any, tgt_lang: Any, room_langs: Any) -> None:
    if not isinstance(session_id, str) or not session_id:
        raise BadRequest("session_id must be a text that is not empty")
    if reason not in ("manual", "timeout", "max_duration"):
        raise BadRequest(f"reason {reason!r} is unknown; use manual, timeout or max_duration")
    if room_langs is not None and not isinstance(room_langs, list):
        raise BadRequest("room_langs must be null or a list of languages")
    for lang in (src_lang, *(room_langs or [tgt_lang])):
        if not isinstance(lang, str) or not lang or ":" in lang:
            raise BadRequest(f"language {lang!r} must be a text that is not empty and has no colon")


def parse_reading(text: str | None) -> dict[str, str]:
    """The four choices of a preset's name, of null (`intent`), or of a text such as "D1=mint,D4=repair"."""
    if text is None or text in PRESETS:
        return dict(PRESETS[text or "intent"])
    choices = dict(INTENT)
    for part in text.split(","):
        decision, _, choice = (piece.strip() for piece in part.partition("="))
        if choice not in CHOICES.get(decision, ()):
            raise BadRequest(f"reading {text!r} is unknown; use a preset, or choices such as D1=mint,D4=repair")
        choices[decision] = choice
    return choices
