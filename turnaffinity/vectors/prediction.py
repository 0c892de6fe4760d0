"""What comes of a scene? The oracle followed through every draw, and its ends written as a vector's `then`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from turnaffinity.contract.decisions import Reading
from turnaffinity.explorer.database import Argv, arranging_commands
from turnaffinity.specification.oracle import Request, Run, allowed_nodes, runs
from turnaffinity.specification.oracle import select as oracle_select
from turnaffinity.specification.oracle_state import World, predicted_database
from turnaffinity.vectors.scene import NAMES, Event, Scene, Selection

Json = Any
MADE = re.compile(r"\$\{(\w+)\}")
"""An id that the implementation makes up."""


class CannotTell(ValueError):
    """A scene whose ends no vector can tell apart: choose another scene."""


@dataclass(frozen=True)
class _Path:
    """One way in which a scene may go, so far."""

    world: World
    results: tuple[Json, ...] = ()
    turns: tuple[str, ...] = ()
    """Ids that the answers have named, in order."""
    jobs: int = 0
    touched: frozenset[str] = frozenset()
    """Turn, session and job keys that stood at any time, or that a step could have made."""
    left_open: frozenset[str] = frozenset()
    """Keys that no rule decides: of superseded turns, of bindings that may be there."""


def then(scene: Scene, reading: Reading) -> dict[str, Json]:
    """What has to hold after the scene under one reading; raises `CannotTell`."""
    start = _Path(scene.given)
    paths = [replace(start, touched=_standing(scene.given))]
    for step in scene.when:
        paths = [after for path in paths for after in _after(scene, reading, path, step)]
    # many paths end alike: what was drawn in a selection is not remembered
    ends = {repr((path.results, _state(scene, path))): path for path in paths}
    results = _merged([list(path.results) for path in ends.values()])
    told = {repr(path.results): _choices(list(path.results)) for path in ends.values()}
    if _choices(results) != sum(told.values()):
        raise CannotTell(f"{scene.rule}, {scene.claim}: what one step may answer depends on what another did")
    return {"results": results, **_merged([_state(scene, path) for path in ends.values()])}


def given(scene: Scene) -> list[list[str]]:
    """The commands that make the scene's state; a node that is gone stays in its pools, as in the field."""
    placed = {place.node_id for place in scene.given.places}
    gone = {NAMES.node_key(node) for node in placed - scene.given.online}
    everybody = scene.given._replace(online=scene.given.online | placed)
    commands = [argv for argv in arranging_commands(everybody, NAMES) if argv[1] not in gone]
    return [list(argv) for argv in (*commands, *scene.also)]


def when(scene: Scene) -> list[dict[str, Json]]:
    """The steps as a vector has them; an event makes one for each of its commands."""
    steps: list[dict[str, Json]] = []
    made: list[dict[str, Json]]
    now = scene.given
    for step in scene.when:
        if isinstance(step, Event):
            made = [{"op": "redis", "command": list(argv)} for argv in step.commands(now)]
            now = step.change(now)
        elif isinstance(step, Selection):
            made = [{"op": "select", "pair": step.pair, "job_id": step.job_id, "turn_id": step.turn_id}]
        else:
            made = [finalize_request(step)]
        steps += made
    return steps


def finalize_request(request: Request) -> dict[str, Json]:
    """A finalize with the members that the protocol gives it."""
    room = None if request.room_langs is None else list(request.room_langs)
    return {
        "op": "finalize", "session_id": request.session_id, "reason": request.reason,
        "src_lang": request.src_lang, "tgt_lang": request.tgt_lang, "room_langs": room,
    }  # fmt: skip


def _after(scene: Scene, reading: Reading, path: _Path, step: object) -> Iterator[_Path]:
    if isinstance(step, Event):
        world = step.change(path.world)
        count = len(step.commands(path.world))
        yield replace(
            path, world=world, results=path.results + (None,) * count, touched=path.touched | _standing(world)
        )
    elif isinstance(step, Selection):
        yield from _selected(path, step)
    elif isinstance(step, Request):
        yield from _finalized(scene, reading, path, step)


def _selected(path: _Path, step: Selection) -> Iterator[_Path]:
    allowed = allowed_nodes(path.world, step.pair, step.turn_id, step.job_id)
    _, world = oracle_select(path.world, step.pair, step.job_id, step.turn_id)
    open_ended = path.left_open
    if step.job_id and world.binding(step.job_id) is None:
        open_ended |= {NAMES.job_key(step.job_id)}  # a selection that was given the job's id may bind it
    answer = _one_of(sorted(allowed)) if allowed else None
    yield replace(path, world=world, results=(*path.results, {"node_id": answer}), left_open=open_ended)


def _finalized(scene: Scene, reading: Reading, path: _Path, request: Request) -> Iterator[_Path]:
    fresh = f"${{T{1 + sum(bool(MADE.fullmatch(turn)) for turn in path.turns)}}}"
    job_ids = [f"${{J{path.jobs + 1 + index}}}" for index in range(len(request.languages))] if scene.binds else []
    for run in runs(path.world, request, reading, fresh_turn_id=fresh, job_ids=job_ids):
        touched = path.touched | _standing(run.world)
        if request.session_id:
            touched |= {NAMES.session_key(request.session_id)}
        if run.error is not None:
            yield replace(path, world=run.world, results=(*path.results, {"error": run.error}), touched=touched)
            continue
        assert run.turn_id is not None
        yield replace(
            path,
            world=run.world,
            results=(*path.results, _answer(scene, path, run, job_ids)),
            turns=tuple(dict.fromkeys((*path.turns, run.turn_id))),
            jobs=path.jobs + len(job_ids),
            touched=touched | {NAMES.turn_key(run.turn_id)} | {NAMES.job_key(job) for job in job_ids},
            left_open=path.left_open | _superseded(path.world, run, request) | _perhaps_bound(run, request, job_ids),
        )


def _answer(scene: Scene, path: _Path, run: Run, job_ids: list[str]) -> dict[str, Json]:
    names = [{"job_id": {"bind": job[2:-1]}} for job in job_ids] or [{} for _ in run.nodes]
    jobs = [{**name, "tgt_lang": lang, "node_id": node} for name, (lang, node) in zip(names, run.nodes, strict=True)]
    made = MADE.fullmatch(run.turn_id or "")
    if not made:
        return {"turn_id": run.turn_id, "jobs": jobs}
    if run.turn_id in path.turns:
        if scene.tells_apart and made[1] != "T1":
            raise CannotTell(f"{scene.rule}, {scene.claim}: {made[1]} comes again, but was not bound")
        return {"turn_id": {"same_as": made[1]}, "jobs": jobs}
    apart = scene.tells_apart and made[1] != "T1"
    return {"turn_id": {"not": "T1"} if apart else {"bind": made[1]}, "jobs": jobs}


def _superseded(before: World, run: Run, request: Request) -> frozenset[str]:
    """What `mint` leaves behind may stay or go."""
    old = before.open_turn(request.session_id)
    new = run.world.open_turn(request.session_id)
    return frozenset({NAMES.turn_key(old)} if old and new and old != new else ())


def _perhaps_bound(run: Run, request: Request, job_ids: list[str]) -> frozenset[str]:
    """Jobs of max_duration that affinity routed may have a binding (TA-BIND-1)."""
    if request.reason != "max_duration":
        return frozenset()
    return frozenset(NAMES.job_key(job) for job in job_ids if run.world.binding(job) is None)


def _standing(world: World) -> frozenset[str]:
    """The keys of the contract that stand in a world, nodes and pools apart."""
    keys = {NAMES.turn_key(turn) for turn, _ in world.affinities} | {NAMES.job_key(job) for job, _ in world.bindings}
    keys |= {NAMES.session_key(session) for session, _ in world.open_turns}
    return frozenset(keys | {NAMES.session_key(session) for session, _, _ in world.foreign})


def _state(scene: Scene, path: _Path) -> dict[str, Json]:
    """The judged keys at the end of a path."""
    values = dict(predicted_database(path.world, NAMES).values)
    unjudged = set(path.left_open) | _hidden(scene, path) | _emptied(path.world)
    selects_only = not any(isinstance(step, Request) for step in scene.when)
    others = _other_fields(scene.also)
    keys: dict[str, Json] = {}
    for key in path.touched | (others.keys() if selects_only else frozenset()):
        # what else is in a turn key may be deleted outside selection, and must not change inside (TA-SEL-6)
        if key in unjudged or (key in others and not selects_only):
            continue
        value = values.get(key, ())
        known: Json = value if isinstance(value, str) else {**dict(value), **others.get(key, {})}  # type: ignore[arg-type]
        if known:
            keys[key] = known
    absent = sorted(path.touched - keys.keys() - unjudged - others.keys())
    lasting = sorted(key for key in keys if not NAMES.patterns["job"].fullmatch(key))
    return {"keys": dict(sorted(keys.items())), "absent": absent, "no_ttl": lasting}


def _hidden(scene: Scene, path: _Path) -> set[str]:
    """Keys that an id would name, or hold, that is not bound (`tells_apart`)."""
    if not scene.tells_apart:
        return set()
    unbound = {turn for turn in path.turns if MADE.fullmatch(turn) and turn != "${T1}"}
    holders = {NAMES.session_key(session) for session, turn in path.world.open_turns if turn in unbound}
    return holders | {NAMES.turn_key(turn) for turn in unbound}


def _emptied(world: World) -> set[str]:
    """An empty `current_turn_id` may stay or go (TA-CLEAR-2)."""
    return {NAMES.session_key(session) for session, turn in world.open_turns if not turn}


def _other_fields(also: tuple[Argv, ...]) -> dict[str, dict[str, str]]:
    """The hash fields in the scene's extra commands, for turn keys and session hashes: key -> field -> value."""
    found: dict[str, dict[str, str]] = {}
    for name, key, *rest in also:
        if name == "HSET" and (NAMES.turn_id_of(key) is not None or NAMES.session_id_of(key) is not None):
            found.setdefault(key, {}).update(zip(rest[::2], rest[1::2], strict=True))
    return found


def _one_of(values: list[Json]) -> Json:
    return values[0] if len(values) == 1 else {"one_of": values}


def _merged(values: list[Json]) -> Json:
    """One description of several values: the same structure, with `one_of` where they differ."""
    first = values[0]
    if all(value == first for value in values):
        return first
    if all(isinstance(value, dict) and value.keys() == first.keys() for value in values):
        return {name: _merged([value[name] for value in values]) for name in first}
    if all(isinstance(value, list) and len(value) == len(first) for value in values):
        return [_merged([value[index] for value in values]) for index in range(len(first))]
    if any(isinstance(value, dict | list) for value in values):
        raise CannotTell("the ends of the scene differ in more than single values")
    return _one_of(sorted(set(values), key=lambda value: (value is None, value)))


def _choices(value: Json) -> int:
    """How many results a description leaves."""
    if isinstance(value, list):
        return math.prod(_choices(each) for each in value)
    if isinstance(value, dict):
        return len(value["one_of"]) if "one_of" in value else math.prod(_choices(each) for each in value.values())
    return 1
