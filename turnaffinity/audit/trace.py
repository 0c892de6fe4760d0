"""Which lines of a trace concern us, and which of them ran as one? Found in the bytes, before anything is parsed."""

from __future__ import annotations

import gzip
import io
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NamedTuple, cast

from turnaffinity.contract.layout import LEGACY_FIELDS, KeyLayout, affixes
from turnaffinity.problem import Problem

CHUNK_BYTES = 1 << 19
"""How much is read at a time: what is searched for several texts stays in the cache."""
HELD_BYTES = 1 << 15
"""The end of a chunk waits for the next one, so that what ran as one is seen whole."""
LOOK_AHEAD_LINES = 64
"""How far an EXEC is looked for behind a command of the same client."""
GAP_MARK = b"turnaffinity:gap"
"""`record` writes a line with this where it lost the connection."""

_SCRIPT_LINES = re.compile(rb"(?:\+?[\d.]+ \[\d+ lua\] [^\n]*(?:\n|\Z))+")
"""What ran inside a script, as far as it goes."""
_UUID_MIDDLE = re.compile(rb"-4[0-9a-f]{3}-[89ab]")
"""Cheap to look for; a hit counts only if the whole id is that of a turn we know."""


class Lines(NamedTuple):
    """Raw lines that ran as one: a script call with what ran inside, a MULTI block, or one command."""

    kind: str
    """"script", "multi", "single" or "gap"."""
    texts: tuple[str, ...]
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
        names = key_texts(layout)
        self._first = names[0].encode()
        fields = [layout.affinity_field, layout.current_turn_field, *LEGACY_FIELDS]
        self._rare = dict.fromkeys([*(name.encode() for name in names[1:] + fields), GAP_MARK], -1)
        """The rarer texts, and where in the present data each stands next, as far as known."""
        self._is_known_turn = is_known_turn
        self._held = b""
        self.lines = 0
        """Lines passed so far."""
        self.matched = 0
        """Lines handed on."""
        self.bytes = 0
        self._no_exec_before = 0

    def watch(self, text: str) -> None:
        """Look for a further text from now on: a script's digest, or the name of a suspicious key."""
        needle = text.encode("utf-8", "surrogateescape")
        if len(needle) >= 4 and needle not in self._rare and len(self._rare) < 40:
            self._rare[needle] = -1

    def feed(self, chunk: bytes, *, last: bool = False) -> Iterator[Lines]:
        """The lines of interest in this chunk and what was held back before; `last` holds nothing back."""
        self.bytes += len(chunk)
        data = self._held + chunk if self._held else chunk
        end = len(data) if last else self._safe_end(data)
        self._no_exec_before = 0
        self._rare = dict.fromkeys(self._rare, -1)
        position = 0
        find, first = data.find, self._first
        while True:
            hit = find(first, position, end)
            start = data.rfind(b"\n", position, hit) + 1 or position if hit >= 0 else end
            if start > position and hit >= 0 and b" lua] " in data[start : start + 48]:
                start = self._block_start(data, position, start)
            if start > position:
                # lines that do not name our keys may still name our fields
                rare = self._rare_between(data, position, start)
                if rare >= 0:
                    start = data.rfind(b"\n", position, rare) + 1 or position
                    hit = rare
                    if not self._concerns(data, start, rare):
                        after = self._line_end(data, rare)
                        self.lines += data.count(b"\n", position, after)
                        position = after
                        continue
                self.lines += data.count(b"\n", position, start)
            if hit < 0:
                position = start
                break
            found, position = self._together(data, position, start)
            yield found
        if last and position > 0 and data[position - 1 : position] != b"\n" and position > start:
            self.lines += 1
        self._held = data[position:]

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

    def _rare_between(self, data: bytes, position: int, end: int) -> int:
        """Where the first of the rarer texts stands between two offsets, or -1."""
        nearest = end
        for needle, at in self._rare.items():
            if at < position:  # each text is looked for once, up to where it stands next
                at = data.find(needle, position)
                self._rare[needle] = at = at if at >= 0 else len(data)
            if at < nearest:
                nearest = at
        for match in _UUID_MIDDLE.finditer(data, position, nearest):
            start = match.start() - 13
            if start >= position and self._is_known_turn(data[start : start + 36].decode("ascii", "replace")):
                return start
        return nearest if nearest < end else -1

    def _concerns(self, data: bytes, start: int, hit: int) -> bool:
        return b'] "' in data[start:hit] or data.startswith(GAP_MARK, hit)

    @staticmethod
    def _line_end(data: bytes, at: int) -> int:
        """Where the next line starts."""
        newline = data.find(b"\n", at)
        return newline + 1 if newline >= 0 else len(data)

    def _together(self, data: bytes, position: int, start: int) -> tuple[Lines, int]:
        """What ran together with the line at `start`, not reaching back before `position`."""
        after = self._line_end(data, start)
        head = data[start : start + 48]
        if head.startswith(b"#") and GAP_MARK in data[start:after]:
            return self._lines("gap", data, start, after), after
        if b" lua] " in head:
            first = self._block_start(data, position, start)
            return self._script(data, first, start, after)
        if b" lua] " in data[after : after + 48]:
            return self._script(data, start, start, after)
        # a queued command shows where EXEC runs it: the lines up to EXEC are one client's
        bracket, close = head.find(b" ["), data.find(b"] ", start, after)
        client = data[start + bracket : close + 2]
        if bracket > 0 and after > self._no_exec_before and data.startswith(client, after + bracket):
            done = self._exec_after(data, after, client, bracket)
            if done:
                first = self._multi_before(data, position, start, client, bracket)
                return self._block(data, first, start, done), done
        return self._lines("single", data, start, after), after

    @staticmethod
    def _block_start(data: bytes, position: int, start: int) -> int:
        """Where the script call stands that a `lua` line belongs to, not before `position`."""
        while start > position and b" lua] " in data[start : start + 48]:
            before = start
            start = data.rfind(b"\n", position, start - 1) + 1 or position
            if data.startswith(b"#", start):  # a gap: the call stood in it
                return before
        return start

    def _script(self, data: bytes, first: int, start: int, after: int) -> tuple[Lines, int]:
        inside = _SCRIPT_LINES.match(data, after)
        after = inside.end() if inside else after
        if first < start:
            self.lines -= data.count(b"\n", first, start)
        return self._lines("script", data, first, after), after

    def _block(self, data: bytes, first: int, start: int, done: int) -> Lines:
        self.lines -= data.count(b"\n", first, start)
        return self._lines("multi", data, first, done)

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
                return self._line_end(data, after)
            if word.startswith((b'"MULTI"', b'"DISCARD"')):
                break
            after = self._line_end(data, after)
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

    def _lines(self, kind: str, data: bytes, first: int, after: int) -> Lines:
        text = data[first:after].decode("utf-8", "surrogateescape")
        number = self.lines + 1
        if kind == "single":
            texts: tuple[str, ...] = (text,)
        else:
            texts = tuple((text[:-1] if text[-1:] == "\n" else text).split("\n"))
        count = len(texts)
        self.lines += count
        self.matched += count
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
