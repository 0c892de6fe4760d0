"""What if one command of a closing finalize fails? One error reply, at each place in turn (TA-CLEAR-4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from turnaffinity.faults.proxied import proxied
from turnaffinity.showing.commands import command_text
from turnaffinity.showing.sentences import told
from turnaffinity.stage.evidence import Skipped
from turnaffinity.stage.stage import Stage, Step
from turnaffinity.subjects.subject import Broke, Refused
from turnaffinity.wire.command import Command
from turnaffinity.wire.meaning import SCRIPT_CALLS, keys_of

Kind = Literal["clear", "select"]
MOST_SELECTION_FAULTS = 4
"""An implementation in plain commands selects with many; so many of them are made to fail, spread evenly."""


TRANSACTION = frozenset({"WATCH", "MULTI", "EXEC"})


@dataclass(frozen=True, slots=True)
class Place:
    """The nth command (from 0) of a kind within one finalize: of the clear, or of the selections."""

    kind: Kind
    number: int

    def __str__(self) -> str:
        return f"command {self.number + 1} of the {'first clear' if self.kind == 'clear' else 'selections'}"


@dataclass
class Sorter:
    """Tells the commands of one closing finalize apart: those of a clear and those of selections."""

    stage: Stage
    session: str
    turn: str
    site: str
    failed: list[str] = field(default_factory=list)
    """The commands that got an error."""

    def kind(self, argv: Sequence[str]) -> Kind | None:
        """What a command belongs to, or None for anything else."""
        command = Command(tuple(argv))
        pairs = {self.stage.pair(lang) for lang in self.stage.targets(self.site)}
        keys = keys_of(command)
        ours = any(key.startswith(self.stage.layout.scheduler_prefixes) for key in keys)
        if keys and not ours and command.name not in SCRIPT_CALLS and not self._of_the_surroundings(keys):
            return None  # a lock or a log of its own, that the session or the pair gives its name to
        if any(part in pairs for part in argv[1:]) or self._of_the_surroundings(keys):
            return "select"
        if command.name in TRANSACTION:
            return "clear"
        named = any(self.session in part or self.turn in part for part in argv[1:])
        return "clear" if named and (ours or (command.name in SCRIPT_CALLS and not keys)) else None

    def _of_the_surroundings(self, keys: Sequence[str]) -> bool:
        return any(self.stage.of_the_surroundings(key) for key in keys)


def with_open_turn(stage: Stage, site: str, session: str | None = None) -> Sorter:
    """A turn opened by the judge's hand, in a fresh session unless it is named. Sends HSET."""
    session, turn = session or stage.session(), stage.turn()
    stage.record(turn, stage.name("n"), session)
    return Sorter(stage, session, turn, site)


def _clean_run(stage: Stage, reason: str, site: str) -> tuple[list[Kind | None], set[int]]:
    """What each command of a finalize without an error belongs to, and where a transaction that clears nothing is."""
    if stage.judge.server.kind == "fake":
        raise Skipped("no proxy can stand before fakeredis, so that no command can be made to fail")
    subject = proxied(stage.judge).subject
    for _ in range(2):  # scripts are loaded and connections made before anything is counted
        sorter = with_open_turn(stage, site)
        with proxied(stage.judge).deciding(lambda argv: None) as sent:
            stage.finalize(sorter.session, reason, site, by=subject)
        kinds = [sorter.kind(argv) for argv in sent]
    return kinds, _other_transactions([argv[0].upper() for argv in sent], kinds)


def _other_transactions(names: Sequence[str], kinds: Sequence[Kind | None]) -> set[int]:
    """Where MULTI and EXEC stand round nothing that clears: a transaction of the implementation's own books."""
    found: set[int] = set()
    begun: list[int] = []
    for at, name in enumerate(names):
        if name == "MULTI":
            begun.append(at)
        elif name == "EXEC" and begun:
            if "clear" not in kinds[begun[-1] + 1 : at]:
                found |= {begun[-1], at}
            begun.pop()
    return found


def first_clear_positions(stage: Stage, reason: str, site: str) -> list[Place]:
    """The commands of the first clear: those that name the session or its turn before the first selection."""
    kinds, others = _clean_run(stage, reason, site)
    before = kinds[: kinds.index("select")] if "select" in kinds else kinds
    clears = [at for at, kind in enumerate(before) if kind == "clear"]
    places = [Place("clear", number) for number, at in enumerate(clears) if at not in others]
    if not places:
        stage.unobservable("no command of a first clear was seen before the jobs")
    return places


def selection_positions(stage: Stage, reason: str, site: str) -> list[Place]:
    """The commands of the selections, at most a few of them, spread evenly."""
    count = _clean_run(stage, reason, site)[0].count("select")
    if count <= MOST_SELECTION_FAULTS:
        return [Place("select", number) for number in range(count)]
    return [Place("select", round(i * (count - 1) / (MOST_SELECTION_FAULTS - 1))) for i in range(MOST_SELECTION_FAULTS)]


def finalize_with_error(
    stage: Stage, reason: str, sorter: Sorter, places: Sequence[Place]
) -> tuple[Step, tuple[Command, ...]]:
    """One closing finalize of an open turn in which the commands at these places get an error, and what it sent."""
    with proxied(stage.judge).deciding(failing_at(sorter, places)) as sent:
        step = stage.finalize(sorter.session, reason, sorter.site, by=proxied(stage.judge).subject)
    return step, tuple(Command(tuple(argv)) for argv in sent)


def claim_repaired(stage: Stage, reason: str, site: str, places: Sequence[Place]) -> Step:
    """One closing finalize with an error reply at these places; afterwards the turn has to be closed."""
    sorter = with_open_turn(stage, site)
    step, wire = finalize_with_error(stage, reason, sorter, places)
    where = " and ".join(str(place) for place in places)
    crashed = isinstance(step.answer, Broke) or (isinstance(step.answer, Refused) and step.answer.code == "bad_request")
    stage.claim(not crashed, f"ok or an error of Redis, with an error at {where}", told(step.answer), wire)
    affinity, open_turn = stage.affinity(sorter.turn), stage.open_turn(sorter.session)
    left = [
        f"{name} = {value}"
        for name, value in ((stage.layout.affinity_field, affinity), (stage.layout.current_turn_field, open_turn))
        if value is not None
    ]
    observed = f"{', '.join(left)} left, after an error for {' and '.join(sorter.failed)}"
    stage.claim(not left, f"the turn closed though {where} got -ERR injected", observed, wire)
    return step


def failing_at(sorter: Sorter, places: Sequence[Place]) -> Callable[[Sequence[str]], str | None]:
    """Says for each command, in order, the error reply that it gets, or None."""
    counts: dict[Kind, int] = {"clear": 0, "select": 0}

    def decide(argv: Sequence[str]) -> str | None:
        kind = sorter.kind(argv)
        if kind is None:
            return None
        number = counts[kind]
        counts[kind] += 1
        if Place(kind, number) not in places:
            return None
        sorter.failed.append(command_text(Command(tuple(argv))))
        return "ERR injected"

    return decide
