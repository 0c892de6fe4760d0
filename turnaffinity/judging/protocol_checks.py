"""Does an adapter keep the protocol itself? Checks that come before the contract's and are reported apart from it.

Each demands only what the schemas and `conformance/README.md` say. They run against one node of their own, whose keys
they delete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import redis

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.problem import CannotRun
from turnaffinity.showing.plain import shown
from turnaffinity.subjects.adapter import AdapterSubject, Goodbye, RawAnswer
from turnaffinity.subjects.protocol import MAX_LINE_BYTES, finalize_members, hello_members
from turnaffinity.subjects.subject import Broke

Status = Literal["pass", "fail", "skip", "not-claimed"]


@dataclass(frozen=True, slots=True)
class ProtocolResult:
    """What one check found; `expected` and `observed` are sentences, empty where the check passed."""

    id: str
    title: str
    status: Status
    expected: str = ""
    observed: str = ""

    def as_dict(self) -> dict[str, str]:
        """As the report's `protocol` array holds it."""
        return {
            "id": self.id,
            "title": self.title,
            "status": self.status,
            "expected": self.expected,
            "observed": self.observed,
        }


class _Failed(Exception):
    """The check found something else than `expected`."""

    def __init__(self, expected: str, observed: str) -> None:
        super().__init__(observed)
        self.expected, self.observed = expected, observed


class _Skipped(Exception):
    """The check cannot be made here; str() is the reason."""


class _NotClaimed(Exception):
    """The adapter answers `unsupported` to the operation that the check needs."""


@dataclass(frozen=True, slots=True)
class _Ground:
    """What a check stands on: the adapter, and one node that serves the pairs used."""

    subject: AdapterSubject
    token: str
    layout: KeyLayout
    made: list[str] = field(default_factory=list)
    """The keys to delete in the end."""

    def session(self, name: str) -> str:
        """A session id of this run."""
        return f"{self.token}.proto.{name}"

    def finalize(
        self, session: str, reason: str = "manual", src: str = "zh", tgt: str = "en", **more: Any
    ) -> RawAnswer:
        """A finalize whose answer must be well-formed."""
        self.made.append(self.layout.session_key(self.session(session)))
        members = {**finalize_members(self.session(session), reason, src, tgt, None), **more}
        answer = self.subject.raw("finalize", members)
        if isinstance(answer, Broke):
            raise _Failed("one well-formed answer to a finalize", answer.what)
        if _code(answer) == "unsupported":
            raise _NotClaimed
        self._remember(answer.members.get("ok"))
        return answer

    def _remember(self, ok: Any) -> None:
        if isinstance(ok, dict):
            self.made.append(self.layout.turn_key(str(ok.get("turn_id"))))
            jobs = ok.get("jobs")
            for job in jobs if isinstance(jobs, list) else []:
                if isinstance(job, dict):
                    self.made.append(self.layout.job_key(str(job.get("job_id"))))

    def carried_out(self, session: str, reason: str = "manual", src: str = "zh", tgt: str = "en", **more: Any) -> None:
        """A finalize that must be answered with `ok`."""
        answer = self.finalize(session, reason, src, tgt, **more)
        if "ok" not in answer.members or answer.members["ok"] is None:
            raise _Failed("a finalize answered with ok: a node serves the pair", _said(answer))


def _hello(ground: _Ground) -> None:
    hello = ground.subject.hello
    if "finalize" not in hello.ops and "select" not in hello.ops:
        raise _Failed("ops that name finalize, or select, or both", f"ops: {', '.join(sorted(hello.ops)) or 'none'}")


def _id_is_echoed(ground: _Ground) -> None:
    for number in (7001, 7003, 7002, 1_000_000_007):
        answer = ground.subject.raw("turnaffinity-no-such-op", {"id": number})
        if isinstance(answer, Broke):
            raise _Failed(f"id {number} echoed as a number, whatever the id before", answer.what)


def _one_line_an_answer(ground: _Ground) -> None:
    for number in range(3):
        ground.finalize(f"lines{number}")


def _unknown_operation(ground: _Ground) -> None:
    answer = ground.subject.raw("turnaffinity-no-such-op", {})
    expected = 'error "unsupported" to an unknown op, and the process goes on'
    if isinstance(answer, Broke):
        raise _Failed(expected, answer.what)
    if _code(answer) != "unsupported":
        raise _Failed(expected, _said(answer))


def _unknown_version(ground: _Ground) -> None:
    subject = ground.subject
    subject.fresh()
    members = {**hello_members(subject.redis_url, subject.reading, subject.layout), "v": 99}
    answer = subject.raw("hello", members, subject.deadlines.hello_s)
    subject.abandon()
    expected = 'error "bad_request" with "supported": [1] to a hello with "v": 99'
    if isinstance(answer, Broke):
        raise _Failed(expected, answer.what)
    error = answer.members.get("error")
    # inside the error or beside it: the text can be read both ways
    supported = error.get("supported", answer.members.get("supported")) if isinstance(error, dict) else None
    if _code(answer) != "bad_request" or supported != [1]:
        raise _Failed(expected, _said(answer))


def _unknown_members_in_hello(ground: _Ground) -> None:
    subject = ground.subject
    subject.fresh()
    members = hello_members(subject.redis_url, subject.reading, subject.layout)
    answer = subject.raw("hello", {**members, "x_unknown": {"a": [1, None]}}, subject.deadlines.hello_s)
    expected = "hello with a member that version 1 does not have is answered as without it"
    if isinstance(answer, Broke):
        raise _Failed(expected, answer.what)
    if answer.members.get("ok") is None:
        raise _Failed(expected, _said(answer))


def _unknown_members(ground: _Ground) -> None:
    ground.carried_out("members", x_unknown={"nested": [True, 1.5, None]}, op_hint="ignored")


def _utf8(ground: _Ground) -> None:
    ground.carried_out("utf8", x_note='语音翻译 🎧 naïve \t \n \\ "')


def _language_tags(ground: _Ground) -> None:
    ground.carried_out("tags", src="zh-CN", tgt="yue")


def _long_line(ground: _Ground) -> None:
    padding = "x" * (MAX_LINE_BYTES - 1024)
    ground.carried_out("long", x_padding=padding)


def _refusals_leave_it_running(ground: _Ground) -> None:
    for number in range(2):
        answer = ground.finalize(f"refused{number}", reason="turnaffinity-no-such-reason")
        if _code(answer) != "bad_request":
            raise _Failed('error "bad_request" to a reason that is none', _said(answer))
    ground.finalize("refused")


def _bye(ground: _Ground) -> None:
    subject = ground.subject
    if subject.over_socket:
        raise _Skipped("over a unix socket the process's end cannot be seen")
    if "finalize" in subject.hello.ops:
        ground.finalize("fresh", reason="max_duration")  # what PROTO-13 takes over
    goodbye = subject.bye()
    expected = f"after bye the process ends with status 0 within {subject.deadlines.bye_s:g} s"
    if not goodbye.in_time:
        raise _Failed(expected, "it was still there, and was killed")
    if goodbye.status != 0:
        raise _Failed(expected, f"it ended {_ending(goodbye)}")
    if not _is_quiet(goodbye):
        raise _Failed("no line, or one answer, to bye", f"stdout held: {'; '.join(goodbye.lines[:3])}")


def _fresh_start(ground: _Ground) -> None:
    ground.subject.bye()  # nothing is left to end after PROTO-12, over a socket apart
    ground.carried_out("fresh", reason="max_duration")
    ground.carried_out("fresh", reason="manual")


CHECKS: tuple[tuple[str, str, Callable[[_Ground], None]], ...] = (
    ("PROTO-1", "hello is answered with a name and the operations offered", _hello),
    ("PROTO-2", "the request's id is echoed as a number", _id_is_echoed),
    ("PROTO-3", "each request is answered with one line, and stdout holds nothing else", _one_line_an_answer),
    ("PROTO-4", "an unknown operation is answered unsupported", _unknown_operation),
    ("PROTO-5", "an unknown version is answered bad_request with the versions supported", _unknown_version),
    ("PROTO-6", "unknown members of hello are ignored", _unknown_members_in_hello),
    ("PROTO-7", "unknown members of a request are ignored", _unknown_members),
    ("PROTO-8", "requests are read as UTF-8 and as JSON, escapes included", _utf8),
    ("PROTO-9", "language tags such as zh-CN and yue are taken as they are", _language_tags),
    ("PROTO-10", "a line of nearly 1 MiB is read", _long_line),
    ("PROTO-11", "a refusal is an answer, after which the process goes on", _refusals_leave_it_running),
    ("PROTO-12", "bye ends the process with status 0 within its deadline", _bye),
    ("PROTO-13", "a fresh process takes over a session from what is in Redis", _fresh_start),
)
"""Each check: its id, what it claims, and the function that makes it."""


def run_protocol_checks(
    subject: AdapterSubject, client: redis.Redis, layout: KeyLayout, token: str
) -> list[ProtocolResult]:
    """Make every check, in order, and return what each found; the subject runs on, not greeted or fresh.

    `client` is the judge's own connection (texts decoded), `token` a word that all names made here contain.
    What breaks here counts towards the restarts of the run; once the subject is exhausted, the rest fails with that.
    Raises `CannotRun` if hello is never answered.
    """
    ground = _Ground(subject, token, layout)
    with _one_node(client, ground):
        return [_made(ground, *check) for check in CHECKS]


def _made(ground: _Ground, check_id: str, title: str, check: Callable[[_Ground], None]) -> ProtocolResult:
    try:
        check(ground)
    except _Failed as failed:
        return ProtocolResult(check_id, title, "fail", failed.expected, failed.observed)
    except _Skipped as skipped:
        return ProtocolResult(check_id, title, "skip", observed=str(skipped))
    except _NotClaimed:
        return ProtocolResult(check_id, title, "not-claimed", observed="finalize is unsupported")
    except CannotRun as error:
        if check is _hello:
            raise
        return ProtocolResult(check_id, title, "fail", "a fresh process", str(error))
    return ProtocolResult(check_id, title, "pass")


@contextmanager
def _one_node(client: redis.Redis, ground: _Ground) -> Iterator[None]:
    """A node that serves zh:en and zh-CN:yue, online while the checks run; its keys and the sessions' go afterwards."""
    layout, made, node = ground.layout, ground.made, ground.session("node")
    pairs = ("zh:en", "zh-CN:yue")
    made += [layout.node_key(node), layout.node_pools_key(node)]
    client.hset(layout.node_key(node), mapping={"status": "online"})
    client.hset(layout.node_pools_key(node), mapping=dict.fromkeys(pairs, "0"))
    for pair in pairs:
        made.append(layout.pool_key(pair, 0))
        client.sadd(made[-1], node)
        if index := layout.pool_index_key(pair):
            made.append(index)
            client.sadd(index, "0")
    try:
        yield
    finally:
        client.delete(*made)


def _code(answer: RawAnswer) -> str | None:
    error = answer.members.get("error")
    return error.get("code") if isinstance(error, dict) else None


def _said(answer: RawAnswer) -> str:
    return shown(answer.line)


def _ending(goodbye: Goodbye) -> str:
    status = goodbye.status
    if status is None:
        return "in a way that could not be seen"
    return f"with status {status}" if status >= 0 else f"by signal {-status}"


def _is_quiet(goodbye: Goodbye) -> bool:
    return len(goodbye.lines) <= 1 and all(line.startswith("{") for line in goodbye.lines)
