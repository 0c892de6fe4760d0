"""How is one case played again, by its name? The same function, seed and names, with some steps left out if wished."""

from __future__ import annotations

import contextlib
import inspect
import io
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from turnaffinity.judging.cases import Case, case_of
from turnaffinity.stage.judge import Judge
from turnaffinity.stage.stage import Stage, Step
from turnaffinity.subjects.subject import Broke, Subject

if TYPE_CHECKING:
    from turnaffinity.judging.verdict import CaseResult

LEFT_OUT = Broke("this request was left out")


@dataclass(frozen=True)
class Playable:
    """A case with its arguments, as pytest collected it."""

    case: Case
    name: str
    function: Callable[..., Any]
    arguments: dict[str, Any]


@dataclass
class SparingStage(Stage):
    """A stage that leaves some steps out: commands are not sent (their reply is None), requests not put.

    A case that needs the answer of a request left out fails otherwise than it did, which tells that it was needed.
    """

    left_out: Collection[int] = ()
    asked_steps: list[bool] = field(default_factory=list)
    """For each step that the case asked for, whether it was done."""

    def _spared(self) -> bool:
        self.asked_steps.append(len(self.asked_steps) not in self.left_out)
        return not self.asked_steps[-1]

    def do_all(self, commands: Sequence[Sequence[str | int]]) -> None:
        """As `Stage.do_all`, without the commands that are left out."""
        super().do_all([argv for argv in commands if not self._spared()])

    def look(self, *argv: str | int) -> Any:
        """As `Stage.look`; None where it is left out."""
        return None if self._spared() else super().look(*argv)

    def _ask(self, request: dict[str, Any], by: Subject | None, watch: bool) -> Step:
        if self._spared():
            return Step(request, LEFT_OUT, ())
        return super()._ask(request, by, watch)


def collected_cases(judge: Judge) -> dict[tuple[str, str], Playable]:
    """The cases of the judge's profile by (rule, name), as pytest names them; runs none."""
    import pytest

    from turnaffinity.judging.run import no_foreign_plugins, suite_arguments

    catcher = _Catcher(judge)
    with no_foreign_plugins(), contextlib.redirect_stdout(io.StringIO()):
        pytest.main([*suite_arguments(), "--collect-only"], plugins=[catcher])
    return {(each.case.rule, each.name): each for each in catcher.found}


class _Catcher:
    """Keeps what pytest collects."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self.found: list[Playable] = []

    def pytest_addoption(self, pluginmanager: Any) -> None:
        from turnaffinity.judging.plugin import NAME, JudgePlugin

        pluginmanager.register(JudgePlugin(self._judge), NAME)

    def pytest_collection_finish(self, session: Any) -> None:
        for item in session.items:
            case = case_of(item.function)
            params = item.callspec.params if hasattr(item, "callspec") else {}
            names = inspect.signature(item.function).parameters
            if case is not None:
                chosen = {name: value for name, value in params.items() if name in names}
                self.found.append(Playable(case, item.name, item.function, chosen))


def play(playable: Playable, judge: Judge, left_out: Collection[int] = ()) -> tuple[CaseResult, SparingStage]:
    """Play one case on a cleared server; returns its outcome and its stage.

    Raises `CannotRun` if the server or the subject cannot be run.
    """
    from turnaffinity.judging.plugin import result_of
    from turnaffinity.problem import Problem

    judge.clear()
    stage = SparingStage(judge, playable.name, rule=playable.case.rule, left_out=frozenset(left_out))
    started = time.monotonic()
    error: Exception | None = None
    try:
        playable.function(stage, **playable.arguments)
    except Problem:
        raise
    except Exception as raised:  # whatever a case raises is its outcome
        error = raised
    return result_of(playable.case, playable.name, stage, error, time.monotonic() - started), stage
