"""How do we work on a server that is not ours, and leave it as we found it?"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

import redis

from turnaffinity.contract.layout import KeyLayout, load_layout
from turnaffinity.problem import CannotRun
from turnaffinity.server.address import Address
from turnaffinity.server.fitness import examine, refusal, rehearse
from turnaffinity.server.footprint import BASELINE_MAX, MARKS, Footprint, scan, watcher
from turnaffinity.server.live import REPLY_TIMEOUT_S, Server, connect, token, user_of

NAMED_KEYS = 5
"""How many of the keys that are in our way a refusal names."""


class ForeignServer(Server):
    """A database of a server that somebody else started; never flushed.

    It is refused (`CannotRun`) if it holds keys under the layout's prefixes, or the mark of another run. While we
    work, the key `turnaffinity:run:<token>` names our seed; at the end exactly our keys go, also after Ctrl-C, SIGTERM
    and SIGHUP.
    """

    kind = "url"
    ours = False

    def __init__(self, address: Address, layout: KeyLayout, seed: int) -> None:
        super().__init__()
        self._address, self._seed = address, seed
        self._footprint = Footprint(layout, token(seed))
        self._marked = False
        self._handlers: dict[int, Any] = {}
        self.url = address.url
        try:
            self.name, self.version, self.can_monitor = examine(address)
            with self._connect(True, REPLY_TIMEOUT_S) as client, _sentences(address):
                self._footprint.before = _refuse_what_is_there(client, self._footprint, address)
                self._catch_signals()
                self._set_mark(client)
            rehearse(address, self._rehearsal_keys())
        except BaseException:
            # what is wrong with the server is said already; that it cannot be cleaned for the same reason is not news
            with suppress(CannotRun):
                self.close()
            raise

    def clear(self) -> None:
        """Delete exactly the keys that we made."""
        with self._connect(True, REPLY_TIMEOUT_S) as client, _sentences(self._address):
            self._footprint.sweep(client)

    def claim(self, *ids: str) -> None:
        """Note turn ids and job ids that an implementation made up in this run: their keys are ours too."""
        self._footprint.claimed.update(ids)

    def restart(self) -> NoReturn:
        """Refused: the server is not ours."""
        where, mend = self._address.shown, "use --server embedded or --server redis for what needs a restart"
        raise CannotRun(where, "it is not ours to start anew", mend)

    def _connect(self, decode: bool, timeout_s: float | None) -> redis.Redis:
        return connect(self._address, decode, timeout_s)

    def _rehearsal_keys(self) -> list[str]:
        prefixes = dict.fromkeys(self._footprint.layout.prefixes.values())
        return [f"{prefix}{self._footprint.token}-rehearsal" for prefix in prefixes]

    def _set_mark(self, client: redis.Redis) -> None:
        run = {"seed": self._seed, "host": socket.gethostname(), "pid": os.getpid(), "since": time.strftime("%FT%T%z")}
        client.delete(f"{self._footprint.mark}-rehearsal")  # who may not delete must not begin to write
        # noted before it is done: an interrupt between the two must not leave the mark
        self._marked = True
        if not client.set(self._footprint.mark, json.dumps(run), nx=True):
            self._marked = False
            raise CannotRun(
                self._address.shown, f"a run with seed {self._seed} is at work there", "choose another seed"
            )

    def _end(self) -> None:
        if self._marked:
            self._leave()

    def _after_end(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._handlers.items():
                signal.signal(number, handler)

    def _leave(self) -> None:
        try:
            with self._connect(True, REPLY_TIMEOUT_S) as client:
                self._footprint.sweep(client)
                # last, so that a sweep that fails leaves the sign of whose keys these are
                client.delete(self._footprint.mark)
        except redis.RedisError as error:
            what = f"our keys could not be deleted ({error})"
            raise CannotRun(self._address.shown, what, _clean(self._seed, self._address, self._footprint)) from error

    def _catch_signals(self) -> None:
        # SIGTERM and SIGHUP would end us on the spot, with our keys left behind
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(number) is signal.SIG_DFL:
                    self._handlers[number] = signal.signal(number, _leave_with)


def clean_up(address: Address, layout: KeyLayout, seed: int) -> tuple[Counter[str], list[int]]:
    """Delete what the run with this seed left on a server; the kinds of the keys, and the seeds of other such runs.

    Outside the layout's prefixes only keys whose name carries the token go. Raises `CannotRun` as `open_server` does.
    """
    examine(address)
    footprint = Footprint(layout, token(seed))
    with connect(address) as client, _sentences(address):
        kinds = footprint.sweep(client)
        if client.delete(footprint.mark):
            kinds["run"] += 1
        with suppress(redis.ResponseError):  # who may not delete users has made none
            if client.acl_deluser(user_of(seed)):
                kinds["user"] += 1
        names = set(client.scan_iter(match=f"{MARKS}*", count=1000))
        return kinds, sorted(seed for seed, _ in _runs(client, names))


def _refuse_what_is_there(client: redis.Redis, footprint: Footprint, address: Address) -> frozenset[str] | None:
    """The names of all keys (None if they are too many to keep); raises `CannotRun` if some are in our way."""
    before: set[str] = set()
    in_the_way: set[str] = set()
    under = watcher(footprint.layout)
    for page in scan(client):
        hits = {name for name in page if name.startswith(MARKS) or under(name)}
        in_the_way |= hits
        if len(before) <= BASELINE_MAX:
            before |= page - hits
    if runs := _runs(client, {name for name in in_the_way if name.startswith(MARKS)}):
        seed, run = runs[0]
        where = f"process {run.get('pid')} on {run.get('host')}, since {run.get('since')}"
        what = f"it holds the keys of a run of turnaffinity with seed {seed}, killed or still at work ({where})"
        raise CannotRun(address.shown, what, _clean(seed, address, footprint))
    if in_the_way:
        named = ", ".join(sorted(in_the_way)[:NAMED_KEYS])
        more = f" and {len(in_the_way) - NAMED_KEYS} more" if len(in_the_way) > NAMED_KEYS else ""
        what = f"database {address.db} already holds keys under our prefixes: {named}{more}"
        raise CannotRun(address.shown, what, "name a database without them (nothing was changed in this one)")
    return frozenset(before) if len(before) <= BASELINE_MAX else None


def _runs(client: redis.Redis, marks: set[str]) -> list[tuple[int, dict[str, Any]]]:
    found = []
    for mark in sorted(marks):
        try:
            run = json.loads(str(client.get(mark)))
            found.append((int(run["seed"]), run))
        except (ValueError, KeyError, TypeError, redis.ResponseError):
            continue  # not a mark of ours, whatever its name says
    return found


def _clean(seed: int, address: Address, footprint: Footprint) -> str:
    layout = "" if footprint.layout == load_layout(None) else " --layout FILE"
    return f"run: turnaffinity clean --seed {seed} --server {address.shown}{layout}"


@contextmanager
def _sentences(address: Address) -> Iterator[None]:
    """Turn what redis-py raises into a sentence."""
    try:
        yield
    except redis.TimeoutError as error:
        what = f"it did not answer within {REPLY_TIMEOUT_S:g} s"
        raise CannotRun(address.shown, what, "see whether it hangs or is overloaded") from error
    except redis.ConnectionError as error:
        raise CannotRun(address.shown, f"the connection broke ({error})", "see whether it still runs") from error
    except redis.RedisError as error:
        raise refusal(address, f"{_CODES.get(type(error).__name__, '')}{error}") from error


_CODES = {
    "NoPermissionError": "NOPERM ",
    "ReadOnlyError": "READONLY ",
    "OutOfMemoryError": "OOM ",
    "BusyLoadingError": "LOADING ",
}
"""The first words that redis-py cuts off error replies, by the name of the exception."""


def _leave_with(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
