"""What happens to one connection through the proxy? Requests up, replies down, and the faults between."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from turnaffinity.faults.kinds import CutAfter, CutBefore, CutMidReply, Delay, ErrorReply, Fault, Silence
from turnaffinity.faults.resp import (
    ERROR,
    MAP,
    PUSH,
    NotResp,
    ReplyPiece,
    ReplyScanner,
    Request,
    RequestPiece,
    RequestScanner,
)

_DISCARD = b"*1\r\n$7\r\nDISCARD\r\n"
_EXECABORT = "EXECABORT Transaction discarded because of previous errors."
_SUBSCRIBES = frozenset({"SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"})
_STREAMS = frozenset({"MONITOR", "SYNC", "PSYNC"})
_HALF_OF = 65536

Act = Literal["pass", "cut", "cut-after", "cut-mid", "mute", "replace", "say", "stream", "push"]


@dataclass(slots=True)
class _Due:
    """What is to happen with the next reply: pass it; or act without one ("say", "cut", "stream")."""

    act: Act
    text: bytes = b""


_SILENCE = _Due("stream", b"mute")


class Side(asyncio.Protocol):
    """One end of a link; it hands bytes to the link and stops reading while the other end's buffer is full."""

    def __init__(
        self, received: Callable[[bytes], None], lost: Callable[[], None], full: Callable[[bool], None]
    ) -> None:
        self._received, self._lost, self._full = received, lost, full
        self.transport: asyncio.Transport | None = None
        self._reasons: set[str] = set()
        self._unwanted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        if self._unwanted:
            transport.close()
        elif self._reasons:
            transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        """Hand on."""
        self._received(data)

    def eof_received(self) -> bool:
        """The other side will send no more; what it is still owed goes out first."""
        self._lost()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self.transport = None
        self._lost()

    def pause_writing(self) -> None:
        """This end's buffer is full: nothing more is read from the other one."""
        self._full(True)

    def resume_writing(self) -> None:
        """There is room again."""
        self._full(False)

    def hold(self, reason: str, on: bool) -> None:
        """Stop reading for a reason, or lift it; reading goes on when no reason is left."""
        before = bool(self._reasons)
        (self._reasons.add if on else self._reasons.discard)(reason)
        if self.transport is None or self.transport.is_closing() or before == bool(self._reasons):
            return
        if self._reasons:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def write(self, data: bytes) -> None:
        """Send, unless the connection is gone."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def close(self) -> None:
        """Send what is buffered and close; a connection that is only coming is closed when it is there."""
        self._unwanted = True
        if self.transport is not None:
            self.transport.close()


class Link:
    """One client connection and its own connection to the server.

    `decide` is asked once for each command, in order: the fault to inject there, or None.
    """

    def __init__(self, decide: Callable[[Request], Fault | None], gone: Callable[[Link], None]) -> None:
        self._decide, self._gone = decide, gone
        self.client = Side(self._from_client, self._client_lost, lambda full: self.server.hold("full", full))
        self.server = Side(self._from_server, self._server_lost, lambda full: self.client.hold("full", full))
        self.client.hold("connecting", True)
        self._requests, self._replies = RequestScanner(), ReplyScanner()
        self._backlog: deque[RequestPiece] = deque()
        self._due: deque[_Due] = deque()
        self._current = _Due("pass")
        self._half = bytearray()
        self._nonsense = b""  # what to answer to bytes that are no RESP, after everything before them
        self._forwarding = True
        self._deaf = False  # later requests go nowhere
        self._mute = False  # later replies go nowhere
        self._streaming = False  # replies no longer answer requests
        self._resp3 = False
        self._in_multi = self._dirty = False
        self._delayed = False
        self._delayed_request: Request | None = None
        self._last_through: Request | None = None  # forwarded to its end although the link is deaf
        self._client_done = self._in_reply = False

    def connected(self) -> None:
        """The server's side is there: begin to read the client's."""
        self.client.hold("connecting", False)
        self._work_off()

    def close(self) -> None:
        """Close both sides."""
        self.client.close()
        self.server.close()

    def _client_lost(self) -> None:
        self._client_done = True
        self._finish()
        if self.client.transport is None:
            self.server.close()
            self._gone(self)

    def _finish(self) -> None:
        """The client will send no more: close when nothing is due to it any more."""
        owed = self._due or self._backlog or self._in_reply
        if self._client_done and (self._mute or not owed):
            self.server.close()

    def _server_lost(self) -> None:
        self.client.close()
        self.server.close()

    def _from_client(self, data: bytes) -> None:
        if self._deaf or self._nonsense:
            return
        try:
            self._backlog.extend(self._requests.feed(data))
        except NotResp as error:
            self._nonsense = f"-ERR Protocol error: {error}\r\n".encode()
        self._work_off()

    def _work_off(self) -> None:
        while self._backlog and not self._delayed and self.server.transport is not None:
            piece = self._backlog[0]
            if piece.first and not self._deaf and not self._begin(piece.request):
                return  # delayed: the piece stays
            self._backlog.popleft()
            if self._forwarding and not self._stopped_before(piece):
                self.server.write(piece.data)
            if piece.last:
                self._end(piece.request)
        if self._nonsense and not self._backlog and not self._deaf:
            self._deaf = True
            self._due += (_Due("say", self._nonsense), _Due("cut"))
        self._say_what_is_due()
        self._finish()

    def _stopped_before(self, piece: RequestPiece) -> bool:
        return self._deaf and self._last_through is not piece.request

    def _begin(self, request: Request) -> bool:
        """Decide what becomes of a command, at its first piece; False if it has to wait."""
        fault = None if self._delayed_request is request or not request.name else self._decide(request)
        if isinstance(fault, Delay):
            self._delayed, self._delayed_request = True, request
            self.client.hold("delay", True)
            asyncio.get_running_loop().call_later(fault.seconds, self._go_on)
            return False
        self._forwarding = True
        if isinstance(fault, ErrorReply):
            self._refuse(request, fault.text)
        elif isinstance(fault, CutBefore):
            self._stop(request, _Due("cut"), forward=False)
        elif isinstance(fault, Silence):
            self._stop(request, _Due("mute") if fault.reaches_server else _SILENCE, forward=fault.reaches_server)
        elif isinstance(fault, CutAfter):
            self._stop(request, _Due("cut-after"), forward=True)
        elif isinstance(fault, CutMidReply):
            self._stop(request, _Due("cut-mid"), forward=True)
        elif request.name == "EXEC" and self._in_multi and self._dirty:
            self._discard(_EXECABORT)
        else:
            self._expect(request)
        return True

    def _go_on(self) -> None:
        self._delayed = False
        self.client.hold("delay", False)
        self._work_off()

    def _stop(self, request: Request, due: _Due, *, forward: bool) -> None:
        """This command is the last one that counts on this connection."""
        self._deaf = True
        self._forwarding = forward
        self._last_through = request if forward else None
        self._due.append(due)

    def _refuse(self, request: Request, text: str) -> None:
        if request.name == "EXEC" and self._in_multi:
            self._discard(f"EXECABORT Transaction discarded because of: {text}")
            return
        self._dirty = self._in_multi
        self._forwarding = False
        self._due.append(_Due("say", f"-{text}\r\n".encode()))

    def _discard(self, text: str) -> None:
        """In EXEC's place the server gets DISCARD, and the client this error."""
        self._forwarding = False
        self._in_multi = self._dirty = False
        self.server.write(_DISCARD)
        self._due.append(_Due("replace", f"-{text}\r\n".encode()))

    def _expect(self, request: Request) -> None:
        if request.name in _STREAMS or (request.name in _SUBSCRIBES and not self._resp3):
            self._due.append(_Due("stream"))
        elif request.name in _SUBSCRIBES:
            self._due.append(_Due("push"))
        elif request.name:  # an empty line gets no reply
            self._due.append(_Due("pass"))

    def _end(self, request: Request) -> None:
        """A whole command was read: keep the state that later ones depend on."""
        if not self._forwarding or self._deaf:
            return
        if request.name == "MULTI":
            self._in_multi, self._dirty = True, False
        elif request.name in ("EXEC", "DISCARD", "RESET"):
            self._in_multi = self._dirty = False
        elif request.name == "CLIENT" and [word.upper() for word in request.argv[1:2]] == ["REPLY"]:
            self._due[-1] = _Due("stream")  # from here on replies and requests no longer pair

    def _from_server(self, data: bytes) -> None:
        if self._streaming:
            if not self._mute:
                self.client.write(data)
            return
        try:
            for piece in self._replies.feed(data):
                self._reply(piece)
        except NotResp:
            self.close()
        self._say_what_is_due()
        self._finish()

    def _reply(self, piece: ReplyPiece) -> None:
        if piece.first:
            self._current = self._due_for(piece.kind)
        self._in_reply = not piece.last
        act = self._current.act
        if self._mute:
            return
        if act in ("pass", "push"):
            self.client.write(piece.data)
        elif act == "cut-mid":
            self._half += piece.data
            if piece.last or len(self._half) >= _HALF_OF:
                self.client.write(bytes(self._half[: len(self._half) // 2]))
                self._cut()
        elif act == "cut-after" and piece.last:
            self._cut()
        elif act == "mute":
            self._mute = True
        elif act == "replace" and piece.last:
            self.client.write(self._current.text)
        if piece.last:
            self._resp3 = self._resp3 or (piece.kind == MAP and act == "pass")
            self._current = _Due("pass")
            self._in_reply = False
            self._say_what_is_due()

    def _due_for(self, kind: int) -> _Due:
        if kind == PUSH:
            if self._due and self._due[0].act == "push":
                return self._due.popleft()
            return _Due("pass")
        if self._due and self._due[0].act == "push" and kind != ERROR:
            self._due.popleft()
        return self._due.popleft() if self._due else _Due("pass")

    def _say_what_is_due(self) -> None:
        """What needs no reply of the server happens as soon as it is its turn."""
        while self._due and self._due[0].act in ("say", "cut", "stream") and not self._mute:
            due = self._due.popleft()
            if due.act == "say":
                self.client.write(due.text)
            elif due.act == "cut":
                self._cut()
            else:
                self._mute = due.text == b"mute"
                self._streaming = True

    def _cut(self) -> None:
        self._deaf = self._mute = True
        self._due.clear()
        self._backlog.clear()
        self.close()
