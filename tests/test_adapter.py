"""Does an adapter start as its user wrote it, say why when it cannot, and end with us however we go?"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from turnaffinity.contract.decisions import PRESETS
from turnaffinity.problem import CannotRun, Problem
from turnaffinity.subjects.adapter import AdapterSubject, Deadlines
from turnaffinity.subjects.process import ProcessPeer
from turnaffinity.subjects.subject import Broke, Finalized, Refused

ANSWERS = """
import json, os, sys
def answer(r):
    if r["op"] == "hello":
        return {"id": r["id"], "ok": {"name": str(r["reading"]), "ops": ["finalize"]}}
    return {"id": r["id"], "ok": {"turn_id": str(os.getpid()), "jobs": []}}
"""

OVER_STDIO = (
    ANSWERS
    + """
for line in sys.stdin:
    r = json.loads(line)
    if r["op"] == "bye": break
    print(json.dumps(answer(r)), flush=True)
"""
)

OVER_SOCKET = (
    ANSWERS
    + """
import socket
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print("listening", flush=True)
while True:
    connection, _ = listener.accept()
    lines = connection.makefile("rw")
    for number, line in enumerate(lines):
        r = json.loads(line)
        if r["op"] == "bye" or number == 3: break
        lines.write(json.dumps(answer(r)) + "\\n")
        lines.flush()
    lines.close()
    connection.close()
"""
)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "adapter.py"
    path.write_text(f"#!{sys.executable}\n{OVER_STDIO}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_it_is_started_lazily_and_told_the_reading(program: Path) -> None:
    with AdapterSubject(str(program), "redis://nowhere", PRESETS["literal"]) as subject:
        assert subject._peer is None
        assert subject.hello.name == "literal"
        assert isinstance(subject.finalize("s", "manual", "zh", "en", None), Finalized)
        assert subject.select("zh:en", None, None) == Refused("unsupported", "hello does not offer select")
        assert subject.bye().status == 0


def test_a_fresh_process_after_a_kill_or_a_restart_is_no_failure(program: Path) -> None:
    with AdapterSubject([str(program)], "redis://nowhere") as subject:
        pids = []
        for end in (subject.kill, subject.restart, subject.abandon):
            answer = subject.finalize("s", "manual", "zh", "en", None)
            assert isinstance(answer, Finalized)
            pids.append(answer.turn_id)
            end()
        assert len(set(pids)) == 3
        assert (subject.restarts, subject.exhausted) == (0, None)


@pytest.mark.parametrize(
    ("command", "what", "mend"),
    [
        ("turnaffinity-no-such-program x", "was not found on PATH", "install it, or give its path"),
        ("./no/such/program", "./no/such/program was not found", "build it first"),
        ("{folder}/plain.txt", "is not executable", "chmod +x"),
        ("{folder}", "is a folder", "name the program inside it"),
        ("{folder}/no-shebang", "cannot be executed", "#!/usr/bin/env python3"),
        ("{folder}/lost-shebang", "the interpreter named in the first line", "correct the first line"),
        ("unix://{folder}/none.sock", "there is no such socket", "start the adapter first"),
    ],
)
def test_what_cannot_be_started_says_why(command: str, what: str, mend: str, tmp_path: Path) -> None:
    (tmp_path / "plain.txt").write_text("x")
    for name, text in (("no-shebang", "\x00\x01 x"), ("lost-shebang", "#!/no/such/interpreter\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    subject = AdapterSubject(command.format(folder=tmp_path), "redis://nowhere")
    with pytest.raises(CannotRun) as caught:
        _ = subject.hello
    assert what in caught.value.what
    assert mend in caught.value.mend
    subject.close()


@pytest.mark.parametrize("command", ["", "  ", "run 'it", "unix://relative.sock", "unix:///" + "x" * 200])
def test_a_command_that_is_none_is_bad_usage(command: str) -> None:
    with pytest.raises(Problem) as caught:
        AdapterSubject(command, "redis://nowhere")
    assert caught.value.exit_status == 2


def test_over_a_unix_socket_a_restart_is_a_reconnect(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    with subprocess.Popen([sys.executable, "-c", OVER_SOCKET, path], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"listening\n"
            with AdapterSubject(f"unix://{path}", "redis://nowhere") as subject:
                answers = [subject.finalize("s", "manual", "zh", "en", None) for _ in range(4)]
                assert [type(answer) for answer in answers] == [Finalized, Finalized, Broke, Finalized]
                assert "closed its output without an answer" in getattr(answers[2], "what", "")
                assert {answer.turn_id for answer in answers if isinstance(answer, Finalized)} == {str(process.pid)}
                assert subject.restarts == 1
                assert subject.bye().in_time
        finally:
            process.kill()


def test_a_listener_that_serves_one_connection_after_the_other_serves_two_subjects(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    with subprocess.Popen([sys.executable, "-c", OVER_SOCKET, path], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"listening\n"
            first, second = (AdapterSubject(f"unix://{path}", "redis://nowhere") for _ in range(2))
            answers = [who.finalize("s", "manual", "zh", "en", None) for who in (first, second, first)]
            assert [type(answer) for answer in answers] == [Finalized] * 3
            assert (first.restarts, second.restarts) == (0, 0)
            first.close()
        finally:
            process.kill()


KEEPER = """
import sys, time
from turnaffinity.subjects.adapter import AdapterSubject
subject = AdapterSubject(sys.argv[1:], "redis://nowhere")
subject.hello
print(subject._peer.pid, getattr(subject._peer._watchdog, "pid", subject._peer.pid), flush=True)
time.sleep(3600)
"""


def test_an_adapter_that_ignores_everything_is_gone_when_we_are_killed(tmp_path: Path) -> None:
    stubborn = tmp_path / "stubborn.py"
    stubborn.write_text(
        f"import signal, time\nsignal.signal(15, signal.SIG_IGN)\n{OVER_STDIO}\nwhile True: time.sleep(3600)\n"
    )
    command = [sys.executable, "-c", KEEPER, sys.executable, str(stubborn)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as keeper:
        assert keeper.stdout is not None
        pids = [int(word) for word in keeper.stdout.readline().split()]
        assert len(pids) == 2
        assert all(_lives(pid) for pid in pids)
        keeper.send_signal(signal.SIGKILL)
    until = time.monotonic() + 20
    while any(_lives(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.01)
    assert [pid for pid in pids if _lives(pid)] == []


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_closing_leaves_no_descriptor_and_no_watchdog_behind(program: Path) -> None:
    before = sorted(Path("/dev/fd").iterdir())
    watchdogs = []
    for _ in range(3):
        with AdapterSubject(str(program), "redis://nowhere") as subject:
            assert subject.hello
            assert isinstance(subject._peer, ProcessPeer)
            assert subject._peer._watchdog is not None
            watchdogs.append(subject._peer._watchdog.pid)
    assert sorted(Path("/dev/fd").iterdir()) == before
    assert not any(_lives(pid) for pid in watchdogs)


def test_a_request_larger_than_the_pipe_is_written_while_the_adapter_talks(tmp_path: Path) -> None:
    program = tmp_path / "talker.py"
    program.write_text(
        OVER_STDIO.replace("r = json.loads(line)", "sys.stderr.write('x' * 300000); r = json.loads(line)")
    )
    with AdapterSubject([sys.executable, str(program)], "redis://nowhere") as subject:
        assert not isinstance(subject.raw("finalize", {"padding": "x" * 1_000_000}), Broke)


def test_an_adapter_that_does_not_read_misses_its_deadline(tmp_path: Path) -> None:
    program = tmp_path / "deaf.py"
    program.write_text(OVER_STDIO.replace("flush=True)", "flush=True)\n    import time; time.sleep(3600)"))
    deadlines = Deadlines(op_s=0.3, grace_s=0.1)
    with AdapterSubject([sys.executable, str(program)], "redis://nowhere", deadlines=deadlines) as subject:
        answer = subject.raw("finalize", {"padding": "x" * 1_000_000})
        assert isinstance(answer, Broke)
        assert answer.what.startswith("the request was not read from stdin within 0.3 s")
