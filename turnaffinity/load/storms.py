"""What is broken while they talk? Nodes die and return, the server is restarted, a replica takes over."""

from __future__ import annotations

import multiprocessing
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import redis

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.load.speaker import NODES, SOURCE, TARGET, UTTERANCE, Counts, Weather, make_subject, speak
from turnaffinity.problem import CannotRun
from turnaffinity.server.fitness import identify
from turnaffinity.server.process import Process
from turnaffinity.server.started import binary_on_path, embedded_binary

STRIKE_AT, SPLIT_UNTIL = 0.4, 0.5
"""At this share of the work the server is struck; until that one a master and its replica both take writes."""

TOGGLES = 60
"""So often, over the whole run, a node goes or returns."""

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Storm:
    """One scenario; `what` says what happens, for a table."""

    name: str
    what: str
    nodes: bool = False
    strike: str = ""
    """"", "restart" or "failover"."""
    persistent: bool = False


STORMS = (
    Storm("calm", "nothing breaks"),
    Storm("nodes", "nodes die and return all the while", nodes=True),
    Storm("restart", "the server is killed and restarted, without persistence", strike="restart"),
    Storm("restart-aof", "the same, with an append-only file synced at each write", strike="restart", persistent=True),
    Storm("failover", "a replica takes over that lacks the master's last acknowledged writes", strike="failover"),
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """One scenario's row of the table."""

    storm: Storm
    counts: Counts
    sessions: int
    turn_keys_left: int
    pointers_left: int
    seconds: float
    server: str = ""

    @property
    def at_fault(self) -> bool:
        """Whether something was lost that Redis itself did not lose."""
        lost = self.counts.lost_turn + self.counts.closed_turn + self.turn_keys_left + self.counts.errors.total()
        unbroken = not self.storm.strike
        return bool(self.counts.wrong_node or (unbroken and lost) or (self.storm.persistent and self.counts.lost_turn))

    def as_json(self) -> dict[str, Any]:
        """The row as plain data."""
        counts = asdict(self.counts) | {"errors": dict(sorted(self.counts.errors.items()))}
        return {
            "scenario": self.storm.name, "what": self.storm.what, "sessions": self.sessions, **counts,
            "server": self.server, "at_fault": self.at_fault,
            "turn_keys_left": self.turn_keys_left, "pointers_left": self.pointers_left,
            "seconds": round(self.seconds, 3),
        }  # fmt: skip


def run_storm(
    storm: Storm, binary: str, *, sessions: int = 2000, utterances: int = 1, processes: int = 2,
    adapter: str | None = None, seed: int = 0, tell: Callable[[float], None] = lambda share: None,
) -> Outcome:  # fmt: skip
    """Let so many sessions speak through a storm, on a server of our own, and count what was lost.

    `adapter`: a command line; None puts the specification itself under load. `tell` is told the share that is done.
    Raises `CannotRun` if the server, or the replica, cannot be run.
    """
    with ExitStack() as closing:
        site = closing.enter_context(_site(storm, binary))
        context = multiprocessing.get_context("spawn")
        slots: Any = context.Array("d", 2 * len(NODES), lock=False)
        done: Any = context.Array("L", processes, lock=False)
        ready: Any = context.Array("b", processes, lock=False)
        _serve(site.client())
        pool = closing.enter_context(
            ProcessPoolExecutor(processes, mp_context=context, initializer=_join, initargs=(slots, done, ready))
        )
        began = time.monotonic()
        share = sessions // processes
        futures = [
            pool.submit(_speak, number, share, utterances, site.url, adapter, seed) for number in range(processes)
        ]
        total = share * processes * utterances * len(UTTERANCE)
        _weather(storm, site, Weather(slots), futures, lambda: sum(done) / total, random.Random(seed), tell)
        counts = Counts()
        for future in futures:
            counts.add(future.result())
        seconds = time.monotonic() - began
        turns, pointers = _left(site.client())
        name, _ = identify(site.client().info("server"), "a server")
    return Outcome(storm, counts, share * processes, turns, pointers, seconds, name)


def said_by(server: str) -> str:
    """The program of a server by its name on the command line: "embedded" or "redis"; raises `CannotRun`."""
    return embedded_binary() if server == "embedded" else binary_on_path()


_SHARED: dict[str, Any] = {}


def _join(slots: Any, done: Any, ready: Any) -> None:
    _SHARED.update(slots=slots, done=done, ready=ready)


def _speak(number: int, sessions: int, utterances: int, url: str, adapter: str | None, seed: int) -> Counts:
    done, ready = _SHARED["done"], _SHARED["ready"]
    try:
        subject = make_subject(url, adapter)
    finally:
        ready[number] = 1  # one that cannot begin holds nobody up
    _until(lambda: all(ready), "another process of the load")  # or the storm would break before it has begun

    def tell() -> None:
        done[number] += 1

    return speak(seed * 1000 + number, sessions, utterances, url, subject, Weather(_SHARED["slots"]), tell)


@dataclass
class Site:
    """The servers of one scenario; `url` stays the same whatever happens to them."""

    master: Process
    replica: Process | None
    url: str
    port: int

    def client(self) -> Any:
        """A connection to whoever answers at the URL."""
        return redis.Redis(port=self.port, decode_responses=True, socket_timeout=PATIENCE_S)


@contextmanager
def _site(storm: Storm, binary: str) -> Iterator[Site]:
    with ExitStack() as closing:
        options = {"repl-diskless-sync-delay": "0"}
        if storm.persistent:
            folder = tempfile.mkdtemp(prefix="ta-load-")
            closing.callback(shutil.rmtree, folder, ignore_errors=True)
            options |= {"appendonly": "yes", "appendfsync": "always", "dir": folder}
        master = Process(binary, True, options)
        closing.callback(master.stop)
        replica = None
        if storm.strike == "failover":
            replica = Process(binary, True, {"replicaof": f"127.0.0.1 {master.port}"})
            closing.callback(replica.stop)
            _until(lambda: _info(replica.port, "replication").get("master_link_status") == "up", "the replica's link")
        yield Site(master, replica, f"redis://127.0.0.1:{master.port}/0", master.port)


def _weather(
    storm: Storm, site: Site, weather: Weather, futures: list[Future[Counts]], share: Callable[[], float],
    rng: random.Random, tell: Callable[[float], None],
) -> None:  # fmt: skip
    """Bring about what the scenario asks for, by the share of the work that is done, until all have spoken."""
    toggled, stage, gone = 0, "", set[int]()
    while not all(future.done() for future in futures):
        now = share()
        tell(now)
        if storm.nodes and now * TOGGLES > toggled:
            toggled += 1
            _toggle(site.client(), weather, rng, gone)
        elif storm.strike == "restart" and not stage and now >= STRIKE_AT:
            stage = "struck"
            site.master.stop()
            site.master.start()
            if not storm.persistent:
                _serve(site.client())  # the nodes' heartbeats write their keys anew
        elif storm.strike == "failover" and not stage and now >= STRIKE_AT:
            stage = "split"
            _replica(site).execute_command("REPLICAOF", "NO", "ONE")
        elif stage == "split" and now >= SPLIT_UNTIL:
            stage = "struck"
            site.master.stop()
            _replica(site).config_set("port", site.port)
        else:
            time.sleep(0.002)
    for number in list(gone):
        _return(site.client(), weather, number, gone)


def _toggle(client: Any, weather: Weather, rng: random.Random, gone: set[int]) -> None:
    number = rng.randrange(len(NODES))
    if number in gone:
        _return(client, weather, number, gone)
    elif len(gone) < len(NODES) - 1:
        gone.add(number)
        weather.going(number)
        client.delete(KeyLayout().node_key(NODES[number]))
        weather.gone(number)


def _return(client: Any, weather: Weather, number: int, gone: set[int]) -> None:
    weather.returning(number)
    _serve(client, NODES[number])
    weather.back(number)
    gone.discard(number)


def _serve(client: Any, *nodes: str) -> None:
    layout, pair = KeyLayout(), f"{SOURCE}:{TARGET}"
    for node in nodes or NODES:
        # its own key first: a selection that finds a pool's node without one takes the node for dead, and removes it
        client.hset(layout.node_key(node), "status", "online")
        client.hset(layout.node_pools_key(node), pair, "0")
        client.sadd(layout.pool_key(pair, 0), node)


def _left(client: Any) -> tuple[int, int]:
    layout = KeyLayout()
    turns = sum(1 for _ in client.scan_iter(layout.turn_key("*"), count=1000))
    sessions = client.scan_iter(layout.session_key("*"), count=1000)
    return turns, sum(client.hexists(key, layout.current_turn_field) for key in sessions)


def _replica(site: Site) -> Any:
    assert site.replica is not None
    return redis.Redis(unix_socket_path=str(site.replica.socket), decode_responses=True)


def _info(port: int, section: str) -> dict[str, Any]:
    found: dict[str, Any] = redis.Redis(port=port).info(section)
    return found


def _until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > deadline:
            raise CannotRun(what, f"is not there after {PATIENCE_S:g} s", "try again on a quieter machine")
        time.sleep(0.02)
