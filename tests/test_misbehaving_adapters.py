"""Does each usual mistake of an adapter get a message that says what to fix, without slowing the run down?

Each adapter is a real program. Time is counted, not measured: the clock adds up what was waited for in vain, so that a
busy machine changes nothing.
"""

from __future__ import annotations

import os
import select
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from turnaffinity.problem import CannotRun
from turnaffinity.subjects.adapter import AdapterSubject, Deadlines
from turnaffinity.subjects.channel import Clock
from turnaffinity.subjects.complaints import FIRST_BYTES
from turnaffinity.subjects.process import ProcessPeer
from turnaffinity.subjects.subject import Broke, Finalized

OP_S = 1.0
"""Long enough for an honest answer on a busy machine; only those who do not answer use it up."""

GOOD = """
import json, os, subprocess, sys, time
count = 0
def answer(r):
    if r["op"] == "hello":
        return {"id": r["id"], "ok": {"name": "x", "version": "1", "language": "python", "ops": ["finalize"]}}
    return {"id": r["id"], "ok": {"turn_id": "t", "jobs": [{"job_id": "j", "tgt_lang": "en", "node_id": "n1"}]}}
def write(r, a):
    sys.stdout.write(json.dumps(a) + "\\n")
    sys.stdout.flush()
def main():
    global count
    for line in sys.stdin:
        r = json.loads(line)
        if r["op"] == "bye":
            return
        count += r["op"] != "hello"
        before(r)
        write(r, answer(r))
def before(r):
    pass
"""


class CountingClock(Clock):
    """Time goes on only by what was waited for in vain, and by a millisecond for each thing that came."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def poll(self, poller: select.poll, seconds: float) -> list[tuple[int, int]]:
        events = super().poll(poller, seconds)
        self.time += 0.001 if events else max(0.0, seconds)
        return events


Start = Callable[..., AdapterSubject]


@pytest.fixture
def clock() -> CountingClock:
    return CountingClock()


@pytest.fixture
def start(tmp_path: Path, clock: CountingClock) -> Iterator[Start]:
    """An adapter that is right but for the code given, which may redefine `before`, `answer`, `write`, `main`."""
    subjects: list[AdapterSubject] = []

    def _start(code: str, *, deadlines: Deadlines | None = None) -> AdapterSubject:
        program = tmp_path / f"adapter{len(subjects)}.py"
        program.write_text(f"#!{sys.executable}\n{GOOD}\n{code}\nmain()\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        limits = deadlines or Deadlines(hello_s=20, op_s=OP_S, bye_s=0.5, grace_s=0.4)
        subjects.append(AdapterSubject(str(program), "redis://nowhere", clock=clock, deadlines=limits))
        return subjects[-1]

    yield _start
    for subject in subjects:
        subject.close()


def finalize(subject: AdapterSubject) -> str:
    """The message of a finalize that must break, or an empty text if it was answered."""
    answer = subject.finalize("s", "manual", "zh", "en", None)
    return answer.what if isinstance(answer, Broke) else ""


MISTAKES: dict[str, tuple[str, str, str]] = {
    "log text on stdout": (
        "def before(r):\n    if r['op'] != 'hello': print('\\x1b[31mINFO\\x1b[0m finalizing', flush=True)",
        "adapter line 2: log text on stdout, not an answer: INFO finalizing",
        "send logs to stderr",
    ),
    "JSON printed with indentation": (
        "def write(r, a): print(json.dumps(a, indent=None if r['op'] == 'hello' else 2), flush=True)",
        "adapter line 2: the line holds only the beginning of a JSON object: {",
        "without indentation",
    ),
    "the id sent as a string": (
        "def answer(r, good=answer): return {**good(r), 'id': r['id'] if r['op'] == 'hello' else str(r['id'])}",
        'adapter line 2: the answer has id "2", a string; the request\'s id was 2, a number',
        "echo the id as you got it",
    ),
    "the id of another request": (
        "def answer(r, good=answer): return {**good(r), 'id': 1}",
        "the answer has id 1; the request's id was 2; it is the id of an earlier request: was that one answered twice?",
        "answer each request once, with its own id",
    ),
    "an id of its own counting": (
        "def answer(r, good=answer): return good(r) if r['op'] == 'hello' else {**good(r), 'id': 77}",
        "the answer has id 77; the request's id was 2; this process was never sent a request with that id",
        "echo the id as you got it: ids do not begin at 1 in each process",
    ),
    "members with capitals": (
        "def answer(r, good=answer): return good(r) if r['op'] == 'hello' else "
        "{'id': r['id'], 'ok': {'TurnID': 't', 'Jobs': []}}",
        'ok lacks turn_id; it has "TurnID", "Jobs"; "TurnID" is there: the name is "turn_id", and names are lower case',
        'answer {"turn_id": "..."',
    ),
    "no id": (
        "def answer(r, good=answer): return good(r) if r['op'] == 'hello' else {'ok': good(r)['ok']}",
        'the answer has no id, but "ok"; the request\'s id was 2',
        "echo the request's id in each answer, errors too",
    ),
    "two answers to one request": (
        "def write(r, a): sys.stdout.write((json.dumps(a) + '\\n') * (1 if r['op'] == 'hello' else 2));"
        " sys.stdout.flush()",
        'adapter line 2: the answer was followed by another line: {"id": 2',
        "write exactly one line for each request",
    ),
    "a line of 2 MiB": (
        "def answer(r, good=answer): return good(r) if r['op'] == 'hello' else {**good(r), 'x': 'y' * 2**21}",
        "more than 1 MiB",
        "a line has at most 1 MiB and ends with a line feed",
    ),
    "output without end and without a line feed": (
        "def before(r):\n    while r['op'] != 'hello': os.write(1, b'x' * 65536)",
        "stdout held more than 1 MiB without the end of a line, which begins: xxxx",
        "a line has at most 1 MiB and ends with a line feed",
    ),
    "a line that is never ended": (
        "def write(r, a): sys.stdout.write(json.dumps(a) + ('\\n' if r['op'] == 'hello' else '')); sys.stdout.flush()",
        "within 1 s only the beginning of a line came: {",
        "end each answer with a line feed",
    ),
    "a line that is never flushed": (
        "out = open(1, 'w')\ndef write(r, a): out.write(json.dumps(a) + '\\n'); r['op'] == 'hello' and out.flush()",
        'no answer within 1 s, and nothing on stdout; when stdin was closed this came: {"id": 2',
        "the line was never flushed: flush stdout after each line",
    ),
    "a hang": (
        "def before(r):\n    while r['op'] != 'hello': time.sleep(3600)",
        "no answer within 1 s, and nothing on stdout",
        "if it hangs, its stack at that moment says where",
    ),
    "a crash": (
        "def before(r):\n    if r['op'] != 'hello': raise RuntimeError('no such session')",
        "the process ended with status 1 without an answer",
        "answer errors with an error object and keep running until bye",
    ),
    "killed by a signal": (
        "def before(r):\n    if r['op'] != 'hello': os.kill(os.getpid(), 11)",
        "the process ended by SIGSEGV without an answer",
        "answer errors with an error object",
    ),
    "an array instead of an object": (
        "def answer(r, good=answer): return good(r) if r['op'] == 'hello' else [good(r)]",
        "the line is an array, not a JSON object",
        "answer with an object",
    ),
    "single quotes": (
        "def write(r, a): print(json.dumps(a) if r['op'] == 'hello' else a, flush=True)",
        "texts in single quotes are no JSON",
        "write with a JSON library",
    ),
    "an error code of its own": (
        "def answer(r, good=answer): return {'id': r['id'], 'error': {'code': 'E42'}} if count else good(r)",
        'the error\'s code is "E42"',
        "use one of: bad_request, internal, no_node, redis, unsupported",
    ),
    "a job without a node_id": (
        "def answer(r, good=answer):\n"
        "    a = good(r)\n    [job.pop('node_id') for job in a['ok'].get('jobs', [])]\n    return a",
        'jobs[0] lacks node_id; it has "job_id", "tgt_lang"; a job that got no node says null',
        'answer {"turn_id"',
    ),
    "bytes that are no UTF-8": (
        "def write(r, a): os.write(1, json.dumps(a).encode().replace(b'\"t\"', b'\"\\xff\"') + b'\\n')",
        "is no UTF-8",
        "write UTF-8",
    ),
    "stdout closed": (
        "def before(r):\n    if r['op'] != 'hello': os.close(1); time.sleep(3600)",
        "the adapter closed its output without an answer",
        "answer each request",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_usual_mistake_is_named_with_its_mend(mistake: str, start: Start, clock: CountingClock) -> None:
    code, expected, mend = MISTAKES[mistake]
    subject = start(code)
    assert subject.hello.name == "x"
    began = clock.now()

    message = finalize(subject)

    assert expected in message, message
    said, _, mended = message.partition("\n  mend: ")
    assert mend in mended, message
    assert "\x1b" not in said
    assert clock.now() - began <= OP_S + 0.4 + 0.3  # the deadline, the grace, and the moment in which a process ends


def test_a_log_line_between_two_requests_is_seen_by_the_next_one(start: Start) -> None:
    subject = start("import signal; signal.signal(signal.SIGUSR1, lambda *_: os.write(1, b'heartbeat\\n'))")
    assert finalize(subject) == ""
    peer = subject._peer
    assert isinstance(peer, ProcessPeer)
    os.kill(peer.pid, signal.SIGUSR1)
    assert select.select([peer.channel._receive_fd], [], [], 20)[0]

    message = finalize(subject)

    assert message.startswith("before this request was sent, stdout already held: heartbeat")
    assert finalize(subject) == ""


def test_a_crash_after_three_operations_breaks_one_case_and_the_run_goes_on(start: Start) -> None:
    subject = start("def before(r):\n    if count > 3: sys.exit('the pool is empty \\x1b]0;title\\x07')")

    messages = [finalize(subject) for _ in range(8)]

    assert [bool(message) for message in messages] == [False, False, False, True, False, False, False, True]
    assert "the process ended with status 1" in messages[3]
    assert messages[3].endswith("\n  stderr: the pool is empty"), "escape sequences are stripped"
    assert subject.restarts == 1


def test_nothing_is_asked_twice(start: Start, tmp_path: Path) -> None:
    log = tmp_path / "asked"
    subject = start(f"def before(r):\n    open({str(log)!r}, 'a').write(r['op'] + '\\n')\n    if count: os._exit(1)")

    finalize(subject)
    finalize(subject)

    assert log.read_text().split() == ["hello", "finalize", "hello", "finalize"]


def test_after_ten_fresh_starts_the_rest_is_not_run(start: Start) -> None:
    subject = start("def before(r):\n    if count: os._exit(3)")

    messages = [finalize(subject) for _ in range(13)]

    assert all("ended with status 3" in message for message in messages[:11])
    assert messages[11:] == ["not run: the adapter failed again after 10 fresh starts"] * 2
    assert subject.restarts == 10
    assert subject.exhausted == messages[-1]


def test_after_three_missed_deadlines_in_a_row_the_rest_is_not_run(start: Start, clock: CountingClock) -> None:
    subject = start(
        "def before(r):\n    while count: time.sleep(3600)", deadlines=Deadlines(op_s=0.2, bye_s=0.2, grace_s=0.1)
    )

    messages = [finalize(subject) for _ in range(5)]

    assert all("no answer within 0.2 s" in message for message in messages[:3])
    assert messages[3:] == ["not run: 3 deadlines in a row were missed"] * 2
    assert subject.restarts == 2
    assert clock.now() < 3 * (0.2 + 0.1 + 0.1) + 0.2


@pytest.mark.long
def test_an_answer_in_between_forgives_missed_deadlines(start: Start, tmp_path: Path) -> None:
    turn = tmp_path / "turn"
    code = f"""
def before(r):
    if r["op"] != "hello":
        n = int(open({str(turn)!r}).read()) if os.path.exists({str(turn)!r}) else 0
        open({str(turn)!r}, "w").write(str(n + 1))
        while n % 3 != 2: time.sleep(3600)
"""
    subject = start(code)

    broke = [bool(finalize(subject)) for _ in range(6)]

    assert broke == [True, True, False, True, True, False]
    assert subject.exhausted is None


def test_an_adapter_that_ignores_bye_and_term_is_gone_all_the_same(start: Start, clock: CountingClock) -> None:
    subject = start("import signal; signal.signal(15, signal.SIG_IGN)\n" + _FOREVER)
    assert subject.hello.name == "x"
    pid = subject._peer.pid  # type: ignore[union-attr]
    began = clock.now()

    goodbye = subject.bye()

    assert (goodbye.in_time, goodbye.status) == (False, None)
    assert clock.now() - began <= 0.5 + 0.4 + 0.1
    assert _is_gone(pid)


_FOREVER = """
def main():
    for line in iter(sys.stdin.readline, None):
        if line and json.loads(line)["op"] != "bye":
            r = json.loads(line)
            write(r, answer(r))
        elif not line:
            time.sleep(3600)
"""


def test_a_child_that_holds_the_pipe_open_hides_neither_the_answer_nor_the_end(
    start: Start, clock: CountingClock, tmp_path: Path
) -> None:
    child = tmp_path / "child"
    code = f"""
def before(r):
    if count == 1:
        pid = os.fork()
        if not pid: time.sleep(3600)
        open({str(child)!r}, "w").write(str(pid))
    if count == 2: os._exit(4)
"""
    subject = start(code)

    assert finalize(subject) == ""
    began = clock.now()
    message = finalize(subject)

    assert "the process ended with status 4 without an answer" in message
    assert clock.now() - began < OP_S, "the end was seen at once, not at the deadline"
    assert _is_gone(int(child.read_text())), "the child was in the process group"


def _is_gone(pid: int) -> bool:
    """Whether the process ends soon: a KILL that was sent takes effect a moment later."""
    until = time.monotonic() + 10
    while (lives := _lives(pid)) and time.monotonic() < until:
        time.sleep(0.005)
    return not lives


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return not Path("/proc/self").exists()
    return state not in "ZX"


def test_a_flood_on_stderr_neither_blocks_nor_fills_memory(start: Start) -> None:
    subject = start("def before(r):\n    [os.write(2, b'noise\\n' * 10000) for _ in range(20)]")

    assert isinstance(subject.finalize("s", "manual", "zh", "en", None), Finalized)
    kept = subject._peer.channel.complaints  # type: ignore[union-attr]
    assert len(kept._first) + len(kept._last._bytes) <= 3 * FIRST_BYTES


STACK = "".join(f"goroutine {n} [select]:\\nmain.worker()\\n\\t/src/main.go:{n}\\n\\n" for n in range(40))
"""What Go prints after the reason of a panic: one paragraph for each goroutine."""


@pytest.mark.parametrize("noise_before", [0, 30])
def test_the_reason_of_a_panic_is_kept_though_a_long_stack_follows_it(start: Start, noise_before: int) -> None:
    noise = "finalize began\\n" * noise_before
    panic = "panic: assignment to entry in nil map\\n\\ngoroutine 1 [running]:\\nmain.finalize()\\n"
    subject = start(f"def before(r):\n    if count: sys.stderr.write('{noise}{panic}{STACK}'); sys.exit(2)")

    said = [line.removeprefix("  stderr: ") for line in finalize(subject).splitlines() if "stderr: " in line]

    if noise_before:
        assert said[4:9] == ["finalize began", "...", "panic: assignment to entry in nil map",
                             "goroutine 1 [running]:", "main.finalize()"]  # fmt: skip
    else:
        assert said[:3] == ["panic: assignment to entry in nil map", "goroutine 1 [running]:", "main.finalize()"]
    assert said[-3:] == ["goroutine 39 [select]:", "main.worker()", "/src/main.go:39"]
    assert len(said) <= 15


def test_what_was_written_for_earlier_requests_does_not_push_the_reason_out(start: Start) -> None:
    subject = start(
        "def before(r):\n    if count == 1: sys.stderr.write('busy\\n' * 5000); sys.stderr.flush()\n"
        f"    if count > 1:\n        sys.stderr.write('panic: the pool is empty\\n{STACK}')\n        os._exit(2)"
    )

    assert finalize(subject) == ""
    assert "\n  stderr: panic: the pool is empty\n" in finalize(subject)


def test_few_lines_are_told_in_order_each_once_with_those_before_the_request(start: Start) -> None:
    subject = start(
        "print('connected', file=sys.stderr)\ndef before(r):\n    print('request', count, file=sys.stderr)\n"
        "    if count > 1: sys.exit('no node')"
    )

    assert finalize(subject) == ""
    said = [line for line in finalize(subject).splitlines() if "stderr: " in line]
    assert said == [f"  stderr: {line}" for line in ("connected", "request 0", "request 1", "request 2", "no node")]


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("print('listening', flush=True)", "log text on stdout, not an answer: listening"),
        ("sys.exit('no configuration')", "the process (ended|had ended) with status 1"),
        ("def answer(r): return {'id': r['id'], 'ok': {'ops': []}}", 'hello\'s "name" is missing'),
        (
            "def answer(r): return {'id': r['id'], 'error': {'code': 'redis', 'message': 'refused'}}",
            "no hello: error redis: refused",
        ),
        ("def before(r):\n    while True: time.sleep(3600)", "no answer within 1.5 s"),
    ],
)
def test_without_a_first_hello_the_adapter_cannot_be_run(start: Start, code: str, what: str) -> None:
    subject = start(code, deadlines=Deadlines(hello_s=1.5 if "sleep" in code else 20, grace_s=0.1))
    with pytest.raises(CannotRun, match=what) as caught:
        _ = subject.hello
    assert caught.value.exit_status == 3
    if "configuration" in code:
        assert "stderr: no configuration" in str(caught.value)
