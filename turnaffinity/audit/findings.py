"""What broke, where, and by whose hand? Occasions and failures per rule, with the lines around them."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from turnaffinity.contract.rules import RULES

AROUND = 6
"""Lines of interest kept before and after a failure."""
SHOWN = 20
"""Failures of one rule that are told in full; the others are counted."""
PENDING = 50
"""Acts of one connection that wait to be known as the scheduler's."""
PENDING_CLIENTS = 2000
SHOWN_BY_ONE_LINE = frozenset({"TA-KEY-1", "TA-KEY-2", "TA-KEY-3", "TA-CLEAR-5", "TA-WRITE-2", "TA-NEVER-1"})
"""Rules that one line can show to be broken, whatever lines are missing around it."""
UUID_V4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@dataclass(slots=True)
class Now:
    """The line being judged, and what it belongs to."""

    line: int = 0
    client: str = ""
    db: str = "0"
    at: str = "0"
    unit: int = 0
    """The number of what ran as one; equal numbers mean one atomic step."""
    in_block: bool = False
    """Inside a script or a MULTI block."""
    in_script: bool = False
    text: str = ""

    @property
    def shared(self) -> bool:
        """Whether MONITOR prints this name for more than one client (a unix socket)."""
        return self.client.startswith("unix:")


@dataclass(slots=True)
class Failure:
    """One breach: where it became certain, and the line that caused it."""

    rule: str
    line: int
    cause_line: int
    expected: str
    observed: str
    client: str
    before: list[tuple[int, str]] = field(default_factory=list)
    after: list[tuple[int, str]] = field(default_factory=list)
    warning: bool = False
    quiet: bool = False
    """Nobody is told of it unless it was the scheduler's."""
    file: str = ""
    alone: bool = False
    """One line shows it, and that line names the connection itself."""


def _anybody_in(database: str) -> str:
    """What a breach by whomever waits for: that the scheduler is seen to work in this database."""
    return f"\0{database}"


class Findings:
    """The tally of a trace: occasions and failures per rule, and whose connections are the scheduler's."""

    def __init__(self, now: Now) -> None:
        self.now = now
        self.occasions: Counter[str] = Counter()
        self.broken: Counter[str] = Counter()
        self.failures: dict[str, list[Failure]] = {}
        self.warnings: dict[str, list[Failure]] = {}
        self.unobservable: dict[str, str] = {}
        self.schedulers: set[str] = set()
        self._by_hand: set[str] = set()
        """Those of them that were seen to act outside a script and MULTI, so that each line names them itself."""
        self._databases: set[str] = set()
        self.file = ""
        self._recent: deque[tuple[int, list[str]]] = deque(maxlen=AROUND)
        self._watched: list[Failure] = []
        self._pending: dict[str, list[Failure]] = {}

    def saw(self, number: int, texts: list[str]) -> None:
        """Keep what ran as one, as surroundings of what broke or breaks next."""
        if self._watched:
            for failure in self._watched:
                failure.after.extend((number + at, text) for at, text in enumerate(texts[:AROUND]))
            self._watched = [failure for failure in self._watched if len(failure.after) < AROUND]
        self._recent.append((number, texts))

    def _before(self) -> list[tuple[int, str]]:
        now = self.now
        lines = [
            (number + at, text)
            for number, texts in self._recent
            for at, text in enumerate(texts)
            if number + at < now.line or (number + at > now.line and number == self._recent[-1][0])
        ]
        before = [entry for entry in lines if entry[0] < now.line][-AROUND:]
        return [*before, (now.line, now.text), *[entry for entry in lines if entry[0] > now.line][:AROUND]]

    def is_scheduler(self, client: str) -> bool:
        """Whether this connection was seen writing, clearing or selecting."""
        return client in self.schedulers

    def acts(self, client: str) -> None:
        """This connection writes, clears or selects: it is the scheduler's, and so is what it did before."""
        if not self.now.in_block:
            self._by_hand.add(client)
        database = self.now.db
        if client in self.schedulers and database in self._databases:
            return
        self._databases.add(database)
        self.schedulers.add(client)
        for failure in (*self._pending.pop(client, ()), *self._pending.pop(_anybody_in(database), ())):
            self._count(failure)

    def blame(
        self,
        rule: str,
        expected: str,
        observed: str,
        *,
        client: str | None = None,
        cause: int = 0,
        telling_apart: bool = False,
        anybody: bool = False,
    ) -> None:
        """Record a breach at the present line by `client` (default: the present one).

        An act of a connection not known as the scheduler's waits until it is, and else is a warning. With
        `telling_apart`, what a client of a unix socket did outside a script or MULTI is unobservable. With `anybody`
        it counts whoever did it, in a database that the scheduler works in.
        """
        if telling_apart and self.now.shared and not self.now.in_block:
            self.cannot_tell_apart(rule)
            return
        self.press(self.note(rule, expected, observed, client=client, cause=cause), anybody=anybody)

    def note(self, rule: str, expected: str, observed: str, *, client: str | None = None, cause: int = 0) -> Failure:
        """What may turn out to be a breach at the present line; nothing is counted yet."""
        now = self.now
        actor = now.client if client is None else client
        failure = Failure(rule, now.line, cause or now.line, expected, observed, actor, file=self.file)
        failure.before = self._before()
        failure.alone = rule in SHOWN_BY_ONE_LINE and failure.cause_line == now.line and not now.in_block
        return failure

    def watch(self, failure: Failure) -> None:
        """Keep the lines that come after this one, too."""
        if len(self._watched) < SHOWN and not any(failure is each for each in self._watched):
            self._watched.append(failure)

    def press(self, failure: Failure, *, anybody: bool = False) -> None:
        """It is a breach: count it, now or once its connection is known as the scheduler's."""
        failure.warning = RULES[failure.rule].level == "SHOULD"
        known = self.now.db in self._databases if anybody else failure.client in self.schedulers
        waits_for = _anybody_in(self.now.db) if anybody else failure.client
        if known or failure.warning:
            self._count(failure)
        elif len(self._pending) < PENDING_CLIENTS or waits_for in self._pending:
            waiting = self._pending.setdefault(waits_for, [])
            if len(waiting) < PENDING:
                waiting.append(failure)
                if failure.line == self.now.line:
                    self.watch(failure)

    def refuse_odd_id(self, turn_id: str, cause: int, *, telling_apart: bool = False) -> None:
        """A turn id is the text of a UUID v4 (TA-TURN-1); one in upper case is said to be unobservable."""
        if UUID_V4.fullmatch(turn_id):
            return
        if UUID_V4.fullmatch(turn_id.lower()):
            self.unobservable.setdefault("TA-TURN-1 upper", f'the id "{turn_id}" is in upper case')
            return
        expected, observed = "a turn id is the text of a UUID v4", f'it is "{turn_id}"'
        self.blame("TA-TURN-1", expected, observed, cause=cause, telling_apart=telling_apart)

    def cannot_tell_apart(self, rule: str) -> None:
        """Whether this rule was broken depends on whose hand it was, and clients of one unix socket have one name."""
        reason = "all clients of one unix socket look alike in MONITOR: it cannot be told who did it"
        self.unobservable.setdefault(rule, reason)

    def _count(self, failure: Failure) -> None:
        self.broken[failure.rule] += 1
        shown = self.failures.setdefault(failure.rule, [])
        if len(shown) < SHOWN:
            shown.append(failure)
            if failure.line == self.now.line:
                self.watch(failure)

    def finish(self) -> None:
        """The trace is over: what waits for a connection to be known becomes a warning."""
        for waiting in self._pending.values():
            for failure in waiting:
                if failure.quiet:
                    continue
                failure.warning = True
                told = self.warnings.setdefault(failure.rule, [])
                if len(told) < SHOWN:
                    told.append(failure)
        self._pending.clear()

    def withhold(self, reason: str, rules: Container[str] = RULES) -> None:
        """Lines are missing: what takes more than one line to show is, for `reason`, unobservable."""
        for told in (self.failures, self.warnings):
            for rule, failures in list(told.items()):
                kept = [
                    each for each in failures if each.alone and (each.client in self._by_hand or told is self.warnings)
                ]
                if rule not in rules or len(kept) == len(failures):
                    continue
                told[rule] = kept
                self.unobservable.setdefault(rule, reason)
                if told is self.failures:
                    self.broken[rule] = len(kept)

    def all_failures(self) -> Iterable[Failure]:
        """The failures told in full, rule by rule in the contract's order."""
        return (failure for rule in RULES for failure in self.failures.get(rule, ()))
