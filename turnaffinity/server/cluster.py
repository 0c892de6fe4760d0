"""How is a real cluster started, and who keeps a key there? Masters of our own, each with its share of the slots."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import redis
from redis.crc import key_slot

from turnaffinity.problem import CannotRun
from turnaffinity.server.process import Process, free_port

SLOTS = 16384
PATIENCE_S = 30.0
NODE_TIMEOUT_MS = 2000
"""After so many milliseconds of silence a master counts as gone, and its replica may take over."""


class Cluster:
    """Masters (and replicas of them) that know each other; a context manager that ends them all.

    Raises `CannotRun` if the program cannot run as part of a cluster, or they do not come together in time.
    """

    def __init__(self, binary: str, *, masters: int = 3, replicas: int = 0) -> None:
        self.processes: list[Process] = []
        self._buses: list[int] = []
        try:
            for _ in range(masters * (1 + replicas)):
                self._start(binary)
            self.masters = self.processes[:masters]
            self._share_slots()
            self._introduce()
            self.await_ok()
            for number, process in enumerate(self.processes[masters:]):
                self._follow(process, self.masters[number % masters])
        except BaseException:
            self.close()
            raise

    @property
    def urls(self) -> tuple[str, ...]:
        """The masters, as redis://127.0.0.1:PORT/0."""
        return tuple(f"redis://127.0.0.1:{process.port}/0" for process in self.masters)

    def client(self) -> Any:
        """A client that follows MOVED and ASK, as a scheduler's would."""
        node: Any = redis.cluster.ClusterNode
        nodes = [node("127.0.0.1", process.port) for process in self.processes]
        return redis.RedisCluster(startup_nodes=nodes, decode_responses=True)

    def owner(self, key: str) -> Process:
        """The master that keeps a key, as they were first shared out."""
        return self.masters[min(key_slot(key.encode()) * len(self.masters) // SLOTS, len(self.masters) - 1)]

    def restart(self) -> None:
        """Kill all members and start them anew at their addresses; their data is gone."""
        for process in self.processes:
            process.stop()
        for process in self.processes:
            process.start()
        self._share_slots()
        self._introduce()
        self.await_ok()

    def await_ok(self) -> None:
        """Wait until every member says that all slots are served."""

        def fine() -> bool:
            states = [str(direct(process).execute_command("CLUSTER", "INFO")) for process in self.processes]
            return all("cluster_state:ok" in state for state in states)

        self.until(fine, "cluster_state:ok")

    def until(self, true: Callable[[], bool], what: str) -> None:
        """Wait for something to come true; raises `CannotRun`."""
        deadline = time.monotonic() + PATIENCE_S
        while not true():
            if time.monotonic() > deadline:
                raise CannotRun("cluster", f"{what} did not come within {PATIENCE_S:g} s", "try on a quieter machine")
            time.sleep(0.02)

    def close(self) -> None:
        """End every member."""
        for process in self.processes:
            process.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self, binary: str) -> None:
        bus = free_port()
        options = {
            "cluster-enabled": "yes", "cluster-port": str(bus), "cluster-node-timeout": str(NODE_TIMEOUT_MS),
            "repl-diskless-sync-delay": "0",
        }  # fmt: skip
        self.processes.append(Process(binary, True, options))
        self._buses.append(bus)

    def _share_slots(self) -> None:
        count = len(self.masters)
        edges = [-(-SLOTS * number // count) for number in range(count + 1)]  # as `owner` computes it
        for number, process in enumerate(self.masters):
            direct(process).execute_command("CLUSTER", "ADDSLOTSRANGE", edges[number], edges[number + 1] - 1)
            # each its own epoch: else two of them would have to settle that first
            direct(process).execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)

    def _introduce(self) -> None:
        first = self.processes[0]
        for process, bus in list(zip(self.processes, self._buses, strict=True))[1:]:
            direct(first).execute_command("CLUSTER", "MEET", "127.0.0.1", process.port, bus)

    def _follow(self, process: Process, master: Process) -> None:
        name = direct(master).execute_command("CLUSTER", "MYID")

        def follows() -> bool:
            try:
                direct(process).execute_command("CLUSTER", "REPLICATE", name)
            except redis.ResponseError:  # it has not heard of its master yet
                return False
            return True

        self.until(follows, "a replica")
        self.until(lambda: direct(process).info("replication").get("master_link_status") == "up", "a replica's link")


def direct(process: Process) -> Any:
    """A plain connection to one member, which answers MOVED for keys that it does not keep."""
    return redis.Redis(port=process.port, decode_responses=True)
