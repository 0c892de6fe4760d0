"""Does a live server come up, serve, and go with us, however we go?"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import redis

from turnaffinity.problem import CannotRun, Problem
from turnaffinity.server import Server, open_server, token
from turnaffinity.server.process import free_port

KINDS = ["embedded", pytest.param("redis", marks=pytest.mark.skipif(not shutil.which("redis-server"), reason="none"))]
DEADLINE_S = 10.0

HOLDER = """
import sys, time
from turnaffinity.server import open_server
with open_server(sys.argv[1], tcp=True) as server:
    print(server._process.folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture(params=[*KINDS, "fake"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with open_server(request.param) as opened:
        yield opened


def until(happened: Callable[[], bool]) -> None:
    """Wait until it happened; fail at the deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def processes_of(folder: Path) -> list[int]:
    """The processes that name this folder in their arguments, or work in it: the watchdog and the server."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd", "status"]):
        texts = [*(process.info["cmdline"] or ()), process.info["cwd"] or ""]
        if any(str(folder) in text for text in texts) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process.pid)
    return found


def test_a_token_is_eight_letters_and_digits_and_fixed_by_the_seed() -> None:
    assert token(0) == "g6xejpkd"
    tokens = {token(seed) for seed in range(-500, 500)}
    assert len(tokens) == 1000
    assert all(len(t) == 8 and t.isascii() and t.isalnum() and t.lower() == t and t[0].isalpha() for t in tokens)


def test_any_text_comes_back_as_it_was_sent(server: Server) -> None:
    client = server.client()
    client.set("k", "é\udc80語")
    assert client.get("k") == "é\udc80語"
    assert server.client(decode=False).get("k") == "é".encode() + b"\x80" + "語".encode()


def test_any_text_is_sent_beside_an_argument_that_hiredis_alone_does_not_take(server: Server) -> None:
    client = server.client()
    client.execute_command("SET", bytearray(b"k"), "v\udc80")
    assert client.get("k") == "v\udc80"


def test_an_argument_that_cannot_be_sent_is_refused_as_redis_py_does(server: Server) -> None:
    with pytest.raises(redis.DataError):
        server.client().execute_command("SET", "k\udc80", None)


def test_a_cleared_server_holds_no_key_in_any_client(server: Server) -> None:
    client = server.client()
    client.set("k", "v")
    server.clear()
    assert client.dbsize() == 0


def test_a_server_started_anew_has_the_same_address_and_no_data(server: Server) -> None:
    client, url = server.client(), server.url
    client.set("k", "v")
    server.restart()
    assert client.dbsize() == 0
    assert server.url == url


def test_a_server_started_anew_gets_rid_of_a_script_that_does_not_end() -> None:
    with open_server("embedded") as server:
        with pytest.raises(redis.TimeoutError):
            server.client(timeout_s=0.2).eval("while true do end", 0)
        server.restart()
        assert server.client().ping()


def test_a_client_sends_nothing_but_what_it_is_told() -> None:
    with open_server("embedded") as server:
        client = server.client()
        client.config_resetstat()
        server.client().get("k")
        assert set(client.info("commandstats")) == {"cmdstat_config|resetstat", "cmdstat_get"}


def test_a_server_says_which_commands_it_knows(server: Server) -> None:
    assert server.supports("hget")
    assert not server.supports("NOSUCHCOMMAND")
    try:
        server.client().execute_command("HSETEX", "k", "EX", "10", "FIELDS", "1", "f", "v")
        known = True
    except redis.ResponseError:
        known = False
    assert server.supports("HSETEX") is known


def test_clearing_the_fake_forgets_what_a_script_left_in_lua() -> None:
    with open_server("fake") as server:
        client = server.client()
        client.eval("redis.leak = 1 return 1", 0)
        server.clear()
        assert client.eval("return redis.leak", 0) is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_of_ours_can_monitor_and_says_what_it_is(kind: str) -> None:
    with open_server(kind) as server:
        assert server.ours
        assert server.can_monitor
        assert server.name.split(" ")[0] in ("Valkey", "Redis")
        assert server.name.endswith(".".join(map(str, server.version)))
        assert server.endpoints == (server.url,)
        assert server.url.startswith("unix:///")
        assert redis.Redis.from_url(server.url).ping()


@pytest.mark.parametrize("kind", KINDS)
def test_with_tcp_the_url_is_a_port_of_this_machine_only(kind: str) -> None:
    with open_server(kind, tcp=True) as server:
        assert server.url.startswith("redis://127.0.0.1:")
        client = redis.Redis.from_url(server.url)
        assert client.ping()
        assert client.config_get("bind")["bind"] == "127.0.0.1"
        server.restart()
        assert client.ping()
        client.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_port_that_somebody_takes_first_is_no_hindrance(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_server("embedded", tcp=True) as first:
        taken = int(first.url.removesuffix("/0").rpartition(":")[2])
        ports = iter([taken, free_port()])
        monkeypatch.setattr("turnaffinity.server.process.free_port", lambda: next(ports))
        with open_server(kind, tcp=True) as second:
            assert second.url != first.url
            assert second.client().ping()


def test_servers_side_by_side_are_apart() -> None:
    with open_server("embedded") as one, open_server("embedded", tcp=True) as two, open_server("fake") as three:
        one.client().set("k", "1")
        assert [s.client().dbsize() for s in (one, two, three)] == [1, 0, 0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_server_dies_with_the_process_that_opened_it(kind: str, number: signal.Signals) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, kind], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert holder.stdout is not None
        folder = Path(holder.stdout.readline().decode().strip())
        assert folder.exists()
        assert len(processes_of(folder)) == 2  # the server and its watchdog
        holder.send_signal(number)
        until(lambda: not processes_of(folder))
        until(lambda: not folder.exists())
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def test_a_server_dies_with_us_though_a_fork_of_us_lives_on() -> None:
    fork_first = "    if os.fork() == 0: os.write(1, b'%d\\n' % os.getpid())\n    time.sleep"
    script = "import os\n" + HOLDER.replace("    time.sleep", fork_first)
    holder = subprocess.Popen([sys.executable, "-c", script, "embedded"], stdout=subprocess.PIPE)
    fork = 0
    try:
        assert holder.stdout is not None
        folder = Path(holder.stdout.readline().decode().strip())
        fork = int(holder.stdout.readline())
        holder.kill()
        until(lambda: not processes_of(folder))
        assert psutil.pid_exists(fork)
    finally:
        if fork:
            os.kill(fork, signal.SIGKILL)
        holder.kill()
        holder.wait()
        holder.stdout.close()


def test_a_ctrl_c_in_the_terminal_leaves_the_server_to_whoever_cleans_up() -> None:
    script = """
import sys, time
from turnaffinity.server import open_server
with open_server(sys.argv[1]) as server:
    try:
        print(server._process.folder, flush=True)
        time.sleep(600)
    except KeyboardInterrupt:
        print(server.client().ping(), flush=True)
"""
    command = [sys.executable, "-c", script, "embedded"]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert holder.stdout is not None
        folder = Path(holder.stdout.readline().decode().strip())
        os.killpg(holder.pid, signal.SIGINT)
        assert holder.stdout.readline() == b"True\n"
        assert holder.wait(10) == 0
        assert not folder.exists()
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def test_the_folder_goes_though_a_service_manager_ended_the_server_first() -> None:
    with open_server("embedded") as server:
        folder = server._process.folder  # type: ignore[attr-defined]
        for pid in processes_of(folder):
            os.kill(pid, signal.SIGTERM)
    assert not folder.exists()


def test_a_closed_server_is_gone_when_close_returns_and_may_be_closed_again() -> None:
    server = open_server("embedded")
    folder = server._process.folder  # type: ignore[attr-defined]
    server.close()
    assert not folder.exists()
    assert processes_of(folder) == []
    server.close()


def test_a_fork_that_leaves_the_block_leaves_the_server_running() -> None:
    with open_server("embedded") as server:
        if (child := os.fork()) == 0:
            server.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert server.client().ping()


def test_a_temporary_folder_with_a_long_path_is_no_hindrance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    with open_server("embedded") as server:
        assert server.client().ping()


def test_the_environment_names_the_server_where_no_option_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNAFFINITY_REDIS_URL", "fake")
    with open_server() as server:
        assert server.kind == "fake"
    with open_server("embedded") as server:
        assert server.kind == "embedded"


def test_without_a_server_on_path_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotRun, match="PATH has neither redis-server nor valkey-server") as caught:
        open_server("redis")
    assert "--server embedded" in caught.value.mend


def test_a_platform_without_an_embedded_server_is_told_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(CannotRun, match="none for this platform") as caught:
        open_server("embedded")
    assert "--server redis" in caught.value.mend


def test_a_binary_that_cannot_start_shows_its_last_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "redis-server"
    broken.write_text("#!/bin/sh\necho the moon is in the wrong phase >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(CannotRun, match="the moon is in the wrong phase"):
        open_server("redis")


def test_a_name_that_is_no_server_is_bad_usage() -> None:
    with pytest.raises(Problem, match='server "embeded": there is no server of this name') as caught:
        open_server("embeded")
    assert caught.value.exit_status == 2
