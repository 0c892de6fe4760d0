"""How is a run shared out among processes? Each worker has a judge, a server and a subject of its own.

pytest-xdist deals the cases out; what it cannot know (the judge, a problem that stopped a worker) travels beside it as
plain data. Names come from the seed and the case alone, so that a worker's case is the same as in a serial run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from turnaffinity.contract.decisions import reading_from
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.judging.cores import keep_to_core
from turnaffinity.judging.judge import Judge
from turnaffinity.problem import CannotRun, Problem
from turnaffinity.server import URL_VARIABLE

INPUT = "turnaffinity_judge"
PROBLEM = "turnaffinity_problem"


def check_shareable(judge: Judge) -> None:
    """Raise `Problem` where workers would be in each other's way: on one foreign database, at one listening adapter."""
    spec = judge.server_spec or os.environ.get(URL_VARIABLE) or "embedded"
    if "://" in spec:
        what = "gives each worker a server of its own, and a URL names one that they would have to share"
        raise Problem("-n", what, "use --server embedded or --server redis, or leave -n out")
    if judge.kind == "adapter" and judge.target.startswith("unix://"):
        what = "gives each worker an adapter of its own, and this one listens by itself"
        raise Problem("-n", what, "name the adapter's command, or leave -n out")
    if judge.factory is not None:
        raise Problem("-n", "cannot hand an object of this process to another", "leave -n out")


def judge_as_text(judge: Judge) -> str:
    """A judge as JSON, for another process."""
    return json.dumps(
        {
            "kind": judge.kind, "target": judge.target, "server": judge.server_spec, "reading": judge.reading.as_dict(),
            "auto": judge.auto, "auto_looking": judge.auto_looking, "layout": judge.layout.model_dump(mode="json"),
            "seed": judge.seed, "tcp": judge.tcp, "deadlines": judge.deadlines, "faults": judge.faults,
            "acl": judge.acl, "trust_script": judge.trust_script, "all_cores": judge.all_cores,
        }
    )  # fmt: skip


def judge_from_text(text: str) -> Judge:
    """The judge that `judge_as_text` wrote down; it has no server and no subject yet."""
    data = json.loads(text)
    return Judge(
        data["kind"], data["target"], data["server"], reading_from(data["reading"]), auto=data["auto"],
        auto_looking=data["auto_looking"], layout=KeyLayout(**data["layout"]), seed=data["seed"], tcp=data["tcp"],
        deadlines=data["deadlines"], faults=data["faults"], acl=data["acl"],
        trust_script=data["trust_script"], all_cores=data["all_cores"],
    )  # fmt: skip


def problem_as_text(problem: Problem) -> str:
    """A problem as JSON, for the process that reports it."""
    return json.dumps([problem.exit_status, problem.where, problem.what, problem.mend])


def problem_from_text(text: str) -> Problem:
    """The problem that `problem_as_text` wrote down."""
    status, *parts = json.loads(text)
    return (CannotRun if status == CannotRun.exit_status else Problem)(*parts)


class Sharing:
    """A pytest plugin for the process that deals the cases out."""

    def __init__(self, judge: Judge, rules: Sequence[str], collected: Callable[[Sequence[str]], None]) -> None:
        self._judge, self._rules, self._collected = judge, tuple(rules), collected
        self.problem: Problem | None = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker whom it judges."""
        node.workerinput[INPUT] = json.dumps({"judge": judge_as_text(self._judge), "rules": self._rules})

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: Sequence[str]) -> None:
        """Learn which cases there are; every worker finds the same."""
        self._collected(ids)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Keep the first problem that stopped a worker."""
        told = getattr(node, "workeroutput", {}).get(PROBLEM)
        if told and self.problem is None:
            self.problem = problem_from_text(told)


def workers_task(config: pytest.Config) -> tuple[Judge, tuple[str, ...]] | None:
    """In a worker: the judge and the rules that it was told; None in any other process.

    The worker keeps to the core with its number from then on, unless the judge is to have all cores.
    """
    given = getattr(config, "workerinput", {})
    if INPUT not in given:
        return None
    data = json.loads(given[INPUT])
    judge = judge_from_text(data["judge"])
    if not judge.all_cores:
        keep_to_core(int(given["workerid"].removeprefix("gw")))
    return judge, tuple(data["rules"])


def tell_problem(config: pytest.Config, problem: Problem | None) -> None:
    """In a worker: say what stopped it; nothing in any other process."""
    output = getattr(config, "workeroutput", None)
    if output is not None and problem is not None:
        output[PROBLEM] = problem_as_text(problem)
