"""Who gives a turn its id, who shares it, and when is it over?"""

from collections.abc import Sequence

import pytest

from turnaffinity.judging.cases import case
from turnaffinity.judging.claims import UUID_V4, claim_nothing_changed, decided_d1
from turnaffinity.stage.evidence import in_words
from turnaffinity.stage.stage import Stage, Step, told
from turnaffinity.subjects.subject import Finalized, Refused
from turnaffinity.wire.command import Command
from turnaffinity.wire.effects import Looks, selections

# TA-TURN-1


def claim_uuid(stage: Stage, step: Step) -> None:
    text = step.turn_id
    stage.claim(UUID_V4.fullmatch(text) is not None, "the 36-character text of a UUID v4", f'"{text}"', step.seen)
    if text != text.lower():
        stage.warn(f"the turn id {text} is in upper case; RFC 9562 asks for lower case")


@case("TA-TURN-1")
@pytest.mark.parametrize("why", ["max_duration", "manual", "timeout"])
def test_a_turn_id_is_the_text_of_a_uuid_v4(stage: Stage, site: str, why: str) -> None:
    stage.serve(stage.nodes(2), *stage.targets(site))
    for _ in range(6):
        claim_uuid(stage, stage.finalize(stage.session(), why, site))


@case("TA-TURN-1")
def test_turns_of_different_sessions_have_different_ids(stage: Stage, site: str) -> None:
    stage.serve(stage.nodes(2), *stage.targets(site))
    steps = [stage.finalize(stage.session(), why, site) for why in ("max_duration", "manual", "timeout") * 4]
    ids = [step.turn_id for step in steps]
    twice = sorted({text for text in ids if ids.count(text) > 1})
    stage.claim(not twice, "a turn id of its own for each session", f"{in_words(twice)} given twice", steps[-1].seen)


@case("TA-TURN-1")
def test_two_processes_give_the_same_session_different_ids(stage: Stage) -> None:
    stage.serve(stage.nodes(2))
    session = stage.session()
    given: list[str] = []
    for _ in range(2):  # both fresh, so that a source of ids that always starts alike would start alike
        process = stage.judge.new_subject()
        for why in ("max_duration", "manual"):
            step = stage.finalize(session, why, by=process)
            given.append(step.turn_id)
            stage.do("DEL", stage.layout.session_key(session), stage.layout.turn_key(step.turn_id))
        process.close()
    expected = "ids that no other process gives"
    stage.claim(len(set(given)) == len(given), expected, ", ".join(given))


@case("TA-TURN-1")
def test_the_answer_names_the_turn_that_is_written(stage: Stage, site: str) -> None:
    stage.serve(stage.nodes(2), *stage.targets(site))
    session = stage.session()
    step = stage.finalize(session, "max_duration", site)
    open_turn = stage.open_turn(session)
    expected = f"the session's open turn, {in_words(open_turn)}, in the answer"
    stage.claim(open_turn == step.turn_id, expected, step.turn_id, step.seen)


@case("TA-TURN-1")
@pytest.mark.parametrize("why", ["max_duration", "manual", "timeout"])
def test_the_whole_batch_is_selected_under_one_turn_id(stage: Stage, why: str) -> None:
    stage.serve(stage.nodes(2), *stage.langs[:5])
    step = stage.finalize(stage.session(), why, stage.langs[:5])
    claim_selected_under(stage, step, stage.langs[:5])


def claim_selected_under(stage: Stage, step: Step, langs: list[str]) -> None:
    """Every selection on the wire was given the answer's turn id, or the turn's own key was read."""
    turn = step.turn_id
    found = selections(step.wire, stage.layout, [stage.pair(lang) for lang in langs])
    for selection in found:
        given = selection.turn_argument  # a script with an ABI of its own is judged by behaviour
        expected = f"ARGV[3] = {turn} in the selection for {selection.pair}"
        stage.claim(given in (None, turn), expected, given or "an empty ARGV[3]", step.seen, [selection.unit.top])
    others = [
        command
        for at, command in enumerate(step.wire)
        if Looks(stage.layout).affinity_looks([command])
        and stage.layout.turn_id_of(command.argv[1]) not in (None, turn)
        and not deleted(stage, step.wire[at:], command.argv[1])  # a clear may look at what it is about to delete
    ]
    stage.claim_none(others, f"no read of another turn's affinity than {turn}", step)
    told = [s for s in found if s.turn_argument is not None or s.mentions(turn)]
    if len(told) < len(langs) and not Looks(stage.layout).reads_of(
        step.wire, stage.layout.turn_key(turn), stage.layout.affinity_field
    ):
        stage.unobservable("no script is given a turn id here, and an id of this very finalize need not be read")


def deleted(stage: Stage, wire: Sequence[Command], key: str) -> bool:
    """Whether the affinity of a turn key is deleted in these commands."""
    return bool(Looks(stage.layout).deletes_of(wire, key, stage.layout.affinity_field))


# TA-TURN-2


@case("TA-TURN-2")
@pytest.mark.parametrize("why", ["max_duration", "manual", "timeout"])
def test_the_turn_id_reaches_the_selection_of_every_job(stage: Stage, site: str, why: str) -> None:
    langs = stage.targets(site)
    nodes, session = stage.nodes(3), stage.session()
    stage.serve(nodes, *langs)
    stage.record(stage.turn(), nodes[0], session)
    step = stage.finalize(session, why, site)
    claim_selected_under(stage, step, langs)


@case("TA-TURN-2")
def test_every_job_of_an_open_turn_goes_to_the_recorded_node(stage: Stage, site: str) -> None:
    reason = stage.reason_under_open_turn
    langs = stage.targets(site)
    nodes, session = stage.nodes(4), stage.session()
    stage.serve(nodes, *langs)
    for number in range(24):
        wanted = nodes[number % 4]
        stage.record(stage.turn(), wanted, session)
        step = stage.finalize(session, reason, site)
        stage.claim(set(step.nodes) == {wanted}, f"every job on {wanted}", step.nodes, step.seen)


# TA-TURN-3


@case("TA-TURN-3")
def test_a_closed_turns_id_is_never_used_again(stage: Stage, site: str, reason: str) -> None:
    stage.serve(stage.nodes(2), *stage.targets(site))
    session, closed = stage.session(), set[str]()
    for _ in range(3):
        opened = stage.finalize(session, "max_duration", site)
        stage.claim(opened.turn_id not in closed, "an id that no closed turn had", opened.turn_id, opened.seen)
        ending = stage.finalize(session, reason, site)
        stage.claim(ending.turn_id not in closed, "an id that no closed turn had", ending.turn_id, ending.seen)
        closed |= {opened.turn_id, ending.turn_id}
        lone = stage.finalize(session, reason, site)
        stage.claim(lone.turn_id not in closed, "an id that no closed turn had", lone.turn_id, lone.seen)
        closed.add(lone.turn_id)


@case("TA-TURN-3")
def test_once_the_clear_has_run_no_job_is_selected_under_the_closed_id(stage: Stage, site: str, reason: str) -> None:
    nodes, session, turn = stage.nodes(2), stage.session(), stage.turn()
    stage.serve(nodes, *stage.targets(site))
    stage.record(turn, nodes[0], session)
    step = stage.finalize(session, reason, site)
    rest = Looks(stage.layout).after_the_clear(step.wire, turn, stage.layout.session_key(session))
    pairs = [stage.pair(lang) for lang in stage.targets(site)]
    broken = [found.unit.top for found in selections(rest, stage.layout, pairs) if found.turn_argument == turn]
    broken += [c for c in Looks(stage.layout).affinity_looks(rest) if stage.layout.turn_id_of(c.argv[1]) == turn]
    stage.claim_none(broken, f"no selection under {turn} after its clear", step)


@case("TA-TURN-3")
def test_a_turn_closed_by_another_process_is_not_continued(stage: Stage, reason: str) -> None:
    stage.serve(stage.nodes(2))
    session = stage.session()
    stage.finalize(session, "max_duration")
    turn = stage.finalize(session, "max_duration").turn_id
    stage.finalize(session, reason, by=stage.second)
    step = stage.finalize(session, "max_duration")
    stage.claim(step.turn_id != turn, "a new id after the close", f"{turn} again", step.seen)


@case("TA-TURN-3")
def test_a_closed_turn_of_one_session_is_not_used_by_another(stage: Stage) -> None:
    stage.serve(stage.nodes(2))
    first, second = stage.session(), stage.session()
    turn = stage.finalize(first, "max_duration").turn_id
    stage.finalize(first, "manual")
    step = stage.finalize(second, "max_duration")
    stage.claim(step.turn_id != turn, "an id that no closed turn had", step.turn_id, step.seen)


# TA-TURN-4 (D1)


@case("TA-TURN-4")
def test_d1_a_segment_after_the_subjects_own_first_one(stage: Stage, site: str) -> None:
    stage.serve(stage.nodes(2), *stage.targets(site))
    session = stage.session()
    first = stage.finalize(session, "max_duration", site)
    second = stage.finalize(session, "max_duration", site)
    observed = f"{first.turn_id}, then {second.turn_id} ({site})"
    decided_d1(stage, first.turn_id, second, stage.open_turn(session), observed)


@case("TA-TURN-4")
@pytest.mark.parametrize("with_affinity", [True, False])
def test_d1_a_segment_of_a_turn_that_was_opened_before(stage: Stage, site: str, with_affinity: bool) -> None:
    nodes, session, turn = stage.nodes(2), stage.session(), stage.turn()
    stage.serve(nodes, *stage.targets(site))
    stage.record(turn, nodes[0], session)
    if not with_affinity:  # a turn whose key is gone is open still
        stage.do("DEL", stage.layout.turn_key(turn))
    step = stage.finalize(session, "max_duration", site)
    observed = f"open turn {turn}, answer {step.turn_id} ({site})"
    decided_d1(stage, turn, step, stage.open_turn(session), observed)


# TA-TURN-5

BAD_REASONS = ["", "final", "max-duration", "maxduration", "max", "time", "cancel", "none", "manual,timeout", "0"]


def claim_refused(stage: Stage, step_of: str, **asked: object) -> None:
    """The request is refused with `bad_request`, and nothing in Redis changes."""
    before = stage.snapshot()
    step = stage.finalize(**asked)  # type: ignore[arg-type]
    refused = isinstance(step.answer, Refused) and step.answer.code == "bad_request"
    stage.claim(refused, f"error bad_request for {step_of}", told(step.answer), step.seen)
    claim_nothing_changed(stage, before, step)


def open_scene(stage: Stage) -> str:
    nodes, session = stage.nodes(2), stage.session()
    stage.serve(nodes, *stage.langs[:3])
    stage.record(stage.turn(), nodes[0], session)
    stage.foreign_fields(session)
    return session


@case("TA-TURN-5")
@pytest.mark.parametrize("bad", BAD_REASONS)
def test_an_unknown_reason_is_refused_and_changes_nothing(stage: Stage, site: str, bad: str) -> None:
    claim_refused(stage, f'reason "{bad}"', session=open_scene(stage), reason=bad, site=site)


@case("TA-TURN-5")
@pytest.mark.parametrize("why", ["max_duration", "manual", "timeout"])
def test_an_empty_session_id_is_refused_and_changes_nothing(stage: Stage, site: str, why: str) -> None:
    open_scene(stage)
    turn, key = stage.turn(), stage.layout.session_key("")
    stage.do("HSET", key, stage.layout.current_turn_field, turn)
    stage.record(turn, "x")
    claim_refused(stage, "an empty session id", session="", reason=why, site=site)


@case("TA-TURN-5")
@pytest.mark.parametrize("why", ["max_duration", "manual", "timeout"])
@pytest.mark.parametrize("bad", ["", "zh:en", ":"])
def test_a_language_that_is_empty_or_has_a_colon_is_refused(stage: Stage, why: str, bad: str) -> None:
    session, langs = open_scene(stage), stage.langs
    claim_refused(stage, f'source language "{bad}"', session=session, reason=why, src=bad)
    claim_refused(stage, f'target language "{bad}"', session=session, reason=why, tgt=bad)
    claim_refused(stage, f'target language "{bad}", lone room', session=session, reason=why, site="lone-room", tgt=bad)
    claim_refused(stage, f'room language "{bad}"', session=session, reason=why, site=[*langs[:2], bad])


# TA-TURN-6


def claim_batch(stage: Stage, step: Step, langs: list[str]) -> None:
    answered = [job.tgt_lang for job in step.finalized.jobs]
    stage.claim(answered == langs, f"one job each for {', '.join(langs)}, in this order", answered, step.seen)
    ids = [job.job_id for job in step.finalized.jobs]
    stage.claim(len(set(ids)) == len(ids) and all(ids), "a job id of its own for each job", ids, step.seen)


@case("TA-TURN-6")
@pytest.mark.parametrize("why", ["max_duration", "manual", "timeout"])
def test_a_solo_session_and_a_room_without_others_get_one_job(stage: Stage, why: str) -> None:
    stage.serve(stage.nodes(2), *stage.langs[:3])
    for site in ("solo", "lone-room"):
        step = stage.finalize(stage.session(), why, site, tgt=stage.langs[2])
        claim_batch(stage, step, [stage.langs[2]])


@case("TA-TURN-6")
@pytest.mark.parametrize("why", ["max_duration", "manual", "timeout"])
def test_a_room_gets_one_job_for_each_distinct_language_in_the_order_given(stage: Stage, why: str) -> None:
    a, b, c, d, *_ = stage.langs
    stage.serve(stage.nodes(2), *stage.langs, stage.src)
    for room, jobs in (
        ([a, b, a], [a, b]),
        ([c, b, a], [c, b, a]),
        ([b], [b]),
        ([d, d, d], [d]),
        ([a, b, c, b, a, d], [a, b, c, d]),
        ([stage.src, a], [stage.src, a]),
        (sorted(stage.langs[:12], reverse=True), sorted(stage.langs[:12], reverse=True)),
        (sorted(stage.langs, reverse=True), sorted(stage.langs, reverse=True)),
    ):
        claim_batch(stage, stage.finalize(stage.session(), why, room), jobs)


@case("TA-TURN-6")
@pytest.mark.parametrize("why", ["max_duration", "manual", "timeout"])
def test_languages_that_share_a_beginning_are_distinct(stage: Stage, why: str) -> None:
    room = ["zh", "zh-CN", "zh-TW", "yue"]
    stage.serve(stage.nodes(2), *room)
    claim_batch(stage, stage.finalize(stage.session(), why, room), room)


@case("TA-TURN-6")
@pytest.mark.parametrize("why", ["max_duration", "manual", "timeout"])
def test_the_target_language_is_ignored_where_the_room_names_languages(stage: Stage, why: str) -> None:
    a, b, c, *_ = stage.langs
    stage.serve(stage.nodes(2), a, b, c)
    for ignored in (c, "", f"{a}:{b}"):
        claim_batch(stage, stage.finalize(stage.session(), why, [a, b], tgt=ignored), [a, b])


@case("TA-TURN-6")
@pytest.mark.parametrize("why", ["max_duration", "manual", "timeout"])
def test_a_job_that_got_no_node_stays_in_the_answer(stage: Stage, why: str) -> None:
    a, b, c, *_ = stage.langs
    nodes = stage.nodes(2)
    stage.serve(nodes, b)
    step = stage.finalize(stage.session(), why, [a, b, c])
    claim_batch(stage, step, [a, b, c])
    answered = step.nodes
    holds = answered[0] is None and answered[1] in nodes and answered[2] is None
    stage.claim(holds, f"no node for {a} and {c}, one of {in_words(nodes)} for {b}", told(step.answer), step.seen)


@case("TA-TURN-6")
def test_jobs_of_different_batches_have_different_ids(stage: Stage, site: str) -> None:
    stage.serve(stage.nodes(2), *stage.targets(site))
    session, ids = stage.session(), list[str]()
    for why in ("max_duration", "max_duration", "manual", "max_duration", "timeout"):
        answer = stage.finalize(session, why, site).answer
        assert isinstance(answer, Finalized)
        ids += [job.job_id for job in answer.jobs]
    stage.claim(len(set(ids)) == len(ids), "job ids that no other job has", ", ".join(ids))
