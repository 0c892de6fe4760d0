"""Is a server that is not ours left exactly as it was found?"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest
import redis
from typer.testing import CliRunner

from turnaffinity.contract.layout import parse_layout
from turnaffinity.problem import CannotRun, Problem
from turnaffinity.server import Server, open_server, token
from turnaffinity.server.footprint import Footprint

SEED = 7
TOKEN = token(SEED)
needs_redis = pytest.mark.skipif(not shutil.which("redis-server"), reason="no redis-server on PATH")

WORKER = """
import sys, time
from turnaffinity.server import open_server, token
with open_server(sys.argv[1], seed=7) as server:
    client, mark = server.client(), token(7)
    for n in range(3):
        client.hset(f"scheduler:session:{mark}-{n}", "current_turn_id", f"turn-{n}")
        client.hset(f"scheduler:turn:turn-{n}", "affinity_node_id", f"{mark}-node")
        client.sadd("lingua:v1:pool:zh:en:0:nodes", f"{mark}-node")
    print("at work", flush=True)
    time.sleep(600)
"""


@pytest.fixture(params=["embedded", pytest.param("redis", marks=needs_redis)])
def theirs(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Somebody else's server, with somebody else's keys of every type in it."""
    with open_server(request.param) as server:
        fill(server.client(decode=False))
        yield server


def fill(client: redis.Redis) -> None:
    """Keys of all types, with TTLs, with names near to ours, in two databases."""
    client.set("plain", b"\x00\xff")
    client.set("with a ttl", "v", px=10**9)
    client.set(b"bytes \xff\xfe", "v")
    client.rpush("list", *range(50))
    client.sadd("set", "a", "b")
    client.sadd("integers", 1, 2, 3)
    client.zadd("zset", {"a": 1, "b": 2.5})
    client.hset("hash", mapping={"f": "v", "g": "w"})
    client.xadd("stream", {"f": "v"}, id="1-1")
    client.setbit("bits", 77, 1)
    client.pfadd("hll", "a", "b")
    client.hset("schedulers:turn:near", "affinity_node_id", "n")
    client.set("xscheduler:session:near", "v")
    client.hset("names our run", "by chance", TOKEN)
    client.expire("hash", 10**6)
    client.execute_command("SELECT", "1")
    client.hset("scheduler:turn:in another database", "affinity_node_id", "n")
    client.execute_command("SELECT", "0")


def as_found(server: Server) -> dict[tuple[int, bytes], tuple[bytes, int]]:
    """Every key of both databases: its bytes, and the moment at which it expires."""
    state: dict[tuple[int, bytes], tuple[bytes, int]] = {}
    client = server.client(decode=False)
    for db in (0, 1):
        client.execute_command("SELECT", str(db))
        for key in client.scan_iter():
            state[db, key] = (client.dump(key), client.execute_command("PEXPIRETIME", key))
    return state


def work(client: redis.Redis) -> None:
    """What a run does: keys known by their names, by their values, through a session, and outside the prefixes."""
    client.hset(f"scheduler:session:{TOKEN}-s", mapping={"current_turn_id": "uuid-1", "other": "x"})
    client.hset("scheduler:turn:uuid-1", "unrelated", "1")
    client.hset("scheduler:turn:uuid-2", "affinity_node_id", f"{TOKEN}-n1")
    client.hset(f"lingua:v1:node:{TOKEN}-n1", "seen", "1")
    client.hset(f"lingua:v1:node:{TOKEN}-n1:pools", "zh:en", "0")
    client.sadd("lingua:v1:pool:zh:en:0:nodes", f"{TOKEN}-n1", f"{TOKEN}-n2")
    client.set("lingua:v1:job:uuid-3:node", f"{TOKEN}-n1", ex=3600)
    client.set("second place", f"{TOKEN}-n1")
    client.zadd("scores", {f"{TOKEN}-n1": 1})
    client.rpush("queue", f"{TOKEN}-n1")
    client.xadd("log", {"node": f"{TOKEN}-n1"})


def test_a_run_leaves_every_key_of_others_as_it_was(theirs: Server) -> None:
    before = as_found(theirs)
    with open_server(theirs.url, seed=SEED) as server:
        assert not server.ours
        assert server.kind == "url"
        assert server.name == theirs.name
        assert as_found(theirs) != before  # the mark
        work(server.client())
        server.clear()
        assert {key for _, key in as_found(theirs).keys() - before.keys()} == {f"turnaffinity:run:{TOKEN}".encode()}
        work(server.client())
    assert as_found(theirs) == before


def test_an_exception_leaves_every_key_of_others_as_it_was(theirs: Server) -> None:
    before = as_found(theirs)
    with pytest.raises(ZeroDivisionError), open_server(theirs.url, seed=SEED) as server:
        work(server.client())
        _ = 1 / 0
    assert as_found(theirs) == before


def worker(url: str) -> subprocess.Popen[bytes]:
    """A process that works on this server until it is stopped."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, url], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    assert process.stdout is not None
    with process.stdout as heard:
        assert heard.readline() == b"at work\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_interrupted_deletes_its_keys(theirs: Server, number: signal.Signals) -> None:
    before = as_found(theirs)
    process = worker(theirs.url)
    process.send_signal(number)
    assert process.wait(10) != 0
    assert as_found(theirs) == before


def test_a_run_that_forgets_to_close_deletes_its_keys_at_its_end(theirs: Server) -> None:
    before = as_found(theirs)
    script = (
        "import sys; from turnaffinity.server import open_server, token\n"
        "server = open_server(sys.argv[1]); server.client().set('scheduler:turn:' + token(0), 'x')"
    )
    subprocess.run([sys.executable, "-c", script, theirs.url], check=True)
    assert as_found(theirs) == before


def test_the_refusal_after_a_sigkill_names_the_seed_and_clean_deletes_its_keys(theirs: Server) -> None:
    before = as_found(theirs)
    process = worker(theirs.url)
    process.kill()
    process.wait()
    left = as_found(theirs)
    assert len(left) == len(before) + 8
    with pytest.raises(CannotRun, match=f"with seed {SEED}, killed or still at work") as caught:
        open_server(theirs.url, seed=8)
    assert f"turnaffinity clean --seed {SEED} --server {theirs.url}" in caught.value.mend
    assert as_found(theirs) == left
    said = run_clean("--seed", str(SEED), "--server", theirs.url)
    assert said == f"deleted 8 keys of seed 7 from {theirs.url}: 1 pool, 1 run, 3 session, 3 turn\n"
    assert as_found(theirs) == before
    assert run_clean("--seed", str(SEED), "--server", theirs.url) == f"nothing of seed 7 is in {theirs.url}\n"
    open_server(theirs.url, seed=8).close()


def run_clean(*options: str) -> str:
    """What `turnaffinity clean` prints."""
    import typer

    from turnaffinity.cli.verbs.clean import clean

    app = typer.Typer()
    app.command()(clean)
    result = CliRunner().invoke(app, options)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_clean_leaves_the_keys_of_another_run_and_says_so() -> None:
    with open_server("embedded") as theirs, open_server(theirs.url, seed=8) as other:
        other.client().hset(f"scheduler:turn:{token(8)}", "affinity_node_id", "n")
        said = run_clean("--seed", "9", "--server", theirs.url)
        assert said == f"nothing of seed 9 is in {theirs.url}\nstill marked there: runs with seed 8\n"
        assert other.client().exists(f"scheduler:turn:{token(8)}")


def test_clean_without_a_server_is_bad_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TURNAFFINITY_REDIS_URL", raising=False)
    for options in (("--seed", "1"), ("--seed", "1", "--server", "embedded")):
        with pytest.raises(Problem) as caught:
            run_clean(*options)
        assert caught.value.exit_status == 2


def test_clean_on_a_server_that_is_not_there_cannot_run() -> None:
    with pytest.raises(CannotRun, match="there is no such socket"):
        run_clean("--seed", "1", "--server", "unix:///tmp/no/such/socket")


@pytest.mark.parametrize(
    "key",
    [
        "scheduler:turn:t",
        "scheduler:session:s",
        "scheduler:room:r",
        "scheduler:anything",
        "lingua:v1:node:n",
        "lingua:v1:pool:zh:en:0:nodes",
        "lingua:v1:job:j:node",
    ],
)
def test_a_database_with_a_key_of_a_scheduler_is_refused_and_left_untouched(key: str) -> None:
    with open_server("embedded") as theirs:
        theirs.client().hset(key, "f", "v")
        before = as_found(theirs)
        with pytest.raises(CannotRun, match="already holds keys under our prefixes") as caught:
            open_server(theirs.url)
        assert key in caught.value.what
        assert as_found(theirs) == before


def test_a_refusal_names_five_keys_and_counts_the_rest(theirs: Server) -> None:
    theirs.client().mset({f"scheduler:turn:{n}": "x" for n in range(8)})
    with pytest.raises(CannotRun) as caught:
        open_server(theirs.url)
    named = ", ".join(f"scheduler:turn:{n}" for n in range(5))
    assert caught.value.what == f"database 0 already holds keys under our prefixes: {named} and 3 more"


def test_another_database_of_the_same_server_is_judged_by_itself(theirs: Server) -> None:
    other = theirs.url.replace("db=0", "db=1")
    with pytest.raises(CannotRun, match="database 1 already holds"):
        open_server(other)
    with open_server(theirs.url.replace("db=0", "db=2")) as server:
        assert server.client().dbsize() == 1


def test_keys_of_others_that_appear_meanwhile_stay(theirs: Server) -> None:
    client = theirs.client(decode=False)
    with open_server(theirs.url, seed=SEED) as server:
        work(server.client())
        client.hset("scheduler:session:stranger", "current_turn_id", "t")
        client.hset("scheduler:turn:t", "affinity_node_id", "a node of theirs")
        client.set("a new key", "v")
        client.rpush("a new list", *range(5))
        expected = as_found(theirs)
        client.sadd("lingua:v1:pool:zh:en:0:nodes", "a node of theirs")
        server.clear()
    after = as_found(theirs)
    assert client.smembers("lingua:v1:pool:zh:en:0:nodes") == {b"a node of theirs"}
    ours = {b"second place", b"scores", b"queue", b"log", b"lingua:v1:job:uuid-3:node"}
    ours |= {b"scheduler:turn:uuid-1", b"scheduler:turn:uuid-2"}
    theirs_only = {k: v for k, v in expected.items() if TOKEN.encode() not in k[1] and k[1] not in ours}
    pool = (0, b"lingua:v1:pool:zh:en:0:nodes")
    assert {k: v for k, v in after.items() if k != pool} == {k: v for k, v in theirs_only.items() if k != pool}


def test_ids_that_an_implementation_made_up_can_be_claimed(theirs: Server) -> None:
    before = as_found(theirs)
    with open_server(theirs.url, seed=SEED) as server:
        server.client().hset("scheduler:turn:uuid-9", "made", "up")
        server.client().set("lingua:v1:job:uuid-8:node", "nobody")
        server.claim("uuid-9", "uuid-8")
    assert as_found(theirs) == before


def test_the_layout_says_which_prefixes_count() -> None:
    names = {"turn": "my:turn:{turn_id}", "session": "my:session:{session_id}", "pool_index": "ix:{pair}"}
    layout = parse_layout(names)
    with open_server("embedded") as theirs:
        theirs.client().set("scheduler:turn:t", "v")
        before = as_found(theirs)
        with open_server(theirs.url, layout=layout, seed=SEED) as server:
            server.client().hset("my:turn:t", "affinity_node_id", f"{TOKEN}-n")
            server.client().sadd("lingua:v1:pool:zh:en:4:nodes", f"{TOKEN}-n")
            server.client().sadd("ix:zh:en", 4)
        assert as_found(theirs) == before
        theirs.client().set("my:turn:t", "v")
        with pytest.raises(CannotRun, match="my:turn:t"):
            open_server(theirs.url, layout=layout)


def test_a_fork_that_leaves_the_block_deletes_nothing(theirs: Server) -> None:
    with open_server(theirs.url, seed=SEED) as server:
        work(server.client())
        at_work = as_found(theirs)
        if (child := os.fork()) == 0:
            server.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert as_found(theirs) == at_work


def test_two_runs_are_not_let_into_one_database(theirs: Server) -> None:
    with open_server(theirs.url, seed=1), pytest.raises(CannotRun, match="with seed 1"):
        open_server(theirs.url, seed=2)
    open_server(theirs.url, seed=2).close()


def test_a_server_that_is_not_ours_is_never_started_anew(theirs: Server) -> None:
    with open_server(theirs.url) as server, pytest.raises(CannotRun, match="not ours to start anew"):
        server.restart()


def test_a_server_that_vanishes_leaves_a_sentence_on_how_to_clean() -> None:
    with open_server("embedded") as theirs:
        server = open_server(theirs.url, seed=SEED)
        theirs.close()
        with pytest.raises(CannotRun, match="our keys could not be deleted") as caught:
            server.close()
        assert f"turnaffinity clean --seed {SEED}" in caught.value.mend


def test_a_database_with_very_many_keys_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnaffinity.server.foreign.BASELINE_MAX", 3)
    with open_server("embedded") as theirs:
        fill(theirs.client(decode=False))
        before = as_found(theirs)
        with open_server(theirs.url, seed=SEED) as server:
            work(server.client())
            server.client().delete("second place", "scores", "queue", "log")
        assert as_found(theirs) == before


def test_the_handlers_of_signals_are_put_back(theirs: Server) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    with open_server(theirs.url):
        assert [signal.getsignal(number) for number in numbers] != before
    assert [signal.getsignal(number) for number in numbers] == before


def test_a_ctrl_c_during_the_clean_up_waits_for_its_end(theirs: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    before = as_found(theirs)
    server = open_server(theirs.url, seed=SEED)
    work(server.client())
    sweep = Footprint.sweep

    def interrupted_sweep(footprint: Footprint, client: redis.Redis) -> Counter[str]:
        signal.raise_signal(signal.SIGINT)
        return sweep(footprint, client)

    monkeypatch.setattr(Footprint, "sweep", interrupted_sweep)
    with pytest.raises(KeyboardInterrupt):
        server.close()
    assert as_found(theirs) == before
