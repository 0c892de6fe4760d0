"""On which core does a run play? Judge, server and implementation take turns, and hand over fastest on one core.

Where each of them sits on a core of its own, every hand-over wakes a core that sleeps; on a virtual machine that
takes several times as long as the command itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

PROCESSOR = 38
"""Which field of /proc/self/stat, counted from 0, names the core that this process runs on."""
_AROUND: ContextVar[tuple[int, ...]] = ContextVar("_AROUND", default=())
"""Within `on_one_core`, the cores that were at hand before; empty elsewhere."""


@contextmanager
def on_one_core() -> Iterator[None]:
    """Keep this thread, and the processes that it starts meanwhile, on the core where it runs; then all may be used.

    Does nothing where the system cannot do it (only Linux can).
    """
    before = _cores()
    core = _here(before)
    around = _AROUND.set(_at_hand())
    kept = core is not None and len(before) > 1 and _keep_to({core})
    try:
        yield
    finally:
        _AROUND.reset(around)
        if kept:
            _keep_to(set(before))


def keep_to_core(number: int) -> None:
    """Keep this thread, and the processes that it starts, on one core for good: the one with this number, from 0.

    Numbers beyond the cores at hand begin again at the first.
    """
    cores = _at_hand()
    if cores:
        _keep_to({cores[number % len(cores)]})


def cores_at_hand() -> int:
    """How many cores this process may use, `on_one_core` or not."""
    return len(_at_hand()) or os.cpu_count() or 1


def _at_hand() -> tuple[int, ...]:
    return _AROUND.get() or tuple(_cores())


def _cores() -> list[int]:
    if not hasattr(os, "sched_getaffinity"):
        return []
    return sorted(os.sched_getaffinity(0))


def _here(cores: list[int]) -> int | None:
    with suppress(OSError, ValueError, IndexError):
        text = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace")
        # the name of the program stands in brackets, and may hold spaces
        core = int(text.rpartition(")")[2].split()[PROCESSOR - 2])
        return core if core in cores else None
    return None


def _keep_to(cores: set[int]) -> bool:
    try:
        os.sched_setaffinity(0, cores)
    except OSError:  # a sandbox may forbid it
        return False
    return True
