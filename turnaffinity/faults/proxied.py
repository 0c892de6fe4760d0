"""Which process of the implementation meets the faults? One that talks through a proxy, without knowing it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from turnaffinity.faults.kinds import ErrorReply
from turnaffinity.faults.proxy import FaultProxy
from turnaffinity.stage.judge import Judge
from turnaffinity.subjects.subject import Subject


@dataclass(frozen=True)
class Proxied:
    """A subject and the proxy that it talks through."""

    proxy: FaultProxy
    subject: Subject

    @contextmanager
    def deciding(self, decide: Callable[[Sequence[str]], str | None]) -> Iterator[list[tuple[str, ...]]]:
        """Answer each command with the error that `decide(argv)` names, if any; yields the commands that were sent."""

        def fault(argv: tuple[str, ...]) -> ErrorReply | None:
            text = decide(argv)
            return None if text is None else ErrorReply(text)

        sent: list[tuple[str, ...]] = []
        self.proxy.arm(decide=fault)
        try:
            yield sent
        finally:
            sent.extend(seen.argv for seen in self.proxy.counted)
            self.proxy.disarm()


def proxied(judge: Judge) -> Proxied:
    """The run's process behind a proxy, for single errors (TA-CLEAR-4); made when it is first asked for."""
    return _kept(judge, "proxied")


def fault_proxied(judge: Judge) -> Proxied:
    """One more, for plays with faults, which may wear it out."""
    return _kept(judge, "fault-proxied")


def renew_fault_proxied(judge: Judge) -> Proxied:
    """A new one in its place."""
    judge.kept["fault-proxied"] = _made(judge)
    return fault_proxied(judge)


def _kept(judge: Judge, name: str) -> Proxied:
    if name not in judge.kept:
        judge.kept[name] = _made(judge)
    found = judge.kept[name]
    assert isinstance(found, Proxied)
    return found


def _made(judge: Judge) -> Proxied:
    proxy = judge.lives_with_run(FaultProxy(judge.subject_url, tcp=judge.tcp))
    return Proxied(proxy, judge.new_subject(proxy.url))
