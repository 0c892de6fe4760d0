"""How does a run go? The protocol's checks, then the suite under pytest, then the verdict."""

from __future__ import annotations

import contextlib
import io
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from turnaffinity.contract.decisions import DEFAULT_READING, Reading, reading_from
from turnaffinity.contract.rules import RULES
from turnaffinity.judging.preflight import NO_NODE, finds_no_node
from turnaffinity.judging.suite import suite_folder
from turnaffinity.judging.verdict import (
    JUDGED,
    CaseResult,
    Report,
    decisions_seen,
    rule_reports,
    rules_in_scope,
    settled,
    single_choices,
)
from turnaffinity.judging.workers import Beside, Sharing, check_shareable
from turnaffinity.problem import CannotRun
from turnaffinity.server import token
from turnaffinity.shared_files import shared
from turnaffinity.stage.judge import Judge

if TYPE_CHECKING:
    from turnaffinity.judging.plugin import JudgePlugin

RUN_AGAIN = "run again with -n 1"
"""What mends a run whose worker died: one process judges, and there is no worker."""
Progress = Callable[[int, int], None]
"""Told (done, planned) after each case."""


@dataclass(frozen=True, slots=True)
class SuiteRun:
    """What came of the cases, how many were planned, and what the protocol's checks found."""

    results: tuple[CaseResult, ...]
    planned: int
    protocol: list[dict[str, Any]]


def verify(judge: Judge, rules: Sequence[str] = (), *, progress: Progress | None = None, workers: int = 0) -> Report:
    """Judge the subject and return the report; the judge is closed by the caller.

    An adapter that finds no node at all is told so in a sentence, and no case is run.
    With `judge.auto` the choices are found out first, from behaviour alone, and then held against the subject.
    Raises `CannotRun` if the subject or the server cannot be run, `Problem` if its input cannot be read.
    """
    started = time.monotonic()
    hello = judge.subject.hello
    unseen_choices: tuple[str, ...] = ()
    unrun = NO_NODE if judge.kind == "adapter" and finds_no_node(judge) else ""
    if unrun:
        judge.reading = DEFAULT_READING if judge.auto else judge.reading
        run = SuiteRun((), 0, [])  # the protocol's checks want a node, too
    else:
        if judge.auto:
            judge.reading, unseen_choices = _look_for_reading(judge, workers)
        run = run_suite(judge, tuple(rules), progress=progress, workers=workers, beside=_protocol_checks)
    profile = "lua" if judge.kind == "lua" else "scheduler"
    scope = rules_in_scope(profile, with_script=judge.kind == "reference", faults=judge.faults)
    if rules and not unrun:
        ran = {result.rule for result in run.results}
        scope = [rule for rule in scope if rule.id in ran]
    executed = sum(result.outcome in JUDGED for result in run.results)
    return Report(
        profile=profile,
        implementation={"name": hello.name, "version": hello.version, "language": hello.language,
                        "ops": sorted(hello.ops), "claims": hello.decisions},
        server=judge.server.name,
        reading=judge.reading,
        decisions=single_choices(decisions_seen(run.results)),
        seed=judge.seed,
        rules=rule_reports(scope, run.results, unrun),
        protocol=run.protocol,
        planned=run.planned,
        executed=executed,
        filtered=tuple(rules),
        auto=judge.auto,
        unseen_choices=unseen_choices,
        results=run.results,
        seconds=time.monotonic() - started,
        layout=judge.layout,
        scripts=getattr(judge.subject, "scripts", {}),
        mixed=bool(judge.beside),
        unrun=unrun,
    )  # fmt: skip


def _protocol_checks(judge: Judge) -> list[dict[str, Any]]:
    if judge.kind != "adapter":
        return []
    from turnaffinity.judging.protocol_checks import run_protocol_checks
    from turnaffinity.subjects.adapter import AdapterSubject
    from turnaffinity.subjects.beside import SideBySide
    from turnaffinity.subjects.subject import Subject

    subject = judge.new_subject()
    both: tuple[Subject, ...] = subject.both if isinstance(subject, SideBySide) else (subject,)
    checks: list[dict[str, Any]] = []
    for each in both:
        assert isinstance(each, AdapterSubject)
        found = run_protocol_checks(each, judge.client, judge.layout, token(judge.seed))
        checks += [check.as_dict() for check in found]
    return checks


def find_reading(judge: Judge, *, workers: int = 0) -> Reading:
    """The choices that the subject was seen to make; an unseen one is the default's.

    Where it mixes two choices the more frequent one is held against it, and the other then fails its case.
    """
    return _look_for_reading(judge, workers)[0]


def _look_for_reading(judge: Judge, workers: int) -> tuple[Reading, tuple[str, ...]]:
    """The reading, and the decisions that were not seen."""
    judge.auto_looking = True
    judge.reading = DEFAULT_READING
    ids = tuple(rule.id for rule in RULES.values() if rule.level == "DECISION")
    try:
        seen = decisions_seen(run_suite(judge, ids, workers=workers).results)
    finally:
        judge.auto_looking = False
    known = {name: choices[0] for name, choices in seen.items() if choices}
    try:
        return reading_from(known), tuple(name for name, choices in seen.items() if not choices)
    except ValueError as error:
        raise CannotRun("--reading auto", f"no reading fits what was seen: {error}", "name the reading") from error


def run_suite(
    judge: Judge,
    rules: tuple[str, ...] = (),
    *,
    progress: Progress | None = None,
    workers: int = 0,
    beside: Beside | None = None,
) -> SuiteRun:
    """Run the cases of the judge's profile under pytest, quietly, and collect their results.

    `beside` makes the protocol's checks: before the cases, or by one of the workers.
    """
    import pytest

    from turnaffinity.judging.plugin import NAME, JudgePlugin

    plugin = JudgePlugin(judge, rules, progress=progress)
    plugins: list[object] = [_Registered(NAME, plugin)]
    sharing: Sharing | None = None
    protocol: list[dict[str, Any]] | None = []
    if workers > 1:
        check_shareable(judge)
        sharing = Sharing(plugin, workers, beside)
        plugins.append(sharing)
    elif beside:
        protocol = beside(judge)
    noise = io.StringIO()
    with no_foreign_plugins(), contextlib.redirect_stdout(noise):
        try:
            status = pytest.main(suite_arguments(), plugins=plugins)
        except Exception:
            if not plugin.interrupted:
                raise
            status = pytest.ExitCode.INTERRUPTED  # some interrupts have a traceback that pytest cannot print
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED):
        if plugin.leaving is not None:
            raise plugin.leaving
        if plugin.problem is not None:
            raise plugin.problem
        if plugin.interrupted:
            raise KeyboardInterrupt
        tail = "\n".join(noise.getvalue().splitlines()[-15:])
        raise CannotRun("the suite", f"pytest ended with status {int(status)}:\n{tail}", "report this as a defect")
    protocol = sharing.found if sharing else protocol
    if protocol is None:
        raise CannotRun("-n", "the protocol's checks never came back: a worker died", RUN_AGAIN)
    return SuiteRun(settled(_in_order(plugin)), plugin.planned, protocol)


def _in_order(plugin: JudgePlugin) -> tuple[CaseResult, ...]:
    """The results in the suite's order, however they came in; raises `CannotRun` if some never did."""
    missing = len(plugin.order) - len(plugin.results)
    if missing > 0:
        what = f"{missing} of {len(plugin.order)} cases never came back: a worker died"
        raise CannotRun("-n", what, RUN_AGAIN)
    place = {name: number for number, name in enumerate(plugin.order)}
    return tuple(sorted(plugin.results, key=lambda result: place.get(result.case, len(place))))


QUIET = ("cacheprovider", "faulthandler", "doctest", "junitxml", "pastebin", "stepwise", "unittest", "logging",
         "unraisableexception")  # fmt: skip
"""Plugins of pytest that a run does without, for its start-up time; the last one would hide a Ctrl-C that was lost."""


def suite_arguments() -> list[str]:
    """What pytest is told to find the suite's cases, quietly and without plugins that are not needed."""
    return [
        str(suite_folder()), "-c", str(shared("conformance", "pytest.ini")), "--rootdir", str(shared("conformance")),
        "--assert=plain", "--tb=native", "-q", "-p", "turnaffinity.judging.plugin",
        *[part for name in QUIET for part in ("-p", f"no:{name}")],
    ]  # fmt: skip


class _Registered:
    """Puts the judge's plugin in place under its name before pytest reads its options."""

    def __init__(self, name: str, plugin: object) -> None:
        self._name, self._plugin = name, plugin

    def pytest_addoption(self, pluginmanager: Any) -> None:
        """The first hook that is called: the judge's own plugin is registered here."""
        pluginmanager.register(self._plugin, self._name)


@contextlib.contextmanager
def no_foreign_plugins() -> Iterator[None]:
    """Keep pytest's plugins of this environment, and its options from outside, away from our run."""
    before = os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    addopts = os.environ.pop("PYTEST_ADDOPTS", None)
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]
        if addopts is not None:
            os.environ["PYTEST_ADDOPTS"] = addopts
