"""Whose scheduler is walked through? The reference, or the reader's own script or adapter, or a wrong variant."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from turnaffinity.contract.decisions import DEFAULT_READING, Reading
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.server import Server
from turnaffinity.server.address import parse_address
from turnaffinity.server.live import connect
from turnaffinity.showing.names import SeededIds
from turnaffinity.specification.pool_service import PoolService
from turnaffinity.specification.scripts import load_script, sha1
from turnaffinity.stage.judge import Judge, Kind
from turnaffinity.subjects.reference import ReferenceSubject
from turnaffinity.subjects.script import read_script
from turnaffinity.subjects.subject import Subject

LUA_VARIABLE = "TURNAFFINITY_LUA"
ADAPTER_VARIABLE = "TURNAFFINITY_ADAPTER"
"""Each names an implementation that notebooks 01 to 06 then walk through in place of the reference."""

FIXED_CLOCK = """local redis = setmetatable({call = function(...)
  local reply = redis.call(...)
  if (...) == 'TIME' then return {'0', '0'} end -- so that this page shows the same draws each time
  return reply
end}, {__index = redis})
"""
"""Put before a script: its draw then starts where the server's `math.random` starts, not at the clock."""

Build = Callable[[Server, str, Reading, str], Subject]
"""Makes a subject at work: the server, the URL to talk to, the reading, and the seed of the ids it makes up."""


@dataclass(frozen=True)
class Implementation:
    """Something that can be walked through and judged.

    `build` makes it in process; `command` is an adapter's, run as a process. One of the two is set.
    """

    name: str
    build: Build | None = None
    command: str = ""
    is_reference: bool = False

    @property
    def kind(self) -> Kind:
        """How the kit judges it: in process by the rules of a scheduler and of its script, or as an adapter."""
        return "adapter" if self.command else "reference"

    def judged_by(self, reading: Reading = DEFAULT_READING) -> Judge:
        """A judge with a server of its own; a context manager."""
        judge = Judge(self.kind, self.command, "embedded", reading)
        if self.build is not None:
            judge.factory = self._made_for
        return judge

    def subject(self, server: Server, reading: Reading = DEFAULT_READING, url: str | None = None) -> Subject:
        """The implementation at work on this server; `url` where it is to talk through a proxy."""
        if self.build is not None:
            return self.build(server, url or server.url, reading, "walked through a proxy" if url else "walked")
        judge = Judge("adapter", self.command, reading=reading).on(server)
        return judge.new_subject(url)

    def _made_for(self, judge: Judge, url: str) -> Subject:
        assert self.build is not None
        # two processes of one implementation must not make up the same ids
        return self.build(judge.server, url, judge.reading, f"judged {len(judge._subjects)}")


class ScriptedPoolService(PoolService):
    """Selection by any text with the ABI of `select_node.lua`."""

    def __init__(self, client: Any, source: str) -> None:
        self.source = source
        self.script = client.register_script(source)


class ScriptedFlow(ReferenceSubject):
    """The reference flow around a selection script; `source` is the text that TA-LUA-1 looks at."""

    def __init__(
        self, server: Server, url: str, reading: Reading, seed: str, source: str, layout: KeyLayout | None = None
    ) -> None:
        client = server.client() if url == server.url else connect(parse_address(url))
        service = ScriptedPoolService(client, FIXED_CLOCK + source)
        super().__init__(
            client,
            reading,
            layout or KeyLayout(),
            pool_service=service,
            new_turn_id=SeededIds(f"turn {seed}"),
            new_job_id=SeededIds(f"job {seed}"),
        )
        self.source = source
        self.pool_service = service

    @property
    def scripts(self) -> dict[str, str]:
        """The names of its scripts by the SHA1 that EVALSHA shows."""
        return self.scheduler.scripts | {sha1(self.source): "select_node"}


def reference() -> Implementation:
    """The specification itself, its ids and its draws the same in every run."""
    return Implementation("the reference", _around(load_script("select_node")), is_reference=True)


def _around(source: str) -> Build:
    return lambda server, url, reading, seed: ScriptedFlow(server, url, reading, seed, source)


def walked() -> Implementation:
    """What the notebooks walk through: TURNAFFINITY_ADAPTER, TURNAFFINITY_LUA, or the reference.

    A script selects only; the flow around it is then the reference's. Raises `Problem` if it cannot be read.
    """
    command, script = os.environ.get(ADAPTER_VARIABLE), os.environ.get(LUA_VARIABLE)
    if command:
        return Implementation(f"the adapter {Path(command.split()[0]).name}", command=command)
    if script:
        return Implementation(f"the script {Path(script).name}", _around(read_script(Path(script))))
    return reference()
