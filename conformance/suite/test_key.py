"""Where does the state live? One turn key, one field of it, and the session's pointer."""

import pytest

from turnaffinity.contract.layout import LEGACY_FIELDS
from turnaffinity.judging.cases import case
from turnaffinity.stage.business import of_turns_and_sessions
from turnaffinity.stage.drawing import claim_random, finalizes, selects
from turnaffinity.stage.stage import Stage
from turnaffinity.stage.state import State
from turnaffinity.wire.effects import Looks


def decoys(stage: Stage, turn: str, session: str, node: str) -> None:
    """The node at every place where somebody might look for an affinity by mistake."""
    layout, field = stage.layout, stage.layout.affinity_field
    turn_key, session_key = layout.turn_key(turn), layout.session_key
    names = [name for name in ("node_id", "node", "affinity", field.upper()) if name != field]
    flat = [part for name in names for part in (name, node)]
    rooms = [prefix + name for prefix in layout.room_prefixes for name in (turn, session)]
    stage.do_all(
        [
            ("HSET", turn_key, *flat),
            ("HSET", session_key(session), field, node, *flat),
            ("HSET", session_key(turn), field, node),
            ("HSET", layout.turn_key(session), field, node),
            ("HSET", turn_key + ":affinity", field, node),
            ("SET", turn_key + ":" + field, node),
            *[("HSET", room, field, node) for room in rooms],
        ]
    )


# TA-KEY-1


@case("TA-KEY-1", "LS")
def test_the_affinity_is_read_from_the_turn_key_and_its_field(stage: Stage) -> None:
    nodes, turn = stage.nodes(3), stage.name("turn-whose-id-is-longer-than-a-UUID")
    stage.serve(nodes)
    decoys(stage, turn, stage.session(), nodes[0])
    for node in nodes[1:]:
        stage.record(turn, node)
        for _ in range(24):
            step = stage.select(turn=turn)
            stage.claim(step.node == node, f"{node}, recorded in the turn hash's field", step.told_node, step.seen)


@case("TA-KEY-1", "LS")
def test_an_affinity_at_any_other_place_is_none(stage: Stage) -> None:
    nodes, turn = stage.nodes(2), stage.turn()
    stage.serve(nodes)
    decoys(stage, turn, stage.session(), nodes[0])
    claim_random(stage, nodes, selects(stage, turn=turn))


@case("TA-KEY-1")
def test_a_write_puts_the_node_at_the_turn_key_and_nowhere_else_of_the_schedulers(stage: Stage, site: str) -> None:
    nodes, session = stage.nodes(2), stage.session()
    stage.serve(nodes, *stage.targets(site))
    stage.foreign_fields(session)
    step = stage.finalize(session, "max_duration", site)
    ours = State(of_turns_and_sessions(stage.layout, stage.snapshot()))
    places = [place for node in nodes for place in ours.holding(node)]
    expected = f"{stage.layout.turn_key(step.turn_id)} / {stage.layout.affinity_field}"
    stage.claim(places == [expected], f"the node at {expected} alone", ", ".join(places) or "nowhere", step.seen)


@case("TA-KEY-1")
def test_a_finalize_reads_and_writes_the_affinity_field_at_turn_keys_alone(stage: Stage, site: str) -> None:
    nodes, session = stage.nodes(2), stage.session()
    stage.serve(nodes, *stage.targets(site))
    stage.foreign_fields(session)
    looks = Looks(stage.layout)
    for reason in ("max_duration", "max_duration", "manual", "timeout"):
        step = stage.finalize(session, reason, site)
        used = [*looks.affinity_reads(step.wire), *looks.writes_of(step.wire, stage.layout.affinity_field)]
        broken = [c for c in used if looks.is_turn_key(c.argv[1]) is False and c.name not in {"HGETALL", "HVALS"}]
        stage.claim_none(broken, f"`{stage.layout.affinity_field}` at turn keys alone", step)


@case("TA-KEY-1")
def test_an_affinity_changed_at_the_turn_key_by_somebody_else_is_followed(stage: Stage, site: str) -> None:
    reason = stage.reason_under_open_turn
    nodes, session = stage.nodes(3), stage.session()
    stage.serve(nodes, *stage.targets(site))
    for number in range(24):
        turn = stage.turn()
        stage.record(turn, nodes[0], session)
        stage.finalize(session, reason, site)
        wanted = nodes[1 + number % 2]
        stage.record(turn, wanted, session)
        decoys(stage, turn, session, nodes[0])
        step = stage.finalize(session, reason, site)
        first = step.nodes[0]
        stage.claim(first == wanted, f"{wanted}, recorded in the turn hash's field", first or "no node", step.seen)


@case("TA-KEY-1")
def test_a_clear_takes_the_affinity_from_the_turn_key(stage: Stage, reason: str) -> None:
    nodes, session, turn = stage.nodes(2), stage.session(), stage.turn()
    stage.serve(nodes)
    stage.record(turn, nodes[0], session)
    step = stage.finalize(session, reason)
    left = stage.affinity(turn)
    stage.claim(left is None, f"no affinity at {stage.layout.turn_key(turn)}", f"it still names {left}", step.seen)


# TA-KEY-2


def spoken_twice(stage: Stage, session: str, site: str = "solo") -> str:
    """Two segments of the subject's own, so that whatever a process remembers of a session is warm; the open turn."""
    stage.finalize(session, "max_duration", site)
    return stage.finalize(session, "max_duration", site).turn_id


@case("TA-KEY-2")
def test_the_open_turn_is_what_the_session_hash_names(stage: Stage, site: str, reason: str) -> None:
    nodes, session, turn, older = stage.nodes(2), stage.session(), stage.turn(), stage.turn()
    stage.serve(nodes, *stage.targets(site))
    stage.record(older, nodes[1])
    stage.record(turn, nodes[0], session)
    step = stage.finalize(session, reason, site)
    left = stage.affinity(turn)
    stage.claim(left is None, "the open turn's affinity cleared", f"it still names {left}", step.seen)
    stage.claim(stage.affinity(older) == nodes[1], "a turn that is not open left alone", "it was cleared", step.seen)


@case("TA-KEY-2")
def test_the_open_turn_is_found_whatever_the_session_is_called(stage: Stage, reason: str) -> None:
    stage.odd = True
    stage.serve(stage.nodes(2))
    name, hexes = stage.name("s"), stage.turn().replace("-", "")
    words = ["0", "007", "null", "None", "false", "undefined", "nil", "-", ".", "..", "_", hexes, hexes.upper()]
    marks = [f"-{name}-", f".{name}.", f"_{name}_", f"{name}..x", f"{name}--x", f"{name}__x"]
    for session in (*words, *marks, *(name + "s" * length for length in (200, 500, 1200, 5000))):
        step = stage.finalize(session, "max_duration", watch=False)
        now = stage.open_turn(session)
        stage.claim(now == step.turn_id, f"{stage.layout.session_key(session)} names {step.turn_id}", now, step.seen)
        step = stage.finalize(session, reason, watch=False)
        now = stage.open_turn(session)
        stage.claim(now is None, f"{stage.layout.session_key(session)} names no turn", now, step.seen)


@case("TA-KEY-2")
def test_a_pointer_moved_by_somebody_else_is_followed_by_the_clear(stage: Stage, reason: str) -> None:
    nodes, session, other = stage.nodes(2), stage.session(), stage.turn()
    stage.serve(nodes)
    for _ in range(2):  # a process that remembers has now both written and read the pointer
        own = spoken_twice(stage, session)
    stage.record(other, nodes[1], session)
    step = stage.finalize(session, reason)
    stage.claim(stage.affinity(other) is None, "the turn that the session names cleared", "it was not", step.seen)
    stage.claim(stage.affinity(own) is not None, "the turn that it names no more left alone", "cleared", step.seen)


@case("TA-KEY-2")
def test_a_pointer_moved_by_somebody_else_is_followed_by_the_next_segment(stage: Stage, site: str) -> None:
    if stage.reading.d1 != "reuse":
        stage.unobservable("with D1 = mint no max_duration finalize looks at the open turn")
    nodes, session, other = stage.nodes(2), stage.session(), stage.turn()
    stage.serve(nodes, *stage.targets(site))
    for _ in range(2):
        spoken_twice(stage, session, site)
    stage.record(other, nodes[1], session)
    step = stage.finalize(session, "max_duration", site)
    stage.claim(step.turn_id == other, f"the open turn {other}", step.turn_id, step.seen)


@case("TA-KEY-2")
def test_a_pointer_that_somebody_else_removed_means_no_open_turn(stage: Stage, site: str) -> None:
    nodes, session = stage.nodes(2), stage.session()
    stage.serve(nodes, *stage.targets(site))
    for _ in range(2):
        own = spoken_twice(stage, session, site)
    stage.do("HDEL", stage.layout.session_key(session), stage.layout.current_turn_field)
    step = stage.finalize(session, "max_duration", site)
    stage.claim(step.turn_id != own, "a new turn, since the session names none", f"{own} again", step.seen)


@case("TA-KEY-2")
def test_an_empty_pointer_means_no_open_turn(stage: Stage) -> None:
    nodes, session = stage.nodes(2), stage.session()
    stage.serve(nodes)
    stage.do("HSET", stage.layout.session_key(session), stage.layout.current_turn_field, "")
    step = stage.finalize(session, "max_duration")
    stage.claim(step.turn_id != "", "a new turn", "the empty text as turn id", step.seen)
    now = stage.open_turn(session)
    stage.claim(now == step.turn_id, f"{stage.layout.current_turn_field} = {step.turn_id}", now, step.seen)


@case("TA-KEY-2")
def test_a_turn_opened_by_one_process_is_closed_by_another(stage: Stage, reason: str) -> None:
    nodes, session = stage.nodes(2), stage.session()
    stage.serve(nodes)
    turn = spoken_twice(stage, session)
    step = stage.finalize(session, reason, by=stage.second)
    left = stage.affinity(turn)
    stage.claim(left is None, "the affinity cleared by the second process", f"it still names {left}", step.seen)
    left = stage.open_turn(session)
    stage.claim(left is None, "no open turn", f"{left} is open", step.seen)


@case("TA-KEY-2")
def test_a_turn_opened_by_one_process_is_continued_by_another(stage: Stage) -> None:
    if stage.reading.d1 != "reuse":
        stage.unobservable("with D1 = mint no max_duration finalize continues a turn")
    nodes, session = stage.nodes(2), stage.session()
    stage.serve(nodes)
    turn = stage.finalize(session, "max_duration").turn_id
    step = stage.finalize(session, "max_duration", by=stage.second)
    stage.claim(step.turn_id == turn, f"the open turn {turn}", step.turn_id, step.seen)


# TA-KEY-3


@case("TA-KEY-3", "LS")
def test_a_selection_neither_reads_nor_writes_legacy_fields(stage: Stage) -> None:
    nodes, turns = stage.nodes(3), [stage.turn(), stage.turn(), stage.turn()]
    stage.serve(nodes)
    stage.record(turns[0], nodes[0])
    stage.record(turns[1], stage.nodes(1)[0])
    looks = Looks(stage.layout)
    for turn in [*turns, None]:
        for job in (None, stage.job()):
            step = stage.select(turn=turn, job=job)
            stage.claim_none(looks.legacy(step.wire, selecting=True), "no command that names a legacy field", step)


@case("TA-KEY-3", "LS")
@pytest.mark.parametrize("field", LEGACY_FIELDS)
def test_a_legacy_field_has_no_say_in_a_selection(stage: Stage, field: str) -> None:
    nodes, turn = stage.nodes(2), stage.turn()
    stage.serve(nodes)
    for key in (stage.layout.turn_key(turn), stage.layout.session_key(turn)):
        stage.do("HSET", key, field, nodes[0])
    claim_random(stage, nodes, selects(stage, turn=turn))


@case("TA-KEY-3")
def test_a_finalize_neither_reads_nor_writes_legacy_fields(stage: Stage, site: str) -> None:
    nodes, session = stage.nodes(3), stage.session()
    stage.serve(nodes, *stage.targets(site))
    looks = Looks(stage.layout)
    for reason in ("max_duration", "max_duration", "manual", "max_duration", "timeout", "manual"):
        step = stage.finalize(session, reason, site)
        stage.claim_none(looks.legacy(step.wire), "no command that names a legacy field", step)


@case("TA-KEY-3")
@pytest.mark.parametrize("field", LEGACY_FIELDS)
def test_a_legacy_field_has_no_say_in_a_finalize(stage: Stage, field: str) -> None:
    nodes = stage.nodes(2)
    stage.serve(nodes, *stage.langs[:24])

    def left_over(session: str) -> None:
        stage.do("HSET", stage.layout.session_key(session), field, nodes[0])

    claim_random(stage, nodes, finalizes(stage, "manual", stage.langs[:24], before=left_over))


@case("TA-KEY-3")
@pytest.mark.parametrize("field", LEGACY_FIELDS)
def test_a_legacy_field_of_the_open_turn_has_no_say(stage: Stage, field: str) -> None:
    reason = stage.reason_under_open_turn
    nodes = stage.nodes(2)
    stage.serve(nodes)

    def left_over(session: str) -> None:
        turn = stage.turn()
        stage.do("HSET", stage.layout.session_key(session), stage.layout.current_turn_field, turn, field, nodes[0])
        stage.do("HSET", stage.layout.turn_key(turn), field, nodes[0])

    claim_random(stage, nodes, finalizes(stage, reason, before=left_over))
