"""Traffic of right schedulers, written in many ways, as MONITOR prints it; and wrong steps to splice in.

A finalize is a generator of atoms: lines that nothing can come between. `interleave` shuffles the atoms of several
sessions and of others into one trace, as a server with many clients shows it.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from turnaffinity.wire.command import Command
from turnaffinity.wire.monitor import printed

TURN, SESSION = "scheduler:turn:", "scheduler:session:"
AFFINITY, POINTER = "affinity_node_id", "current_turn_id"
SELECT_SHA, WRITE_SHA, CLEAR_SHA = "5e1ec7" * 6 + "0000", "3417e0" * 6 + "0000", "c1ea40" * 6 + "0000"

Line = tuple[str, tuple[str, ...]]
Atom = list[Line]

WRITES = ("script", "multi", "plain", "pointer-first", "one-by-one-multi")
CLEARS = ("script", "multi", "watch", "plain", "pointer-first", "del", "hgetall", "hmget", "eval-after-noscript")
SELECTS = ("script", "plain", "read-twice-plainly")


@dataclass
class Style:
    """How one implementation does what all do."""

    write: str = "script"
    clear: str = "script"
    select: str = "script"
    mint: bool = False
    clear_after: bool = False
    write_once: bool = False
    fallback: bool = True
    clients: tuple[str, ...] = ("10.0.0.1:1001", "10.0.0.1:1002", "10.0.0.1:1003")


@dataclass
class SessionFlow:
    """One session's finalizes, as a right scheduler in this style sends them."""

    name: str
    style: Style
    rng: random.Random
    turn: str | None = None
    recorded: dict[str, str] = field(default_factory=dict)

    def client(self) -> str:
        return self.rng.choice(self.style.clients)

    def client_alone(self) -> str:
        """A connection for a transaction in two round trips: what others sent between would be queued with it."""
        digits = "".join(filter(str.isdigit, self.name))
        first = self.style.clients[0]
        return first if first.startswith("unix:") else f"10.0.0.5:1{digits:0>4}"

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def utterance(self, extensions: int, jobs: int) -> Iterator[Atom]:
        for _ in range(extensions):
            yield from self.extend(jobs)
        yield from self.close(jobs)

    def extend(self, jobs: int) -> Iterator[Atom]:
        style = self.style
        if not style.mint:
            yield [(self.client(), ("HGET", SESSION + self.name, POINTER))]
        turn = self.uuid() if style.mint or self.turn is None else self.turn
        node = self.recorded.get(turn, f"n{self.rng.randrange(9)}")
        for _ in range(jobs):
            yield from self.select(turn, node)
        yield from self.write(turn, node)
        self.turn = turn
        self.recorded[turn] = node

    def close(self, jobs: int) -> Iterator[Atom]:
        if not self.style.clear_after:
            yield from self.clear()
        turn = self.turn or self.uuid()
        for _ in range(jobs):
            yield from self.select(turn, "n1")
        if self.style.clear_after or self.style.fallback:
            yield from self.clear()

    def select(self, turn: str, node: str) -> Iterator[Atom]:
        client, key = self.client(), TURN + turn
        lookups = [("EXISTS", f"lingua:v1:node:{node}"), ("HGET", f"lingua:v1:node:{node}:pools", "zh:en")]
        if self.style.select == "script":
            inner = [("HGET", key, AFFINITY), *lookups, ("SISMEMBER", "lingua:v1:pool:zh:en:0:nodes", node)]
            yield script(client, ("EVALSHA", SELECT_SHA, "0", "zh:en", "", turn), inner)
            return
        if self.style.select == "read-twice-plainly":
            yield [(client, ("EXISTS", key))]
            yield [(client, ("HGETALL", key))]
        yield [(client, ("HGET", key, AFFINITY))]
        for lookup in lookups:
            yield [(client, lookup)]

    def write(self, turn: str, node: str) -> Iterator[Atom]:
        style, session = self.style, SESSION + self.name
        stays = style.write_once and turn in self.recorded
        affinity = ("HSET", TURN + turn, AFFINITY, node)
        pointer = ("HSET", session, POINTER, turn)
        both = [pointer] if stays else [affinity, pointer]
        client = self.client()
        looks = [("HGET", TURN + turn, AFFINITY)] if style.write_once else []
        if style.write == "script":
            yield script(client, ("EVALSHA", WRITE_SHA, "0", self.name, turn, node, "overwrite"), [*looks, *both])
        elif style.write == "multi":
            yield from ([(client, look)] for look in looks)
            yield multi(client, both)
        elif style.write == "one-by-one-multi":
            client = self.client_alone()
            yield from ([(client, look)] for look in looks)
            yield [(client, ("multi",))]
            yield [*((client, command) for command in both), (client, ("exec",))]
        else:
            yield from ([(self.client(), look)] for look in looks)
            for command in reversed(both) if style.write == "pointer-first" else both:
                yield [(self.client(), command)]

    def clear(self) -> Iterator[Atom]:
        session, turn, style = SESSION + self.name, self.turn, self.style
        self.turn = None
        client = self.client()
        read = {"hgetall": ("HGETALL", session), "hmget": ("hmget", session, POINTER, "user")}.get(
            style.clear, ("HGET", session, POINTER)
        )
        unturn = [] if turn is None else [("HDEL", TURN + turn, AFFINITY)]
        if style.clear == "del" and turn:
            unturn = [("DEL", TURN + turn)]
        unpoint = [] if turn is None else [("HDEL", session, POINTER)]
        if style.clear == "script":
            yield script(client, ("EVALSHA", CLEAR_SHA, "0", self.name), [read, *unturn, *unpoint])
        elif style.clear == "eval-after-noscript":
            yield [(client, ("EVALSHA", CLEAR_SHA, "0", self.name))]
            yield script(client, ("EVAL", 'redis.call("x")', "0", self.name), [read, *unpoint, *unturn])
        elif style.clear in ("multi", "watch"):
            if style.clear == "watch":
                yield [(client, ("WATCH", session))]
            yield [(client, read)]
            if turn:
                yield multi(client, [*unturn, *unpoint])
            elif style.clear == "watch":
                yield [(client, ("UNWATCH",))]
        else:
            yield [(self.client(), read)]
            for command in [*unpoint, *unturn] if style.clear == "pointer-first" else [*unturn, *unpoint]:
                yield [(self.client(), command)]


def script(client: str, call: tuple[str, ...], inner: list[tuple[str, ...]]) -> Atom:
    return [(client, call), *(("lua", command) for command in inner)]


def multi(client: str, commands: list[tuple[str, ...]]) -> Atom:
    return [(client, ("MULTI",)), *((client, command) for command in commands), (client, ("EXEC",))]


def noise(rng: random.Random, sessions: list[str]) -> Atom:
    """What others do beside the scheduler: none of it is its fault."""
    name = SESSION + rng.choice(sessions)
    manager, other = "10.0.0.2:2001", f"10.0.0.3:{rng.randrange(3000, 3005)}"
    return [
        rng.choice(
            [
                (other, ("SET", f"key:{rng.randrange(99)}", "x" * rng.randrange(40))),
                (other, ("GET", 'a"b\\ scheduler:turn: \x00')),
                (manager, ("HSET", name, "user", "u1")),
                (manager, ("EXPIRE", name, "3600")),
                (manager, ("HGETALL", name)),
                (manager, ("HGET", name, POINTER)),
                ("10.0.0.4:4001", ("KEYS", "scheduler:*")),
                ("10.0.0.4:4001", ("TTL", TURN + "t")),
                (other, ("HSET", "lingua:v1:node:n1:pools", "zh:en", "0")),
                (other, ("MULTI",)),
                (other, ("PUBLISH", "log", str(uuid.UUID(int=rng.getrandbits(128), version=4)))),
            ]
        )
    ]


def interleave(rng: random.Random, streams: list[Iterator[Atom]]) -> Iterator[Atom]:
    waiting = list(streams)
    while waiting:
        stream = rng.choice(waiting)
        atom = next(stream, None)
        if atom is None:
            waiting.remove(stream)
        else:
            yield atom


def clean_atoms(seed: int, style: Style, sessions: int = 3, utterances: int = 2, noisy: bool = True) -> list[Atom]:
    """Some sessions' whole utterances in one style, interleaved, with others' traffic between."""
    rng = random.Random(seed)
    names = [f"s{number}-{rng.randrange(1000)}" for number in range(sessions)]

    def life(name: str) -> Iterator[Atom]:
        flow = SessionFlow(name, style, rng)
        for _ in range(utterances):
            yield from flow.utterance(rng.randrange(0, 4), rng.randrange(1, 3))

    streams = [life(name) for name in names]
    if noisy:
        streams.append(noise(rng, names) for _ in range(12))  # type: ignore[arg-type]
    return list(interleave(rng, streams))


def style_of(rng: random.Random) -> Style:
    """Any right way to write it."""
    return Style(
        write=rng.choice(WRITES),
        clear=rng.choice(CLEARS),
        select=rng.choice(SELECTS),
        mint=rng.random() < 0.4,
        clear_after=rng.random() < 0.4,
        write_once=rng.random() < 0.3,
        fallback=rng.random() < 0.7,
        clients=tuple(f"10.0.0.1:{1001 + number}" for number in range(rng.randrange(1, 5)))
        if rng.random() < 0.8
        else ("unix:/run/redis.sock",),
    )


def text_of(atoms: list[Atom], db: int = 0) -> bytes:
    """The atoms as a trace."""
    lines = [line for atom in atoms for line in atom]
    return "".join(
        printed(Command(argv, client, db, 1_700_000_000 + number / 1000)) + "\n"
        for number, (client, argv) in enumerate(lines)
    ).encode("ascii")
