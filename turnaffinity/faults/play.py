"""What becomes of a session when one command of a finalize breaks? Every place, every fault, and what follows.

A play is one session's life: some history, one finalize with one fault at one place, then, with the fault gone, a
max_duration finalize, a closing one, and a max_duration one, solo, through the same process. What the broken finalize
answers is not judged beyond its being an answer: a client library may send a command again when the connection is cut,
so that a cut judges the library. State is judged, and what the process does afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from turnaffinity.faults.kinds import (
    BUSY,
    LOADING,
    MOVED,
    NOSCRIPT,
    OOM,
    READONLY,
    CutAfter,
    CutBefore,
    CutMidReply,
    ErrorReply,
    Fault,
)
from turnaffinity.faults.one_error import Sorter
from turnaffinity.showing.sentences import told
from turnaffinity.stage.evidence import FAULTY, Skipped, Violation
from turnaffinity.stage.state import KeyState
from turnaffinity.stage.step import ask
from turnaffinity.subjects.subject import Answer, Finalized
from turnaffinity.wire.command import Command
from turnaffinity.wire.meaning import SCRIPT_CALLS

if TYPE_CHECKING:
    from turnaffinity.faults.proxied import Proxied
    from turnaffinity.stage.stage import Stage

FLUSHED = "scripts flushed"
"""The server forgets its scripts just before the command: with SCRIPT FLUSH, on a server of ours."""

FAULTS: dict[str, Fault | None] = {
    "cut before": CutBefore(),
    "cut after": CutAfter(),
    "cut within the reply": CutMidReply(),
    "LOADING": LOADING,
    "READONLY": READONLY,
    "OOM": OOM,
    "NOSCRIPT": NOSCRIPT,
    "BUSY": BUSY,
    "MOVED": MOVED,
    FLUSHED: None,
}
"""What is done to a command, by its name. No silence: the deadlines of clients are seconds, and places are many."""

NODES = 30
"""Candidates in a play: by chance a job goes to a given one once in thirty."""

MOST_TRIES = 4
"""A client that opens its connection again in the background may refuse a finalize or two first."""

PAUSE_S = 0.05
"""How long such a client gets before it is asked again, in seconds."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Which finalize breaks: its reason, whether a turn is open, and where its jobs come from."""

    reason: str
    open_turn: bool
    room: bool

    @property
    def name(self) -> str:
        """As a case's name has it: "manual-open-solo"."""
        return f"{self.reason}-{'open' if self.open_turn else 'none-open'}-{'room' if self.room else 'solo'}"


SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for room in (False, True)
    for scenario in (
        Scenario("max_duration", False, room), Scenario("max_duration", True, room),
        Scenario("manual", True, room), Scenario("timeout", True, room),
    )
}  # fmt: skip
"""The finalizes that are broken, by name."""


@dataclass(frozen=True, slots=True)
class Place:
    """One command of the broken finalize (from 1), and what is done to it."""

    position: int
    fault: str

    def __str__(self) -> str:
        return f"{self.fault} at command {self.position}"


@dataclass
class After:
    """One finalize after the fault: what it answered, and the state before and after it."""

    reason: str
    answer: Answer
    before: dict[str, KeyState]
    after: dict[str, KeyState]


@dataclass
class Play:
    """What one play showed."""

    scenario: Scenario
    place: Place
    session: str
    nodes: tuple[str, ...]
    others: frozenset[str] = frozenset()
    """The keys of another session and its turn."""
    closed: dict[str, str] = field(default_factory=dict)
    """Turns closed before the fault: id -> the node of its jobs."""
    opened: str | None = None
    """The turn that was open when the fault came."""
    start: dict[str, KeyState] = field(default_factory=dict)
    """Turn keys and session hashes before the broken finalize."""
    broken: Answer | None = None
    argv: tuple[str, ...] = ()
    """The command that met the fault; empty if none came to that place."""
    selecting: bool = False
    """Whether that command belongs to a selection."""
    wire: tuple[Command, ...] = ()
    """The commands of the broken finalize."""
    state: dict[str, KeyState] = field(default_factory=dict)
    """The state once the broken finalize was answered."""
    afterwards: tuple[After, ...] = ()
    steps: tuple[dict[str, Any], ...] = ()
    """Everything done, for the capsule."""
    inherited: bool = False
    """Whether a later turn went to a closed turn's node, in this play and in each one that tried it again."""
    tries: int = 0
    """How many finalizes were refused after the fault was gone."""

    @property
    def states(self) -> Iterator[dict[str, KeyState]]:
        """The states after the fault, in order."""
        yield self.state
        yield from (after.after for after in self.afterwards)


class Player:
    """Plays on one stage, through one process behind a proxy of its own."""

    def __init__(self, stage: Stage, proxied: Proxied, scenario: Scenario) -> None:
        self.stage, self.proxied, self.scenario = stage, proxied, scenario
        self.layout = stage.layout
        self.langs = stage.langs[:2] if scenario.room else stage.langs[:1]
        self.nodes = stage.nodes(NODES)
        stage.serve(self.nodes, *stage.langs[:2])

    def play(self, place: Place) -> Play:
        """One play; raises `Violation` if a finalize fails before anything is broken."""
        stage, first_step = self.stage, len(self.stage.steps)
        play = Play(self.scenario, place, stage.session(), tuple(self.nodes))
        stage.do("HSET", self.layout.session_key(play.session), "user_id", "theirs", "note", "keep")
        self._neighbour(play)
        self._history(play)
        play.start = self.look()
        self._break(play)
        play.state = self.look()
        self._go_on(play)
        play.steps = tuple(stage.steps[first_step:])
        self._tidy(play)
        return play

    def _neighbour(self, play: Play) -> None:
        other, turn = self.stage.session(), self.stage.turn()
        self.stage.record(turn, self.nodes[0], other)
        play.others = frozenset({self.layout.session_key(other), self.layout.turn_key(turn)})

    def _history(self, play: Play) -> None:
        if self.scenario.open_turn:
            play.opened = self._carried_out(play, "max_duration").turn_id
            return
        opened = self._carried_out(play, "max_duration")
        self._carried_out(play, "manual")
        play.closed = {opened.turn_id: opened.first_node_id or ""}

    def _carried_out(self, play: Play, reason: str) -> Finalized:
        answer = self._finalize(play, reason)
        if not isinstance(answer, Finalized):
            raise Violation(f"{reason} carried out while nothing is broken", told(answer))
        return answer

    def _finalize(self, play: Play, reason: str, *, solo: bool = False) -> Answer:
        room = self.scenario.room and not solo
        request = {
            "op": "finalize", "session_id": play.session, "reason": reason, "src_lang": self.stage.src,
            "tgt_lang": self.langs[0], "room_langs": list(self.langs) if room else None,
        }  # fmt: skip
        self.stage.steps.append(request | {"process": FAULTY})
        self.stage.judge.pipeline.settle()
        return ask(self.proxied.subject, request)

    def _break(self, play: Play) -> None:
        place, proxy = play.place, self.proxied.proxy
        seen = 0

        def flush_at_the_place(argv: tuple[str, ...]) -> None:
            nonlocal seen
            seen += 1
            if seen == place.position:
                self.stage.judge.client.script_flush()

        fault = FAULTS[place.fault] if place.position else None
        if place.fault == FLUSHED:
            proxy.arm(decide=flush_at_the_place)
        else:
            proxy.arm({place.position: fault} if fault else {})
        play.broken = self._finalize(play, self.scenario.reason)
        counted = proxy.counted
        proxy.disarm()
        play.wire = tuple(Command(tuple(each.argv)) for each in counted)
        if 0 < place.position <= len(counted):
            play.argv = counted[place.position - 1].argv
            site = "room" if self.scenario.room else "solo"
            sorter = Sorter(self.stage, play.session, play.opened or "", site)
            play.selecting = sorter.kind(play.argv) == "select"

    def _go_on(self, play: Play) -> None:
        afterwards: list[After] = []
        for reason in ("max_duration", "manual" if self.scenario.reason != "timeout" else "timeout", "max_duration"):
            before = afterwards[-1].after if afterwards else play.state
            answer = self._finalize(play, reason, solo=True)
            while not isinstance(answer, Finalized) and play.tries < MOST_TRIES:
                play.tries += 1
                time.sleep(PAUSE_S)
                before, answer = self.look(), self._finalize(play, reason, solo=True)
            afterwards.append(After(reason, answer, before, self.look()))
        play.afterwards = tuple(afterwards)

    def look(self) -> dict[str, KeyState]:
        """Turn keys and session hashes as they stand; two round trips of the judge's own."""
        client, prefixes = self.stage.judge.client, [self.layout.prefixes[kind] for kind in ("turn", "session")]
        keys = sorted({key for prefix in prefixes for key in _keys(client, prefix)})
        pipe = client.pipeline(transaction=False)
        for key in keys:
            pipe.hgetall(key)
            pipe.pexpiretime(key)
        replies = pipe.execute(raise_on_error=False)
        return {
            key: KeyState("hash", value, int(expiry))
            for key, value, expiry in zip(keys, replies[::2], replies[1::2], strict=True)
            if value
        }

    def _tidy(self, play: Play) -> None:
        self.stage.judge.client.delete(*self.look(), self.layout.session_key(play.session))


def _keys(client: Any, prefix: str) -> Sequence[str]:
    escaped = "".join(f"\\{mark}" if mark in "*?[]\\" else mark for mark in prefix)
    return tuple(client.scan_iter(match=escaped + "*", count=1000))


def places(player: Player) -> list[Place]:
    """Every command of the scenario's finalize with every fault, as a run without a fault has them."""
    if player.stage.judge.server.kind == "fake":
        raise Skipped("no proxy can stand before fakeredis, so that nothing can be made to fail")
    for _ in range(2):  # scripts are loaded and connections made before anything is counted
        clean = player.play(Place(0, "no fault"))
    if not isinstance(clean.broken, Finalized):
        raise Violation(f"{player.scenario.reason} carried out while nothing is broken", told(clean.broken or clean))  # type: ignore[arg-type]
    found = [Place(number, name) for number in range(1, len(clean.wire) + 1) for name in FAULTS if name != FLUSHED]
    if player.stage.judge.server.ours:
        calls = [number for number, command in enumerate(clean.wire, 1) if command.name in SCRIPT_CALLS]
        found += [Place(number, FLUSHED) for number in calls]
    return found


def is_error(fault: str) -> bool:
    """Whether a fault is an error reply, the connection left up."""
    return isinstance(FAULTS.get(fault), ErrorReply)
