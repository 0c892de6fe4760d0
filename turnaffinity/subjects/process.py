"""How is an adapter started, and how does it end for certain? A process group of its own, or a socket it listens on."""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from turnaffinity.problem import CannotRun, Problem
from turnaffinity.subjects.channel import Clock, LineChannel


class Peer(Protocol):
    """An adapter that runs: a channel to it, and ways to end it."""

    channel: LineChannel

    def ended(self) -> str | None:
        """How it ended, or None while it lives or where that cannot be seen."""

    def end(self, grace_s: float) -> bytes:
        """End it for certain within about `grace_s`; returns what it still wrote."""

    def kill(self) -> None:
        """End it at once, as a crash would."""

    def exit_status(self) -> int | None:
        """Its exit status after `end` (negative: the signal), or None where that cannot be seen."""


def command_of(command: str | Sequence[str]) -> list[str]:
    """The words of a command line; raises `Problem` if it is empty or its quotes do not match."""
    try:
        words = shlex.split(command) if isinstance(command, str) else list(command)
    except ValueError as error:
        raise Problem(f"--adapter {command!r}", f"is no command line: {error}", "close the quotes") from error
    if not words:
        raise Problem("--adapter", "names no command", 'write it as in --adapter "python3 my_adapter.py"')
    return words


class ProcessPeer:
    """An adapter's process, leader of a process group of its own, with a watchdog that outlives us.

    The watchdog is a shell that waits on a pipe of ours: if we are killed, the pipe closes, and it kills the group.
    A descendant that left the group (setsid, a daemon) is told by a mark in the environment that it inherited.
    """

    def __init__(self, command: Sequence[str], clock: Clock) -> None:
        self._clock = clock
        self._mark = secrets.token_hex(16)
        self._process = _popen(list(command), self._mark)
        self._status: int | None = None
        self._reaped = False
        self._pidfd = _pidfd(self._process.pid)
        self._watchdog = _watchdog(self._process.pid)
        stdin, stdout, stderr = self._process.stdin, self._process.stdout, self._process.stderr
        assert stdin is not None and stdout is not None and stderr is not None
        self.channel = LineChannel(
            os.dup(stdin.fileno()), os.dup(stdout.fileno()), os.dup(stderr.fileno()), self._pidfd, self, clock
        )
        for pipe in (stdin, stdout, stderr):
            pipe.close()

    @property
    def pid(self) -> int:
        """The process's id, which is its group's too."""
        return self._process.pid

    def ended(self) -> str | None:
        """How the process ended: "with status 1", "by SIGSEGV"; None while it lives. It is not reaped by this."""
        if not self._reaped:
            # WNOWAIT: a reaped leader's id may belong to somebody else when we kill the group
            options = os.WEXITED | os.WNOWAIT | os.WNOHANG
            try:
                seen = os.waitid(os.P_PID, self._process.pid, options)
            except ChildProcessError:
                return "in a way that could not be seen"
            if seen is None:
                return None
            status = int(seen.si_status)
            self._status = status if seen.si_code == os.CLD_EXITED else -status
        return _words(self._status)

    def end(self, grace_s: float) -> bytes:
        """Close stdin, wait half of `grace_s`, TERM to the group, wait the other half, KILL; returns late output."""
        self.channel.end_input()
        late = self.channel.leftover(grace_s / 2)
        if self.ended() is None:
            self._signal(signal.SIGTERM)
            self._wait_for_end(grace_s / 2)
        self._signal(signal.SIGKILL)
        self._reap()
        self.channel.close()
        return late

    def kill(self) -> None:
        """KILL to the group, at once: a crash."""
        self._signal(signal.SIGKILL)
        self._reap()
        self.channel.close()

    def exit_status(self) -> int | None:
        """The exit status once it has ended; negative: the number of the signal."""
        self.ended()
        return self._status

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _wait_for_end(self, seconds: float) -> None:
        until = self._clock.now() + seconds
        while self.ended() is None and (left := until - self._clock.now()) > 0:
            if not self.channel.wait_for_anything(left):
                return

    def _reap(self) -> None:
        if self._reaped:
            return
        self._process.wait()  # KILL was sent: this returns
        if self._status is None:
            self._status = self._process.returncode
        self._reaped = True
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None
        _end_watchdog(self._watchdog)
        _kill_marked(self._mark)


class SocketPeer:
    """An adapter that listens on a unix socket, so that it can run in a debugger; a restart is a reconnect."""

    def __init__(self, path: str, clock: Clock, seconds: float) -> None:
        self._clock = clock
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(seconds)
        try:
            connection.connect(path)
        except OSError as error:
            connection.close()
            raise _cannot_connect(path, error) from error
        descriptor = connection.detach()
        self.channel = LineChannel(descriptor, descriptor, None, None, self, clock)

    def ended(self) -> str | None:
        """Never known: the process is not ours."""
        return None

    def end(self, grace_s: float) -> bytes:
        """Close our side, wait up to half of `grace_s` for what still comes, and let go."""
        self.channel.end_input()
        late = self.channel.leftover(grace_s / 2)
        self.channel.close()
        return late

    def kill(self) -> None:
        """Let go of the connection, at once."""
        self.channel.close()

    def exit_status(self) -> int | None:
        """Never known: the process is not ours."""
        return None


MARK = "TURNAFFINITY_ADAPTER"
"""The variable by which an adapter's descendants are known wherever they went."""


def _kill_marked(mark: str) -> None:
    """KILL to every process of ours that carries the mark; where there is no /proc, to none."""
    wanted = f"{MARK}={mark}".encode()
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # somebody else's, or gone meanwhile
            if wanted in environment.read_bytes().split(b"\0"):
                os.kill(int(environment.parent.name), signal.SIGKILL)


def _popen(command: list[str], mark: str) -> subprocess.Popen[bytes]:
    where = f'--adapter "{shlex.join(command)}"'
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            env={**os.environ, MARK: mark},
        )
    except FileNotFoundError as error:
        raise CannotRun(where, *_not_found(command[0])) from error
    except PermissionError as error:
        if Path(command[0]).is_dir():
            raise CannotRun(where, f"{command[0]} is a folder", "name the program inside it") from error
        raise CannotRun(where, f"{command[0]} is not executable", f"chmod +x {shlex.quote(command[0])}") from error
    except OSError as error:
        what = f"{command[0]} cannot be executed ({error.strerror})"
        raise CannotRun(where, what, "give a script a first line such as #!/usr/bin/env python3") from error
    except ValueError as error:  # a NUL in an argument
        raise CannotRun(where, f"cannot be executed ({error})", "leave NUL characters out") from error


def _not_found(program: str) -> tuple[str, str]:
    if Path(program).exists():
        first = f"the interpreter named in the first line of {program} was not found"
        return first, "correct the first line, #!..., or install what it names"
    if "/" in program:
        return f"{program} was not found", "build it first, and give the path as seen from this folder"
    if Path(program).is_file() or Path(f"./{program}").exists():
        return f"{program} was not found on PATH", f"for the file in this folder write ./{program}"
    return f"{program} was not found on PATH", "install it, or give its path"


def _cannot_connect(path: str, error: OSError) -> CannotRun:
    where = f"--adapter unix://{path}"
    if isinstance(error, FileNotFoundError):
        return CannotRun(where, "there is no such socket", "start the adapter first; it makes the socket and listens")
    if isinstance(error, ConnectionRefusedError):
        return CannotRun(
            where, "nothing listens on that socket", "start the adapter, and keep it accepting connections"
        )
    if isinstance(error, TimeoutError):
        return CannotRun(where, "the connection was not accepted in time", "accept one connection after the other")
    return CannotRun(where, f"the connection failed: {error.strerror or error}", "name a unix socket that you may open")


def _pidfd(pid: int) -> int | None:
    if not hasattr(os, "pidfd_open"):  # not on macOS
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def _watchdog(group: int) -> subprocess.Popen[bytes] | None:
    script = 'read _ || kill -s KILL -- "-$1"'
    try:
        return subprocess.Popen(
            ["/bin/sh", "-c", script, "turnaffinity-watchdog", str(group)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
    except OSError:
        return None  # no shell: then the end of stdin is the adapter's only cue


def _end_watchdog(watchdog: subprocess.Popen[bytes] | None) -> None:
    if watchdog is None or watchdog.stdin is None:
        return
    with contextlib.suppress(OSError):
        watchdog.stdin.write(b"\n")
    with contextlib.suppress(OSError):
        watchdog.stdin.close()
    watchdog.wait()


def _words(status: int | None) -> str | None:
    if status is None:
        return None
    if status >= 0:
        return f"with status {status}"
    try:
        return f"by {signal.Signals(-status).name}"
    except ValueError:
        return f"by signal {-status}"
