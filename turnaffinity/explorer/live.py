"""Does the real flow do what the search says that it does? Behaviours and single steps, replayed on a live server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import redis

from turnaffinity.contract.answers import Finalized
from turnaffinity.contract.decisions import Goal, Reading
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.explorer.behaviour import Behaviour, apply_event
from turnaffinity.explorer.bounds import Bounds
from turnaffinity.explorer.database import arranging_commands, event_commands, read_database, send
from turnaffinity.explorer.goals import Predicate, Step
from turnaffinity.explorer.search import Search
from turnaffinity.explorer.surroundings import Event
from turnaffinity.explorer.versions import Version
from turnaffinity.server import Server
from turnaffinity.specification.actor_finalize import NoNode, Scheduler, do_finalize
from turnaffinity.specification.oracle import Happened, Request, Run
from turnaffinity.specification.oracle_state import Database, World, predicted_database
from turnaffinity.specification.pool_service import DrawnPoolService


class Disagreement(AssertionError):
    """The real flow did something else than the oracle: `step` is the one, `differences` say how.

    `goal` is the one in whose search the step was taken.
    """

    def __init__(self, step: Step, differences: Sequence[str], goal: Goal | None = None) -> None:
        who = f"{step.request.session_id} {step.request.reason}" if step.request else " ".join(step.event)
        at_stake = f"{goal.id} ({goal.title}) is not what the matrix says: " if goal else ""
        super().__init__(f"{at_stake}{who}: oracle / live flow differ: " + "; ".join(differences))
        self.step, self.differences, self.goal = step, tuple(differences), goal


class LiveFlow:
    """The real flow on a live server, with its draws, its turn ids and its surroundings forced.

    `scheduler_of` may give another flow than the specification's, to see that a planted bug is found.
    """

    def __init__(self, server: Server, layout: KeyLayout | None = None) -> None:
        self.server = server
        self.client = server.client()
        self.layout = layout or KeyLayout()
        self._clients: dict[str, redis.Redis] = {}

    def replay(self, behaviour: Behaviour, goal: Goal | None = None) -> None:
        """Arrange what is given, take every step, and compare each reply and the whole database.

        Raises `Disagreement`, which names the `goal` that is at stake, at the first step that differs.
        """
        self.arrange(behaviour.given)
        for step in behaviour.steps:
            try:
                self.take(step, behaviour.version_of(step))
            except Disagreement as found:
                raise Disagreement(step, found.differences, goal) from None

    def replay_step(self, step: Step, reading: Reading) -> None:
        """One transition of a search: arrange the world before it, take it, compare."""
        self.arrange(step.before)
        self.take(step, Version(reading.label, reading))

    def arrange(self, world: World) -> None:
        """Make the database this world, and nothing else."""
        if self.server.ours:
            self.client.flushall()
        else:
            self.server.clear()
        send(self.client, arranging_commands(world, self.layout))

    def take(self, step: Step, version: Version) -> None:
        """One step on the database as it stands."""
        differences: list[str] = []
        if step.request is None or step.run is None:
            send(self.client, event_commands(step.before, step.event, self.layout))
        else:
            differences = self._finalize(step, step.run, version)
        live = self._without_bindings(read_database(self.client, self.layout))
        differences += predicted_database(step.after, self.layout).differences(live)
        if differences:
            raise Disagreement(step, differences)

    def scheduler_of(self, scheduler: Scheduler) -> Scheduler:
        """The flow that is replayed; a test overrides this to plant a bug."""
        return scheduler

    def _client_of(self, version: Version) -> redis.Redis:
        """Each version's own connection: two schedulers on one Redis."""
        if version.name not in self._clients:
            self._clients[version.name] = self.server.client()
        return self._clients[version.name]

    def _finalize(self, step: Step, run: Run, version: Version) -> list[str]:
        assert step.request is not None
        request, client = step.request, self._client_of(version)
        cues = _Cues(self, step.before, run)
        service = DrawnPoolService(client, cues.draw, self.layout)
        if version.reading is None:
            return cues.trouble + _finalize_before(request, run, service, cues.at)
        scheduler = Scheduler(
            client, version.reading, self.layout,
            new_turn_id=lambda: _minted(step.before, run),
            pool_service=service,
            at=cues.at,
        )  # fmt: skip
        error = None
        try:
            done = do_finalize(
                self.scheduler_of(scheduler), request.session_id, request.reason, request.src_lang, request.tgt_lang,
                request.room_langs,
            )  # fmt: skip
        except NoNode as no_node:
            done, error = no_node.finalized, "no_node"
        return cues.trouble + _reply_differences(run, done, error)

    def _without_bindings(self, database: Database) -> Database:
        """Job bindings are no part of the search: each job has an id of its own."""
        pattern = self.layout.patterns["job"]
        values = tuple(pair for pair in database.values if not pattern.fullmatch(pair[0]))
        kept = frozenset(key for key, _ in values)
        return replace(database, values=values, with_ttl=database.with_ttl & kept)


def hold_flow_to_search(
    live: LiveFlow,
    predicate: Predicate,
    reading: Reading,
    bounds: Bounds,
    max_size: int,
    taken: set[object] | None = None,
) -> int:
    """Replay every transition that a goal's search takes from states of less than `max_size`; returns how many.

    `taken` remembers what was replayed already, so that goals with the same surroundings share the work.
    Raises `Disagreement`, which names the goal, at the first transition that the real flow does not repeat.
    """
    known = taken if taken is not None else set()
    steps: list[Step] = []
    for setting in predicate.settings:
        Search(predicate, setting, reading, bounds, max_size=max_size, on_step=steps.append).run()
    count = 0
    for step in steps:
        if (reading, step) in known:
            continue
        known.add((reading, step))
        count += 1
        try:
            live.replay_step(step, reading)
        except Disagreement as found:
            raise Disagreement(found.step, found.differences, predicate.goal) from None
    return count


class _Cues:
    """Plays a run's draws and events to the flow, each at its place."""

    def __init__(self, live: LiveFlow, before: World, run: Run) -> None:
        self._live, self._world = live, before
        self._items = list(run.happened)
        self._now: Happened | None = None
        self.trouble: list[str] = []

    def at(self, step: str) -> None:
        """Told of the flow's steps: goes on to the run's next selection or write, and plays the events before it."""
        kind = {"select": "routed", "write": "recorded"}.get(step)
        while kind is not None and self._items:
            item = self._items.pop(0)
            if item.event:
                self._play(item.event)
            elif item.kind == kind:
                self._now = item
                return

    def draw(self, candidates: Sequence[str]) -> str:
        """The node that the run draws here; the first candidate, and a complaint, where it draws none."""
        wanted = self._now.node_id if self._now is not None and self._now.drawn else None
        if wanted is not None and wanted in candidates:
            return wanted
        self.trouble.append(f"draw: {wanted or 'none'} / one of {', '.join(candidates)}")
        return candidates[0]

    def _play(self, event: Event) -> None:
        send(self._live.client, event_commands(self._world, event, self._live.layout))
        self._world = apply_event(self._world, event)


def _finalize_before(request: Request, run: Run, service: DrawnPoolService, at: Callable[[str], None]) -> list[str]:
    """What the scheduler did before the note: a job for each language, each drawn, and no turn at all."""
    jobs = []
    for language in request.languages:
        at("select")
        jobs.append((language, service.select_node(request.src_lang, language, None, None)))
    error = None if any(node for _, node in jobs) else "no_node"
    pairs = (("jobs", run.nodes, tuple(jobs)), ("error", run.error, error))
    return [f"{what}: {ours!r} / {theirs!r}" for what, ours, theirs in pairs if ours != theirs]


def _minted(before: World, run: Run) -> str:
    """The id that the flow mints: the run's own, unless that was not minted here."""
    known = {turn for _, turn in before.open_turns} | {turn for turn, _ in before.affinities}
    return run.turn_id if run.turn_id and run.turn_id not in known else "minted-anew"


def _reply_differences(run: Run, done: Finalized, error: str | None) -> list[str]:
    jobs = tuple((job.tgt_lang, job.node_id) for job in done.jobs)
    pairs = (("jobs", run.nodes, jobs), ("turn", run.turn_id, done.turn_id), ("error", run.error, error))
    return [f"{what}: {ours!r} / {theirs!r}" for what, ours, theirs in pairs if ours != theirs]
