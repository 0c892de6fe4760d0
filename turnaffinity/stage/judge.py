"""Who judges? The server, the subject and its second process, and the observer, for one run."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from redis.exceptions import RedisError, ResponseError

from turnaffinity.contract.decisions import DEFAULT_READING, Reading
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.contract.privileges import setuser
from turnaffinity.problem import CannotRun, Problem
from turnaffinity.server import Server, open_server
from turnaffinity.server.address import parse_address
from turnaffinity.server.live import connect, pinned, user_of
from turnaffinity.stage.observer import Observer
from turnaffinity.stage.pipeline import Pipeline
from turnaffinity.subjects.subject import Subject

if TYPE_CHECKING:
    from turnaffinity.subjects.adapter import Deadlines

Resource = TypeVar("Resource")
Kind = Literal["reference", "lua", "adapter"]
Factory = Callable[["Judge", str], Subject]
"""Makes a fresh subject: given the judge and the address that the subject is to talk to."""


@dataclass
class Judge:
    """One run's surroundings; a context manager that ends the subjects and the server.

    `kind` says what is judged; `target` is the script's path or the adapter's command.
    """

    kind: Kind = "reference"
    target: str = ""
    server_spec: str | None = None
    reading: Reading = DEFAULT_READING
    auto: bool = False
    auto_looking: bool = False
    """Whether the run only looks which choices are made, and holds nothing against them yet."""
    layout: KeyLayout = field(default_factory=KeyLayout)
    seed: int = 0
    tcp: bool = False
    deadlines: str | None = None
    faults: bool = False
    beside: str = ""
    """The command of a second adapter that serves the same sessions, an other version of it."""
    factory: Factory | None = None
    acl: bool = False
    """Whether the subject connects as a user with no more rights than `turnaffinity acl` names."""
    trust_script: bool = False
    """Whether a script may run with the judge's own rights on a server that is not ours, or in this process."""
    all_cores: bool = False
    """Whether server and subject may spread over all cores in a run of `verify`; else each judge keeps to one."""

    def __post_init__(self) -> None:
        self._stack = ExitStack()
        self._subjects: list[Subject] = []
        self._user_made = False
        self._password = secrets.token_hex(16)
        self.touched: set[str] = set()
        """Keys that the judge's own hand wrote on a server that is not ours, since the last sweep."""
        self.kept: dict[str, Any] = {}
        """What others than the judge make once for a run, by name: a process behind a proxy."""
        self.fault_plays: dict[tuple[str, Reading], Any] = {}
        """What plays with faults showed, so that the cases of several rules need not play them again."""
        self.histories: dict[tuple[str, Reading], Any] = {}
        """Long plays without faults, by name, played once for the cases of all rules."""

    def __enter__(self) -> Judge:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def sweep(self) -> None:
        """Delete the keys that cases wrote by hand on a server that is not ours; the subject's go with `clear`."""
        if self.touched:
            self.client.delete(*sorted(self.touched))
            self.touched.clear()

    def close(self) -> None:
        """End what this run started; a server that is not ours is left as it was found."""
        try:
            self.sweep()
            for subject in self._subjects:
                subject.close()
            self._subjects.clear()
        finally:  # whatever went wrong before, users, keys and servers of ours go
            self._stack.close()

    @cached_property
    def server(self) -> Server:
        """The live server of this run."""
        return self._stack.enter_context(
            open_server(self.server_spec, layout=self.layout, seed=self.seed, tcp=self.tcp)
        )

    def on(self, server: Server) -> Judge:
        """The same judge on a server that is lent to it: it neither opens nor closes it."""
        self.__dict__["server"] = server
        return self

    @property
    def client(self) -> Any:
        """The judge's own connection; whoever takes it may act between two steps, which the observer is told."""
        return self.pipeline.lent()

    @cached_property
    def pipeline(self) -> Pipeline:
        """The judge's own commands, and when they go."""
        return Pipeline(pinned(self.server.client()), self.observer)

    def clear(self) -> None:
        """Make the database empty of what cases and subject made, for the next case."""
        self.sweep()
        if self.server.ours and self.pipeline.waits:
            self.pipeline.later([("FLUSHALL",)])
        else:
            self.pipeline.settle()
            self.server.clear()

    @cached_property
    def observer(self) -> Observer | None:
        """The judge's MONITOR connection, or None where the server has none."""
        if not self.server.can_monitor:
            return None
        observer = Observer(self.server)
        self._stack.callback(observer.close)
        return observer

    @cached_property
    def subject(self) -> Subject:
        """The implementation under judgement."""
        return self.new_subject()

    @cached_property
    def second(self) -> Subject:
        """A second process of the same implementation."""
        return self.new_subject()

    def lives_with_run(self, resource: AbstractContextManager[Resource]) -> Resource:
        """Enter something that is left when the run ends, before the server goes."""
        return self._stack.enter_context(resource)

    @property
    def subject_url(self) -> str:
        """Where the subject connects, and as whom: with `acl`, a user that is made anew if the server forgot it."""
        if not self.acl:
            return self.server.url
        if self.server.kind == "fake":
            raise CannotRun("--acl", "fakeredis has no users", "use --server embedded")
        mend = "use --server embedded, or a user of that server that may use ACL SETUSER"
        user, password = self.make_user("--acl", mend)
        return replace(parse_address(self.server.url), user=user, password=password).url

    def make_user(self, where: str, mend: str, *more: str) -> tuple[str, str]:
        """Name and password of the run's user, with the rights of `turnaffinity acl` and the rules in `more`.

        It is deleted when the judge is closed. Sends ACL SETUSER; raises `CannotRun` if the server refuses.
        """
        user = user_of(self.seed)
        if not self._user_made:
            self._user_made = True
            self._stack.callback(self._forget_user, user)
        try:
            self.client.execute_command(*setuser(self.layout, user, self._password), *more)
        except ResponseError as error:
            raise CannotRun(where, f"the server makes no user for the run: {error}", mend) from error
        return user, self._password

    def _forget_user(self, user: str) -> None:
        with suppress(RedisError):  # a server that is gone has no users
            self.client.execute_command("ACL", "DELUSER", user)

    def new_subject(self, url: str | None = None) -> Subject:
        """One more process of the implementation; `url` where it is to talk through a proxy."""
        if self.observer is not None:
            self.observer.disturb()  # a subject may load its scripts when it is made
        self.pipeline.settle()
        make = self.factory or FACTORIES[self.kind]
        subject = make(self, url or self.subject_url)
        self._subjects.append(subject)
        return subject

    def profiles(self) -> frozenset[str]:
        """Whose cases run: a script's, a scheduler's, or (the reference) a scheduler's and its script's."""
        return {"lua": frozenset("L"), "adapter": frozenset("S"), "reference": frozenset("LS")}[self.kind]


def _reference(judge: Judge, url: str) -> Subject:
    from turnaffinity.subjects.reference import ReferenceSubject

    client = judge.server.client() if url == judge.server.url else connect(parse_address(url))
    return ReferenceSubject(client, judge.reading, judge.layout)


def _script(judge: Judge, url: str) -> Subject:
    from turnaffinity.subjects.rights import script_subject
    from turnaffinity.subjects.script import read_script

    return script_subject(judge, read_script(Path(judge.target)), Path(judge.target).name)


MOST_DEADLINE_S = 86_400.0
"""The longest deadline, in seconds."""


def parse_deadlines(text: str | None) -> Deadlines:
    """Deadlines from "hello=S,op=S,bye=S", in seconds, each optional; raises `Problem` for anything else."""
    from turnaffinity.subjects.adapter import Deadlines

    seconds: dict[str, float] = {}
    for part in text.split(",") if text else ():
        name, _, value = part.partition("=")
        try:
            seconds[f"{name.strip()}_s"] = float(value)
            # not "<= 0 or": nan is neither, and inf is no time that a system call can wait
            if name.strip() not in {"hello", "op", "bye"} or not 0 < seconds[f"{name.strip()}_s"] <= MOST_DEADLINE_S:
                raise ValueError
        except ValueError:
            mend = "write for instance hello=60,op=20,bye=5, in seconds"
            raise Problem("--deadline", f'"{part}" is no deadline', mend) from None
    return Deadlines(**seconds)


def _adapter(judge: Judge, url: str) -> Subject:
    from turnaffinity.subjects.adapter import AdapterSubject
    from turnaffinity.subjects.beside import SideBySide

    def started(command: str) -> AdapterSubject:
        return AdapterSubject(
            command, redis_url=url, reading=None if judge.auto else judge.reading, layout=judge.layout,
            deadlines=parse_deadlines(judge.deadlines),
        )  # fmt: skip

    first = started(judge.target)
    return SideBySide(first, started(judge.beside), judge.seed) if judge.beside else first


FACTORIES: dict[Kind, Factory] = {"reference": _reference, "lua": _script, "adapter": _adapter}
