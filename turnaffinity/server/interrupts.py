"""How does a clean-up come to its end though somebody presses Ctrl-C meanwhile?"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

DEFERRED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals that wait."""


@contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Let the first Ctrl-C (SIGTERM, SIGHUP) wait for the end of the block; a second one breaks it off.

    A signal that nobody handles in Python keeps its effect, and so do all of them outside the main thread.
    """
    waiting: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        waiting.append(number)
        if len(waiting) > 1:
            before[number](number, frame)

    in_main = threading.current_thread() is threading.main_thread()
    handled = [number for number in DEFERRED if in_main and callable(signal.getsignal(number))]
    before: dict[int, Any] = {number: signal.getsignal(number) for number in handled}
    try:
        for number in handled:
            signal.signal(number, note)
        yield
    finally:
        for restored, handler in before.items():
            signal.signal(restored, handler)
    if waiting:
        signal.raise_signal(waiting[0])
