"""What does a selection send, and whom does it choose, whatever it finds? Every scene with every state of the job."""

import pytest

from turnaffinity.judging.cases import case
from turnaffinity.judging.claims import EVERY_TIME, claim_every_time
from turnaffinity.stage.drawing import claim_random, selects
from turnaffinity.stage.long_plays import Moment, selections_of_all_kinds
from turnaffinity.stage.nodes import NODE_HASHES, says_of_itself
from turnaffinity.stage.stage import Stage
from turnaffinity.wire.effects import Looks


@case("TA-KEY-3", "LS")
def test_no_selection_of_any_kind_names_a_legacy_field(stage: Stage) -> None:
    for moment in selections_of_all_kinds(stage):
        broken = Looks(stage.layout).legacy(moment.step.wire, selecting=True)
        stage.claim_none(broken, "no command that names a legacy field", moment.step)


@case("TA-NEVER-1", "LS")
def test_no_selection_of_any_kind_is_about_the_life_of_a_turn_key(stage: Stage) -> None:
    for moment in selections_of_all_kinds(stage):
        broken = Looks(stage.layout).ttl_on(moment.step.wire)
        stage.claim_none(broken, "no command about the TTL of a turn key", moment.step)


@case("TA-SEL-5", "LS")
def test_no_selection_of_any_kind_reads_twice_or_elsewhere(stage: Stage) -> None:
    looks = Looks(stage.layout)
    for moment in selections_of_all_kinds(stage):
        step = moment.step
        reads = looks.affinity_value_reads(step.wire)
        stage.claim(len(reads) <= 1, "at most one read of the affinity", f"{len(reads)} reads", step.wire, reads[1:])
        elsewhere = looks.looking_elsewhere(step.wire, step.request["turn_id"])
        stage.claim_none(elsewhere, "no look at other keys of the scheduler", step)


@case("TA-SEL-6", "LS")
def test_no_selection_of_any_kind_changes_a_turn_key_or_a_session_hash(stage: Stage) -> None:
    for moment in selections_of_all_kinds(stage):
        expected = "no turn key and no session hash changed by a selection"
        stage.claim_turns_unchanged(moment.before, moment.after, expected, moment.step)


@case("TA-SEL-7", "LS")
def test_a_selection_of_any_kind_is_answered_and_without_a_candidate_by_no_node(stage: Stage) -> None:
    for moment in selections_of_all_kinds(stage, answers=True):
        request, node = moment.step.request, moment.step.node
        served = bool(moment.candidates(stage.layout, request["pair"]))
        bound = bound_to(stage, moment)
        theirs = bound is not None and stage.layout.node_key(bound) in moment.before.keys  # TA-BIND-2's
        stage.claim(served or theirs or node is None, "no node where nobody serves the pair", node, moment.step.seen)


def bound_to(stage: Stage, moment: Moment) -> str | None:
    """The node that the job of a selection was bound to beforehand."""
    job = moment.step.request["job_id"]
    held = moment.before.keys.get(stage.layout.job_key(job)) if job else None
    return str(held.value) if held else None


# TA-SEL-1


@case("TA-SEL-1", "LS")
@pytest.mark.parametrize("pool_id", [99, 100, 101, 128, 256, 512])
def test_a_recorded_candidate_in_a_pool_with_a_long_id_is_chosen(stage: Stage, pool_id: int) -> None:
    claim_chosen_in_the_last_pool(stage, pool_id)


@case("TA-SEL-1", "L")
def test_a_recorded_candidate_in_the_last_of_a_thousand_pools_is_chosen(stage: Stage) -> None:
    claim_chosen_in_the_last_pool(stage, 999)


def claim_chosen_in_the_last_pool(stage: Stage, pool_id: int) -> None:
    """The node recorded is the one of this pool, with a node in each pool before it, so that no id is missing."""
    nodes, turn = stage.nodes(pool_id + 1), stage.turn()
    stage.serve_one_a_pool(nodes)
    stage.record(turn, nodes[-1])
    for _ in range(6):  # among a hundred a random choice agrees with chance 1e-12
        step = stage.select(turn=turn)
        stage.claim(step.node == nodes[-1], f"the recorded node {nodes[-1]}, every time", step.told_node, step.seen)


@case("TA-SEL-1", "LS")
def test_a_recorded_candidate_in_different_pools_for_different_pairs_is_chosen(stage: Stage) -> None:
    langs, recorded, turn = stage.langs[:3], stage.nodes(1), stage.turn()
    for pool_id in range(3):
        stage.serve(stage.nodes(2), *langs, pool_id=pool_id)
    for pool_id, lang in zip((2, 0, 1), langs, strict=True):
        stage.serve(recorded, lang, pool_id=pool_id)
    stage.record(turn, recorded[0])
    for lang in langs:
        claim_every_time(stage, recorded[0], turn=turn, lang=lang)


@case("TA-SEL-1", "LS")
def test_a_recorded_candidate_alone_in_its_pool_is_chosen(stage: Stage) -> None:
    nodes, turn = stage.nodes(3), stage.turn()
    stage.serve_one_a_pool(nodes)
    for node in nodes:
        stage.record(turn, node)
        claim_every_time(stage, node, turn=turn)


@case("TA-SEL-1", "LS")
def test_a_node_id_is_an_opaque_text(stage: Stage) -> None:
    stage.odd = True
    turn, number, name = stage.turn(), stage.rng.getrandbits(40), stage.name("n")
    alike = [f"{number}", f"0{number}", f"{number}.0", f"{number}e3", f"{number}000", f"{name}.a", f"{name}-a"]
    long = name + "N" * 5000
    nodes = [*alike, f"{name}_a", f"{name}.A", f"{long}x", f"{long}y", f"n{name}", "0", "null", "nil", f"-{name}-"]
    stage.serve(nodes)
    for node in nodes:
        stage.record(turn, node)
        for _ in range(12):  # among sixteen a random choice agrees with chance 4e-15
            step = stage.select(turn=turn)
            stage.claim(step.node == node, f"the recorded node {node}", step.told_node, step.seen)


@case("TA-SEL-1", "LS")
def test_a_job_whose_binding_is_dropped_follows_its_turn(stage: Stage) -> None:
    nodes, gone, turn = stage.nodes(3), stage.nodes(1), stage.turn()
    stage.serve(nodes)
    stage.record(turn, nodes[1])
    for _ in range(EVERY_TIME):
        job = stage.job()
        stage.do("SET", stage.layout.job_key(job), gone[0], "EX", stage.layout.job_ttl_s)
        step = stage.select(turn=turn, job=job)
        stage.claim(step.node == nodes[1], f"the recorded node {nodes[1]}, every time", step.node, step.seen)


@case("TA-SEL-1", "LS")
@pytest.mark.parametrize("says", NODE_HASHES)
def test_a_recorded_node_is_online_whatever_its_hash_says(stage: Stage, says: str) -> None:
    nodes, turn = stage.nodes(3), stage.turn()
    stage.serve(nodes)
    stage.record(turn, nodes[1])
    for number in range(len(NODE_HASHES[says])):
        says_of_itself(stage, nodes[1:2], says, number)
        claim_every_time(stage, nodes[1], turn=turn)


# TA-SEL-2


@case("TA-SEL-2", "LS")
@pytest.mark.parametrize("says", NODE_HASHES)
def test_a_candidate_is_online_whatever_its_hash_says(stage: Stage, says: str) -> None:
    nodes, others = stage.nodes(4), stage.nodes(2)
    stage.serve(nodes)
    says_of_itself(stage, nodes, says)
    claim_random(stage, nodes, selects(stage), ordered=False)
    stage.serve(others)  # and beside others that are well
    claim_random(stage, [*nodes, *others], selects(stage), ordered=False)


@case("TA-SEL-2", "LS")
def test_a_job_that_asks_for_a_binding_ignores_an_empty_affinity(stage: Stage) -> None:
    nodes, turn = stage.nodes(2), stage.turn()
    stage.serve(nodes)
    stage.record(turn, "")
    claim_random(stage, nodes, selects(stage, turn=turn, job=stage.job))


@case("TA-SEL-2", "LS")
def test_candidates_of_the_later_five_hundred_pools_are_drawn(stage: Stage) -> None:
    nodes = stage.nodes(1000)
    halves = {node: f"pools {'0 to 499' if number < 500 else '500 to 999'}" for number, node in enumerate(nodes)}
    stage.serve_one_a_pool(nodes)
    claim_random(stage, nodes, selects(stage), ordered=False, groups=halves)


# TA-SEL-3, TA-SEL-4


@case("TA-SEL-3", "LS")
def test_a_recorded_node_that_is_offline_gives_way_to_candidates_of_all_pools(stage: Stage) -> None:
    nodes, gone, turn = stage.nodes(6), stage.nodes(1), stage.turn()
    for pool_id in range(3):
        stage.serve(nodes[2 * pool_id : 2 * pool_id + 2], pool_id=pool_id)
    stage.record(turn, gone[0])

    def gone_again() -> None:
        stage.serve(gone, pool_id=1)
        stage.offline(*gone)

    claim_random(stage, nodes, selects(stage, turn=turn, before=gone_again), ordered=False)


@case("TA-SEL-3", "LS")
def test_a_recorded_node_that_is_offline_has_no_namesakes(stage: Stage) -> None:
    stage.odd = True
    host, turn = stage.name("host"), stage.turn()
    gone = f"{host}.eu.1"
    nodes = [f"{host}.eu", host, f"{host}.eu.10", gone.upper(), f"x{gone}", gone[1:]]
    stage.serve(nodes)
    stage.record(turn, gone)
    claim_random(stage, nodes, selects(stage, turn=turn), ordered=False)


@case("TA-SEL-4", "LS")
@pytest.mark.parametrize("which", ["reverse", "another source", "a longer source"])
def test_serving_a_pair_with_some_of_the_same_letters_is_not_serving_this_one(stage: Stage, which: str) -> None:
    nodes, other, turn = stage.nodes(2), stage.nodes(1), stage.turn()
    stage.serve(nodes)
    stage.online(*other)
    src, tgt = stage.src, stage.langs[0]
    pairs = {"reverse": f"{tgt}:{src}", "another source": f"{stage.langs[1]}:{tgt}", "a longer source": f"x{src}:{tgt}"}
    stage.do("HSET", stage.layout.node_pools_key(other[0]), pairs[which], "0")
    stage.do("SADD", stage.layout.pool_key(pairs[which], 0), other[0])
    stage.record(turn, other[0])
    claim_random(stage, nodes, selects(stage, turn=turn))


@case("TA-SEL-4", "LS")
def test_a_job_that_asks_for_a_binding_leaves_a_recorded_node_of_another_pair(stage: Stage) -> None:
    nodes, other, turn = stage.nodes(2), stage.nodes(1), stage.turn()
    stage.serve(nodes)
    stage.serve(other, stage.langs[1])
    stage.record(turn, other[0])
    claim_random(stage, nodes, selects(stage, turn=turn, job=stage.job))


@case("TA-SEL-4", "LS")
def test_a_recorded_node_of_another_pair_gives_way_to_candidates_of_all_pools(stage: Stage) -> None:
    nodes, other, turn = stage.nodes(6), stage.nodes(1), stage.turn()
    for pool_id in range(3):
        stage.serve(nodes[2 * pool_id : 2 * pool_id + 2], pool_id=pool_id)
    stage.serve(other, stage.langs[1], pool_id=1)
    stage.record(turn, other[0])
    claim_random(stage, nodes, selects(stage, turn=turn), ordered=False)
