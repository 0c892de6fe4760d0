"""How is the command line shown on a page? Commands run in a folder of their own, and print the same every time."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from turnaffinity.catalogs import LANGUAGE_VARIABLE, preferred_language
from turnaffinity.notebook.stage import Stage
from turnaffinity.problem import CannotRun, Problem
from turnaffinity.server import token
from turnaffinity.showing.names import Names
from turnaffinity.showing.shown import Shown
from turnaffinity.showing.wording import Words
from turnaffinity.wire.listening import connector
from turnaffinity.wire.recorder import Recorder, Wanted

COMMAND = "turnaffinity"
DEADLINE_S = 120
WIDTH = 100
END = "turnaffinity:end-of-recording"
"""Sent with ECHO after the last step, so that a recording ends when all that was asked for is in it."""

NAMED_ALREADY = re.compile(r"([A-Z]\d+) (?:is|即) \1")
"""A line that says what a short name stands for, where the page has that short name only."""
CHANGING = [
    (re.compile(r"\b\d+(\.\d+)? (ms|s)\b"), "… s"),
    (re.compile(r"\b\d+\.\d{6} \["), "…time… ["),
    (re.compile(r"127\.0\.0\.1:\d+|unix:/\S*/s\b"), "client"),
    (re.compile(r"\b[0-9a-f]{40}\b"), "…sha1…"),
    (re.compile(r"\b(Valkey|Redis) \d+(\.\d+)+"), r"\1"),
    (re.compile(r"[\d,]+ lines/s"), "… lines/s"),
]
"""What differs from run to run or from machine to machine, and what the page shows in its place."""


DRAWS = re.compile(r"^(?:drawn at random: |随机抽取：).*?1e-9\n", re.MULTILINE | re.DOTALL)
"""How often chance was asked, rule by rule, which differs from run to run: left out of the page."""


def _plain_environment() -> dict[str, str]:
    """The surroundings of a command whose output goes on a page: a notebook's kernel asks for colours."""
    colours = {"FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "PY_COLORS"}
    kept = {name: value for name, value in os.environ.items() if name not in colours}
    return {**kept, "COLUMNS": str(WIDTH), "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}


@dataclass(frozen=True, repr=False)
class Ran(Shown):
    """One command line that was run: its exit status, and what it printed."""

    command: str
    status: int
    printed: tuple[str, ...]
    shown: tuple[str, ...] = field(default=())

    def lines(self, width: int | None = None) -> list[str]:
        """The command, its output (or the chosen part of it), and the exit status."""
        return [f"$ {self.command}", *(self.shown or self.printed), Words().told(f"exit status {self.status}")]

    def only(self, pattern: str, after: int = 0) -> Ran:
        """The same, showing each line that matches the regex, and so many lines `after` it."""
        wanted: set[int] = set()
        for number, line in enumerate(self.printed):
            if re.search(pattern, line):
                wanted.update(range(number, number + after + 1))
        lines = tuple(line for number, line in enumerate(self.printed) if number in wanted)
        return replace(self, shown=lines or (Words().told("(nothing that matches)"),))

    def last(self, count: int) -> Ran:
        """The same, showing the last lines."""
        return replace(self, shown=self.printed[-count:])

    def says(self, text: str) -> bool:
        """Whether the output holds the text, in the reader's language, wherever its lines were broken."""
        printed = "".join("".join(self.printed).split())
        in_parts = "".join(map(Words().told, re.split(r"(: | )", text, maxsplit=1)))
        said = {text, Words().told(text), in_parts, in_parts.replace(": ", "：")}
        return any("".join(each.split()) in printed for each in said)


class Shell:
    """A folder for one page: files are put in it, and `turnaffinity` is run in it. It ends with the notebook."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="ta-shell-"))
        # the kernel of a notebook that fails is killed: the pipe's end then tells the shell to tidy up
        words = ["/bin/sh", "-c", 'trap "" HUP INT TERM; read -r never; rm -rf "$0"', str(self.path)]
        self._watchdog = subprocess.Popen(words, stdin=subprocess.PIPE, start_new_session=True)
        self.close = weakref.finalize(self, _end, self._watchdog)

    def put(self, name: str, text: str) -> str:
        """Write a file, and return its name."""
        (self.path / name).write_text(text, encoding="utf-8")
        return name

    def run(self, line: str) -> Ran:
        """Run one command line that begins with `turnaffinity`; raises `Problem` for any other program."""
        program, *words = shlex.split(line)
        if program != COMMAND:
            raise Problem(f'command "{program}"', "is not run here", f"begin the line with {COMMAND}")
        done = subprocess.run(
            [sys.executable, "-m", "turnaffinity.cli.main", *words], cwd=self.path, capture_output=True, text=True,
            timeout=DEADLINE_S, check=False, encoding="utf-8",
            env={**_plain_environment(), LANGUAGE_VARIABLE: preferred_language()},
        )  # fmt: skip
        names = Names(token=token(0))
        text = DRAWS.sub("", done.stdout + done.stderr)
        printed = [names.apply(self._steady(each)).rstrip() for each in text.splitlines()]
        return Ran(line, done.returncode, tuple(each for each in printed if not NAMED_ALREADY.fullmatch(each)))

    def json(self, name: str) -> dict[str, Any]:
        """The contents of a JSON file in the folder."""
        return cast("dict[str, Any]", json.loads((self.path / name).read_text(encoding="utf-8")))

    def files(self, pattern: str = "*") -> list[str]:
        """The names of the files in the folder that match, sorted."""
        return sorted(str(path.relative_to(self.path)) for path in self.path.glob(pattern))

    @contextmanager
    def recording(self, stage: Stage, name: str) -> Iterator[None]:
        """Record with MONITOR all that the stage's server is sent within the block, as `turnaffinity record` does."""
        heard, listening = threading.Event(), threading.Event()
        connect = connector(stage.server.url)
        recorder = Recorder(lambda: cast(Any, _Tap(connect(), heard)), Wanted(self.path / name, seconds=DEADLINE_S))
        thread = threading.Thread(target=recorder.run, args=(lambda _: listening.set(),), daemon=True)
        thread.start()
        try:
            if not listening.wait(DEADLINE_S):
                raise CannotRun(stage.server.url, "MONITOR does not begin", "see whether the server allows it")
            yield
            stage.server.client().echo(END)
            heard.wait(DEADLINE_S)
        finally:
            recorder.stop()
            thread.join(DEADLINE_S)

    def _steady(self, line: str) -> str:
        line = line.replace(f"{self.path}/", "").replace(str(self.path), ".")
        for pattern, put in CHANGING:
            line = pattern.sub(put, line)
        return line


def _end(watchdog: subprocess.Popen[bytes]) -> None:
    if watchdog.stdin:
        watchdog.stdin.close()
    watchdog.wait()


class _Tap:
    """A socket that tells when the end of the recording came through."""

    def __init__(self, connection: Any, heard: threading.Event) -> None:
        self._connection, self._heard, self._tail = connection, heard, b""

    def recv(self, size: int) -> bytes:
        chunk: bytes = self._connection.recv(size)
        self._tail = self._tail[-len(END) :] + chunk
        if END.encode() in self._tail:
            self._heard.set()
        return chunk

    def close(self) -> None:
        self._connection.close()
