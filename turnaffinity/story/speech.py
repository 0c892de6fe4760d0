"""A long sentence in a room of three languages, its end, and the next one: what each finalize does."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from turnaffinity.contract.batch import Job
from turnaffinity.contract.decisions import Reading
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.judging.observer import Observer
from turnaffinity.judging.state import take_snapshot
from turnaffinity.server import Server, token
from turnaffinity.specification.actor_finalize import Scheduler, do_finalize
from turnaffinity.wire.command import Command

ROOM = ("en", "ja", "ko")
"""The listeners' languages; the speaker speaks `zh`."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One finalize of the story: what is said before it, why it comes, and what happens to the nodes just before."""

    title: str
    said: str
    reason: str
    node_dies: bool = False


SCENES = (
    Scene(
        "The first ten seconds",
        "Somebody speaks, and does not stop. The segment is full, so it is closed with max_duration.",
        "max_duration",
    ),
    Scene("Still the same sentence", "The speaker goes on; the next segment is full.", "max_duration"),
    Scene(
        "A node goes away",
        "The recorded node's heartbeat stops, and its key expires. The speaker notices nothing and goes on.",
        "max_duration",
        node_dies=True,
    ),
    Scene("The sentence goes on", "One more full segment.", "max_duration"),
    Scene("The speaker stops", "The speaker presses stop: the segment is closed with manual.", "manual"),
    Scene("A new utterance", "A new sentence begins, and it is long again.", "max_duration"),
    Scene("Silence", "Nobody speaks any more: the segment is closed with timeout.", "timeout"),
)


@dataclass(frozen=True, slots=True)
class Told:
    """One scene as it happened: the turn, the jobs, the commands on the wire, and the keys afterwards."""

    scene: Scene
    turn_id: str
    jobs: tuple[Job, ...]
    wire: tuple[Command, ...]
    keys: dict[str, dict[str, str]]
    recorded_before: str | None
    node_gone: str | None
    open_key: str | None
    affinity_field: str

    def sentences(self) -> list[str]:
        """What a listener notices, computed from what happened."""
        nodes = [job.node_id for job in self.jobs]
        together = len(set(nodes)) == 1
        said = ["all jobs on one node" if together else f"the batch is scattered over {len(set(nodes))} nodes"]
        before = self.recorded_before
        if before is not None:
            stayed = sum(node == before for node in nodes)
            said.append(f"{stayed} of {len(nodes)} jobs on the node recorded before")
        if self.node_gone is not None:
            said.append(f"{self.node_gone} is gone, and serves none of them")
        left = [key for key in self.keys if key != self.open_key and self.keys[key].keys() == {self.affinity_field}]
        if left:
            said.append(f"{len(left)} turn key{'s' if len(left) > 1 else ''} that no session names, left for ever")
        return said

    def as_dict(self) -> dict[str, Any]:
        """The scene for `--json`."""
        return {
            "title": self.scene.title,
            "reason": self.scene.reason,
            "turn_id": self.turn_id,
            "jobs": [{"job_id": j.job_id, "tgt_lang": j.tgt_lang, "node_id": j.node_id} for j in self.jobs],
            "wire": [{"client": command.client, "argv": list(command.argv)} for command in self.wire],
            "keys": self.keys,
            "sentences": self.sentences(),
        }


def tell(server: Server, reading: Reading, seed: int, layout: KeyLayout | None = None) -> Iterator[Told]:
    """Play the scenes on a live server, one after the other; the keys made are the server's to delete.

    The same seed gives the same names; the nodes are drawn by `select_node.lua`, at random.
    """
    layout = layout or KeyLayout()
    client: Any = server.client()
    mark, draw = token(seed), random.Random(seed)
    session, nodes = f"speaker-{mark}", [f"node-{letter}-{mark}" for letter in "abcde"]
    _bring_online(client, layout, nodes)
    jobs = iter(range(1, 1000))
    scheduler = Scheduler(
        client,
        reading,
        layout,
        new_turn_id=lambda: str(uuid.UUID(int=draw.getrandbits(128), version=4)),
        new_job_id=lambda: f"job-{next(jobs)}-{mark}",
    )
    scheduler.load_scripts()
    observer = Observer(server) if server.can_monitor else None
    for scene in SCENES:
        recorded = _recorded(client, layout, session)
        gone = recorded if scene.node_dies else None
        if gone is not None:
            client.delete(layout.node_key(gone))
        if observer is not None:
            observer.begin()
        finalized = do_finalize(scheduler, session, scene.reason, "zh", "en", ROOM)
        wire = observer.end() if observer is not None else ()
        keys = _scheduler_keys(client, layout, server)
        open_turn = client.hget(layout.session_key(session), layout.current_turn_field)
        open_key = layout.turn_key(open_turn) if open_turn else None
        yield Told(
            scene, finalized.turn_id, finalized.jobs, wire, keys, recorded, gone, open_key, layout.affinity_field
        )
    if observer is not None:
        observer.close()


def _bring_online(client: Any, layout: KeyLayout, nodes: Sequence[str]) -> None:
    pipe = client.pipeline(transaction=False)
    for node in nodes:
        pipe.hset(layout.node_key(node), "status", "online")
        for lang in ROOM:
            pipe.hset(layout.node_pools_key(node), f"zh:{lang}", "0")
            pipe.sadd(layout.pool_key(f"zh:{lang}", 0), node)
    pipe.execute()


def _recorded(client: Any, layout: KeyLayout, session: str) -> str | None:
    turn = client.hget(layout.session_key(session), layout.current_turn_field)
    found: str | None = client.hget(layout.turn_key(turn), layout.affinity_field) if turn else None
    return found


def _scheduler_keys(client: Any, layout: KeyLayout, server: Server) -> dict[str, dict[str, str]]:
    state = take_snapshot(client, layout, everything=server.ours)
    ours = state.with_prefix(layout.prefixes["turn"], layout.prefixes["session"])
    return {key: state.hash(key) for key in sorted(ours)}
