"""How is work shared out among processes? Forked, so that nothing is imported twice; each takes the next task."""

from __future__ import annotations

import multiprocessing
import os
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any

Take = Callable[[], int | None]
"""The next task; None when there is none left, or nobody left to work for."""
Tell = Callable[[Any], None]
"""Hands what was found to the process that shared the tasks out."""
Work = Callable[[int, Take, Tell], None]
"""What each process does: given its number from 0, `Take` and `Tell`."""
END_S = 10.0
"""How long a process may take to end what it started."""


def forked(tasks: Sequence[int], work: Work, workers: int) -> Iterator[Any]:
    """Do the tasks in so many processes; yields what they tell as it comes, and ends when all of them have ended.

    Whoever stops taking, or is interrupted, ends them first. One that dies early takes no other with it: what it had
    taken is not told, and the others do the rest.
    """
    context = multiprocessing.get_context("fork")
    taken = context.Value("q", 0)
    crew: list[Any] = []
    open_ends: list[Connection] = []
    try:
        for number in range(workers):
            receiving, sending = context.Pipe(duplex=False)
            open_ends.append(receiving)
            member = context.Process(target=_member, args=(number, work, tasks, taken, sending, os.getpid()))
            with warnings.catch_warnings():  # a progress bar has a thread, whose locks no member asks for
                warnings.simplefilter("ignore", DeprecationWarning)
                member.start()
            crew.append(member)
            sending.close()
        while open_ends:
            for ready in wait(open_ends):
                assert isinstance(ready, Connection)
                try:
                    yield ready.recv()
                except EOFError:
                    open_ends.remove(ready)
                    ready.close()
    finally:
        for member in crew:
            if open_ends:
                member.terminate()
        for member in crew:
            member.join(END_S)
        for left in open_ends:
            left.close()


def _member(number: int, work: Work, tasks: Sequence[int], taken: Any, sending: Connection, parent: int) -> None:
    def take() -> int | None:
        with taken.get_lock():
            place, taken.value = taken.value, taken.value + 1
        return tasks[place] if place < len(tasks) and os.getppid() == parent else None

    signal.signal(signal.SIGTERM, _leave)
    try:
        work(number, take, sending.send)
    except (KeyboardInterrupt, BrokenPipeError):  # who shared the tasks out is told, or gone
        pass
    finally:
        sending.close()


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
