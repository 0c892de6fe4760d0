"""How far is each turn and each session? The state machines behind the rules of the write and the clear."""

from __future__ import annotations

from turnaffinity.audit.batches import Batches
from turnaffinity.audit.findings import Findings
from turnaffinity.audit.state import READS_KEPT, SESSIONS_KEPT, UNKNOWN, Known, Session, Turn, UnitSeen, keep
from turnaffinity.audit.statistics import Statistics
from turnaffinity.contract.decisions import Reading


class Lives(Known):
    """All turns and sessions of a trace; each method is one thing that happened to one of them."""

    def __init__(self, findings: Findings, statistics: Statistics, reading: Reading | None, remember: int) -> None:
        super().__init__(findings.now, remember)
        self.findings, self.statistics = findings, statistics
        self.whole_turns = 0
        self.latest_write: tuple[Turn, int] | None = None
        self.decisions: dict[str, str | None] = dict.fromkeys(("D1", "D2", "D3", "D4"))
        self.unit = UnitSeen()
        self.batches = Batches(findings)
        self._reuses = reading is not None and reading.d1 == "reuse"
        self._remains: dict[str, str] = {}
        """turn -> session, where a close left the turn's key alive and the next step may still delete it."""

    def forget_the_present(self) -> None:
        """A gap: nothing is known of what is open; what was closed stays closed."""
        for known in (self.turns, self.sessions, self._reads, self._selected, self._remains):
            known.clear()
        self.batches.forget_the_present()

    # the write

    def affinity_written(self, turn_id: str, value: str, *, unless_there: bool = False) -> None:
        """HSET of the affinity field of a turn key, or HSETNX."""
        now, key = self.now, self.key_of(turn_id)
        self._refuse_closed(key, turn_id, "its affinity is written")
        self.unit.written.append(key)
        turn = self.turns.get(key) or self._new_turn(key, turn_id)
        if not value:
            turn.emptied, turn.recorded = True, False
            turn.deleted_line, turn.deleted_unit, turn.deleted_client = now.line, now.unit, now.client
            return
        self.findings.acts(now.client)
        if unless_there and turn.recorded:
            return  # what stands recorded stays
        session = self.sessions.get(turn.session) if turn.session else None
        half_gone = turn.doubted and turn.deleted_line and turn.recorded is False
        if half_gone and session and session.turn == key and not turn.deleted_client.startswith("unix:"):
            self._half_cleared(session, turn)  # the session was read since: this is a new segment of what was to end
        if turn.recorded and turn.whole:
            self.decisions["D4"] = "overwrite"
        turn.recorded, turn.emptied, turn.node, turn.doubted = True, False, value, False
        turn.written_line, turn.written_unit = now.line, now.unit
        self.latest_write = (turn, now.unit)
        self.batches.recorded(turn_id, value)
        if not turn.opened_line:
            turn.opened_line, turn.opened_at = now.line, now.at
        if session is not None and session.turn == key and session.lacks_affinity:
            session.lacks_affinity = False
            self._whole_write(turn, session.pointed_unit, session.pointed_line)

    def pointer_written(self, session_id: str, value: str) -> None:
        """HSET of the session hash's `current_turn_id`."""
        now, findings = self.now, self.findings
        session = self.session(session_id)
        if not value:
            if session.turn is UNKNOWN:
                session.turn = None
            return
        findings.acts(now.client)
        key = self.key_of(value)
        self._refuse_closed(key, value, "a session names it as its open turn")
        self.unit.written.append(session.id)
        before = session.turn
        is_new = before is not UNKNOWN and before != key
        self._settle(session, overwritten=before != key)
        if before == key:
            self.decisions["D1"] = "reuse"
        elif before is not None and before is not UNKNOWN:
            self.decisions["D1"] = "mint"
            self.statistics.superseded += 1
            self.turns.pop(before, None)
        turn = self.turns.get(key)
        if turn is None:
            turn = self._new_turn(key, value)
        if turn.session is None:
            findings.occasions["TA-TURN-1"] += 1
            findings.refuse_odd_id(value, turn.written_line or now.line)
        owner = self.sessions.get(turn.session or "")
        if owner is not None and owner is not session and owner.turn == key:
            findings.blame("TA-TURN-1", f"turn {value} is one session's", f"{owner.id} has it open, too")
        turn.session = self.key_of(session_id)
        session.turn, session.pointed_line = key, now.line
        session.pointed_unit, session.pointed_client = now.unit, now.client
        if turn.recorded:
            if not turn.whole:
                self._whole_write(turn, turn.written_unit, turn.written_line)
        elif is_new or ((key in self._selected or self._seen_from_its_start(session)) and not self._was_looked_at(key)):
            session.lacks_affinity = True

    def _seen_from_its_start(self, session: Session) -> bool:
        """Whether this write began within the trace: its other half cannot stand before the first line."""
        # an empty reader is nobody; a script whose call the trace does not show has an empty client too
        reader = session.reader
        asked = reader != "" and self.findings.is_scheduler(reader) and not reader.startswith("unix:")
        return self.now.in_script or asked

    def _was_looked_at(self, key: str) -> bool:
        """Whether the affinity was read first: it may stand recorded from before, and stay (D4)."""
        return key in self.unit.turns_read or key in self._reads

    def _whole_write(self, turn: Turn, first_unit: int, first_line: int) -> None:
        turn.whole = True
        self.findings.occasions["TA-WRITE-1"] += 1
        self.findings.occasions["TA-WRITE-6"] += 1
        self.statistics.turns_opened += 1
        if first_unit != self.now.unit:
            self.findings.blame(
                "TA-WRITE-6",
                "affinity and current_turn_id written in one script or one MULTI",
                "two steps of their own",
                cause=first_line,
            )

    # reads

    def pointer_read(self, session_id: str, *, conclusive: bool) -> None:
        """HGET of `current_turn_id`; HGETALL is not `conclusive`, since others look at the hash too."""
        session = self.session(session_id)
        now = self.now
        session.read_unit = now.unit
        self.unit.sessions_read.setdefault(session.id, (now.line, now.text))
        if conclusive:
            session.reader = now.client
            self.batches.open_turn_read()
        if conclusive and self.findings.is_scheduler(now.client) and (now.in_block or not now.shared):
            self._settle(session, read=True)

    def affinity_read(self, turn_id: str, *, conclusive: bool = True) -> None:
        """A read of the affinity outside a selection: a write that leaves it as it is may follow (D4)."""
        key = self.key_of(turn_id)
        now = self.now
        self.unit.turns_read.setdefault(key, (now.line, now.text))
        self._meet(key, turn_id)
        keep(self._reads, key, None, READS_KEPT)
        if conclusive and key not in self.turns:
            self.findings.refuse_odd_id(turn_id, now.line, telling_apart=True)
        line = self.closed.get(hash(key)) if conclusive else None
        if line is not None:
            what = f"its affinity is read after its close at line {line}"
            self.findings.blame(
                "TA-TURN-3", f"turn {turn_id} is never used again", what, cause=line, telling_apart=True
            )

    def looked_at(self, turn_id: str) -> None:
        """A command within a script names the turn's key."""
        self.unit.turns_read.setdefault(self.key_of(turn_id), (self.now.line, self.now.text))

    def selected(self, turn_id: str) -> Turn | None:
        """A selection by script under this turn, which reads its key."""
        key = self.key_of(turn_id)
        self._meet(key, turn_id)
        keep(self._selected, key, None, READS_KEPT)
        line = self.closed.get(hash(key))
        if line is not None:
            what = f"a selection reads it after its close at line {line}"
            self.findings.blame("TA-TURN-3", f"turn {turn_id} is never used again", what, cause=line)
            self.findings.blame("TA-NEVER-2", "nothing is inherited from a closed turn", what, cause=line)
        turn = self.turns.get(key)
        if turn is not None:
            turn.jobs += 1
            session = self.sessions.get(turn.session) if turn.session else None
            if session is not None and session.turn == key and session.lacks_affinity:
                self._settle(session)
        return turn

    # the clear

    def affinity_deleted(self, turn_id: str, *, whole_key: bool) -> None:
        """HDEL of the affinity, or DEL of the turn key."""
        now, key = self.now, self.key_of(turn_id)
        if not whole_key and now.in_block:  # a hand that deletes a field by itself may be an operator's
            self.findings.acts(now.client)
        self.unit.turns_deleted.setdefault(key, (now.line, now.text))
        turn = self.turns.get(key)
        if turn is None:
            return
        session = self.sessions.get(turn.session) if turn.session else None
        if session is None:
            self.turns.pop(key)
            return
        if session.turn == key and session.lacks_affinity:
            self._settle(session)
        if session.turn == key and turn.recorded is False and turn.deleted_line and now.shared:
            if turn.doubted:
                self._half_cleared(session, turn)
            turn.doubted = True
        turn.recorded, turn.emptied = False, False
        if whole_key:
            turn.own_fields = None
        if not turn.doubted:
            turn.deleted_line, turn.deleted_client = now.line, now.client
        turn.deleted_unit = now.unit
        if session.left == key:
            session.left = None
            self._closed(turn, session, session.left_unit, session.left_line)
        elif session.turn != key:
            self.turns.pop(key)

    def turn_fields_deleted(self, turn_id: str, fields: set[str] | None) -> None:
        """Other fields of a turn key are gone; None: the whole key."""
        key = self.key_of(turn_id)
        turn = self.turns.get(key)
        if turn is not None and turn.own_fields is not None:
            turn.own_fields = None if fields is None else turn.own_fields - fields
        session = self.sessions.get(self._remains.pop(key, ""))
        if session is not None:
            session.remains = None

    def turn_field_written(self, turn_id: str, name: str) -> None:
        """A field beside the affinity, written by a connection of the scheduler's: the turn's own."""
        key = self.key_of(turn_id)
        if not self.findings.is_scheduler(self.now.client):
            return
        self._refuse_closed(key, turn_id, f"its field {name} is written")
        turn = self.turns.get(key) or self._new_turn(key, turn_id)
        turn.own_fields = (turn.own_fields or set()) | {name}

    def pointer_deleted(self, session_id: str, *, whole_key: bool = False) -> None:
        """HDEL of `current_turn_id`, or, with `whole_key`, DEL of the session hash."""
        now = self.now
        if not whole_key:
            self.findings.acts(now.client)
        session = self.session(session_id)
        session.dropped_line = 0
        self.unit.sessions_cleared.append(session.id)
        if session.left or session.remains or session.lacks_affinity:
            self._settle(session)
        key, session.turn = session.turn, None
        if key is None:
            return
        if key is UNKNOWN:
            if len(self.unit.turns_deleted) == 1:
                self._remember_closed(next(iter(self.unit.turns_deleted)))
                self.findings.occasions["TA-CLEAR-1"] += 1
            return
        turn = self.turns.get(key)
        if turn is None or turn.recorded is None:
            self._remember_closed(key)
            self.turns.pop(key, None)
        elif turn.recorded:
            session.left, session.left_line, session.left_doubted = key, now.line, False
            session.left_unit, session.left_client = now.unit, now.client
        else:
            self._closed(turn, session, turn.deleted_unit, turn.deleted_line)

    def session_replaced(self, session_id: str) -> None:
        """RENAME, COPY or RESTORE onto the session hash."""
        self.findings.blame(
            "TA-CLEAR-5",
            "other fields of the session hash survive",
            f"{self.now.text.partition('] ')[2].strip()} puts another hash in their place",
            telling_apart=True,
        )

    def session_deleted(self, session_id: str) -> None:
        """DEL of the session hash, or what amounts to it."""
        now = self.now
        session = self.sessions.get(self.key_of(session_id))
        turn = self.turns.get(session.turn or "") if session else None
        in_a_clear = turn is not None and turn.recorded is False and turn.deleted_line > 0
        self.findings.blame(
            "TA-CLEAR-5",
            "other fields of the session hash survive",
            f"{now.text.partition('] ')[2].strip()} takes all of them",
            telling_apart=True,
        )
        if session is None:
            return
        if in_a_clear or now.in_block or (self.findings.is_scheduler(now.client) and not now.shared):
            self.pointer_deleted(session_id, whole_key=True)
            if now.shared and not now.in_block:
                session.dropped_line = now.line
            return
        if turn is not None and session.turn:
            self.turns.pop(session.turn, None)
            self.statistics.orphans += 1
        self.sessions.pop(session.id, None)

    def _closed(self, turn: Turn, session: Session, first_unit: int, first_line: int) -> None:
        now, findings = self.now, self.findings
        for rule in ("TA-CLEAR-1", "TA-CLEAR-5", "TA-CLEAR-6", "TA-CLEAR-7", "TA-CLEAR-8", "TA-NEVER-2", "TA-TURN-3"):
            findings.occasions[rule] += 1
        one_step = first_unit == now.unit
        watched = bool(session.watcher) and session.watcher == now.client and now.in_block
        if not (one_step and (session.read_unit == now.unit or watched)):
            findings.blame(
                "TA-CLEAR-7",
                "the open turn read and both fields deleted in one atomic step",
                "several steps of their own",
                cause=first_line,
            )
        session.watcher = ""
        key = self.key_of(turn.id)
        if turn.emptied:
            session.remains = (key, turn.deleted_line, "an emptied affinity", turn.deleted_client)
        elif turn.own_fields:
            names = ", ".join(sorted(turn.own_fields))
            session.remains = (key, now.line, f"field {names}", now.client)
        if session.remains:
            self._remains[key] = session.id
        self.whole_turns += turn.whole and findings.is_scheduler(now.client)
        self.statistics.closed(turn.id, session.id, turn.opened_at, now.at, turn.jobs, turn.opened_line, now.line)
        self._remember_closed(key)
        self.turns.pop(key, None)
        if len(self.sessions) > SESSIONS_KEPT:
            self._drop_idle_sessions()

    # what became certain

    def _settle(self, session: Session, *, overwritten: bool = False, read: bool = False) -> None:
        """The next read, write or clear of a session: what is missing now will not come."""
        findings = self.findings
        if session.lacks_affinity:
            session.lacks_affinity = False
            turn = self.turns.get(session.turn or "")
            name = turn.id if turn else ""
            findings.blame(
                "TA-WRITE-1",
                f"turn {name} gets its affinity with current_turn_id",
                f"current_turn_id was written at line {session.pointed_line}, the affinity never",
                client=session.pointed_client,
                cause=session.pointed_line,
            )
        if session.dropped_line:
            findings.acts(self.now.client)
            observed = f"the clear at line {session.dropped_line} deleted the whole hash"
            cause, session.dropped_line = session.dropped_line, 0
            findings.blame("TA-CLEAR-5", "other fields of the session hash survive", observed, cause=cause)
        turn = self.turns.get(session.turn or "")
        if (
            turn is not None
            and turn.recorded is False
            and turn.deleted_line
            and (self._reuses or turn.doubted or not overwritten)
        ):
            if read and not turn.doubted:
                turn.doubted = True  # the fallback clear begins with this read, too
            else:
                self._half_cleared(session, turn)
        if session.left and read and not session.left_doubted:
            session.left_doubted = True  # a fallback that knows the turn from before begins so, too
        elif session.left:
            self._left_over(session, session.left)
        if session.remains:
            key, line, what, client = session.remains
            session.remains = None
            self._remains.pop(key, None)
            findings.blame(
                "TA-CLEAR-6",
                "no key of the closed turn remains",
                f"{what} keeps its key alive",
                client=client,
                cause=line,
            )

    def _half_cleared(self, session: Session, turn: Turn) -> None:
        line, turn.deleted_line = turn.deleted_line, 0
        done = "emptied" if turn.emptied else "deleted"
        self.findings.blame(
            "TA-CLEAR-1",
            f"the close of turn {turn.id} deletes its affinity and current_turn_id",
            f"the affinity was {done} at line {line}; current_turn_id still names it",
            client=turn.deleted_client,
            cause=line,
        )

    def _left_over(self, session: Session, key: str) -> None:
        session.left = None
        turn = self.turns.pop(key, None)
        name = turn.id if turn else key
        observed = f"current_turn_id was deleted at line {session.left_line}; the affinity stays"
        self._remember_closed(key)
        self.statistics.orphans += 1
        for rule, expected in (
            ("TA-CLEAR-1", f"the close of turn {name} deletes its affinity and current_turn_id"),
            ("TA-CLEAR-6", f"no key of the closed turn {name} remains"),
        ):
            self.findings.blame(rule, expected, observed, client=session.left_client, cause=session.left_line)

    def _refuse_closed(self, key: str, turn_id: str, use: str) -> None:
        line = self.closed.get(hash(key))
        if line is not None:
            self.findings.blame(
                "TA-TURN-3", f"turn {turn_id} is never used again", f"{use} after its close at line {line}", cause=line
            )
