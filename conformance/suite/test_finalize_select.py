"""Which nodes do the jobs of a finalize go to? Selection, seen through finalize alone."""

import pytest

from turnaffinity.judging.cases import case
from turnaffinity.stage.drawing import claim_random, finalizes
from turnaffinity.stage.evidence import in_words
from turnaffinity.stage.languages import USUAL, USUAL_PAIRS, USUAL_RING
from turnaffinity.stage.nodes import (
    MANY_GONE,
    MOST_GONE,
    NODE_HASHES,
    Choose,
    claim_found,
    claim_found_however_many,
    claim_found_past_dead_pools,
    lone_candidate,
    says_of_itself,
)
from turnaffinity.stage.stage import Stage, Step, told
from turnaffinity.subjects.subject import Refused
from turnaffinity.wire.effects import Looks, Selection, selections
from turnaffinity.wire.hashes import Hashes
from turnaffinity.wire.meaning import is_scan

# TA-SEL-1


@case("TA-SEL-1")
def test_every_job_goes_to_the_node_that_the_open_turn_recorded(stage: Stage, site: str) -> None:
    why = stage.reason_under_open_turn
    nodes, session = stage.nodes(3), stage.session()
    stage.serve(nodes, *stage.targets(site))
    for number in range(24):
        wanted = nodes[number % 3]
        stage.record(stage.turn(), wanted, session)
        step = stage.finalize(session, why, site)
        stage.claim(set(step.nodes) == {wanted}, f"every job on the recorded node {wanted}", step.nodes, step.seen)


@case("TA-SEL-1")
def test_a_long_speech_stays_on_its_node(stage: Stage, site: str) -> None:
    if stage.reading.d1 != "reuse":
        stage.unobservable("with D1 = mint no max_duration finalize selects with a recorded affinity")
    nodes, session = stage.nodes(4), stage.session()
    stage.serve(nodes, *stage.targets(site))
    wanted = stage.finalize(session, "max_duration", site).nodes[0]
    for _ in range(32):
        step = stage.finalize(session, "max_duration", site)
        stage.claim(set(step.nodes) == {wanted}, f"every job on {in_words(wanted)}, as recorded", step.nodes, step.seen)


@case("TA-SEL-1")
def test_a_long_speech_whose_affinity_somebody_moved_goes_on_where_it_was_moved(stage: Stage, site: str) -> None:
    why = stage.reason_under_open_turn
    nodes, session = stage.nodes(3), stage.session()
    stage.serve(nodes, *stage.targets(site))
    for number in range(24):  # a process that remembers the turn has written it once more each time
        stage.finalize(session, "max_duration", site)
        turn = stage.open_turn(session) or ""
        wanted = next(node for node in nodes[number % 3 :] + nodes if node != stage.affinity(turn))
        stage.record(turn, wanted)
        step = stage.finalize(session, why, site)
        stage.claim(set(step.nodes) == {wanted}, f"every job on {in_words(wanted)}, as recorded", step.nodes, step.seen)


@case("TA-SEL-1")
def test_a_recorded_node_that_was_away_for_a_segment_gets_its_turn_back(stage: Stage, site: str) -> None:
    if stage.reading.d1 != "reuse":
        stage.unobservable("with D1 = mint no max_duration finalize selects with a recorded affinity")
    nodes, session = stage.nodes(3), stage.session()
    stage.serve(nodes, *stage.targets(site))
    stage.finalize(session, "max_duration", site)
    for number in range(24):
        wanted = nodes[number // 12]
        stage.record(stage.open_turn(session) or "", wanted)
        stage.offline(wanted)
        stage.finalize(session, "max_duration", site)
        stage.serve([wanted], *stage.targets(site))
        stage.record(stage.open_turn(session) or "", wanted)
        step = stage.finalize(session, "max_duration", site)
        stage.claim(set(step.nodes) == {wanted}, f"every job on {in_words(wanted)}, as recorded", step.nodes, step.seen)


@case("TA-SEL-1")
def test_every_job_goes_to_the_recorded_node_in_each_of_the_usual_languages(stage: Stage) -> None:
    why = stage.reason_under_open_turn
    nodes, session = stage.nodes(8), stage.session()
    stage.serve_pairs(nodes, [stage.pair(tgt, src) for src, tgt in USUAL_PAIRS])
    rooms = [(src, [tgt for first, tgt in USUAL_PAIRS if first == src]) for src in USUAL]
    solo = [(src, [tgt]) for src, tgt in USUAL_RING]
    # each language is source and target of 18 jobs of rooms: among 8 nodes they agree by chance 6e-17
    for number, (src, langs) in enumerate([*rooms, *solo] * 2):
        wanted = nodes[number % len(nodes)]
        stage.record(stage.turn(), wanted, session)
        step = stage.finalize(session, why, "solo" if len(langs) == 1 else langs, src=src, tgt=langs[0])
        expected = f"every job from {src} on the recorded node {wanted}"
        stage.claim(set(step.nodes) == {wanted}, expected, step.nodes, step.seen)


@case("TA-SEL-1")
@pytest.mark.parametrize("says", NODE_HASHES)
def test_jobs_stay_with_a_recorded_node_whatever_its_hash_says(stage: Stage, says: str) -> None:
    why = stage.reason_under_open_turn
    nodes, session, langs = stage.nodes(3), stage.session(), stage.langs[:24]
    stage.serve(nodes, *langs)
    for number in range(len(NODE_HASHES[says])):
        says_of_itself(stage, nodes[1:2], says, number)
        stage.record(stage.turn(), nodes[1], session)
        step = stage.finalize(session, why, langs)
        stage.claim(set(step.nodes) == {nodes[1]}, f"every job on the recorded node {nodes[1]}", step.nodes, step.seen)


# TA-SEL-2


@case("TA-SEL-2")
def test_a_closing_finalize_without_an_open_turn_draws_at_random(stage: Stage, reason: str) -> None:
    nodes = stage.nodes(3)
    stage.serve(nodes)
    claim_random(stage, nodes, finalizes(stage, reason), deep=True)


@case("TA-SEL-2")
def test_the_first_segment_of_a_long_speech_draws_at_random(stage: Stage, site: str) -> None:
    nodes = stage.nodes(3)
    stage.serve(nodes, *stage.targets(site))
    # within a batch the first job may set the others' node (D3): only the first draw of each batch is free
    claim_random(stage, nodes, finalizes(stage, "max_duration", stage.langs[:1] if site == "room" else site), deep=True)


@case("TA-SEL-2")
@pytest.mark.parametrize("count", [2, 7])
def test_the_jobs_of_a_closing_batch_are_drawn_one_by_one(stage: Stage, reason: str, count: int) -> None:
    nodes = stage.nodes(count)
    stage.serve(nodes, *stage.langs[:24])
    claim_random(stage, nodes, finalizes(stage, reason, stage.langs[:24]), deep=True)


@case("TA-SEL-2")
def test_a_closing_batch_is_not_drawn_as_one(stage: Stage, reason: str) -> None:
    nodes, langs = stage.nodes(2), stage.langs[:24]
    stage.serve(nodes, *langs)
    # at a tenth of the fair share 24 jobs repeat with a given period by chance below 0.45; 32 batches below 1e-10
    regular = set(range(1, 9))
    for _ in range(32):
        step = stage.finalize(stage.session(), reason, langs, watch=False)
        drawn = step.nodes
        regular = {p for p in regular if all(a == b for a, b in zip(drawn, drawn[p:], strict=False))}
        if not regular:
            return
    observed = f"in 32 batches of 24 jobs every job goes where the one {min(regular)} before it in the batch went"
    stage.claim(False, "each job of a batch drawn for itself", observed)


@case("TA-SEL-2")
def test_a_node_that_died_a_moment_ago_is_never_drawn(stage: Stage, reason: str) -> None:
    nodes, mortal = stage.nodes(2), stage.nodes(1)
    stage.serve([*nodes, *mortal], *stage.langs[:8])
    for _ in range(4):
        stage.finalize(stage.session(), reason, stage.langs[:8], watch=False)
    stage.offline(*mortal)
    claim_random(stage, nodes, finalizes(stage, reason, stage.langs[:8]))


@case("TA-SEL-2")
def test_a_node_that_joined_a_moment_ago_is_drawn(stage: Stage, reason: str) -> None:
    nodes, late = stage.nodes(2), stage.nodes(1)
    stage.serve(nodes, *stage.langs[:8])
    for _ in range(4):
        stage.finalize(stage.session(), reason, stage.langs[:8], watch=False)
    stage.serve(late, *stage.langs[:8])
    claim_random(stage, [*nodes, *late], finalizes(stage, reason, stage.langs[:8]), ordered=False)


def closings(stage: Stage) -> Choose:
    """One closing finalize of one job, again and again."""
    return lambda watch: stage.finalize(stage.session(), "manual", watch=watch)


@case("TA-SEL-2")
def test_a_job_finds_a_candidate_among_fifty_that_are_gone_every_time(stage: Stage) -> None:
    claim_found(stage, lone_candidate(stage, MOST_GONE), closings(stage))


@case("TA-SEL-2")
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_job_finds_a_candidate_beside_pools_of_none_but_gone_nodes(stage: Stage, place: int) -> None:
    claim_found_past_dead_pools(stage, place, closings(stage))


@case("TA-SEL-2")
@pytest.mark.parametrize("says", NODE_HASHES)
def test_jobs_are_drawn_among_candidates_whatever_their_hashes_say(stage: Stage, says: str) -> None:
    nodes, others, langs = stage.nodes(4), stage.nodes(2), stage.langs[:24]
    stage.serve(nodes, *langs)
    says_of_itself(stage, nodes, says)
    claim_random(stage, nodes, finalizes(stage, "manual", langs), ordered=False)
    stage.serve(others, *langs)  # and beside others that are well
    claim_random(stage, [*nodes, *others], finalizes(stage, "timeout", langs), ordered=False)


@case("TA-SEL-2")
def test_jobs_are_drawn_at_random_in_each_of_the_usual_languages(stage: Stage) -> None:
    nodes = stage.nodes(2)
    stage.serve_pairs(nodes, [stage.pair(tgt, src) for src, tgt in USUAL_RING])
    for src, tgt in USUAL_RING:
        claim_random(stage, nodes, finalizes(stage, "manual", src=src, tgt=tgt), ordered=False)


@case("TA-SEL-2")
def test_one_session_draws_at_random_again_and_again(stage: Stage, reason: str) -> None:
    nodes, session = stage.nodes(2), stage.session()
    stage.serve(nodes)
    claim_random(stage, nodes, finalizes(stage, reason, session=lambda: session), deep=True)


@case("TA-SEL-2")
def test_two_processes_do_not_draw_alike(stage: Stage) -> None:
    stage.serve(stage.nodes(2), *stage.langs[:24])
    alike = [stage.judge.new_subject(), stage.judge.new_subject()]  # both fresh: a constant seed is at its beginning
    for _ in range(12):  # at a tenth of the fair share two draws agree with chance 0.91: 288 of them below 1e-11
        drawn = [stage.finalize(stage.session(), "manual", stage.langs[:24], by=process).nodes for process in alike]
        if drawn[0] != drawn[1]:
            break
    for process in alike:
        process.close()
    stage.claim(drawn[0] != drawn[1], "draws of each process's own", "288 draws of two processes were the same")


@case("TA-SEL-2")
def test_the_open_turns_id_does_not_fix_the_draw(stage: Stage) -> None:
    why = stage.reason_under_open_turn
    nodes, session, turn = stage.nodes(2), stage.session(), stage.turn()
    stage.serve(nodes)

    def pointed(name: str) -> None:
        stage.do("DEL", stage.layout.turn_key(turn))
        stage.do("HSET", stage.layout.session_key(name), stage.layout.current_turn_field, turn)

    claim_random(stage, nodes, finalizes(stage, why, session=lambda: session, before=pointed), deep=True)


@case("TA-SEL-2")
def test_an_empty_affinity_of_the_open_turn_is_none(stage: Stage) -> None:
    why = stage.reason_under_open_turn
    nodes, session = stage.nodes(2), stage.session()
    stage.serve(nodes)
    draw = finalizes(
        stage, why, session=lambda: session, before=lambda name: stage.record(stage.turn(), "", name)
    )  # fmt: skip
    claim_random(stage, nodes, draw)


# TA-SEL-3, TA-SEL-4


@case("TA-SEL-3")
def test_jobs_leave_a_recorded_node_that_went_offline(stage: Stage, site: str) -> None:
    why = stage.reason_under_open_turn
    nodes, gone = stage.nodes(2), stage.nodes(1)

    def died(name: str) -> None:
        stage.serve([*nodes, *gone], *stage.targets(site))
        stage.offline(*gone)
        stage.record(stage.turn(), gone[0], name)

    claim_random(stage, nodes, finalizes(stage, why, site, before=died), ordered=False)


def under_a_turn_that_recorded(stage: Stage, node: str) -> Choose:
    """One finalize of one job whose turn recorded this node, again and again."""
    why, session = stage.reason_under_open_turn, stage.session()

    def finalized(watch: bool) -> Step:
        stage.record(stage.turn(), node, session)
        return stage.finalize(session, why, watch=watch)

    return finalized


@case("TA-SEL-3")
def test_jobs_leave_a_recorded_node_among_fifty_that_are_gone(stage: Stage) -> None:
    recorded = stage.nodes(1)[0]
    choose = under_a_turn_that_recorded(stage, recorded)
    claim_found(stage, lone_candidate(stage, MOST_GONE, recorded=recorded), choose, rounds=8)


@case("TA-SEL-4")
def test_jobs_of_another_pair_find_a_candidate_among_fifty_that_are_gone(stage: Stage) -> None:
    other = stage.nodes(1)
    choose = under_a_turn_that_recorded(stage, other[0])
    stage.serve(other, stage.langs[20])
    claim_found(stage, lone_candidate(stage, MOST_GONE), choose, rounds=8)


@case("TA-SEL-3")
def test_a_closing_batch_avoids_a_node_that_went_offline(stage: Stage, reason: str) -> None:
    if stage.reading.d2 == "before":
        stage.unobservable("with D2 = before a closing finalize selects under a fresh id, without an affinity")
    nodes, gone = stage.nodes(2), stage.nodes(1)

    def died(name: str) -> None:
        stage.serve([*nodes, *gone])
        stage.offline(*gone)
        stage.record(stage.turn(), gone[0], name)

    claim_random(stage, nodes, finalizes(stage, reason, before=died))


@case("TA-SEL-4")
def test_jobs_of_another_pair_go_to_nodes_that_serve_it(stage: Stage, site: str) -> None:
    why = stage.reason_under_open_turn
    nodes, other = stage.nodes(2), stage.nodes(1)
    stage.serve(nodes, *stage.targets(site))
    stage.serve(other, stage.langs[20])

    def elsewhere(name: str) -> None:
        stage.record(stage.turn(), other[0], name)

    claim_random(stage, nodes, finalizes(stage, why, site, before=elsewhere), ordered=False)


@case("TA-SEL-4")
def test_in_a_room_only_the_pairs_that_the_recorded_node_lacks_go_elsewhere(stage: Stage) -> None:
    why = stage.reason_under_open_turn
    if why == "max_duration" and stage.reading.d3 == "after-first-job" and stage.reading.d4 == "overwrite":
        rooms = [[0, 1]]  # the first job's write must not move the affinity before the second job
    else:
        rooms = [[0, 1], [1, 0]]
    a, b, *_ = stage.langs
    recorded, others, session = stage.nodes(1), stage.nodes(2), stage.session()
    stage.serve([*recorded, *others], a)
    stage.serve(others, b)
    for _ in range(12):
        for order in rooms:
            room = [(a, b)[number] for number in order]
            stage.record(stage.turn(), recorded[0], session)
            step = stage.finalize(session, why, room)
            by_lang = dict(zip(room, step.nodes, strict=True))
            stage.claim(by_lang[a] == recorded[0], f"the job for {a} on {recorded[0]}", told(step.answer), step.seen)
            stage.claim(
                by_lang[b] in others, f"the job for {b} on one of {in_words(others)}", told(step.answer), step.seen
            )


# TA-SEL-5, TA-SEL-6: where a script selects, its own commands are told from the finalize's

UNTOLD = "no script selects here, so that a selection cannot be told from the finalize's own commands"


def own_selections(stage: Stage, step: Step, pairs: list[str], session: str) -> list[Selection]:
    """The script calls that select and do nothing else: one that is given the session does more of the finalize."""
    return [s for s in selections(step.wire, stage.layout, pairs) if not s.mentions(session)]


@case("TA-SEL-5")
def test_the_selections_of_a_finalize_read_the_affinity_at_most_once_each(stage: Stage, site: str) -> None:
    nodes, session = stage.nodes(2), stage.session()
    stage.serve(nodes, *stage.targets(site))
    looks, pairs = Looks(stage.layout), [stage.pair(lang) for lang in stage.targets(site)]
    found = 0
    for why in ("max_duration", "max_duration", "manual", "timeout"):
        step = stage.finalize(session, why, site)
        stage.claim_none([c for c in step.wire if is_scan(c)], "no KEYS and no SCAN", step)
        for selection in own_selections(stage, step, pairs, session):
            found += 1
            inner = selection.unit.inner
            reads = looks.affinity_value_reads(inner)
            stage.claim(len(reads) <= 1, "at most one read of the affinity", f"{len(reads)}", step.wire, reads[1:])
            stage.claim_none(looks.looking_elsewhere(inner, step.turn_id), "no look at other scheduler keys", step)
    if not found:
        stage.unobservable(UNTOLD)


@case("TA-SEL-6")
def test_the_selections_of_a_finalize_write_no_turn_key_and_no_session(stage: Stage, site: str) -> None:
    nodes, session = stage.nodes(2), stage.session()
    stage.serve(nodes, *stage.targets(site))
    looks, pairs = Looks(stage.layout), [stage.pair(lang) for lang in stage.targets(site)]
    found = 0
    for why in ("max_duration", "max_duration", "manual", "timeout"):
        hashes = Hashes(stage.snapshot().hashes())
        step = stage.finalize(session, why, site)
        real = {id(command) for command in step.wire if hashes.changed_by(command)}
        for selection in own_selections(stage, step, pairs, session):
            found += 1
            written = looks.changing(selection.unit.inner)
            broken = [command for command in written if id(command) in real]
            stage.claim_none(broken, "no write of a turn key or session hash", step)
            if written and not stage.warnings:
                stage.warn(f"a selection writes what stands there already: {written[0].text()}")
    if not found:
        stage.unobservable(UNTOLD)


# TA-SEL-7


@case("TA-SEL-7")
def test_no_candidate_is_reported_as_no_node(stage: Stage, site: str) -> None:
    nodes = stage.nodes(2)
    stage.serve(nodes, *stage.targets(site))
    stage.offline(*nodes)
    for why in ("max_duration", "manual", "timeout"):
        step = stage.finalize(stage.session(), why, site)
        reported = isinstance(step.answer, Refused) and step.answer.code == "no_node"
        stage.claim(reported, "error no_node", told(step.answer), step.seen)


@case("TA-SEL-7")
def test_no_candidate_is_no_node_whoever_else_is_at_hand(stage: Stage) -> None:
    nodes = stage.nodes(2)
    langs = list(dict.fromkeys([*USUAL, stage.src, stage.langs[0], "auto", "any"]))
    stage.serve_pairs(nodes, [stage.pair(tgt, src) for src in langs for tgt in langs])
    for number, (src, tgt) in enumerate([*USUAL_RING, (stage.src, stage.langs[0])]):
        stage.leave_pair(nodes, stage.pair(tgt, src))
        for asked in ((src, tgt), (src, f"{tgt}-AU"), (f"{src}-TW", tgt), (src, f"{tgt}x")):
            claim_no_node(stage, ("manual", "timeout", "max_duration")[number % 3], *asked)
        stage.serve_pairs(nodes, [stage.pair(tgt, src)])
        claim_no_node(stage, "manual", f"{src}-TW", tgt)


def claim_no_node(stage: Stage, why: str, src: str, tgt: str) -> None:
    """Fail the case unless a finalize of one job is refused for want of a node."""
    step = stage.finalize(stage.session(), why, src=src, tgt=tgt)
    reported = isinstance(step.answer, Refused) and step.answer.code == "no_node"
    stage.claim(reported, f"error no_node for {stage.pair(tgt, src)}", told(step.answer), step.seen)


@case("TA-SEL-7")
def test_no_candidate_leaves_affinity_and_open_turn_as_they_were(stage: Stage, site: str) -> None:
    nodes, session, turn = stage.nodes(1), stage.session(), stage.turn()
    stage.serve(nodes, *stage.targets(site))
    stage.offline(*nodes)
    stage.record(turn, nodes[0], session)
    before = stage.snapshot()
    step = stage.finalize(session, "max_duration", site)
    keys = [stage.layout.turn_key(turn), stage.layout.session_key(session)]
    stage.claim_unchanged(before, stage.snapshot(), "affinity and open turn as they were", step, keys)


@case("TA-SEL-7")
def test_a_closing_finalize_that_found_no_node_still_closes(stage: Stage, site: str, reason: str) -> None:
    nodes, session, turn = stage.nodes(1), stage.session(), stage.turn()
    stage.serve(nodes, stage.langs[20])
    stage.record(turn, nodes[0], session)
    step = stage.finalize(session, reason, site)
    reported = isinstance(step.answer, Refused) and step.answer.code == "no_node"
    stage.claim(reported, "error no_node", told(step.answer), step.seen)
    left = stage.affinity(turn)
    stage.claim(left is None, "the affinity cleared", f"it still names {left}", step.seen)
    left = stage.open_turn(session)
    stage.claim(left is None, "no open turn", f"{left} is open", step.seen)


# TA-SEL-8


@case("TA-SEL-8")
def test_interleaved_sessions_keep_their_own_nodes(stage: Stage, site: str) -> None:
    why = stage.reason_under_open_turn
    nodes = stage.nodes(3)
    stage.serve(nodes, *stage.targets(site))
    own = {stage.session(): node for node in nodes}
    for _ in range(10):
        for session, node in own.items():
            stage.record(stage.turn(), node, session)
        for session, node in own.items():
            step = stage.finalize(session, why, site)
            stage.claim(set(step.nodes) == {node}, f"every job of {session} on {node}", step.nodes, step.seen)


@case("TA-SEL-8")
def test_the_turns_of_other_sessions_do_not_matter(stage: Stage) -> None:
    nodes = stage.nodes(2)
    stage.serve(nodes, *stage.langs[:24])
    for _ in range(4):
        stage.record(stage.turn(), nodes[0], stage.session())
    claim_random(stage, nodes, finalizes(stage, "manual", stage.langs[:24]))


@case("TA-SEL-8")
def test_a_session_that_speaks_does_not_colour_another(stage: Stage) -> None:
    nodes, speaker = stage.nodes(2), stage.session()
    stage.serve(nodes)

    def somebody_speaks(name: str) -> None:
        stage.record(stage.turn(), nodes[0], speaker)
        stage.finalize(speaker, "max_duration", watch=False)
        stage.record(stage.turn(), nodes[0], speaker)

    claim_random(stage, nodes, finalizes(stage, "max_duration", before=somebody_speaks))


# TA-SEL-10


@case("TA-SEL-10")
@pytest.mark.parametrize("pool_id", [1, 12, 40])
def test_a_finalize_sees_past_a_gap_in_the_pool_ids(stage: Stage, pool_id: int) -> None:
    nodes = stage.nodes(1)
    stage.serve(nodes, pool_id=pool_id)
    step = stage.finalize(stage.session(), "manual")
    stage.claim(step.node == nodes[0], f"the only candidate, in pool {pool_id}", told(step.answer), step.seen)


# TA-SEL-11


@case("TA-SEL-11")
def test_a_finalize_finds_the_one_candidate_among_many_that_are_gone(stage: Stage) -> None:
    # 64 tries that take out what is gone find one of 301 with chance 0.21: 12 times in a row with 9e-9
    claim_found_however_many(stage, lone_candidate(stage, MANY_GONE, pools=3), closings(stage), rounds=12)
