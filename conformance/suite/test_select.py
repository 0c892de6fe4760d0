"""Which node serves a job? Selection with affinity and without, asked directly (`select`)."""

import pytest

from turnaffinity.judging.cases import case
from turnaffinity.judging.claims import claim_chosen, claim_every_time, selected_from_nobody
from turnaffinity.stage.business import of_turns_and_sessions
from turnaffinity.stage.drawing import claim_random, selects
from turnaffinity.stage.languages import USUAL, USUAL_PAIRS, USUAL_RING
from turnaffinity.stage.nodes import (
    MANY_GONE,
    MOST_GONE,
    ROUNDS,
    Choose,
    claim_found,
    claim_found_however_many,
    claim_found_past_dead_pools,
    lone_candidate,
)
from turnaffinity.stage.stage import Stage, Step, told
from turnaffinity.wire.effects import Looks

LONG = "a-turn-id.longer_than-a-UUID." * 180 + "END"
"""An id is never cut, wherever one might think that it ends."""


# TA-SEL-1


@case("TA-SEL-1", "LS")
def test_a_recorded_candidate_is_chosen_every_time(stage: Stage) -> None:
    nodes, turn = stage.nodes(3), stage.turn()
    stage.serve(nodes)
    for node in nodes:
        stage.record(turn, node)
        claim_every_time(stage, node, turn=turn)


@case("TA-SEL-1", "LS")
def test_a_recorded_candidate_is_chosen_for_a_job_that_asks_for_a_binding(stage: Stage) -> None:
    nodes, turn = stage.nodes(3), stage.turn()
    stage.serve(nodes)
    stage.record(turn, nodes[1])
    claim_every_time(stage, nodes[1], turn=turn, fresh_jobs=True)


@case("TA-SEL-1", "LS")
@pytest.mark.parametrize("pool_id", [1, 9, 11, 40])
def test_a_recorded_candidate_in_a_later_pool_is_chosen(stage: Stage, pool_id: int) -> None:
    turn = stage.turn()
    for number in range(pool_id + 1):
        stage.serve(stage.nodes(2), pool_id=number)
    recorded = stage.nodes(1)
    stage.serve(recorded, pool_id=pool_id)
    stage.record(turn, recorded[0])
    claim_every_time(stage, recorded[0], turn=turn)


@case("TA-SEL-1", "LS")
def test_a_recorded_candidate_among_a_hundred_is_chosen(stage: Stage) -> None:
    nodes, turn = stage.nodes(100), stage.turn()
    stage.serve(nodes)
    stage.record(turn, nodes[57])
    claim_every_time(stage, nodes[57], turn=turn)


@case("TA-SEL-1", "LS")
def test_the_affinity_holds_for_each_language_that_the_node_serves(stage: Stage) -> None:
    nodes, turn, langs = stage.nodes(3), stage.turn(), stage.langs[:4]
    langs += [stage.src]  # a source spoken to itself is a pair like any other
    stage.serve(nodes, *langs)
    stage.record(turn, nodes[2])
    for lang in langs:
        claim_every_time(stage, nodes[2], turn=turn, lang=lang)


@case("TA-SEL-1", "LS")
def test_the_affinity_holds_whatever_the_job_is_called(stage: Stage) -> None:
    stage.odd = True
    nodes, turn, name = stage.nodes(3), stage.turn(), stage.name("j")
    stage.serve(nodes)
    stage.record(turn, nodes[1])
    for job in ("0", "null", turn, *(f"{name}{'j' * length}" for length in (1, 20, 40, 80, 160, 320))):
        for _ in range(4):
            step = stage.select(turn=turn, job=job)
            stage.claim(step.node == nodes[1], f"the recorded node {nodes[1]}", step.told_node, step.seen)


@case("TA-SEL-1", "LS")
@pytest.mark.parametrize("turn", ["T.1_a-B", "0", "a.b-c", "FFFFFFFF-ffff-4FFF-8fff-ffffffffffff", LONG])
def test_a_turn_id_is_an_opaque_text(stage: Stage, turn: str) -> None:
    nodes = stage.nodes(3)
    stage.serve(nodes)
    stage.record(turn, nodes[0])
    for other in {turn.lower(), turn.upper(), turn[:-1], turn[:36], turn[:64], turn + "0"} - {turn, ""}:
        stage.record(other, nodes[1])
    claim_every_time(stage, nodes[0], turn=turn)


@case("TA-SEL-1", "LS")
def test_an_affinity_that_moves_is_followed_at_once(stage: Stage) -> None:
    nodes, turn = stage.nodes(4), stage.turn()
    stage.serve(nodes)
    for _ in range(4):
        for node in nodes:
            stage.record(turn, node)
            for _ in range(4):
                step = stage.select(turn=turn)
                stage.claim(step.node == node, f"the node recorded last, {node}", step.told_node, step.seen)


@case("TA-SEL-1", "LS")
def test_a_node_that_comes_back_is_chosen_again(stage: Stage) -> None:
    nodes, turn = stage.nodes(3), stage.turn()
    stage.serve(nodes)
    stage.record(turn, nodes[0])
    stage.offline(nodes[0])
    stage.select(turn=turn)
    stage.serve(nodes[:1])
    claim_every_time(stage, nodes[0], turn=turn)


@case("TA-SEL-1", "LS")
def test_the_affinity_holds_in_each_of_the_usual_languages(stage: Stage) -> None:
    nodes, turn = stage.nodes(8), stage.turn()
    stage.serve_pairs(nodes, [stage.pair(tgt, src) for src, tgt in USUAL_PAIRS])
    for number, (src, tgt) in enumerate(USUAL_PAIRS):
        node = nodes[number % len(nodes)]
        stage.record(turn, node)
        # among 8 nodes 11 draws agree by chance 1e-10, and so do two each of the nine pairs of a language
        often = (src, tgt) in USUAL_RING or (tgt, src) in USUAL_RING
        claim_every_time(stage, node, turn=turn, src=src, lang=tgt, times=11 if often else 2)


# TA-SEL-2

each_turn = pytest.mark.parametrize("within_a_turn", [False, True])


@case("TA-SEL-2", "LS")
@pytest.mark.parametrize("count", [2, 3, 5, 13])
def test_without_a_turn_id_the_choice_is_random(stage: Stage, count: int) -> None:
    nodes = stage.nodes(count)
    stage.serve(nodes)
    claim_random(stage, nodes, selects(stage), deep=True)


@case("TA-SEL-2", "LS")
def test_a_turn_without_a_key_gets_a_random_choice(stage: Stage) -> None:
    nodes = stage.nodes(3)
    stage.serve(nodes)
    claim_random(stage, nodes, selects(stage, turn=stage.turn()), deep=True)


@case("TA-SEL-2", "LS")
def test_a_turn_hash_without_the_field_gets_a_random_choice(stage: Stage) -> None:
    nodes, turn = stage.nodes(3), stage.turn()
    stage.serve(nodes)
    stage.do("HSET", stage.layout.turn_key(turn), "started_at", "17", "owner", nodes[0])
    claim_random(stage, nodes, selects(stage, turn=turn))


@case("TA-SEL-2", "LS")
def test_an_empty_affinity_field_is_no_affinity(stage: Stage) -> None:
    nodes, turn = stage.nodes(3), stage.turn()
    stage.serve(nodes)
    stage.record(turn, "")
    claim_random(stage, nodes, selects(stage, turn=turn))


@case("TA-SEL-2", "LS")
def test_the_job_id_does_not_fix_the_draw(stage: Stage) -> None:
    nodes, job = stage.nodes(2), stage.job()
    stage.serve(nodes)

    def unbound() -> None:
        stage.do("DEL", stage.layout.job_key(job))

    claim_random(stage, nodes, selects(stage, job=job, before=unbound), deep=True)


@case("TA-SEL-2", "LS")
def test_each_job_with_a_fresh_id_gets_a_random_choice(stage: Stage) -> None:
    nodes = stage.nodes(2)
    stage.serve(nodes)
    claim_random(stage, nodes, selects(stage, job=stage.job), deep=True)


@case("TA-SEL-2", "LS")
def test_each_turn_with_a_fresh_id_gets_a_random_choice(stage: Stage) -> None:
    nodes = stage.nodes(2)
    stage.serve(nodes)
    claim_random(stage, nodes, selects(stage, turn=stage.turn), deep=True)


@case("TA-SEL-2", "LS")
def test_candidates_of_all_pools_are_drawn(stage: Stage) -> None:
    nodes = stage.nodes(6)
    for pool_id in range(3):
        stage.serve(nodes[2 * pool_id : 2 * pool_id + 2], pool_id=pool_id)
    claim_random(stage, nodes, selects(stage), ordered=False)


@case("TA-SEL-2", "LS")
def test_candidates_after_the_tenth_pool_are_drawn(stage: Stage) -> None:
    nodes = stage.nodes(12)
    stage.serve_one_a_pool(nodes)
    claim_random(stage, nodes, selects(stage), ordered=False)


def claim_each_tenth_drawn(stage: Stage, nodes: list[str], what: str) -> None:
    """Many nodes told apart in tenths, in this order: which tenth never comes?"""
    tenth = len(nodes) // 10
    groups = {node: f"{what} {i // tenth * tenth} to {i // tenth * tenth + tenth - 1}" for i, node in enumerate(nodes)}
    claim_random(stage, nodes, selects(stage), ordered=False, groups=groups)


@case("TA-SEL-2", "LS")
def test_candidates_of_a_hundred_pools_are_drawn(stage: Stage) -> None:
    nodes = stage.nodes(100)
    stage.serve_one_a_pool(nodes)
    claim_each_tenth_drawn(stage, nodes, "pools")


@case("TA-SEL-2", "L")
def test_candidates_of_all_thousand_pools_are_drawn(stage: Stage) -> None:
    nodes = stage.nodes(1000)
    stage.serve_one_a_pool(nodes)
    claim_each_tenth_drawn(stage, nodes, "pools")


@case("TA-SEL-2", "LS")
def test_each_of_a_hundred_candidates_of_one_pool_is_drawn(stage: Stage) -> None:
    nodes = stage.nodes(100)
    stage.serve(nodes)
    # a whole part of the pool is missed within few draws; to miss one node for sure takes many
    claim_each_tenth_drawn(stage, sorted(nodes), "the nodes, sorted,")
    claim_each_tenth_drawn(stage, stage.look("SMEMBERS", stage.layout.pool_key(stage.pair(), 0)), "members")
    claim_random(stage, nodes, selects(stage), ordered=False)


@case("TA-SEL-2", "LS")
def test_an_offline_node_is_never_drawn(stage: Stage) -> None:
    nodes, gone = stage.nodes(3), stage.nodes(3)

    def gone_again() -> None:
        stage.serve([*gone, *nodes])
        stage.offline(*gone)

    claim_random(stage, nodes, selects(stage, before=gone_again))


def selections_of(stage: Stage, turn: str | None = None) -> Choose:
    """One selection for the first pair, again and again."""
    return lambda watch: stage.select(turn=turn, watch=watch)


@case("TA-SEL-2", "LS")
@each_turn
def test_a_candidate_among_fifty_that_are_gone_is_found_every_time(stage: Stage, within_a_turn: bool) -> None:
    turn = stage.turn() if within_a_turn else None
    rounds = 8 if within_a_turn else ROUNDS
    claim_found(stage, lone_candidate(stage, MOST_GONE), selections_of(stage, turn), rounds=rounds)


@case("TA-SEL-2", "LS")
@pytest.mark.parametrize("place", [0, 1, 2])
def test_pools_of_none_but_gone_nodes_hide_no_candidate(stage: Stage, place: int) -> None:
    claim_found_past_dead_pools(stage, place, selections_of(stage))


@case("TA-SEL-2", "LS")
@each_turn
def test_a_job_bound_to_a_node_that_is_gone_gets_a_random_choice(stage: Stage, within_a_turn: bool) -> None:
    nodes, gone = stage.nodes(3), stage.nodes(1)
    stage.serve(nodes)
    turn = stage.turn() if within_a_turn else None
    claim_random(stage, nodes, selects(stage, turn=turn, job=lambda: bound_to_the_dead(stage, gone)))


def bound_to_the_dead(stage: Stage, gone: list[str]) -> str:
    """A fresh job that is bound to a node which is gone, and which the pool of the pair still names."""
    job = stage.job()
    stage.serve(gone)
    stage.offline(*gone)
    stage.do("SET", stage.layout.job_key(job), gone[0], "EX", stage.layout.job_ttl_s)
    return job


@case("TA-SEL-2", "LS")
def test_the_choice_is_random_in_each_of_the_usual_languages(stage: Stage) -> None:
    nodes = stage.nodes(2)
    stage.serve_pairs(nodes, [stage.pair(tgt, src) for src, tgt in USUAL_RING])
    for src, tgt in USUAL_RING:
        claim_random(stage, nodes, selects(stage, src=src, lang=tgt), ordered=False)


@case("TA-SEL-2", "LS")
def test_a_node_of_another_pair_is_never_drawn(stage: Stage) -> None:
    nodes, others = stage.nodes(3), stage.nodes(3)
    stage.serve(nodes)
    stage.serve(others, stage.langs[1], f"{stage.langs[0]}-AU")
    stage.serve_pairs(others, [stage.pair(stage.src, stage.langs[0])])
    claim_random(stage, nodes, selects(stage))


@case("TA-SEL-2", "LS")
@each_turn
def test_a_node_that_died_a_moment_ago_is_drawn_no_more(stage: Stage, within_a_turn: bool) -> None:
    nodes, mortal, turn = stage.nodes(2), stage.nodes(1), stage.turn() if within_a_turn else None
    stage.serve([*nodes, *mortal])
    for _ in range(24):
        stage.select(turn=turn, watch=False)
    stage.offline(*mortal)
    claim_random(stage, nodes, selects(stage, turn=turn))


@case("TA-SEL-2", "LS")
@each_turn
def test_a_node_that_joined_a_moment_ago_is_drawn_too(stage: Stage, within_a_turn: bool) -> None:
    nodes, late, turn = stage.nodes(2), stage.nodes(1), stage.turn() if within_a_turn else None
    stage.serve(nodes)
    for _ in range(24):
        stage.select(turn=turn, watch=False)
    stage.serve(late)
    claim_random(stage, [*nodes, *late], selects(stage, turn=turn), ordered=False)


@case("TA-SEL-2", "LS")
def test_the_only_candidate_is_chosen(stage: Stage) -> None:
    nodes = stage.nodes(1)
    stage.serve(nodes)
    step = stage.select(turn=stage.turn())
    stage.claim(step.node == nodes[0], f"the only candidate {nodes[0]}", step.told_node, step.seen)


# TA-SEL-3, TA-SEL-4


@case("TA-SEL-3", "LS")
def test_a_recorded_node_that_is_offline_gives_way_to_a_random_candidate(stage: Stage) -> None:
    nodes, gone, turn = stage.nodes(3), stage.nodes(1), stage.turn()
    stage.record(turn, gone[0])

    def gone_again() -> None:
        stage.serve([*gone, *nodes])
        stage.offline(*gone)

    claim_random(stage, nodes, selects(stage, turn=turn, before=gone_again))


@case("TA-SEL-3", "LS")
def test_a_recorded_node_that_left_long_ago_gives_way_to_a_random_candidate(stage: Stage) -> None:
    nodes, gone, turn = stage.nodes(2), stage.nodes(1), stage.turn()
    stage.serve(nodes)
    stage.record(turn, gone[0])
    claim_random(stage, nodes, selects(stage, turn=turn))


@case("TA-SEL-3", "LS")
def test_an_offline_recorded_node_is_not_bound_to_the_job_either(stage: Stage) -> None:
    nodes, gone, turn = stage.nodes(2), stage.nodes(1), stage.turn()
    stage.record(turn, gone[0])

    def gone_again() -> None:
        stage.serve([*gone, *nodes], pool_id=0)
        stage.offline(*gone)

    claim_random(stage, nodes, selects(stage, turn=turn, job=stage.job, before=gone_again))


@case("TA-SEL-3", "LS")
def test_a_recorded_node_among_fifty_that_are_gone_gives_way_every_time(stage: Stage) -> None:
    recorded, turn = stage.nodes(1)[0], stage.turn()
    stage.record(turn, recorded)
    claim_found(stage, lone_candidate(stage, MOST_GONE, recorded=recorded), selections_of(stage, turn), rounds=8)


@case("TA-SEL-3", "LS")
def test_a_job_bound_to_the_recorded_node_that_is_gone_gets_a_random_choice(stage: Stage) -> None:
    nodes, gone, turn = stage.nodes(3), stage.nodes(1), stage.turn()
    stage.serve(nodes)
    stage.record(turn, gone[0])
    claim_random(stage, nodes, selects(stage, turn=turn, job=lambda: bound_to_the_dead(stage, gone)))


@case("TA-SEL-4", "LS")
def test_a_recorded_node_of_another_pair_gives_way_also_where_fifty_are_gone(stage: Stage) -> None:
    other, turn = stage.nodes(1), stage.turn()
    stage.serve(other, stage.langs[1])
    stage.record(turn, other[0])
    claim_found(stage, lone_candidate(stage, MOST_GONE), selections_of(stage, turn), rounds=8)


@case("TA-SEL-4", "LS")
def test_a_job_bound_to_the_dead_leaves_a_recorded_node_of_another_pair(stage: Stage) -> None:
    nodes, other, gone, turn = stage.nodes(2), stage.nodes(1), stage.nodes(1), stage.turn()
    stage.serve(nodes)
    stage.serve(other, stage.langs[1])
    stage.record(turn, other[0])
    claim_random(stage, nodes, selects(stage, turn=turn, job=lambda: bound_to_the_dead(stage, gone)))


@case("TA-SEL-4", "LS")
def test_a_recorded_node_of_another_pair_gives_way_to_a_candidate_of_this_pair(stage: Stage) -> None:
    nodes, other, turn = stage.nodes(3), stage.nodes(1), stage.turn()
    stage.serve(nodes)
    stage.serve(other, stage.langs[1])
    stage.record(turn, other[0])
    claim_random(stage, nodes, selects(stage, turn=turn))


@case("TA-SEL-4", "LS")
def test_a_recorded_node_in_no_pool_gives_way_to_a_candidate_of_this_pair(stage: Stage) -> None:
    nodes, other, turn = stage.nodes(2), stage.nodes(1), stage.turn()
    stage.serve(nodes)
    stage.online(*other)
    stage.record(turn, other[0])
    claim_random(stage, nodes, selects(stage, turn=turn))


@case("TA-SEL-4", "LS")
def test_serving_a_pair_with_a_longer_name_is_not_serving_this_one(stage: Stage) -> None:
    nodes, other, turn = stage.nodes(2), stage.nodes(1), stage.turn()
    stage.serve(nodes)
    stage.serve(other, f"{stage.langs[0]}-AU", f"{stage.langs[0]}x")
    stage.record(turn, other[0])
    claim_random(stage, nodes, selects(stage, turn=turn))


@case("TA-SEL-4", "LS")
def test_a_recorded_node_whose_name_is_part_of_a_candidates_name_is_no_candidate(stage: Stage) -> None:
    stage.odd = True
    other, turn = stage.nodes(1), stage.turn()
    name = other[0]
    nodes = [f"{name}0", f"x{name}", name.lower(), name.upper(), name.replace(".", "x"), name[:-1], f"-{name}-"]
    stage.serve(nodes)
    stage.serve(other, stage.langs[1])
    stage.record(turn, other[0])
    claim_random(stage, nodes, selects(stage, turn=turn), ordered=False)


@case("TA-SEL-4", "LS")
def test_a_node_that_left_the_pool_of_this_pair_gives_way(stage: Stage) -> None:
    nodes, left, turn = stage.nodes(2), stage.nodes(1), stage.turn()
    stage.serve([*nodes, *left], *stage.langs[:2])
    stage.record(turn, left[0])
    stage.select(turn=turn)
    stage.do("SREM", stage.layout.pool_key(stage.pair(), 0), left[0])
    stage.do("HDEL", stage.layout.node_pools_key(left[0]), stage.pair())
    claim_random(stage, nodes, selects(stage, turn=turn))
    for _ in range(24):
        step = stage.select(stage.langs[1], turn=turn)
        stage.claim(
            step.node == left[0],
            "the recorded node for the pair that it still serves",
            step.node or "no node",
            step.seen,
        )


# TA-SEL-5, TA-SEL-6


def selection_scenes(stage: Stage) -> dict[str, str | None]:
    """Five selections that differ in what the turn key holds: its turn id, or None."""
    nodes, other, gone = stage.nodes(3), stage.nodes(1), stage.nodes(1)
    stage.serve(nodes)
    stage.serve(other, stage.langs[1])
    scenes: dict[str, str | None] = {name: stage.turn() for name in ("hit", "other pair", "offline", "no affinity")}
    for name, node in (("hit", nodes[0]), ("other pair", other[0]), ("offline", gone[0])):
        session = stage.session()
        stage.foreign_fields(session)
        stage.record(str(scenes[name]), node, session)
    return scenes | {"no turn id": None, "an id without dashes": stage.turn().replace("-", "")}


@case("TA-SEL-5", "LS")
def test_one_selection_reads_the_affinity_at_most_once(stage: Stage) -> None:
    looks = Looks(stage.layout)
    for turn in selection_scenes(stage).values():
        for job in (None, stage.job()):
            step = stage.select(turn=turn, job=job)
            reads = looks.affinity_value_reads(step.wire)
            expected = "at most one read of the affinity"
            stage.claim(len(reads) <= 1, expected, f"{len(reads)} reads", step.wire, reads[1:])


@case("TA-SEL-5", "LS")
def test_one_selection_looks_at_no_session_no_room_and_no_other_turn(stage: Stage) -> None:
    looks = Looks(stage.layout)
    for turn in selection_scenes(stage).values():
        for job in (None, stage.job()):
            step = stage.select(turn=turn, job=job)
            broken = looks.looking_elsewhere(step.wire, turn)
            stage.claim_none(broken, "no look at sessions, rooms, other turns or all keys", step)


@case("TA-SEL-5", "LS")
def test_with_an_empty_turn_id_no_turn_matters(stage: Stage) -> None:
    nodes = stage.nodes(2)
    stage.serve(nodes)
    for odd in ("", "nil", "null", "None", "false", "undefined"):
        stage.record(odd, nodes[0])
    claim_random(stage, nodes, selects(stage))


@case("TA-SEL-5", "LS")
def test_a_selection_without_any_candidate_looks_nowhere_else(stage: Stage) -> None:
    looks = Looks(stage.layout)
    turn, gone = stage.turn(), stage.nodes(1)
    stage.record(turn, gone[0], stage.session())
    for asked in (turn, None):
        step = selected_from_nobody(stage, asked)
        if step is None:
            return
        reads = looks.affinity_value_reads(step.wire)
        stage.claim(len(reads) <= 1, "at most one read of the affinity", f"{len(reads)} reads", step.wire, reads[1:])
        stage.claim_none(looks.looking_elsewhere(step.wire, asked), "no look at other keys of the scheduler", step)


@case("TA-SEL-6", "LS")
def test_a_selection_leaves_turn_keys_and_session_hashes_as_they_are(stage: Stage) -> None:
    scenes = selection_scenes(stage)
    for turn in [*scenes.values(), stage.turn()]:
        for job in (None, stage.job()):
            before = stage.snapshot()
            step = stage.select(turn=turn, job=job)
            expected = "no turn key and no session hash changed by a selection"
            stage.claim_turns_unchanged(before, stage.snapshot(), expected, step)
            warn_of_writes_that_change_nothing(stage, step)


def warn_of_writes_that_change_nothing(stage: Stage, step: Step) -> None:
    """Where every key is as it was, a write put there what stood there already: said once a case."""
    written = Looks(stage.layout).changing(step.seen)
    if written and not stage.warnings:
        stage.warn(f"a selection writes what stands there already: {written[0].text()}")


@case("TA-SEL-6", "LS")
def test_a_selection_leaves_the_ttl_of_turn_keys_and_session_hashes_as_it_is(stage: Stage) -> None:
    scenes = selection_scenes(stage)
    state = stage.snapshot()
    ours = of_turns_and_sessions(stage.layout, state)
    stage.do_all([("PEXPIREAT", key, 4102444800000) for key in sorted(ours)])
    before = stage.snapshot()
    for turn in scenes.values():
        for job in (None, stage.job()):
            step = stage.select(turn=turn, job=job)
            stage.claim_unchanged(before, stage.snapshot(), "every TTL as it was before the selection", step, ours)


@case("TA-SEL-6", "LS")
def test_a_selection_with_nobody_to_choose_leaves_the_turn_as_it_is(stage: Stage) -> None:
    turn, gone, session = stage.turn(), stage.nodes(2), stage.session()
    stage.serve(gone)
    stage.offline(*gone)
    stage.record(turn, gone[0], session)
    keys = [stage.layout.turn_key(turn), stage.layout.session_key(session)]
    before = stage.snapshot()
    step = selected_from_nobody(stage, turn)
    if step is not None:
        stage.claim_unchanged(before, stage.snapshot(), "the turn and the session as they were", step, keys)


# TA-SEL-7


@case("TA-SEL-7", "LS")
@pytest.mark.parametrize("scene", ["no pool", "all offline", "another pair only", "recorded node gone", "bound"])
def test_no_candidate_is_no_node(stage: Stage, scene: str) -> None:
    nodes, turn = stage.nodes(2), stage.turn()
    if scene in {"all offline", "recorded node gone"}:
        stage.serve(nodes)
        stage.offline(*nodes)
    if scene == "another pair only":
        stage.serve(nodes, stage.langs[1])
    if scene == "recorded node gone":
        stage.record(turn, nodes[0])
    for asked in (None, turn):
        for job in (None, bound_to_the_dead(stage, nodes) if scene == "bound" else stage.job()):
            step = stage.select(turn=asked, job=job)
            stage.claim(step.node is None, "no node (nil)", told(step.answer), step.seen)


NEVER_MEANT = ("auto", "any", "und", "mul")
"""Languages that somebody may take for all languages."""


@case("TA-SEL-7", "LS")
@pytest.mark.parametrize("scene", ["no pool", "only the dead"])
def test_no_candidate_is_no_node_whoever_else_is_at_hand(stage: Stage, scene: str) -> None:
    nodes, gone, turn = stage.nodes(2), stage.nodes(2), stage.turn()
    langs = list(dict.fromkeys([*USUAL, stage.src, stage.langs[0], *NEVER_MEANT]))
    stage.serve_pairs(nodes, [stage.pair(tgt, src) for src in langs for tgt in langs])
    stage.record(turn, nodes[0])
    usual = USUAL_PAIRS if scene == "no pool" else USUAL_RING
    wanted = [*usual, (stage.src, stage.langs[0]), (stage.langs[0], stage.src)]
    for number, (src, tgt) in enumerate(wanted):
        pair = stage.pair(tgt, src)
        stage.leave_pair(nodes, pair)
        if scene == "only the dead":
            stage.serve_pairs(gone, [pair])
            stage.offline(*gone)
        claim_nobody(stage, src, tgt, (None, turn)[number % 2], (None, stage.job())[number // 2 % 2])
        if scene == "only the dead":
            stage.leave_pair(gone, pair)
        stage.serve_pairs(nodes, [pair])


def claim_nobody(stage: Stage, src: str, tgt: str, turn: str | None, job: str | None) -> None:
    """Fail the case unless the selection returns no node; it is watched only once it has not."""
    expected = f"no node (nil) for {stage.pair(tgt, src)}"
    claim_chosen(stage, None, expected, lambda watch: stage.select(tgt, src=src, turn=turn, job=job, watch=watch))


@case("TA-SEL-7", "LS")
def test_no_candidate_is_no_node_though_pairs_with_names_much_like_it_are_served(stage: Stage) -> None:
    nodes, turn = stage.nodes(2), stage.turn()
    stage.record(turn, nodes[0])
    for src, tgt in [*USUAL_RING, (stage.src, stage.langs[0])]:
        short, long = (src, tgt), [(src, f"{tgt}-AU"), (f"{src}-TW", tgt), (src, f"{tgt}x"), (f"x{src}", tgt)]
        stage.serve_pairs(nodes, [stage.pair(short[1], short[0])])
        for asked in long:
            claim_nobody(stage, *asked, turn, None)
        stage.leave_pair(nodes, stage.pair(short[1], short[0]))
        stage.serve_pairs(nodes, [stage.pair(other, first) for first, other in long])
        claim_nobody(stage, *short, turn, None)


@case("TA-SEL-7", "LS")
def test_a_recorded_node_that_serves_only_another_pair_is_no_candidate(stage: Stage) -> None:
    nodes, turn = stage.nodes(1), stage.turn()
    stage.serve(nodes, stage.langs[1])
    stage.record(turn, nodes[0])
    step = stage.select(turn=turn)
    stage.claim(step.node is None, "no node (nil)", told(step.answer), step.seen)


@case("TA-SEL-7", "LS")
def test_no_candidate_leaves_the_affinity_and_binds_nothing(stage: Stage) -> None:
    nodes, turn, job = stage.nodes(1), stage.turn(), stage.job()
    stage.serve(nodes)
    stage.offline(*nodes)
    stage.record(turn, nodes[0])
    step = stage.select(turn=turn, job=job)
    stage.claim(stage.affinity(turn) == nodes[0], "the affinity as it was", stage.affinity(turn), step.seen)
    if bound := stage.look("GET", stage.layout.job_key(job)):
        stage.warn(f"a job that got no node is bound to {bound}")


# TA-SEL-8


@case("TA-SEL-8", "LS")
def test_the_affinity_of_other_turns_does_not_matter(stage: Stage) -> None:
    nodes = stage.nodes(2)
    stage.serve(nodes)
    for _ in range(5):
        stage.record(stage.turn(), nodes[0], stage.session())
    claim_random(stage, nodes, selects(stage, turn=stage.turn()))


@case("TA-SEL-8", "LS")
def test_turns_that_take_turns_keep_their_own_nodes(stage: Stage) -> None:
    nodes = stage.nodes(4)
    stage.serve(nodes, *stage.langs[:2])
    turns = {stage.turn(): node for node in nodes}
    for turn, node in turns.items():
        stage.record(turn, node)
    for _ in range(8):
        for turn, node in turns.items():
            step = stage.select(stage.langs[stage.rng.randrange(2)], turn=turn)
            stage.claim(step.node == node, f"the turn's own node {node}", step.told_node, step.seen)


@case("TA-SEL-8", "LS")
def test_a_selection_with_affinity_does_not_colour_the_next_one_without(stage: Stage) -> None:
    nodes, recorded = stage.nodes(2), stage.turn()
    stage.serve(nodes)
    stage.record(recorded, nodes[0])

    def somebody_else() -> None:
        stage.select(turn=recorded, watch=False)

    claim_random(stage, nodes, selects(stage, turn=stage.turn, before=somebody_else))


# TA-SEL-9, TA-SEL-10, TA-SEL-11


def cost(stage: Stage, turn: str | None) -> int:
    """The least that a selection sends, in words on the wire, over a few tries."""
    return min(sum(len(command.argv) for command in stage.select(turn=turn).wire) for _ in range(3))


@case("TA-SEL-9", "LS")
@pytest.mark.parametrize("scene", ["hit", "other pair", "no pool at all"])
def test_finding_out_whether_the_recorded_node_serves_costs_the_same_with_many_pools(stage: Stage, scene: str) -> None:
    recorded, turn = stage.nodes(1), stage.turn()
    stage.serve(recorded, *(stage.langs[:1] if scene == "hit" else stage.langs[1:2] if scene == "other pair" else ()))
    if scene == "no pool at all":
        stage.do("DEL", stage.layout.node_pools_key(recorded[0]), stage.layout.pool_key(stage.pair(), 0))
    stage.serve(stage.nodes(2))
    stage.record(turn, recorded[0])
    first = cost(stage, turn) - (0 if scene == "hit" else cost(stage, None))
    for pool_id in range(1, 40):
        stage.serve(stage.nodes(2), pool_id=pool_id)
    if scene == "hit":  # the node moves to the last pool
        stage.do("SREM", stage.layout.pool_key(stage.pair(), 0), recorded[0])
        stage.serve(recorded, pool_id=39)
    then = cost(stage, turn) - (0 if scene == "hit" else cost(stage, None))
    expected = f"the same cost with 40 pools as with 1, {first} words on the wire"
    stage.claim(then <= first + 8, expected, f"{then} words", stage.select(turn=turn).wire)


@case("TA-SEL-10", "LS")
@pytest.mark.parametrize("ids", [[0, 2], [3], [0, 41], [1, 12, 53], [40], [0, 1, 2, 30, 60], [0, 9, 50], [19, 59, 100]])
def test_a_gap_in_the_pool_ids_hides_no_candidate(stage: Stage, ids: list[int]) -> None:
    nodes = stage.nodes(len(ids))
    for pool_id, node in zip(ids, nodes, strict=True):
        stage.serve([node], pool_id=pool_id)
    if len(nodes) == 1:
        step = stage.select()
        stage.claim(step.node == nodes[0], f"the only candidate, in pool {ids[0]}", step.told_node, step.seen)
    else:
        claim_random(stage, nodes, selects(stage), ordered=False)


# TA-SEL-11


@case("TA-SEL-11", "LS")
@pytest.mark.parametrize("pools", [3, 4])
def test_the_one_candidate_among_many_that_are_gone_is_found(stage: Stage, pools: int) -> None:
    rebuilt = lone_candidate(stage, MANY_GONE, pools=pools)
    # 64 tries that take out what is gone find one of 301 with chance 0.21: 6 times in a row, in both, with 9e-9
    claim_found_however_many(stage, rebuilt, selections_of(stage), rounds=6)
