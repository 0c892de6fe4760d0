"""How does pytest judge? Options, the `stage` fixture, and each case's outcome as plain data.

Loaded by `conformance/conftest.py`, or with `-p turnaffinity.judging.plugin`.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable, Generator
from dataclasses import asdict
from typing import Any

import pytest

from turnaffinity.contract.rules import judged_only_with_faults, matching
from turnaffinity.judging.cases import Case, case_of
from turnaffinity.judging.verdict import CaseResult, unanswered
from turnaffinity.problem import Problem
from turnaffinity.server import token
from turnaffinity.showing.finding import finding
from turnaffinity.showing.names import Names
from turnaffinity.stage.evidence import Follows, NotJudged, NotRun, Violation
from turnaffinity.stage.judge import Judge
from turnaffinity.stage.stage import SITES, Stage
from turnaffinity.subjects.subject import CannotGoOn

NAME = "turnaffinity-judge"
RESULT = "turnaffinity_result"
STAGE = pytest.StashKey[Stage]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of `turnaffinity verify` that say what is judged, and on which server."""
    group = parser.getgroup("turnaffinity", "turn affinity: what is judged")
    group.addoption("--lua", metavar="FILE", help="judge this select_node.lua")
    group.addoption("--adapter", metavar="CMD", help="judge this adapter: a command, or unix:///PATH")
    group.addoption("--server", metavar="SPEC", help="embedded (default), redis, fake, cluster or a URL")
    group.addoption(
        "--reading",
        metavar="NAME",
        default="intent",
        help="a named reading, or D1=..,D4=..",
    )
    group.addoption("--layout", metavar="FILE", help="TOML file with the names of the keys")
    group.addoption("--rule", metavar="GLOB", action="append", default=[], help="only these rules")
    group.addoption("--seed", metavar="N", type=int, default=0, help="where the fresh names come from")
    group.addoption("--faults", action="store_true", help="add the cases of broken connections and servers")
    group.addoption("--tcp", action="store_true", help="give the adapter a loopback address")
    group.addoption("--deadline", metavar="LIST", help="hello=S,op=S,bye=S")


def pytest_configure(config: pytest.Config) -> None:
    """Judge what the options name, unless `verify` has put its own judge in place."""
    if not config.pluginmanager.has_plugin(NAME):
        in_worker = hasattr(config, "workerinput")  # of pytest-xdist
        plugin = JudgePlugin(_judge_from(config), _rules_from(config), owns_judge=True, in_worker=in_worker)
        config.pluginmanager.register(plugin, NAME)


def _judge_from(config: pytest.Config) -> Judge:
    from pathlib import Path

    from turnaffinity.contract.decisions import parse_reading
    from turnaffinity.contract.layout import load_layout

    option = config.option
    try:
        layout = load_layout(Path(option.layout) if option.layout else None)
        reading = parse_reading(option.reading)
    except (Problem, ValueError) as error:
        raise pytest.UsageError(str(error)) from error
    if option.lua and option.adapter:
        raise pytest.UsageError("--lua and --adapter name two implementations; judge one at a time")
    kind: Any = "lua" if option.lua else "adapter" if option.adapter else "reference"
    return Judge(
        kind, option.lua or option.adapter or "", option.server, reading, layout=layout, seed=option.seed,
        tcp=option.tcp, deadlines=option.deadline, faults=option.faults,
    )  # fmt: skip


def _rules_from(config: pytest.Config) -> tuple[str, ...]:
    for glob in config.option.rule:
        if not matching(glob):
            raise pytest.UsageError(f'--rule: "{glob}" matches no rule')
    return tuple(glob.upper() for glob in config.option.rule)


class JudgePlugin:
    """One run: which cases are collected, what they play on, and what came of them."""

    def __init__(
        self,
        judge: Judge,
        rules: tuple[str, ...] = (),
        *,
        progress: Callable[[int, int], None] | None = None,
        owns_judge: bool = False,
        in_worker: bool = False,
    ) -> None:
        self.judge = judge
        self.rules = rules
        self.results: list[CaseResult] = []
        self.order: list[str] = []
        """The names of the planned cases, in the suite's order."""
        self.interrupted = False
        self.problem: Problem | None = None
        self.leaving: SystemExit | None = None
        """What a signal raised that told the run to end."""
        self._progress = progress
        self._tell: Callable[[CaseResult], None] | None = None
        self._owns_judge = owns_judge
        self.in_worker = in_worker

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run a case once for each call site or closing reason that it asks for; its id names the rule."""
        case = case_of(metafunc.function)
        if case is None:
            return
        axes = {"site": SITES, "reason": ("manual", "timeout")}
        wanted = [name for name in axes if name in metafunc.fixturenames]
        for name in wanted:
            metafunc.parametrize(name, axes[name])
        metafunc.fixturenames.append("rule_id")
        metafunc.parametrize("rule_id", [case.rule])

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keep the cases of this profile, and of the rules that were asked for."""
        kept = [item for item in items if self._wanted(item)]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
        items[:] = kept
        self.order = [item.nodeid.partition("::")[2] for item in kept]

    @property
    def planned(self) -> int:
        """How many cases there are to run."""
        return len(self.order)

    def become(self, judge: Judge, tell: Callable[[CaseResult], None]) -> None:
        """In a worker of `-n`: play on its judge, and tell each result instead of keeping it."""
        self.judge, self._tell = judge, tell

    def keep(self, result: CaseResult) -> None:
        """Keep a case's result, also one that a worker found."""
        if self._tell:
            self._tell(result)
            return
        self.results.append(result)
        if self._progress:
            self._progress(len(self.results), self.planned)

    def _wanted(self, item: pytest.Item) -> bool:
        case = case_of(getattr(item, "function", None))
        if case is None or not case.profiles & self.judge.profiles():
            return False
        if self.judge.kind == "adapter" and "S" not in case.profiles:
            return False
        if judged_only_with_faults(case.rule) and not self.judge.faults:
            return False
        return not self.rules or any(fnmatch.fnmatchcase(case.rule, glob) for glob in self.rules)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        """Turn what the case raised into a result, as a property of the report."""
        report = yield
        case = case_of(getattr(item, "function", None))
        error = call.excinfo.value if call.excinfo else None
        if isinstance(error, SystemExit):  # SIGTERM or SIGHUP, of which pytest would make a failed case
            self.leaving = error
            pytest.exit("told to end")
        if isinstance(error, CannotGoOn):
            self.problem = error
            pytest.exit(str(error), returncode=3)
        if case is None or (call.when != "call" and error is None):
            return report
        if isinstance(error, NotJudged):
            report.outcome = "skipped"
            report.longrepr = (str(item.path), 0, f"{error.outcome}: {error.reason}")
        elif isinstance(error, Violation):
            report.longrepr = told_failure(case.rule, error, item.stash.get(STAGE, None))
        if call.when in {"setup", "call"}:
            made = item.stash.get(STAGE, None)
            result = result_of(case, item.name, made, error, call.duration)
            report.user_properties.append((RESULT, json.dumps(asdict(result))))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the results, also those that come from a process of pytest-xdist."""
        if self.in_worker:  # they travel with the report to the process that reports
            return
        for name, value in report.user_properties:
            if name == RESULT:
                self.keep(_revived(json.loads(str(value))))
                report.user_properties.remove((name, value))
                break

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Remember that a signal told the run to end between two cases."""
        if isinstance(excinfo.value, SystemExit):
            self.leaving = excinfo.value

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self) -> None:
        """Remember that the user stopped the run, before pytest's own report of it can fail."""
        self.interrupted = True

    def pytest_unconfigure(self) -> None:
        """End the subjects and the server of a run that pytest started; `verify` ends its own."""
        if self._owns_judge:
            self.judge.close()


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Stage:
    """A cleared server with fresh names, for one case."""
    plugin: Any = request.config.pluginmanager.get_plugin(NAME)
    judge: Judge = plugin.judge
    try:
        if getattr(judge.subject, "exhausted", False):
            raise NotRun("the run was given up: too many restarts, or deadlines missed in a row")
        judge.clear()
        case = case_of(request.node.function)
        made = Stage(judge, request.node.name, rule=case.rule if case else "")
    except Problem as problem:
        plugin.problem = problem
        pytest.exit(str(problem), returncode=3)
    request.node.stash[STAGE] = made
    return made


def result_of(case: Case, name: str, made: Stage | None, error: BaseException | None, seconds: float) -> CaseResult:
    """One case's outcome as plain data: `made` is its stage, `error` what it raised."""
    rule = case.rule
    common: dict[str, Any] = {"title": case.title, "seconds": seconds}
    if made is not None:
        common |= {
            "warnings": tuple(made.warnings),
            "notes": tuple(made.notes),
            "saw": tuple(made.saw),
            "draws": made.draws,
        }
    if error is None:
        return CaseResult(rule, name, "warn" if common.get("warnings") else "pass", **common)
    if isinstance(error, NotJudged):
        follows = (error.owner,) if isinstance(error, Follows) else ()
        return CaseResult(rule, name, error.outcome, reason=error.reason, follows=follows, **common)
    steps = tuple(made.steps) if made is not None else ()
    if isinstance(error, Violation):
        return CaseResult(
            rule, name, "fail", expected=error.expected, observed=error.observed, wire=error.wire_as_data(),
            steps=steps, unanswered=unanswered(rule, error), **common,
        )  # fmt: skip
    observed = f"{type(error).__name__}: {error}"
    return CaseResult(rule, name, "fail", expected="the case to run", observed=observed, steps=steps, **common)


def told_failure(rule: str, error: Violation, stage: Stage | None) -> str:
    """A failure as pytest prints it: expected, observed, and the commands with the broken ones marked."""
    found = {"expected": error.expected, "observed": error.observed, "wire": error.wire_as_data()}
    names = Names(stage.layout, token(stage.judge.seed)) if stage else Names()
    return "\n".join([rule, *(f"  {line}" for line in finding(found, names).lines())])


def _revived(data: dict[str, Any]) -> CaseResult:
    for name in ("wire", "warnings", "notes", "steps", "follows"):
        data[name] = tuple(data[name])
    data["saw"] = tuple((decision, choice) for decision, choice in data["saw"])
    return CaseResult(**data)
