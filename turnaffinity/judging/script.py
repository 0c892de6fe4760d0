"""A Lua script as a subject: `select_node.lua`, called with the fixed ABI."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import redis

from turnaffinity.judging.subject import Answer, Broke, Hello, Profile, Refused, Selected
from turnaffinity.problem import CannotRun, Problem
from turnaffinity.server import Server, parse_address
from turnaffinity.server.live import connect

CALL_DEADLINE_S = 5.0
"""How long one call of a script may take before our server is killed and started anew (DESIGN, section 7)."""


def read_script(path: Path) -> str:
    """The text of a script; raises `Problem` in one sentence if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Problem(str(path), error.strerror or "cannot be read", "name a Lua file that can be read") from error
    except UnicodeDecodeError as error:
        raise Problem(str(path), "is not UTF-8 text", "save the script as UTF-8") from error


class ScriptSubject:
    """A script that selects: no KEYS, `ARGV[1..3]` = pair, job id or empty, turn id or empty.

    `url`, asked at each connection, says where it connects and as whom, if not as the judge does.
    Raises `CannotRun` with the server's message and line if the script does not compile.
    """

    profile: Profile = "lua"

    def __init__(self, server: Server, source: str, name: str, url: Callable[[], str] | None = None) -> None:
        self.source = source
        self.name = name
        self._server = server
        self._url = url
        self.hello = Hello(name, language="Lua", ops=frozenset({"select"}))
        self._connect()

    def _connect(self) -> None:
        if self._url is None:
            self._client: Any = self._server.client(timeout_s=CALL_DEADLINE_S)
        else:
            self._client = connect(parse_address(self._url()), timeout_s=CALL_DEADLINE_S)
        try:
            self._sha = self._client.script_load(self.source)
        except redis.ResponseError as error:
            line = re.search(r"user_script:(\d+)", str(error))
            where = f"{self.name}, line {line[1]}" if line else self.name
            raise CannotRun(where, f"the server cannot compile it: {error}", "mend the script's syntax") from error

    def select(self, pair: str, job_id: str | None, turn_id: str | None) -> Answer:
        """One EVALSHA; anything but a node id or nil is no answer (TA-SEL-7)."""
        try:
            reply = self._client.evalsha(self._sha, 0, pair, job_id or "", turn_id or "")
        except redis.TimeoutError:
            return self._rescue(f"no answer from the script within {CALL_DEADLINE_S:g} s")
        except redis.ConnectionError as error:
            return self._rescue(f"the server went away during the call: {error}")
        except redis.ResponseError as error:
            return Broke(f"the script ended with an error: {error}")
        if reply is None or isinstance(reply, str):
            return Selected(reply)
        return Broke(f"the script answered {reply!r}, neither a node id nor nil")

    def _rescue(self, what: str) -> Broke:
        if not self._server.ours:
            raise CannotRun(self.name, what, "judge it on a server of our own (--server embedded)")
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
        self._client.close()
