"""Which versions of a scheduler serve a session during an upgrade? A reading each, or the one before the note."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from turnaffinity.contract.decisions import DEFAULT_READING, PRESETS, Reading, parse_reading
from turnaffinity.specification.oracle import Happened, Request, Run, Surroundings, runs, still
from turnaffinity.specification.oracle_state import World

BEFORE_NAME = "before"


@dataclass(frozen=True, slots=True)
class Version:
    """A scheduler in a rollout: `reading` is None for the one that neither reads, writes nor clears a turn."""

    name: str
    reading: Reading | None

    @property
    def choices(self) -> Reading:
        """Its reading; the default's choices, which nothing asks for, where it has none."""
        return self.reading or DEFAULT_READING

    def model(
        self, world: World, request: Request, reading: Reading, *, fresh_turn_id: str, around: Surroundings = still
    ) -> Iterator[Run]:
        """Every way in which this version may finalize."""
        if self.reading is None:
            return before_runs(world, request, around=around)
        return runs(world, request, reading, fresh_turn_id=fresh_turn_id, around=around)


BEFORE = Version(BEFORE_NAME, None)
ALL_VERSIONS = (BEFORE, *(Version(name, reading) for name, reading in PRESETS.items()))
"""The sides of the small matrix: what was before, and the named readings."""


def parse_version(text: str) -> Version:
    """`before`, a reading's name, or choices such as D1=mint; raises `ValueError`, one sentence, for anything else."""
    if text == BEFORE_NAME:
        return BEFORE
    try:
        reading = parse_reading(text)
    except ValueError as error:
        raise ValueError(f"{error}, or before") from error
    return version_of(reading)


def version_of(reading: Reading) -> Version:
    """The version that follows a reading, under the name that `--rollout` and `--reading` take."""
    return Version(reading.text, reading)


def before_runs(world: World, request: Request, *, around: Surroundings = still) -> Iterator[Run]:
    """Each job is drawn among its pair's candidates, under no turn; nothing is read, written or cleared."""
    yield from _jobs(world, request, around, 0, ())


def _jobs(
    world: World, request: Request, around: Surroundings, index: int, happened: tuple[Happened, ...]
) -> Iterator[Run]:
    if index == len(request.languages):
        got = any(item.kind == "routed" and item.node_id is not None for item in happened)
        yield Run(world, None, None if got else "no_node", happened)
        return
    language = request.languages[index]
    for event, changed in around(world, "select", request.pair(language)):
        noted = (Happened("surroundings", changed, event=event),) if event else ()
        for node in sorted(changed.candidates(request.pair(language))) or (None,):
            routed = Happened("routed", changed, None, node, language, None, node is not None)
            yield from _jobs(changed, request, around, index + 1, (*happened, *noted, routed))
