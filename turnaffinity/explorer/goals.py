"""When is a goal met? Each goal as a predicate over what happens, beside its statement, with why the bounds suffice.

A goal watches one session, `s1`. It keeps a memory, is shown every step, and says what broke it.
The statements are those of `turnaffinity.contract.decisions.GOALS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from turnaffinity.contract.decisions import GOALS, Goal
from turnaffinity.explorer.bounds import LANGUAGES, WATCHED, pair
from turnaffinity.explorer.surroundings import ANY_TWO, ANYTHING, FAILING, MIXED, STEADY, Event, Setting
from turnaffinity.specification.oracle import Happened, Request, Run
from turnaffinity.specification.oracle_state import World


class Step(NamedTuple):
    """One step of a behaviour: a finalize in one of the ways it may go, or an event of the surroundings."""

    before: World
    after: World
    request: Request | None = None
    run: Run | None = None
    event: Event = ()
    version: str = ""
    """Which version of the scheduler acted, in a rollout."""

    @property
    def happened(self) -> tuple[Happened, ...]:
        """What took place, in order; an event is one thing."""
        if self.run is not None:
            return self.run.happened
        return (Happened("surroundings", self.after, event=self.event),)

    def is_by(self, session: str, reason: str | None = None) -> bool:
        """Whether this session finalizes here; `reason`: "max_duration", "closing", or any."""
        if self.request is None or self.request.session_id != session:
            return False
        return reason is None or (self.request.reason == "max_duration") == (reason == "max_duration")


class Seen(NamedTuple):
    """What a goal remembers of the utterance of the watched session; each goal uses what it needs."""

    finalizes: int = 0
    """max_duration finalizes so far; 2 stands for any more."""
    node: str | None = None
    """The node that the goal wants."""
    languages: frozenset[str] = frozenset()
    """Languages that the goal still speaks of (G8)."""
    writers: frozenset[tuple[str, str, int]] = frozenset()
    """(turn id, session, utterance) of each affinity that is left (G5)."""
    utterances: tuple[int, ...] = (0, 0)
    """The number of the current utterance of `s1` and of everybody else (G5)."""
    failed: bool = False
    """The recorded node went offline for good (G6)."""


Verdict = tuple[Seen, str | None]
"""The memory after a step, and what broke the goal, in a sentence, or None."""


@dataclass(frozen=True, slots=True)
class Predicate:
    """A goal made judgeable: its surroundings in the order they are tried, its rule, and why the bounds suffice."""

    goal: Goal
    settings: tuple[Setting, ...]
    judge: Callable[[Seen, Step], Verdict]
    why_enough: str
    counts_keys: bool = False
    """Whether turns that no session names are part of the state: they can be counted, but never be selected under."""
    never_closes: bool = False


def g1_long_speech_stays(seen: Seen, step: Step) -> Verdict:
    """Every job of the second and later max_duration finalizes goes to the node that the first one recorded."""
    if step.is_by(WATCHED, "closing"):
        return Seen(), None
    if not step.is_by(WATCHED):
        return seen, None
    if seen.finalizes == 0:
        return Seen(finalizes=1, node=_last_recorded(step)), None
    return seen._replace(finalizes=2), _first_job_elsewhere(
        step, seen.node, "the node that the first finalize recorded"
    )


def g2_closing_segment_stays(seen: Seen, step: Step) -> Verdict:
    """Every job of the closing finalize goes to the node that stood recorded after the latest max_duration one."""
    if step.is_by(WATCHED, "max_duration"):
        return Seen(finalizes=1, node=_last_recorded(step) or seen.node), None
    if not step.is_by(WATCHED, "closing"):
        return seen, None
    return Seen(), _first_job_elsewhere(
        step, seen.node, "the node that stood recorded after the latest max_duration finalize"
    )


def g3_batch_together(seen: Seen, step: Step) -> Verdict:
    """All jobs of one max_duration batch go to one node, the first batch too."""
    if not step.is_by(WATCHED, "max_duration") or step.run is None:
        return seen, None
    nodes = list(dict.fromkeys(node for _, node in step.run.nodes))
    return seen, f"one batch is split between {' and '.join(map(str, nodes))}" if len(nodes) > 1 else None


def g4_no_leftovers(seen: Seen, step: Step) -> Verdict:
    """After the close no turn key that the session made is left."""
    if not step.is_by(WATCHED, "closing"):
        return seen, None
    left = turn_keys_of(WATCHED, step.after)
    return seen, f"{_keys(left)} left after the close" if left else None


def g5_nothing_inherited(seen: Seen, step: Step) -> Verdict:
    """No job is routed by an affinity that was written in an earlier utterance (nor in another session's)."""
    broken = None
    if step.request is None:
        return seen, None
    whose = int(step.request.session_id != WATCHED)
    now = (step.request.session_id, seen.utterances[whose])
    writers = {turn: (session, utterance) for turn, session, utterance in seen.writers}
    for item in step.happened:
        if item.kind == "routed" and not whose and item.node_id == item.recorded and not item.drawn and item.node_id:
            by = writers.get(str(item.turn_id), now)
            broken = broken or (None if by == now else f"a job follows {item.node_id}, recorded in another utterance")
        if item.kind == "recorded" and item.turn_id:
            writers[item.turn_id] = now
    left = {turn for turn, _ in step.after.affinities}
    utterances = list(seen.utterances)
    utterances[whose] += step.request.reason != "max_duration"
    kept = frozenset((turn, *by) for turn, by in writers.items() if turn in left)
    return Seen(writers=kept, utterances=tuple(utterances)), broken


def g6_comes_together_again(seen: Seen, step: Step) -> Verdict:
    """From the second max_duration finalize after the failure on, all jobs of the utterance go to one node."""
    if step.is_by(WATCHED, "closing"):
        return Seen(), None
    speaks = step.is_by(WATCHED, "max_duration")
    count = min(seen.finalizes + 1, 2) if speaks and seen.failed else seen.finalizes
    node, failed, broken = seen.node, seen.failed, None
    before = step.before
    for item in step.happened:
        recorded = before.affinity(before.open_turn(WATCHED))
        if item.event[:1] == ("offline",) and recorded == item.event[1]:
            # inside a batch of this session the failure counts as before that finalize
            failed, count, node = True, int(speaks), None
        if item.kind == "routed" and speaks and failed and count >= 2:
            node = node or item.node_id
            broken = broken or (None if node == item.node_id else f"jobs go to {node} and to {item.node_id}")
        before = item.world
    return Seen(finalizes=count, node=node, failed=failed), broken


def g7_bounded_rubbish(seen: Seen, step: Step) -> Verdict:
    """A session that never closes leaves at most one turn key."""
    left = turn_keys_of(WATCHED, step.after)
    return seen, f"{_keys(left)} kept by a session that never closed" if left > 1 else None


def g8_no_theft(seen: Seen, step: Step) -> Verdict:
    """As long as the node first recorded stays a candidate of a pair, that pair's later jobs go to it."""
    if step.is_by(WATCHED, "closing"):
        return Seen(), None
    first, languages, broken = seen.node, seen.languages, None
    for item in step.happened:
        if first is not None:
            languages = frozenset(lang for lang in languages if first in item.world.candidates(pair(lang)))
        routed = item.kind == "routed" and step.is_by(WATCHED)
        if routed and seen.node is not None and item.language in languages and item.node_id != first:
            broken = broken or f"the job for {item.language} goes to {item.node_id}, though {first} could serve it"
        if item.kind == "recorded" and step.is_by(WATCHED) and first is None:
            first = item.node_id
            languages = frozenset(lang for lang in LANGUAGES if first in item.world.candidates(pair(lang)))
    return Seen(node=first, languages=languages), broken


def turn_keys_of(session: str, world: World) -> int:
    """How many turn keys this session has made and left; the search names turns after their session."""
    return sum(turn.startswith(f"{session}-") for turn, _ in world.affinities)


def _keys(count: int) -> str:
    return f"{count} turn key{'s' if count > 1 else ''}"


def _last_recorded(step: Step) -> str | None:
    return next((item.node_id for item in reversed(step.happened) if item.kind == "recorded"), None)


def _first_job_elsewhere(step: Step, wanted: str | None, what: str) -> str | None:
    if wanted is None or step.run is None:
        return None
    elsewhere = [(lang, node) for lang, node in step.run.nodes if node != wanted]
    return f"the job for {elsewhere[0][0]} goes to {elsewhere[0][1]}, not to {wanted}, {what}" if elsewhere else None


_CLOSED = (
    "The state without names is small (which of the nodes that were named before each session's open turn records, "
    "and what the goal remembers), and the search meets no new state before it reaches the bounds; longer speech "
    "repeats states that were seen."
)
_ANY_HISTORY = (
    "Before each job the pair may be served by any node or by none, so that every history of nodes and pools is "
    "covered, of any length."
)
_ANYTHING = f"{_ANY_HISTORY} {_CLOSED}"
_THIRD_NODE = "A goal that names one node is broken by one job on another; a third node makes the other one free."
_BY_ID: dict[str, tuple[tuple[Setting, ...], Callable[[Seen, Step], Verdict], str]] = {
    "G1": ((STEADY,), g1_long_speech_stays, f"{_CLOSED} {_THIRD_NODE}"),
    "G2": ((STEADY,), g2_closing_segment_stays, f"{_CLOSED} {_THIRD_NODE}"),
    "G3": ((STEADY,), g3_batch_together, f"{_CLOSED} Two languages split a batch if any number does."),
    "G4": (
        (STEADY, ANYTHING),
        g4_no_leftovers,
        f"{_ANYTHING} One utterance suffices, since a close that leaves nothing leaves the state of the start.",
    ),
    "G5": ((STEADY, ANYTHING), g5_nothing_inherited, f"{_ANYTHING} An earlier utterance is one before this one: two."),
    "G6": (
        (FAILING,),
        g6_comes_together_again,
        f"{_CLOSED} Of three nodes one fails and two remain, which are enough to scatter jobs.",
    ),
    "G7": ((STEADY, ANYTHING), g7_bounded_rubbish, f"{_ANYTHING} Two keys break the goal; no third is needed."),
    "G8": (
        (MIXED, ANY_TWO),
        g8_no_theft,
        f"{_ANYTHING} Theft needs three nodes at most: the one recorded first, the thief, and the one drawn.",
    ),
}

PREDICATES: tuple[Predicate, ...] = tuple(
    Predicate(goal, *_BY_ID[goal.id], counts_keys=goal.id in ("G4", "G7"), never_closes=goal.id == "G7")
    for goal in GOALS
)
