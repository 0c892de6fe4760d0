"""How is traffic recorded without harm? MONITOR over a bare socket, with secrets left out and limits kept."""

from __future__ import annotations

import gzip
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from turnaffinity.contract.layout import LEGACY_FIELDS, KeyLayout
from turnaffinity.problem import CannotRun, Problem

GAP = "# turnaffinity:gap"
RECONNECT_S = 0.2
RECONNECTS = 25
_SECRET = re.compile(
    rb'\] "(?:AUTH|HELLO|MIGRATE|CONFIG|ACL|REPLICAOF|SLAVEOF)"|\] "SENTINEL"|requirepass|masterauth', re.IGNORECASE
)
_HEAD = re.compile(rb'(\+?[\d.]+ \[\d+ .*?\] )"([^"]*)"', re.DOTALL)
_ARGUMENT = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


@dataclass
class Wanted:
    """What is recorded, and for how long; None means no limit."""

    out: Path
    seconds: float | None = None
    max_bytes: int | None = None
    rotate_bytes: int | None = None
    only_ours: bool = False
    mask: bool = False
    layout: KeyLayout = field(default_factory=KeyLayout)


@dataclass
class Recorded:
    """What a recording came to."""

    lines: int = 0
    kept: int = 0
    bytes: int = 0
    gaps: int = 0
    left_out: int = 0
    """Lines that held a secret."""
    seconds: float = 0.0
    files: list[Path] = field(default_factory=list)


def without_secret(line: bytes) -> bytes | None:
    """The line with what may hold a secret taken out, or None if nothing of it may stay.

    AUTH and HELLO are dropped whole; of MIGRATE, CONFIG, ACL and the like only the command's name stays.
    """
    if _SECRET.search(line) is None:
        return line
    head = _HEAD.match(line)
    if head is None or head[2].upper() in (b"AUTH", b"HELLO"):
        return None
    return head[1] + b'"' + head[2] + b'" "(left out)"\n'


class Masker:
    """Hides the values of commands that name nothing of the contract's: the command and its key's kind stay."""

    def __init__(self, layout: KeyLayout) -> None:
        names = [*layout.prefixes.values(), layout.affinity_field, layout.current_turn_field, *LEGACY_FIELDS]
        self._ours = re.compile(b"|".join(re.escape(name.encode()) for name in names if name))
        self._calls = re.compile(
            rb'\] "(?:eval|evalsha|fcall|multi|exec|discard|select|keys|scan)(?:_ro)?"', re.IGNORECASE
        )

    def is_ours(self, line: bytes) -> bool:
        """Whether the line names our keys or fields, or is needed to understand one that does."""
        return b" lua] " in line[:48] or self._ours.search(line) is not None or self._calls.search(line) is not None

    def masked(self, line: bytes) -> bytes:
        """The line, its arguments replaced if it is none of ours; of EVAL the script's text is hidden."""
        head = _HEAD.match(line)
        if head is None:
            return line
        if head[2].upper() in (b"EVAL", b"EVAL_RO"):
            rest = _ARGUMENT.findall(line[head.end() :])
            return head.group() + b' "(masked)" ' + b" ".join(rest[1:]) + b"\n"
        if self.is_ours(line):
            return line
        return head.group() + _ARGUMENT.sub(b'"(masked)"', line[head.end() :])


class Output:
    """The file being written: compressed by its ending, rotated by size."""

    def __init__(self, wanted: Wanted, recorded: Recorded) -> None:
        self._wanted, self._recorded = wanted, recorded
        self._in_file = 0
        self._stream = self._open(wanted.out)

    def _open(self, path: Path) -> IO[bytes]:
        try:
            raw = path.open("wb")
        except OSError as error:
            raise Problem(
                str(path), error.strerror or "cannot be written", "name a file that can be written"
            ) from error
        self._recorded.files.append(path)
        if path.suffix == ".gz":
            return cast(IO[bytes], gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=3))
        if path.suffix == ".zst":
            import zstandard

            return cast(IO[bytes], zstandard.ZstdCompressor(level=3).stream_writer(raw))
        return raw

    def write(self, data: bytes) -> None:
        """Write whole lines; the next file begins where the limit of one is reached, however much comes at once."""
        while data:
            fits = self._that_fits(data)
            if not fits:
                self._stream.close()
                self._stream = self._open(self._next_name())
                self._in_file = 0
                continue
            self._stream.write(data[:fits])
            self._in_file += fits
            self._recorded.bytes += fits
            data = data[fits:]

    def _that_fits(self, data: bytes) -> int:
        """How many bytes of whole lines still go into this file; a line longer than a file has one of its own."""
        limit = self._wanted.rotate_bytes
        if limit is None or self._in_file + len(data) <= limit:
            return len(data)
        fits = data.rfind(b"\n", 0, max(0, limit - self._in_file)) + 1
        return fits if fits or self._in_file else data.find(b"\n") + 1 or len(data)

    def _next_name(self) -> Path:
        out = self._wanted.out
        kept = "".join(out.suffixes[-2:]) if out.suffix in (".gz", ".zst") else out.suffix
        stem = out.name.removesuffix(kept)
        return out.with_name(f"{stem}.{len(self._recorded.files):03d}{kept}")

    def close(self) -> None:
        """End the file, its compression included."""
        self._stream.close()


class Recorder:
    """Reads MONITOR from `connect()` and writes what is wanted; a lost connection is made anew and marked."""

    def __init__(self, connect: Callable[[], socket.socket], wanted: Wanted) -> None:
        self._connect, self._wanted = connect, wanted
        self._masker = Masker(wanted.layout)
        self.recorded = Recorded()
        self._stop = False

    def stop(self) -> None:
        """End at the next opportunity."""
        self._stop = True

    def run(self, tick: Callable[[Recorded], None] = lambda recorded: None) -> Recorded:
        """Record until a limit is reached, `stop` is called, or Ctrl-C; the file is whole in every case.

        Raises `CannotRun` (exit 3) if the server cannot be reached, or stays away.
        """
        started = time.monotonic()
        deadline = started + self._wanted.seconds if self._wanted.seconds is not None else None
        connection = self._connect()
        output = Output(self._wanted, self.recorded)
        rest = b""
        try:
            while not self._done(deadline):
                try:
                    chunk = connection.recv(1 << 18)
                except TimeoutError:
                    chunk = None
                except OSError:
                    chunk = b""
                if chunk == b"":
                    connection.close()
                    connection, rest = self._again(output, deadline), b""
                    continue
                if chunk:
                    whole, newline, rest = (rest + chunk).rpartition(b"\n")
                    self._keep(output, whole + newline)
                self.recorded.seconds = time.monotonic() - started
                tick(self.recorded)
        except KeyboardInterrupt:
            pass
        finally:
            connection.close()
            output.close()
        self.recorded.seconds = time.monotonic() - started
        return self.recorded

    def _done(self, deadline: float | None) -> bool:
        limit = self._wanted.max_bytes
        late = deadline is not None and time.monotonic() >= deadline
        return self._stop or late or (limit is not None and self.recorded.bytes >= limit)

    def _again(self, output: Output, deadline: float | None) -> socket.socket:
        lost = time.monotonic()
        for _ in range(RECONNECTS):
            try:
                connection = self._connect()
            except CannotRun:
                if self._done(deadline):
                    break
                time.sleep(RECONNECT_S)
                continue
            self.recorded.gaps += 1
            output.write(f"{GAP} {time.monotonic() - lost:.3f} s: the connection was lost\n".encode())
            return connection
        raise CannotRun("MONITOR", "the server closed the connection and does not come back", "record again later")

    def _keep(self, output: Output, data: bytes) -> None:
        recorded, wanted = self.recorded, self._wanted
        recorded.lines += data.count(b"\n")
        simple = not (wanted.only_ours or wanted.mask)
        if simple and _SECRET.search(data) is None:
            kept = [data]
        else:
            kept = []
            for line in data.splitlines(keepends=True):
                safe = without_secret(line)
                if safe is None:
                    recorded.left_out += 1
                elif not wanted.only_ours or self._masker.is_ours(safe):
                    kept.append(self._masker.masked(safe) if wanted.mask else safe)
        text = b"".join(kept)
        if text:
            limit = wanted.max_bytes
            if limit is not None and recorded.bytes + len(text) > limit:
                text = text[: text.rfind(b"\n", 0, max(0, limit - recorded.bytes)) + 1]
                self._stop = True
            recorded.kept += text.count(b"\n")
            output.write(text)
