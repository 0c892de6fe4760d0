"""How do tests type a command? In a process of its own, forked from this one, so that nothing is imported twice.

A fresh interpreter takes a second of its own for each command; whoever tests the start itself, or a signal, begins one.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import turnaffinity.cli.auditing
import turnaffinity.cli.main
import turnaffinity.cli.verifying  # here, since each fork would import them anew: half a second

ROOT = Path(__file__).parent.parent
DEADLINE_S = 120.0


def typed(
    *words: str | Path, cwd: Path = ROOT, stdin: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """What `turnaffinity WORDS...` printed, and its exit status; not on a terminal, its output UTF-8."""
    argv = [str(word) for word in words]
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin.encode())
        given.seek(0)
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            _become(argv, cwd, environment, [given.fileno(), out.fileno(), err.fileno()])
        status = _status_of(child, argv)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
    return subprocess.CompletedProcess(argv, status, *texts)


def _become(argv: list[str], cwd: Path, environment: Mapping[str, str], files: list[int]) -> NoReturn:
    status = 70
    try:
        for number, file in enumerate(files):
            os.dup2(file, number)
        os.chdir(cwd)
        os.environ.update(environment)
        os.setpgid(0, 0)
        encoding = os.environ.get("PYTHONIOENCODING", "utf-8")
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number, name in ((1, "stdout"), (2, "stderr")):
            # the program's own handles, not those that pytest put in their place
            strictness = "strict" if number == 1 else "backslashreplace"
            stream: Any = os.fdopen(os.dup(number), "w", encoding=encoding, errors=strictness)
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
        sys.stdin = os.fdopen(os.dup(0), encoding="utf-8")
        sys.argv = ["turnaffinity", *argv]
        try:
            turnaffinity.cli.main.main()
            status = 0
        except SystemExit as left:
            status = left.code if isinstance(left.code, int) else int(left.code is not None)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(status)


def _status_of(child: int, argv: list[str]) -> int:
    deadline = time.monotonic() + DEADLINE_S
    pause = 0.002
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise subprocess.TimeoutExpired(argv, DEADLINE_S)
        time.sleep(pause)
        pause = min(0.02, pause * 1.5)
