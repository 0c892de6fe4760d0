"""Which keys of a database are of our making, and how do exactly those go away?

A run's names carry its token (`live.token`). A key is ours if its name carries the token, or if it lies under the
layout's prefixes (or is new since the run began) and a value carries it, or if it is the turn of a session of ours.
A set that others use too, as a pool may be, loses our members only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

import redis

from turnaffinity.contract.layout import KeyLayout

BATCH = 1000
"""How many keys one round trip reads or deletes."""

PAGE = 5000
"""About how many names one SCAN asks for; the server serves nobody else for a millisecond or so meanwhile."""

BASELINE_MAX = 100_000
"""Up to how many keys we remember that were there before us; beyond, only keys under our prefixes are looked into."""

LOOKED_INTO = 65_535
"""How many bytes of a text, or entries of a list or stream, are looked into."""

MARKS = "turnaffinity:run:"
"""The prefix of the keys that name the seed of a run at work, or of one that was killed."""


@dataclass(slots=True)
class Footprint:
    """How one run's keys are recognised: by `token` and `claimed` ids; never those that were there `before`."""

    layout: KeyLayout
    token: str
    claimed: set[str] = field(default_factory=set)
    before: frozenset[str] | None = None
    """The names that were there before the run; None if unknown: nothing outside the prefixes is looked into then."""

    @property
    def mark(self) -> str:
        """The key that names the run's seed on a server that is not ours."""
        return MARKS + self.token

    def sweep(self, client: redis.Redis) -> Counter[str]:
        """Delete exactly our keys, but for the mark; say how many of each kind ("turn", "pool", ..., "other").

        SCAN; HGET for each session of ours; TYPE and a read for each key that may be ours; DEL, SREM or ZREM.
        `client` decodes its answers.
        """
        spared = self.before or frozenset()
        under = watcher(self.layout)
        everything = self.before is not None
        names = {
            name
            for page in scan(client)
            for name in page - spared
            if not name.startswith(MARKS) and (everything or self.token in name or under(name))
        }
        ours = {name for name in names if self.token in name or self._is_claimed(name)}
        ours |= self._open_turns(client, ours) & names
        shared: dict[str, tuple[str, list[str]]] = {}
        for name, type_, entries in read(client, [n for n in names - ours if everything or under(n)]):
            marked = [entry for entry in entries if self.token in entry]
            if marked and len(marked) < len(entries) and type_ in ("set", "zset"):
                shared[name] = (type_, marked)
            elif marked:
                ours.add(name)
        _delete(client, ours, shared)
        if self.layout.pool_index:
            self._tidy_index(client, names)
        return Counter(kind_of(self.layout, name) for name in (*ours, *shared))

    def _is_claimed(self, name: str) -> bool:
        if not self.claimed:
            return False
        job = self.layout.patterns["job"].fullmatch(name)
        return self.layout.turn_id_of(name) in self.claimed or (job is not None and job["job_id"] in self.claimed)

    def _open_turns(self, client: redis.Redis, ours: Collection[str]) -> set[str]:
        sessions = [name for name in ours if self.layout.session_id_of(name) is not None]
        found: set[str] = set()
        for batch in _batches(sessions):
            pipe = client.pipeline(transaction=False)
            for name in batch:
                pipe.hget(name, self.layout.current_turn_field)
            replies = pipe.execute(raise_on_error=False)
            found.update(self.layout.turn_key(reply) for reply in replies if isinstance(reply, str))
        return found

    def _tidy_index(self, client: redis.Redis, names: Collection[str]) -> None:
        # an index holds bare pool ids, which carry no token: it is ours as far as its pools are gone
        for name in names:
            match = self.layout.patterns["pool_index"].fullmatch(name)
            if match and client.type(name) == "set":
                ids = [str(pool_id) for pool_id in client.smembers(name)]
                gone = [i for i in ids if not client.exists(self.layout.pool_key(match["pair"], i))]
                if gone:
                    client.srem(name, *gone)


def scan(client: redis.Redis) -> Iterator[set[str]]:
    """The names of all keys of the database, in pages; one may come twice. SCAN."""
    cursor = 0
    while True:
        cursor, page = client.scan(cursor, count=PAGE)
        yield {str(name) for name in page}
        if cursor == 0:
            return


def watcher(layout: KeyLayout) -> Callable[[str], bool]:
    """Tells whether a key lies under the layout's prefixes, the room prefixes or the scheduler's name space.

    A template that begins with a placeholder has no prefix: there the whole name decides.
    """
    # whatever shares the name space of turns and sessions ("scheduler:") is a sign that a scheduler lives here
    pairs = zip(layout.prefixes["turn"], layout.prefixes["session"], strict=False)
    shared = "".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    space = shared[: shared.rfind(":") + 1]
    prefixes = tuple(filter(None, {*layout.prefixes.values(), *layout.room_prefixes, space}))
    bare = [layout.patterns[which] for which, prefix in layout.prefixes.items() if not prefix]
    return lambda name: name.startswith(prefixes) or any(pattern.fullmatch(name) for pattern in bare)


def kind_of(layout: KeyLayout, name: str) -> str:
    """What a key is: a member of the layout ("turn", "node_pools", ...), or "other"."""
    # "lingua:v1:node:n1:pools" fits the template of a node too: the one with more fixed text is meant
    by_length = sorted(layout.patterns, key=lambda which: -len(getattr(layout, which)))
    return next((which for which in by_length if layout.patterns[which].fullmatch(name)), "other")


def read(client: redis.Redis, names: Collection[str]) -> Iterator[tuple[str, str, list[str]]]:
    """For each key: its name, its type, and the texts in it. TYPE, then one read that fits the type."""
    for batch in _batches(names):
        pipe = client.pipeline(transaction=False)
        for name in batch:
            pipe.type(name)
        types = [str(reply) for reply in pipe.execute()]
        readable = [(name, type_) for name, type_ in zip(batch, types, strict=True) if type_ in _READS]
        for name, type_ in readable:
            pipe.execute_command(*(name if part == "{}" else part for part in _READS[type_]))  # type: ignore[no-untyped-call]
        # a key that changes its type between the two is somebody else's and at work
        replies = pipe.execute(raise_on_error=False)
        for (name, type_), reply in zip(readable, replies, strict=True):
            if not isinstance(reply, Exception):
                yield name, type_, list(_texts(reply))


_READS: dict[str, tuple[str, ...]] = {
    "string": ("GETRANGE", "{}", "0", str(LOOKED_INTO)),
    "hash": ("HGETALL", "{}"),
    "set": ("SMEMBERS", "{}"),
    "zset": ("ZRANGE", "{}", "0", "-1"),
    "list": ("LRANGE", "{}", "0", str(LOOKED_INTO)),
    "stream": ("XRANGE", "{}", "-", "+", "COUNT", str(LOOKED_INTO)),
}


def _texts(reply: Any) -> Iterator[str]:
    if isinstance(reply, dict):
        reply = [part for pair in reply.items() for part in pair]
    if isinstance(reply, (list, tuple, set)):
        for part in reply:
            yield from _texts(part)
    elif reply is not None:
        yield str(reply)


def _delete(client: redis.Redis, names: Collection[str], shared: dict[str, tuple[str, list[str]]]) -> None:
    for batch in _batches(names):
        client.delete(*batch)
    for name, (type_, members) in shared.items():
        remove = client.srem if type_ == "set" else client.zrem
        remove(name, *members)


def _batches(names: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(names)
    for start in range(0, len(ordered), BATCH):
        yield ordered[start : start + BATCH]
