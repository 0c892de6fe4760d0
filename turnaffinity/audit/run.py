"""How is a trace judged from its first byte to its verdict? Streams through sieve and judge, in constant memory."""

from __future__ import annotations

import gc
import heapq
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from turnaffinity.audit.captures import Capture
from turnaffinity.audit.judge import REMEMBERED, Judge
from turnaffinity.audit.lines import Numbers
from turnaffinity.audit.report import AuditReport, build_report
from turnaffinity.audit.statistics import seconds
from turnaffinity.audit.trace import Lines, Sieve
from turnaffinity.contract.decisions import Reading
from turnaffinity.contract.layout import KeyLayout

Progress = Callable[[int], None]
"""Told of the bytes read since the last call (of a compressed file: after unpacking)."""


@dataclass
class Auditor:
    """Feed it a trace in pieces of any size; `report` gives the verdict so far."""

    layout: KeyLayout = field(default_factory=KeyLayout)
    reading: Reading | None = None
    remember: int = REMEMBERED

    def __post_init__(self) -> None:
        self._sieves: list[Sieve] = []
        self.judge = Judge(self.layout, self.reading, self.remember, self._watch, self._nearby)
        self.common: set[str] = set()
        """Words that every line of the trace names, or its only commands: the others were left out of it."""
        self.names_affinity = True
        self._started = time.monotonic()

    def _watch(self, text: str) -> None:
        for sieve in self._sieves:
            sieve.watch(text)

    def _nearby(self, text: str, sender: str) -> Iterator[tuple[int, str]]:
        for sieve in self._sieves:
            yield from sieve.nearby(text, sender)

    def open_stream(self, numbers: Numbers | None = None) -> Sieve:
        """One more stream of bytes; `numbers` tells which lines of a file they are, if not all of them."""
        sieve = Sieve(self.layout, self.judge.is_known_turn, numbers)
        self._sieves.append(sieve)
        return sieve

    def feed(self, chunk: bytes, *, last: bool = False) -> None:
        """A piece of the only stream."""
        sieve = self._sieves[0] if self._sieves else self.open_stream()
        take = self.judge.take
        for lines in sieve.feed(chunk, last=last):
            take(lines)

    @property
    def lines(self) -> int:
        """Lines passed in all streams."""
        return sum(sieve.numbers.lines if sieve.numbers else sieve.lines for sieve in self._sieves)

    @property
    def matched(self) -> int:
        """Lines of interest in all streams."""
        return sum(sieve.matched for sieve in self._sieves)

    def report(self, files: Sequence[str] = (), *, final: bool = True) -> AuditReport:
        """The verdict on what was fed; with `final` the trace is over."""
        cut = self._what_was_left_out()
        if final:
            self.judge.finish()
            if cut:
                self.judge.findings.withhold("lines were left out of this trace")
            if not self.names_affinity:
                why = f"no line names {self.layout.affinity_field}: it was never written, or its lines were left out"
                self.judge.findings.withhold(why, {"TA-WRITE-1"})
        elapsed_s = time.monotonic() - self._started
        report = build_report(self.judge, self.reading, list(files), self.lines, self.matched, elapsed_s, self.remember)
        report.cut, report.read_as = bool(cut), [cut] if cut else []
        return report

    def _what_was_left_out(self) -> str:
        """How it shows that somebody left lines out, grep say; "" where it does not."""
        judged = "only what a line shows by itself is held against anybody"
        if self.common:
            word = max(self.common, key=len).strip(" ]")
            return f'no line does without "{word}" or the like, so that others were left out: {judged}'
        if self.judge.strays:
            return f"at line {self.judge.strays} a script runs whose call was left out, and with it more: {judged}"
        return ""


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
    captures = [Capture(path, auditor.layout) for path in paths]
    with _no_collection():
        if len(captures) == 1:
            _feed(auditor, captures[0], progress)
        else:
            _feed_merged(auditor, captures, progress)
    for capture in captures:
        capture.refuse_what_is_none()
    auditor.common = set.intersection(*(capture.common | capture.commands for capture in captures))
    auditor.names_affinity = any(capture.names_affinity for capture in captures)
    report = auditor.report(paths)
    report.read_as = [*filter(None, (capture.read_as for capture in captures)), *report.read_as]
    return report


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


def _feed(auditor: Auditor, capture: Capture, progress: Progress) -> None:
    sieve, take = auditor.open_stream(capture.numbers), auditor.judge.take
    for chunk, last in _with_end(capture.pieces):
        progress(len(chunk))
        for lines in sieve.feed(chunk, last=last):
            take(lines)
            if capture.common or capture.commands:
                capture.saw(lines)


def _feed_merged(auditor: Auditor, captures: Sequence[Capture], progress: Progress) -> None:
    streams = [_timed(capture, auditor.open_stream(capture.numbers), progress) for capture in captures]
    for _, path, lines in heapq.merge(*streams, key=lambda item: item[0]):
        auditor.judge.findings.file = path
        auditor.judge.take(lines)


def _timed(capture: Capture, sieve: Sieve, progress: Progress) -> Iterator[tuple[float, str, Lines]]:
    at_s = 0.0
    for chunk, last in _with_end(capture.pieces):
        progress(len(chunk))
        for lines in sieve.feed(chunk, last=last):
            at_s = max(at_s, seconds(lines.texts[0].partition(" ")[0].lstrip("+")))
            if capture.common or capture.commands:
                capture.saw(lines)
            yield at_s, capture.path, lines


def _with_end(pieces: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    yield from ((piece, False) for piece in pieces)
    yield b"", True
