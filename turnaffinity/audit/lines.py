"""Which words does a line hold, which key is a turn's or a session's, and what would a pattern find?"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from operator import itemgetter
from typing import Any

from turnaffinity.audit.statistics import seconds
from turnaffinity.contract.layout import KeyLayout, affixes
from turnaffinity.wire.command import Command
from turnaffinity.wire.monitor import split_arguments

PLAIN = re.compile(rb'\+?\d+(?:\.\d+)? \[\d+ [^"]*\] "')
"""The beginning of a whole line of MONITOR."""
WORD = re.compile(rb"[\w-]{3,}")
FEW_LINES = 4
"""Fewer lines may well name the same thing, all of them."""
MANY_LINES = 20
"""Fewer lines may well be of two commands only."""
Hit = tuple[int, int, int]
"""Which text, counted from 0, and where it starts and ends."""
Search = Callable[[bytes], list[Hit]]
OURS, ALL, CANDIDATES, AROUND, OWN = "turns or sessions", "everything", "candidates", "jobs or rooms", "its own"
"""What a pattern looks for: the keys of a clear, all keys, those of a selection, those around them, any others."""


def arguments_of(rest: str) -> list[str] | None:
    """The arguments of a line, from behind its first quote; None if a quote is cut or stray."""
    if rest[-1:] != '"':
        rest = rest.rstrip()
        if rest[-1:] != '"':
            return None
    if "\\" not in rest:
        argv = rest[:-1].split('" "')
        return argv if rest.count('"') == 2 * len(argv) - 1 else None
    argv_of = split_arguments(rest[:-1].encode("utf-8", "surrogateescape"))
    return None if argv_of is None else list(argv_of)


def key_reader(layout: KeyLayout, name: str) -> Callable[[str], str | None]:
    """A function from a key to the id in it, or None if the key is not of this kind."""
    template: str = getattr(layout, name)
    prefix = layout.prefixes[name]
    pattern = layout.patterns[name]
    if template.endswith("}") and not template.endswith("}}"):
        cut = len(prefix)
        return lambda key: key[cut:] if key.startswith(prefix) else None
    return lambda key: match.group(1) if (match := pattern.fullmatch(key)) else None


def end_of_script(texts: Sequence[str], at: int) -> int:
    """Where the lines end that ran inside the script called at `at`; the next line if it called none."""
    end = at + 1
    for line in range(at + 1, len(texts)):
        if " lua] " in texts[line][:48]:
            end = line + 1
        elif texts[line]:
            break
    return end


def runs_back(texts: Sequence[str]) -> bool:
    """Whether the last of these lines is earlier than the first: captures were joined between them."""
    first, last = texts[0].partition(" ")[0], texts[-1].partition(" ")[0]
    return last < first and seconds(last) < seconds(first)


def bound_node(argv: Sequence[str], job_prefix: str) -> str:
    """The node that this command binds a job to, or ""."""
    if len(argv) < 3 or not argv[1].startswith(job_prefix):
        return ""
    name = argv[0].upper()
    return argv[2] if name == "SET" else argv[3] if name in ("SETEX", "PSETEX") and len(argv) > 3 else ""


def after_match(argv: Sequence[str]) -> str:
    """The pattern of a SCAN, or "" if it has none."""
    at = next((at for at, part in enumerate(argv) if part.upper() == "MATCH"), len(argv))
    return argv[at + 1] if at + 1 < len(argv) else ""


def pattern_reader(layout: KeyLayout) -> Callable[[Command], str]:
    """A function from a KEYS or SCAN to what it looks for.

    A pattern is for the keys that it begins like; one that begins with a wildcard, for those that it would find.
    """
    samples = [
        (OURS, layout.turn, layout.turn_key("0b6f5a52-6f0a-4b0e-9a52-0f6d6a3f1c01")),
        (OURS, layout.session, layout.session_key("s1")),
        (CANDIDATES, layout.pool, layout.pool_key("zh:en", 0)),
        (CANDIDATES, layout.node, layout.node_key("n1")),
        (CANDIDATES, layout.node_pools, layout.node_pools_key("n1")),
        (CANDIDATES, layout.pool_index or "", layout.pool_index_key("zh:en") or ""),
        (AROUND, layout.job, layout.job_key("j1")),
        *((AROUND, f"{prefix}{{}}", f"{prefix}r1") for prefix in layout.room_prefixes),
    ]
    known = [(what, affixes(template), sample) for what, template, sample in samples if template]

    def looks_for(command: Command) -> str:
        argv = command.argv
        pattern = argv[1] if command.name == "KEYS" and len(argv) > 1 else after_match(argv)
        if not pattern.strip("*"):
            return ALL
        head = re.split(r"[*?\[\\]", pattern, maxsplit=1)[0]
        for what, texts, sample in known:
            begins = head.startswith(texts[0]) if texts[0] else pattern.endswith(texts[-1])
            if begins or fnmatchcase(sample, pattern):
                return what
        return OWN

    return looks_for


def line_of_record(record: Any) -> str:
    """What MONITOR printed, of the dict that redis-py's `Monitor.listen` made of it; "" if it is none.

    The dict holds the arguments without their quotes, with one space between: one that holds a space is two here.
    Of EVAL, whose script holds many, only the name is taken.
    """
    if not isinstance(record, dict):
        return ""
    at_s, db, command = record.get("time"), record.get("db"), record.get("command")
    kind, address, port = (record.get(name, "") for name in ("client_type", "client_address", "client_port"))
    if not (isinstance(at_s, float | int) and 0 <= at_s < 1e12 and isinstance(db, int) and db >= 0 and command):
        return ""
    client = {"lua": "lua", "unix": f"unix:{port}"}.get(str(kind), f"{address}:{port}")
    words = str(command).replace('"', '\\"').split(" ")
    if words[0].upper() in ("EVAL", "EVAL_RO"):
        words = [words[0], "?", "0"]
    quoted = " ".join(f'"{word}"' for word in words)
    return "" if '"' in client else f"{at_s:.6f} [{db} {client}] {quoted}"


def common_words(head: bytes, names: Sequence[str]) -> set[str]:
    """The words that every line in the beginning of a capture names: in a whole one there is none.

    But for what all keys have in common: each line that matters names that. All lines within scripts count as naming
    " lua]", since a whole capture has the calls.
    """
    common: set[bytes] | None = None
    lines = [line for line in head.splitlines() if PLAIN.match(line)]
    for line in lines:
        words = {*WORD.findall(line, line.index(b'] "')), *re.findall(rb" lua\]", line[:48])}
        common = words if common is None else common & words
        if not common:
            break
    of_keys = set(WORD.findall(names[0].encode()))
    return {
        word.decode("ascii") for word in (common or set()) - of_keys if len(lines) >= FEW_LINES and not word.isdigit()
    }


def only_commands(head: bytes) -> set[str]:
    """The commands in the beginning of a capture, if they are one or two: somebody who serves turns needs more."""
    lines = [line.decode("ascii", "replace") for line in head.splitlines() if PLAIN.match(line)]
    commands = set(map(command_of, lines))
    return commands if len(lines) >= MANY_LINES and len(commands) <= 2 else set()


def command_of(line: str) -> str:
    """The name of a line's command, in upper case."""
    return line.partition('] "')[2].partition('"')[0].upper()


def lines_with(data: bytes, text: bytes) -> Iterator[tuple[int, bytes]]:
    """Where each line starts that holds a text, and the line."""
    at = data.find(text) if text else -1
    while at >= 0:
        start, end = data.rfind(b"\n", 0, at) + 1, data.find(b"\n", at) + 1 or len(data)
        yield start, data[start:end]
        at = data.find(text, end)


class Numbers:
    """Which line of the user's file a line is, where a normalised stream has fewer lines than the file.

    `skip` says from which line on the two differ, and by how much; `forget` keeps it as small as what is held.
    """

    def __init__(self) -> None:
        self._from, self._more = [0], [0]
        self.lines = 0
        """Lines of the file that were read so far."""

    def skip(self, line: int, number: int) -> None:
        """Line `line` of the stream is line `number` of the file; the lines after it follow."""
        if number - line != self._more[-1]:
            self._from.append(line)
            self._more.append(number - line)

    def place(self, line: int, texts: list[str]) -> tuple[int, list[str]]:
        """The number in the file of these lines from `line` on, with an empty text for each that lay between."""
        at = bisect_right(self._from, line) - 1
        first = line + self._more[at]
        if at + 1 == len(self._from) or len(texts) == 1:
            return first, texts
        placed: list[str] = []
        for here, text in enumerate(texts, line):
            at = bisect_right(self._from, here, at) - 1
            placed.extend([""] * (here + self._more[at] - first - len(placed)))
            placed.append(text)
        return first, placed

    def forget(self, line: int) -> None:
        """Lines up to `line` are not asked for again."""
        at = bisect_right(self._from, line) - 1
        del self._from[:at], self._more[:at]


def search_for(texts: Sequence[bytes]) -> Search:
    """A function that finds these texts in a piece of data, in the order in which they stand.

    Of two that overlap the later one may be left out: whoever asks wants the line, and that is the same.
    """
    try:
        from ahocorasick_rs import BytesAhoCorasick, MatchKind
    except ImportError:  # there are no wheels of it for musl
        return one_by_one(texts)
    # leftmost matches let it compare with vector instructions; to find them all takes ten times as long
    return BytesAhoCorasick(texts, matchkind=MatchKind.LeftmostFirst).find_matches_as_indexes


def one_by_one(texts: Sequence[bytes]) -> Search:
    """The same with a pass for each text, for machines without the library."""

    def search(data: bytes) -> list[Hit]:
        hits = [(which, at, at + len(text)) for which, text in enumerate(texts) for at in _places(data, text)]
        return sorted(hits, key=itemgetter(1))

    return search


def _places(data: bytes, text: bytes) -> Iterator[int]:
    at = data.find(text)
    while at >= 0:
        yield at
        at = data.find(text, at + len(text))
