"""How is a behaviour told, so that a person, a JSON reader and a live server can each follow it?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from turnaffinity.contract.decisions import Reading
from turnaffinity.explorer.bounds import LANGUAGES, pair
from turnaffinity.explorer.goals import Step
from turnaffinity.explorer.surroundings import Event
from turnaffinity.explorer.versions import Version
from turnaffinity.specification.oracle import Happened, Run, Surroundings, runs
from turnaffinity.specification.oracle_state import World


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A behaviour from its first world on; every turn id in it was minted once."""

    reading: Reading
    given: World
    steps: tuple[Step, ...]
    versions: tuple[Version, ...] = ()
    """The versions of a rollout; each step names the one that acted."""

    def version_of(self, step: Step) -> Version:
        """The version that acts in a step: the only reading's, where it is no rollout."""
        named = (version for version in self.versions if version.name == step.version)
        return next(named, Version(self.reading.label, self.reading))

    def as_json(self) -> list[dict[str, Any]]:
        """The steps as `explore --json` writes them; the first one says what is given."""
        return [_given(self.given), *(_told(step) for step in self.steps)]


def behaviour_of(steps: tuple[Step, ...], reading: Reading, versions: tuple[Version, ...] = ()) -> Behaviour:
    """A search's path with turn ids of its own: the search names a turn anew once an id is free again."""
    given = world = steps[0].before
    retold = []
    for number, step in enumerate(steps, start=1):
        acting = Behaviour(reading, given, (), versions).version_of(step)
        retold.append(_again(world, step, acting, number))
        world = retold[-1].after
    return Behaviour(reading, given, tuple(retold), versions)


def under(behaviour: Behaviour, reading: Reading) -> Behaviour:
    """The same requests and events under another reading, each draw as near to the first behaviour's as it allows."""
    world, steps = behaviour.given, []
    for number, step in enumerate(behaviour.steps, start=1):
        if step.request is None or step.run is None:
            taken = Step(world, apply_event(world, step.event), event=step.event)
        else:
            fresh = f"{step.request.session_id}-t{number}"
            ways = runs(world, step.request, reading, fresh_turn_id=fresh, around=_only(step.run))
            run = max(ways, key=lambda way, like=step.run: _likeness(way, like))  # type: ignore[misc]
            taken = Step(world, run.world, step.request, run)
        steps.append(taken)
        world = taken.after
    return Behaviour(reading, behaviour.given, tuple(steps))


def _likeness(way: Run, like: Run) -> tuple[int, int]:
    """(events of the other run that take place, jobs that go to the same node)"""
    events = [item.event for item in like.happened if item.event]
    mine = [item.event for item in way.happened if item.event]
    same = sum(a == b for a, b in zip(way.nodes, like.nodes, strict=True))
    return (len(events) if mine == events else -len(mine), same)


def apply_event(world: World, event: Event) -> World:
    """The world after an event of the surroundings."""
    kind, subject, *rest = event
    if kind == "serving":
        return world.serving(subject, rest)
    return world.without_node(subject) if kind == "offline" else world.with_node(subject)


def _again(world: World, step: Step, version: Version, number: int) -> Step:
    if step.request is None or step.run is None:
        return Step(world, apply_event(world, step.event), event=step.event)
    fresh = f"{step.request.session_id}-t{number}"
    around = _only(step.run)
    ways = version.model(world, step.request, version.choices, fresh_turn_id=fresh, around=around)
    run = next(way for way in ways if _signature(way.happened) == _signature(step.run.happened))
    return Step(world, run.world, step.request, run, version=step.version)


def _only(run: Run) -> Surroundings:
    events = [item.event for item in run.happened if item.event]

    def around(world: World, step: str, language_pair: str) -> Iterable[tuple[Event, World]]:
        yield (), world
        for event in dict.fromkeys(events):
            yield event, apply_event(world, event)

    return around


def _signature(happened: tuple[Happened, ...]) -> list[tuple[Any, ...]]:
    return [(item.kind, item.node_id, item.language, item.drawn, item.event) for item in happened]


def _given(world: World) -> dict[str, Any]:
    pools = {pair(language): sorted(world.candidates(pair(language))) for language in LANGUAGES}
    return {"op": "given", "nodes": sorted(world.online), "pools": pools}


def _told(step: Step) -> dict[str, Any]:
    if step.request is None or step.run is None:
        return {"op": "surroundings", "event": list(step.event)}
    request = step.request
    return {
        "op": "finalize",
        **({"version": step.version} if step.version else {}),
        "session_id": request.session_id,
        "reason": request.reason,
        "src_lang": request.src_lang,
        "tgt_lang": request.tgt_lang,
        "room_langs": list(request.room_langs) if request.room_langs is not None else None,
        "turn_id": step.run.turn_id,
        "jobs": list(_jobs(step.run)),
        "during": list(_during(step.run)),
        "open_turns": dict(sorted(step.after.open_turns)),
        "turn_keys": dict(sorted(step.after.affinities)),
    }


def _jobs(run: Run) -> Iterator[dict[str, Any]]:
    for item in run.happened:
        if item.kind == "routed":
            how = "no candidate" if item.node_id is None else "drawn" if item.drawn else "affinity"
            yield {"tgt_lang": item.language, "node_id": item.node_id, "how": how}


def _during(run: Run) -> Iterator[dict[str, Any]]:
    """What the surroundings did inside the finalize: before which job (from 1), or before the write."""
    for index, item in enumerate(run.happened):
        if item.event:
            following = next((after for after in run.happened[index + 1 :] if not after.event), None)
            job = 1 + sum(before.kind == "routed" for before in run.happened[:index])
            before = f"job {job}" if following is not None and following.kind == "routed" else "write"
            yield {"before": before, "event": list(item.event)}
