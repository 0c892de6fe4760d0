"""Does this traffic keep the contract? Lines in, findings out: each command told to the lives that it touches."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from turnaffinity.audit.findings import UUID_V4, Findings, Now
from turnaffinity.audit.lifecycle import Lives
from turnaffinity.audit.lines import arguments_of, bound_node, end_of_script, key_reader, runs_back
from turnaffinity.audit.scans import Scans
from turnaffinity.audit.second_records import Elsewhere
from turnaffinity.audit.selections import SCANS, Inner, Near, Selections
from turnaffinity.audit.state import READS_KEPT, keep
from turnaffinity.audit.statistics import Statistics, seconds
from turnaffinity.audit.trace import Lines, Nearby, our_names
from turnaffinity.contract.decisions import Reading
from turnaffinity.contract.layout import LEGACY_FIELDS, KeyLayout, affixes
from turnaffinity.wire.command import Command
from turnaffinity.wire.meaning import (
    ALL,
    SCRIPT_CALLS,
    assigns,
    deletes_fields,
    keys_of,
    moves,
    reads_fields,
    sets_ttl,
    takes_for_no_hash,
)

REMEMBERED = 1_000_000
"""Turns remembered by default (TA-TURN-3 looks back so far)."""
CLOCK_SLACK_S = 1.0
"""A clock that runs back by more than this is another recording: a gap."""
NEAR_KEPT, NEAR_LENGTH = 4096, 200
"""So many lines about the surroundings are remembered, if they are no longer than this."""
EMPTIES = frozenset({"FLUSHDB", "FLUSHALL"})
LOOKS = frozenset({"EXISTS", "HLEN", "HKEYS"})
TTL_REMOVED = frozenset({"PERSIST", "HPERSIST"})

Argv = Sequence[str]


class Judge:
    """One trace's judge. `take` what a `Sieve` finds, in order; then `finish`."""

    def __init__(
        self,
        layout: KeyLayout,
        reading: Reading | None,
        remember: int = REMEMBERED,
        watch: Callable[[str], None] = print,
        nearby: Nearby = lambda text, sender: (),
    ) -> None:
        self.layout = layout
        self.now = Now()
        self.findings = Findings(self.now)
        self.statistics = Statistics()
        self.lives = Lives(self.findings, self.statistics, reading, remember)
        self.turn_id = key_reader(layout, "turn")
        self.session_id = key_reader(layout, "session")
        self.elsewhere = Elsewhere(layout, self.findings, self.lives, watch, nearby)
        self.selections = Selections(layout, self.findings, self.lives, self.statistics, self.elsewhere, watch)
        self.scans = Scans(layout, self.findings, self.lives, self.statistics, reading, nearby)
        around = ("pool", "node_pools", "node", "job")
        self._surroundings = tuple(layout.prefixes[name] for name in around if layout.prefixes[name])
        self._pool_prefix = layout.prefixes["pool"] or "\0"
        self._job_prefix = layout.prefixes["job"] or "\0"
        self._node_pools_end = affixes(layout.node_pools)[-1] or "\0"
        self._our_names = our_names(layout)
        self._near: dict[str, Near] = {}
        self.affinity, self.pointer = layout.affinity_field, layout.current_turn_field
        self.readable = 0
        """Lines of interest that are MONITOR lines."""
        self.gaps = self._readable_at_gap = self.strays = 0  # a stray: the line of a script whose call is missing
        self.turn_commands = self.session_commands = 0
        self._tick = 0

    def is_known_turn(self, turn_id: str) -> bool:
        """Whether this id was seen as that of a turn that is not closed (database 0, or the present one)."""
        return self.lives.is_met(turn_id) or self.lives.is_met(f"{self.now.db}|{turn_id}")

    def take(self, lines: Lines) -> None:
        """Judge what ran as one."""
        kind, texts, number = lines
        if kind == "gap" or (kind != "single" and runs_back(texts)):
            self._gap(closed_too=kind != "gap")
            return
        now = self.now
        now.unit += 1
        now.in_block, now.in_script = kind != "single", False
        self.lives.unit.begin()
        self.findings.saw(number, texts)
        if kind == "single":
            argv = self._read(texts[0], number)
            if argv is not None:
                self._command(argv)
        elif kind == "script":
            if self._script(texts, number) and self.lives.unit.sessions_cleared:
                self.selections.block_ended(script=True)
        else:
            self._block(lines)
        self.scans.unit_ended(in_script=kind == "script")

    def finish(self) -> None:
        """The trace is over; of what is open now, what is missing is not judged."""
        self.scans.finish()
        self.elsewhere.finish()
        self.count_occasions()
        self.findings.finish()

    def count_occasions(self) -> None:
        """Bring the occasions that every command is one of into the tally."""
        occasions = self.findings.occasions
        selections = self.statistics.selections
        occasions["TA-KEY-2"] = self.session_commands
        for rule in ("TA-KEY-1", "TA-NEVER-1"):
            occasions[rule] = self.turn_commands + selections
        occasions["TA-KEY-3"] = self.turn_commands + self.session_commands + selections
        for rule in ("TA-SEL-5", "TA-SEL-6"):
            occasions[rule] = selections

    # reading

    def _read(self, text: str, number: int) -> list[str] | None:
        """Move to a line; its arguments, or None if it is no whole MONITOR line."""
        head, _, rest = text.partition('] "')
        at, _, who = head.partition(" [")
        db, _, client = who.partition(" ")
        argv = arguments_of(rest)
        if argv is None or not client:
            return None
        now = self.now
        if at < now.at:  # as texts; a plus sign stands before every digit
            at = at.removeprefix("+")
            if seconds(at) < seconds(now.at) - CLOCK_SLACK_S:
                self._gap(closed_too=True)
        now.at, now.db, now.client, now.line, now.text = at, db, client, number, text
        self.readable += 1
        return argv

    def _gap(self, *, closed_too: bool = False) -> None:
        """Lines are missing; with `closed_too` what comes now may have come before what was seen."""
        self.gaps += self.readable > self._readable_at_gap
        self._readable_at_gap = self.readable
        self.now.at = "0"
        self.scans.forget_the_present()
        self.lives.forget_the_present()
        if closed_too:
            self.lives.closed.clear()

    def _block(self, lines: Lines) -> None:
        """A script call with its lines, or a MULTI block, which may hold script calls."""
        texts, number = lines.texts, lines.number
        at = 0
        while at < len(texts):
            end = end_of_script(texts, at)
            if end > at + 1 or " lua] " in texts[at][:48]:
                self._script(texts[at:end], number + at)
            else:
                argv = self._read(texts[at], number + at)
                if argv is not None and argv[0].upper() not in ("MULTI", "EXEC"):
                    self._command(argv)
            at = end
        self.selections.block_ended(script=False)

    def _script(self, texts: Sequence[str], number: int) -> bool:
        """Judge a script; whether its call was seen."""
        called: list[str] = []
        first = 0
        if " lua] " not in texts[0][:48]:
            called = self._read(texts[0], number) or []
            first = 1
            if called and called[0].upper() not in SCRIPT_CALLS:
                called = self._stray(called, number)
        inner: list[Inner] = []
        near: list[Near] = []
        asks = scans = False
        known_near = self._near
        for line, text in enumerate(texts[first:], number + first):
            rest = text.partition(' lua] "')[2]
            known = known_near.get(rest)
            if known is None:
                argv = arguments_of(rest)
                if argv is None:
                    continue
                if len(argv) > 1 and argv[1].startswith(self._surroundings):
                    asks = asks or argv[1].startswith(self._pool_prefix)
                    known = self._near_of(argv, rest)
                if known is None:
                    scans = scans or argv[0].upper() in SCANS
                    inner.append((argv, text, line))
                    continue
            near.append(known)
            asks = asks or known.asks
        now = self.now
        if not called and inner:
            self._read(inner[0][1], inner[0][2])
        if not inner and not near:
            return bool(called)
        if scans and self.selections.scans_alone(called, inner, self.turn_id, self.session_id):
            for argv, now.text, now.line in inner:
                self.scans.scanned(Command(tuple(argv)), asks=asks, alone=True)
            return bool(called)
        if self.selections.is_selection(called, inner, asks, self.session_id):
            self.selections.judge(called, inner, near, self.turn_id, self.session_id)
            return bool(called)
        now.in_script = bool(called)  # a script that the trace begins in was not seen whole
        for argv, now.text, now.line in inner:
            self._command(argv)
        now.in_script = False
        return bool(called)

    def _stray(self, argv: list[str], number: int) -> list[str]:
        """A command that the lines of some script stand behind, whose call is missing: a gap lies between."""
        self.strays = self.strays or number + 1
        self.now.in_block = False
        self._command(argv)
        self._gap()
        self.now.unit, self.now.in_block = self.now.unit + 1, True
        return []

    def _near_of(self, argv: Argv, rest: str) -> Near | None:
        """What a line within a script asks of the surroundings, or None if it is more than that."""
        key = argv[1]
        if argv[0].upper() == "KEYS" or any(name in rest for name in self._our_names):
            return None
        is_pool = key.startswith(self._pool_prefix)
        near = Near(key, is_pool, is_pool or key.endswith(self._node_pools_end), bound_node(argv, self._job_prefix))
        if len(rest) < NEAR_LENGTH:  # the same few nodes and pools are asked for again and again
            if len(self._near) >= NEAR_KEPT:
                self._near.clear()
            self._near[rest] = near
        return near

    # commands

    def _command(self, argv: list[str]) -> None:
        name = argv[0].upper()
        if name in EMPTIES and self.now.in_block:
            expected = "a clear touches its own session's hash and the turn key named there"
            self.findings.blame("TA-CLEAR-8", expected, Command(tuple(argv)).text())
        if len(argv) < 2:
            return
        self._tick += 1
        if not self._tick & 15:
            self.statistics.touched(argv[1], self.now.at)
        key = argv[1]
        session_id = self.session_id(key)
        if session_id is not None:
            self.session_commands += 1
            if name == "HGET" and len(argv) == 3 and argv[2] == self.pointer:
                self.lives.pointer_read(session_id, conclusive=True)
                return
            if name == "HSET" and len(argv) == 4 and argv[2] == self.pointer:
                self.findings.occasions["TA-WRITE-2"] += 1
                self.lives.pointer_written(session_id, argv[3])
                self.elsewhere.turn_written(argv[3])
                return
            if name == "HDEL" and len(argv) == 3 and argv[2] == self.pointer:
                self.lives.pointer_deleted(session_id)
                return
        turn_id = self.turn_id(key)
        if turn_id is not None:
            self.turn_commands += 1
            if name == "HGET" and len(argv) == 3 and argv[2] == self.affinity:
                self.lives.affinity_read(turn_id)
                return
            if name == "HSET" and len(argv) == 4 and argv[2] == self.affinity:
                self.lives.affinity_written(turn_id, argv[3])
                self.elsewhere.turn_written(turn_id)
                return
            if name == "HDEL" and len(argv) == 3 and argv[2] == self.affinity:
                self.elsewhere.turn_used(turn_id)
                self.lives.affinity_deleted(turn_id, whole_key=False)
                return
        self._any_command(Command(tuple(argv)))

    def _any_command(self, command: Command) -> None:
        """The long way, for every command that is not one of the six usual ones."""
        name = command.name
        if name in SCRIPT_CALLS:
            return
        self._keys_of_turns(command)
        self._lives_of_keys(command)
        self.scans.scanned(command)
        if name == "WATCH":
            for key in command.argv[1:]:
                session_id = self.session_id(key)
                if session_id is not None:
                    self.lives.session(session_id).watcher = self.now.client
        for key, fields in reads_fields(command):
            self._reads(key, fields)
        written = assigns(command)
        if written is not None:
            self._writes(*written, unless_there=command.name == "HSETNX")
        for key, gone in deletes_fields(command):
            self._deletes(key, gone)
        self.elsewhere.command(command)
        moved = moves(command)
        if moved is not None and (session_id := self.session_id(moved[1])) is not None:
            self.lives.session_replaced(session_id)
        if moved is not None and any(self.turn_id(key) is not None for key in moved):
            if all(key == "" or self.turn_id(key) is not None for key in moved):
                self.findings.blame("TA-NEVER-2", "nothing is inherited from a closed turn", command.text())
            else:
                self.findings.blame("TA-KEY-1", "affinity stands only in its turn key", command.text())

    def _lives_of_keys(self, command: Command) -> None:
        blame = self.findings.blame
        for key in sets_ttl(command):
            turn_id, session_id = self.turn_id(key), self.session_id(key)
            if turn_id is not None and self.lives.is_turn(turn_id, key):
                anybody = self.lives.is_surely_turn(turn_id)
                blame("TA-NEVER-1", "no TTL command ever names a turn key", command.text(), anybody=anybody)
                if command.name not in TTL_REMOVED:
                    blame("TA-WRITE-2", "neither the turn key nor the session hash gets a TTL", command.text())
            elif session_id and self.lives.is_session(session_id, key) and command.name not in TTL_REMOVED:
                what = "neither the turn key nor the session hash gets a TTL"
                blame("TA-WRITE-2", what, command.text(), telling_apart=True)

    def _keys_of_turns(self, command: Command) -> None:
        """An affinity is the field of a hash; and what a script asks of a turn's key, it has looked at."""
        for key in takes_for_no_hash(command):
            turn_id = self.turn_id(key)
            if turn_id is not None or self.session_id(key) is not None:
                keep(self.lives.no_hashes, key, None, READS_KEPT)
            if turn_id is not None and (UUID_V4.fullmatch(turn_id) or self.is_known_turn(turn_id)):
                expected = f"the affinity is the field {self.affinity} of its turn's hash"
                self.findings.blame("TA-KEY-1", expected, command.text())
        if self.now.in_script or command.name in LOOKS:
            for key in keys_of(command):
                turn_id = self.turn_id(key)
                if turn_id is not None:
                    self.lives.looked_at(turn_id)

    def _reads(self, key: str, fields: object) -> None:
        session_id, turn_id = self.session_id(key), self.turn_id(key)
        if session_id is not None:
            if fields is ALL or self.pointer in fields:  # type: ignore[operator]
                self.lives.pointer_read(session_id, conclusive=fields is not ALL)
        elif turn_id is not None and self.affinity in fields:  # type: ignore[operator]
            self.lives.affinity_read(turn_id, conclusive=fields is not ALL)
        if fields is not ALL:
            self._odd_fields(key, fields, "read", session_id, turn_id)  # type: ignore[arg-type]

    def _writes(self, key: str, pairs: tuple[tuple[str, str], ...], *, unless_there: bool) -> None:
        session_id, turn_id = self.session_id(key), self.turn_id(key)
        for name, value in pairs:
            if session_id is not None and name == self.pointer:
                self.findings.occasions["TA-WRITE-2"] += 1
                self.lives.pointer_written(session_id, value)
                self.elsewhere.turn_written(value)
            elif turn_id is not None and name == self.affinity:
                self.lives.affinity_written(turn_id, value, unless_there=unless_there)
                self.elsewhere.turn_written(turn_id)
            elif turn_id is not None and name not in LEGACY_FIELDS:
                self.lives.turn_field_written(turn_id, name)
        self._odd_fields(key, [name for name, _ in pairs], "written", session_id, turn_id)

    def _deletes(self, key: str, gone: object) -> None:
        session_id, turn_id = self.session_id(key), self.turn_id(key)
        if session_id is not None:
            if gone is ALL:
                if self.lives.is_session(session_id, key):
                    self.lives.session_deleted(session_id)
                return
            fields = set(gone)  # type: ignore[call-overload]
            if self.pointer in fields:
                self.lives.pointer_deleted(session_id)
                others = sorted(fields - {self.pointer, *LEGACY_FIELDS})
                if others:
                    self.findings.blame(
                        "TA-CLEAR-5", "other fields of the session hash survive", f"{', '.join(others)} deleted with it"
                    )
        elif turn_id is not None:
            if gone is ALL or self.affinity in gone:  # type: ignore[operator]
                self.elsewhere.turn_used(turn_id)
                self.lives.affinity_deleted(turn_id, whole_key=gone is ALL)
            self.lives.turn_fields_deleted(turn_id, None if gone is ALL else set(gone))  # type: ignore[call-overload]
        elif gone is not ALL and self.affinity in gone:  # type: ignore[operator]
            self._odd_fields(key, [self.affinity], "deleted", session_id, turn_id)

    def _odd_fields(
        self, key: str, fields: Sequence[str], done: str, session_id: str | None, turn_id: str | None
    ) -> None:
        """The contract's field names where they do not belong, and the names that the note abolishes."""
        look = done == "read"
        for name in fields:
            if name in LEGACY_FIELDS:
                what = f"{key} {name} is {done}"
                self.findings.blame("TA-KEY-3", "legacy fields are neither read nor written", what, telling_apart=look)
            elif name == self.affinity and turn_id is None:
                what = f"it is {done} in {key}"
                self.findings.blame("TA-KEY-1", "affinity stands only in its turn key", what, telling_apart=look)
            elif name == self.pointer and session_id is None and look:
                what = f"it is read in {key}"
                self.findings.blame(
                    "TA-KEY-2", "the open turn stands only in the session hash", what, telling_apart=look
                )
