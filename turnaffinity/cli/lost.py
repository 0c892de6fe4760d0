"""What becomes of a Ctrl-C that Python loses? It comes once more."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

AGAIN_AFTER_S = 0.02
"""When a lost signal is sent once more, in seconds: the `__del__` that lost it is over by then."""


@contextmanager
def lost_interrupts_sent_again() -> Iterator[None]:
    """Send a Ctrl-C (SIGTERM, SIGHUP) once more if what its handler raised was lost.

    An exception within a `__del__` or a callback of the garbage collector goes to `sys.unraisablehook`, and nobody
    else hears of it: the program would go on as if no key had been pressed.
    """
    before = sys.unraisablehook

    def told(lost: sys.UnraisableHookArgs) -> None:
        number = _signal_of(lost.exc_value)
        if number is None:
            before(lost)
            return
        again = threading.Timer(AGAIN_AFTER_S, os.kill, (os.getpid(), number))
        again.daemon = True
        again.start()

    sys.unraisablehook = told
    try:
        yield
    finally:
        sys.unraisablehook = before


def _signal_of(error: BaseException | None) -> int | None:
    if isinstance(error, KeyboardInterrupt):
        return signal.SIGINT
    if isinstance(error, SystemExit) and isinstance(error.code, int) and error.code > 128:
        return error.code - 128
    return None
