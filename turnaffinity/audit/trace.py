"""Which lines of a trace concern us, and which of them ran as one? Found in the bytes, before anything is parsed."""

from __future__ import annotations

import io
import itertools
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, NamedTuple, cast

from turnaffinity.audit.lines import Hit, Numbers, Search, lines_with, search_for
from turnaffinity.contract.layout import LEGACY_FIELDS, KeyLayout, affixes
from turnaffinity.problem import Problem

HELD_BYTES = 1 << 15
"""The end of a chunk waits for the next one, so that what ran as one is seen whole."""
LOOK_AHEAD_LINES = 64
"""How far an EXEC is looked for behind a command of the same client."""
CHUNK_BYTES = 1 << 16
"""How much is read at a time: what is gone through several times stays in the cache."""
GAP_MARK = b"turnaffinity:gap"
"""`record` writes a line with this where it lost the connection."""
_BEGUN_ANEW = [b"\nOK\n", b"\nOK\r"]
"""What `redis-cli monitor` prints first: behind other lines, another capture was joined to the one before."""

_SCRIPT_LINES = re.compile(rb"(?:\+?[\d.]++ \[\d++ lua\] .*+\n?)+")
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


def opened(path: str) -> tuple[IO[bytes], type[Exception]]:
    """The bytes of a file, unpacked, and what its library raises where it is damaged. "-" is standard input.

    gzip, zstd, bzip2 and xz are told by their first bytes, not by a name. Raises `Problem` (exit 2) if the file
    cannot be read.
    """
    try:
        raw: IO[bytes] = sys.stdin.buffer if path == "-" else Path(path).open("rb")  # noqa: SIM115 (the caller closes it)
        buffered = io.BufferedReader(raw, CHUNK_BYTES) if isinstance(raw, io.RawIOBase) else raw
        start = buffered.peek(6)[:6] if hasattr(buffered, "peek") else b""
    except (OSError, ValueError) as error:  # a NUL in the path is a ValueError
        what = getattr(error, "strerror", None) or "cannot be opened"
        raise Problem(path, what, "name a file that can be read, or -") from error
    if start[:2] == b"\x1f\x8b":
        import gzip

        return cast(IO[bytes], gzip.GzipFile(fileobj=buffered)), zlib.error
    if start[:4] == b"\x28\xb5\x2f\xfd":
        import zstandard

        reader = zstandard.ZstdDecompressor().stream_reader(buffered, read_across_frames=True)
        return cast(IO[bytes], reader), zstandard.ZstdError
    if start[:3] == b"BZh":
        import bz2

        return cast(IO[bytes], bz2.BZ2File(buffered)), ValueError
    if start == b"\xfd7zXZ\x00":
        import lzma

        return cast(IO[bytes], lzma.LZMAFile(buffered)), lzma.LZMAError
    return buffered, ValueError


def chunks(path: str) -> Iterator[bytes]:
    """A file in pieces, unpacked; ends at its end. A compressed file that was cut gives what could be read."""
    stream, damaged = opened(path)
    chunk = b""
    while True:
        try:
            chunk = stream.read(CHUNK_BYTES)
        except (EOFError, OSError, ValueError, damaged) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise Problem(path, error.strerror or "cannot be read", "name a file that can be read") from error
            if not chunk:
                raise Problem(path, "is cut or damaged: nothing in it can be unpacked", "get it once more") from error
            return
        if not chunk:
            return
        yield chunk


class Sieve:
    """Finds, in a stream of bytes, the lines that name our keys and fields, with what ran together with them.

    Feed chunks; get `Lines`. Everything else is passed over at the speed of `bytes.find`. `is_known_turn` is
    asked about ids that stand in lines which name none of our keys (a copy of the open turn elsewhere, TA-KEY-2).
    """

    def __init__(
        self,
        layout: KeyLayout,
        is_known_turn: Callable[[str], bool] = lambda turn_id: False,
        numbers: Numbers | None = None,
    ) -> None:
        self.numbers = numbers
        keys = [name.encode() for name in key_texts(layout)]
        fields = [layout.affinity_field, layout.current_turn_field, *LEGACY_FIELDS]
        self._keys_from = len(_EXECS) + len(_SCANS)
        self._fields_from = self._keys_from + len(keys)
        self._marks = range(self._fields_from + len(fields), self._fields_from + len(fields) + len(_BEGUN_ANEW))
        """The texts that show a capture to begin; each begins with the end of the line before."""
        self._texts = [*_EXECS, *_SCANS, *keys, *(name.encode() for name in fields), *_BEGUN_ANEW, GAP_MARK]
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
        if self.lines and data.startswith((b"OK\n", b"OK\r")):
            position = data.index(b"\n") + 1 if b"\n" in data else len(data)
            yield self._lines("gap", data, 0, position)
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
        if self.numbers is not None:
            self.numbers.forget(max(0, self.lines - NEAR_BYTES))  # `nearby` looks back so many lines at most

    def _found(self, data: bytes, position: int, end: int) -> Iterator[tuple[Lines, int]]:
        """The lines of interest between `position` and `end`, each with where what ran with it ends."""
        for which, at, _ in self._hits(data, position):
            if (at < position and not (at == position - 1 and which in self._marks)) or which < SCANS_FROM:
                continue
            if at >= end:
                break
            start = at + 1 if which in self._marks else self._line_start(data, position, at)
            if which >= self._fields_from and which not in self._marks and not self._concerns(data, start, at):
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
        hits = self._search(data[position - 1 :] if position else data)
        if position:
            hits = [(which, start + position - 1, end + position - 1) for which, start, end in hits]
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
        # the mark of a gap is so short that the next line would be looked at
        if start > position and b" lua] " in data[start : start + 48] and not data.startswith(b"#", start):
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
        if data.startswith(b"OK", start) or (data.startswith(b"#", start) and GAP_MARK in data[start:after]):
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
        for start, line in lines_with(before, by or wanted):
            if wanted in line:
                yield self._placed(number - before.count(b"\n", start), line)
        if not by:
            return
        behind = data[after : after + NEAR_BYTES]
        for start, line in lines_with(behind, by):
            if wanted in line:
                passed = data.count(b"\n", first, after) + behind.count(b"\n", 0, start)
                yield self._placed(number + passed, line)

    def _placed(self, number: int, line: bytes) -> tuple[int, str]:
        """A line with its number in the user's file."""
        text = line.decode("utf-8", "surrogateescape")
        return (number if self.numbers is None else self.numbers.place(number, [text])[0]), text

    def _lines(self, kind: str, data: bytes, first: int, after: int) -> Lines:
        text = data[first:after].decode("utf-8", "surrogateescape")
        texts = (text[:-1] if text[-1:] == "\n" else text).split("\n") if kind != "single" else [text]
        number, count = self.lines + 1, len(texts)
        self._handed = (first, after, number)
        self.lines += count
        self.matched += count
        if self.numbers is not None:
            number, texts = self.numbers.place(number, texts)
        return Lines(kind, texts, number)


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
