"""What may a selection and a finalize do? The contract as a pure model: no Redis, no chance, none of the flow's code.

Where the real thing draws at random, the oracle says what is allowed, and follows each possibility in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from turnaffinity.contract.decisions import DEFAULT_READING, Reading
from turnaffinity.specification.oracle_state import World

Error = Literal["no_node", "bad_request"]
CLOSING = ("manual", "timeout")
"""The reasons that end a turn; `max_duration` extends it, and every other one is refused (TA-TURN-5)."""


@dataclass(frozen=True, slots=True)
class Request:
    """One finalize as it is asked for; `room_langs`: None solo, () a room without others, else its languages."""

    session_id: str
    reason: str
    src_lang: str
    tgt_lang: str
    room_langs: tuple[str, ...] | None = None

    @property
    def languages(self) -> tuple[str, ...]:
        """The target languages of the batch, in order, each once (TA-TURN-6)."""
        return tuple(dict.fromkeys(self.room_langs)) if self.room_langs else (self.tgt_lang,)

    @property
    def is_refused(self) -> bool:
        """Whether nothing may happen: no session, another reason, or a language that is none (TA-TURN-5)."""
        tags = (self.src_lang, *(self.room_langs or (self.tgt_lang,)))
        known = self.reason in (*CLOSING, "max_duration")
        texts = (self.session_id, self.src_lang, self.tgt_lang, *(self.room_langs or ()))
        # half a character (a lone surrogate that stands for no byte) can be in no key
        halves = any("\ud800" <= sign <= "\udc7f" or "\udd00" <= sign <= "\udfff" for text in texts for sign in text)
        return not self.session_id or not known or halves or any(not tag or ":" in tag for tag in tags)

    def pair(self, language: str) -> str:
        """The language pair of one job: "zh:en"."""
        return f"{self.src_lang}:{language}"


class Happened(NamedTuple):
    """One thing that took place inside a finalize; goals are stated over these.

    `kind`: "routed" (a job of `language` got `node_id`; `recorded` is what its turn's affinity named then, and
    `drawn` whether chance chose), "recorded" (`node_id` stands recorded for `turn_id`), "cleared" (of `turn_id`,
    or None), "surroundings" (`event` says what changed around the flow). `world` is the state right after.
    """

    kind: Literal["routed", "recorded", "cleared", "surroundings"]
    world: World
    turn_id: str | None = None
    node_id: str | None = None
    language: str = ""
    recorded: str | None = None
    drawn: bool = False
    event: tuple[str, ...] = ()


class Run(NamedTuple):
    """One way in which a finalize may go: the world after it, and what happened, in order."""

    world: World
    turn_id: str | None = None
    error: Error | None = None
    happened: tuple[Happened, ...] = ()

    @property
    def nodes(self) -> tuple[tuple[str, str | None], ...]:
        """(language, node id or None) of each job, in order."""
        return tuple((item.language, item.node_id) for item in self.happened if item.kind == "routed")


Pick = Callable[[int, frozenset[str]], Iterable[str]]
"""Of the nodes allowed for the n-th job (from 0), the ones to follow."""

Surroundings = Callable[[World, str, str], Iterable[tuple[tuple[str, ...], World]]]
"""What may change around a finalize just before a step: (world, "select" or "write", pair) to (event, world) pairs.

An empty event is no change."""


def every_node(index: int, allowed: frozenset[str]) -> Iterable[str]:
    """The adversary: whatever is allowed may be drawn."""
    return sorted(allowed)


def still(world: World, step: str, pair: str) -> Iterable[tuple[tuple[str, ...], World]]:
    """Nothing changes around the finalize."""
    return (((), world),)


def allowed_nodes(world: World, pair: str, turn_id: str | None, job_id: str | None = None) -> frozenset[str]:
    """The nodes that a selection may return; empty means that it has to return none.

    A job that is bound to an online node keeps it (TA-BIND-2); else the recorded node if it is a candidate
    (TA-SEL-1); else any candidate (TA-SEL-2 to TA-SEL-4); else none (TA-SEL-7).
    """
    bound = world.binding(job_id)
    if bound is not None and bound in world.online:
        return frozenset({bound})
    candidates = world.candidates(pair)
    recorded = world.affinity(turn_id) if turn_id else None
    return frozenset({recorded}) if recorded in candidates else candidates


def select(world: World, pair: str, job_id: str | None, turn_id: str | None) -> tuple[frozenset[str], World]:
    """The nodes that are allowed, and the world in which a stale binding is dropped (TA-BIND-2).

    Whether the job is bound to the node that was taken depends on who asked: `bound` adds it.
    """
    allowed = allowed_nodes(world, pair, turn_id, job_id)
    stale = world.binding(job_id)
    if job_id and stale is not None and stale not in world.online:
        world = world.with_binding(job_id, None)
    return allowed, world


def must_be_bound(world: World, pair: str, job_id: str | None, turn_id: str | None) -> bool:
    """Whether the job has a binding afterwards for sure: asked for, and routed at random (TA-BIND-1).

    One that is routed by affinity may have a binding.
    """
    recorded = world.affinity(turn_id) if turn_id else None
    return bool(job_id) and recorded not in world.candidates(pair)


def write(world: World, session_id: str, turn_id: str, node_id: str, reading: Reading) -> World:
    """A max_duration finalize records a node and the open turn (TA-WRITE-1; D4)."""
    existing = world.affinity(turn_id)
    keeps = existing is not None and (
        reading.d4 == "write-once" or (reading.d4 == "repair" and existing in world.online)
    )
    stands = existing if keeps and existing else node_id
    return world.with_affinity(turn_id, stands).with_open_turn(session_id, turn_id)


def clear(world: World, session_id: str) -> World:
    """The open turn's affinity and its name go; with no open turn nothing changes (TA-CLEAR-1, TA-CLEAR-2)."""
    open_turn = world.open_turn(session_id)
    if open_turn is None:
        return world
    return world.with_affinity(open_turn, None).with_open_turn(session_id, None)


def runs(
    world: World,
    request: Request,
    reading: Reading = DEFAULT_READING,
    *,
    fresh_turn_id: str,
    job_ids: Sequence[str] = (),
    pick: Pick = every_node,
    around: Surroundings = still,
) -> Iterator[Run]:
    """Every way in which a finalize may go, each draw being an adversary's.

    `fresh_turn_id` is used if an id has to be minted. `job_ids`, one for each language, ask for bindings under
    max_duration; without them bindings are left out of the model. `around` says what may change between steps.
    """
    if request.is_refused:
        yield Run(world, error="bad_request")
        return
    batch = _Batch(request, reading, fresh_turn_id, tuple(job_ids), pick, around)
    yield from batch.start(world)


def finalize(
    world: World,
    request: Request,
    reading: Reading = DEFAULT_READING,
    *,
    fresh_turn_id: str,
    chosen: Sequence[str | None],
    job_ids: Sequence[str] = (),
) -> Run | None:
    """The run in which the jobs got these nodes, in order; None if the contract does not allow that.

    `chosen` has one entry for each job, None where it got no node; it is ignored for a refused request.
    """

    def as_chosen(index: int, allowed: frozenset[str]) -> Iterable[str]:
        return [node for node in chosen[index : index + 1] if node is not None and node in allowed]

    found = runs(world, request, reading, fresh_turn_id=fresh_turn_id, job_ids=job_ids, pick=as_chosen)
    return next((run for run in found if run.error == "bad_request" or _nodes(run) == tuple(chosen)), None)


def _nodes(run: Run) -> tuple[str | None, ...]:
    return tuple(node for _, node in run.nodes)


@dataclass(frozen=True, slots=True)
class _Batch:
    """One finalize being carried out; each method goes on from a state to every possible end."""

    request: Request
    reading: Reading
    fresh_turn_id: str
    job_ids: tuple[str, ...]
    pick: Pick
    around: Surroundings

    def start(self, world: World) -> Iterator[Run]:
        """Settle the turn id before the first job exists (TA-TURN-1; D1, D2)."""
        session = self.request.session_id
        happened: tuple[Happened, ...] = ()
        if self._closes and self.reading.d2 == "before":
            happened = (Happened("cleared", clear(world, session), turn_id=world.open_turn(session)),)
            world = happened[0].world
        keeps = self._closes or self.reading.d1 == "reuse"
        turn_id = (world.open_turn(session) if keeps else None) or self.fresh_turn_id
        return self._job(world, turn_id, 0, happened)

    @property
    def _closes(self) -> bool:
        return self.request.reason in CLOSING

    def _job(self, world: World, turn_id: str, index: int, happened: tuple[Happened, ...]) -> Iterator[Run]:
        if index == len(self.request.languages):
            yield from self._end(world, turn_id, happened)
            return
        language = self.request.languages[index]
        pair = self.request.pair(language)
        job_id = self.job_ids[index] if self.job_ids and not self._closes else None
        for event, changed in self.around(world, "select", pair):
            allowed, after = select(changed, pair, job_id, turn_id)
            binds = must_be_bound(changed, pair, job_id, turn_id)
            recorded = changed.affinity(turn_id)
            before = happened + _noted(event, changed)
            for node in self.pick(index, allowed) if allowed else (None,):
                now = after.with_binding(job_id, node) if binds and job_id and node else after
                drawn = node is not None and recorded not in changed.candidates(pair)
                routed = Happened("routed", now, turn_id, node, language, recorded, drawn)
                yield from self._after_job(now, turn_id, index, (*before, routed))

    def _after_job(self, world: World, turn_id: str, index: int, happened: tuple[Happened, ...]) -> Iterator[Run]:
        first_with_node = happened[-1].node_id is not None and len(_got_nodes(happened)) == 1
        if first_with_node and not self._closes and self.reading.d3 == "after-first-job":
            for written, so_far in self._write(world, turn_id, happened):
                yield from self._job(written, turn_id, index + 1, so_far)
        else:
            yield from self._job(world, turn_id, index + 1, happened)

    def _end(self, world: World, turn_id: str, happened: tuple[Happened, ...]) -> Iterator[Run]:
        got_nodes = _got_nodes(happened)
        error: Error | None = None if got_nodes else "no_node"
        if self._closes:
            session = self.request.session_id
            cleared = Happened("cleared", clear(world, session), turn_id=world.open_turn(session))
            yield Run(cleared.world, turn_id, error, (*happened, cleared))
        elif got_nodes and self.reading.d3 == "after-batch":
            for written, so_far in self._write(world, turn_id, happened):
                yield Run(written, turn_id, error, so_far)
        else:
            yield Run(world, turn_id, error, happened)

    def _write(
        self, world: World, turn_id: str, happened: tuple[Happened, ...]
    ) -> Iterator[tuple[World, tuple[Happened, ...]]]:
        node = _got_nodes(happened)[0]
        for event, changed in self.around(world, "write", ""):
            written = write(changed, self.request.session_id, turn_id, node, self.reading)
            recorded = Happened("recorded", written, turn_id, written.affinity(turn_id))
            yield written, (*happened, *_noted(event, changed), recorded)


def _got_nodes(happened: tuple[Happened, ...]) -> list[str]:
    return [item.node_id for item in happened if item.kind == "routed" and item.node_id is not None]


def _noted(event: tuple[str, ...], world: World) -> tuple[Happened, ...]:
    return (Happened("surroundings", world, event=event),) if event else ()
