"""What do the strangers' adapters share? The lines they read and answer, the checks of a finalize, RESP as bytes.

Everything that touches Redis is in the adapters: they must not be alike.
"""

import json
import socket
import sys
import traceback
import urllib.parse
import uuid
from collections.abc import Iterable
from typing import IO, Any, NamedTuple

import redis

REASONS = ("manual", "timeout", "max_duration")


class Refused(Exception):
    """A request that says nothing sensible: answered with ``bad_request``."""


class NoNode(Exception):
    """No job of the batch got a node: answered with ``no_node``."""


class Broken(Exception):
    """A client of one's own got an error reply or lost its connection: answered with ``redis``."""


class Ask(NamedTuple):
    """A finalize as the adapters want it: checked, the languages distinct and in order."""

    session: str
    reason: str
    src: str
    langs: list[str]
    call_site: str

    @property
    def closing(self) -> bool:
        """Whether this finalize ends the turn."""
        return self.reason != "max_duration"


def checked(request: dict[str, Any]) -> Ask:
    """The finalize in ``request``, or Refused."""
    session, reason, src = request.get("session_id"), request.get("reason"), request.get("src_lang")
    room = request.get("room_langs")
    langs = list(dict.fromkeys(room)) if room else [request.get("tgt_lang")]
    if reason not in REASONS or not isinstance(session, str) or not session:
        raise Refused("reason or session id")
    if any(not isinstance(lang, str) or not lang or ":" in lang for lang in [src, *langs]):
        raise Refused("language")
    return Ask(session, reason, src, langs, "solo" if room is None else "groups" if room else "room")


def answer(turn_id: str, langs: list[str], job_ids: list[str], nodes: list[str | None]) -> dict[str, Any]:
    """The answer to a finalize; NoNode where no job got one."""
    if not any(nodes):
        raise NoNode("no job got a node")
    batch = zip(job_ids, langs, nodes, strict=True)
    jobs = [{"job_id": job, "tgt_lang": lang, "node_id": node} for job, lang, node in batch]
    return {"turn_id": turn_id, "jobs": jobs}


def new_jobs(ask: Ask) -> list[str]:
    """A fresh job id for each language."""
    return [f"job-{uuid.uuid4().hex}" for _ in ask.langs]


def connect(url: str, **options: Any) -> redis.Redis:
    """A redis-py client for the hello's url."""
    return redis.Redis.from_url(url, decode_responses=True, **options)


class Address(NamedTuple):
    """The parts of a redis url, for clients that open their own socket."""

    path: str
    host: str
    port: int
    db: int
    user: str
    password: str


def address(url: str) -> Address:
    """``redis://[user:password@]host:port/db`` or ``unix:///path?db=N`` taken apart."""
    parts = urllib.parse.urlsplit(url)
    user, password = (urllib.parse.unquote(part or "") for part in (parts.username, parts.password))
    if parts.scheme == "unix":
        db = int(urllib.parse.parse_qs(parts.query).get("db", ["0"])[0])
        return Address(urllib.parse.unquote(parts.path), "", 0, db, user, password)
    return Address(
        "", parts.hostname or "127.0.0.1", parts.port or 6379, int(parts.path.strip("/") or 0), user, password
    )


def dial(where: Address) -> socket.socket:
    """A socket to the server, nothing said yet."""
    if not where.path:
        return socket.create_connection((where.host, where.port))
    made = socket.socket(socket.AF_UNIX)
    made.connect(where.path)
    return made


def packed(words: Iterable[str]) -> bytes:
    """A command as it goes over the wire."""
    parts = [word.encode("utf-8", "surrogateescape") for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def unpacked(file: IO[bytes]) -> Any:
    """The next reply of RESP2 or RESP3: texts, numbers, lists, dicts, None; Broken for an error, a Push for a push."""
    line = file.readline()
    kind, rest = line[:1], line[1:-2].decode()
    if not kind:
        raise EOFError("connection closed")
    if kind == b"_" or (kind in b"$*" and rest == "-1"):
        return None
    if kind in b"$=!":
        text = file.read(int(rest) + 2)[:-2].decode("utf-8", "surrogateescape")
        return Broken(text) if kind == b"!" else text
    if kind in b"*~>":
        return (Push if kind == b">" else list)(unpacked(file) for _ in range(int(rest)))
    if kind == b"%":
        return {unpacked(file): unpacked(file) for _ in range(int(rest))}
    return int(rest) if kind == b":" else Broken(rest) if kind == b"-" else rest


class Push(list[Any]):
    """What a RESP3 server says unasked."""


class Stranger:
    """What an adapter offers: subclasses connect in ``__init__`` and take requests."""

    name = "stranger"
    ops: tuple[str, ...] = ("finalize",)

    def __init__(self, hello: dict[str, Any]) -> None:
        raise NotImplementedError

    def check(self, request: dict[str, Any]) -> Ask:
        """The finalize in ``request``, or Refused."""
        return checked(request)

    def finalize(self, ask: Ask) -> dict[str, Any]:
        """Close the current segment."""
        raise NotImplementedError

    def select(self, pair: str, job_id: str, turn_id: str) -> str | None:
        """A node for one job; empty texts where there is no job or turn."""
        raise NotImplementedError


def take(stranger: Stranger | None, kind: type[Stranger], request: dict[str, Any]) -> tuple[Stranger | None, Any]:
    """Do one request; returns the (perhaps new) stranger and what goes under ``ok``."""
    op = request.get("op")
    if op == "hello":
        stranger = kind(request)
        return stranger, {"name": kind.name, "version": "0", "language": "python", "ops": list(kind.ops)}
    if op not in kind.ops:
        raise NotImplementedError(f"op {op!r}")
    if stranger is None:
        raise Refused("hello first")
    if op == "finalize":
        return stranger, stranger.finalize(stranger.check(request))
    return stranger, {
        "node_id": stranger.select(request["pair"], request.get("job_id") or "", request.get("turn_id") or "")
    }


def reply(stranger: Stranger | None, kind: type[Stranger], request: dict[str, Any]) -> tuple[Stranger | None, Any]:
    """As ``take``, with errors turned into the protocol's."""
    codes: list[tuple[type[Exception], str]] = [
        (Refused, "bad_request"),
        (NoNode, "no_node"),
        (Broken, "redis"),
        (redis.RedisError, "redis"),
        (NotImplementedError, "unsupported"),
        (Exception, "internal"),
    ]
    if request.get("op") == "hello" and request.get("v") != 1:
        return stranger, {"error": {"code": "bad_request", "message": "version", "supported": [1]}}
    try:
        stranger, ok = take(stranger, kind, request)
        return stranger, {"ok": ok}
    except Exception as problem:
        code = next(code for sort, code in codes if isinstance(problem, sort))
        if code == "internal":
            traceback.print_exc()
        return stranger, {"error": {"code": code, "message": f"{type(problem).__name__}: {problem}"}}


def serve(kind: type[Stranger], lines: Iterable[str] = sys.stdin, out: IO[str] = sys.stdout) -> None:
    """Answer each line until ``bye`` or the end."""
    stranger: Stranger | None = None
    for line in lines:
        request = json.loads(line)
        if request.get("op") == "bye":
            return
        stranger, body = reply(stranger, kind, request)
        out.write(json.dumps({"id": request["id"], **body}, ensure_ascii=False) + "\n")
        out.flush()
