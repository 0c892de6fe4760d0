"""Does `verify` leave with the status that it states, and with nothing else left behind?"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from command_line import typed

from turnaffinity.judging.run import run_suite
from turnaffinity.notebook import readme
from turnaffinity.server import open_server
from turnaffinity.stage.judge import Judge

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "lua/select_node.lua"
PYTHON = ROOT / "conformance/implementations/python/run"
CLI = [sys.executable, "-m", "turnaffinity.cli.main"]
DEADLINE_S = 60.0


def run(*options: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return typed(*options, **environment)


def error_of(done: subprocess.CompletedProcess[str]) -> str:
    assert "Traceback" not in done.stderr
    return done.stderr


def test_the_reference_conforms_on_a_page_of_a_hundred_columns_that_the_readme_shows() -> None:
    ran = readme.verified()
    assert ran.status == 0, ran
    assert ran.printed[-1].startswith("conforms: ")
    assert max(map(len, ran.printed)) <= 100
    text = readme.README.read_text(encoding="utf-8")
    assert readme.block(text, "verify") == readme.verify_block(ran)  # else: python -m turnaffinity.notebook.readme


def test_a_filtered_run_that_fails_nothing_is_incomplete_and_says_which_rules_it_was(tmp_path: Path) -> None:
    out = tmp_path / "r.json"
    done = run("verify", "--lua", SCRIPT, "--rule", "ta-never-*", "--json", out)
    report = json.loads(out.read_text())
    assert (done.returncode, report["verdict"], report["filtered"]) == (1, "incomplete", ["TA-NEVER-*"])
    assert {rule["id"] for rule in report["rules"]} == {"TA-NEVER-1", "TA-NEVER-3"}
    assert "only TA-NEVER-*" in " ".join(done.stdout.split())


def test_a_script_that_does_not_compile_is_named_with_its_line_and_the_servers_message(tmp_path: Path) -> None:
    script, out = tmp_path / "mine.lua", tmp_path / "r.json"
    script.write_text("local pair = ARGV[1]\nif pair then\n")
    done = run("verify", "--lua", script, "--json", out)
    assert done.returncode == 3
    assert "mine.lua, line 2" in error_of(done) or "mine.lua, line 3" in error_of(done)
    assert "'end' expected" in done.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "status", "sentence"),
    [
        (["--lua", "nowhere.lua"], 2, "nowhere.lua: No such file or directory"),
        (["--server", "redis://127.0.0.1:1"], 3, "redis://127.0.0.1:1/0: nobody listens there"),
        (["--server", "redis://127.0.0.1:1", "-n", "2"], 2, "-n: gives each worker a server of its own"),
        (["--adapter", "unix:///nowhere", "-n", "2"], 2, "-n: gives each worker an adapter of its own"),
        (["--rule", "TA-SEL-99"], 2, '"TA-SEL-99" matches no rule'),
        (["--json", "nowhere/r.json"], 2, "there is no folder nowhere"),
        (["--html", "/proc/r.html"], 2, "/proc/r.html"),
        (["--html", "tests"], 2, "tests: is a folder"),
        (["--junit", "a.out", "--html", "a.out"], 2, "is named by two options"),
        (["--capsules", "README.md"], 2, "README.md: is a file"),
        (["--lua", "a.lua", "--adapter", "b"], 2, "name two implementations"),
        (["--deadline", "op=5"], 2, "is how long an adapter may take"),
        (["--reading", "sideways"], 2, '"sideways" is no reading'),
        (["--lang", "fr"], 2, '"fr" is no language of ours'),
        (["--adapter", "./no-such-adapter"], 3, "no-such-adapter"),
        (["--adapter", "/bin/false"], 3, "ended with status 1"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else None,
)  # fmt: skip
def test_what_cannot_be_judged_gets_a_sentence_and_its_status(options: list[str], status: int, sentence: str) -> None:
    done = run("verify", *options, TURNAFFINITY_REDIS_URL="")
    assert done.returncode == status, done.stderr
    assert sentence in error_of(done)
    assert done.stdout == ""


def test_a_database_that_holds_keys_of_a_scheduler_is_refused_and_left_as_it_was() -> None:
    with open_server(tcp=True) as server, server.client() as client:
        client.hset("scheduler:session:real", "current_turn_id", "t1")
        done = run("verify", "--server", server.url)
        assert done.returncode == 3
        assert "scheduler:session:real" in error_of(done)
        assert client.keys("*") == ["scheduler:session:real"]


FIVE_REQUESTS = """#!{python}
import subprocess, sys
with subprocess.Popen(["{adapter}"], stdin=subprocess.PIPE) as right:
    for _ in range(5):
        line = sys.stdin.buffer.readline()
        right.stdin.write(line)
        right.stdin.flush()
        if b'"bye"' in line:
            break
"""


@pytest.mark.long
def test_an_adapter_that_dies_in_the_middle_fails_its_case_and_not_the_run(tmp_path: Path) -> None:
    adapter = tmp_path / "run"
    adapter.write_text(FIVE_REQUESTS.format(python=sys.executable, adapter=PYTHON))
    adapter.chmod(0o755)
    out = tmp_path / "r.json"
    done = run("verify", "--adapter", adapter, "--rule", "TA-TURN-2", "--json", out)
    assert done.returncode == 1, done.stderr
    assert json.loads(out.read_text())["verdict"] == "violates"


def test_list_names_the_cases_and_runs_none() -> None:
    done = run("verify", "--list", "--rule", "TA-NEVER-1", TURNAFFINITY_REDIS_URL="redis://127.0.0.1:1")
    assert done.returncode == 0
    assert done.stdout.splitlines()
    assert all(line.startswith("TA-NEVER-1 ") for line in done.stdout.splitlines())


@pytest.mark.long
def test_a_seed_repeated_gives_the_same_names_and_another_one_others(tmp_path: Path) -> None:
    script = tmp_path / "nil.lua"
    script.write_text("return false\n")

    def expected(seed: int) -> list[str]:
        out = tmp_path / "r.json"
        run("verify", "--lua", script, "--rule", "TA-SEL-1", "--seed", str(seed), "--json", out)
        return [failure["expected"] for rule in json.loads(out.read_text())["rules"] for failure in rule["failures"]]

    first = expected(11)
    assert first
    assert expected(11) == first
    assert expected(12) != first


LAYOUT = 'turn = "my:turn:{turn_id}"\nsession = "my:session:{session_id}"\n'


@pytest.mark.parametrize(
    "judged",
    [pytest.param(name, marks=pytest.mark.soak) for name in ("reference", "lua", "adapter")]
    + [pytest.param("broken", marks=pytest.mark.long)],
)
def test_workers_find_what_a_serial_run_finds(tmp_path: Path, judged: str) -> None:
    layout = tmp_path / "layout.toml"
    layout.write_text(LAYOUT)
    broken = tmp_path / "broken.lua"
    broken.write_text("return redis.call('SRANDMEMBER', 'lingua:v1:pool:' .. ARGV[1] .. ':0:nodes')\n")
    # right only where the layout reaches whoever judges it
    fits = tmp_path / "fits.lua"
    fits.write_text(SCRIPT.read_text(encoding="utf-8").replace("scheduler:turn:", "my:turn:"), encoding="utf-8")
    subjects = {"lua": ["--lua", fits], "broken": ["--lua", broken], "adapter": ["--adapter", PYTHON]}
    subject = subjects.get(judged, [])

    def report(*options: str) -> dict[str, object]:
        out = tmp_path / "r.json"
        rules = ["--rule", "TA-KEY-1", "--rule", "TA-WRITE-[35]", "--rule", "TA-SEL-1"]
        done = run("verify", *subject, "--layout", layout, "--seed", "5", *rules, *options, "--json", out)
        assert done.returncode == 1, done.stderr
        found = json.loads(out.read_text())
        kept = ("id", "status", "cases", "reasons")
        rules_found = [
            {name: rule[name] for name in kept} | {"failed": [failure["case"] for failure in rule["failures"]]}
            for rule in found["rules"]
        ]
        return {**{name: found[name] for name in ("verdict", "planned", "executed", "decisions")}, "rules": rules_found}

    serial = report()
    assert serial["verdict"] == ("violates" if judged == "broken" else "incomplete")
    assert report("-n", "2") == serial


def test_a_problem_in_a_worker_ends_the_run_with_its_sentence(tmp_path: Path) -> None:
    # the adapter answers the process that deals out and no other
    adapter = tmp_path / "run"
    adapter.write_text(f'#!/bin/sh\nmkdir "{tmp_path}/once" 2>/dev/null || exit 9\nexec "{PYTHON}"\n')
    adapter.chmod(0o755)
    done = run("verify", "--adapter", adapter, "--rule", "TA-NEVER-2", "-n", "2")
    assert done.returncode in (1, 3)
    assert "status 9" in done.stdout + error_of(done)


def until(condition, what: str):  # type: ignore[no-untyped-def]
    end = time.monotonic() + DEADLINE_S
    while not (found := condition()):
        assert time.monotonic() < end, what
        time.sleep(0.05)
    return found


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    "everybody", [pytest.param(True, id="group", marks=pytest.mark.long), pytest.param(False, id="process")]
)
def test_ctrl_c_leaves_no_process_and_no_folder(tmp_path: Path, workers: int, everybody: bool) -> None:
    process = subprocess.Popen(
        [*CLI, "verify", "-n", str(workers)], cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        servers = max(1, workers) + bool(workers)
        until(lambda: len(list(tmp_path.glob("ta-*/s"))) >= servers or process.poll() is not None, "servers up")
        family = psutil.Process(process.pid).children(recursive=True)
        assert process.poll() is None
        if everybody:
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=DEADLINE_S)
        # CPython ends itself by SIGINT if the key came within an exec() of text (making a dataclass): 130 in a shell
        assert process.returncode in (130, -signal.SIGINT), stderr
        assert "Traceback" not in stderr
        _, alive = psutil.wait_procs(family, timeout=DEADLINE_S)
        assert alive == []
        until(lambda: not list(tmp_path.glob("ta-*")), "the servers' folders gone")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


LOSES = """
import signal, time
from turnaffinity.cli import main
class Loses:
    def __del__(self): signal.raise_signal({number})
class Command:
    def main(self, **_):
        Loses()
        time.sleep({seconds})
main.typer.main.get_command = lambda app: Command()
main.main([])
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_that_python_loses_in_a_del_ends_the_command_all_the_same(number: int, status: int) -> None:
    source = LOSES.format(number=int(number), seconds=DEADLINE_S)
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    assert done.returncode == status, done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_run_is_interrupted_also_where_pytest_cannot_print_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    # seen with Python 3.11, whose traceback had an entry without a line number; pytest 9.2 subtracts one from it
    def fails(*_: object) -> None:
        raise TypeError("unsupported operand type(s) for -: 'NoneType' and 'int'")

    def pressed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("_pytest.terminal.TerminalReporter.pytest_keyboard_interrupt", fails)
    with Judge("lua", str(SCRIPT), seed=1) as judge, pytest.raises(KeyboardInterrupt):
        run_suite(judge, ("TA-LUA-1",), progress=pressed)


def test_ctrl_c_leaves_no_key_on_a_server_that_is_not_ours() -> None:
    with open_server(tcp=True) as server, server.client() as client:
        client.set("theirs", "1")
        process = subprocess.Popen(
            [*CLI, "verify", "--server", server.url], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True, start_new_session=True,
        )  # fmt: skip
        try:
            until(lambda: client.dbsize() > 3, "the run to make keys")
            os.killpg(process.pid, signal.SIGINT)
            _, stderr = process.communicate(timeout=DEADLINE_S)
            assert (process.returncode, client.keys("*")) == (130, ["theirs"]), stderr
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
