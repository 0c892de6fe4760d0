"""What was given, and what was asked? The steps of a case, told in two sentences with short names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.showing.names import Names
from turnaffinity.showing.plain import plain
from turnaffinity.showing.wording import Words

MOST_NAMED = 4
"""So many nodes, pools or sessions are named; the others are counted."""


@dataclass
class Given:
    """What stands before the step that is asked for, as far as it is the contract's or its surroundings'."""

    online: dict[str, None] = field(default_factory=dict)
    gone: dict[str, None] = field(default_factory=dict)
    pools: dict[tuple[str, str], dict[str, None]] = field(default_factory=dict)
    recorded: dict[str, str] = field(default_factory=dict)
    """turn -> node"""
    opened: dict[str, str] = field(default_factory=dict)
    """session -> turn"""
    bound: dict[str, str] = field(default_factory=dict)
    """job -> node"""

    def take(self, command: Sequence[str], layout: KeyLayout) -> None:
        """Take in what a command of the case's own changes."""
        name, key, rest = command[0].upper(), command[1] if len(command) > 1 else "", command[2:]
        turn, session, job = layout.turn_id_of(key), layout.session_id_of(key), _id_in(layout, "job", key)
        node, pool = _node_of(layout, key), _pool_of(layout, key)
        if name == "DEL":
            for deleted in command[1:]:
                self._gone(deleted, layout)
        elif name == "HSET" and turn is not None:
            self._set(self.recorded, turn, rest, layout.affinity_field)
        elif name == "HSET" and session is not None:
            self._set(self.opened, session, rest, layout.current_turn_field)
        elif name == "HDEL" and turn is not None and layout.affinity_field in rest:
            self.recorded.pop(turn, None)
        elif name == "HDEL" and session is not None and layout.current_turn_field in rest:
            self.opened.pop(session, None)
        elif name == "SET" and job is not None and rest:
            self.bound[job] = rest[0]
        elif name == "HSET" and node is not None:
            self.online[node] = None
            self.gone.pop(node, None)
        elif name == "SADD" and pool is not None:
            self.pools.setdefault(pool, {}).update(dict.fromkeys(rest))
        elif name == "SREM" and pool is not None:
            for member in rest:
                self.pools.get(pool, {}).pop(member, None)

    def _gone(self, key: str, layout: KeyLayout) -> None:
        node, turn = _node_of(layout, key), layout.turn_id_of(key)
        if node is not None and node in self.online:
            del self.online[node]
            self.gone[node] = None
        if turn is not None:
            self.recorded.pop(turn, None)
        if (pool := _pool_of(layout, key)) is not None:
            self.pools.pop(pool, None)

    @staticmethod
    def _set(held: dict[str, str], key: str, flat: Sequence[str], wanted: str) -> None:
        fields = dict(zip(flat[::2], flat[1::2], strict=False))
        if wanted in fields:
            held[key] = fields[wanted]


def _id_in(layout: KeyLayout, kind: str, key: str) -> str | None:
    match = layout.patterns[kind].fullmatch(key)
    return match[1] if match else None


def _node_of(layout: KeyLayout, key: str) -> str | None:
    return None if layout.patterns["node_pools"].fullmatch(key) else _id_in(layout, "node", key)


def _pool_of(layout: KeyLayout, key: str) -> tuple[str, str] | None:
    match = layout.patterns["pool"].fullmatch(key)
    return (match["pair"], match["pool_id"]) if match else None


def given_and_asked(
    steps: Sequence[Mapping[str, Any]], layout: KeyLayout, names: Names, words: Words
) -> tuple[str, str]:
    """What a case had laid out when it asked for its last step, and that step; both "" where it asked for nothing."""
    last = max((at for at, step in enumerate(steps) if step["op"] != "redis"), default=None)
    if last is None:
        return "", ""
    given = laid_out(steps[:last], layout)
    before = sum(step["op"] != "redis" for step in steps[:last])
    asked = steps[last]
    pairs = pairs_asked(asked)
    own = {pool: members for pool, members in given.pools.items() if pool[0] in pairs}
    given.pools = own | {pool: members for pool, members in given.pools.items() if pool not in own}
    told = _told(given, max(1, min(len(own), MOST_NAMED)), before, names, words)
    return _on_one_line(told), _on_one_line(_asked(asked, names, words))


def last_request(steps: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The last finalize or select of a case; None where it asked for nothing."""
    return next((step for step in reversed(steps) if step["op"] != "redis"), None)


def commands_of(steps: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """The commands by which a case laid out what it needs, as their arguments."""
    return [[str(part) for part in step["command"]] for step in steps if step["op"] == "redis"]


def laid_out(steps: Sequence[Mapping[str, Any]], layout: KeyLayout) -> Given:
    """What stands after all of these steps, as far as the case's own commands made it."""
    given = Given()
    for command in commands_of(steps):
        given.take(command, layout)
    return given


def pairs_asked(step: Mapping[str, Any]) -> set[str]:
    """The language pairs of a select or a finalize."""
    if step["op"] == "select":
        return {step["pair"]}
    return {f"{step['src_lang']}:{target}" for target in step.get("room_langs") or [step.get("tgt_lang")]}


def _on_one_line(text: str) -> str:
    return " ".join(plain(text).split())


def _told(given: Given, pools: int, before: int, names: Names, words: Words) -> str:
    """What is given in words; `pools` of them are named, the others counted where they are more than one."""
    pools = len(given.pools) if len(given.pools) <= pools + 1 else pools
    parts: list[str] = []

    def add(phrase: str, **values: object) -> None:
        parts.append(words(phrase, **values))

    if given.online:
        add("{nodes} online", nodes=_some((names.node(node) for node in given.online), words))
    if given.gone:
        add("{nodes} gone", nodes=_some((names.node(node) for node in given.gone), words))
    for (pair, pool), members in list(given.pools.items())[:pools]:
        nodes = _some(map(names.node, members), words)
        add("pool {pool} of {pair}: {nodes}", pool=pool, pair=names.pair(pair), nodes=nodes)
    if len(given.pools) > pools:
        add("{n} more pools", n=len(given.pools) - pools)
    for turn, node in list(given.recorded.items())[-MOST_NAMED:]:
        add("turn {turn} records {node}", turn=names.turn(turn), node=names.node(node) if node else '""')
    for session, turn in list(given.opened.items())[-MOST_NAMED:]:
        add("open turn of {session}: {turn}", session=names.session(session), turn=names.turn(turn) if turn else '""')
    for job, node in list(given.bound.items())[-1:]:
        add("job {job} bound to {node}", job=names.job(job), node=names.node(node))
    if before:
        add("{n} steps before this one" if before > 1 else "one step before this one", n=before)
    return words.listed(parts, "; ")


def _some(shown: Iterable[str], words: Words) -> str:
    every = list(shown)
    told = every[:MOST_NAMED]
    if len(every) > len(told):
        told.append(words("{n} more", n=len(every) - len(told)))
    return words.listed(told) or words("nobody")


def _asked(step: Mapping[str, Any], names: Names, words: Words) -> str:
    if step["op"] == "select":
        job, turn = step.get("job_id"), step.get("turn_id")
        return words(
            "select a node for {pair}, job {job}, turn {turn}", pair=names.pair(step["pair"]),
            job=names.job(job) if job else words("none"), turn=names.turn(turn) if turn else words("none"),
        )  # fmt: skip
    room = step.get("room_langs")
    targets = room if room else [step["tgt_lang"]]
    to = _some((names.pair(f"{step['src_lang']}:{target}").partition(":")[2] for target in targets), words)
    where = "" if room is None else words(" in a room") if room else words(" in a room without others")
    return words(
        "finalize {session} with {reason}, {src} to {to}{where}", session=names.session(step["session_id"]),
        reason=step["reason"] or '""', src=names.language(step["src_lang"]), to=to, where=where,
    )  # fmt: skip
