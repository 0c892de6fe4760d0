"""Can the search be trusted? Held to the real flow, to itself without symmetry removal, and to planted bugs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from turnaffinity.contract.decisions import Reading, all_readings
from turnaffinity.explorer.bounds import Bounds, everywhere, requests
from turnaffinity.explorer.canonical import canonical_key, exact_key
from turnaffinity.explorer.goals import PREDICATES, Predicate
from turnaffinity.explorer.live import Disagreement, LiveFlow, hold_flow_to_search
from turnaffinity.explorer.search import Search, choices_read
from turnaffinity.explorer.surroundings import Setting
from turnaffinity.server import open_server
from turnaffinity.specification.actor_finalize import Scheduler
from turnaffinity.specification.oracle import runs

BOUNDS = Bounds()
TWO_NODES = Bounds(nodes=2)
SMALL = Bounds(max_durations=2)
BY_ID = {predicate.goal.id: predicate for predicate in PREDICATES}
ALL_CHOICES = Reading("reuse", "after", "after-first-job", "repair")
LONG = pytest.mark.long
SOME_READINGS = [
    pytest.param(Reading(), id="intent"),
    pytest.param(ALL_CHOICES, id=ALL_CHOICES.label, marks=LONG),
    pytest.param(Reading("mint", "before", "after-first-job", "write-once"), id="mint", marks=LONG),
]


@pytest.fixture(scope="module")
def live() -> Iterator[LiveFlow]:
    with open_server("embedded") as server:
        yield LiveFlow(server)


@LONG
def test_every_transition_from_the_start_is_what_the_real_flow_does(live: LiveFlow) -> None:
    taken: set[object] = set()
    count = sum(hold_flow_to_search(live, BY_ID["G1"], reading, TWO_NODES, 1, taken) for reading in all_readings())
    assert count > 500


@pytest.mark.parametrize("reading", SOME_READINGS)
def test_every_transition_of_the_first_two_steps_is_what_the_real_flow_does(live: LiveFlow, reading: Reading) -> None:
    """In still surroundings; and where a node fails, and each node serves some pairs, from the first state on."""
    taken: set[object] = set()
    mixed = replace(BY_ID["G8"], settings=BY_ID["G8"].settings[:1])
    assert hold_flow_to_search(live, BY_ID["G1"], reading, TWO_NODES, 2, taken) > 90
    assert hold_flow_to_search(live, mixed, reading, TWO_NODES, 1, taken) > 90
    assert hold_flow_to_search(live, BY_ID["G6"], reading, TWO_NODES, 1, taken) > 90
    assert hold_flow_to_search(live, BY_ID["G4"], reading, TWO_NODES, 1, taken) > 50


class AnotherChoice(LiveFlow):
    """A flow in which one choice's code does what another choice says."""

    taken: Reading

    def scheduler_of(self, scheduler: Scheduler) -> Scheduler:
        return replace(scheduler, reading=self.taken)


@pytest.mark.parametrize(
    ("goal_id", "stated", "taken"),
    [
        ("G1", Reading(), Reading(d1="mint")),
        ("G2", Reading(d2="after"), Reading()),
        ("G3", Reading(d3="after-first-job"), Reading()),
        ("G4", Reading(), Reading(d1="mint")),
        pytest.param("G6", ALL_CHOICES, replace(ALL_CHOICES, d4="write-once"), marks=LONG),
        ("G7", Reading(), Reading(d1="mint")),
        pytest.param("G8", Reading(d4="write-once"), Reading(), marks=LONG),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value.as_dict().values()),
)
def test_another_choice_in_the_flows_code_is_found_and_the_goal_is_named(
    live: LiveFlow, goal_id: str, stated: Reading, taken: Reading
) -> None:
    wrong = AnotherChoice(live.server)
    wrong.taken = taken
    with pytest.raises(Disagreement, match=rf"^{goal_id} \("):
        hold_flow_to_search(wrong, BY_ID[goal_id], stated, BOUNDS, 3)


class PlantedBug(LiveFlow):
    """A flow with another script in the place of one of its own."""

    attribute: str
    source: str

    def scheduler_of(self, scheduler: Scheduler) -> Scheduler:
        scheduler.__dict__[self.attribute] = scheduler.client.register_script(self.source)
        return scheduler


@pytest.mark.parametrize(
    ("attribute", "source"),
    [
        ("clear_script", "return redis.call('HDEL', 'scheduler:session:' .. ARGV[1], 'current_turn_id')"),
        ("clear_script", "return false"),
        ("write_script", "return redis.call('HSET', 'scheduler:turn:' .. ARGV[2], 'affinity_node_id', ARGV[3])"),
        (
            "write_script",
            "redis.call('HSET', 'scheduler:turn:' .. ARGV[2], 'affinity_node_id', ARGV[3]) "
            "redis.call('EXPIRE', 'scheduler:turn:' .. ARGV[2], 300) "
            "redis.call('HSET', 'scheduler:session:' .. ARGV[1], 'current_turn_id', ARGV[2]) return ARGV[3]",
        ),
    ],
    ids=[
        "the clear leaves the affinity",
        "the clear does nothing",
        "the write forgets the pointer",
        "the write sets a TTL",
    ],
)
def test_a_bug_planted_in_the_flow_is_found(live: LiveFlow, attribute: str, source: str) -> None:
    wrong = PlantedBug(live.server)
    wrong.attribute, wrong.source = attribute, source
    with pytest.raises(Disagreement):
        hold_flow_to_search(wrong, BY_ID["G1"], Reading(), BOUNDS, 2)


def small_search(predicate: Predicate, setting: Setting, reading: Reading, exact: bool) -> Search:
    names = exact_key if exact else canonical_key
    return Search(predicate, setting, reading, SMALL, name_state=names, max_size=3 if setting.id == "steady" else 2)


@pytest.mark.parametrize("goal_id", BY_ID)
@pytest.mark.parametrize("reading", SOME_READINGS, ids=lambda reading: reading.label)
def test_removing_symmetry_changes_no_verdict_and_no_size(goal_id: str, reading: Reading) -> None:
    predicate = BY_ID[goal_id]
    for setting in predicate.settings:
        exact = small_search(predicate, setting, reading, exact=True)
        named = exact.run()
        nameless = small_search(predicate, setting, reading, exact=False).run()
        assert (named.holds, named.size if not named.holds else 0) == (
            nameless.holds,
            nameless.size if not nameless.holds else 0,
        )
        assert named.states >= nameless.states
        if named.holds:
            merged = {canonical_key(world, seen, predicate, setting, SMALL) for world, seen in exact._visited}  # type: ignore[misc]
            canonical = small_search(predicate, setting, reading, exact=False)
            canonical.run()
            assert merged == set(canonical._visited)


@pytest.mark.parametrize("reading", list(all_readings()), ids=lambda reading: reading.label)
def test_a_finalize_looks_at_no_other_choice_than_those_that_the_search_gives_it(reading: Reading) -> None:
    opened = everywhere(BOUNDS).with_open_turn("s1", "s1-1").with_affinity("s1-1", "n1")
    for world in (everywhere(BOUNDS), opened, opened.without_node("n1")):
        for reason in ("max_duration", "manual"):
            for request in requests("s1", reason):
                whole = list(runs(world, request, reading, fresh_turn_id="s1-2"))
                assert whole == list(runs(world, request, choices_read(reason, reading), fresh_turn_id="s1-2"))


def planted_search(goal_id: str, model: Any, reading: Reading) -> list[str]:
    found = [Search(BY_ID[goal_id], setting, reading, BOUNDS, model=model).run() for setting in BY_ID[goal_id].settings]
    return [one.why for one in found if not one.holds]


def test_a_model_whose_clear_forgets_the_pointer_only_leaves_keys_behind() -> None:
    def forgets_half(world: Any, request: Any, reading: Any, **options: Any) -> Iterator[Any]:
        for run in runs(world, request, reading, **options):
            left = run.world._replace(affinities=run.world.affinities | world.affinities)
            yield run._replace(world=left if request.reason == "manual" else run.world)

    assert planted_search("G4", forgets_half, Reading())


@pytest.mark.parametrize("reading", SOME_READINGS, ids=lambda reading: reading.label)
def test_a_model_that_never_clears_lets_the_next_utterance_inherit(reading: Reading) -> None:
    """With `mint` too: there the closing finalize must not select under the turn that was left open (D2, after)."""

    def never_clears(world: Any, request: Any, reading: Any, **options: Any) -> Iterator[Any]:
        for run in runs(world, request, reading, **options):
            open_turns = run.world.open_turns | {one for one in world.open_turns if request.reason == "manual"}
            affinities = run.world.affinities | (world.affinities if request.reason == "manual" else frozenset())
            yield run._replace(world=run.world._replace(open_turns=open_turns, affinities=affinities))

    after = replace(reading, d2="after")
    assert planted_search("G5", never_clears, after)
