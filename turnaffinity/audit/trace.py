"""Which lines of a trace concern us, and which of them ran as one? Found in the bytes, before anything is parsed."""

from __future__ import annotations

import gzip
import io
import itertools
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, NamedTuple, cast

from turnaffinity.audit.search import Hit, Search, search_for
from turnaffinity.contract.layout import LEGACY_FIELDS, KeyLayout, affixes
from turnaffinity.problem import Problem

CHUNK_BYTES = 1 << 16
"""How much is read at a time: what is gone through several times stays in the cache."""
HELD_BYTES = 1 << 15
"""The end of a chunk waits for the next one, so that what ran as one is seen whole."""
LOOK_AHEAD_LINES = 64
"""How far an EXEC is looked for behind a command of the same client."""
GAP_MARK = b"turnaffinity:gap"
"""`record` writes a line with this where it lost the connection."""

_SCRIPT_LINES = re.compile(rb"(?:\+?[\d.]++ \[\d++ lua\] .*+\n?)++")
"""What ran inside a script, as far as it goes."""
_EXECS = [bytes(word) for word in itertools.product(b"xX", b"eE", b"cC", b'"')]
"""The end of EXEC in every case; where there is none, nothing ran as a MULTI block."""
_SCANS = [b'] "K', b'] "k', *(bytes(word) + b'" "' for word in itertools.product(b"cC", b"aA", b"nN"))]
"""The beginning of KEYS, and the end of SCAN with something behind it, in every case."""
SCANS_FROM = len(_EXECS)
_SCAN_WORD = re.compile(rb'\] "(?:KEYS|SCAN)"', re.IGNORECASE)
NEAR_BYTES = 1 << 10
"""How far around a line `nearby` looks."""
SHORTEST = 4
"""A text that is looked for has so many bytes at least."""
MOST_TEXTS = 56
"""So many texts are looked for at most: with more than 64 the search takes several times as long."""
_UUID_MIDDLE = re.compile(rb"-4[0-9a-f]{3}-[89ab]")
"""Cheap to look for; a hit counts only if the whole id is that of a turn we know."""


Nearby = Callable[[str, str], Iterable[tuple[int, str]]]
"""The lines around those handed on last that hold a text: `Sieve.nearby`."""


class Lines(NamedTuple):
    """Raw lines that ran as one: a script call with what ran inside, a MULTI block, or one command."""

    kind: str
    """"script", "multi", "single" or "gap"."""
    texts: list[str]
    number: int
    """The line number of the first, from 1; the others follow it."""


def open_trace(path: str) -> IO[bytes]:
    """The bytes of a trace; "-" is standard input. gzip and zstd are told by their first bytes, not by a name.

    Raises `Problem` (exit 2) if the file cannot be read.
    """
    try:
        raw: IO[bytes] = sys.stdin.buffer if path == "-" else Path(path).open("rb")  # noqa: SIM115 (the caller closes it)
        buffered = io.BufferedReader(raw, CHUNK_BYTES) if isinstance(raw, io.RawIOBase) else raw
        start = buffered.peek(4)[:4] if hasattr(buffered, "peek") else b""
    except OSError as error:
        raise Problem(path, error.strerror or "cannot be read", "name a file that can be read, or -") from error
    if start[:2] == b"\x1f\x8b":
        return cast(IO[bytes], gzip.GzipFile(fileobj=buffered))
    if start == b"\x28\xb5\x2f\xfd":
        import zstandard

        return cast(IO[bytes], zstandard.ZstdDecompressor().stream_reader(buffered, read_across_frames=True))
    return buffered


class Sieve:
    """Finds, in a stream of bytes, the lines that name our keys and fields, with what ran together with them.

    Feed chunks; get `Lines`. Everything else is passed over at the speed of `bytes.find`. `is_known_turn` is
    asked about ids that stand in lines which name none of our keys (a copy of the open turn elsewhere, TA-KEY-2).
    """

    def __init__(self, layout: KeyLayout, is_known_turn: Callable[[str], bool] = lambda turn_id: False) -> None:
        keys = [name.encode() for name in key_texts(layout)]
        fields = [layout.affinity_field, layout.current_turn_field, *LEGACY_FIELDS]
        self._keys_from = len(_EXECS) + len(_SCANS)
        self._fields_from = self._keys_from + len(keys)
        self._texts = [*_EXECS, *_SCANS, *keys, *(name.encode() for name in fields), GAP_MARK]
        self._search = search_for(self._texts)
        self._is_known_turn = is_known_turn
        self._held = b""
        self.lines = 0
        """Lines passed so far."""
        self.matched = 0
        """Lines handed on."""
        self.bytes = 0
        self._last_exec = self._no_exec_before = -1
        self._passed, self._data, self._handed = b"", b"", (0, 0, 0)
        """What lay before `_data`; where in it the lines handed on last start and end, and the first one's number."""

    def watch(self, text: str) -> None:
        """Look for a further text from now on: a script's digest, or the name of a suspicious key."""
        wanted = text.encode("utf-8", "surrogateescape")
        looked_for = any(known in wanted for known in self._texts[self._keys_from :])
        if len(wanted) >= SHORTEST and not looked_for and len(self._texts) < MOST_TEXTS:
            self._texts.append(wanted)
            self._search = search_for(self._texts)

    def feed(self, chunk: bytes, *, last: bool = False) -> Iterator[Lines]:
        """The lines of interest in this chunk and what was held back before; `last` holds nothing back."""
        self.bytes += len(chunk)
        done = len(self._data) - len(self._held)
        self._passed = self._data[max(0, done - NEAR_BYTES) : done]
        self._data = data = self._held + chunk if self._held else chunk
        end = len(data) if last else self._safe_end(data)
        self._no_exec_before, position = -1, 0
        search: Search | None = None
        while search is not self._search:  # again, from where a further text is looked for
            search = self._search
            for step in self._found(data, position, end):
                found, position = step
                yield found
                if search is not self._search:
                    break
        if position < end:
            self.lines += data.count(b"\n", position, end) + (last and not data.endswith(b"\n"))
            position = end
        self._held = data[position:]

    def _found(self, data: bytes, position: int, end: int) -> Iterator[tuple[Lines, int]]:
        """The lines of interest between `position` and `end`, each with where what ran with it ends."""
        for which, at, _ in self._hits(data, position):
            if at < position or which < SCANS_FROM:
                continue
            if at >= end:
                break
            start = self._line_start(data, position, at)
            if which >= self._fields_from and not self._concerns(data, start, at):
                continue
            if which < self._keys_from and not _SCAN_WORD.match(data, at - (0 if which < SCANS_FROM + 2 else 4)):
                continue
            for copy in self._copies(data, position, start):
                position = copy[1]
                yield copy
            if start < position:
                continue
            self.lines += data.count(b"\n", position, start)
            found, position = self._together(data, position, start)
            yield found, position
        yield from self._copies(data, position, end)

    def _hits(self, data: bytes, position: int) -> list[Hit]:
        """What is found from `position` on."""
        hits = self._search(data[position:] if position else data)
        if position:
            hits = [(which, start + position, end + position) for which, start, end in hits]
        execs = [at for which, at, _ in hits if which < SCANS_FROM]
        self._last_exec = execs[-1] if execs else -1
        return hits

    def _copies(self, data: bytes, position: int, end: int) -> Iterator[tuple[Lines, int]]:
        """The lines up to `end` that name a turn we know and none of our keys, and where what ran with them ends."""
        if position >= end:
            return
        for match in _UUID_MIDDLE.finditer(data, position, end):
            first = match.start() - 13
            if first >= position and self._is_known_turn(data[first : first + 36].decode("ascii", "replace")):
                start = self._line_start(data, position, first)
                if self._concerns(data, start, first):
                    self.lines += data.count(b"\n", position, start)
                    found, position = self._together(data, position, start)
                    yield found, position

    def _line_start(self, data: bytes, position: int, at: int) -> int:
        """Where the line at `at` starts, or the script call that it belongs to, not before `position`."""
        start = data.rfind(b"\n", position, at) + 1 or position
        if start > position and b" lua] " in data[start : start + 48]:
            return self._block_start(data, position, start)
        return start

    def _safe_end(self, data: bytes) -> int:
        """The start of a line near the end that does not belong to a script or a MULTI before it."""
        at = data.rfind(b"\n", 0, max(0, len(data) - HELD_BYTES)) + 1
        for _ in range(LOOK_AHEAD_LINES):
            before = data.rfind(b"\n", 0, at - 1) + 1 if at > 0 else 0
            column = data.find(b" [", before, before + 48) - before
            client = data[before + column : data.find(b"] ", before) + 2]
            if at == 0 or (b" lua] " not in data[at : at + 48] and not data.startswith(client, at + column)):
                break
            at = before
        while at > 0 and b" lua] " in data[at : at + 48]:
            at = data.rfind(b"\n", 0, at - 1) + 1
        return at

    def _concerns(self, data: bytes, start: int, hit: int) -> bool:
        """Whether a name stands in a command, or is the mark of a gap, and not in another program's line."""
        return b'] "' in data[start:hit] or data.startswith(GAP_MARK, hit)

    def _together(self, data: bytes, position: int, start: int) -> tuple[Lines, int]:
        """What ran together with the line at `start`, not reaching back before `position`."""
        after = data.find(b"\n", start) + 1 or len(data)
        if data.startswith(b"#", start) and GAP_MARK in data[start:after]:
            return self._lines("gap", data, start, after), after
        inside = _SCRIPT_LINES.match(data, after)
        if inside is not None:
            after = inside.end()
            return self._lines("script", data, start, after), after
        head = data[start : start + 48]
        if b" lua] " in head:
            return self._lines("script", data, start, after), after
        if self._no_exec_before < after <= self._last_exec:
            # a queued command shows where EXEC runs it: the lines up to EXEC are one client's
            bracket, close = head.find(b" ["), data.find(b"] ", start, after)
            client = data[start + bracket : close + 2]
            if bracket > 0 and data.startswith(client, after + bracket):
                done = self._exec_after(data, after, client, bracket)
                if done:
                    first = self._multi_before(data, position, start, client, bracket)
                    self.lines -= data.count(b"\n", first, start)
                    return self._lines("multi", data, first, done), done
        return self._lines("single", data, start, after), after

    @staticmethod
    def _block_start(data: bytes, position: int, start: int) -> int:
        """Where the script call stands that the `lua` line at `start` belongs to, not before `position`."""
        before = start
        while start > position:
            before, start = start, data.rfind(b"\n", position, start - 1) + 1 or position
            if b" lua] " not in data[start : start + 48]:
                break
        return before if data.startswith(b"#", start) else start  # in a gap: the call stood in it

    def _exec_after(self, data: bytes, after: int, client: bytes, column: int) -> int:
        """The end of the line of EXEC that follows directly, or 0."""
        width = column + len(client)
        for _ in range(LOOK_AHEAD_LINES):
            inside = _SCRIPT_LINES.match(data, after)
            after = inside.end() if inside else after
            if not data.startswith(client, after + column):
                break
            word = data[after + width : after + width + 9].upper()
            if word.startswith(b'"EXEC"'):
                return data.find(b"\n", after) + 1 or len(data)
            if word.startswith((b'"MULTI"', b'"DISCARD"')):
                break
            after = data.find(b"\n", after) + 1 or len(data)
        self._no_exec_before = after
        return 0

    def _multi_before(self, data: bytes, position: int, start: int, client: bytes, column: int) -> int:
        """Where the block of the same client's lines before `start` begins: at MULTI, or where others' lines end."""
        first = start
        while first > position:
            before = data.rfind(b"\n", position, first - 1) + 1 or position
            if not data.startswith(client, before + column):
                break
            first = before
            if data[before + column + len(client) : before + column + len(client) + 7].upper() == b'"MULTI"':
                break
        return first

    def nearby(self, text: str, sender: str = "") -> Iterator[tuple[int, str]]:
        """(number, line) of each line shortly before those handed on last that holds this text, if there is one.

        With a sender, as in "[0 10.0.0.1:5000] ", only of those that it sent, and of those shortly behind, too.
        """
        wanted, by = text.encode("utf-8", "surrogateescape"), sender.encode("utf-8", "surrogateescape")
        data, (first, after, number) = self._data, self._handed
        before = data[max(0, first - NEAR_BYTES) : first]
        if first < NEAR_BYTES:
            before = self._passed[first - NEAR_BYTES :] + before
        for start, line in _lines_with(before, by or wanted):
            if wanted in line:
                yield number - before.count(b"\n", start), line.decode("utf-8", "surrogateescape")
        if not by:
            return
        behind = data[after : after + NEAR_BYTES]
        for start, line in _lines_with(behind, by):
            if wanted in line:
                passed = data.count(b"\n", first, after) + behind.count(b"\n", 0, start)
                yield number + passed, line.decode("utf-8", "surrogateescape")

    def _lines(self, kind: str, data: bytes, first: int, after: int) -> Lines:
        text = data[first:after].decode("utf-8", "surrogateescape")
        texts = (text[:-1] if text[-1:] == "\n" else text).split("\n") if kind != "single" else [text]
        number, count = self.lines + 1, len(texts)
        self._handed = (first, after, number)
        self.lines += count
        self.matched += count
        return Lines(kind, texts, number)


def _lines_with(data: bytes, text: bytes) -> Iterator[tuple[int, bytes]]:
    """Where each line starts that holds a text, and the line."""
    at = data.find(text) if text else -1
    while at >= 0:
        start, end = data.rfind(b"\n", 0, at) + 1, data.find(b"\n", at) + 1 or len(data)
        yield start, data[start:end]
        at = data.find(text, end)


def _fixed_text(template: str) -> str:
    """The longest literal text of a key template: what every key of its kind contains."""
    return max(affixes(template), key=len)


def _common_start(one: str, other: str) -> str:
    differs = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[:differs]


def key_texts(layout: KeyLayout) -> list[str]:
    """One text, or two, of which every turn key and session key contains one."""
    turn, session = _fixed_text(layout.turn), _fixed_text(layout.session)
    common = _common_start(turn, session)
    return [common] if len(common) >= 4 else [turn, session]


def our_names(layout: KeyLayout) -> tuple[str, ...]:
    """Texts of which every command that names one of our keys or fields contains one."""
    fields = [layout.affinity_field, *LEGACY_FIELDS]
    end = "_node_id"
    ends = [end] if all(field.endswith(end) for field in fields) else fields
    return (*key_texts(layout), *ends, layout.current_turn_field)


def chunks(stream: IO[bytes]) -> Iterator[bytes]:
    """The stream in pieces; ends at its end. A compressed file that was cut gives what could be read."""
    while True:
        try:
            chunk = stream.read(CHUNK_BYTES)
        except (EOFError, OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise Problem("trace", error.strerror or "cannot be read", "name a file that can be read") from error
            return
        if not chunk:
            return
        yield chunk
