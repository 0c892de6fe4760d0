"""Does the command line print the same on a page in every run, and does a recording hold all that was sent?"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from turnaffinity.notebook import Shell, open_stage
from turnaffinity.problem import Problem


@pytest.mark.long
def test_a_command_prints_the_same_in_every_run_and_knows_its_exit_status() -> None:
    pages = []
    for _ in range(2):
        shell = Shell()
        shell.put("nil.lua", "return false\n")
        ran = shell.run("turnaffinity verify --lua nil.lua --rule TA-SEL-1 --seed 0")
        assert ran.status == 1
        pages.append(repr(ran))
    assert pages[0] == pages[1]
    assert "TA-SEL-1" in pages[0]
    assert "\x1b" not in pages[0]
    assert str(shell.path) not in pages[0]


def test_a_kernel_that_asks_for_colours_gets_none_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in repr(Shell().run("turnaffinity rules TA-SEL-1"))


def test_parts_of_an_output_are_shown_with_the_command_and_the_status() -> None:
    ran = Shell().run("turnaffinity rules TA-SEL-1")
    assert ran.only("^TA-SEL-1").lines()[0] == "$ turnaffinity rules TA-SEL-1"
    assert ran.only("^TA-SEL-1").lines()[1].startswith("TA-SEL-1")
    assert ran.only("no such line").lines()[1] == "(nothing that matches)"
    assert ran.last(1).lines()[1:] == [ran.printed[-1], "exit status 0"]


def test_another_program_is_not_run() -> None:
    with pytest.raises(Problem, match="is not run here"):
        Shell().run("rm -rf x")


def test_the_folder_goes_with_the_shell_and_with_a_process_that_is_killed() -> None:
    shell = Shell()
    shell.put("a.txt", "a")
    shell.close()
    assert not shell.path.exists()
    make = "from turnaffinity.notebook import Shell; shell = Shell(); print(shell.path, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", make], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        path = Path(process.stdout.readline().strip())
        assert path.is_dir()
        process.kill()
    deadline = time.monotonic() + 30
    while path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not path.exists()


def test_a_recording_ends_with_the_last_command_of_its_block() -> None:
    shell, stage = Shell(), open_stage()
    try:
        with shell.recording(stage, "t.log"):
            stage.speak("ann", "max_duration", "manual")
        assert stage.open_turn("ann") is None
    finally:
        stage.close()
    lines = (shell.path / "t.log").read_text().splitlines()
    assert sum('"hset" "scheduler:session:ann"' in line.lower() for line in lines) == 1
    assert sum('"hdel" "scheduler:session:ann"' in line.lower() for line in lines) == 1
    assert "ECHO" in lines[-1].upper()
