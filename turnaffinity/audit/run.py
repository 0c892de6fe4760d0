"""How is a trace judged from its first byte to its verdict? Streams through sieve and judge, in constant memory."""

from __future__ import annotations

import gc
import heapq
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO

from turnaffinity.audit.judge import REMEMBERED, Judge
from turnaffinity.audit.report import AuditReport, build_report
from turnaffinity.audit.statistics import seconds
from turnaffinity.audit.trace import Lines, Sieve, chunks, open_trace
from turnaffinity.contract.decisions import Reading
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.problem import Problem
from turnaffinity.wire.monitor import parse_line

HEAD_BYTES = 1 << 16
"""How much of a file is looked at to tell whether it is MONITOR traffic at all."""

_BEHIND_A_PREFIX = re.compile(rb"\S[ \t]+\d{10}\.\d+ \[\d+ \S+\] \"")
"""A line of MONITOR as other programs print it: behind the name of a container, or a time of their own."""

Progress = Callable[[int], None]
"""Told of the bytes read since the last call (of a compressed file: after unpacking)."""


@dataclass(slots=True)
class Head:
    """The first bytes of a stream: were any of them MONITOR lines?"""

    data: bytes = b""

    def add(self, chunk: bytes) -> None:
        """Keep the first `HEAD_BYTES`."""
        if len(self.data) < HEAD_BYTES:
            self.data += chunk[: HEAD_BYTES - len(self.data)]

    def mend(self) -> str:
        """What whoever made this file can do about it."""
        if _BEHIND_A_PREFIX.search(self.data):
            return "cut off what stands before the time of each line, as docker compose logs --no-log-prefix does"
        return "record it with: turnaffinity record --out FILE, or redis-cli monitor > FILE"

    def is_traffic(self) -> bool:
        """Whether a line of it parses, or there is nothing in it but OK and remarks."""
        lines = self.data.splitlines()
        told = [line for line in lines if line.strip() not in (b"", b"OK", b"+OK") and not line.startswith(b"#")]
        return not told or any(parse_line(line) is not None for line in told)


@dataclass
class Auditor:
    """Feed it a trace in pieces of any size; `report` gives the verdict so far."""

    layout: KeyLayout = field(default_factory=KeyLayout)
    reading: Reading | None = None
    remember: int = REMEMBERED

    def __post_init__(self) -> None:
        self._sieves: list[Sieve] = []
        self.judge = Judge(self.layout, self.reading, self.remember, self._watch, self._nearby)
        self.heads: list[Head] = []
        self._started = time.monotonic()

    def _watch(self, text: str) -> None:
        for sieve in self._sieves:
            sieve.watch(text)

    def _nearby(self, text: str, sender: str) -> Iterator[tuple[int, str]]:
        for sieve in self._sieves:
            yield from sieve.nearby(text, sender)

    def open_stream(self) -> Sieve:
        """One more stream of bytes."""
        sieve = Sieve(self.layout, self.judge.is_known_turn)
        self._sieves.append(sieve)
        self.heads.append(Head())
        return sieve

    def feed(self, chunk: bytes, *, last: bool = False) -> None:
        """A piece of the only stream."""
        sieve = self._sieves[0] if self._sieves else self.open_stream()
        self.heads[0].add(chunk)
        take = self.judge.take
        for lines in sieve.feed(chunk, last=last):
            take(lines)

    @property
    def lines(self) -> int:
        """Lines passed in all streams."""
        return sum(sieve.lines for sieve in self._sieves)

    @property
    def matched(self) -> int:
        """Lines of interest in all streams."""
        return sum(sieve.matched for sieve in self._sieves)

    def report(self, files: Sequence[str] = (), *, final: bool = True) -> AuditReport:
        """The verdict on what was fed; with `final` the trace is over."""
        if final:
            self.judge.finish()
        elapsed_s = time.monotonic() - self._started
        return build_report(self.judge, self.reading, list(files), self.lines, self.matched, elapsed_s, self.remember)


def audit_files(
    paths: Sequence[str],
    layout: KeyLayout | None = None,
    reading: Reading | None = None,
    remember: int = REMEMBERED,
    progress: Progress = lambda count: None,
) -> AuditReport:
    """The verdict on one trace, or on several of one system, taken in time order. "-" is standard input.

    Raises `Problem` (exit 2) if a file cannot be read or is no MONITOR traffic.
    """
    auditor = Auditor(layout or KeyLayout(), reading, remember)
    with _no_collection():
        _feed_all(auditor, paths, progress)
    for path, head in zip(paths, auditor.heads, strict=True):
        if not head.is_traffic():
            raise Problem(path, "holds no line of MONITOR traffic in its beginning", head.mend())
    return auditor.report(paths)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Nothing here makes cycles of references; looking for them costs a tenth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _feed_all(auditor: Auditor, paths: Sequence[str], progress: Progress) -> None:
    if len(paths) == 1:
        stream = open_trace(paths[0])
        for chunk in chunks(stream):
            auditor.feed(chunk)
            progress(len(chunk))
        auditor.feed(b"", last=True)
    else:
        _feed_merged(auditor, paths, progress)


def _feed_merged(auditor: Auditor, paths: Sequence[str], progress: Progress) -> None:
    streams = []
    for path in paths:
        sieve = auditor.open_stream()
        streams.append(_timed(path, open_trace(path), sieve, auditor.heads[-1], progress))
    for _, path, lines in heapq.merge(*streams, key=lambda item: item[0]):
        auditor.judge.findings.file = path
        auditor.judge.take(lines)


def _timed(
    path: str, stream: IO[bytes], sieve: Sieve, head: Head, progress: Progress
) -> Iterator[tuple[float, str, Lines]]:
    at_s = 0.0
    for chunk in chunks(stream):
        head.add(chunk)
        progress(len(chunk))
        for lines in sieve.feed(chunk):
            at_s = max(at_s, seconds(lines.texts[0].partition(" ")[0].lstrip("+")))
            yield at_s, path, lines
    for lines in sieve.feed(b"", last=True):
        at_s = max(at_s, seconds(lines.texts[0].partition(" ")[0].lstrip("+")))
        yield at_s, path, lines
