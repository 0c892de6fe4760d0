"""What never happens? No TTL, nothing inherited, no second place to look."""

import pytest

from turnaffinity.judging.cases import case
from turnaffinity.judging.places import Place, fit_for_a_node, places_read
from turnaffinity.stage.drawing import claim_random, finalizes, needs_random, selects
from turnaffinity.stage.stage import Stage, Step
from turnaffinity.wire.effects import Looks

# TA-NEVER-1


@case("TA-NEVER-1", "LS")
def test_no_command_of_a_selection_is_about_the_life_of_a_turn_key(stage: Stage) -> None:
    nodes, other, turns = stage.nodes(3), stage.nodes(1), [stage.turn() for _ in range(4)]
    stage.serve(nodes)
    stage.serve(other, stage.langs[1])
    stage.record(turns[0], nodes[0])
    stage.record(turns[1], other[0])
    stage.record(turns[2], stage.nodes(1)[0])
    looks = Looks(stage.layout)
    for turn in [*turns, None]:
        for job in (None, stage.job()):
            step = stage.select(turn=turn, job=job)
            stage.claim_none(looks.ttl_on(step.wire), "no command about the TTL of a turn key", step)


@case("TA-NEVER-1")
def test_no_command_of_a_finalize_is_about_the_life_of_a_turn_key(stage: Stage, site: str) -> None:
    nodes, session = stage.nodes(2), stage.session()
    stage.serve(nodes, *stage.targets(site))
    looks = Looks(stage.layout)
    for why in ("max_duration", "max_duration", "max_duration", "manual", "manual", "max_duration", "timeout"):
        step = stage.finalize(session, why, site)
        stage.claim_none(looks.ttl_on(step.wire), "no command about the TTL of a turn key", step)


@case("TA-NEVER-1")
def test_no_command_is_about_the_life_of_a_turn_key_when_the_affinity_moves(stage: Stage) -> None:
    first, second, session = stage.nodes(1), stage.nodes(1), stage.session()
    a, b, *_ = stage.langs
    stage.serve(first, a)
    stage.serve(second, b)
    looks = Looks(stage.layout)
    for number, room in enumerate(([a, b], [b, a], [a], [a, b])):
        if number == 3:  # the recorded node goes, and the other one takes both languages
            stage.offline(*first)
            stage.serve(second, a, b)
        step = stage.finalize(session, "max_duration", room)
        stage.claim_none(looks.ttl_on(step.wire), "no command about the TTL of a turn key", step)
    step = stage.finalize(session, "manual", [a, b])
    stage.claim_none(looks.ttl_on(step.wire), "no command about the TTL of a turn key", step)


@case("TA-NEVER-1")
def test_a_turn_that_somebody_gave_a_ttl_keeps_it_until_it_is_cleared(stage: Stage) -> None:
    nodes, session, turn = stage.nodes(2), stage.session(), stage.turn()
    stage.serve(nodes)
    stage.record(turn, nodes[0], session)
    stage.do("PEXPIREAT", stage.layout.turn_key(turn), 4102444800000)
    looks = Looks(stage.layout)
    for why in ("max_duration", "manual"):
        step = stage.finalize(session, why)
        stage.claim_none(looks.ttl_on(step.wire), "no command about the TTL of a turn key", step)


# TA-NEVER-2


@case("TA-NEVER-2")
def test_the_first_segment_of_the_next_utterance_inherits_no_node(stage: Stage, reason: str) -> None:
    nodes, closed = stage.nodes(2), stage.nodes(1)
    stage.serve([*nodes, *closed])
    session = stage.session()

    def speak_and_stop(name: str) -> None:
        stage.record(stage.turn(), closed[0], name)
        stage.finalize(name, reason, watch=False)

    claim_random(
        stage,
        [*nodes, *closed],
        finalizes(stage, "max_duration", session=lambda: session, before=speak_and_stop),
        ordered=False,
        per="utterances after one that was recorded on one node",
    )


@case("TA-NEVER-2")
def test_the_whole_first_batch_of_the_next_utterance_inherits_no_node(stage: Stage, reason: str) -> None:
    nodes, session = stage.nodes(2), stage.session()
    stage.serve(nodes, *stage.langs[:12])

    def speak_and_stop(name: str) -> None:
        stage.record(stage.turn(), nodes[0], name)
        stage.finalize(name, reason, stage.langs[:3], watch=False)

    claim_random(
        stage,
        nodes,
        finalizes(stage, "max_duration", stage.langs[:12], session=lambda: session, before=speak_and_stop),
        ordered=False,
    )


@case("TA-NEVER-2")
def test_the_utterance_after_the_subjects_own_inherits_no_node(stage: Stage, reason: str) -> None:
    nodes, session = stage.nodes(2), stage.session()
    stage.serve(nodes)
    missing = {"where the last one ended", "elsewhere"}
    for _ in range(700):
        spoken = stage.finalize(session, "max_duration", watch=False)
        stage.finalize(session, reason, watch=False)
        step = stage.finalize(session, "max_duration", watch=False)
        missing.discard("elsewhere" if step.nodes != spoken.nodes else "where the last one ended")
        if not missing:
            return
        stage.finalize(session, reason, watch=False)
    needs_random(stage)
    observed = f"none of 700 began {' or '.join(sorted(missing))}"
    stage.claim(False, "the next utterance on the same node now and then, and on another one", observed)


@case("TA-NEVER-2")
def test_a_second_close_inherits_nothing_from_the_turn_that_was_closed(stage: Stage, reason: str) -> None:
    nodes, session = stage.nodes(2), stage.session()
    stage.serve(nodes, *stage.langs[:12])

    def speak_and_stop(name: str) -> None:
        stage.record(stage.turn(), nodes[0], name)
        stage.finalize(name, reason, watch=False)

    draw = finalizes(stage, reason, stage.langs[:12], session=lambda: session, before=speak_and_stop)
    claim_random(stage, nodes, draw, ordered=False)


@case("TA-NEVER-2")
def test_jobs_after_the_clear_inherit_nothing_from_the_turn_that_was_cleared(stage: Stage, reason: str) -> None:
    if stage.reading.d2 == "after":
        stage.unobservable("with D2 = after the closing jobs belong to the turn, and are not its heirs")
    nodes, session = stage.nodes(2), stage.session()
    stage.serve(nodes, *stage.langs[:12])

    def spoken(name: str) -> None:
        stage.record(stage.turn(), nodes[0], name)

    draw = finalizes(stage, reason, stage.langs[:12], session=lambda: session, before=spoken)
    claim_random(stage, nodes, draw, ordered=False)


@case("TA-NEVER-2")
def test_a_closed_turn_that_comes_back_to_life_is_not_followed(stage: Stage) -> None:
    nodes, session = stage.nodes(2), stage.session()
    stage.serve(nodes)
    turn = stage.turn()

    def closed_and_back(name: str) -> None:
        stage.record(turn, nodes[0], name)
        stage.finalize(name, "manual", watch=False)
        stage.record(turn, nodes[0])

    draw = finalizes(stage, "max_duration", session=lambda: session, before=closed_and_back)
    claim_random(stage, nodes, draw, ordered=False)


# TA-NEVER-3


def second_places(stage: Stage, node: str, *ids: str) -> None:
    """The node at places that somebody might fall back to when the turn names none."""
    layout, field = stage.layout, stage.layout.affinity_field
    commands: list[tuple[str, ...]] = []
    others = [name for name in ("last_node_id", "node_id", "backup_node_id", "fallback_node_id") if name != field]
    flat = [part for name in others for part in (name, node)]
    for name in ids:
        commands.append(("HSET", layout.session_key(name), field, node, *flat))
        commands += [("HSET", prefix + name, field, node, *flat) for prefix in layout.room_prefixes]
        commands.append(("HSET", layout.turn_key(name), *flat))
    stage.do_all(commands)


@case("TA-NEVER-3", "LS")
def test_without_an_affinity_no_second_place_is_looked_at(stage: Stage) -> None:
    nodes, turn = stage.nodes(2), stage.turn()
    stage.serve(nodes)
    second_places(stage, nodes[0], turn)
    claim_random(stage, nodes, selects(stage, turn=turn))


@case("TA-NEVER-3", "LS")
@pytest.mark.parametrize("scene", ["offline", "another pair"])
def test_behind_an_affinity_that_does_not_serve_there_is_no_second_one(stage: Stage, scene: str) -> None:
    nodes, other, turn = stage.nodes(2), stage.nodes(1), stage.turn()
    stage.serve(nodes)
    if scene == "another pair":
        stage.serve(other, stage.langs[1])
    second_places(stage, nodes[0], turn)
    stage.record(turn, other[0])
    claim_random(stage, nodes, selects(stage, turn=turn))


@case("TA-NEVER-3", "LS")
def test_an_affinity_that_somebody_removed_is_remembered_nowhere(stage: Stage) -> None:
    nodes, turn = stage.nodes(2), stage.turn()
    stage.serve(nodes)

    def seen_and_removed() -> None:
        stage.record(turn, nodes[0])
        stage.select(turn=turn, watch=False)
        stage.do("HDEL", stage.layout.turn_key(turn), stage.layout.affinity_field)

    claim_random(stage, nodes, selects(stage, turn=turn, before=seen_and_removed))


@case("TA-NEVER-3")
@pytest.mark.parametrize("how", ["removed", "emptied"])
def test_an_affinity_of_the_open_turn_that_somebody_removed_is_remembered_nowhere(stage: Stage, how: str) -> None:
    reason = stage.reason_under_open_turn
    nodes, session, turn = stage.nodes(2), stage.session(), stage.turn()
    stage.serve(nodes)

    def seen_and_removed(name: str) -> None:
        stage.record(turn, nodes[0], name)
        stage.finalize(name, reason, watch=False)
        stage.record(turn, "" if how == "emptied" else nodes[0], name)
        if how == "removed":
            stage.do("HDEL", stage.layout.turn_key(turn), stage.layout.affinity_field)

    claim_random(stage, nodes, finalizes(stage, reason, session=lambda: session, before=seen_and_removed))


@case("TA-NEVER-3")
def test_a_finalize_falls_back_to_no_second_place(stage: Stage) -> None:
    nodes = stage.nodes(2)
    stage.serve(nodes, *stage.langs[:24])
    draw = finalizes(stage, "manual", stage.langs[:24], before=lambda name: second_places(stage, nodes[0], name))
    claim_random(stage, nodes, draw)


@case("TA-NEVER-3")
def test_an_open_turn_without_affinity_falls_back_to_no_second_place(stage: Stage) -> None:
    reason = stage.reason_under_open_turn
    nodes = stage.nodes(2)
    stage.serve(nodes)

    def pointed(name: str) -> None:
        turn = stage.turn()
        second_places(stage, nodes[0], name, turn)
        stage.do("HSET", stage.layout.session_key(name), stage.layout.current_turn_field, turn)

    claim_random(stage, nodes, finalizes(stage, reason, before=pointed))


@case("TA-NEVER-3")
def test_behind_a_recorded_node_that_is_gone_a_finalize_finds_no_second_one(stage: Stage) -> None:
    reason = stage.reason_under_open_turn
    nodes, gone = stage.nodes(2), stage.nodes(1)
    stage.serve(nodes)

    def pointed(name: str) -> None:
        turn = stage.turn()
        second_places(stage, nodes[0], name, turn)
        stage.record(turn, gone[0], name)

    claim_random(stage, nodes, finalizes(stage, reason, before=pointed))


def node_that(stage: Stage, became: str) -> str:
    """The node that a turn records, of which nothing can be served in the scene; "" for none."""
    other = stage.nodes(1)[0]
    if became == "another pair":
        stage.serve([other], stage.langs[1])
    return "" if became == "no affinity" else other


def needs_the_first_place(stage: Stage, step: Step, turn: str) -> None:
    layout = stage.layout
    if not Looks(layout).reads_of(step.wire, layout.turn_key(turn), layout.affinity_field):
        stage.unobservable("the turn's own field is not read, so that no other place is a second one (TA-KEY-1's)")


def needs_fit(stage: Stage, fit: list[Place]) -> None:
    if not fit:
        stage.unobservable("what was read there cannot hold a node's name without an error")


each_fate = pytest.mark.parametrize("became", ["no affinity", "offline", "another pair"])


@case("TA-NEVER-3", "LS")
@each_fate
def test_what_a_selection_is_seen_to_read_is_no_second_place(stage: Stage, became: str) -> None:
    nodes, turn = stage.nodes(2), stage.turn()
    stage.serve(nodes)
    recorded = node_that(stage, became)
    stage.record(turn, recorded)
    step = stage.select(turn=turn)
    places = places_read(stage, step.wire, turn, turn)
    if not places:  # there is nothing else that it could go by
        return
    needs_the_first_place(stage, step, turn)
    fit = fit_for_a_node(stage, places, turn, turn, None)
    needs_fit(stage, fit)
    stage.do_all([place.planted(nodes[0], turn, turn) for place in fit])
    claim_random(stage, nodes, selects(stage, turn=turn))


@case("TA-NEVER-3")
@pytest.mark.parametrize("why", ["max_duration", "manual", "timeout"])
@pytest.mark.parametrize("became", ["no open turn", "no affinity", "offline", "another pair"])
def test_what_a_finalize_is_seen_to_read_is_no_second_place(stage: Stage, why: str, became: str) -> None:
    fresh = stage.reading.d1 == "mint" if why == "max_duration" else stage.reading.d2 == "before"
    if fresh and became != "no open turn":
        stage.unobservable("under this reading the jobs of this finalize have a fresh turn")
    nodes = stage.nodes(2)
    stage.serve(nodes)
    recorded = node_that(stage, became)

    def scene(session: str) -> str:
        turn = stage.turn()
        if became == "no open turn":
            stage.do("HDEL", stage.layout.session_key(session), stage.layout.current_turn_field)
        else:
            stage.record(turn, recorded, session)
        return turn

    places: set[Place] = set()
    for _ in range(3):  # what a process reads once it knows a session may differ
        session = stage.session()
        turn = scene(session)
        step = stage.finalize(session, why)
        places |= places_read(stage, step.wire, session, turn)
    if not places:
        return
    if became != "no open turn":
        needs_the_first_place(stage, step, turn)
    session = stage.session()
    fit = fit_for_a_node(stage, places, session, scene(session), why)
    needs_fit(stage, fit)

    def planted(name: str) -> None:
        turn = scene(name)
        stage.do_all([place.planted(nodes[0], name, turn) for place in fit])

    claim_random(stage, nodes, finalizes(stage, why, before=planted))
