"""How is a run shared out among processes? Each worker has a judge, a server and a subject of its own.

A worker takes file after file of the suite; names come from the seed and the case alone, so that its cases are the same
as in a serial run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pytest

from turnaffinity.judging.cores import cores_at_hand, keep_to_core
from turnaffinity.judging.forked import Take, Tell, Work, forked
from turnaffinity.problem import CannotRun, Problem
from turnaffinity.server import URL_VARIABLE
from turnaffinity.stage.judge import Judge

if TYPE_CHECKING:
    from turnaffinity.judging.plugin import JudgePlugin

Beside = Callable[[Judge], list[dict[str, Any]]]
MOST_WORKERS = 4
"""How many there are at most if nobody says how many: each starts a server and several processes of the subject."""
AT_ONCE = 12
"""How many cases of one file a worker takes at once: a whole file may take longer than all others together."""


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


def workers_for(judge: Judge) -> int:
    """How many workers judge if nobody says how many: one for each core, where they are not in each other's way."""
    try:
        check_shareable(judge)
    except Problem:
        return 1
    return min(cores_at_hand(), MOST_WORKERS)


class Sharing:
    """A pytest plugin that has the collected cases judged by workers, and puts what they found into the judge's own.

    `beside` is done with a worker's judge, too; `found` is what it returned, None if it never came back.
    """

    def __init__(self, plugin: JudgePlugin, workers: int, beside: Beside | None = None) -> None:
        self._plugin, self._workers, self._beside = plugin, workers, beside
        self.found: list[dict[str, Any]] | None = None if beside else []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Share the cases out by the dozen, those of the files with the most first, and wait for the results."""
        files = [list(items) for _, items in groupby(session.items, key=lambda item: item.path)]
        files.sort(key=len, reverse=True)
        dozens = [file[start : start + AT_ONCE] for file in files for start in range(0, len(file), AT_ONCE)]
        tasks = range(-1 if self._beside else 0, len(dozens))
        for told in forked(tasks, self._work_on(dozens), min(self._workers, len(tasks))):
            if isinstance(told, Problem):
                self._plugin.problem = told
                pytest.exit(str(told), returncode=3)
            elif isinstance(told, list):
                self.found = told
            else:
                self._plugin.keep(told)
        return True

    def _work_on(self, dozens: Sequence[Sequence[pytest.Item]]) -> Work:
        def work(number: int, take: Take, tell: Tell) -> None:
            plugin = self._plugin
            if not plugin.judge.all_cores:
                keep_to_core(number)
            with replace(plugin.judge) as judge:
                plugin.become(judge, tell)
                try:
                    while (task := take()) is not None:
                        if task >= 0:
                            _judge(dozens[task])
                        elif self._beside:
                            tell(self._beside(judge))
                except Problem as problem:
                    tell(problem)
                except pytest.exit.Exception as error:
                    if plugin.leaving is not None:
                        raise plugin.leaving from None
                    tell(plugin.problem or CannotRun("the suite", str(error), "report this as a defect"))

        return work


def _judge(items: Sequence[pytest.Item]) -> None:
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
