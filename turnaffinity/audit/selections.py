"""Which script calls select a node, and what do they touch? TA-SEL-5, TA-SEL-6, TA-CLEAR-8."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from turnaffinity.audit.findings import Findings
from turnaffinity.audit.lifecycle import Lives
from turnaffinity.audit.second_records import Elsewhere
from turnaffinity.audit.statistics import Statistics
from turnaffinity.contract.layout import LEGACY_FIELDS, KeyLayout
from turnaffinity.wire.command import Command
from turnaffinity.wire.meaning import (
    ALL,
    ASKS_WHETHER,
    assigns,
    deletes_fields,
    is_scan,
    keys_of,
    moves,
    reads_fields,
    script_call,
    sets_ttl,
    takes_for_no_hash,
    writes_fields,
)

Inner = tuple[list[str], str, int]
"""A command inside a script that names something of ours: its arguments, its line, its line number."""
SCANS = ("KEYS", "SCAN")
IdOf = Callable[[str], str | None]


class Call(NamedTuple):
    """A script call as the client sent it."""

    script: str
    args: tuple[str, ...]
    has_keys: bool = False

    @classmethod
    def of(cls, argv: Sequence[str]) -> Call:
        """The call in these arguments; one without script or arguments if they are none."""
        if len(argv) > 3 and argv[2] == "0":
            return cls(argv[1], tuple(argv[3:]))
        call = script_call(Command(tuple(argv)))
        return cls(call.script, call.args, bool(call.keys)) if call else cls("", ())

    @property
    def selects_once(self) -> bool:
        """Whether it is called as `select_node.lua` is: a pair, a job, a turn, and no more."""
        return self.names_pair and len(self.args) <= 3

    @property
    def names_pair(self) -> bool:
        """Whether the first argument looks like a language pair, as in the ABI of `select_node.lua`."""
        if not self.args:
            return False
        source, colon, target = self.args[0].partition(":")
        return bool(source and colon and target) and ":" not in target


class Near(NamedTuple):
    """A command of a script that touches only the surroundings: a node, a pool, a job binding."""

    key: str
    is_pool: bool
    asks: bool
    """Whether it asks which pools there are, or who is in them."""
    bound: str = ""
    """The node that it binds a job to."""


class Selections:
    """Tells selections from writes and clears, and judges each."""

    def __init__(
        self,
        layout: KeyLayout,
        findings: Findings,
        lives: Lives,
        statistics: Statistics,
        elsewhere: Elsewhere,
        watch: Callable[[str], None],
    ) -> None:
        self._elsewhere = elsewhere
        self._layout, self._findings, self._lives, self._statistics = layout, findings, lives, statistics
        self._affinity = layout.affinity_field
        self._pool_prefix = layout.prefixes["pool"]
        self._selectors: set[str] = set()
        self._watch = watch

    def scans_alone(self, called: Sequence[str], inner: Sequence[Inner], turn_id: IdOf, session_id: IdOf) -> bool:
        """Whether a script that looks through names of keys has nothing to do with turns, sessions or selections."""
        if len(called) > 1 and called[1] in self._selectors:
            return False
        commands = [Command(tuple(argv)) for argv, _, _ in inner]
        if any(self._lives.is_met(self._lives.key_of(argument)) for argument in called):
            return False
        keys = [key for command in commands for key in keys_of(command)]
        return not any(turn_id(key) is not None or session_id(key) is not None for key in keys)

    def is_selection(self, called: Sequence[str], inner: Sequence[Inner], asks: bool, session_id: IdOf) -> bool:
        """A selection asks pools; it is given a pair, or leaves the sessions' open turns as they are.

        `called` holds the arguments of the script call, none if it was not seen. A script that does a whole finalize
        asks pools too, but is given a session and changes its hash.
        """
        if len(called) > 1 and called[1] in self._selectors:
            return True
        if not asks:
            return False
        call = Call.of(called)
        changes = False
        for argv, _, _ in inner:
            if len(argv) > 1 and session_id(argv[1]) is not None:
                command = Command(tuple(argv))
                changes = changes or bool(writes_fields(command) or deletes_fields(command))
        if changes and not call.selects_once:
            return False
        if call.names_pair and not changes and call.script:
            self._selectors.add(call.script)
            if len(call.script) == 40:
                self._watch(call.script)
        return True

    def judge(
        self, called: Sequence[str], inner: Sequence[Inner], near: Sequence[Near], turn_id: IdOf, session_id: IdOf
    ) -> None:
        """One selection: what it read and what it changed."""
        findings, now = self._findings, self._lives.now
        findings.acts(now.client)
        self._statistics.selections += 1
        self._statistics.selection_commands += len(inner) + len(near)
        self._statistics.pools_asked += sum([command.is_pool for command in near])
        if len(called) == 6 and called[2] == "0":  # as `select_node.lua` is called: a pair, a job, a turn
            nodes = [command.bound for command in near if command.bound]
            self._lives.batches.selected(called[5], called[4], nodes[-1] if nodes else "")
        if len(inner) == 1:
            argv, text, line = inner[0]
            named = turn_id(argv[1]) if len(argv) == 3 and argv[0] == "HGET" and argv[2] == self._affinity else None
            if named:  # what nearly every selection does
                now.line, now.text = line, text
                self._read_affinity(named, near)
                self._not_its_turn(called, named)
                return
        call = Call.of(called)
        affinity_lines: list[int] = []
        turns: dict[str, int] = {}
        others: list[str] = []
        for argv, text, line in inner:
            now.line, now.text = line, text
            command = Command(tuple(argv))
            for key in keys_of(command):
                if key.startswith(self._pool_prefix):
                    self._statistics.pools_asked += 1
                    continue
                named = turn_id(key)
                if named is not None:
                    self._on_turn(call, command, key, named, affinity_lines, turns, others)
                elif session_id(key) is not None:
                    self._on_session(command, key)
                else:
                    self._on_other(command, key)
            self._scans(command, turn_id, session_id)
        if others and not affinity_lines:
            findings.blame("TA-KEY-1", f"a selection reads the field {self._affinity}", f"it reads {others[0]}")
        self._under_a_turn(called, turns, inner, near)

    def _under_a_turn(
        self, called: Sequence[str], turns: dict[str, int], inner: Sequence[Inner], near: Sequence[Near]
    ) -> None:
        now = self._lives.now
        name, call = next(iter(turns), ""), Call.of(called)
        given = call.args[2] if call.names_pair and len(call.args) > 2 else ""
        if not name:
            if given:
                self._lives.selected(given)
            return
        now.line = turns[name]
        now.text = next(text for _, text, line in inner if line == now.line)
        self._read_affinity(name, near)
        self._not_its_turn(called, name)

    def _not_its_turn(self, called: Sequence[str], named: str) -> None:
        """The affinity is read of the turn that the call names; a call with KEYS is not looked at."""
        if named in called:
            return
        call = Call.of(called)
        if call.names_pair and not call.has_keys and not any(named in argument for argument in call.args):
            self._findings.blame("TA-SEL-5", "a selection reads the turn that it was given", f"it reads turn {named}")

    def _read_affinity(self, name: str, near: Sequence[Near]) -> None:
        turn = self._lives.selected(name)
        self._statistics.affinity_reads += 1
        if turn is None:
            self._findings.refuse_odd_id(name, self._lives.now.line)
        elif turn.node:
            wanted = self._layout.node_key(turn.node)
            self._statistics.affinity_hits += wanted in [command.key for command in near]

    def _on_turn(
        self,
        call: Call,
        command: Command,
        key: str,
        named: str,
        lines: list[int],
        turns: dict[str, int],
        others: list[str],
    ) -> None:
        findings, line = self._findings, self._lives.now.line
        if sets_ttl(command):
            findings.blame("TA-NEVER-1", "no TTL command ever names a turn key", command.text())
        if key in takes_for_no_hash(command):
            findings.blame("TA-KEY-1", f"a selection reads the field {self._affinity}", command.text())
        if _changes(command, key):
            findings.blame("TA-SEL-6", "a selection changes no turn key and no session hash", command.text())
            self._unsettle(named, command)
        for _, fields in reads_fields(command):
            if self._affinity in fields:
                if named:
                    turns.setdefault(named, line)
                if command.name in ASKS_WHETHER:
                    continue
                if lines and call.selects_once:
                    what = f"{command.text()}, after one at line {lines[0]}"
                    findings.blame("TA-SEL-5", "a selection reads the affinity once", what, cause=lines[0])
                lines.append(line)
            if fields is ALL:
                continue
            for name in fields:
                if name in LEGACY_FIELDS:
                    what = f"{key} {name} is read"
                    findings.blame("TA-KEY-3", "legacy fields are neither read nor written", what)
                elif name != self._affinity:
                    others.append(f"{key} {name}")

    def _unsettle(self, named: str, command: Command) -> None:
        """What a selection did to a turn is a breach of its own; the turn's state is what it is then."""
        turn = self._lives.turns.get(named)
        if turn is not None:
            turn.recorded = True if assigns(command) else None

    def _on_session(self, command: Command, key: str) -> None:
        findings = self._findings
        if _changes(command, key) or sets_ttl(command):
            findings.blame("TA-SEL-6", "a selection changes no turn key and no session hash", command.text())
        else:
            findings.blame("TA-SEL-5", "a selection reads no session key", command.text())
        self._field_names(command, key)

    def _on_other(self, command: Command, key: str) -> None:
        if any(key.startswith(prefix) for prefix in self._layout.room_prefixes):
            self._findings.blame("TA-SEL-5", "a selection reads no room key", command.text())
        place = self._elsewhere.routed_by(command, key)
        if place is not None:
            self._findings.blame(
                "TA-KEY-2", "an affinity stands only in its turn key", f"a selection reads it from {place}"
            )
        self._elsewhere.written(command)
        self._field_names(command, key)

    def _field_names(self, command: Command, key: str) -> None:
        pairs = (*reads_fields(command), *writes_fields(command))
        for _, fields in pairs:
            if fields is ALL:
                continue
            if self._affinity in fields:
                self._findings.blame("TA-KEY-1", "affinity stands only in its turn key", command.text())
            for name in fields:
                if name in LEGACY_FIELDS:
                    self._findings.blame("TA-KEY-3", "legacy fields are neither read nor written", command.text())

    def _scans(self, command: Command, turn_id: IdOf, session_id: IdOf) -> None:
        walks = command.name == "HSCAN" and any(
            turn_id(key) is not None or session_id(key) is not None for key in keys_of(command)
        )
        if is_scan(command) or walks:
            self._findings.blame("TA-SEL-5", "a selection sends no KEYS and no SCAN", command.text())

    def block_ended(self, *, script: bool) -> None:
        """After a block: a clear in one script keeps to one session and to the turn named there (TA-CLEAR-8)."""
        unit, lives = self._lives.unit, self._lives
        if not unit.sessions_cleared or (not script and len(set(unit.sessions_cleared)) > 1):
            return
        cleared = dict.fromkeys(unit.sessions_cleared)
        if len(cleared) > 1:
            self._findings.blame(
                "TA-CLEAR-8", "a clear touches one session's hash", f"it clears {', '.join(sorted(cleared))}"
            )
        now = lives.now
        touched = [(key, at, "deleted") for key, at in unit.turns_deleted.items()]
        if script:
            touched += [(key, at, "read") for key, at in unit.turns_read.items() if key not in unit.turns_deleted]
            for session, (now.line, now.text) in unit.sessions_read.items():
                if session not in cleared:
                    self._findings.blame("TA-CLEAR-8", "a clear touches one session's hash", f"it reads {session}")
        for key, at, done in touched:
            turn = lives.turns.get(key)
            owner = lives.sessions.get(turn.session) if turn and turn.session else None
            if owner is not None and owner.turn == key and owner.id not in cleared:
                if now.shared and not script:  # what stands between MULTI and EXEC may be another client's
                    self._findings.cannot_tell_apart("TA-CLEAR-8")
                    return
                now.line, now.text = at
                self._findings.blame(
                    "TA-CLEAR-8", "other turns stay as they were", f"turn {key} of session {owner.id} is {done}"
                )


def _changes(command: Command, key: str) -> bool:
    gone = any(named == key for named, _ in deletes_fields(command))
    return gone or any(named == key for named, _ in writes_fields(command)) or key in sets_ttl(command) or (
        moves(command) is not None and key in (moves(command) or ())
    )  # fmt: skip
