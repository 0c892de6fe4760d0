"""Where does one RESP value end and the next begin? Scanners for both directions, in constant memory.

Both are fed chunks as they come and hand out pieces of values; a big bulk string goes on in pieces, never gathered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

CAPTURED_BYTES = 4096
"""How much of one argument is kept for the record, in bytes."""

CAPTURED_ARGUMENTS = 256
"""How many arguments of one command are kept for the record."""

_NAME_BYTES = 64
_HEADER_BYTES = 64

_AGGREGATES = {ord("*"): 1, ord("~"): 1, ord(">"): 1, ord("%"): 2, ord("|"): 2}
_BULKS = frozenset(b"$!=")
PUSH = ord(">")
ERROR = ord("-")
MAP = ord("%")


class NotResp(Exception):
    """Bytes that are no RESP; str() says what they are instead."""


@dataclass(slots=True)
class Request:
    """One command on its way: `name` is known with its first piece, all of `argv` (cut to a length) with its last."""

    name: str = ""
    argv: list[str] = field(default_factory=list)


class RequestPiece(NamedTuple):
    """Some bytes of one command, in order."""

    request: Request
    data: bytes
    first: bool
    last: bool


class RequestScanner:
    """Cuts what a client sends into commands: arrays of bulk strings, or inline commands."""

    def __init__(self) -> None:
        self._held = bytearray()  # not handed out yet: headers, and everything up to the name's end
        self._position = 0  # how far `_held` was understood
        self._arguments = 0  # still to come
        self._body = -1  # bytes of the current argument still to come, its CRLF included; -1 between arguments
        self._size = 0  # of the current argument
        self._argument = bytearray()  # its beginning
        self._request: Request | None = None
        self._announced = False

    def feed(self, data: bytes) -> Iterator[RequestPiece]:
        """The pieces that this chunk completes; raises `NotResp`."""
        self._held += data
        while self._step():
            request = self._request
            if request is not None and self._arguments == 0 and self._body < 0:
                yield self._piece(request, last=True)
                self._request = None
                self._announced = False
        if self._request is not None and self._request.name and self._position:
            yield self._piece(self._request, last=False)

    def _piece(self, request: Request, *, last: bool) -> RequestPiece:
        data = bytes(self._held[: self._position])
        del self._held[: self._position]
        self._position = 0
        first, self._announced = not self._announced, True
        return RequestPiece(request, data, first, last)

    def _step(self) -> bool:
        """Understand one header or some of an argument's body; False when more bytes are needed."""
        if self._body >= 0:
            return self._take_body()
        if self._position >= len(self._held):
            return False
        end = self._held.find(b"\n", self._position)
        if end < 0:
            if self._held[self._position] in b"*$" and len(self._held) - self._position > _HEADER_BYTES:
                raise NotResp("a header without an end")
            if len(self._held) - self._position > 65536:
                raise NotResp("an inline command of more than 64 KiB")
            return False
        line = bytes(self._held[self._position : end])
        self._position = end + 1
        if self._request is None:
            self._begin(line)
        else:
            self._size = _number(line, b"$")
            if self._size < 0:
                raise NotResp("an argument of negative length")
            self._body = self._size + 2
            self._argument.clear()
        return True

    def _begin(self, line: bytes) -> None:
        self._request = Request()
        if line.startswith(b"*"):
            self._arguments = max(0, _number(line, b"*"))
        else:
            self._request.argv = [_text(word) for word in line.split()]
            self._request.name = self._request.argv[0].upper() if self._request.argv else ""

    def _take_body(self) -> bool:
        there = len(self._held) - self._position
        if not there:
            return False
        taken = min(there, self._body)
        if len(self._argument) < CAPTURED_BYTES:
            self._argument += self._held[self._position : self._position + taken][:CAPTURED_BYTES]
        self._position += taken
        self._body -= taken
        assert self._request is not None
        if self._body == 0:
            self._body = -1
            self._arguments -= 1
            self._keep(self._request)
        elif not self._request.name and len(self._argument) > _NAME_BYTES:
            self._request.name = "?"  # no command has such a name; do not gather it
        return True

    def _keep(self, request: Request) -> None:
        kept = _text(bytes(self._argument[: min(self._size, CAPTURED_BYTES)]))
        text = kept if self._size <= CAPTURED_BYTES else kept + "..."
        if len(request.argv) < CAPTURED_ARGUMENTS:
            request.argv.append(text)
        request.name = request.name or text.upper() or "?"


class ReplyPiece(NamedTuple):
    """Some bytes of one top-level reply; `kind` is its first byte, None as long as it is an attribute."""

    kind: int
    data: bytes
    first: bool
    last: bool


class ReplyScanner:
    """Cuts what a server sends into top-level values of RESP2 or RESP3, however deep they nest."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._position = 0
        self._open = 0  # values still to come in the current top-level value
        self._body = 0  # bytes of a bulk string still to come
        self._line = False  # inside a simple string that has no end yet
        self._kind = 0
        self._announced = False

    def feed(self, data: bytes) -> Iterator[ReplyPiece]:
        """The pieces that this chunk completes; raises `NotResp`."""
        self._held += data
        while self._step():
            if self._open == 0 and self._body == 0 and not self._line:
                yield self._piece(last=True)
                self._announced = False
                self._kind = 0
        if self._position and self._kind:
            yield self._piece(last=False)

    def _piece(self, *, last: bool) -> ReplyPiece:
        data = bytes(self._held[: self._position])
        del self._held[: self._position]
        self._position = 0
        first, self._announced = not self._announced, True
        return ReplyPiece(self._kind, data, first, last)

    def _step(self) -> bool:
        held, start = self._held, self._position
        there = len(held) - start
        if not there:
            return False
        if self._body:
            taken = min(there, self._body)
            self._position += taken
            self._body -= taken
            return True
        end = held.find(b"\n", start)
        if self._line:
            self._line = end < 0
            self._position = len(held) if end < 0 else end + 1
            return True
        return self._take_header(held[start], start, end)

    def _take_header(self, kind: int, start: int, end: int) -> bool:
        sized = kind in _BULKS or kind in _AGGREGATES
        if end < 0:
            if sized:
                if len(self._held) - start > _HEADER_BYTES:
                    raise NotResp("a header without an end")
                return False
            self._line = True
            self._position = len(self._held)
        else:
            self._position = end + 1
        if self._open == 0:
            self._open = 1
            self._kind = 0
        if kind != ord("|"):
            self._kind = self._kind or kind
            self._open -= 1
        if sized:
            size = _number(bytes(self._held[start:end]), bytes((kind,)))
            if kind in _BULKS:
                self._body = size + 2 if size >= 0 else 0
            else:
                self._open += max(0, size) * _AGGREGATES[kind]
        return True


def _number(line: bytes, kind: bytes) -> int:
    try:
        if line[:1] == kind:
            return int(line[1:])
    except ValueError:
        pass
    raise NotResp(f"{line[:40]!r} where a header {kind.decode()}N was due")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
