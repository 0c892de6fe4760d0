"""What does a closing finalize forget, and what does it leave alone?"""

import pytest

from turnaffinity.faults.one_error import (
    claim_repaired,
    finalize_with_error,
    first_clear_positions,
    selection_positions,
    with_open_turn,
)
from turnaffinity.judging.cases import case
from turnaffinity.judging.claims import needs_a_clear
from turnaffinity.stage.business import under
from turnaffinity.stage.drawing import needs_random
from turnaffinity.stage.stage import Stage, told
from turnaffinity.subjects.subject import Refused
from turnaffinity.wire.effects import Looks
from turnaffinity.wire.meaning import keys_of
from turnaffinity.wire.units import units


def claim_closed(stage: Stage, session: str, turn: str, seen: tuple = ()) -> None:  # type: ignore[type-arg]
    affinity, open_turn = stage.affinity(turn), stage.open_turn(session)
    field = stage.layout.affinity_field
    stage.claim(affinity is None, f"no {field} in {stage.layout.turn_key(turn)}", f"it holds {affinity}", seen)
    field = stage.layout.current_turn_field
    stage.claim(open_turn is None, f"no {field} in {stage.layout.session_key(session)}", f"it holds {open_turn}", seen)


# TA-CLEAR-1


@case("TA-CLEAR-1")
def test_a_closing_finalize_deletes_the_affinity_and_the_open_turn(stage: Stage, site: str, reason: str) -> None:
    nodes, session, turn = stage.nodes(2), stage.session(), stage.turn()
    stage.serve(nodes, *stage.targets(site))
    stage.record(turn, nodes[0], session)
    step = stage.finalize(session, reason, site)
    claim_closed(stage, session, turn, step.seen)


@case("TA-CLEAR-1")
def test_a_turn_that_the_subject_opened_is_closed(stage: Stage, site: str, reason: str) -> None:
    nodes, session = stage.nodes(2), stage.session()
    stage.serve(nodes, *stage.targets(site))
    for _ in range(2):
        turn = stage.finalize(session, "max_duration", site).turn_id
        step = stage.finalize(session, reason, site)
        claim_closed(stage, session, turn, step.seen)


@case("TA-CLEAR-1")
def test_a_turn_whose_key_is_gone_is_closed_all_the_same(stage: Stage, reason: str) -> None:
    nodes, session, turn = stage.nodes(2), stage.session(), stage.turn()
    stage.serve(nodes)
    stage.do("HSET", stage.layout.session_key(session), stage.layout.current_turn_field, turn)
    step = stage.finalize(session, reason)
    claim_closed(stage, session, turn, step.seen)


@case("TA-CLEAR-1")
@pytest.mark.parametrize("recorded", ["offline", "another pair"])
def test_a_turn_is_closed_whatever_became_of_its_node(stage: Stage, reason: str, recorded: str) -> None:
    nodes, other, session, turn = stage.nodes(2), stage.nodes(1), stage.session(), stage.turn()
    stage.serve(nodes)
    stage.serve(other, stage.langs[5])
    if recorded == "offline":
        stage.offline(*other)
    stage.record(turn, other[0], session)
    step = stage.finalize(session, reason)
    claim_closed(stage, session, turn, step.seen)


# TA-CLEAR-2


@case("TA-CLEAR-2")
@pytest.mark.parametrize("scene", ["no session hash", "other fields", "empty pointer"])
def test_with_no_open_turn_clearing_changes_nothing(stage: Stage, site: str, reason: str, scene: str) -> None:
    nodes, session = stage.nodes(2), stage.session()
    stage.serve(nodes, *stage.targets(site))
    stage.record("", nodes[0])
    stage.record(stage.turn(), nodes[0], stage.session())
    if scene != "no session hash":
        stage.foreign_fields(session)
    if scene == "empty pointer":
        stage.do("HSET", stage.layout.session_key(session), stage.layout.current_turn_field, "")
    before = stage.snapshot()
    step = stage.finalize(session, reason, site)
    if isinstance(step.answer, Refused) and step.answer.code == "no_node":  # of the selection, not of the clear
        assert step.finalized.jobs
    answered = not isinstance(step.answer, Refused)
    stage.claim(answered, f"{reason} carried out though no turn is open", told(step.answer), step.seen)
    key, field = stage.layout.session_key(session), stage.layout.current_turn_field
    after = stage.snapshot()
    if scene == "empty pointer":  # an empty pointer may go
        wanted, found = ({k: v for k, v in state.hash(key).items() if k != field} for state in (before, after))
        stage.claim(found == wanted, "the other fields as they were", found, step.seen)
        stage.claim(not stage.open_turn(session), f"no {field}, or an empty one", stage.open_turn(session), step.seen)
    own = {key} if scene == "empty pointer" else set()
    stage.claim_others_unchanged(before, after, "every key as it was", step, own)


# TA-CLEAR-3 (D2)


@case("TA-CLEAR-3")
def test_d2_seen_in_the_turn_id_of_the_closing_jobs(stage: Stage, site: str, reason: str) -> None:
    nodes, session, turn = stage.nodes(2), stage.session(), stage.turn()
    stage.serve(nodes, *stage.targets(site))
    stage.record(turn, nodes[0], session)
    step = stage.finalize(session, reason, site)
    choice = "after" if step.turn_id == turn else "before"
    needs_a_clear(stage, session)
    stage.decided("D2", choice, step, f"the open turn was {turn}, the jobs' turn is {step.turn_id} ({site}, {reason})")


@case("TA-CLEAR-3")
def test_d2_seen_in_where_the_closing_jobs_go(stage: Stage, reason: str) -> None:
    nodes, langs = stage.nodes(3), stage.langs[:20]
    stage.serve(nodes, *langs)
    for _ in range(20):
        session = stage.session()
        stage.record(stage.turn(), nodes[0], session)
        step = stage.finalize(session, reason, langs, watch=False)
        needs_a_clear(stage, session)
        if set(step.nodes) != {nodes[0]}:
            stage.decided("D2", "before", step, f"the closing jobs went to {len(set(step.nodes))} nodes")
            return
    needs_random(stage)
    stage.decided("D2", "after", step, "all closing jobs went to the recorded node")


@case("TA-CLEAR-3")
def test_d2_seen_in_the_order_of_the_commands(stage: Stage, site: str, reason: str) -> None:
    nodes, session, turn = stage.nodes(2), stage.session(), stage.turn()
    stage.serve(nodes, *stage.targets(site))
    stage.record(turn, nodes[0], session)
    step = stage.finalize(session, reason, site)
    layout = stage.layout
    deletes = Looks(layout).deletes_of(step.wire, layout.turn_key(turn), layout.affinity_field)
    asked = [n for n, c in enumerate(step.wire) if any(layout.patterns["pool"].fullmatch(key) for key in keys_of(c))]
    if not deletes or not asked:
        stage.unobservable("the wire shows no clear, or no pool that was asked")
    late = step.wire.index(deletes[0]) > asked[-1]
    observed = f"the clear {'after' if late else 'before'} the last pool that was asked ({site}, {reason})"
    # an implementation in plain commands may look for candidates before it clears, so that only `late` tells
    stage.decided("D2", "after" if late else "before", step, observed)


# TA-CLEAR-4


@case("TA-CLEAR-4")
def test_clearing_again_changes_nothing(stage: Stage, site: str, reason: str) -> None:
    nodes, session, turn = stage.nodes(2), stage.session(), stage.turn()
    stage.serve(nodes, *stage.targets(site))
    stage.foreign_fields(session)
    stage.record(turn, nodes[0], session)
    stage.finalize(session, reason, site)
    before = stage.snapshot()
    step = stage.finalize(session, reason, site)
    stage.claim_others_unchanged(before, stage.snapshot(), "nothing changed by clearing again", step)


@case("TA-CLEAR-4")
def test_the_fallback_clear_repairs_a_first_clear_that_failed(stage: Stage, site: str, reason: str) -> None:
    if stage.reading.d2 == "after":
        stage.unobservable("with D2 = after there is one clear, after the jobs, and no second one to judge")
    stage.serve(stage.nodes(2), *stage.targets(site))
    positions = first_clear_positions(stage, reason, site)
    for position in positions:
        claim_repaired(stage, reason, site, [position])


@case("TA-CLEAR-4")
def test_the_clear_runs_when_a_first_clear_failed_and_no_job_gets_a_node(stage: Stage, site: str, reason: str) -> None:
    if stage.reading.d2 == "after":
        stage.unobservable("with D2 = after there is one clear, after the jobs, and no second one to judge")
    stage.serve(stage.nodes(1), stage.langs[20])
    for position in first_clear_positions(stage, reason, site):
        claim_repaired(stage, reason, site, [position])


@case("TA-CLEAR-4")
def test_the_clear_runs_when_creating_a_job_fails(stage: Stage, site: str, reason: str) -> None:
    stage.serve(stage.nodes(2), *stage.targets(site))
    clears = first_clear_positions(stage, reason, site) if stage.reading.d2 == "before" else []
    for position in selection_positions(stage, reason, site):
        claim_repaired(stage, reason, site, [*clears[:1], position])


@case("TA-CLEAR-4")
def test_the_clear_runs_when_no_job_gets_a_node(stage: Stage, site: str, reason: str) -> None:
    nodes, session, turn = stage.nodes(1), stage.session(), stage.turn()
    stage.serve(nodes, stage.langs[20])
    stage.record(turn, nodes[0], session)
    step = stage.finalize(session, reason, site)
    claim_closed(stage, session, turn, step.seen)


# TA-CLEAR-5


@case("TA-CLEAR-5")
def test_other_fields_of_the_session_hash_survive_a_whole_turn(stage: Stage, site: str, reason: str) -> None:
    nodes, session = stage.nodes(2), stage.session()
    stage.serve(nodes, *stage.targets(site))
    fields = stage.foreign_fields(session)
    key = stage.layout.session_key(session)
    for why in ("max_duration", "max_duration", reason, reason, "max_duration", reason):
        step = stage.finalize(session, why, site)
        now = stage.snapshot().hash(key)
        now.pop(stage.layout.current_turn_field, None)
        lost = [f"{name}={value}" for name, value in sorted(fields.items() - now.items())]
        stage.claim(
            not lost,
            "the other fields of the session hash as they were",
            f"changed or lost: {', '.join(lost)}",
            step.seen,
        )


@case("TA-CLEAR-5")
def test_fields_that_others_change_in_the_middle_of_a_turn_survive_its_close(stage: Stage, reason: str) -> None:
    nodes, session = stage.nodes(2), stage.session()
    stage.serve(nodes)
    key = stage.layout.session_key(session)
    stage.do("HSET", key, "muted", "no")
    stage.finalize(session, "max_duration")
    stage.do("HSET", key, "muted", "yes", "joined", "1")
    step = stage.finalize(session, reason)
    now = stage.snapshot().hash(key)
    survived = {"muted": "yes", "joined": "1"}.items() <= now.items()
    stage.claim(survived, "muted=yes, joined=1", now, step.seen)


@case("TA-CLEAR-5")
def test_the_ttl_that_a_session_manager_set_on_its_hash_survives(stage: Stage, reason: str) -> None:
    nodes, session = stage.nodes(2), stage.session()
    stage.serve(nodes)
    stage.foreign_fields(session)
    key = stage.layout.session_key(session)
    stage.do("PEXPIREAT", key, 4102444800000)
    for why in ("max_duration", reason):
        step = stage.finalize(session, why)
        ttl = stage.snapshot().keys[key].expires_at_ms
        stage.claim(ttl == 4102444800000, "the session manager's TTL as it was", f"{ttl}", step.seen)


@case("TA-CLEAR-5")
def test_other_fields_survive_a_clear_that_had_to_be_repaired(stage: Stage, reason: str) -> None:
    stage.serve(stage.nodes(2))
    if stage.reading.d2 == "after":
        stage.unobservable("with D2 = after there is one clear, and no second one that repairs it")
    for position in first_clear_positions(stage, reason, "solo"):
        session = stage.session()
        fields = stage.foreign_fields(session)
        step, _ = finalize_with_error(stage, reason, with_open_turn(stage, "solo", session), [position])
        now = stage.snapshot().hash(stage.layout.session_key(session))
        lost = [f"{name}={value}" for name, value in sorted(fields.items() - now.items())]
        expected = "the other fields of the session hash as they were"
        stage.claim(not lost, expected, f"changed or lost: {', '.join(lost)}", step.seen)


# TA-CLEAR-6


@case("TA-CLEAR-6")
def test_after_a_close_no_turn_key_of_that_turn_remains(stage: Stage, site: str, reason: str) -> None:
    nodes, session = stage.nodes(2), stage.session()
    stage.serve(nodes, *stage.targets(site))
    closed = stage.finalize(session, "max_duration", site).turn_id
    for _ in range(2):
        closed = stage.finalize(session, "max_duration", site).turn_id
    step = stage.finalize(session, reason, site)
    for turn in {closed, step.turn_id}:
        found = stage.snapshot().keys.get(stage.layout.turn_key(turn))
        stage.claim(found is None, f"no key {stage.layout.turn_key(turn)}", found.text() if found else "", step.seen)
    if stage.reading.d1 == "reuse":
        left = sorted(under(stage.layout, stage.snapshot(), "turn"))
        stage.claim(not left, "no turn key at all", ", ".join(left), step.seen)


@case("TA-CLEAR-6")
def test_no_field_of_the_turns_own_keeps_its_key_alive(stage: Stage, reason: str) -> None:
    nodes, session, turn = stage.nodes(2), stage.session(), stage.turn()
    stage.serve(nodes)
    stage.record(turn, nodes[0], session)
    step = stage.finalize(session, reason)
    left = stage.snapshot().keys.get(stage.layout.turn_key(turn))
    stage.claim(left is None, "no turn key", left.text() if left else "", step.seen)


# TA-CLEAR-7


@case("TA-CLEAR-7")
def test_reading_the_open_turn_and_deleting_both_fields_is_one_atomic_step(
    stage: Stage, site: str, reason: str
) -> None:
    nodes, session, turn = stage.nodes(2), stage.session(), stage.turn()
    stage.serve(nodes, *stage.targets(site))
    stage.record(turn, nodes[0], session)
    step = stage.finalize(session, reason, site)
    looks, layout = Looks(stage.layout), stage.layout
    key = layout.session_key(session)
    gone = looks.deletes_of(step.wire, key, layout.current_turn_field)
    gone += looks.deletes_of(step.wire, layout.turn_key(turn), layout.affinity_field)
    if not gone:
        stage.unobservable("no clear was seen on the wire")
    for unit in units(step.wire):
        both = looks.deletes_of(unit.inner, key, layout.current_turn_field) and looks.deletes_of(
            unit.inner, layout.turn_key(turn), layout.affinity_field
        )
        read = looks.reads_of(unit.inner, key, layout.current_turn_field)
        if unit.kind == "script" and both and read:
            return
        watched = [c for c in step.wire if c.name == "WATCH" and key in keys_of(c) and c.client == unit.top.client]
        if unit.kind == "multi" and both and watched:
            return
    stage.claim(False, "the read and both deletes in one script, or under WATCH", "separate steps", step.seen, gone)


# TA-CLEAR-8


@case("TA-CLEAR-8")
def test_a_clear_leaves_other_sessions_and_turns_as_they_were(stage: Stage, site: str, reason: str) -> None:
    nodes, gone, session, turn = stage.nodes(2), stage.nodes(1), stage.session(), stage.turn()
    stage.serve(nodes, *stage.targets(site))
    for other in (session + "0", session + "-a", session[:-1], session.upper() + "x", "x" + session):
        stage.record(stage.turn(), nodes[1], other)
        stage.foreign_fields(other)
    for other in (turn + "0", turn[:-1], turn.upper() + "x"):
        stage.record(other, nodes[1])
    for recorded in (nodes[0], gone[0]):
        stage.record(turn, recorded, session)
        claim_only_the_turn_touched(stage, session, turn, reason, site)


def claim_only_the_turn_touched(stage: Stage, session: str, turn: str, reason: str, site: str) -> None:
    """A closing finalize of this session changes its own hash and the key of its open turn, and nothing else."""
    before = stage.snapshot()
    step = stage.finalize(session, reason, site)
    own = {stage.layout.session_key(session), stage.layout.turn_key(turn)}
    stage.claim_others_unchanged(before, stage.snapshot(), "every other key as it was", step, own)


@case("TA-CLEAR-8")
def test_a_clear_leaves_the_bindings_of_the_turns_jobs_as_they_were(stage: Stage, site: str, reason: str) -> None:
    stage.serve(stage.nodes(2), *stage.targets(site))
    session = stage.session()
    turn = stage.finalize(session, "max_duration", site).turn_id
    claim_only_the_turn_touched(stage, session, turn, reason, site)


@case("TA-CLEAR-8")
def test_a_clear_names_no_other_session_and_no_other_turn(stage: Stage, site: str, reason: str) -> None:
    nodes, session, turn = stage.nodes(2), stage.session(), stage.turn()
    stage.serve(nodes, *stage.targets(site))
    stage.record(turn, nodes[0], session)
    stage.record(stage.turn(), nodes[1], stage.session())
    step = stage.finalize(session, reason, site)
    looks = Looks(stage.layout)
    own = {stage.layout.session_key(session), stage.layout.turn_key(turn), stage.layout.turn_key(step.turn_id)}
    broken = [c for c in looks.looking_elsewhere(step.wire, None) if not set(keys_of(c)) & own]
    stage.claim_none(broken, "only the session's own hash and the turn named there; no KEYS, no SCAN", step)


@case("TA-CLEAR-8")
def test_other_sessions_keep_their_turns_through_many_closes(stage: Stage) -> None:
    nodes, sessions = stage.nodes(3), [stage.session() for _ in range(3)]
    stage.serve(nodes, *stage.langs[:3])
    turns = {session: stage.finalize(session, "max_duration", "room").turn_id for session in sessions}
    for number, session in enumerate(sessions):
        step = stage.finalize(session, ("manual", "timeout")[number % 2])
        for other in sessions[number + 1 :]:
            kept = stage.open_turn(other) == turns[other] and stage.affinity(turns[other]) in nodes
            stage.claim(kept, f"the turn of {other} still open", "it was closed or changed", step.seen)
