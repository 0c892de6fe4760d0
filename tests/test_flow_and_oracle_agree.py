"""Does the flow on a live server do what the oracle allows, and nothing else, whatever happens around it?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from turnaffinity.contract.answers import Finalized
from turnaffinity.contract.decisions import Reading, all_readings
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.explorer.database import event_commands, node_online_commands, read_database, send
from turnaffinity.problem import CannotRun
from turnaffinity.server import Server, open_server
from turnaffinity.specification.actor_finalize import BadRequest, NoNode, Scheduler, do_finalize
from turnaffinity.specification.oracle import Request, allowed_nodes, finalize, must_be_bound, select
from turnaffinity.specification.oracle_state import Place, World, predicted_database

LAYOUT = KeyLayout()
NODES = ("n1", "n2", "n3", "n4")
SESSIONS = ("s1", "s2")
LANGUAGES = ("en", "ja")
ROOMS = (("en", "ja"), ("ja", "en"), None, (), ("en",), ("en", "ja", "en"))
REFUSED = (
    Request("s1", "Manual", "zh", "en"),
    Request("s1", "IsFinal", "zh", "en"),
    Request("s1", "", "zh", "en", ("en", "ja")),
    Request("", "manual", "zh", "en"),
    Request("s1", "manual", "z:h", "en"),
    Request("s1", "max_duration", "zh", ""),
    Request("s1", "timeout", "", "en"),
    Request("s1", "max_duration", "zh", "en", ("en", "")),
    Request("s1", "max_duration", "zh", "en", ("en", "j:a")),
)
EVERYWHERE = frozenset(Place(f"zh:{language}", 0, node) for language in LANGUAGES for node in NODES)
SCATTERED = st.frozensets(
    st.builds(Place, st.sampled_from(["zh:en", "zh:ja"]), st.sampled_from([0, 1, 3]), st.sampled_from(NODES)),
    max_size=8,
)


class FlowAndOracleAgree(RuleBasedStateMachine):
    """Drives both side by side; each step compares the reply, then the whole database."""

    server: Server
    reading: Reading
    scheduler_of_the_flow: Callable[[Scheduler], Scheduler] = staticmethod(lambda scheduler: scheduler)
    job_count = 0

    @initialize(places=st.just(EVERYWHERE) | SCATTERED)
    def a_deployment_stands(self, places: frozenset[Place]) -> None:
        self.server.clear()
        self.client = self.server.client()
        self.scheduler = self.scheduler_of_the_flow(Scheduler(self.client, self.reading, new_job_id=self._new_job_id))
        # a node is in at most one pool of a pair, as its own hash says
        of_node = {(place.pair, place.node_id): place for place in sorted(places)}
        self.world = World(online=frozenset(NODES), places=frozenset(of_node.values()))
        self.closed: set[str] = set()
        self.seen: set[str] = set()
        self.job_count = 0
        for node in NODES:
            send(self.client, node_online_commands(self.world, node, LAYOUT))
        self.foreign_field("s1")
        self.databases_agree()

    def foreign_field(self, session: str) -> None:
        self.client.hset(LAYOUT.session_key(session), "room_id", "r1")
        self.world = self.world._replace(foreign=self.world.foreign | {(session, "room_id", "r1")})

    @rule(
        session=st.sampled_from(SESSIONS),
        room=st.sampled_from(ROOMS),
        tgt_lang=st.sampled_from(LANGUAGES),
        times=st.integers(1, 3),
    )
    def a_session_speaks_on(self, session: str, room: tuple[str, ...] | None, tgt_lang: str, times: int) -> None:
        for _ in range(times):
            self.carry_out(Request(session, "max_duration", "zh", tgt_lang, room))

    @rule(request=st.sampled_from(REFUSED))
    def a_finalize_is_refused(self, request: Request) -> None:
        error, _ = self.answer_of_the_flow(request)
        run = finalize(self.world, request, self.reading, fresh_turn_id="", chosen=())
        assert error == "bad_request" and run is not None and run.error == error
        self.databases_agree()

    @rule(
        session=st.sampled_from(SESSIONS),
        reason=st.sampled_from(("max_duration", "manual", "timeout")),
        room=st.sampled_from(ROOMS),
        tgt_lang=st.sampled_from(LANGUAGES),
    )
    def a_session_finalizes(self, session: str, reason: str, room: tuple[str, ...] | None, tgt_lang: str) -> None:
        self.carry_out(Request(session, reason, "zh", tgt_lang, room))

    @rule(session=st.sampled_from(SESSIONS), room=st.sampled_from(ROOMS))
    def a_recorded_node_dies_and_the_session_goes_on(self, session: str, room: tuple[str, ...] | None) -> None:
        recorded = self.world.affinity(self.world.open_turn(session))
        if recorded:
            self.a_node_dies(recorded)
        self.carry_out(Request(session, "max_duration", "zh", "en", room))

    def carry_out(self, request: Request) -> None:
        session, reason = request.session_id, request.reason
        error, finalized = self.answer_of_the_flow(request)
        assert finalized is not None and finalized.turn_id not in self.closed, "a closed turn's id is used again"
        chosen = [job.node_id for job in finalized.jobs]
        run = finalize(
            self.world, request, self.reading,
            # an id that was seen before is never a fresh one
            fresh_turn_id="minted anew" if finalized.turn_id in self.seen else finalized.turn_id,
            chosen=chosen, job_ids=[job.job_id for job in finalized.jobs],
        )  # fmt: skip
        assert run is not None, f"{request}: the oracle does not allow {chosen} in {self.world}"
        assert (run.turn_id, run.error) == (finalized.turn_id, error)
        assert run.nodes == tuple((job.tgt_lang, job.node_id) for job in finalized.jobs)
        if reason != "max_duration":
            self.closed |= {finalized.turn_id, self.world.open_turn(session) or finalized.turn_id}
        self.seen.add(finalized.turn_id)
        self.world = run.world
        self.take_over_optional_bindings(finalized, reason)
        self.databases_agree()

    def answer_of_the_flow(self, request: Request) -> tuple[str | None, Finalized | None]:
        arguments = (request.session_id, request.reason, request.src_lang, request.tgt_lang, request.room_langs)
        try:
            return None, do_finalize(self.scheduler, *arguments)
        except NoNode as error:
            return "no_node", error.finalized
        except BadRequest:
            return "bad_request", None

    def take_over_optional_bindings(self, finalized: Finalized, reason: str) -> None:
        """A job routed by affinity may have a binding under max_duration (TA-BIND-1); what there is must be right."""
        for job in finalized.jobs if reason == "max_duration" else ():
            bound: Any = self.client.get(LAYOUT.job_key(job.job_id))
            if bound is not None and self.world.binding(job.job_id) is None:
                assert bound == job.node_id
                self.world = self.world.with_binding(job.job_id, bound)

    @rule(
        pair=st.sampled_from(("zh:en", "zh:ja", "zh:ko")), known_job=st.booleans(), with_job=st.booleans(),
        index=st.integers(0, 20), turn=st.sampled_from(("open", "left", "", "nobodys")),
    )  # fmt: skip
    def a_selection_is_asked(self, pair: str, known_job: bool, with_job: bool, index: int, turn: str) -> None:
        jobs = sorted(job for job, _ in self.world.bindings)
        job_id = (jobs[index % len(jobs)] if known_job and jobs else self._new_job_id()) if with_job else None
        turn_id = self.some_turn(turn, index)
        allowed, after = select(self.world, pair, job_id, turn_id)
        src_lang, tgt_lang = pair.split(":")
        node = self.scheduler.selection.select_node(src_lang, tgt_lang, job_id, turn_id)
        assert (node in allowed) if allowed else node is None
        if job_id and node:
            bound: Any = self.client.get(LAYOUT.job_key(job_id))
            assert bound == node or (bound is None and not must_be_bound(self.world, pair, job_id, turn_id))
            after = after.with_binding(job_id, bound)
        self.world = after
        self.databases_agree()

    def some_turn(self, which: str, index: int) -> str | None:
        of_kind = {
            "open": sorted(turn for _, turn in self.world.open_turns),
            "left": sorted(turn for turn, _ in self.world.affinities),
        }.get(which, [which])
        return of_kind[index % len(of_kind)] if of_kind else None

    @rule(node=st.sampled_from(NODES))
    def a_node_dies(self, node: str) -> None:
        self.change(("offline", node), self.world.without_node(node))

    @rule(node=st.sampled_from(NODES))
    def a_node_returns(self, node: str) -> None:
        self.change(("online", node), self.world.with_node(node))

    @rule(pair=st.sampled_from(("zh:en", "zh:ja")))
    def a_pool_empties(self, pair: str) -> None:
        places = sorted(place for place in self.world.places if place.pair == pair)
        gone = [place for place in places if place.pool_id == places[0].pool_id] if places else []
        for place in gone:
            self.client.srem(LAYOUT.pool_key(pair, place.pool_id), place.node_id)
            self.client.hdel(LAYOUT.node_pools_key(place.node_id), pair)
        self.world = self.world._replace(places=self.world.places - frozenset(gone))
        self.databases_agree()

    @rule(pair=st.sampled_from(("zh:en", "zh:ja")), node=st.sampled_from(NODES), pool_id=st.sampled_from((0, 1, 2, 5)))
    def a_pool_gains_a_node(self, pair: str, node: str, pool_id: int) -> None:
        if any(place.pair == pair and place.node_id == node for place in self.world.places):
            return
        place = Place(pair, pool_id, node)
        self.world = self.world._replace(places=self.world.places | {place})
        if node in self.world.online:
            send(self.client, node_online_commands(self.world, node, LAYOUT))
        self.databases_agree()

    @rule(session=st.sampled_from(SESSIONS))
    def an_empty_field_is_left_behind(self, session: str) -> None:
        """An empty `current_turn_id` names no turn (TA-KEY-2)."""
        if self.world.open_turn(session) is None:
            self.client.hset(LAYOUT.session_key(session), LAYOUT.current_turn_field, "")
            self.world = self.world.with_open_turn(session, "")

    @rule(session=st.sampled_from(SESSIONS), field=st.sampled_from(("", None)))
    def an_affinity_is_emptied(self, session: str, field: str | None) -> None:
        """A turn whose key is gone, or whose field is empty, is open still."""
        turn = self.world.open_turn(session)
        if turn is None:
            return
        if field is None:
            self.client.hdel(LAYOUT.turn_key(turn), LAYOUT.affinity_field)
        else:
            self.client.hset(LAYOUT.turn_key(turn), LAYOUT.affinity_field, field)
        self.world = self.world.with_affinity(turn, field)
        self.databases_agree()

    def change(self, event: tuple[str, ...], after: World) -> None:
        send(self.client, event_commands(self.world, event, LAYOUT))
        self.world = after
        self.databases_agree()

    def databases_agree(self) -> None:
        differences = predicted_database(self.world, LAYOUT).differences(read_database(self.client, LAYOUT))
        assert not differences, "oracle / live: " + "; ".join(differences)

    def teardown(self) -> None:
        self.client.close()

    def _new_job_id(self) -> str:
        self.job_count += 1
        return f"j{self.job_count}"


EXAMPLES = {"fake": (2, 10), "embedded": (8, 18), "redis": (4, 16)}
"""For each server: machines a reading, and steps a machine at most."""


def drive(server: Server, reading: Reading, **planted: Callable[[Scheduler], Scheduler]) -> None:
    """Run the machines of one reading; `scheduler_of_the_flow` may plant a bug in the flow."""
    members = {name: staticmethod(function) for name, function in planted.items()}
    machine = type("FlowAndOracleAgree", (FlowAndOracleAgree,), {"server": server, "reading": reading, **members})
    machines, steps = EXAMPLES[server.kind]
    phases = [Phase.generate] if planted else [Phase.generate, Phase.shrink]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=100 if planted else machines,
            stateful_step_count=steps,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=phases,
        ),
    )


@pytest.fixture(scope="module", params=EXAMPLES)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    try:
        live = open_server(request.param)
    except CannotRun as error:
        pytest.skip(str(error))
    with live:
        yield live


@pytest.mark.parametrize("reading", list(all_readings()), ids=lambda reading: reading.label.replace(" / ", "-"))
def test_flow_and_oracle_agree_in_every_reply_and_every_key(server: Server, reading: Reading) -> None:
    drive(server, reading)


@pytest.fixture(scope="module")
def embedded() -> Iterator[Server]:
    with open_server("embedded") as live:
        yield live


FOUND = (AssertionError, ExceptionGroup, Flaky)
"""Chance draws anew when Hypothesis repeats a failure, so that a bug that was found may come as `Flaky`."""


@pytest.mark.parametrize(
    ("stated", "taken"),
    [
        (Reading(), Reading(d1="mint")),
        (Reading(), Reading(d2="after")),
        # the other way round every reply is allowed: chance may draw one node twice
        (Reading(d3="after-first-job"), Reading()),
        (Reading(), Reading(d4="write-once")),
        (Reading(d4="repair"), Reading(d4="write-once")),
    ],
    ids=["D1", "D2", "D3", "D4", "D4-repair"],
)
def test_a_flow_that_makes_another_choice_is_found(embedded: Server, stated: Reading, taken: Reading) -> None:
    with pytest.raises(FOUND):
        drive(embedded, stated, scheduler_of_the_flow=lambda scheduler: replace(scheduler, reading=taken))


WRONG_SCRIPTS = {
    "the clear deletes the whole session hash": (
        "clear_script",
        "return redis.call('DEL', 'scheduler:session:' .. ARGV[1])",
    ),
    "the clear leaves the affinity": (
        "clear_script",
        "return redis.call('HDEL', 'scheduler:session:' .. ARGV[1], 'current_turn_id')",
    ),
    "the write sets a TTL": (
        "write_script",
        "redis.call('HSET', 'scheduler:turn:' .. ARGV[2], 'affinity_node_id', ARGV[3]) "
        "redis.call('EXPIRE', 'scheduler:turn:' .. ARGV[2], 300) "
        "return redis.call('HSET', 'scheduler:session:' .. ARGV[1], 'current_turn_id', ARGV[2])",
    ),
    "the write forgets the open turn": (
        "write_script",
        "return redis.call('HSET', 'scheduler:turn:' .. ARGV[2], 'affinity_node_id', ARGV[3])",
    ),
}


@pytest.mark.parametrize("name", WRONG_SCRIPTS)
def test_a_flow_with_a_planted_bug_is_found(embedded: Server, name: str) -> None:
    attribute, source = WRONG_SCRIPTS[name]

    def planted(scheduler: Scheduler) -> Scheduler:
        scheduler.__dict__[attribute] = scheduler.client.register_script(source)
        return scheduler

    with pytest.raises(FOUND):
        drive(embedded, Reading(), scheduler_of_the_flow=planted)


def test_the_oracle_names_the_one_recorded_node_and_else_every_candidate() -> None:
    world = World().serving("zh:en", ("n1", "n2")).with_affinity("t1", "n2")
    assert allowed_nodes(world, "zh:en", "t1") == {"n2"}
    assert allowed_nodes(world, "zh:en", "t2") == {"n1", "n2"}
    assert allowed_nodes(world, "zh:ja", "t1") == frozenset()
