"""Who looks through the names of a database, and in the middle of what? KEYS and SCAN: TA-SEL-5 and TA-CLEAR-8.

A finalize goes from the read of a turn or a session to what is written or cleared of it. A KEYS or SCAN waits until
that comes; where it never does, the finalize was over, and what the scheduler scans between two of them is its own
business, keys of turns and sessions apart.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, NamedTuple

from turnaffinity.audit.findings import Failure, Findings
from turnaffinity.audit.lifecycle import Lives
from turnaffinity.audit.lines import ALL, CANDIDATES, OURS, OWN, arguments_of, pattern_reader
from turnaffinity.audit.state import READS_KEPT, UNKNOWN, keep
from turnaffinity.audit.statistics import Statistics, seconds
from turnaffinity.audit.trace import Nearby
from turnaffinity.contract.decisions import Reading
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.wire.command import Command
from turnaffinity.wire.meaning import is_scan

STEPS = 1000
"""So many steps before the first scan are looked at."""
FINALIZE_S = 10.0
"""A finalize takes no longer: the deadline of the adapter's `finalize`."""
WAITING = 1000
"""So many scans wait at a time to be known as a finalize's, the latest ones."""

READS_TURN = frozenset({"HGET", "HMGET", "HGETALL", "EXISTS", "HEXISTS"})

SELECTS = ("TA-SEL-5", "a selection sends no KEYS and no SCAN")
CLEARS = ("TA-CLEAR-8", "a clear knows its keys and looks through none")


class Read(NamedTuple):
    """The latest read of a turn or of a session's open turn, as long as nothing was written or cleared of it."""

    unit: int
    client: str
    at: str
    ended: bool = False
    """A session known to have no open turn: with this read a closing finalize may be over."""


class Step(NamedTuple):
    """What one unit did to turns and sessions: their keys, each once, in the order of the acts."""

    unit: int
    client: str
    at: str
    in_script: bool
    turns_read: dict[str, tuple[int, str]]
    sessions_read: dict[str, tuple[int, str]]
    written: list[str]
    turns_deleted: dict[str, tuple[int, str]]
    sessions_cleared: list[str]


@dataclass(slots=True, eq=False)
class Scan:
    """One KEYS or SCAN, with the failure that it would be."""

    failure: Failure
    unit: int
    at_s: float
    what: str
    of: str
    """The turn or session that the connection read last, if it did nothing else to any since."""
    also: str
    """The turn that it read before the session, perhaps for another finalize."""
    shared: bool
    in_script: bool
    selecting: bool
    """The connection had just read a turn's affinity, in plain commands."""
    asks_pools: bool
    """Pools are looked for, and one is asked for behind, before anything is done to a turn or a session."""
    may_begin: bool
    """As `asks_pools`, but a turn may be read before."""
    put_to_use: bool
    """It asks pools, the turn was read before, and no pool was asked for since."""


class Scans:
    """Holds each KEYS and SCAN against the finalize that it stands in."""

    def __init__(
        self,
        layout: KeyLayout,
        findings: Findings,
        lives: Lives,
        statistics: Statistics,
        reading: Reading | None,
        nearby: Nearby,
    ) -> None:
        self._nearby = nearby
        self._findings, self._lives, self._statistics = findings, lives, statistics
        self._reads_as = reading.d1 if reading is not None else None
        self._within: list[Scan] = []
        self._earlier: deque[tuple[Any, ...]] | None = deque(maxlen=STEPS)
        """The steps before the first scan, which most traces never see; they are gone through only then."""
        self._waiting: deque[Scan] = deque()
        self._latest = -1
        """The unit of the latest scan that waits."""
        self._turns: dict[str, Read] = {}
        self._sessions: dict[str, Read] = {}
        self._reading: dict[str, tuple[str, int, str, str]] = {}
        """client -> (key, line or 0 of a session, time) of a read that is the latest it did to turns and sessions.

        The fourth is the turn that it read right before it read a session.
        """
        self._acted: dict[str, int] = {}
        """client -> the unit of the latest it did to turns and sessions."""
        self._asked = self._read = -1
        """The unit of the latest read of anybody's open turn, and of anybody's affinity."""
        self._looks_for = pattern_reader(layout)
        self._pools = layout.prefixes["pool"] or "\0"
        self._ours = (layout.prefixes["turn"] or "\0", layout.prefixes["session"] or "\0")

    def forget_the_present(self) -> None:
        """A gap: no finalize is known to be under way."""
        self.finish()
        if self._earlier is not None:
            self._earlier.clear()
        for known in (self._turns, self._sessions, self._reading, self._acted):
            known.clear()
        self._asked = self._lives.now.unit

    def scanned(self, command: Command, *, asks: bool = False, alone: bool = False) -> None:
        """A command, if it is KEYS or SCAN, outside a selection's script.

        `alone`: in a script that does nothing to turns and sessions, and perhaps asks pools.
        """
        if not is_scan(command):
            return
        if self._earlier is not None:
            earlier, self._earlier = self._earlier, None
            for step in earlier:
                self._goes_on(Step(*step))
        now = self._lives.now
        of, line, at, also = self._reading.get(now.client, ("", 0, "0", ""))
        at_s, what = seconds(now.at), self._looks_for(command)
        selecting = line > 0 and at_s - seconds(at) <= FINALIZE_S
        before, behind, later = self._pools_asked(line) if what is CANDIDATES else (False, False, False)
        scan = Scan(
            self._findings.note(*SELECTS, command.text()),
            now.unit,
            at_s,
            what,
            of,
            also,
            now.shared,
            now.in_script,
            selecting,
            asks or behind,
            asks or later,
            selecting and (asks or behind) and not before,
        )
        self._findings.watch(scan.failure)
        if now.in_block and not alone:
            self._within.append(scan)
        else:
            self._by_itself(scan)

    def unit_ended(self, *, in_script: bool) -> None:
        """What ran as one is over: what was read, written and cleared in it?"""
        unit, now = self._lives.unit, self._lives.now
        if self._within:
            self._judge_within()
        if unit.sessions_read or unit.written or unit.turns_deleted or unit.sessions_cleared or unit.turns_read:
            step = (
                now.unit, now.client, now.at, in_script, unit.turns_read, unit.sessions_read, unit.written,
                unit.turns_deleted, unit.sessions_cleared,
            )  # fmt: skip
            if self._earlier is not None:
                self._earlier.append(step)
            else:
                self._goes_on(Step(*step))

    def finish(self) -> None:
        """What still waits is no finalize's; who looks for turns or sessions does so for no good reason, though."""
        while self._waiting:
            self._gives_up(self._waiting.popleft())

    # what a scan is

    def _pools_asked(self, read_at: int) -> tuple[bool, bool, bool]:
        """Whether the connection asked for a pool since it read the turn at this line, and whether it does behind.

        The third: whether it does so behind with nothing before it but reads of turns.
        """
        now, before, turn_read = self._lives.now, False, False
        for number, line in self._nearby("", f"[{now.db} {now.client}] "):
            asked = arguments_of(line.partition('] "')[2]) or []
            if len(asked) < 2 or asked[0].upper() == "KEYS" or number == now.line:
                continue
            is_pool = asked[1].startswith(self._pools)
            if number < now.line:
                before = before or (is_pool and number > read_at)
            elif is_pool:
                return before, not turn_read, True
            elif asked[1].startswith(self._ours):
                turn_read = asked[1].startswith(self._ours[:1]) and asked[0].upper() in READS_TURN
                if not turn_read:
                    break
        return before, False, False

    def _by_itself(self, scan: Scan) -> None:
        """A scan that ran alone, or with nothing of turns and sessions."""
        if scan.what is OWN and scan.shared:
            return  # nobody's: clients of a unix socket look alike
        if scan.what in (OURS, ALL) and scan.shared:
            self._findings.cannot_tell_apart("TA-CLEAR-8")
            if scan.what is ALL:
                return
        if scan.what is CANDIDATES and scan.selecting and scan.put_to_use and not scan.shared:
            self._is(SELECTS, scan)
            return
        while self._waiting and (len(self._waiting) >= WAITING or scan.at_s - self._waiting[0].at_s > FINALIZE_S):
            self._gives_up(self._waiting.popleft())
        self._waiting.append(scan)
        self._latest = scan.unit

    def _gives_up(self, scan: Scan) -> None:
        if scan.what in (OURS, ALL) and not scan.shared:
            self._is(CLEARS, scan)

    def _is(self, breach: tuple[str, str], scan: Scan) -> None:
        scan.failure.rule, scan.failure.expected = breach
        self._findings.press(scan.failure)

    def _judge_within(self) -> None:
        """The scans of a script or a MULTI block, by what else was done in it."""
        unit, within = self._lives.unit, self._within
        self._within = []
        clears = bool(unit.turns_deleted or unit.sessions_cleared)
        writes = bool(unit.written)
        if not (clears or writes or unit.turns_read or unit.sessions_read):
            for scan in within:
                self._by_itself(scan)
            return
        for scan in within:
            between = scan.shared and not scan.in_script
            if between and scan.what is OWN:
                continue  # what stands between MULTI and EXEC may be another client's of the same unix socket
            if between and scan.what is ALL:
                self._findings.cannot_tell_apart("TA-CLEAR-8")
                continue
            selects = writes or (bool(unit.turns_read) and scan.what is not OURS)
            self._is(SELECTS if selects and not clears else CLEARS, scan)

    # what a finalize does

    def _goes_on(self, step: Step) -> None:
        """A finalize reads, selects, writes or clears."""
        if step.turns_read:
            self._turns_asked_for(step)
        if step.sessions_read:
            self._sessions_asked_for(step)
        if step.written:
            self._selected_before(step)
            for key in step.written:
                self._over(key, self._turns.pop(key, None))
                session = self._lives.sessions.get(key)
                if session is not None:
                    self._over(session.turn or "", self._turns.pop(session.turn or "", None))
                read = self._sessions.pop(key, None)
                if not self._mints():
                    self._over(key, read)
            self._did(step)
        if step.turns_deleted or step.sessions_cleared:
            for key in step.turns_deleted:
                self._over(key, self._turns.pop(key, None), cleared=True)
            for key in step.sessions_cleared:
                self._over(key, self._sessions.pop(key, None), cleared=True)
            self._did(step)

    def _mints(self) -> bool:
        """Who makes an id for each finalize reads the open turn only to clear it, and may find none."""
        seen = self._lives.decisions["D1"]
        return "mint" in (seen, self._reads_as) or (self._reads_as is None and seen is None)

    def _did(self, step: Step) -> None:
        self._reading.pop(step.client, None)
        keep(self._acted, step.client, step.unit, READS_KEPT)

    def _turns_asked_for(self, step: Step) -> None:
        for key in step.turns_read:
            before, turn = self._turns.get(key), self._lives.turns.get(key)
            if before is not None:
                if self._is_a_look(step, before):
                    continue
                # of a turn whose session is not known it may be the next finalize that reads it
                if (turn and turn.session) or self._asked < before.unit:
                    self._over(key, before)
            keep(self._turns, key, Read(step.unit, step.client, step.at), READS_KEPT)
        if step.in_script:
            self._did(step)
        else:
            self._selected_before(step)
            self._did(step)
            keep(self._reading, step.client, (key, step.turns_read[key][0], step.at, ""), READS_KEPT)
        self._read = step.unit

    def _sessions_asked_for(self, step: Step) -> None:
        """With the read of its open turn a session's next finalize begins, or a clear."""
        for key in step.sessions_read:
            session = self._lives.sessions.get(key)
            if key in step.written and key in self._sessions:
                continue  # who reads it and writes it in one step began before
            ended = session is not None and session.turn is None
            keep(self._sessions, key, Read(step.unit, step.client, step.at, ended), READS_KEPT)
            if session is not None and session.turn not in (None, UNKNOWN):
                self._turns.pop(session.turn or "", None)
        for key in step.turns_deleted:
            self._turns.pop(key, None)
        self._asked = step.unit
        before, line, *_ = self._reading.get(step.client, ("", 0))
        self._did(step)
        reading = (next(iter(step.sessions_read)), 0, step.at, str(before) if line else "")
        keep(self._reading, step.client, reading, READS_KEPT)

    def _is_a_look(self, step: Step, before: Read) -> bool:
        """Whether another than the scheduler, who read this before, reads it now."""
        known = self._findings.is_scheduler
        return before.client != step.client and known(before.client) and not known(step.client)

    def _selected_before(self, step: Step) -> None:
        """Pools were looked for, and then, by the same connection, a turn was read or written: that was a selection."""
        began = max(self._asked, self._acted.get(step.client, -1), self._read if step.written else -1)
        if self._latest <= began or self._statistics.selections:
            return
        for scan in self._since(began):
            begins = scan.may_begin and not scan.shared
            if begins and scan.failure.client == step.client and self._is_near(scan, step.at):
                self._waiting.remove(scan)
                self._is(SELECTS, scan)

    def _over(self, key: str, read: Read | None, *, cleared: bool = False) -> None:
        """What was read is written or cleared, or read again by the same finalize: what was scanned since?"""
        if read is None or self._latest <= read.unit:
            return
        for scan in self._since(read.unit):
            if not self._is_near(scan, read.at) or not self._belongs(scan, read):
                continue
            if scan.of != key and (scan.of in self._turns or scan.of in self._sessions):
                continue  # it stands in another finalize, which is not over
            if read.ended and not cleared and scan.what is OWN:
                continue
            self._waiting.remove(scan)
            asks, seeks = scan.selecting or scan.asks_pools or scan.also in self._turns, scan.what
            selects = asks and seeks is CANDIDATES if cleared else asks or seeks is not OURS
            self._is(SELECTS if selects else CLEARS, scan)

    def _since(self, unit: int) -> list[Scan]:
        """The scans that wait and came after this unit and before the present one."""
        found: list[Scan] = []
        for scan in reversed(self._waiting):
            if scan.unit <= unit:
                break
            if scan.unit < self._lives.now.unit:
                found.append(scan)
        return found[::-1]

    @staticmethod
    def _is_near(scan: Scan, at: str) -> bool:
        return abs(scan.at_s - seconds(at)) <= FINALIZE_S

    def _belongs(self, scan: Scan, read: Read) -> bool:
        """Whether it is the same finalize's: by its connection, or, where none selects by script, by what it seeks."""
        if scan.failure.client == read.client:
            return True
        if scan.what is not CANDIDATES or self._statistics.selections or not self._findings.is_scheduler(read.client):
            return False
        scan.failure.quiet = True
        return True
