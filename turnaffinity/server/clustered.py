"""How does the suite run on a cluster? On the master that keeps the layout's slot, among masters that keep the rest."""

from __future__ import annotations

import redis
from redis.crc import key_slot

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.problem import CannotRun
from turnaffinity.server.address import Address
from turnaffinity.server.cluster import Cluster
from turnaffinity.server.fitness import identify
from turnaffinity.server.live import Server, connect


class ClusterServer(Server):
    """Three masters of our own, seen from the one that keeps every key of the layout.

    Raises `CannotRun` for a layout whose keys lie in several slots: there one atomic step over a turn and its session
    is refused by the server ("Attempted to access a non local key in a cluster node").
    """

    kind = "cluster"

    def __init__(self, binary: str, layout: KeyLayout) -> None:
        slot_of(layout)
        self._cluster = Cluster(binary)
        super().__init__()
        port = self._cluster.owner(layout.turn_key("any")).port
        self._address = Address(host="127.0.0.1", port=port)
        self.url = self._address.url
        try:
            with self._connect(True, None) as client:
                name, self.version = identify(client.info("server"), self.kind)
            self.name = f"{name}, a cluster of {len(self._cluster.masters)} masters"
        except BaseException:
            self.close()
            raise

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The URLs of the masters."""
        return self._cluster.urls

    def restart(self) -> None:
        """Kill all masters and start them anew at their addresses; their data is gone."""
        for client in self._clients:
            client.connection_pool.disconnect()
        self._cluster.restart()

    def _connect(self, decode: bool, timeout_s: float | None) -> redis.Redis:
        return connect(self._address, decode, timeout_s)

    def _end(self) -> None:
        self._cluster.close()


def slot_of(layout: KeyLayout) -> int:
    """The one slot of all keys of a layout; raises `CannotRun` where there are several."""
    examples = [
        key(name)
        for key in (layout.turn_key, layout.session_key, layout.node_key, layout.node_pools_key, layout.job_key)
        for name in ("a", "b")
    ]
    examples += [layout.pool_key("zh:en", 0), layout.pool_key("zh:ja", 1)]
    slots = {key_slot(key.encode()) for key in examples}
    if len(slots) > 1:
        raise CannotRun(
            "server cluster",
            "the layout spreads a turn and its session over several slots, and one script cannot reach both",
            "give all its names one hash tag, as lua/cluster/layout.toml does",
        )
    return slots.pop()
