"""Is the open turn, or its affinity, kept in a second place and read back from there? TA-KEY-2."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from turnaffinity.audit.findings import UUID_V4, Failure, Findings
from turnaffinity.audit.lifecycle import Lives
from turnaffinity.audit.lines import arguments_of
from turnaffinity.audit.state import Turn, keep
from turnaffinity.audit.trace import SHORTEST, Nearby
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.wire.command import Command
from turnaffinity.wire.meaning import assigns, deletes_fields, moves

PLACES = 10_000
"""So many keys are remembered with what they were given, the latest ones."""
EARLY = 1000
"""So many values are remembered that may turn out to be an open turn's id or node, the latest ones."""
EARLY_PLACES = 100
"""So many places that got the same value, and so many fields of a key."""
READS = 10_000
"""So many turns that were read from elsewhere wait for their clear."""

STRING_WRITES = frozenset({"SET", "SETNX", "GETSET"})
TIMED_WRITES = frozenset({"SETEX", "PSETEX", "JSON.SET"})
MANY_STRING_WRITES = frozenset({"MSET", "MSETNX"})
STRINGS_WRITTEN = STRING_WRITES | TIMED_WRITES | MANY_STRING_WRITES
MEMBER_WRITES = frozenset({"SADD", "LPUSH", "RPUSH", "LPUSHX", "RPUSHX", "ZADD"})
MEMBER_DELETES = frozenset({"SREM", "ZREM", "LREM"})
STRING_READS = frozenset({"GET", "GETDEL", "GETEX", "GETSET", "GETRANGE", "SUBSTR", "JSON.GET"})
FIELD_READS = frozenset({"HGET", "HMGET"})
MEMBER_READS = frozenset({"SISMEMBER", "SMISMEMBER", "ZSCORE", "ZMSCORE", "LPOS"})
HASH_READS = frozenset({"HGETALL", "HVALS"})
WHOLE_READS = frozenset(
    {
        "SMEMBERS", "SRANDMEMBER", "SPOP", "LRANGE", "LINDEX", "LPOP", "RPOP", "ZRANGE", "ZREVRANGE", "ZRANGEBYSCORE",
        "ZREVRANGEBYSCORE", "ZRANGEBYLEX", "ZPOPMIN", "ZPOPMAX",
    }
)  # fmt: skip

Place = tuple[str, str]
"""(key, field); "" for a string's only place, the member itself in a set, a list or a sorted set."""


class Given(NamedTuple):
    """What a place was given: the turn whose id or node it is, where, and in which step."""

    turn: str
    line: int
    unit: int
    is_node: bool = False
    is_member: bool = False
    is_mention: bool = False
    """The id stands in a longer text."""


class Read(NamedTuple):
    """The latest read of an open turn from elsewhere."""

    failure: Failure
    shared: bool


def values_given(command: Command) -> list[tuple[Place, str]]:
    """The values that a command gives to strings, to fields of hashes and to members of collections."""
    name, argv = command.name, command.argv
    if name in STRING_WRITES:
        return [((argv[1], ""), value) for value in argv[2:3]]
    if name in TIMED_WRITES:
        return [((argv[1], ""), value) for value in argv[3:4]]
    if name in MANY_STRING_WRITES:
        return [((key, ""), value) for key, value in zip(argv[1::2], argv[2::2], strict=False)]
    if name in MEMBER_WRITES:
        return [((argv[1], value), value) for value in argv[2:]]
    key, fields = assigns(command) or ("", ())
    return [((key, field), value) for field, value in fields]


def places_read(command: Command) -> list[tuple[str, str | None]]:
    """The places that a command reads; of one that reads all of a key the field is None."""
    name, argv = command.name, command.argv
    if len(argv) < 2:
        return []
    if name in FIELD_READS or name in MEMBER_READS:
        return [(argv[1], field) for field in argv[2:]]
    if name == "MGET":
        return [(key, "") for key in argv[1:]]
    if name in STRING_READS or (name == "SET" and "GET" in [part.upper() for part in argv[3:]]):
        return [(argv[1], "")]
    return [(argv[1], None)] if name in WHOLE_READS or name in HASH_READS else []


class Elsewhere:
    """Places beside the contract's that hold the id of an open turn, or its node.

    They may be anybody's, and mention whatever they like; it matters only that the scheduler reads one back before
    the clear. A node stands in many places, in pools and bindings above all: it counts only in one that is named by
    the turn or its session, or that got it in the very step that recorded the affinity.
    """

    def __init__(
        self, layout: KeyLayout, findings: Findings, lives: Lives, watch: Callable[[str], None], nearby: Nearby
    ) -> None:
        self._findings, self._lives, self._watch, self._nearby = findings, lives, watch, nearby
        self._own_fields = (layout.current_turn_field, layout.affinity_field)
        around = ("pool", "node", "node_pools", "job", "pool_index")
        self._surroundings = tuple(name for each in around if (name := layout.prefixes.get(each)))
        self._hashes = tuple(name for each in ("turn", "session") if (name := layout.prefixes[each]))
        self._turn_key = layout.turn_key
        self._places: dict[str, dict[str, Given]] = {}
        self._early: dict[str, dict[Place, Given]] = {}
        """value -> places that got it before it was known to be an open turn's id or its node."""
        self._latest: dict[Place, int] = {}
        """place -> the line that it got its present value at, of those in `_early`."""
        self._read: dict[str, Read] = {}
        lives.met = self._met

    # what happens to the contract's own keys

    def _met(self, turn_id: str) -> None:
        """A turn's id is seen for the first time: who had it before, in a line that did not concern us yet?"""
        for number, line in self._nearby(turn_id, ""):
            self._assigned_nearby(number, line, turn_id)

    def turn_written(self, turn_id: str) -> None:
        """The affinity of a turn is written, or a session names it: what got its id or its node before is known now."""
        key = self._lives.key_of(turn_id)
        turn = self._lives.turns.get(key)
        if turn is None or (turn.sought == turn.node and not self._early):
            return
        if turn.sought != turn.node:
            turn.sought = turn.node
            sender = f"[{self._lives.now.db} {self._lives.now.client}] "
            for number, line in self._nearby(f'"{turn.node}"', sender):
                self._assigned_nearby(number, line, turn.node)
        if not self._early:
            return
        for value, take in ((key, self._take_id), (self._lives.key_of(turn.node), self._take_node)):
            for place, given in list(self._early.get(value, {}).items()):
                if self._latest.get(place) != given.line or take(place, given, key, turn):
                    del self._early[value][place]

    def turn_used(self, turn_id: str) -> None:
        """A turn's affinity is deleted: was the turn read from elsewhere before?"""
        if not self._read:
            return
        key = self._lives.key_of(turn_id)
        read = self._read.pop(key, None)
        if read is None or (read.shared and self._asked_since_its_write(self._lives.turns.get(key))):
            return  # over a unix socket it may be another client that looks at its own books
        if read.failure.client == self._lives.now.client:
            self._findings.acts(read.failure.client)
        self._findings.press(read.failure)

    def finish(self) -> None:
        """The trace is over: what was read back was read back before the clear."""
        for read in self._read.values():
            if not read.shared:
                self._findings.press(read.failure)
        self._read.clear()

    def _asked_since_its_write(self, turn: Turn | None) -> bool:
        session = self._lives.sessions.get(turn.session) if turn and turn.session else None
        return bool(turn and session and session.read_unit > max(turn.written_unit, session.pointed_unit))

    # what happens to other keys

    def command(self, command: Command) -> None:
        """A command that is none of the contract's own."""
        if self._places:
            for key, field in places_read(command):
                for place, given in self._known(key, field):
                    self._was_read(place, given)
        self.written(command)

    def written(self, command: Command) -> None:
        """What a command makes of the places that it writes, deletes or moves."""
        if self._places:
            self._gone(command)
        for place, value in values_given(command):
            self._assigned(place, value, Given("", self._lives.now.line, self._lives.now.unit))

    def routed_by(self, command: Command, key: str) -> str | None:
        """The second record at this key of an open turn or an affinity that a selection reads with it, or None."""
        if not self._places:
            return None
        read = [(name, field) for name, field in places_read(command) if name == key]
        known = (place for name, field in read for place, _ in self._known(name, field))
        return next((" ".join(place).strip() for place in known), None)

    def _assigned_nearby(self, number: int, line: str, wanted: str) -> None:
        """A line that did not concern us when it ran, or does not by itself."""
        argv = arguments_of(line.partition('] "')[2])
        for place, value in values_given(Command(tuple(argv))) if argv else ():
            is_bound = place[0].startswith(self._surroundings) and not UUID_V4.search(value)
            if wanted in value and not is_bound and not self._changed(place, number):
                self._assigned(place, value, Given("", number, -1))

    def _changed(self, place: Place, number: int) -> bool:
        """Whether a line close by gives something else to a place after this line did."""
        later = (line for at, line in self._nearby(f'"{place[0]}"', "") if at > number)
        commands = [Command(tuple(argv)) for line in later if (argv := arguments_of(line.partition('] "')[2]))]
        return any(place in (given for given, _ in values_given(command)) for command in commands)

    def _assigned(self, place: Place, value: str, given: Given) -> None:
        now, lives = self._lives.now, self._lives
        key, field = place
        if not value or field in self._own_fields or key == self._turn_key(value):
            return
        for match in UUID_V4.finditer(value):
            turn = lives.turns.get(lives.key_of(match.group()))
            about = given._replace(is_member=field == value, is_mention=match.group() != value)
            if turn is not None:
                self._take_id(place, about, lives.key_of(match.group()), turn)
            else:
                self._put_aside(match.group(), place, about)
        if not UUID_V4.fullmatch(value) and (odd := lives.turns.get(lives.key_of(value))) is not None:
            self._take_id(place, given._replace(is_member=field == value), lives.key_of(value), odd)
        if field == value or key.startswith(self._surroundings):
            return  # a node that stands in a pool, or in a job's record
        latest = lives.latest_write
        if latest is not None and latest[0].node == value and latest[1] == now.unit:
            self._take_node(place, given, lives.key_of(latest[0].id), latest[0])
        for part in (*key.split(":"), *field.split(":")):
            session = lives.sessions.get(lives.key_of(part))
            named = (session.turn or "") if session is not None else lives.key_of(part)
            if (turn := lives.turns.get(named)) is not None and turn.node == value:
                self._take_node(place, given, named, turn)
        self._put_aside(value, place, given)

    def _put_aside(self, value: str, place: Place, given: Given) -> None:
        places = self._early.pop(self._lives.key_of(value), {})
        keep(places, place, given, EARLY_PLACES)
        keep(self._early, self._lives.key_of(value), places, EARLY)
        keep(self._latest, place, given.line, PLACES)

    def _take_id(self, place: Place, given: Given, key: str, turn: Turn) -> bool:
        """A place that got the id; a longer text, of a log or a job, is a record where it has its session's name."""
        return (not given.is_mention or is_named(place, turn)) and self._take(place, given._replace(turn=key), turn)

    def _take_node(self, place: Place, given: Given, key: str, turn: Turn) -> bool:
        """A place that got the node is a record by its name, or by the step that recorded the affinity."""
        now = self._lives.now
        in_its_step = given.unit == now.unit and (now.in_script or not now.shared)
        named = in_its_step or is_named(place, turn)
        return named and self._take(place, given._replace(turn=key, is_node=True), turn)

    def _take(self, place: Place, given: Given, turn: Turn) -> bool:
        key, field = place
        name = self._lives.key_of(key)
        places = self._places.pop(name, {})
        keep(places, field, given, EARLY_PLACES)
        keep(self._places, name, places, PLACES)
        self._watch(self._manner(place, turn))
        return True

    def _gone(self, command: Command) -> None:
        """What the places do not hold any more, or hold under another name."""
        key_of, places, name = self._lives.key_of, self._places, command.name
        moved = moves(command)
        for field, given in list(places.get(key_of(moved[0]), {}).items()) if moved and moved[1] else ():
            turn = self._lives.turns.get(given.turn)
            if moved and turn is not None:
                self._take((moved[1], field), given, turn)
        if name not in STRINGS_WRITTEN:  # of those that Redis refused for their length nothing is told
            for key, fields in deletes_fields(command):
                known = places.get(key_of(key), {})
                for field in [field for field in known if field in fields]:
                    del known[field]
        gone = [(command.argv[1], each) for each in command.argv[2:]] if name in MEMBER_DELETES else []
        gone += [(command.argv[1], "")] if name == "GETDEL" else []
        for key, field in (*gone, *(place for place, _ in values_given(command))):
            places.get(key_of(key), {}).pop(field, None)

    def _known(self, key: str, field: str | None) -> Iterator[tuple[Place, Given]]:
        """What open turns a read is about; a whole hash that no session names is read for whatever reason."""
        for name, given in self._places.get(self._lives.key_of(key), {}).items():
            turn = self._lives.turns.get(given.turn)
            if turn is None or (field is not None and field != name):
                continue
            if given.is_member or field is not None:
                yield (key, "" if given.is_member else name), given
            elif is_named((key, name), turn) and not key.startswith(self._hashes):
                yield (key, name), given

    def _was_read(self, place: Place, given: Given) -> None:
        now, before, known = self._lives.now, self._read.get(given.turn), self._findings.is_scheduler
        if given.unit == now.unit or (before and known(before.failure.client) and not known(now.client)):
            return
        what = "its node" if given.is_node else "its id"
        observed = f"{what} is read from {' '.join(place).strip()}, which got it at line {given.line}"
        expected = f"open turn {self._lives.turns[given.turn].id} is known from its session and its own key alone"
        failure = self._findings.note("TA-KEY-2", expected, observed, cause=given.line)
        failure.quiet = True
        self._findings.watch(failure)
        keep(self._read, given.turn, Read(failure, now.shared and not now.in_script), READS)

    def _manner(self, place: Place, turn: Turn) -> str:
        """A text that lines naming this place have, and those naming the places of other turns in its manner."""
        key, field = place
        name = next((name for name in names_of(turn) if has_name(key, name)), "")
        begin, _, end = key.partition(name) if name else key.rpartition(":")
        if not name and begin:
            begin, end = f"{begin}:", f":{end}"
        elif not name:
            end = ""
        if len(begin) >= SHORTEST and not any(each.startswith(begin) for each in self._surroundings):
            return begin
        if len(field) >= SHORTEST and not any(has_name(field, name) for name in names_of(turn)):
            return f'"{field}"'
        return f'{end}"' if len(end) >= SHORTEST else f'" "{key}"'


def names_of(turn: Turn) -> tuple[str, ...]:
    """What a place may be named by: the id of the turn, and that of its session, if it is known."""
    return (turn.id, turn.session.rpartition("|")[2]) if turn.session else (turn.id,)


def is_named(place: Place, turn: Turn) -> bool:
    """Whether a place has the name of this turn or of its session."""
    return any(has_name(text, name) for text in place for name in names_of(turn))


def has_name(text: str, name: str) -> bool:
    """Whether a key or field has this name in it, with no letter or digit right beside."""
    at = text.find(name) if name else -1
    while at >= 0:
        end = at + len(name)
        if not (at and text[at - 1].isalnum()) and not text[end : end + 1].isalnum():
            return True
        at = text.find(name, at + 1)
    return False
