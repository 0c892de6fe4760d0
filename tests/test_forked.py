"""Does work that is shared out among processes come back, whatever becomes of one of them?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from turnaffinity.judging.cores import cores_at_hand
from turnaffinity.judging.forked import Take, Tell, forked
from turnaffinity.judging.run import verify
from turnaffinity.judging.workers import MOST_WORKERS, workers_for
from turnaffinity.problem import CannotRun, Problem
from turnaffinity.stage.judge import Judge
from turnaffinity.subjects.reference import ReferenceSubject

DEADLINE_S = 60


def still_at_work(members: list[psutil.Process]) -> list[psutil.Process]:
    """Those that do not end; one that nobody has asked for its status yet has ended."""
    until = time.monotonic() + DEADLINE_S
    while (left := [member for member in members if _runs(member)]) and time.monotonic() < until:
        time.sleep(0.01)
    return left


def _runs(member: psutil.Process) -> bool:
    try:
        return member.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def doubled(number: int, take: Take, tell: Tell) -> None:
    while (task := take()) is not None:
        tell((task, 2 * task))


def test_every_task_is_done_once_by_as_many_processes_as_are_asked_for() -> None:
    def with_process(number: int, take: Take, tell: Tell) -> None:
        tell((number, os.getpid()))
        doubled(number, take, tell)

    told = list(forked(range(100, 400), with_process, 3))
    members = {number: pid for number, pid in told if number < 100}
    assert sorted(told, key=lambda pair: pair[0])[3:] == [(task, 2 * task) for task in range(100, 400)]
    assert sorted(members) == [0, 1, 2]
    assert len({os.getpid(), *members.values()}) == 4


def test_one_that_is_killed_takes_no_other_with_it() -> None:
    def fragile(number: int, take: Take, tell: Tell) -> None:
        while (task := take()) is not None:
            if task == 7:
                os.kill(os.getpid(), signal.SIGKILL)
            tell(task)

    assert sorted(forked(range(50), fragile, 2)) == [task for task in range(50) if task != 7]


def test_whoever_stops_taking_ends_the_others_in_order(tmp_path: Path) -> None:
    def endless(number: int, take: Take, tell: Tell) -> None:
        try:
            tell(os.getpid())
            while True:
                signal.pause()
        finally:
            (tmp_path / str(number)).touch()

    telling = forked(range(2), endless, 2)
    members = [psutil.Process(next(telling)) for _ in range(2)]
    telling.close()  # type: ignore[attr-defined]
    assert still_at_work(members) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1"]


PARENT = """
import os, time
from turnaffinity.judging.forked import forked

def work(number, take, tell):
    tell(os.getpid())
    while take() is not None:
        time.sleep(0.01)

for told in forked(range(10**6), work, 2):
    print(told, flush=True)
"""


def test_without_the_process_that_shares_out_no_further_task_is_taken() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    members = [psutil.Process(int(parent.stdout.readline())) for _ in range(2)]
    parent.kill()
    parent.wait()
    assert still_at_work(members) == []
    parent.stdout.close()


def test_a_run_says_so_if_a_worker_died(monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(ReferenceSubject, "select", dies)
    with Judge() as judge, pytest.raises(CannotRun, match="never came back: a worker died"):
        verify(judge, ["TA-SEL-5", "TA-KEY-1"], workers=2)


def test_a_run_says_so_if_a_worker_died_at_the_protocols_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnaffinity.judging.run._protocol_checks", lambda judge: os.kill(os.getpid(), signal.SIGKILL))
    with Judge() as judge, pytest.raises(CannotRun, match="protocol's checks never came back: a worker died"):
        verify(judge, ["TA-KEY-1"], workers=2)


def test_what_the_protocols_checks_raise_in_a_worker_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(judge: Judge) -> None:
        raise Problem("the adapter", "speaks in riddles", "ask again")

    monkeypatch.setattr("turnaffinity.judging.run._protocol_checks", raises)
    with Judge() as judge, pytest.raises(Problem, match="speaks in riddles"):
        verify(judge, ["TA-KEY-1"], workers=2)


@pytest.mark.parametrize(
    ("judge", "shared"),
    [
        (Judge(), True),
        (Judge("adapter", "./run"), True),
        (Judge(server_spec="fake"), True),
        (Judge(server_spec="redis://127.0.0.1:6379/9"), False),
        (Judge("adapter", "unix:///tmp/adapter"), False),
    ],
)
def test_a_run_is_shared_out_among_the_cores_where_each_worker_can_have_its_own(judge: Judge, shared: bool) -> None:
    assert workers_for(judge) == (min(cores_at_hand(), MOST_WORKERS) if shared else 1)


@pytest.mark.long
def test_an_adapters_protocol_is_judged_with_workers_as_without() -> None:
    adapter = Path(__file__).parents[1] / "conformance/implementations/python/run"

    def checks(workers: int) -> list[tuple[str, str]]:
        with Judge("adapter", str(adapter)) as judge:
            found = verify(judge, ["TA-KEY-1"], workers=workers).protocol
        return [(check["id"], check["status"]) for check in found]

    assert checks(2) == checks(0) != []
