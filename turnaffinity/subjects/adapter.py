"""Who stands behind the protocol? An implementation in any language, in a process of its own, judged as a Subject.

A request that brings no usable answer is `Broke`, with what was seen and how to mend it; the adapter is then started
afresh for the next request, and nothing is asked twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from weakref import WeakValueDictionary

from turnaffinity.contract.decisions import Reading
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.problem import CannotRun, Problem
from turnaffinity.showing.plain import plain, shown
from turnaffinity.subjects.answers import READERS, NotAnAnswer, body_of, parse_line
from turnaffinity.subjects.channel import ChannelBroke, Clock
from turnaffinity.subjects.process import Peer, ProcessPeer, SocketPeer, command_of
from turnaffinity.subjects.protocol import MAX_LINE_BYTES, encode_request, finalize_members, hello_members
from turnaffinity.subjects.subject import Answer, Broke, Hello, Profile, Refused

MOST_RESTARTS = 10
"""After so many fresh starts the next failure ends the run."""

MOST_MISSED_IN_A_ROW = 3
"""After so many missed deadlines one after the other the run ends."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long the adapter has, in seconds; after a missed one it is asked to end, and within `grace_s` made to."""

    hello_s: float = 30.0
    op_s: float = 10.0
    bye_s: float = 5.0
    grace_s: float = 0.5


@dataclass(frozen=True, slots=True)
class Goodbye:
    """How a process ended after bye: its exit status (None where it cannot be seen), and what it wrote."""

    in_time: bool
    status: int | None
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An answer whose envelope was in order, for checks of the protocol: the whole object, and its line's bytes."""

    members: dict[str, Any]
    line: bytes = field(repr=False, default=b"")


class AdapterSubject:
    """An adapter as a Subject, started lazily.

    `command` is a command line, its words, or "unix:///PATH" of a socket on which the adapter listens.
    `reading` is what the judge expects, None where it is to be found out.
    Raises `Problem` for an unusable command line; `CannotRun` (from the first `hello` or request) if it cannot be
    started or never answers hello.
    """

    profile: Profile = "scheduler"

    def __init__(
        self,
        command: str | Sequence[str],
        redis_url: str,
        reading: Reading | None = None,
        layout: KeyLayout | None = None,
        deadlines: Deadlines | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._socket_path = _socket_path(command)
        self._command = [] if self._socket_path else command_of(command)
        self.redis_url = redis_url
        self.reading = reading
        self.layout = layout or KeyLayout()
        self.deadlines = deadlines or Deadlines()
        self._clock = clock or Clock()
        self._peer: Peer | None = None
        self._hello: Hello | None = None
        self._greeted = False
        self._broken = False
        self._missed_in_a_row = 0
        self._last_id = 0
        self._lines_read = 0
        self._asked: set[int] = set()
        """The ids of the requests that this process has answered."""
        self.restarts = 0
        """How often the adapter was started afresh after a failure."""
        self.exhausted: str | None = None
        """Why the rest of the run is not to be run, or None as long as it is."""

    @property
    def hello(self) -> Hello:
        """The first answer to hello; starts the adapter if need be. Raises `CannotRun` if there is none."""
        if self._hello is None:
            self._ready()
        assert self._hello is not None
        return self._hello

    @property
    def over_socket(self) -> bool:
        """Whether the adapter listens on a socket, so that its process is not ours to see."""
        return self._socket_path is not None

    def finalize(
        self, session_id: str, reason: str, src_lang: str, tgt_lang: str, room_langs: Sequence[str] | None
    ) -> Answer:
        """Ask for one finalize; `Finalized`, `Refused`, or `Broke` with what was seen instead."""
        return self._operation("finalize", finalize_members(session_id, reason, src_lang, tgt_lang, room_langs))

    def select(self, pair: str, job_id: str | None, turn_id: str | None) -> Answer:
        """Ask for one selection; `Selected`, `Refused`, or `Broke` with what was seen instead."""
        return self._operation("select", {"pair": pair, "job_id": job_id, "turn_id": turn_id})

    def raw(self, op: str, members: dict[str, Any], seconds: float | None = None) -> RawAnswer | Broke:
        """Ask for any operation with any members, and return the object as it came: for checks of the protocol.

        `"id"` among the members stands for the request's own id.
        """
        if self.exhausted is not None:
            return Broke(self.exhausted)
        if op != "hello" and (broke := self._ready()) is not None:
            return broke
        answer: RawAnswer | Broke = self._ask(op, members, seconds or self.deadlines.op_s, RawAnswer)
        return answer

    def fresh(self) -> None:
        """Start a process that is not greeted yet, in place of the one that runs: for checks of the protocol."""
        self.bye()
        self._peer = self._start()

    def restart(self) -> None:
        """End the process as after a run, so that the next request meets a fresh one; not counted in `restarts`."""
        self.bye()

    def kill(self) -> None:
        """KILL the process group at once, as a crash would; the next request meets a fresh one."""
        if self._peer is not None:
            self._peer.kill()
            self._peer = None

    def abandon(self) -> None:
        """Close the process's stdin, without bye, and make it end; the next request meets a fresh one."""
        peer, self._peer = self._peer, None
        self._greeted = False
        if peer is not None:
            peer.end(self.deadlines.grace_s)

    def bye(self) -> Goodbye:
        """Say bye and let the process end; in time is within the deadline, and then nothing has to be killed."""
        peer, self._peer = self._peer, None
        if peer is None:
            return Goodbye(True, None, ())
        self._last_id += 1
        peer.channel.send_only(encode_request({"id": self._last_id, "op": "bye"}))
        if self._socket_path is not None:
            peer.channel.end_input()
        said = peer.channel.leftover(self.deadlines.bye_s)
        in_time = peer.ended() is not None or self._socket_path is not None
        said += peer.end(self.deadlines.grace_s)[len(said) :]
        lines = tuple(shown(line) for line in plain(said).split("\n") if line.strip())
        return Goodbye(in_time, peer.exit_status() if in_time else None, lines)

    def close(self) -> None:
        """Say bye and let go; whatever the process does, its group is gone afterwards."""
        self.bye()

    def __enter__(self) -> AdapterSubject:
        """The subject itself; leaving closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def _operation(self, op: str, members: dict[str, Any]) -> Answer:
        if self.exhausted is not None:
            return Broke(self.exhausted)
        if (self._peer is None or not self._greeted) and (broke := self._ready()) is not None:
            return broke
        if self._hello is not None and op not in self._hello.ops:
            return Refused("unsupported", f"hello does not offer {op}")
        answer: Answer = self._ask(op, members, self.deadlines.op_s, None)
        return answer

    def _ready(self) -> Broke | None:
        """A process that has answered hello; `Broke` if a later one did not; `CannotRun` if the first did not."""
        if self._peer is not None and self._greeted:
            return None
        try:
            self._peer = self._peer or self._start()
        except CannotRun as error:
            if self._hello is None:
                raise
            self._count_failure(missed_deadline=False)
            return Broke(str(error))
        members = hello_members(self.redis_url, self.reading, self.layout)
        answer = self._ask("hello", members, self.deadlines.hello_s, None)
        if isinstance(answer, Hello):
            self._hello = self._hello or answer
            return None
        said = f"error {answer.code}: {answer.message}" if isinstance(answer, Refused) else answer.what
        if self._hello is None:
            self.abandon()
            what, _, mend = said.partition("\n  mend: ")
            raise CannotRun(f"--adapter {self._shown_command}", f"no hello: {what}", mend or _HELLO_MEND)
        if isinstance(answer, Refused):
            self.abandon()
            self._count_failure(missed_deadline=False)
        return Broke(f"after a fresh start, no hello: {said}")

    def _ask(self, op: str, members: dict[str, Any], seconds: float, form: type[RawAnswer] | None) -> Any:
        """One request, one answer, read by the operation's reader (or as it is, with `form`); or `Broke`."""
        peer = self._peer
        assert peer is not None
        self._last_id = request_id = self._last_id + 1
        request = encode_request({"id": request_id, "op": op, **members})
        if len(request) - 1 > MAX_LINE_BYTES:
            return Broke(f"not asked: the request has {len(request) - 1} bytes, and a line has at most 1 MiB")
        try:
            line = peer.channel.exchange(request, seconds)
            self._lines_read += 1
            parsed = parse_line(line)
            body = body_of(parsed, members.get("id", request_id), self._asked)
            self._asked.add(members.get("id", request_id))
            if surplus := peer.channel.surplus:
                raise NotAnAnswer(f"the answer was followed by another line: {shown(surplus)}", _ONE_ANSWER)
            if op == "hello":
                self._greeted = not isinstance(body, Refused)
            else:
                self._missed_in_a_row = 0
            if form is not None:
                return form(parsed, line)
            return body if isinstance(body, Refused) else READERS[op](body)
        except NotAnAnswer as error:
            return self._broke(peer, f"adapter line {self._lines_read}: {error.what}", error.mend)
        except ChannelBroke as error:
            return self._broke(peer, error.what, error.mend, missed_deadline=error.missed_deadline)

    def _broke(self, peer: Peer, what: str, mend: str, *, missed_deadline: bool = False) -> Broke:
        """End the process and say what was seen; a line that comes out only now was never flushed."""
        self._peer = None
        nothing_came = not peer.channel.surplus
        late = peer.end(self.deadlines.grace_s)
        if missed_deadline and nothing_came and late.lstrip().startswith(b"{"):
            what = f"{what}; when stdin was closed this came: {shown(late[:4096])}"
            mend = "the line was never flushed: flush stdout after each line"
        self._count_failure(missed_deadline=missed_deadline)
        said = peer.channel.complaints.lines()
        stderr = "".join(f"\n  stderr: {line}" for line in said)
        return Broke(f"{what}\n  mend: {mend}{stderr}")

    def _count_failure(self, *, missed_deadline: bool) -> None:
        self._broken = True
        self._greeted = False
        self._missed_in_a_row = self._missed_in_a_row + 1 if missed_deadline else 0
        if self._missed_in_a_row >= MOST_MISSED_IN_A_ROW:
            self.exhausted = f"not run: {MOST_MISSED_IN_A_ROW} deadlines in a row were missed"
        elif self.restarts >= MOST_RESTARTS:
            self.exhausted = f"not run: the adapter failed again after {MOST_RESTARTS} fresh starts"

    def _start(self) -> Peer:
        self._greeted = False
        if self._broken:
            self.restarts += 1
            self._broken = False
        self._lines_read = 0
        self._asked = set()
        if self._socket_path is not None:
            self._take_over(self._socket_path)
            return SocketPeer(self._socket_path, self._clock, self.deadlines.hello_s)
        return ProcessPeer(self._command, self._clock)

    def _take_over(self, path: str) -> None:
        """Let whoever holds the socket's connection go: a listener may serve one connection after the other.

        That subject connects anew when it is asked again; a restart is a reconnect.
        """
        holder = _CONNECTED.get(path)
        if holder is not None and holder is not self:
            holder.bye()
        _CONNECTED[path] = self

    @property
    def _shown_command(self) -> str:
        return f"unix://{self._socket_path}" if self._socket_path else f'"{shown(" ".join(self._command))}"'


_CONNECTED: WeakValueDictionary[str, AdapterSubject] = WeakValueDictionary()
"""Which subject holds the connection to the adapter that listens at a path."""

_ONE_ANSWER = "write exactly one line for each request; send logs to stderr"
_HELLO_MEND = 'answer hello with {"id": ..., "ok": {"name": ..., "version": ..., "language": ..., "ops": ["finalize"]}}'


def _socket_path(command: str | Sequence[str]) -> str | None:
    if not isinstance(command, str) or not command.startswith("unix://"):
        return None
    path = command.removeprefix("unix://")
    if not path.startswith("/"):
        mend = "write the socket's path in full, as in unix:///tmp/adapter.sock"
        raise Problem(f"--adapter {command}", "names no absolute path", mend)
    if len(path.encode()) > 100:
        raise Problem(f"--adapter {command}", "is too long for a unix socket", "use a path of at most 100 bytes")
    return path
