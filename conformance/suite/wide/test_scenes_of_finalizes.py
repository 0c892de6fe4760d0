"""What do finalizes send, choose, write and clear in scenes that others left behind? Each with every reason it has."""

from collections.abc import Iterator
from itertools import combinations, product

import pytest

from turnaffinity.judging.cases import case
from turnaffinity.judging.claims import (
    claim_none_bound,
    claim_nothing_changed,
    decided_d1,
    needs_a_write,
    told_turn,
)
from turnaffinity.stage.business import is_binding
from turnaffinity.stage.drawing import claim_random, finalizes, needs_random
from turnaffinity.stage.evidence import in_words
from turnaffinity.stage.stage import Stage, Step, told
from turnaffinity.subjects.subject import Refused
from turnaffinity.wire.meaning import keys_of

each_fate = pytest.mark.parametrize("became", ["offline", "another pair", "empty"])


def open_turn_whose_node_is(stage: Stage, became: str, session: str) -> str:
    """An open turn whose recorded node serves no job of the scene any more; returns its id."""
    other, turn = stage.nodes(1), stage.turn()
    stage.serve(other, stage.langs[20])
    if became == "offline":
        stage.offline(*other)
    stage.record(turn, "" if became == "empty" else other[0], session)
    return turn


# turns


@case("TA-TURN-2")
def test_every_closing_job_goes_to_the_recorded_node(stage: Stage, site: str, reason: str) -> None:
    needs_d2_after(stage)
    nodes = stage.nodes(4)
    stage.serve(nodes, *stage.targets(site))
    for number in range(24):
        session, wanted = stage.session(), nodes[number % 4]
        stage.record(stage.turn(), wanted, session)
        step = stage.finalize(session, reason, site)
        stage.claim(set(step.nodes) == {wanted}, f"every job on {wanted}", step.nodes, step.seen)


def needs_d2_after(stage: Stage) -> None:
    if stage.reading.d2 == "before":
        stage.unobservable("with D2 = before a closing finalize selects under a fresh id, without an affinity")


@case("TA-TURN-2")
@pytest.mark.parametrize("why", ["max_duration", "manual", "timeout"])
def test_every_job_of_a_large_room_goes_to_the_recorded_node(stage: Stage, why: str) -> None:
    if stage.reading.d1 == "mint" if why == "max_duration" else stage.reading.d2 == "before":
        stage.unobservable(f"under this reading a {why} finalize selects under a fresh id, without an affinity")
    nodes, langs = stage.nodes(4), stage.langs[:24]
    stage.serve(nodes, *langs)
    for size in (2, 4, 5, 8, 24):
        session, wanted = stage.session(), nodes[size % 4]
        stage.record(stage.turn(), wanted, session)
        step = stage.finalize(session, why, langs[:size], watch=False)
        stage.claim(set(step.nodes) == {wanted}, f"every job on {wanted}", step.nodes, step.seen)


@case("TA-TURN-4")
@each_fate
def test_d1_whatever_became_of_the_recorded_node(stage: Stage, site: str, became: str) -> None:
    stage.serve(stage.nodes(2), *stage.targets(site))
    session = stage.session()
    turn = open_turn_whose_node_is(stage, became, session)
    step = stage.finalize(session, "max_duration", site)
    observed = f"open turn {turn} ({became}), answer {step.turn_id} ({site})"
    decided_d1(stage, turn, step, stage.open_turn(session), observed)


@case("TA-TURN-4")
def test_d1_in_a_very_long_utterance(stage: Stage) -> None:
    stage.serve(stage.nodes(2))
    session = stage.session()
    first = stage.finalize(session, "max_duration")
    for number in range(2, 70):
        step = stage.finalize(session, "max_duration", watch=False)
        observed = f"{first.turn_id}, then {step.turn_id} (segment {number})"
        decided_d1(stage, first.turn_id, step, stage.open_turn(session), observed)


@case("TA-TURN-5")
@pytest.mark.parametrize(
    "bad", ["MANUAL", "Manual", "MAX_DURATION", " manual", "manual ", "timeout\n", "max_duration\t"]
)
def test_a_reason_is_compared_byte_for_byte(stage: Stage, bad: str) -> None:
    nodes, session = stage.nodes(2), stage.session()
    stage.serve(nodes)
    stage.record(stage.turn(), nodes[0], session)
    before = stage.snapshot()
    step = stage.finalize(session, bad)
    refused = isinstance(step.answer, Refused) and step.answer.code == "bad_request"
    stage.claim(refused, f'error bad_request for reason "{bad}"', told(step.answer), step.seen)
    claim_nothing_changed(stage, before, step)


# selection


@case("TA-SEL-2")
@pytest.mark.parametrize("why", ["max_duration", "manual", "timeout"])
def test_each_job_of_a_batch_is_drawn_for_itself(stage: Stage, why: str) -> None:
    nodes, langs = stage.nodes(3), stage.langs[:5]
    stage.serve(nodes, *langs)
    unseen = set(product(combinations(range(len(langs)), 2), ("on one node", "on two nodes")))
    if why == "max_duration" and stage.reading.d3 == "after-first-job":  # the others join the first
        unseen = {((0, 1), "on one node")}
    nowhere = set(product(range(len(langs)), nodes))
    for _ in range(800):  # at a tenth of the fair share two jobs agree with chance 1/30: never in 800 below 1e-10
        drawn = stage.finalize(stage.session(), why, langs, watch=False).nodes
        nowhere -= set(enumerate(drawn))
        unseen = {
            ((one, other), how)
            for (one, other), how in unseen
            if (drawn[one] == drawn[other]) != (how == "on one node")
        }
        if not unseen and not nowhere:
            return
    told = [f"jobs {one + 1} and {other + 1} never went {how}" for (one, other), how in sorted(unseen)]
    told += [f"job {number + 1} never went to {node}" for number, node in sorted(nowhere)]
    stage.claim(False, "each job of a batch drawn for itself", f"in 800 batches {told[0]}")


@case("TA-SEL-3")
def test_closing_jobs_leave_a_recorded_node_that_went_offline(stage: Stage, site: str, reason: str) -> None:
    needs_d2_after(stage)
    claim_random_though(stage, "offline", reason, site)


@case("TA-SEL-4")
def test_closing_jobs_leave_a_recorded_node_of_another_pair(stage: Stage, site: str, reason: str) -> None:
    needs_d2_after(stage)
    claim_random_though(stage, "another pair", reason, site)


@case("TA-SEL-8")
def test_a_turn_that_supersedes_another_inherits_no_node(stage: Stage, site: str) -> None:
    if stage.reading.d1 == "reuse":
        stage.unobservable("with D1 = reuse no turn supersedes another")
    nodes = stage.nodes(2)
    stage.serve(nodes, *stage.targets(site))

    def spoken(session: str) -> None:
        stage.record(stage.turn(), nodes[0], session)

    claim_random(stage, nodes, finalizes(stage, "max_duration", site, before=spoken), ordered=False)


@case("TA-SEL-8")
def test_a_node_that_another_session_holds_attracts_and_repels_nobody(stage: Stage, reason: str) -> None:
    held, other = stage.nodes(2)
    stage.serve([held])
    stage.finalize(stage.session(), "max_duration")  # by the implementation itself, which may remember it
    stage.serve([other])
    claim_random(stage, [held, other], finalizes(stage, reason), ordered=False)


def claim_random_though(stage: Stage, became: str, reason: str, site: str) -> None:
    """Each finalize of a fresh session, whose turn's recorded node became that, draws among the candidates."""
    nodes = stage.nodes(2)
    stage.serve(nodes, *stage.targets(site))

    def left_behind(session: str) -> None:
        open_turn_whose_node_is(stage, became, session)

    claim_random(stage, nodes, finalizes(stage, reason, site, before=left_behind), ordered=False)


# the write


@case("TA-WRITE-1")
@pytest.mark.parametrize("left", ["no key", "no field", "empty field"])
def test_an_open_turn_without_an_affinity_gets_one(stage: Stage, site: str, left: str) -> None:
    session, turn = stage.session(), stage.turn()
    stage.serve(stage.nodes(2), *stage.targets(site))
    stage.record(turn, "", session)
    if left != "empty field":
        stage.do("DEL", stage.layout.turn_key(turn))
    if left == "no field":
        stage.do("HSET", stage.layout.turn_key(turn), "started_at", "17")
    step = stage.finalize(session, "max_duration", site)
    now = stage.affinity(step.turn_id)
    if now == "" and stage.reading.d4 == "write-once":
        stage.warn("an empty affinity counts as written: HSETNX leaves it, and the turn stays without one")
        return
    stage.claim(now == step.nodes[0], f"{in_words(step.nodes[0])} recorded for {step.turn_id}", now, step.seen)


@case("TA-WRITE-4")
def test_d3_seen_in_where_a_batch_goes_whose_recorded_node_is_gone(stage: Stage) -> None:
    if stage.reading.d1 == "mint":
        stage.unobservable("with D1 = mint no max_duration finalize selects with a recorded affinity")
    if stage.reading.d4 == "write-once":
        stage.unobservable("with D4 = write-once nothing is written over a recorded node")
    langs = stage.langs[:20]
    stage.serve(stage.nodes(3), *langs)
    for _ in range(20):  # a batch of 20 that stays together by chance: below 0.28 even at a tenth of the fair share
        gone, session = stage.nodes(1), stage.session()
        stage.record(stage.turn(), gone[0], session)
        step = stage.finalize(session, "max_duration", langs, watch=False)
        if len(set(step.nodes)) > 1:
            needs_a_write(stage, step)
            stage.decided("D3", "after-batch", step, f"a batch of an open turn went to {len(set(step.nodes))} nodes")
            return
    needs_a_write(stage, step)
    needs_random(stage)
    stage.decided("D3", "after-first-job", step, "every batch went to the node of its first job")


@case("TA-WRITE-5")
def test_d4_seen_in_a_recorded_node_that_is_online_in_no_pool(stage: Stage, site: str) -> None:
    recorded, session, turn = stage.nodes(1), stage.session(), stage.turn()
    stage.serve(stage.nodes(1), *stage.targets(site))
    stage.online(*recorded)
    stage.record(turn, recorded[0], session)
    step = stage.finalize(session, "max_duration", site)
    claim_d4(stage, step, turn, recorded[0], f"online, in no pool; {site}")


def claim_d4(stage: Stage, step: Step, turn: str, recorded: str, scene: str) -> None:
    """Whether the node recorded for `turn`, which is online, stayed."""
    if step.turn_id != turn:
        stage.unobservable("with D1 = mint a new turn has no affinity yet, so that D4 can never be seen")
    stays = stage.affinity(turn) == recorded
    observed = f"the recorded node ({scene}) {'stayed' if stays else 'was overwritten'}"
    stage.decided_d4(gone=False, stays=stays, step=step, observed=observed)


@case("TA-WRITE-5")
def test_d4_seen_again_and_again_in_a_long_utterance(stage: Stage) -> None:
    a, b, *_ = stage.langs
    first, second, session = stage.nodes(1), stage.nodes(1), stage.session()
    stage.serve(first, a)
    stage.serve(second, b)
    turn = stage.finalize(session, "max_duration", [a, b]).turn_id
    for number in range(2, 8):
        recorded = stage.affinity(turn) or ""
        order = [b, a] if recorded == first[0] else [a, b]
        step = stage.finalize(session, "max_duration", order)
        claim_d4(stage, step, turn, recorded, f"segment {number}")


# bindings


@case("TA-BIND-1")
@each_fate
def test_jobs_of_an_open_turn_that_were_drawn_are_bound(stage: Stage, site: str, became: str) -> None:
    session = stage.session()
    stage.serve(stage.nodes(2), *stage.targets(site))
    stage.foreign_fields(session)
    open_turn_whose_node_is(stage, became, session)
    step = stage.finalize(session, "max_duration", site)
    state = stage.snapshot()
    # with after-first-job the others may be routed by the affinity of the first
    for job in step.finalized.jobs if stage.reading.d3 == "after-batch" else step.finalized.jobs[:1]:
        found = state.keys.get(stage.layout.job_key(job.job_id))
        holds = found is not None and found.value == job.node_id
        stage.claim(
            holds, f"job {job.job_id} bound to {in_words(job.node_id)}", found.text() if found else "none", step.seen
        )


@case("TA-BIND-1")
@each_fate
def test_a_closing_finalize_binds_no_job_not_even_for_a_moment(
    stage: Stage, site: str, reason: str, became: str
) -> None:
    session = stage.session()
    stage.serve(stage.nodes(2), *stage.targets(site))
    stage.foreign_fields(session)
    open_turn_whose_node_is(stage, became, session)
    step = stage.finalize(session, reason, site)
    claim_none_bound(stage, step)
    layout = stage.layout
    written = [c for c in step.seen if c.name in SETS_A_STRING and any(is_binding(layout, key) for key in keys_of(c))]
    stage.claim_none(written, f"no job binding for {reason}, not even for a moment", step)


SETS_A_STRING = frozenset({"SET", "SETEX", "PSETEX", "SETNX", "GETSET", "MSET", "MSETNX", "APPEND", "SETRANGE"})


# the clear


@case("TA-CLEAR-1")
@pytest.mark.parametrize("without", [[0], [2], [0, 1], [1, 2]], ids=["first", "last", "first two", "last two"])
@pytest.mark.parametrize("recorded", ["online", "empty"])
def test_a_close_whose_batch_got_only_some_nodes_closes(
    stage: Stage, reason: str, without: list[int], recorded: str
) -> None:
    nodes, session, turn, langs = stage.nodes(2), stage.session(), stage.turn(), stage.langs[:3]
    stage.serve(nodes, *(lang for number, lang in enumerate(langs) if number not in without))
    stage.record(turn, nodes[0] if recorded == "online" else "", session)
    step = stage.finalize(session, reason, langs)
    assert step.finalized.jobs
    now = (stage.affinity(turn), stage.open_turn(session))
    stage.claim(now == (None, None), "the affinity and the open turn deleted", told_turn(*now), step.seen)


@case("TA-CLEAR-5")
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_however_few_other_fields_of_the_session_hash_survive(stage: Stage, reason: str, count: int) -> None:
    session = stage.session()
    stage.serve(stage.nodes(2))
    key, fields = stage.layout.session_key(session), {f"field{number}": stage.name("v") for number in range(count)}
    stage.do("HSET", key, *(part for item in fields.items() for part in item))
    for why in ("max_duration", reason, reason):
        step = stage.finalize(session, why)
        found = stage.snapshot().hash(key)
        stage.claim(fields.items() <= found.items(), in_words(fields), found, step.seen)


@case("TA-KEY-2")
@pytest.mark.parametrize("how", ["the session is gone", "the pointer is gone", "one other field is left"])
def test_a_turn_that_the_session_names_no_more_is_not_cleared(stage: Stage, reason: str, how: str) -> None:
    session = stage.session()
    stage.serve(stage.nodes(2))
    key = stage.layout.session_key(session)
    for _ in range(2):
        turn = stage.finalize(session, "max_duration").turn_id
    stage.do("DEL", key)
    if how == "the pointer is gone":
        stage.foreign_fields(session)
    if how == "one other field is left":
        stage.do("HSET", key, "user_id", "7")
    before = stage.affinity(turn)
    step = stage.finalize(session, reason)
    now = stage.affinity(turn)
    stage.claim(now == before, f"the affinity of {turn}, which the session names no more, as it was", now, step.seen)


@case("TA-CLEAR-8")
def test_a_session_id_is_an_opaque_text_however_long(stage: Stage, reason: str) -> None:
    stage.odd = True
    nodes, session, turn = stage.nodes(2), f"{stage.session()}-{'s' * 200}", stage.turn()
    stage.serve(nodes)
    stage.record(turn, nodes[0], session)
    lengths = (32, 36, 48, 64, 128, len(session) - 1)
    for other in (f"{session}x", session.lower(), *(session[:length] for length in lengths)):
        stage.record(stage.turn(), nodes[1], other)
    before = stage.snapshot()
    step = stage.finalize(session, reason)
    own = {stage.layout.session_key(session), stage.layout.turn_key(turn)}
    stage.claim_others_unchanged(before, stage.snapshot(), "every other key as it was", step, own)


# what is inherited


@case("TA-CLEAR-1")
def test_the_thirtieth_utterance_of_a_session_is_closed_like_the_first(stage: Stage) -> None:
    for number, begun, closing in utterances(stage):
        if closing:
            left = (stage.affinity(begun.turn_id), stage.open_turn(closing.request["session_id"]))
            stage.claim(
                left == (None, None),
                "the affinity and the open turn deleted",
                f"{told_turn(*left)}, utterance {number}",
            )


@case("TA-WRITE-1")
def test_the_thirtieth_utterance_of_a_session_is_written_like_the_first(stage: Stage) -> None:
    for number, begun, closing in utterances(stage):
        if not closing:
            written = (stage.affinity(begun.turn_id), stage.open_turn(begun.request["session_id"]))
            wanted = (begun.nodes[0], begun.turn_id)
            stage.claim(
                written == wanted, f"{told_turn(*wanted)} written", f"{told_turn(*written)}, utterance {number}"
            )


def utterances(stage: Stage) -> Iterator[tuple[int, Step, Step | None]]:
    """Thirty utterances of one session in one process, each begun, and then closed: (number, begun, closing)."""
    stage.serve(stage.nodes(2))
    session = stage.session()
    for number in range(1, 31):
        begun = stage.finalize(session, "max_duration", watch=False)
        yield number, begun, None
        yield number, begun, stage.finalize(session, ("manual", "timeout")[number % 2], watch=False)


@case("TA-NEVER-2")
@pytest.mark.parametrize(("number", "where"), [(2, "solo"), (3, "solo"), (5, "solo"), (2, "room"), (3, "lone-room")])
def test_no_later_utterance_of_a_session_inherits_a_node(stage: Stage, reason: str, number: int, where: str) -> None:
    stage.serve(stage.nodes(2), *stage.targets(where))
    jobs = range(len(stage.targets(where)))
    inherited = set(product(jobs, jobs))  # (job, job of the utterance before): always on one node so far
    for _ in range(480):  # at a tenth of the fair share they differ with chance 1/20: never in 480 below 1e-10
        session = stage.session()
        for _ in range(number - 1):
            last = stage.finalize(session, "max_duration", where, watch=False)
            stage.finalize(session, reason, where, watch=False)
        begun = stage.finalize(session, "max_duration", where, watch=False)
        inherited = {(job, other) for job, other in inherited if begun.nodes[job] == last.nodes[other]}
        if not inherited:
            return
    needs_random(stage)
    job, other = min(inherited)
    observed = f"job {job + 1} always went where job {other + 1} of the one before it had gone"
    stage.claim(False, "an utterance that begins elsewhere now and then", observed)
