"""How do we work on a server that is not ours, and leave it as we found it?"""

from __future__ import annotations

import redis

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.server.address import Address
from turnaffinity.server.fitness import identify
from turnaffinity.server.live import Server, connect


class ForeignServer(Server):
    """A database of a server that somebody else started; never flushed."""

    kind = "url"
    ours = False

    def __init__(self, address: Address, layout: KeyLayout, seed: int) -> None:
        super().__init__()
        self._address, self._layout, self._seed = address, layout, seed
        self.url = address.url
        with self._connect(True, None) as client:
            self.name, self.version = identify(client.info("server"), address.shown)

    def _connect(self, decode: bool, timeout_s: float | None) -> redis.Redis:
        return connect(self._address, decode, timeout_s)
