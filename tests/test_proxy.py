"""Does the fault proxy pass on what it is not asked to break, and break exactly what it is asked to?"""

from __future__ import annotations

import itertools
import os
import random
import resource
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from turnaffinity.faults.kinds import (
    ERROR_REPLIES,
    INJECTED,
    OOM,
    CutAfter,
    CutBefore,
    CutMidReply,
    Delay,
    ErrorReply,
    Fault,
    Silence,
)
from turnaffinity.faults.proxy import FaultProxy
from turnaffinity.faults.resp import NotResp, ReplyScanner, RequestScanner
from turnaffinity.server import Server, open_server

FORGETS = """
from turnaffinity.faults.proxy import FaultProxy
print(FaultProxy("unix:///nowhere").__enter__().url)
"""


def test_a_program_that_forgets_to_close_it_leaves_no_folder() -> None:
    with tempfile.TemporaryDirectory(prefix="ta-") as folder:  # short: a socket's path has some 100 bytes
        done = subprocess.run(
            [sys.executable, "-c", FORGETS], capture_output=True, text=True, timeout=60, check=True,
            env={**os.environ, "TMPDIR": folder},
        )  # fmt: skip
        assert "redis.sock" in done.stdout
        assert list(Path(folder).iterdir()) == []


@pytest.fixture(scope="module", params=["embedded", "redis"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with open_server(request.param) as live:
        yield live


@pytest.fixture
def proxy(server: Server) -> Iterator[FaultProxy]:
    server.clear()
    with FaultProxy(server.url) as one:
        yield one


@pytest.fixture(params=[2, 3], ids=["RESP2", "RESP3"])
def client(request: pytest.FixtureRequest, proxy: FaultProxy) -> Iterator[redis.Redis]:
    """A client through the proxy that tries nothing twice."""
    with _client(proxy, request.param) as one:
        yield one


def _client(proxy: FaultProxy, protocol: int = 2) -> redis.Redis:
    one = redis.Redis.from_url(proxy.url, protocol=protocol, decode_responses=True, retry=Retry(NoBackoff(), 0))
    one.ping()
    return one


def _raw(proxy: FaultProxy) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(proxy.url.removeprefix("unix://").partition("?")[0])
    connection.settimeout(20)
    return connection


def _until(connection: socket.socket, end: bytes) -> bytes:
    got = b""
    while not got.endswith(end) and (data := connection.recv(65536)):
        got += data
    return got


def _argvs(proxy: FaultProxy) -> list[tuple[str, ...]]:
    return [seen.argv for seen in proxy.counted]


def test_what_is_not_broken_passes_unchanged(client: redis.Redis, proxy: FaultProxy) -> None:
    proxy.arm()
    assert client.hset("h", mapping={"a": "1", "": "ü"}) == 2
    assert client.hgetall("h") == {"a": "1", "": "ü"}
    assert client.get("nothing") is None
    assert client.eval("return {1, {'two', {3}}, false}", 0) == [1, ["two", [3]], None]
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        client.get("h")
    assert [argv[0] for argv in _argvs(proxy)] == ["HSET", "HGETALL", "GET", "EVAL", "GET"]
    assert proxy.counted[0].argv == ("HSET", "h", "a", "1", "", "ü")
    assert [seen.position for seen in proxy.counted] == [1, 2, 3, 4, 5]


def test_set_up_commands_have_no_position(proxy: FaultProxy) -> None:
    proxy.arm({1: INJECTED})
    with _client(proxy, 3) as client, pytest.raises(redis.ResponseError, match="injected"):
        client.get("k")
    assert {seen.position for seen in proxy.commands if seen.argv[0] in ("HELLO", "CLIENT", "PING")} == {0}
    assert _argvs(proxy) == [("GET", "k")]


@pytest.mark.parametrize("name", ERROR_REPLIES)
def test_an_error_reply_keeps_the_command_from_the_server_and_nothing_else(
    name: str, client: redis.Redis, proxy: FaultProxy
) -> None:
    proxy.arm({2: ERROR_REPLIES[name]})
    client.rpush("list", "1")
    with pytest.raises(redis.RedisError):
        client.rpush("list", "2")
    client.rpush("list", "3")
    assert client.lrange("list", 0, -1) == ["1", "3"]
    assert [seen.fault is not None for seen in proxy.counted] == [False, True, False, False]


def test_several_errors_stand_at_their_places_in_a_pipeline(client: redis.Redis, proxy: FaultProxy) -> None:
    proxy.arm({1: INJECTED, 4: OOM})
    proxy.inject(5, ErrorReply("READONLY no"))
    pipeline = client.pipeline(transaction=False)
    for number in range(6):
        pipeline.rpush("list", str(number))
    results = pipeline.execute(raise_on_error=False)
    assert [str(r) if isinstance(r, Exception) else r for r in results][1:3] == [1, 2]
    assert [isinstance(r, Exception) for r in results] == [True, False, False, True, True, False]
    assert client.lrange("list", 0, -1) == ["1", "2", "5"]


def test_a_command_refused_inside_multi_aborts_the_transaction(client: redis.Redis, proxy: FaultProxy) -> None:
    proxy.arm({3: OOM})
    pipeline = client.pipeline(transaction=True)
    pipeline.set("a", "1").set("b", "2").set("c", "3")
    with pytest.raises(redis.RedisError):
        pipeline.execute()
    assert client.mget("a", "b", "c") == [None, None, None]
    assert client.set("after", "1") is True, "the connection is out of MULTI"
    with _raw(proxy) as raw:
        proxy.arm({2: INJECTED})
        raw.sendall(b"MULTI\r\nSET a 1\r\nSET b 2\r\nEXEC\r\nGET b\r\n")
        assert _until(raw, b"$-1\r\n") == (
            b"+OK\r\n-ERR injected\r\n+QUEUED\r\n"
            b"-EXECABORT Transaction discarded because of previous errors.\r\n$-1\r\n"
        )


def test_a_refused_exec_discards_the_transaction_as_a_server_does(proxy: FaultProxy) -> None:
    proxy.arm({3: INJECTED})
    with _raw(proxy) as raw:
        raw.sendall(b"MULTI\r\nSET a 1\r\nEXEC\r\nGET a\r\n")
        assert _until(raw, b"$-1\r\n") == (
            b"+OK\r\n+QUEUED\r\n-EXECABORT Transaction discarded because of: ERR injected\r\n$-1\r\n"
        )


@pytest.mark.parametrize(
    ("fault", "carried_out", "delivered"),
    [
        (CutBefore(), [b"1"], b":1\r\n"),
        (CutAfter(), [b"1", b"2"], b":1\r\n"),
        (CutMidReply(), [b"1", b"2"], b":1\r\n:2"),
    ],
)
def test_a_cut_in_a_pipeline_leaves_exactly_what_came_before_it(
    fault: Fault, carried_out: list[bytes], delivered: bytes, server: Server, proxy: FaultProxy
) -> None:
    proxy.arm({2: fault})
    with _raw(proxy) as raw:
        raw.sendall(b"RPUSH list 1\r\nRPUSH list 2\r\nRPUSH list 3\r\n")
        assert _until(raw, b"never") == delivered
    assert server.client(decode=False).lrange("list", 0, -1) == carried_out
    assert [seen.argv[2] for seen in proxy.counted] == ["1", "2"], "what came after the cut reached nobody"
    with _client(proxy) as again:
        assert again.llen("list") == len(carried_out)


@pytest.mark.parametrize(("reaches", "expected"), [(False, ["1"]), (True, ["1", "2"])])
def test_silence_answers_neither_this_command_nor_later_ones(
    reaches: bool, expected: list[str], server: Server, proxy: FaultProxy
) -> None:
    proxy.arm({2: Silence(reaches_server=reaches)})
    with _raw(proxy) as raw:
        raw.sendall(b"RPUSH list 1\r\nRPUSH list 2\r\nRPUSH list 3\r\n")
        assert _until(raw, b"\r\n") == b":1\r\n"
        with _client(proxy) as other:
            while len(server.client().lrange("list", 0, -1)) < len(expected):
                pass
            assert other.lrange("list", 0, -1) == expected
        raw.settimeout(0.05)
        with pytest.raises(TimeoutError):
            raw.recv(1)


def test_a_delay_holds_its_connection_back_and_no_other(proxy: FaultProxy) -> None:
    proxy.arm({1: Delay(0.3)})
    with _raw(proxy) as slow, _client(proxy) as quick:
        slow.sendall(b"GET k\r\nGET k\r\n")
        while not proxy.counted:
            pass
        quick.set("k", "v")
        assert _until(slow, b"v\r\n$1\r\nv\r\n") == b"$1\r\nv\r\n$1\r\nv\r\n"
    assert [argv[0] for argv in _argvs(proxy)] == ["GET", "SET", "GET"]


def test_scripts_and_the_script_cache_pass(client: redis.Redis, proxy: FaultProxy) -> None:
    script = client.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    assert script(keys=["n"], args=[2]) == 2
    proxy.arm({1: ERROR_REPLIES["noscript"]})
    assert script(keys=["n"], args=[2]) == 4, "the client loads it again and goes on"
    assert [argv[0] for argv in _argvs(proxy)] == ["EVALSHA", "SCRIPT LOAD", "EVALSHA"] or [
        argv[0] for argv in _argvs(proxy)
    ] == ["EVALSHA", "SCRIPT", "EVALSHA"]


def test_published_messages_pass(client: redis.Redis, server: Server) -> None:
    with client.pubsub() as listener:
        listener.subscribe("one", "two")
        kinds = [(listener.get_message(timeout=10) or {}).get("type") for _ in range(2)]
        server.client().publish("two", "hello")
        message = listener.get_message(timeout=10) or {}
        assert kinds == ["subscribe", "subscribe"]
        assert (message["type"], message["data"]) == ("message", "hello")


def test_in_resp3_errors_stay_at_their_places_after_a_subscription(proxy: FaultProxy) -> None:
    proxy.arm({2: INJECTED, 4: INJECTED})
    with _raw(proxy) as raw:
        raw.sendall(b"HELLO 3\r\n")
        assert raw.recv(65536).startswith(b"%")
        raw.sendall(b"SUBSCRIBE c\r\nINCR n\r\nINCR n\r\nINCR n\r\nINCR n\r\n")
        assert _until(raw, b":2\r\n").endswith(b":1\r\n-ERR injected\r\n:1\r\n-ERR injected\r\n:2\r\n")


def test_a_big_text_passes_in_constant_memory(proxy: FaultProxy) -> None:
    with _client(proxy) as client:
        text = "x" * 1_000_000
        client.set("warm", text)
        client.get("warm")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        size = 64 * 1024 * 1024
        with _raw(proxy) as raw:
            proxy.arm()
            raw.sendall(b"*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$%d\r\n" % size)
            for _ in range(64):
                raw.sendall(b"y" * 1024 * 1024)
            raw.sendall(b"\r\n")
            assert _until(raw, b"\r\n") == b"+OK\r\n"
            raw.sendall(b"GET big\r\n")
            assert raw.recv(11, socket.MSG_WAITALL) == b"$67108864\r\n"
            left = size + 2
            while left:
                left -= len(raw.recv(1024 * 1024))
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 24 * 1024, f"{grown} KiB more at the peak, for a text of 64 MiB"
        assert len(proxy.counted[0].argv[2]) < 5000


def test_the_database_and_the_port_of_the_url_are_kept() -> None:
    with open_server("redis", tcp=True) as live, FaultProxy(live.url.rsplit("/", 1)[0] + "/3", tcp=True) as proxy:
        assert proxy.url.startswith("redis://127.0.0.1:")
        with redis.Redis.from_url(proxy.url) as client:
            client.set("k", "v")
        assert "db3" in live.client().info("keyspace")


def test_a_server_that_is_gone_shows_as_a_closed_connection() -> None:
    with FaultProxy("unix:///nonexistent/turnaffinity.sock") as proxy, _raw(proxy) as raw:
        assert raw.recv(100) == b""


def test_what_is_no_resp_is_answered_with_an_error_and_a_cut(proxy: FaultProxy) -> None:
    with _raw(proxy) as raw:
        raw.sendall(b"PING\r\n*1\r\n+PING\r\n")
        assert _until(raw, b"never").startswith(b"+PONG\r\n-ERR Protocol error")


def test_a_reply_still_due_is_delivered_after_the_client_stopped_sending(proxy: FaultProxy) -> None:
    with _raw(proxy) as raw:
        raw.sendall(b"SET k v\r\nGET k\r\n")
        raw.shutdown(socket.SHUT_WR)
        assert _until(raw, b"never") == b"+OK\r\n$1\r\nv\r\n"


def test_closing_leaves_no_thread_and_no_socket_behind(server: Server) -> None:
    proxy = FaultProxy(server.url)
    with proxy:
        held = _raw(proxy)
    assert not proxy._thread.is_alive()
    assert proxy._folder is not None
    assert not Path(proxy._folder.name).exists()
    assert held.recv(1) == b""
    held.close()
    proxy.close()


REQUESTS = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\n\r\n*1\r\nPING a\r\n\r\n*2\r\n$3\r\nGET\r\n$0\r\n\r\n*0\r\n"
REPLIES = (
    b"+OK\r\n*2\r\n*1\r\n:1\r\n$-1\r\n%1\r\n+a\r\n~1\r\n$3\r\n\r\nx\r\n"
    b">2\r\n+message\r\n_\r\n-ERR no\r\n*-1\r\n*0\r\n$0\r\n\r\n"
)


@pytest.mark.parametrize("seed", range(20))
def test_values_end_at_the_same_place_however_the_bytes_arrive(seed: int) -> None:
    random_cut = random.Random(seed)

    def chunks(data: bytes) -> Iterator[bytes]:
        cuts = sorted(random_cut.sample(range(1, len(data)), random_cut.randrange(1, 30)))
        return (data[a:b] for a, b in itertools.pairwise([0, *cuts, len(data)]))

    requests, scanner = [], RequestScanner()
    for piece in (p for chunk in chunks(REQUESTS) for p in scanner.feed(chunk)):
        requests += [b""] if piece.first else []
        requests[-1] += piece.data
        if piece.last and piece.request.argv[:1] == ["SET"]:
            assert piece.request.argv == ["SET", "k", "\r\n*1"]
    assert b"".join(requests) == REQUESTS
    assert [r[:8] for r in requests] == [b"*3\r\n$3\r\n", b"PING a\r\n", b"\r\n", b"*2\r\n$3\r\n", b"*0\r\n"]

    replies, reply_scanner = [], ReplyScanner()
    for reply in (p for chunk in chunks(REPLIES) for p in reply_scanner.feed(chunk)):
        replies += [b""] if reply.first else []
        replies[-1] += reply.data
    assert b"".join(replies) == REPLIES
    assert [bytes(r[:2]) for r in replies] == [b"+O", b"*2", b"%1", b">2", b"-E", b"*-", b"*0", b"$0"]


@pytest.mark.parametrize("data", [b"*x\r\n", b"*1\r\n$-5\r\n", b"*" + b"1" * 100, b"a" * 70000])
def test_the_scanner_refuses_what_would_fill_memory_or_mean_nothing(data: bytes) -> None:
    with pytest.raises(NotResp):
        list(RequestScanner().feed(data))
