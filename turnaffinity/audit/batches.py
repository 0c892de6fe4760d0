"""Do the jobs of a batch and what is recorded of it agree? TA-TURN-1 and TA-WRITE-1, as far as one connection shows it.

A batch is the selections of one connection, each with a job id, from a read of the open turn (or the first selection
under a new turn) to the write. That is so only where a connection carries one finalize at a time: each must be seen to
do so for a while before anything is held against it, and whatever looks like two finalizes at once begins that anew.
What a selection answers is seen where its script binds the job.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from turnaffinity.audit.findings import Findings

IN_TURN = 8
"""So many batches one after the other tell that a connection carries one finalize at a time."""
OFTEN = 3
"""So many times tell a habit from a write that an error kept from the server."""
ALWAYS = 30
"""So many batches, always with the node of the same later job, are no chance: below 1e-9 for jobs made side by side."""
FIRST = "affinity is the node of the batch's first job that got one"
CONNECTIONS = 10_000
"""So many are known at once; the one known longest gives way, and has to be known anew."""
JOBS = 1000
"""So many jobs of a batch are kept; a larger one is not held against anything."""


class Job(NamedTuple):
    """One selection: its turn and its job id, the node that the job was bound to ("" if not seen), and its line."""

    turn: str
    id: str
    node: str
    line: int


@dataclass(slots=True)
class Batch:
    """The selections since the open turn was read, or since the last write."""

    asked: bool = False
    """Whether it began with a read of the open turn."""
    jobs: dict[tuple[str, str], Job] = field(default_factory=dict)
    recorded: str = ""
    """The turn whose affinity was written for it."""

    def begun_otherwise(self, turn: str) -> bool:
        """Whether a selection under this turn is no part of it: another finalize's, whose first jobs got no node."""
        first = next(iter(self.jobs.values()), None)
        return first is not None and first.turn != turn and not (self.asked and first.node)


@dataclass(slots=True)
class Connection:
    """One connection's present batch, and how many it wrote one after the other."""

    batch: Batch = field(default_factory=Batch)
    in_turn: int = 0


class Batches:
    """What each connection's batches show; a state machine for each connection that can be told apart."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._connections: dict[str, Connection] = {}
        self._seen: Counter[str] = Counter()
        self._later = 0
        self._places: set[int] | None = None
        self._first_was_recorded = False

    def forget_the_present(self) -> None:
        """A gap: no connection is known to carry one finalize at a time."""
        self._connections.clear()

    def _connection(self) -> Connection | None:
        now = self._findings.now
        if now.shared or now.client in ("lua", ""):
            return None
        found = self._connections.get(now.client)
        if found is None:
            found = self._connections[now.client] = Connection()
            if len(self._connections) > CONNECTIONS:
                self._connections.pop(next(iter(self._connections)))
        return found

    def open_turn_read(self) -> None:
        """The open turn is read: a finalize begins, or clears."""
        connection = self._connection()
        if connection is None:
            return
        if connection.batch.jobs and not connection.batch.recorded:
            connection.in_turn = 0
        connection.batch = Batch(asked=True)

    def selected(self, turn: str, job: str, node: str) -> None:
        """A selection by script for a job; one without a job id is a closing finalize's, or nobody's."""
        connection = self._connection() if job else None
        if connection is None:
            return
        batch = connection.batch
        if batch.recorded and turn != batch.recorded:
            batch = connection.batch = Batch()
        elif not batch.recorded and batch.begun_otherwise(turn):
            connection.in_turn = 0
            batch = connection.batch = Batch()
        name = (turn, job)
        if len(batch.jobs) < JOBS and (node or name not in batch.jobs):
            batch.jobs[name] = Job(turn, job, node, self._findings.now.line)

    def recorded(self, turn: str, node: str) -> None:
        """The affinity of a turn is written."""
        connection = self._connection()
        if connection is None:
            return
        batch = connection.batch
        if batch.jobs:
            if connection.in_turn >= IN_TURN:
                self._judge(list(batch.jobs.values()), turn, node)
            connection.in_turn += not batch.recorded
        batch.recorded = turn

    def _judge(self, jobs: list[Job], turn: str, node: str) -> None:
        strange = next((job for job in jobs if turn not in (job.turn, job.id)), None)  # some call with the two swapped
        if strange is not None:
            under = f"under turn {strange.turn}" if strange.turn else "under no turn id"
            observed = f"a job is selected {under} at line {strange.line}, and turn {turn} is recorded for its batch"
            self._blame("TA-TURN-1", "the whole batch shares the id of its turn", observed, strange)
            return
        nodes = [job.node for job in jobs]
        if "" in nodes or len(nodes) == JOBS:
            return
        if node not in nodes:
            observed = f"{node} is recorded; its jobs were bound to {', '.join(dict.fromkeys(nodes))}"
            self._blame("TA-WRITE-1", FIRST, observed, jobs[0])
        elif nodes.count(node) == 1 < len(nodes):
            self._first_was_recorded = self._first_was_recorded or nodes[0] == node
            if not self._first_was_recorded:
                self._later_node(nodes.index(node), jobs, node)

    def _later_node(self, place: int, jobs: list[Job], node: str) -> None:
        """Jobs may be made side by side, so that the first on the wire is another; never the same one, though."""
        places = {place, place - len(jobs)}
        self._places = places if self._places is None else self._places & places
        self._later += 1
        if self._later >= ALWAYS and self._places:
            which = "the last one" if -1 in self._places else f"number {min(p for p in self._places if p > 0) + 1}"
            what = f"as in all of {self._later} batches on several nodes, {which} was: {node}"
            self._blame("TA-WRITE-1", FIRST, what, jobs[0], often=1)

    def _blame(self, rule: str, expected: str, observed: str, job: Job, often: int = OFTEN) -> None:
        self._seen[rule] += 1
        if self._seen[rule] >= often:
            self._findings.blame(rule, expected, observed, cause=job.line)
