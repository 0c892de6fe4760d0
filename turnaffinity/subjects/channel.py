"""How does one line get to an adapter and one line back, whatever the adapter does?

Everything runs in the caller's thread, on non-blocking descriptors and one poll: a request costs four system calls,
and an adapter that floods a pipe is only ever read while somebody waits for it.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from typing import Protocol

from turnaffinity.showing.plain import shown
from turnaffinity.subjects.complaints import Complaints
from turnaffinity.subjects.protocol import MAX_LINE_BYTES

_READ_BYTES = 65536
_READABLE = select.POLLIN | select.POLLHUP | select.POLLERR
_SLICE_S = 0.05
"""How often a process is looked at where the system cannot announce its end (no pidfd), in seconds."""


class Clock:
    """The time and the waiting, in one place, so that tests can count what was waited for."""

    def now(self) -> float:
        """Seconds from some fixed point."""
        return time.monotonic()

    def poll(self, poller: select.poll, seconds: float) -> list[tuple[int, int]]:
        """Wait up to `seconds` for one of the poller's descriptors; empty when the time is over."""
        return poller.poll(max(0.0, seconds) * 1000)


class ChannelBroke(Exception):
    """No line came back: `what` was seen instead, how to `mend` it, and whether it was a missed deadline."""

    def __init__(self, what: str, mend: str, *, missed_deadline: bool = False) -> None:
        super().__init__(what)
        self.what, self.mend, self.missed_deadline = what, mend, missed_deadline


class Liveness(Protocol):
    """What a channel asks about the process at the other end."""

    def ended(self) -> str | None:
        """How the process ended ("with status 1", "by SIGSEGV"), or None while it lives or cannot be seen."""


class LineChannel:
    """Lines out and lines in over two descriptors (one, for a socket), with a deadline and a limit of length.

    `errors` is the descriptor of the process's stderr and `death` one that becomes readable when the process ends;
    both may be None. The channel owns `send` and `receive` and `errors`.
    """

    def __init__(
        self, send: int, receive: int, errors: int | None, death: int | None, life: Liveness, clock: Clock
    ) -> None:
        self._send_fd, self._receive_fd, self._errors_fd, self._death_fd = send, receive, errors, death
        self._life, self._clock = life, clock
        self._is_socket = send == receive
        self._receive_open = True
        self._buffer = bytearray()
        self.complaints = Complaints()
        """What the process wrote to stderr."""
        self._poller = select.poll()
        for descriptor in {send, receive, errors} - {None}:
            os.set_blocking(descriptor, False)  # type: ignore[arg-type]
        self._poller.register(receive, _READABLE)
        for extra in (errors, death):
            if extra is not None:
                self._poller.register(extra, _READABLE)

    def exchange(self, line: bytes, seconds: float) -> bytes:
        """Send one line (its line feed included) and return the line that answers it, without its line feed.

        Raises `ChannelBroke` if something was there before the request, nothing came within `seconds`, the
        process ended, or the line is over the limit. What came along with the line is in `surplus`.
        """
        self._drain_errors()  # an answer may have come before what was written for it was looked at
        self.complaints.asked()
        self._refuse_early_output()
        until = self._clock.now() + seconds
        self._send(line, until, seconds)
        return self._receive(until, seconds)

    @property
    def surplus(self) -> bytes:
        """The beginning of what came after the answer's line, at once with it; empty as it should be."""
        return bytes(self._buffer[:4096]) if self._buffer else b""

    def send_only(self, line: bytes) -> None:
        """Send a line if it can be sent at once; whatever happens to it is seen later."""
        with contextlib.suppress(OSError):
            os.write(self._send_fd, line)

    def end_input(self) -> None:
        """Close our side of the adapter's stdin: its cue to end, and what flushes a buffered line."""
        if self._send_fd >= 0:
            with contextlib.suppress(OSError):
                if self._send_fd == self._receive_fd:
                    with socket.socket(fileno=os.dup(self._send_fd)) as twin:
                        twin.shutdown(socket.SHUT_WR)
                else:
                    os.close(self._send_fd)
        self._send_fd = -1

    def leftover(self, seconds: float) -> bytes:
        """What still comes until the process has ended or its output has, for at most `seconds` (64 KiB are kept)."""
        until = self._clock.now() + seconds
        while True:
            open_still = self._read_output()
            del self._buffer[_READ_BYTES:]
            if self._life.ended() is not None or (not open_still and self._is_socket):
                break
            if not self._wait(until - self._clock.now()):
                break
        self._read_output()
        return bytes(self._buffer[:_READ_BYTES])

    def wait_for_anything(self, seconds: float) -> bool:
        """Wait for output, errors or the end; output is thrown away. False when the time is over."""
        came = self._wait(seconds)
        self._read_output()
        self._buffer.clear()
        return came

    def close(self) -> None:
        """Close all descriptors; what the process still writes goes nowhere."""
        self._drain_errors()
        for descriptor in {self._send_fd, self._receive_fd, self._errors_fd} - {None, -1}:
            with contextlib.suppress(OSError):
                os.close(descriptor)  # type: ignore[arg-type]
        self._send_fd = self._receive_fd = -1
        self._errors_fd = None

    def _send(self, line: bytes, until: float, seconds: float) -> None:
        view = memoryview(line)
        while view:
            try:
                view = view[os.write(self._send_fd, view) :]
            except BlockingIOError:
                self._wait_to_send(until, seconds)
            except OSError as error:
                if (how := self._how_it_ended()) is not None:
                    raise ChannelBroke(f"the process had ended {how}", _KEEP_RUNNING) from error
                raise ChannelBroke("the adapter had closed its stdin", _READ_ON) from error

    def _wait_to_send(self, until: float, seconds: float) -> None:
        self._poller.register(self._send_fd, select.POLLOUT | (_READABLE if self._send_fd == self._receive_fd else 0))
        try:
            self._read_output()
            if len(self._buffer) > MAX_LINE_BYTES:
                self._refuse_length()
            if not self._wait(until - self._clock.now()):
                what = f"the request was not read from stdin within {seconds:g} s"
                raise ChannelBroke(what, "read requests line by line", missed_deadline=True)
        finally:
            if self._send_fd == self._receive_fd:
                self._poller.register(self._receive_fd, _READABLE)
            else:
                self._poller.unregister(self._send_fd)

    def _receive(self, until: float, seconds: float) -> bytes:
        searched = 0
        while True:
            open_still = self._read_output()
            end = self._buffer.find(b"\n", searched)
            if end >= 0:
                return self._take_line(end)
            searched = len(self._buffer)
            if searched > MAX_LINE_BYTES:
                self._refuse_length()
            if not open_still or self._life.ended() is not None:
                if self._read_output() and b"\n" in self._buffer:
                    continue
                raise self._died()
            if not self._wait(until - self._clock.now()):
                raise self._silent(seconds)

    def _take_line(self, end: int) -> bytes:
        if end > MAX_LINE_BYTES:
            self._refuse_length()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _wait(self, seconds: float) -> bool:
        """Wait for output, errors or death; False when the time is over."""
        if seconds <= 0:
            return False
        while True:
            piece = seconds if self._death_fd is not None else min(seconds, _SLICE_S)
            events = self._clock.poll(self._poller, piece)
            if self._errors_fd is not None and any(descriptor == self._errors_fd for descriptor, _ in events):
                self._drain_errors()
            if events or self._life.ended() is not None:
                return True
            seconds -= piece
            if seconds <= 0:
                return False

    def _read_output(self) -> bool:
        """Take what is there, at most a little over one line's limit; False when the other side has closed it."""
        while self._receive_open and len(self._buffer) <= MAX_LINE_BYTES:
            try:
                data = os.read(self._receive_fd, _READ_BYTES)
            except BlockingIOError:
                return True
            except OSError:
                data = b""
            if not data:
                self._receive_open = False
                self._poller.unregister(self._receive_fd)  # else its end would wake every later poll
                return False
            self._buffer += data
            if len(data) < _READ_BYTES:
                return True
        return self._receive_open

    def _drain_errors(self) -> None:
        """Take what is on stderr, at most 1 MiB at a time; both its ends are kept."""
        for _ in range(16):
            if self._errors_fd is None:
                return
            try:
                data = os.read(self._errors_fd, _READ_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._poller.unregister(self._errors_fd)
                os.close(self._errors_fd)
                self._errors_fd = None
                return
            self.complaints.add(data)

    def _refuse_early_output(self) -> None:
        self._read_output()
        if self._buffer:
            what = f"before this request was sent, stdout already held: {shown(bytes(self._buffer[:4096]))}"
            raise ChannelBroke(what, "write exactly one line for each request; send logs to stderr")

    def _refuse_length(self) -> None:
        newline = self._buffer.find(b"\n")
        seen = "a line of more than 1 MiB" if newline >= 0 else "more than 1 MiB without the end of a line"
        what = f"stdout held {seen}, which begins: {shown(bytes(self._buffer[:4096]), 80)}"
        raise ChannelBroke(what, "a line has at most 1 MiB and ends with a line feed; send logs to stderr")

    def _how_it_ended(self) -> str | None:
        """How the process ended; what closed its side of a pipe a moment ago may need that moment to end."""
        if self._life.ended() is None and self._death_fd is not None:
            death = select.poll()
            death.register(self._death_fd, select.POLLIN)
            self._clock.poll(death, 0.2)
        return self._life.ended()

    def _died(self) -> ChannelBroke:
        how = self._how_it_ended()
        self._drain_errors()
        cut = f", in the middle of a line: {shown(bytes(self._buffer))}" if self._buffer else ""
        if how is None:
            return ChannelBroke(f"the adapter closed its output without an answer{cut}", "answer each request")
        return ChannelBroke(f"the process ended {how} without an answer{cut}", _KEEP_RUNNING)

    def _silent(self, seconds: float) -> ChannelBroke:
        if self._buffer:
            what = f"within {seconds:g} s only the beginning of a line came: {shown(bytes(self._buffer[:4096]))}"
            return ChannelBroke(what, "end each answer with a line feed", missed_deadline=True)
        what = f"no answer within {seconds:g} s, and nothing on stdout"
        mend = "flush stdout after each line; if it hangs, its stack at that moment says where"
        return ChannelBroke(what, mend, missed_deadline=True)


_KEEP_RUNNING = "answer errors with an error object and keep running until bye"
_READ_ON = "keep reading requests from stdin until bye or its end"
