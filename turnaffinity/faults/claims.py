"""Which promises does a play with a fault break? One function for each rule TA-FAULT-1 to TA-FAULT-8."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from turnaffinity.contract.decisions import Reading
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.faults.play import SCENARIOS, Place, Play, Player, is_error, places
from turnaffinity.faults.proxied import fault_proxied, renew_fault_proxied
from turnaffinity.server import parse_address
from turnaffinity.server.live import connect
from turnaffinity.showing.sentences import told
from turnaffinity.stage.drawing import needs_random
from turnaffinity.stage.evidence import NotRun, Violation
from turnaffinity.stage.judge import Judge
from turnaffinity.stage.stage import Stage
from turnaffinity.stage.state import NO_TTL, KeyState
from turnaffinity.subjects.subject import Broke, Finalized, Refused

State = dict[str, KeyState]
AGAIN = 13
"""A choice that may be chance is played so often again; chance repeats it with less than 1e-12."""

INHERITED = "a later turn went to the closed turn's node"
"""What a choice that is not random shows too."""

MOST_RENEWED = 3
"""A process that a fault has worn out is replaced so often; then the rest of the scenario is left."""

ANSWERS = frozenset({"redis", "no_node"})
"""The errors with which a finalize may answer a fault."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the claims are judged by: the reading, and the names of the keys."""

    reading: Reading
    layout: KeyLayout

    def open_turn(self, state: State, play: Play) -> str | None:
        """The session's open turn; an empty field is none."""
        found = state.get(self.layout.session_key(play.session))
        return (found.value.get(self.layout.current_turn_field) or None) if found else None

    def affinity(self, state: State, turn: str | None) -> str | None:
        """A turn's affinity; an empty field is none."""
        found = state.get(self.layout.turn_key(turn)) if turn else None
        return (found.value.get(self.layout.affinity_field) or None) if found else None

    def left_of(self, state: State, play: Play, turn: str | None) -> list[str]:
        """What of a turn that should be closed still stands."""
        pointer, node = self.open_turn(state, play), self.affinity(state, turn)
        left = [f"{self.layout.current_turn_field} = {pointer}"] if pointer else []
        return left + ([f"{self.layout.affinity_field} of turn {turn} = {node}"] if node else [])

    def own(self, state: State, play: Play) -> Iterator[tuple[str, KeyState]]:
        """The keys of the play's own session."""
        return ((key, value) for key, value in state.items() if key not in play.others)


Claim = Callable[[Ruling, Play], str | None]
"""What a play shows against a rule, in words; None if nothing."""


def not_closed_at_once(ruling: Ruling, play: Play) -> str | None:
    """TA-FAULT-1: the turn that one error reply keeps open."""
    if play.opened is None or play.scenario.reason == "max_duration" or not is_error(play.place.fault):
        return None
    if ruling.reading.d2 == "after" and not play.selecting:
        return None
    left = ruling.left_of(play.state, play, play.opened)
    return f"{' and '.join(left)} left" if left else None


def not_closed_by_the_next(ruling: Ruling, play: Play) -> str | None:
    """TA-FAULT-2: the turn that the next closing finalize leaves open."""
    closing = play.afterwards[1]
    left = ruling.left_of(closing.after, play, ruling.open_turn(closing.before, play))
    answered = told(closing.answer)
    return f"{' and '.join(left)} left by the {closing.reason} after it ({answered})" if left else None


def wrong_node(ruling: Ruling, play: Play) -> str | None:
    """TA-FAULT-3: a job that went where it may not go."""
    if lost := lost_turn(ruling, play):
        return lost
    for after in play.afterwards:
        if not isinstance(after.answer, Finalized):
            continue
        recorded = ruling.affinity(after.before, after.answer.turn_id)
        for job in after.answer.jobs:
            if job.node_id not in ({recorded} if recorded in play.nodes else set(play.nodes)):
                wanted = recorded or "a candidate"
                return f"the {after.reason} after it sent {job.tgt_lang} to {job.node_id or 'no node'}, not to {wanted}"
    return None


def lost_turn(ruling: Ruling, play: Play) -> str | None:
    """The next segment that left its node, since a fault in the one before made a new turn of an open one."""
    after = play.afterwards[0]
    wanted = ruling.affinity(play.start, play.opened)
    goes_on = play.scenario.reason == "max_duration" and ruling.reading.d1 == "reuse" and wanted in play.nodes
    if not goes_on or not isinstance(after.answer, Finalized) or after.answer.turn_id == play.opened:
        return None
    if after.answer.first_node_id == wanted:
        return None
    sent = f"the {after.reason} after it sent its job to {after.answer.first_node_id or 'no node'}"
    return f"{sent}, under turn {after.answer.turn_id}; turn {play.opened} was open, at {wanted}"


def closed_ids(ruling: Ruling, play: Play) -> Iterator[tuple[int, dict[str, str]]]:
    """For the first and the third finalize after the fault: the turns closed by then, and their nodes."""
    closed = dict(play.closed)
    opened = {play.opened: ruling.affinity(play.start, play.opened) or ""} if play.opened else {}
    if play.scenario.reason != "max_duration" and not ruling.left_of(play.state, play, play.opened):
        closed |= opened
    yield 0, closed
    closing = play.afterwards[1]
    named = ruling.open_turn(closing.before, play)
    if named and not ruling.left_of(closing.after, play, named):
        closed = closed | {named: ruling.affinity(closing.before, named) or ""}
    yield 2, closed


def suspicious(ruling: Ruling, play: Play) -> bool:
    """Whether a later turn went to a closed turn's node, which may be chance."""
    for number, closed in closed_ids(ruling, play):
        after = play.afterwards[number]
        answer = after.answer
        drawn = isinstance(answer, Finalized) and not ruling.affinity(after.before, answer.turn_id)
        if drawn and isinstance(answer, Finalized) and answer.first_node_id in set(closed.values()) - {""}:
            return True
    return False


def brought_back(ruling: Ruling, play: Play) -> str | None:
    """TA-FAULT-4: what a closed turn still does."""
    for turn in play.closed:
        if ruling.affinity(play.state, turn):
            return f"closed turn {turn} written again"
    for number, closed in closed_ids(ruling, play):
        after = play.afterwards[number]
        if isinstance(after.answer, Finalized) and after.answer.turn_id in closed:
            return f"the {after.reason} after it used the closed turn {after.answer.turn_id}"
        for turn in closed:
            if ruling.affinity(after.after, turn):
                return f"closed turn {turn} written again by the {after.reason} after it"
    return f"{INHERITED}, {AGAIN} times out of {AGAIN}" if play.inherited else None


def ttl_set(ruling: Ruling, play: Play) -> str | None:
    """TA-FAULT-5: a TTL on a turn key or on the session hash."""
    for state in play.states:
        for key, value in ruling.own(state, play):
            if value.expires_at_ms != NO_TTL:
                return f"{key} has a TTL"
    return None


def others_touched(ruling: Ruling, play: Play) -> str | None:
    """TA-FAULT-6: another session's keys, or other people's fields, that changed."""
    session = ruling.layout.session_key(play.session)
    for state in play.states:
        changed = sorted(key for key in play.others if state.get(key) != play.start.get(key))
        if changed:
            return f"{changed[0]} changed, which belongs to another session"
        fields = state[session].value if session in state else {}
        if (fields.get("user_id"), fields.get("note")) != ("theirs", "keep"):
            return f"other people's fields of {session} changed or lost"
    return None


def left_for_ever(ruling: Ruling, play: Play) -> str | None:
    """TA-FAULT-7: turn keys that nothing names any more."""
    allowed: set[str | None] = set()
    if ruling.reading.d1 == "mint":  # what was superseded may stay
        answers = [after.answer for after in play.afterwards[:1]]
        allowed = {ruling.open_turn(state, play) for state in (play.start, play.state, play.afterwards[0].after)}
        allowed |= {answer.turn_id for answer in answers if isinstance(answer, Finalized)}
    turns = {key: ruling.layout.turn_id_of(key) for key, _ in ruling.own(play.afterwards[1].after, play)}
    left = sorted(key for key, turn in turns.items() if turn is not None and turn not in allowed)
    return f"{left[0]} left for ever" if left else None


def not_alive(ruling: Ruling, play: Play) -> str | None:
    """TA-FAULT-8: a process that does not answer, or does not go on."""
    answer = play.broken
    if isinstance(answer, Broke) or (isinstance(answer, Refused) and answer.code not in ANSWERS):
        return told(answer)
    for after in play.afterwards:
        if not isinstance(after.answer, Finalized):
            return f"the {after.reason} after it: {told(after.answer)}"
    return None


CLAIMS: dict[str, tuple[Claim, str]] = {
    "TA-FAULT-1": (not_closed_at_once, "the turn closed once the closing finalize has answered"),
    "TA-FAULT-2": (not_closed_by_the_next, "the turn closed by the next closing finalize"),
    "TA-FAULT-3": (wrong_node, "jobs at their turn's node, or at a candidate"),
    "TA-FAULT-4": (brought_back, "nothing of a closed turn in later decisions"),
    "TA-FAULT-5": (ttl_set, "no TTL on a turn key or on the session hash"),
    "TA-FAULT-6": (others_touched, "other sessions' keys and other people's fields as they were"),
    "TA-FAULT-7": (left_for_ever, "no turn key left after the next closing finalize"),
    "TA-FAULT-8": (not_alive, "ok, or the error redis or no_node; and ok once the fault is gone"),
}
"""What each rule is judged by, and what it expects."""


def claim_survived(stage: Stage, rule: str, scenario: str) -> None:
    """Fail the case with the first play of the scenario that breaks the rule."""
    played = played_out(stage, scenario)
    ruling = Ruling(stage.reading, stage.layout)
    claim, expected = CLAIMS[rule]
    judged = [play for play in played if play.argv]
    found = [(play, observed) for play in judged if (observed := claim(ruling, play))]
    stage.note(f"{scenario}: {len(judged)} commands broken, one in each play")
    if rule == "TA-FAULT-8":
        stage.note(f"the fault proxy adds {proxy_overhead_us(stage.judge):.0f} µs to a command")
    if found and all(observed.startswith(INHERITED) for _, observed in found):
        needs_random(stage)
    if not found and played.left:
        places = f"{played.left} of {played.left + len(played)} places of the finalize were not broken"
        raise NotRun(f"{scenario}: {places}: the process was worn out by faults, again and again (TA-FAULT-8)")
    if found:
        play, observed = found[0]
        stage.steps.extend(step for step in play.steps if step not in stage.steps)
        more = f" (and at {len(found) - 1} more of {len(judged)} places)" if len(found) > 1 else ""
        broken = [command for command in play.wire if command.argv == play.argv][:1]
        raise Violation(f"{expected}, after {play.place}", f"{observed}{more}", play.wire, broken)


class Plays(list[Play]):
    """The plays of a scenario."""

    left: int = 0
    """How many more there were to be, had the process not been worn out."""


def played_out(stage: Stage, scenario: str) -> Plays:
    """Every place of a scenario with every fault; played once for all rules of a run.

    A case that is played again with steps left out has a stage of another kind, and plays for itself.
    """
    key = (scenario, stage.reading)
    kept = stage.judge.fault_plays if type(stage) is Stage else {}
    if key not in kept:
        kept[key] = _play_all(stage, scenario)
    plays: Plays = kept[key]
    return plays


def _play_all(stage: Stage, scenario: str) -> Plays:
    ruling = Ruling(stage.reading, stage.layout)
    judge = stage.judge
    player = Player(stage, fault_proxied(judge), SCENARIOS[scenario])
    plays = Plays()
    renewed = 0
    try:
        planned = places(player)
    except Violation:  # the scenario before may have worn the process out; a fresh one has to do it
        player.proxied = renew_fault_proxied(judge)
        planned = places(player)
    for number, place in enumerate(planned):
        if getattr(player.proxied.subject, "exhausted", None) or renewed > MOST_RENEWED:
            plays.left += len(planned) - number
            break  # a process that ended or hung too often; what was played is judged
        try:
            play = player.play(place)
        except Violation:  # the play before has worn the process out, and is blamed for it
            player.proxied = renew_fault_proxied(judge)
            renewed += 1
            plays.left += 1
            continue
        if not any(each.inherited for each in plays):
            play.inherited = all(suspicious(ruling, each) for each in _again(player, place, play))
        plays.append(play)
    return plays


def proxy_overhead_us(judge: Judge, calls: int = 200) -> float:
    """How much longer a command takes through the proxy: the difference of two medians, in microseconds."""
    medians: list[float] = []
    for url in (judge.server.url, fault_proxied(judge).proxy.url):
        with connect(parse_address(url)) as client:
            taken: list[float] = []
            for _ in range(calls):
                started = time.perf_counter()
                client.exists("turnaffinity:none")
                taken.append(time.perf_counter() - started)
        medians.append(statistics.median(taken) * 1e6)
    return medians[1] - medians[0]


def _again(player: Player, place: Place, play: Play) -> Iterator[Play]:
    yield play
    for _ in range(AGAIN - 1):
        yield player.play(place)
