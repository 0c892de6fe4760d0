"""Has each kind of server that we cannot work on its own sentence? Each one is a real server."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from turnaffinity.problem import CannotRun, Problem
from turnaffinity.server import Server, open_server
from turnaffinity.server.fitness import identify
from turnaffinity.server.process import free_port
from turnaffinity.server.started import embedded_binary

needs_redis = pytest.mark.skipif(not shutil.which("redis-server"), reason="no redis-server on PATH")
Configure = Callable[[redis.Redis], Any]


@pytest.fixture(params=["embedded", pytest.param("redis", marks=needs_redis)])
def theirs(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that stands for somebody else's."""
    with open_server(request.param, tcp=True) as server:
        yield server


def refused(url: str) -> CannotRun:
    """The refusal of this URL, which has a sentence and a way out."""
    with pytest.raises(CannotRun) as caught, open_server(url, seed=7):
        pytest.fail("the server was accepted")
    assert caught.value.exit_status == 3
    assert caught.value.mend
    return caught.value


def takes_connections(path: Path) -> bool:
    """Whether somebody listens: the socket's file is there a moment before."""
    with socket.socket(socket.AF_UNIX) as knock:
        return knock.connect_ex(str(path)) == 0


@contextmanager
def raw_server(folder: Path, *options: str, binary: str | None = None) -> Iterator[str]:
    """A server with options of its own; gives its URL as soon as it takes connections."""
    path = folder / "s"
    given = ("--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(folder), *options)
    process = subprocess.Popen([binary or embedded_binary(), *given], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while not takes_connections(path):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.005)
        yield f"unix://{path}"
    finally:
        process.kill()
        process.wait()


@contextmanager
def listener(answer: bytes | None) -> Iterator[str]:
    """A socket that answers whatever it is told with these bytes, or ends the connection (None)."""

    def serve() -> None:
        while True:
            try:
                connection, _ = door.accept()
            except OSError:
                return
            with connection:
                connection.recv(1000)
                if answer is not None:
                    connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as door:
        threading.Thread(target=serve, daemon=True).start()
        yield f"redis://127.0.0.1:{door.getsockname()[1]}"
        door.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves room for a unix socket."""
    folder = Path(f"/tmp/ta-test-{os.getpid()}-{time.monotonic_ns()}")
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def test_a_port_where_nobody_listens() -> None:
    assert "nobody listens there" in refused(f"redis://127.0.0.1:{free_port()}").what


def test_a_host_that_does_not_exist() -> None:
    assert refused("redis://no-such-host.invalid").what == 'there is no host "no-such-host.invalid"'


def test_a_unix_socket_that_does_not_exist(short_folder: Path) -> None:
    assert refused(f"unix://{short_folder}/none").what == "there is no such socket"


def test_a_file_that_is_no_socket(short_folder: Path) -> None:
    file = short_folder / "file"
    file.touch()
    assert "nobody listens there" in refused(f"unix://{file}").what


def test_a_server_that_speaks_http() -> None:
    with listener(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n") as url:
        assert refused(url).what == 'this is no Redis: it answered "HTTP/1.1 400 Bad Request"'


def test_a_server_that_hangs_up() -> None:
    with listener(None) as url:
        assert "this is no Redis: it closed the connection without an answer" in refused(url).what


def test_a_server_that_hangs(theirs: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnaffinity.server.fitness.PROBE_TIMEOUT_S", 0.2)
    process = psutil.Process(theirs.client().info("server")["process_id"])
    process.send_signal(signal.SIGSTOP)
    try:
        assert refused(theirs.url).what == "it takes connections, and does not answer within 0.2 s"
    finally:
        process.send_signal(signal.SIGCONT)


def test_a_server_that_wants_a_password(theirs: Server) -> None:
    theirs.client().config_set("requirepass", "sesame")
    assert "it wants a password" in refused(theirs.url).what
    with open_server(theirs.url.replace("://", "://:sesame@")) as server:
        assert server.client().ping()


def test_a_wrong_password_which_is_not_shown(theirs: Server) -> None:
    theirs.client().config_set("requirepass", "sesame")
    refusal = refused(theirs.url.replace("://", "://:simsim@"))
    assert "does not accept this user and password" in refusal.what
    assert "simsim" not in str(refusal)


def test_a_password_that_nobody_wants(theirs: Server) -> None:
    assert "it has no password, and the URL names one" in refused(theirs.url.replace("://", "://:sesame@")).what


@pytest.mark.parametrize(
    "rights",
    [
        "+@all -eval ~*",
        "+@all -info ~*",
        "+@all -scan ~*",
        "+@all -del ~*",
        "+@all -hgetall ~*",
        "+@all ~scheduler:* ~turnaffinity:*",
        "+@all ~scheduler:* ~lingua:v1:*",
        "+@read ~*",
    ],
)
def test_a_user_who_may_not_do_what_we_need(theirs: Server, rights: str) -> None:
    theirs.client().execute_command("ACL", "SETUSER", "guest", "on", ">pw", *rights.split())
    assert "this user may not do" in refused(theirs.url.replace("://", "://guest:pw@")).what
    assert theirs.client().keys() == []


def test_a_user_who_may_not_monitor_can_work_without() -> None:
    with open_server("embedded") as theirs:
        theirs.client().execute_command("ACL", "SETUSER", "guest", "on", ">pw", "+@all", "-monitor", "~*")
        with open_server(theirs.url.replace("://", "://guest:pw@")) as server:
            assert not server.can_monitor
        with open_server(theirs.url) as server:
            assert server.can_monitor


def test_a_replica(theirs: Server) -> None:
    theirs.client().replicaof("127.0.0.1", "1")
    refusal = refused(theirs.url)
    assert refusal.what == "it is a replica, which takes no writes"
    assert "127.0.0.1:1" in refusal.mend


def test_a_server_that_is_full(theirs: Server) -> None:
    theirs.client().config_set("maxmemory", "1")
    assert "it is full" in refused(theirs.url).what
    theirs.client().config_set("maxmemory", "0")
    assert theirs.client().keys() == []


def test_a_server_that_cannot_save(theirs: Server, short_folder: Path) -> None:
    client = theirs.client()
    client.config_set("stop-writes-on-bgsave-error", "yes")
    client.config_set("save", "3600 1000000")
    folder = Path(theirs._process.folder)  # type: ignore[attr-defined]
    (folder / "dump.rdb").mkdir()
    client.set("k", "v")
    client.bgsave()
    deadline = time.monotonic() + 10
    while client.info("persistence")["rdb_last_bgsave_status"] == "ok":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert "it cannot save to its disk" in refused(theirs.url).what


def test_a_database_index_out_of_range(theirs: Server) -> None:
    assert "it has no database of this index" in refused(theirs.url.removesuffix("/0") + "/99").what


def test_a_server_with_as_many_clients_as_it_takes(theirs: Server) -> None:
    theirs.client().config_set("maxclients", "1")
    assert "it has as many clients as it takes" in refused(theirs.url).what


def test_a_node_of_a_cluster(short_folder: Path) -> None:
    port = str(free_port() % 10000 + 20000)
    with raw_server(short_folder, "--cluster-enabled", "yes", "--port", port) as url:
        refusal = refused(url)
    assert refusal.what == "it is a node of a Redis Cluster"
    assert "--server cluster" in refusal.mend


@needs_redis
def test_a_server_that_is_still_loading(short_folder: Path) -> None:
    redis_server = shutil.which("redis-server")
    with raw_server(short_folder, "--rdbcompression", "no", binary=redis_server) as url:
        client = redis.Redis.from_url(url)
        client.mset({f"k{n}": "v" * 1000 for n in range(200)})
        client.save()
    (short_folder / "s").unlink(missing_ok=True)
    slowly = ("--key-load-delay", "100000", "--loading-process-events-interval-bytes", "1024")
    with raw_server(short_folder, *slowly, binary=redis_server) as url:
        assert "it is still loading its data" in refused(url).what


OLD_REDIS = {"redis_version": "6.2.14", "redis_mode": "standalone", "os": "Linux 5.10 x86_64"}
NEW_REDIS = {"redis_version": "7.0.15", "redis_mode": "standalone"}
OLD_VALKEY = {"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "7.2.9"}
NEW_VALKEY = {"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "8.0.0"}


@pytest.mark.parametrize(
    ("info", "what"),
    [
        (OLD_REDIS, "Redis 6.2.14 is too old"),
        (OLD_VALKEY, "Valkey 7.2.9 is too old"),
        ({}, "Redis of an unknown version is too old"),
    ],
)
def test_a_server_that_is_too_old(info: dict[str, str], what: str) -> None:
    with pytest.raises(CannotRun) as caught:
        identify(info, "here")
    assert caught.value.what == what


def test_the_oldest_servers_that_will_do() -> None:
    assert identify(NEW_REDIS, "here") == ("Redis 7.0.15", (7, 0, 15))
    assert identify(NEW_VALKEY, "here") == ("Valkey 8.0.0", (8, 0, 0))


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("http://localhost", "no known scheme"),
        ("rediss://localhost", "TLS"),
        ("redis://", "names no host"),
        ("redis://localhost:port", "Port could not be cast"),
        ("redis://localhost:99999", "out of range"),
        ("redis://localhost/zero", '"zero" is no database index'),
        ("redis://localhost/-1", '"-1" is no database index'),
        ("redis://localhost/1?db=2", "two databases"),
        ("redis://localhost?timeout=3", 'the parameter "timeout"'),
        ("unix://run/redis.sock", "three slashes"),
        ("unix://", "three slashes"),
        ("redis://:secret@localhost/x", "no database index"),
        ("redis://[::1", "Invalid IPv6"),
    ],
)
def test_a_malformed_url_is_bad_usage(url: str, what: str) -> None:
    with pytest.raises(Problem) as caught:
        open_server(url)
    assert caught.value.exit_status == 2
    assert what in caught.value.what
    assert "secret" not in str(caught.value)


def test_a_cluster_is_refused_to_names_that_lie_in_several_slots_before_anything_starts() -> None:
    with pytest.raises(CannotRun, match="several slots"):
        open_server("cluster")
