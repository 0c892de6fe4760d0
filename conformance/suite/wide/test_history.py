"""What is true of every finalize, whatever came before it? Long plays, judged rule by rule.

One is a mixed life of four sessions; in the other each closing finalize meets an error.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from turnaffinity.contract.answers import Job
from turnaffinity.contract.layout import LEGACY_FIELDS
from turnaffinity.faults.failed_clears import finalizes_after_an_error
from turnaffinity.judging.cases import case
from turnaffinity.judging.claims import UUID_V4, told_affinity, told_turn
from turnaffinity.stage.business import bindings, of_turns_and_sessions, under
from turnaffinity.stage.evidence import in_words
from turnaffinity.stage.long_plays import Moment, finalizes_of_all_kinds
from turnaffinity.stage.stage import Stage, told
from turnaffinity.stage.state import NO_TTL, State
from turnaffinity.subjects.subject import Refused
from turnaffinity.wire.effects import Looks
from turnaffinity.wire.meaning import is_scan, keys_of

PLAYS = {"in a mixed history": finalizes_of_all_kinds, "after an error": finalizes_after_an_error}
each_play = pytest.mark.parametrize("play", list(PLAYS))


def opened(stage: Stage, moment: Moment, state: State | None = None) -> str | None:
    """The session's open turn before the finalize, or in another state."""
    fields = (state or moment.before).hash(stage.layout.session_key(moment.session))
    return fields.get(stage.layout.current_turn_field) or None


def affinity(stage: Stage, state: State, turn: str) -> str | None:
    return state.hash(stage.layout.turn_key(turn)).get(stage.layout.affinity_field)


def is_online(stage: Stage, state: State, node: str) -> bool:
    return stage.layout.node_key(node) in state.keys


def candidates(stage: Stage, moment: Moment, lang: str) -> set[str]:
    return moment.candidates(stage.layout, f"{moment.step.request['src_lang']}:{lang}")


@dataclass(frozen=True)
class Routed:
    """One job: what its turn recorded when it was selected, and who could have served it."""

    job: Job
    recorded: str | None
    candidates: set[str]

    @property
    def told(self) -> str:
        return f"{self.job.tgt_lang} on {self.job.node_id or 'no node'}, recorded {self.recorded or 'none'}"


def routed(stage: Stage, moment: Moment) -> Iterator[Routed]:
    """The jobs of a finalize; with D3 = `after-first-job` the later ones find what the first one left."""
    if moment.answer is None:
        return
    recorded = affinity(stage, moment.before, moment.answer.turn_id)
    written = moment.closing or stage.reading.d3 == "after-batch"
    for job in moment.answer.jobs:
        yield Routed(job, recorded or None, candidates(stage, moment, job.tgt_lang))
        if job.node_id and not written:
            if may_stay_empty(stage, recorded):
                return
            recorded, written = left_by_a_write(stage, moment.before, recorded, job.node_id), True


def may_stay_empty(stage: Stage, recorded: str | None) -> bool:
    """Whether a write may leave an empty field as it is: HSETNX does (a warning of TA-WRITE-1's own case)."""
    return recorded == "" and stage.reading.d4 == "write-once"


def left_by_a_write(stage: Stage, before: State, recorded: str | None, node: str) -> str:
    """The affinity after a write (D4)."""
    stays = {"overwrite": False, "write-once": True, "repair": is_online(stage, before, recorded or "")}
    return recorded if recorded and stays[stage.reading.d4] else node


def claim_some(stage: Stage, count: int, what: str) -> None:
    """Say how often the claim was put; a rule that met no occasion was not seen."""
    if not count:
        stage.unobservable(f"no finalize of the history shows {what} under this reading")
    stage.note(f"{count} occasions in a play of many finalizes")


# turns


@case("TA-TURN-1")
def test_in_a_mixed_history_each_new_turn_id_is_the_text_of_a_uuid_v4(stage: Stage) -> None:
    count = 0
    for moment in finalizes_of_all_kinds(stage):
        if moment.answer and moment.answer.turn_id != opened(stage, moment):
            count += 1
            text = moment.answer.turn_id
            holds = UUID_V4.fullmatch(text) is not None
            stage.claim(holds, "the 36-character text of a UUID v4", f'"{text}"', moment.step.seen)
    claim_some(stage, count, "a new turn id")


@case("TA-TURN-2")
def test_in_a_mixed_history_each_job_goes_to_the_node_that_its_turn_recorded(stage: Stage) -> None:
    count = 0
    for moment in finalizes_of_all_kinds(stage):
        for each in routed(stage, moment):
            if each.recorded in each.candidates:
                count += 1
                holds = each.job.node_id == each.recorded
                stage.claim(holds, f"{each.job.tgt_lang} on the recorded node", each.told, moment.step.seen)
    claim_some(stage, count, "a job of a turn with an affinity")


@case("TA-TURN-3")
@each_play
def test_no_id_comes_twice(stage: Stage, play: str) -> None:
    count = 0
    for moment in PLAYS[play](stage):
        if moment.answer and moment.answer.turn_id != opened(stage, moment):
            count += 1
            holds = moment.answer.turn_id not in moment.used
            stage.claim(holds, "an id that no turn had before", moment.answer.turn_id, moment.step.seen)
    claim_some(stage, count, "a new turn id")


@case("TA-TURN-4")
def test_in_a_mixed_history_d1_is_always_the_same(stage: Stage) -> None:
    count = 0
    for moment in finalizes_of_all_kinds(stage):
        before = opened(stage, moment)
        now = opened(stage, moment, moment.after)
        if moment.answer and before and not moment.closing and moment.answer.turn_id in (before, now):
            count += 1
            choice = "reuse" if moment.answer.turn_id == before else "mint"
            stage.decided("D1", choice, moment.step, f"open turn {before}, answer {moment.answer.turn_id}")
    claim_some(stage, count, "a segment of an open turn")


@case("TA-TURN-6")
def test_in_a_mixed_history_each_language_gets_one_job(stage: Stage) -> None:
    count = 0
    for moment in finalizes_of_all_kinds(stage, answers=True):
        count += 1
        if moment.answer is None:
            nobody = not any(candidates(stage, moment, lang) for lang in moment.langs)
            refused = isinstance(moment.step.answer, Refused) and moment.step.answer.code == "no_node"
            expected = f"one job each for {', '.join(moment.langs)}, or no_node where nobody serves any of them"
            stage.claim(nobody and refused, expected, told(moment.step.answer), moment.step.seen)
            continue
        langs = [job.tgt_lang for job in moment.answer.jobs]
        expected = f"one job each for {', '.join(moment.langs)}, in this order"
        stage.claim(langs == moment.langs, expected, langs, moment.step.seen)
    claim_some(stage, count, "an answer")


# selection


@case("TA-SEL-2")
def test_in_a_mixed_history_a_job_without_an_affinity_goes_to_a_candidate(stage: Stage) -> None:
    claim_candidates(stage, "without an affinity")


@case("TA-SEL-3")
def test_in_a_mixed_history_a_job_leaves_a_recorded_node_that_is_offline(stage: Stage) -> None:
    claim_candidates(stage, "offline")


@case("TA-SEL-4")
def test_in_a_mixed_history_a_job_leaves_a_recorded_node_of_another_pair(stage: Stage) -> None:
    claim_candidates(stage, "of another pair")


def claim_candidates(stage: Stage, scene: str) -> None:
    """Where nothing routes it (`scene` says why), a job goes to one of the candidates, if there are any."""
    count = 0
    for moment in finalizes_of_all_kinds(stage):
        for each in routed(stage, moment):
            why = "without an affinity"
            if each.recorded:
                why = "of another pair" if is_online(stage, moment.before, each.recorded) else "offline"
            if each.candidates and each.recorded not in each.candidates and why == scene:
                count += 1
                holds = each.job.node_id in each.candidates
                expected = f"{each.job.tgt_lang} on one of {', '.join(sorted(each.candidates))}"
                stage.claim(holds, expected, each.told, moment.step.seen)
    claim_some(stage, count, f"a job {scene}" if scene == "without an affinity" else f"a recorded node {scene}")


@case("TA-SEL-7")
def test_in_a_mixed_history_a_job_that_nobody_serves_gets_no_node(stage: Stage) -> None:
    count = 0
    for moment in finalizes_of_all_kinds(stage):
        for each in routed(stage, moment):
            if not each.candidates:
                count += 1
                stage.claim(each.job.node_id is None, f"no node for {each.job.tgt_lang}", each.told, moment.step.seen)
    claim_some(stage, count, "a job that nobody serves beside one that somebody does")


# the write


@case("TA-WRITE-1")
def test_in_a_mixed_history_each_segment_leaves_the_turn_open_with_an_affinity(stage: Stage) -> None:
    count = 0
    for moment in finalizes_of_all_kinds(stage):
        if moment.closing or not moment.is_answered(stage.layout):
            continue
        count += 1
        before, after = opened(stage, moment), opened(stage, moment, moment.after)
        if moment.answer is None:
            was = affinity(stage, moment.before, before or "")
            found = affinity(stage, moment.after, before or "")
            same = after == before and found == was
            expected = f"neither field written: {told_turn(was, before)}"
            stage.claim(same, expected, told_turn(found, after), moment.step.seen)
            continue
        turn, first = moment.answer.turn_id, moment.answer.first_node_id
        stage.claim(after == turn, f"{stage.layout.current_turn_field} = {turn}", after, moment.step.seen)
        recorded, now = affinity(stage, moment.before, turn), affinity(stage, moment.after, turn)
        stays = now == recorded and (bool(recorded) or may_stay_empty(stage, recorded))  # which of them is D4's
        holds = now == first or stays
        observed = f"{told_affinity(now)}, and before {told_affinity(recorded)}"
        stage.claim(holds, f"the first job's node {first or 'none'} recorded", observed, moment.step.seen)
    claim_some(stage, count, "a max_duration finalize")


@case("TA-WRITE-2")
@each_play
def test_no_finalize_gives_anything_a_ttl(stage: Stage, play: str) -> None:
    count, looks = 0, Looks(stage.layout)
    for moment in PLAYS[play](stage):
        count += 1
        for key, now in of_turns_and_sessions(stage.layout, moment.after).items():
            old = moment.before.keys.get(key)
            holds = now.expires_at_ms in (NO_TTL, old.expires_at_ms if old else NO_TTL)
            stage.claim(holds, "no TTL but the session manager's own", f"{key} got one", moment.step.seen)
        broken = looks.ttl_on(moment.step.seen, turns=False, sessions=True)
        stage.claim_none(broken, "no command about the TTL of a session hash", moment.step)
    claim_some(stage, count, "a finalize")


@case("TA-WRITE-3")
@each_play
def test_no_closing_finalize_writes(stage: Stage, play: str) -> None:
    count = 0
    for moment in PLAYS[play](stage):
        if not moment.closing:
            continue
        count += 1
        now = opened(stage, moment, moment.after)
        stage.claim(now in (None, opened(stage, moment)), "no open turn written", f"{now} is open", moment.step.seen)
        for key in under(stage.layout, moment.after, "turn"):
            turn = stage.layout.turn_id_of(key) or ""
            old, new = affinity(stage, moment.before, turn), affinity(stage, moment.after, turn)
            observed = f"{told_affinity(new)}, and before {told_affinity(old)}"
            stage.claim(new in (None, old), f"no affinity written to {key}", observed, moment.step.seen)
    claim_some(stage, count, "a closing finalize")


@case("TA-WRITE-5")
def test_in_a_mixed_history_d4_is_always_the_same(stage: Stage) -> None:
    count = 0
    for moment in finalizes_of_all_kinds(stage):
        if moment.closing or moment.answer is None or moment.answer.turn_id != opened(stage, moment):
            continue
        recorded = affinity(stage, moment.before, moment.answer.turn_id)
        if recorded and moment.answer.first_node_id not in (None, recorded):
            count += 1
            gone = not is_online(stage, moment.before, recorded)
            stays = affinity(stage, moment.after, moment.answer.turn_id) == recorded
            observed = (
                f"the recorded node ({'offline' if gone else 'online'}) {'stayed' if stays else 'was overwritten'}"
            )
            stage.decided_d4(gone=gone, stays=stays, step=moment.step, observed=observed)
    claim_some(stage, count, "a write where another node is recorded")


# the clear


@case("TA-CLEAR-1")
def test_in_a_mixed_history_each_closing_finalize_closes_the_open_turn(stage: Stage) -> None:
    count = 0
    for moment in finalizes_of_all_kinds(stage):
        turn = opened(stage, moment)
        if moment.closing and turn and moment.answer:  # that a batch without a node closes too is TA-SEL-7's
            count += 1
            pointer = moment.after.hash(stage.layout.session_key(moment.session)).get(stage.layout.current_turn_field)
            now = (affinity(stage, moment.after, turn), pointer)
            expected = "the affinity and the open turn deleted"
            stage.claim(now == (None, None), expected, told_turn(*now), moment.step.seen)
    claim_some(stage, count, "a close of an open turn")


@case("TA-CLEAR-2")
def test_in_a_mixed_history_a_close_of_nothing_changes_nothing(stage: Stage) -> None:
    count = 0
    for moment in finalizes_of_all_kinds(stage):
        if moment.closing and not opened(stage, moment):
            count += 1
            own = stage.layout.session_key(moment.session)
            stage.claim_turns_unchanged(moment.before, moment.after, "every key as it was", moment.step, {own})
            before, after = their_fields(stage, moment.before, own), their_fields(stage, moment.after, own)
            expected = f"the session hash as it was: {in_words(before)}"
            stage.claim(before == after, expected, after, moment.step.seen)
    claim_some(stage, count, "a close where no turn is open")


def their_fields(stage: Stage, state: State, session_key: str) -> dict[str, str]:
    """The fields that are not the scheduler's; an empty pointer and left-over legacy fields may go."""
    ours = {stage.layout.current_turn_field, *LEGACY_FIELDS}
    return {name: value for name, value in state.hash(session_key).items() if name not in ours}


def claim_others_unchanged(stage: Stage, moment: Moment, own: set[str]) -> None:
    """All turn keys and session hashes but a finalize's own are as they were."""
    expected = "other sessions and turns as they were"
    stage.claim_turns_unchanged(moment.before, moment.after, expected, moment.step, own)


def own_keys(stage: Stage, moment: Moment) -> set[str]:
    """The session's hash, and the keys of the turns that this finalize may touch."""
    turns = {opened(stage, moment), moment.answer.turn_id if moment.answer else None, *moment.superseded} - {None}
    return {stage.layout.session_key(moment.session), *(stage.layout.turn_key(turn) for turn in turns if turn)}


@case("TA-CLEAR-3")
def test_in_a_mixed_history_d2_is_always_the_same(stage: Stage) -> None:
    count = 0
    for moment in finalizes_of_all_kinds(stage):
        turn = opened(stage, moment)
        cleared = not opened(stage, moment, moment.after)
        if moment.closing and moment.answer and turn and cleared:
            count += 1
            choice = "after" if moment.answer.turn_id == turn else "before"
            observed = f"the open turn was {turn}, the jobs' turn is {moment.answer.turn_id}"
            stage.decided("D2", choice, moment.step, observed)
    claim_some(stage, count, "a close of an open turn")


@case("TA-CLEAR-5")
@each_play
def test_other_fields_of_the_session_hash_survive_every_finalize(stage: Stage, play: str) -> None:
    count = 0
    for moment in PLAYS[play](stage):
        key = stage.layout.session_key(moment.session)
        before, after = their_fields(stage, moment.before, key), their_fields(stage, moment.after, key)
        if before:
            count += 1
            stage.claim(before.items() <= after.items(), in_words(before), after, moment.step.seen)
            ttl, now = moment.before.keys[key].expires_at_ms, moment.after.keys[key].expires_at_ms
            holds = now == ttl or ttl == NO_TTL  # that a TTL comes is TA-WRITE-2's
            stage.claim(holds, "the session manager's TTL as it was", f"{now} ms, before {ttl} ms", moment.step.seen)
    claim_some(stage, count, "a session hash with other fields")


@case("TA-CLEAR-6")
def test_in_a_mixed_history_no_field_of_the_turns_own_outlives_its_close(stage: Stage) -> None:
    count = 0
    for moment in finalizes_of_all_kinds(stage):
        turn = opened(stage, moment)
        if not (moment.closing and turn and moment.answer):
            continue
        count += 1
        key = stage.layout.turn_key(turn)
        theirs = set(moment.before.hash(key)) - {stage.layout.affinity_field}
        left = set(moment.after.hash(key)) - theirs
        stage.claim(not left, f"no field of the turn's own in {key}", ", ".join(sorted(left)), moment.step.seen)
        if moment.answer.turn_id != turn:
            fresh = stage.layout.turn_key(moment.answer.turn_id)
            stage.claim(fresh not in moment.after.keys, f"no key {fresh}", "it is there", moment.step.seen)
    claim_some(stage, count, "a close of an open turn")


@case("TA-CLEAR-8")
@each_play
def test_a_close_touches_only_its_own(stage: Stage, play: str) -> None:
    count, looks = 0, Looks(stage.layout)
    for moment in PLAYS[play](stage):
        if moment.closing:
            count += 1
            own = own_keys(stage, moment)
            claim_others_unchanged(stage, moment, own)
            others = of_turns_and_sessions(stage.layout, moment.before).keys() - own
            looked = looks.looking_elsewhere(moment.step.seen, None)
            broken = [command for command in looked if is_scan(command) or set(keys_of(command)) & others]
            stage.claim_none(
                broken, "only the session's own hash and the turn named there; no KEYS, no SCAN", moment.step
            )
    claim_some(stage, count, "a closing finalize")


@case("TA-KEY-1")
def test_in_a_mixed_history_a_segment_writes_only_to_its_own_turn_and_session(stage: Stage) -> None:
    count = 0
    for moment in finalizes_of_all_kinds(stage):
        if not moment.closing and moment.is_answered(stage.layout):
            count += 1
            claim_others_unchanged(stage, moment, own_keys(stage, moment))
    claim_some(stage, count, "a max_duration finalize")


# bindings, and what never happens


@case("TA-BIND-1")
@each_play
def test_exactly_the_jobs_of_segments_are_bound(stage: Stage, play: str) -> None:
    count = 0
    for moment in PLAYS[play](stage):
        made = [job.job_id for job in moment.answer.jobs] if moment.answer else []
        bound = bindings(stage.layout, moment.after, made).keys() - bindings(stage.layout, moment.before, made).keys()
        if moment.closing:
            count += 1
            stage.claim(not bound, "no job binding", ", ".join(sorted(bound)), moment.step.seen)
        for each in [] if moment.closing else routed(stage, moment):
            count += 1
            key = stage.layout.job_key(each.job.job_id)
            found = moment.after.keys.get(key)
            at_random = each.job.node_id is not None and each.recorded not in each.candidates
            holds = found.value == each.job.node_id if found else not at_random
            expected = f"{key} = {each.job.node_id}" if each.job.node_id else f"no key {key}"
            stage.claim(holds, expected, found.text() if found else "no key", moment.step.seen)
    claim_some(stage, count, "a job")


@case("TA-NEVER-1")
@each_play
def test_no_command_is_about_the_life_of_a_turn_key(stage: Stage, play: str) -> None:
    for moment in PLAYS[play](stage):
        broken = Looks(stage.layout).ttl_on(moment.step.wire)
        stage.claim_none(broken, "no command about the TTL of a turn key", moment.step)


@case("TA-KEY-3")
@each_play
def test_no_command_of_a_finalize_reads_or_writes_a_legacy_field(stage: Stage, play: str) -> None:
    for moment in PLAYS[play](stage):
        broken = Looks(stage.layout).legacy(moment.step.wire)
        stage.claim_none(broken, "no command that names a legacy field", moment.step)
