"""A Lua script as a subject: `select_node.lua`, called with the fixed ABI.

The script may be anybody's. On a server of ours it may loop, eat memory or kill the server: that is a verdict, and the
server is started anew. On a server that is not ours it is stopped with SCRIPT KILL, if it is certain that it is ours
that runs there; `turnaffinity.subjects.rights` says as whom it connects.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import redis

from turnaffinity.problem import CannotRun, Problem, text_of
from turnaffinity.server import Server, parse_address
from turnaffinity.server.live import connect
from turnaffinity.showing.plain import shown
from turnaffinity.specification.scripts import sha1
from turnaffinity.subjects.protocol import MAX_LINE_BYTES
from turnaffinity.subjects.subject import Answer, Broke, CannotGoOn, Hello, Profile, Refused, Selected

CALL_DEADLINE_S = 5.0
"""How long one call of a script may take before our server is killed and started anew."""

BUSY_S = 12.0
"""How long a server that is not ours may keep silent: by default it lets nobody in for the first 5 s of a script."""

MOST_IN_A_ROW = 3
"""After so many calls, one after the other, that cost us the server, or answered megabytes, the rest is not run."""

MOST_SECONDS = 120
"""After so many seconds in all calls together the rest is not run; a script that selects takes microseconds."""

MOST_SCRIPT_BYTES = MAX_LINE_BYTES
"""A larger file is no script that anybody would send to Redis."""


def read_script(path: Path) -> str:
    """The text of a script; raises `Problem` in one sentence if it cannot be read."""
    text = text_of(path, "name a Lua file that can be read", MOST_SCRIPT_BYTES)
    if text.startswith("\ufeff"):
        mend = "save it as UTF-8 without one (in an editor), or: sed -i '1s/^\\xef\\xbb\\xbf//' FILE"
        raise Problem(str(path), "begins with a byte order mark, which Redis takes for a part of the script", mend)
    return text


class ScriptSubject:
    """A script that selects: no KEYS, `ARGV[1..3]` = pair, job id or empty, turn id or empty.

    `enter`, called for each connection, says as whom it connects, if not as the judge does; `runs` tells whether the
    server is at this very call, so that on a server that is not ours nobody else's script is stopped.
    Raises `CannotRun` with the server's message and line if the script does not compile.
    """

    profile: Profile = "lua"

    def __init__(
        self,
        server: Server,
        source: str,
        name: str,
        enter: Callable[[], Any] | None = None,
        runs: Callable[[Sequence[str]], bool] = lambda argv: False,
    ) -> None:
        self.source = source
        self.name = shown(name, 80)
        self.scripts = {sha1(source): self.name}
        """Its name by the SHA1 that EVALSHA shows."""
        self.rescues = 0
        """How often, so far, a call cost us the server."""
        self.exhausted: str | None = None
        """Why the rest of the run is not to be run, or None as long as it is."""
        self._in_a_row = 0
        self._seconds_left: float = MOST_SECONDS
        self._server = server
        self._runs = runs
        self._enter = enter or (lambda: server.client(timeout_s=CALL_DEADLINE_S))
        self.hello = Hello(self.name, language="Lua", ops=frozenset({"select"}))
        self._connect()

    def _connect(self) -> None:
        self._client: Any = self._enter()
        self._load()

    def _load(self) -> None:
        try:
            self._sha = self._client.script_load(self.source)
        except redis.ResponseError as error:
            line = re.search(r"user_script:(\d+)", str(error))
            where = f"{self.name}, line {line[1]}" if line else self.name
            what = f"the server cannot compile it: {shown(str(error), 500)}"
            raise CannotRun(where, what, "mend the script's syntax") from error
        except redis.ConnectionError as error:
            what = f"the server went away when it was given the script: {shown(str(error))}"
            raise CannotRun(self.name, what, "judge a smaller script") from error

    def select(self, pair: str, job_id: str | None, turn_id: str | None) -> Answer:
        """One EVALSHA; anything but a node id or nil is no answer (TA-SEL-7)."""
        if self.exhausted is not None:
            return Broke(self.exhausted)
        call = self._call if self._server.ours else self._call_on_theirs
        began = time.monotonic()
        try:
            try:
                reply = call(pair, job_id or "", turn_id or "")
            except redis.exceptions.NoScriptError:  # the server was started anew, or somebody flushed its scripts
                self._load()
                reply = call(pair, job_id or "", turn_id or "")
        except redis.TimeoutError:
            return self._rescue(f"no answer from the script within {CALL_DEADLINE_S:g} s")
        except redis.ConnectionError as error:
            return self._rescue(f"the server went away during the call: {shown(str(error))}")
        except redis.ResponseError as error:
            self._in_a_row = 0
            return Broke(f"the script ended with an error: {shown(str(error), 500)}")
        except redis.RedisError as error:
            self._client.connection_pool.disconnect()
            return Broke(f"the script's answer could not be read: {shown(str(error))}")
        finally:
            self._count_seconds(time.monotonic() - began)
        return self._read(reply)

    def _count_seconds(self, seconds: float) -> None:
        self._seconds_left -= seconds
        if self._seconds_left < 0:
            self.exhausted = f"not run: the calls of the script took more than {MOST_SECONDS} s in all"

    def _read(self, reply: Any) -> Answer:
        if isinstance(reply, str) and len(reply) > MAX_LINE_BYTES:
            self._count_in_a_row("answered more than 1 MiB")
            return Broke(f"the script answered a text of {len(reply)} characters; a node id has at most 1 MiB")
        self._in_a_row = 0
        if reply is None or isinstance(reply, str):
            return Selected(reply)
        return Broke(f"the script answered {shown(repr(reply))}, neither a node id nor nil")

    def _count_in_a_row(self, what: str) -> None:
        self._in_a_row += 1
        if self._in_a_row >= MOST_IN_A_ROW:
            self.exhausted = f"not run: {self._in_a_row} calls in a row {what}"

    def _call(self, *argv: str) -> Any:
        return self._client.evalsha(self._sha, 0, *argv)

    def _call_on_theirs(self, *argv: str) -> Any:
        try:
            return self._call(*argv)
        except redis.TimeoutError as error:
            what = f"no answer from the script within {CALL_DEADLINE_S:g} s; {self._stop(argv)}"
            raise CannotGoOn(self.name, what, OUR_SERVER) from error
        except redis.ResponseError as error:
            if "busy running a script" in str(error):
                raise CannotGoOn(self.name, "the server is busy with a script that is not ours", OUR_SERVER) from error
            raise
        except (KeyboardInterrupt, SystemExit):
            if not self._answers():
                self._stop(argv)
            raise

    def _answers(self) -> bool:
        with suppress(redis.RedisError), self._bare_client() as client:
            return bool(client.ping())
        return False

    def _stop(self, argv: Sequence[str]) -> str:
        """Stop the script on a server that is not ours, and say what came of it. SCRIPT KILL."""
        if not self._runs(("EVALSHA", self._sha, "0", *argv)):
            return "whose script runs there cannot be told, so that none was stopped"
        with self._bare_client() as client:
            try:
                client.execute_command("SCRIPT", "KILL")
                return "it was stopped with SCRIPT KILL"
            except redis.RedisError as error:
                said = shown(str(error))
        if "NOTBUSY" in said or "No scripts in execution" in said:
            return "it has ended meanwhile"
        return f"it could not be stopped ({said}): SHUTDOWN NOSAVE alone ends one that has written"

    def _bare_client(self) -> Any:
        # no SELECT, which a busy server refuses
        return connect(replace(parse_address(self._server.url), db=0), timeout_s=BUSY_S)

    def _rescue(self, what: str) -> Broke:
        if not self._server.ours:
            raise CannotGoOn(self.name, what, OUR_SERVER)
        self.rescues += 1
        self._count_in_a_row("cost the server its life")
        with suppress(redis.RedisError, OSError):
            self._client.close()
        self._server.restart()
        self._connect()
        return Broke(f"{what}; the server was killed and started anew")

    def finalize(
        self, session_id: str, reason: str, src_lang: str, tgt_lang: str, room_langs: Sequence[str] | None
    ) -> Answer:
        """A script has no finalize."""
        return Refused("unsupported", "a script selects; it has no finalize")

    def close(self) -> None:
        """Let go of the connection."""
        with suppress(redis.RedisError, OSError):
            self._client.close()


OUR_SERVER = "judge it on a server of our own (--server embedded)"
