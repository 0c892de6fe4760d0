"""As whom does a stranger's script run? On a server that is not ours as a user of the run's own, with few rights.

The user may do what `turnaffinity acl` grants, in the run's database only: no FLUSHALL, no CONFIG, no key outside the
contract's names. A script may still be slow there, or write too much: it is tried on a server of ours beforehand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.problem import CannotRun
from turnaffinity.server import Server, open_server, parse_address
from turnaffinity.server.live import connect
from turnaffinity.subjects.script import BUSY_S, CALL_DEADLINE_S, ScriptSubject
from turnaffinity.wire.command import Command

TRUST = "use --server embedded, or, if you know the script, --trust-script"

SELECTS = ("-select",)
"""Taken from a script's user: the other databases of that server are none of its business."""

WRITES = frozenset({"HSET", "HSETNX", "SET"})
"""The granted commands that can make a key."""


class Watching(Protocol):
    """What tells whether the server is at a call."""

    def runs(self, argv: Sequence[str], seconds: float) -> bool:
        """Whether the server is at this call of a script."""


class Run(Protocol):
    """What has to be known of the run that a script is judged in."""

    layout: KeyLayout
    acl: bool
    trust_script: bool

    @property
    def server(self) -> Server:
        """The live server of the run."""

    @property
    def observer(self) -> Watching | None:
        """The run's MONITOR connection, if there is one."""

    def make_user(self, where: str, mend: str, *more: str) -> tuple[str, str]:
        """Name and password of the run's user."""


def script_subject(run: Run, source: str, name: str) -> ScriptSubject:
    """The script as a subject, with the rights that it may have where it is to run.

    Raises `CannotRun` where it would have rights over what is not ours and neither a user of its own nor
    `run.trust_script` stands for it.
    """
    server = run.server
    if run.trust_script and not run.acl:
        return ScriptSubject(server, source, name, runs=_runs_in(run))
    if server.kind == "fake" and not run.acl:
        what = "fakeredis runs a script inside this very process, where it may do whatever this user may do"
        raise CannotRun("--lua", what, TRUST)
    if server.ours and not run.acl:
        return ScriptSubject(server, source, name)
    if not server.ours:
        _try_on_ours(source, name, run.layout)
    return ScriptSubject(server, source, name, _entrance(run), _runs_in(run))


def _runs_in(run: Run) -> Callable[[Sequence[str]], bool]:
    return lambda argv: run.observer is not None and run.observer.runs(argv, BUSY_S)


def _entrance(run: Run) -> Callable[[], Any]:
    """Opens a connection that chooses the database with the judge's rights, and then becomes the limited user."""

    def enter() -> Any:
        user, password = limited_user(run)

        def become_limited(connection: Any) -> None:
            connection.on_connect()
            connection.send_command("AUTH", user, password)
            connection.read_response()

        client = connect(parse_address(run.server.url), timeout_s=CALL_DEADLINE_S)
        client.connection_pool.connection_kwargs["redis_connect_func"] = become_limited
        return client

    return enter


def limited_user(run: Run) -> tuple[str, str]:
    """Name and password of the script's user, made anew if the server forgot it."""
    if run.acl:
        return run.make_user("--acl", "use --server embedded, or a user of that server that may use ACL SETUSER")
    return run.make_user("--lua, with no user of its own on a server that is not ours", TRUST, *SELECTS)


def _try_on_ours(source: str, name: str, layout: KeyLayout) -> None:
    """Call the script a few times on an embedded server; raises `CannotRun` if a call does not end or kills it."""
    try:
        server = open_server("embedded")
    except CannotRun:  # none for this platform
        return
    with server:
        server.client().hset(layout.node_key("n1"), "status", "online")
        server.client().hset(layout.node_pools_key("n1"), "zh:en", "0")
        server.client().sadd(layout.pool_key("zh:en", 0), "n1", "n2")
        server.client().hset(layout.turn_key("t1"), layout.affinity_field, "n1")
        subject = ScriptSubject(server, source, name)
        for job_id, turn_id, pair in ((None, "t1", "zh:en"), ("j1", None, "zh:en"), ("j2", "t2", "zh:fr")):
            subject.select(pair, job_id, turn_id)
            if subject.rescues:
                what = f"a call does not end within {CALL_DEADLINE_S:g} s, or kills the server, which was one of ours"
                raise CannotRun(name, f"{what}; it was not run on yours", "mend it; see --server embedded for details")
        subject.close()


def keys_made(commands: Iterable[Command]) -> Iterator[str]:
    """The keys that a script wrote, as far as they stand behind the call of ours that a step's commands show."""
    ours = False
    for command in commands:
        if not command.inside_script:
            ours = command.name == "EVALSHA"
        elif ours and command.name in WRITES and len(command.argv) > 1:
            yield command.argv[1]
