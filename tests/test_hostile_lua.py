"""Is a script that means harm a verdict on our own server, and harmless on a server that is not ours?"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis

from turnaffinity.cli import main
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.judging.run import verify
from turnaffinity.problem import CannotRun, Problem
from turnaffinity.server import Server, clean_up, open_server, parse_address
from turnaffinity.server.live import user_of
from turnaffinity.stage.judge import Judge
from turnaffinity.stage.observer import Observer
from turnaffinity.subjects import script as script_module
from turnaffinity.subjects.script import ScriptSubject, read_script
from turnaffinity.subjects.subject import Broke, Selected

RIGHT = (Path(__file__).parent.parent / "lua" / "select_node.lua").read_text()
SEED = 4711

KILLS: dict[str, tuple[str, str]] = {
    "an endless loop": ("while true do end", "no answer from the script"),
    "a loop behind pcall": ("while true do pcall(function() while true do end end) end", "no answer from the script"),
    "a write, then a loop, which SCRIPT KILL cannot end": (
        "redis.call('SET', 'x', 'y') while true do redis.pcall('GET', 'x') end", "no answer from the script"),
    "a table that grows": ("local t = {} while true do t[#t + 1] = {#t} end", "no answer|went away"),
    "an answer of a hundred gigabytes": (
        "local s, t = string.rep('x', 5e7), {} for i = 1, 2000 do t[i] = s end return t", "no answer|went away"),
}  # fmt: skip
REFUSED: dict[str, tuple[str, str]] = {
    "CONFIG SET": ("redis.call('CONFIG', 'SET', 'maxmemory', '1')", "not allowed from script"),
    "SHUTDOWN": ("redis.call('SHUTDOWN', 'NOSAVE')", "not allowed from script"),
    "DEBUG SEGFAULT": ("redis.call('DEBUG', 'SEGFAULT')", "not allowed from script"),
    "SCRIPT FLUSH": ("redis.call('SCRIPT', 'FLUSH')", "not allowed from script"),
    "deep recursion": ("local function f(n) return 1 + f(n + 1) end return f(1)", "stack overflow"),
    "a deep answer": ("local t = {'x'} for i = 1, 60 do t = {t} end return t", "neither a node id nor nil"),
    "a long answer": ("return string.rep('x', 3000000)", "a text of 3000000 characters; a node id has at most 1 MiB"),
    "a long error": ("error(string.rep('\\27[31m<b>', 100000))", r"user_script:1: (<b>)+<?b? \.\.\."),
    "files": ("return io.open('/etc/passwd'):read('*a')", "nonexistent global variable 'io'"),
    "programs": ("return os.execute('id')", "field 'execute'"),
    "other modules": ("return require('socket')", "nonexistent global variable 'require'"),
    "another protocol": ("redis.setresp(7)", "RESP version"),
    "the debugger": ("redis.breakpoint() redis.debug('x') error('went on')", "went on"),
}  # fmt: skip


@pytest.fixture(scope="module")
def ours() -> Iterator[Server]:
    with open_server("embedded") as server:
        yield server


@pytest.fixture
def theirs() -> Iterator[Server]:
    """A server of somebody else's, with keys of theirs; it lets others in after 0.1 s of a script, not after 5."""
    with open_server("embedded") as server:
        client = server.client()
        client.set("theirs", "1")
        client.hset("scheduler-of-theirs", mapping={"a": "1"})
        client.config_set("busy-reply-threshold", 100)
        yield server


def content(server: Server) -> tuple[dict[str, Any], list[str]]:
    """Everything that a run might leave behind: the keys of the first two databases, and the users."""
    found: dict[str, Any] = {}
    with server.client(decode=False) as client:
        for key in client.scan_iter():
            found[key] = client.dump(key)
        client.execute_command("SELECT", "5")
        found["5"] = client.keys()
        client.execute_command("SELECT", "0")
        return found, client.acl_users()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script_module, "CALL_DEADLINE_S", 0.5)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", KILLS)
def test_what_costs_our_server_its_life_is_a_verdict_and_the_next_call_meets_a_new_server(
    name: str, ours: Server
) -> None:
    source, said = KILLS[name]
    subject = ScriptSubject(ours, f"if ARGV[1] == 'bad:one' then {source} end return ARGV[1]", "guest.lua")

    answer = subject.select("bad:one", None, None)

    assert isinstance(answer, Broke)
    assert re.search(said, answer.what), answer.what
    assert subject.select("zh:en", None, None) == Selected("zh:en")
    assert subject.rescues == 1


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_server_itself_refuses_is_a_short_sentence(name: str, ours: Server) -> None:
    source, said = REFUSED[name]
    answer = ScriptSubject(ours, source, "guest.lua").select("zh:en", None, None)
    assert isinstance(answer, Broke)
    assert re.search(said, answer.what), answer.what
    assert len(answer.what) < 700
    assert "\x1b" not in answer.what


@pytest.mark.usefixtures("quick")
def test_a_text_that_doubles_ends_in_an_error_or_a_new_server(ours: Server) -> None:
    subject = ScriptSubject(ours, "local s = 'x' while true do s = s .. s end", "guest.lua")
    assert isinstance(subject.select("zh:en", None, None), Broke)
    assert ours.client().ping()


def test_a_server_of_ours_may_take_four_gigabytes_and_no_more(ours: Server) -> None:
    limits = Path(f"/proc/{ours.client().info()['process_id']}/limits")
    if not limits.exists():
        pytest.skip("this system does not say which limits a process has")
    assert re.search(rf"Max address space\s+{4 << 30} ", limits.read_text())
    assert "normal 268435456 0 0" in ours.client().config_get()["client-output-buffer-limit"]


@pytest.mark.usefixtures("quick")
def test_a_loop_in_one_place_fails_its_own_cases_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "loops.lua"
    path.write_text("if ARGV[2] ~= '' then while true do end end\n" + RIGHT)
    with Judge("lua", str(path), "embedded", seed=SEED) as judge:
        report = verify(judge, ["TA-SEL-1"])
    failed = {result.case for result in report.results if result.outcome == "fail"}
    assert failed
    assert all("no answer from the script" in f["observed"] for rule in report.rules for f in rule.failures)
    assert any(result.outcome == "pass" for result in report.results)
    assert report.verdict == "violates"


@pytest.mark.long
@pytest.mark.usefixtures("quick")
def test_after_three_calls_that_cost_the_server_the_rest_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "loops.lua"
    path.write_text("while true do end -- scheduler:turn: affinity_node_id")
    with Judge("lua", str(path), "embedded", seed=SEED) as judge:
        report = verify(judge)
        assert judge.subject.rescues == 3  # type: ignore[attr-defined]
    assert [result.outcome for result in report.results[:3]] == ["fail"] * 3
    assert {result.outcome for result in report.results[3:]} == {"not-run"}
    assert (report.verdict, report.exit_status) == ("incomplete", 1)


@pytest.mark.long
def test_a_script_that_shouts_on_the_wire_is_a_failed_case(tmp_path: Path) -> None:
    path = tmp_path / "shouts.lua"
    path.write_text(
        "local long = string.rep('x', 1000000) for i = 1, 20 do redis.call('SET', 'x', long) end return nil"
    )
    with Judge("lua", str(path), "embedded", seed=SEED) as judge:
        report = verify(judge, ["TA-SEL-7"])
    told = [f["observed"] for rule in report.rules for f in rule.failures]
    assert any("more than 8 MiB of commands in one step" in text for text in told), told
    assert max(map(len, told)) < 30_000


def test_fakeredis_runs_no_script_of_a_stranger_without_trust(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "harm.lua"
    path.write_text("return tostring(os)")
    status = run(["verify", "--lua", str(path), "--server", "fake", "--rule", "TA-SEL-7"])
    assert (status, capsys.readouterr().err) == (3, FAKE)
    assert run(["verify", "--lua", str(path), "--server", "fake", "--rule", "TA-SEL-7", "--trust-script"]) == 1


FAKE = """\
error: --lua: fakeredis runs a script inside this very process, where it may do whatever this user may do
  mend: use --server embedded, or, if you know the script, --trust-script
"""


def run(arguments: list[str]) -> int:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        with pytest.raises(SystemExit) as ended:
            main.main(arguments)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert isinstance(ended.value.code, int)
    return ended.value.code


HARM = """
for _, command in ipairs({{'FLUSHALL'}, {'SELECT', '5'}, {'DEL', 'theirs'}, {'SET', 'x', 'y'}, {'KEYS', '*'},
    {'HSET', 'scheduler-of-theirs', 'b', '2'}, {'HSET', 'scheduler:room:r', 'b', '2'}}) do
  local answer = redis.pcall(unpack(command))
  if type(answer) ~= 'table' or not answer.err then return 'did ' .. command[1] end
end
redis.call('HSET', 'scheduler:turn:left-behind', 'affinity_node_id', 'x')
return nil
"""


def test_a_script_on_a_server_that_is_not_ours_can_do_no_harm_there(theirs: Server, tmp_path: Path) -> None:
    before = content(theirs)
    path = tmp_path / "harm.lua"
    path.write_text(HARM)
    with Judge("lua", str(path), theirs.url, seed=SEED) as judge:
        report = verify(judge, ["TA-SEL-7"])
        assert user_of(SEED) in theirs.client().acl_users()
    told = " ".join(f["observed"] for rule in report.rules for f in rule.failures)
    assert "did " not in told
    assert content(theirs) == before


def test_a_right_script_passes_on_a_server_that_is_not_ours(theirs: Server, tmp_path: Path) -> None:
    before = content(theirs)
    path = tmp_path / "right.lua"
    path.write_text(RIGHT)
    with Judge("lua", str(path), theirs.url, seed=SEED) as judge:
        report = verify(judge, ["TA-SEL-1", "TA-SEL-3", "TA-BIND-*"])
    assert [result for result in report.results if result.outcome != "pass"] == []
    assert content(theirs) == before


def test_a_script_that_does_not_end_on_ours_is_not_run_on_theirs(theirs: Server, tmp_path: Path) -> None:
    path = tmp_path / "loops.lua"
    path.write_text("while true do end")
    script_module.CALL_DEADLINE_S, kept = 0.5, script_module.CALL_DEADLINE_S
    try:
        with Judge("lua", str(path), theirs.url) as judge, pytest.raises(CannotRun, match="it was not run on yours"):
            _ = judge.subject
    finally:
        script_module.CALL_DEADLINE_S = kept


@pytest.mark.long
@pytest.mark.usefixtures("quick")
def test_a_script_that_loops_on_theirs_only_is_stopped_there(theirs: Server, tmp_path: Path) -> None:
    before = content(theirs)
    path = tmp_path / "sly.lua"
    path.write_text("if ARGV[1] ~= 'zh:en' and ARGV[1] ~= 'zh:fr' then while true do end end return nil")
    with (
        pytest.raises(CannotRun, match="it was stopped with SCRIPT KILL"),
        Judge("lua", str(path), theirs.url) as judge,
    ):
        verify(judge, ["TA-SEL-1"])
    assert content(theirs) == before


A_SECOND = """
local function now() local t = redis.call('TIME') return t[1] + t[2] / 1e6 end
local began = now()
for i = 1, 1e12 do if i % 1000 == 0 and now() - began > 1 then return 'whole' end end
"""


@pytest.mark.usefixtures("quick")
def test_a_script_of_theirs_that_takes_long_is_not_stopped(theirs: Server, tmp_path: Path) -> None:
    path = tmp_path / "right.lua"
    path.write_text(RIGHT)
    with Judge("lua", str(path), theirs.url) as judge:
        subject = judge.subject
        connection = theirs.client().connection_pool.get_connection()
        connection.send_command("EVAL", A_SECOND, 0)
        with pytest.raises(CannotRun, match="busy with a script that is not ours"):
            until = time.monotonic() + 1
            while time.monotonic() < until:
                subject.select("zh:en", None, None)
        assert connection.read_response() == "whole"


@pytest.mark.long
def test_whose_script_a_server_runs_is_told_by_its_call(theirs: Server) -> None:
    call = ("EVAL", A_SECOND, "0")
    observers = [Observer(theirs), Observer(theirs)]
    connection = theirs.client().connection_pool.get_connection()
    connection.send_command(*call)
    assert observers[0].runs(call, 10)
    assert not observers[1].runs(("EVALSHA", "0" * 40, "0", "zh:en", "", ""), 0.5)
    assert connection.read_response() == "whole"
    for observer in observers:
        observer.close()


def test_where_no_user_can_be_made_a_script_is_refused_without_trust(
    theirs: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs.client().acl_setuser("no-admin", enabled=True, passwords=["+pw"], keys=["*"], commands=["+@all", "-acl"])
    url = replace(parse_address(theirs.url), user="no-admin", password="pw").url
    path = tmp_path / "right.lua"
    path.write_text(RIGHT)
    arguments = ["verify", "--lua", str(path), "--server", url, "--rule", "TA-SEL-7"]
    before = content(theirs)

    assert run(arguments) == 3
    said = capsys.readouterr().err
    assert "with no user of its own on a server that is not ours: the server makes no user for the run" in said
    assert "or, if you know the script, --trust-script" in said
    assert run([*arguments, "--trust-script"]) == 1  # incomplete, since filtered
    assert "incomplete" in capsys.readouterr().out
    assert content(theirs) == before


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.soak)]
)
def test_an_interrupted_run_leaves_neither_keys_nor_its_user(
    number: int, status: int, theirs: Server, tmp_path: Path
) -> None:
    before = content(theirs)
    path = tmp_path / "right.lua"
    path.write_text(RIGHT)
    folder = tmp_path / "tmp"
    folder.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "turnaffinity.cli.main", "verify", "--lua", str(path), "--server", theirs.url],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"TMPDIR": str(folder)},
    )  # fmt: skip
    until = time.monotonic() + 60
    while not theirs.client().keys("scheduler:turn:*") and time.monotonic() < until:
        assert process.poll() is None
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == status, (out, err)
    assert b"Traceback" not in err
    assert content(theirs) == before
    assert list(folder.iterdir()) == []


def _runs_a_script(socket: Path) -> bool:
    with redis.Redis(unix_socket_path=str(socket)) as client, suppress(redis.ConnectionError):
        return "cmdstat_evalsha" in client.info("commandstats")
    return False


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 2])
def test_a_signal_within_a_case_ends_the_run_and_is_no_failed_case(tmp_path: Path, workers: int) -> None:
    slow = "for i = 1, 3e7 do end return nil"
    path = tmp_path / "slow.lua"
    path.write_text(slow)
    folder = Path(tempfile.mkdtemp(prefix="ta-", dir="/tmp"))  # a short path: a socket lies in it
    process = subprocess.Popen(
        [sys.executable, "-m", "turnaffinity.cli.main", "verify", "--lua", str(path), "-n", str(workers)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"TMPDIR": str(folder)},
    )  # fmt: skip
    until = time.monotonic() + 60
    while not any(_runs_a_script(path) for path in folder.glob("ta-*/s")):
        assert process.poll() is None
        assert time.monotonic() < until
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143, (out, err)
    assert list(folder.iterdir()) == []
    folder.rmdir()


def test_clean_deletes_the_user_of_a_killed_run_too(theirs: Server) -> None:
    before = content(theirs)
    theirs.client().acl_setuser(user_of(SEED), enabled=True)
    assert clean_up(parse_address(theirs.url), KeyLayout(), SEED)[0]["user"] == 1
    assert content(theirs) == before


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"\xff\xfe", "is not UTF-8 text"), (b"-" * (2 << 20), "has more than 1 MiB"), (None, "No such file")],
)
def test_a_file_that_is_no_script_is_a_sentence(data: bytes | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "x.lua"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(Problem, match=said):
        read_script(path)
    with pytest.raises(Problem):
        read_script(Path("a\0b"))
