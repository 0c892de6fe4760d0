"""Where does a walk-through play? A live server, a few nodes, and an implementation to be asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cached_property
from html import escape
from typing import Any

from turnaffinity.contract.decisions import DEFAULT_READING, Reading, parse_reading
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.faults.kinds import LOADING
from turnaffinity.faults.proxy import FaultProxy
from turnaffinity.notebook.implementation import Implementation, walked
from turnaffinity.notebook.judged import Judged, judge
from turnaffinity.notebook.step import Step
from turnaffinity.problem import CannotRun
from turnaffinity.server import Server, open_server
from turnaffinity.showing.keys import Keys, keys_view
from turnaffinity.showing.names import Names
from turnaffinity.showing.shown import PRE, Shown
from turnaffinity.showing.wording import Words
from turnaffinity.stage.observer import Observer
from turnaffinity.stage.state import State, take_snapshot
from turnaffinity.stage.step import ask
from turnaffinity.subjects.subject import Refused, Selected, Subject
from turnaffinity.wire.command import Command

CONTRACT_KINDS = ("turn", "session", "job")
"""The kinds of keys that the contract is about; nodes and pools are the surroundings."""


class Stage(Shown):
    """A live server with nodes on it, and an implementation at work; made by `open_stage`.

    Everything that a cell does goes through here: `finalize` and `select` ask the implementation, the other
    methods are the hand of the world around it.
    """

    def __init__(self, server: Server, implementation: Implementation, reading: Reading, layout: KeyLayout) -> None:
        self.server, self.implementation, self.reading, self.layout = server, implementation, reading, layout
        self.names = Names()
        self.steps: list[Step] = []
        self._closing = ExitStack()
        self._redis: Any = server.client()
        self.subject = implementation.subject(server, reading)
        self._closing.callback(self.subject.close)
        self._observer = Observer(server) if server.can_monitor else None

    # the world around

    def serve(self, *nodes: str, pairs: Sequence[str] = ("zh:en",), pool: int = 0) -> None:
        """Bring nodes online, and into one pool of each pair."""
        for node in nodes:
            self._redis.hset(self.layout.node_key(node), "status", "online")
            for pair in pairs:
                self._redis.hset(self.layout.node_pools_key(node), pair, str(pool))
                self._redis.sadd(self.layout.pool_key(pair, pool), node)

    def offline(self, *nodes: str) -> None:
        """The heartbeat of these nodes stops: their keys expire, the pools still name them."""
        for node in nodes:
            self._redis.delete(self.layout.node_key(node))

    def online(self, *nodes: str) -> None:
        """These nodes are back."""
        for node in nodes:
            self._redis.hset(self.layout.node_key(node), "status", "online")

    def record(self, turn: str, node: str, *, session: str | None = None) -> None:
        """Write an affinity by hand, as a right write would; with a session, open the turn there too."""
        self._redis.hset(self.layout.turn_key(turn), self.layout.affinity_field, node)
        if session:
            self._redis.hset(self.layout.session_key(session), self.layout.current_turn_field, turn)

    def put(self, key: str, **fields: str) -> None:
        """Write fields into any hash, as other people's software does."""
        self._redis.hset(key, mapping=fields)

    def clear(self) -> None:
        """Empty the server and bring the three nodes back."""
        self.server.clear()
        furnish(self)

    # the implementation

    def finalize(
        self, session: str, reason: str, to: str = "en", *, room: Sequence[str] | None = None, src: str = "zh",
        failing: bool = False,
    ) -> Step:  # fmt: skip
        """One finalize of the implementation; `room`: None solo, [] alone in a room, else its languages.

        With `failing` a proxy answers the first command that it sends with LOADING; the server never sees it.
        """
        request = {
            "op": "finalize", "session_id": session, "reason": reason, "src_lang": src, "tgt_lang": to,
            "room_langs": None if room is None else list(room),
        }  # fmt: skip
        if not failing:
            return self._step(request, self.subject)
        proxy, subject = self._behind_a_proxy
        proxy.arm({1: LOADING})
        try:
            return self._step(request, subject)
        finally:
            proxy.disarm()

    @cached_property
    def _behind_a_proxy(self) -> tuple[FaultProxy, Subject]:
        # over TCP: a kernel is killed, and would leave the folder of a socket behind
        proxy = self._closing.enter_context(FaultProxy(self.server.url, tcp=True))
        subject = self.implementation.subject(self.server, self.reading, proxy.url)
        self._closing.callback(subject.close)
        return proxy, subject

    def speak(self, session: str, *reasons: str) -> None:
        """Finalize once for each reason, solo from zh to en, without looking at the keys or the wire in between."""
        for reason in reasons:
            request = {"op": "finalize", "session_id": session, "reason": reason, "src_lang": "zh", "tgt_lang": "en"}
            ask(self.subject, {**request, "room_langs": None})

    def select(self, turn: str | None = None, *, pair: str = "zh:en", job: str | None = None) -> Step:
        """One selection of the implementation, under this turn id (None: without one)."""
        return self._step({"op": "select", "pair": pair, "job_id": job, "turn_id": turn}, self.subject)

    def draws(self, count: int, turn: str | None = None, *, pair: str = "zh:en") -> Counter[str]:
        """How often each node comes up in so many selections; the wire is not read."""
        request = {"op": "select", "pair": pair, "job_id": None, "turn_id": turn}
        answers = [ask(self.subject, request) for _ in range(count)]
        found = Counter(str(answer.node_id) for answer in answers if isinstance(answer, Selected))
        if not found:
            raise CannotRun(self.implementation.name, "it does not offer `select`", "add the op, or read on")
        return Counter(dict(sorted(found.items())))

    @property
    def can_select(self) -> bool:
        """Whether the implementation offers `select`; some adapters only finalize."""
        return "select" in self.subject.hello.ops

    def holds(self, rule_id: str) -> Judged:
        """The kit's own cases of a rule, run on the implementation that is walked through."""
        return judge(self.implementation, rule_id, reading=self.reading)

    # what stands

    def affinity(self, turn: str) -> str | None:
        """The node recorded for a turn."""
        found: str | None = self._redis.hget(self.layout.turn_key(turn), self.layout.affinity_field)
        return found

    def open_turn(self, session: str) -> str | None:
        """The session's open turn."""
        found: str | None = self._redis.hget(self.layout.session_key(session), self.layout.current_turn_field)
        return found

    def exists(self, key: str) -> bool:
        """Whether a key exists."""
        return bool(self._redis.exists(key))

    def fields(self, key: str) -> dict[str, str]:
        """The fields of a hash, by name; empty if there is none."""
        return dict(sorted(self._redis.hgetall(key).items()))

    def ttl_s(self, key: str) -> int | None:
        """How long a key still lives, in seconds; None where it has no TTL."""
        left: int = self._redis.ttl(key)
        return None if left < 0 else left

    def keys(self, *, everything: bool = False) -> Keys:
        """The contract's keys as they stand; with `everything`, nodes and pools too."""
        now = self._state()
        shown = now.keys if everything else {key: v for key, v in now.keys.items() if self._of_the_contract(key)}
        return keys_view(shown, self.names)

    def close(self) -> None:
        """End the implementation and the server."""
        if self._observer:
            self._observer.close()
        self._closing.close()
        self.server.close()

    def lines(self, width: int | None = None) -> list[str]:
        """What is walked through, and what stands ready."""
        node, pools = self.layout.patterns["node"], self.layout.patterns["node_pools"]
        keys = [key for key in self._state().keys if not pools.fullmatch(key)]
        nodes = sorted(match["node_id"] for key in keys if (match := node.fullmatch(key)))
        words = Words()
        return [
            words.told(f"walking through {self.implementation.name}, reading {self.reading.label}"),
            words.told(f"a live server; nodes online: {', '.join(nodes) or 'none'}"),
        ]

    def html(self) -> str:
        """The same in a line each."""
        return f"<pre {PRE}>{escape(chr(10).join(self.lines()))}</pre>"

    def _of_the_contract(self, key: str) -> bool:
        return any(self.layout.patterns[kind].fullmatch(key) for kind in CONTRACT_KINDS)

    def _state(self) -> State:
        return take_snapshot(self._redis, self.layout, everything=self.server.ours)

    def _step(self, request: dict[str, Any], subject: Subject) -> Step:
        before = self._state()
        if self._observer:
            self._observer.disturb()  # by the look at the keys just now
            self._observer.begin()
        answer = ask(subject, request)
        wire: tuple[Command, ...] = self._observer.end() if self._observer else ()
        if isinstance(answer, Refused) and answer.code == "unsupported":
            raise CannotRun(self.implementation.name, f"it does not offer `{request['op']}`", "add the op, or read on")
        step = Step(
            request, answer, wire, before, self._state(), self.layout, self.names,
            getattr(subject, "scripts", {}), self._of_the_contract,
        )  # fmt: skip
        step.name_ids()
        self.steps.append(step)
        return step


def furnish(stage: Stage) -> None:
    """Three nodes, each in the pool of three language pairs."""
    stage.serve("n1", "n2", "n3", pairs=("zh:en", "zh:ja", "zh:ko"))


def open_stage(
    reading: str | None = None, *, implementation: Implementation | None = None, server: str | None = None
) -> Stage:
    """A live server with the nodes n1, n2 and n3, and an implementation at work on it.

    Walks through the reference, or what TURNAFFINITY_LUA or TURNAFFINITY_ADAPTER names. The server is the
    embedded one, or `server`, or TURNAFFINITY_REDIS_URL; it ends with the notebook.
    """
    chosen = parse_reading(reading) if reading else DEFAULT_READING
    live = open_server(server)
    try:
        stage = Stage(live, implementation or walked(), chosen, KeyLayout())
        furnish(stage)
    except BaseException:
        live.close()
        raise
    return stage
