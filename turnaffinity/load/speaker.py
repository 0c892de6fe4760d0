"""What does one process of the load generator do? Many sessions, interleaved; each answer is held to the contract."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from turnaffinity.contract.answers import Finalized
from turnaffinity.contract.decisions import DEFAULT_READING
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.server.address import parse_address
from turnaffinity.server.live import connect
from turnaffinity.subjects.adapter import AdapterSubject
from turnaffinity.subjects.reference import ReferenceSubject
from turnaffinity.subjects.subject import Broke, Refused, Subject

NODES = ("n1", "n2", "n3", "n4")
SOURCE, TARGET = "zh", "en"
UTTERANCE = ("max_duration", "max_duration", "max_duration", "manual", "max_duration", "max_duration", "timeout")
"""What each session says, over and over: two long turns, one ended by hand, one by silence."""

SERVER_AWAY_S = 10.0
"""So long a process waits for a server that is gone before it gives up."""


@dataclass
class Counts:
    """What was seen; each figure is a count over all processes."""

    finalizes: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    """Finalizes that were answered with an error, by its code. None is hidden, none is tried again."""
    wrong_node: int = 0
    """Jobs that went elsewhere though the recorded node was there all the while, or to a node that was gone."""
    lost_turn: int = 0
    """Segments that found their open turn gone from Redis, though writing it had been acknowledged."""
    closed_turn: int = 0
    """Jobs selected under the id of a turn whose close had been acknowledged (TA-TURN-3)."""

    def add(self, other: Counts) -> None:
        """Add another process's counts."""
        self.finalizes += other.finalizes
        self.errors.update(other.errors)
        self.wrong_node += other.wrong_node
        self.lost_turn += other.lost_turn
        self.closed_turn += other.closed_turn


@dataclass
class Session:
    """What one session knows of itself: what the scheduler acknowledged to it."""

    name: str
    said: int = 0
    turn: str | None = None
    node: str | None = None
    closed: set[str] = field(default_factory=set)
    unsure: bool = False
    """The last finalize was answered with an error: what it wrote, or cleared, is not known."""


class Weather:
    """Which nodes are there, as all processes see it, in shared memory: two moments for each node.

    A node is there for sure until `going` is told, gone for sure from `gone` to `returning`, and there again from
    `back` on; in between nobody can know what a finalize met, and nothing is held against it.
    """

    def __init__(self, slots: Any) -> None:
        self._slots = slots  # of node n: [2n] since when it is gone, or 0; [2n + 1] since when it is there, or infinity

    def going(self, number: int) -> None:
        """To be called before a node's key is deleted."""
        self._slots[2 * number + 1] = float("inf")

    def gone(self, number: int) -> None:
        """To be called after a node's key was deleted."""
        self._slots[2 * number] = time.monotonic()

    def returning(self, number: int) -> None:
        """To be called before a node's key is written anew."""
        self._slots[2 * number] = 0.0

    def back(self, number: int) -> None:
        """To be called after a node is in its pool again."""
        self._slots[2 * number + 1] = time.monotonic()

    def there_since(self, node: str, moment: float) -> bool:
        """Whether a node has been there without a break since that moment."""
        return bool(self._slots[2 * NODES.index(node) + 1] < moment)

    def gone_since(self, node: str, moment: float) -> bool:
        """Whether a node has been gone without a break since that moment."""
        return bool(0.0 < self._slots[2 * NODES.index(node)] < moment)


def make_subject(url: str, adapter: str | None) -> Subject:
    """The implementation under load: the specification, or an adapter's process of our own."""
    if adapter:
        return AdapterSubject(adapter, url, DEFAULT_READING)
    return ReferenceSubject(connect(parse_address(url)), DEFAULT_READING, KeyLayout())


def speak(
    number: int, sessions: int, utterances: int, url: str, subject: Subject, weather: Weather,
    tell: Callable[[], None],
) -> Counts:  # fmt: skip
    """Let so many sessions say their utterances, in a random order, and close; `tell` is called for each finalize.

    Closes the subject in the end.
    """
    counts, rng = Counts(), random.Random(number)
    waiting = [Session(f"load-{number}-{n}") for n in range(sessions)]
    length = len(UTTERANCE) * utterances
    try:
        while waiting:
            place = rng.randrange(len(waiting))
            session = waiting[place]
            reason = UTTERANCE[session.said % len(UTTERANCE)]
            _one(subject, session, reason, weather, counts)
            tell()
            session.said += 1
            if session.said >= length and reason != "max_duration" and not session.unsure:
                waiting[place] = waiting[-1]
                waiting.pop()
            if session.unsure and not _server_is_back(url):
                counts.errors["the server stayed away"] += 1
                return counts
    finally:
        subject.close()
    return counts


def _one(subject: Subject, session: Session, reason: str, weather: Weather, counts: Counts) -> None:
    before = time.monotonic()
    answer = subject.finalize(session.name, reason, SOURCE, TARGET, None)
    counts.finalizes += 1
    if isinstance(answer, Finalized):
        _judge(answer, session, reason, weather, counts, before)
        return
    code = answer.code if isinstance(answer, Refused) else "broke" if isinstance(answer, Broke) else "not an answer"
    counts.errors[code] += 1
    session.unsure = True


def _judge(
    answer: Finalized, session: Session, reason: str, weather: Weather, counts: Counts, before: float
) -> None:  # fmt: skip
    node = answer.jobs[0].node_id
    counts.closed_turn += answer.turn_id in session.closed
    if node is not None and weather.gone_since(node, before):
        counts.wrong_node += 1
    if reason == "max_duration":
        if session.turn and not session.unsure:
            if answer.turn_id != session.turn:
                counts.lost_turn += 1
            elif session.node and node != session.node and weather.there_since(session.node, before):
                counts.wrong_node += 1
        session.turn, session.node = answer.turn_id, node
    else:
        if session.turn:
            session.closed.add(session.turn)
        session.turn = session.node = None
    session.unsure = False


def _server_is_back(url: str) -> bool:
    deadline = time.monotonic() + SERVER_AWAY_S
    while time.monotonic() < deadline:
        try:
            with connect(parse_address(url)) as client:
                client.ping()
                return True
        except Exception:  # whatever it is, the server is not back yet
            time.sleep(0.01)
    return False
