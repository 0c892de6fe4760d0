"""How does a server that we start die with us? A watchdog holds the other end of a pipe that only we hold."""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import socket
import subprocess
import tempfile
import time
import weakref
from collections.abc import Mapping
from pathlib import Path

from turnaffinity.problem import CannotRun

START_DEADLINE_S = 20.0
"""How long a server may take from its start to its first reply, in seconds."""

SOCKET_PATH_MAX = 100
"""Longest path of a unix socket in bytes, below the limit of 104 (macOS) and 108 (Linux)."""

PORT_TRIES = 5
"""How many free ports are tried before we give up."""

WATCHDOG = """
dir=$1; shift
umask 077
trap "" HUP INT TERM
mkdir "$dir" || exit 1
ulimit -v $((4 * 1024 * 1024)) 2>/dev/null
"$@" </dev/null 2>"$dir/err" &
exec >&-
read -r never
kill -9 $! 2>/dev/null
wait
rm -rf "$dir"
"""
"""Starts a server in a new folder, and kills it and removes the folder when its standard input ends.

A server gets 4 GiB of address space, where the system can limit it: a script that eats memory ends its server, not the
machine. The watchdog ends when we close it and when we die, by whatever signal: the kernel closes our end of the pipe.
Politer signals than SIGKILL do not end it. Its standard output stays with the server alone: its end says that the
server is gone.
"""


class Process:
    """One server process, its private folder, and the watchdog that ends both."""

    def __init__(self, binary: str, tcp: bool, options: Mapping[str, str] | None = None) -> None:
        self.options = dict(options or {})
        """Settings of the server beside ours, or in their place: {"appendonly": "yes"}."""
        self.folder = _new_folder_name()
        self.socket = self.folder / "s"
        self.binary = binary
        self._watchdog: subprocess.Popen[bytes] | None = None
        for tries_left in reversed(range(PORT_TRIES)):
            self.port = free_port() if tcp else 0
            try:
                self.start()
                return
            except CannotRun as error:
                # between our look and the server's start somebody else may have taken the port
                if not (tcp and tries_left and "listening on port" in error.what):
                    raise

    def start(self) -> None:
        """Start the server and wait until it answers. Raises `CannotRun` with the server's own last words."""
        settings = {
            "port": str(self.port), "bind": "127.0.0.1", "unixsocket": str(self.socket), "unixsocketperm": "700",
            "save": "", "appendonly": "no", "dir": str(self.folder), "logfile": str(self.folder / "log"),
            **self.options,
        }  # fmt: skip
        # of replies and MONITOR lines that nobody has read yet
        pending = ["--client-output-buffer-limit", "normal", "256mb", "0", "0"]
        options = [part for name, value in settings.items() for part in (f"--{name}", value)]
        self._watchdog = subprocess.Popen(
            ["/bin/sh", "-c", WATCHDOG, "turnaffinity-watchdog", str(self.folder), self.binary, *options, *pending],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Ctrl-C in a terminal goes to the whole process group: ours to handle, not the server's to die of
            start_new_session=True,
        )
        _close_in_forks(self._watchdog)
        try:
            self._await_first_reply()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Kill the server, remove the folder, and wait until both are gone."""
        watchdog, self._watchdog = self._watchdog, None
        if watchdog is None:
            return
        assert watchdog.stdin is not None
        assert watchdog.stdout is not None
        watchdog.stdin.close()
        watchdog.stdout.close()
        try:
            watchdog.wait(timeout=10)
        except subprocess.TimeoutExpired:  # a folder that hangs, as on a dead network file system
            watchdog.kill()
            watchdog.wait()

    def _await_first_reply(self) -> None:
        assert self._watchdog is not None
        assert self._watchdog.stdout is not None
        deadline = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < deadline:
            if _answers(self.socket):
                return
            ended, _, _ = select.select([self._watchdog.stdout], [], [], 0.001)
            if ended:
                raise CannotRun(self.binary, f"the server ended at its start: {self._last_words()}", MEND)
        raise CannotRun(self.binary, f"the server did not answer within {START_DEADLINE_S:g} s", MEND)

    def _last_words(self) -> str:
        for name in ("err", "log"):
            with contextlib.suppress(OSError):
                text = (self.folder / name).read_text(errors="replace").strip()
                if text:
                    return text.splitlines()[-1]
        return "it said nothing"


MEND = "use --server redis with a redis-server or valkey-server on PATH, or --server redis://HOST:PORT/DB"


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(START_DEADLINE_S)
        try:
            probe.connect(str(path))
            probe.sendall(b"PING\r\n")
            return probe.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def _new_folder_name() -> Path:
    # the watchdog makes the folder, so that there is none before there is somebody to remove it
    name = f"ta-{secrets.token_hex(6)}"
    for parent in (tempfile.gettempdir(), "/tmp"):
        if len(os.fsencode(f"{parent}/{name}/s")) <= SOCKET_PATH_MAX:
            return Path(parent) / name
    raise CannotRun("TMPDIR", "its path is too long for a unix socket", "set TMPDIR to a shorter path")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _close_in_forks(watchdog: subprocess.Popen[bytes]) -> None:
    """Close our end of the pipe in processes forked from us: else the server would outlive us with them."""
    held = weakref.ref(watchdog)

    def close() -> None:
        alive = held()
        if alive is not None and alive.stdin is not None:
            with contextlib.suppress(OSError):
                alive.stdin.close()

    os.register_at_fork(after_in_child=close)
