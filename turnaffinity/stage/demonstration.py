"""What happens to a long speech? Three languages listen; each finalize of the flow is told with what it did."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from turnaffinity.contract.answers import Job
from turnaffinity.contract.decisions import Reading
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.server import Server, token
from turnaffinity.server.live import pinned
from turnaffinity.specification.actor_finalize import Scheduler, do_finalize
from turnaffinity.stage.business import of_turns_and_sessions
from turnaffinity.stage.observer import Observer
from turnaffinity.stage.pipeline import Pipeline
from turnaffinity.stage.state import KeyState, State, take_snapshot
from turnaffinity.wire.command import Command

ROOM = ("en", "ja", "ko")
"""The listeners' languages; the speaker speaks `zh`."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One finalize of the story: what is said before it, why it comes, and what happens to the nodes just before."""

    title: str
    title_zh: str
    said: str
    said_zh: str
    reason: str
    node_dies: bool = False


SCENES = (
    Scene(
        "The first ten seconds", "最初十秒",
        "Somebody speaks, and does not stop. The segment is full: it is closed with max_duration.",
        "有人开始讲话，一直没停。音频段已满，以 max_duration 收段。",
        "max_duration",
    ),
    Scene(
        "Still the same sentence", "还是同一句话",
        "The speaker goes on; the next segment is full.", "讲话继续，下一段也满了。",
        "max_duration",
    ),
    Scene(
        "A node goes away", "一个节点下线",
        "The recorded node's heartbeat stops; its key expires. The speaker notices nothing and goes on.",
        "记录的节点心跳停止，它的键过期。讲话的人毫无察觉，继续讲。",
        "max_duration",
        node_dies=True,
    ),
    Scene("The sentence goes on", "句子继续", "One more full segment.", "又满了一段。", "max_duration"),
    Scene(
        "The speaker stops", "讲话结束",
        "The speaker presses stop: the segment is closed with manual.", "讲话的人按下停止：以 manual 收段。",
        "manual",
    ),
    Scene(
        "A new utterance", "新的一次发言",
        "A new sentence begins, and it is long again.", "新的一句开始，又很长。",
        "max_duration",
    ),
    Scene(
        "Silence", "沉默",
        "Nobody speaks any more: the segment is closed with timeout.", "没有人再讲话：以 timeout 收段。",
        "timeout",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """One scene as it happened: the turn, the jobs, the commands on the wire, and the keys before and afterwards."""

    scene: Scene
    session: str
    turn_id: str
    jobs: tuple[Job, ...]
    wire: tuple[Command, ...]
    scripts: dict[str, str]
    before: dict[str, KeyState]
    after: dict[str, KeyState]
    """The scheduler's keys, turns and sessions."""
    recorded_before: str | None
    node_gone: str | None
    open_turn: str
    layout: KeyLayout

    @property
    def keys(self) -> dict[str, dict[str, str]]:
        """The scheduler's keys afterwards, with their fields."""
        return State(self.after).hashes()

    @property
    def affinities(self) -> dict[str, str]:
        """Turn -> node, for every affinity that stands afterwards."""
        field = self.layout.affinity_field
        return {
            turn: fields[field] for key, fields in self.keys.items()
            if (turn := self.layout.turn_id_of(key)) is not None and field in fields
        }  # fmt: skip

    def facts(self) -> list[tuple[str, dict[str, Any]]]:
        """What a listener notices, computed from what happened: a phrase and what stands in it."""
        nodes = [job.node_id for job in self.jobs]
        scattered = len(set(nodes))
        found: list[tuple[str, dict[str, Any]]] = [
            ("all jobs on one node", {})
            if scattered == 1
            else ("the batch is scattered over {n} nodes", {"n": scattered})
        ]
        if self.recorded_before is not None:
            stayed = sum(node == self.recorded_before for node in nodes)
            found.append(("{n} of {all} jobs on the node recorded before", {"n": stayed, "all": len(nodes)}))
        if self.node_gone is not None:
            found.append(("{node} is gone, and serves none of them", {"node": self.node_gone}))
        left = [turn for turn in self.affinities if turn != self.open_turn]
        if left:
            plural = "{n} turn keys that no session names, left for ever"
            found.append(
                (plural if len(left) > 1 else "a turn key that no session names, left for ever", {"n": len(left)})
            )
        return found

    def sentences(self) -> list[str]:
        """The same in English, with the raw names."""
        return [phrase.format(**values) for phrase, values in self.facts()]

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
    mark, draw = token(seed), random.Random(seed)
    session, nodes = f"speaker-{mark}", [f"node-{letter}-{mark}" for letter in "abcde"]
    jobs = iter(range(1, 1000))
    scheduler = Scheduler(
        server.client(),
        reading,
        layout,
        new_turn_id=lambda: str(uuid.UUID(int=draw.getrandbits(128), version=4)),
        new_job_id=lambda: f"job-{next(jobs)}-{mark}",
    )
    observer = Observer(server) if server.can_monitor else None
    ours = Pipeline(pinned(server.client()), observer)
    ours.now(_online(layout, nodes))
    scheduler.load_scripts()
    try:
        after = _scheduler_keys(ours, layout, server)
        for scene in SCENES:
            before, recorded = after, _recorded(after, layout, session)
            gone = recorded if scene.node_dies else None
            if gone is not None:
                ours.now([("DEL", layout.node_key(gone))])
            if observer is not None:
                observer.begin()
            finalized = do_finalize(scheduler, session, scene.reason, "zh", "en", ROOM)
            wire = observer.end() if observer is not None else ()
            after = _scheduler_keys(ours, layout, server)
            yield Told(
                scene, session, finalized.turn_id, finalized.jobs, wire, scheduler.scripts, before, after, recorded,
                gone, _open_turn(after, layout, session), layout,
            )  # fmt: skip
    finally:
        if observer is not None:
            observer.close()


def _online(layout: KeyLayout, nodes: Sequence[str]) -> list[tuple[str, ...]]:
    return [
        argv
        for node in nodes
        for argv in (
            ("HSET", layout.node_key(node), "status", "online"),
            ("HSET", layout.node_pools_key(node), *(part for lang in ROOM for part in (f"zh:{lang}", "0"))),
            *(("SADD", layout.pool_key(f"zh:{lang}", 0), node) for lang in ROOM),
        )
    ]


def _open_turn(keys: dict[str, KeyState], layout: KeyLayout, session: str) -> str:
    return State(keys).hash(layout.session_key(session)).get(layout.current_turn_field, "")


def _recorded(keys: dict[str, KeyState], layout: KeyLayout, session: str) -> str | None:
    turn = _open_turn(keys, layout, session)
    return State(keys).hash(layout.turn_key(turn)).get(layout.affinity_field) if turn else None


def _scheduler_keys(ours: Pipeline, layout: KeyLayout, server: Server) -> dict[str, KeyState]:
    state = take_snapshot(ours.lent(), layout, everything=server.ours)
    return of_turns_and_sessions(layout, state)
