"""What does a scheduler do where a closing finalize met an error? Beside repairing it (TA-CLEAR-4), nothing else.

An error is when a careful engineer adds something: a TTL to be safe, a scan for what may be left, a look at the old
fields. Each closing finalize here has one command that fails, and is followed by the next utterance's first segment.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import product

from turnaffinity.faults.one_error import (
    Place,
    finalize_with_error,
    first_clear_positions,
    selection_positions,
    with_open_turn,
)
from turnaffinity.faults.proxied import proxied
from turnaffinity.stage.business import bindings
from turnaffinity.stage.evidence import Unobservable
from turnaffinity.stage.long_plays import Moment, played_once
from turnaffinity.stage.stage import SITES, Stage
from turnaffinity.stage.state import State
from turnaffinity.stage.step import Step
from turnaffinity.subjects.subject import Finalized


def finalizes_after_an_error(stage: Stage) -> Iterator[Moment]:
    """For each call site and closing reason, each command of the first clear failing in turn, and one selection.

    Played once a run, by the process behind the fault proxy. Sends what `Stage.serve`, `.record` and `.snapshot` send,
    HSET and DEL; asks for finalizes. Leaves the case on fakeredis, which no proxy can stand before.
    """
    return played_once(stage, "after an error", _play)


def _play(stage: Stage) -> Iterator[Moment]:
    stage.serve(stage.nodes(2), *stage.targets("room"))
    # somebody else's open turn, known to the process that is going to meet the errors
    stage.finalize(stage.session(), "max_duration", by=proxied(stage.judge).subject)
    _without_bindings(stage, stage.snapshot())
    for site, reason in product(SITES, ("manual", "timeout")):
        for place in _places(stage, reason, site):
            yield from _one(stage, reason, site, place)


def _places(stage: Stage, reason: str, site: str) -> list[Place]:
    places: list[Place] = []
    if stage.reading.d2 == "before":
        with suppress(Unobservable):  # nothing is cleared before the jobs: TA-CLEAR-3 and -4 say so
            places += first_clear_positions(stage, reason, site)
    return [*places, *selection_positions(stage, reason, site)[:1]]


def _one(stage: Stage, reason: str, site: str, place: Place) -> Iterator[Moment]:
    session, layout = stage.session(), stage.layout
    stage.foreign_fields(session)
    sorter = with_open_turn(stage, site, session)
    before = stage.snapshot()
    closing, _ = finalize_with_error(stage, reason, sorter, [place])
    after = stage.snapshot()
    used = frozenset({sorter.turn})
    yield Moment(closing, before, after, used=used, steps=len(stage.steps))
    used |= _turn_of(closing)
    before = _without_bindings(stage, after)
    begun = stage.finalize(session, "max_duration", site, by=proxied(stage.judge).subject)
    after = stage.snapshot()
    yield Moment(begun, before, after, used=used, steps=len(stage.steps))
    used |= _turn_of(begun)
    _without_bindings(stage, after)
    stage.do("DEL", layout.session_key(session), *map(layout.turn_key, sorted(used)))


def _turn_of(step: Step) -> set[str]:
    """The id that a finalize answered with, if it did."""
    return {step.answer.turn_id} if isinstance(step.answer, Finalized) else set()


def _without_bindings(stage: Stage, state: State) -> State:
    """Bindings are judged at once, and not carried along: they are deleted, and the state without them returned."""
    bound = bindings(stage.layout, state)
    if bound:
        stage.do("DEL", *sorted(bound))
    return State({key: held for key, held in state.keys.items() if key not in bound})
