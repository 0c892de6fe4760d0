"""Where are the cases, and which are they? The files of `conformance/suite`, found in a wheel or in a checkout."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from turnaffinity.judging.cases import Case, case_of
from turnaffinity.shared_files import shared


def suite_folder() -> Path:
    """The folder of the cases."""
    return shared("conformance", "suite")


def _files() -> list[Path]:
    """The files of the cases as pytest has them: a folder after the files beside it, so that plain cases fail first."""
    found = suite_folder().rglob("test_*.py")
    return sorted(found, key=lambda path: (len(path.parts), path))


@dataclass(frozen=True, slots=True)
class CaseInfo:
    """One case as a list names it; `profiles` are "L" and "S"."""

    rule: str
    name: str
    title: str
    profiles: frozenset[str]


@cache
def all_cases() -> tuple[CaseInfo, ...]:
    """Every case of the suite, in the files' order; imports the suite's files, runs nothing."""
    return tuple(info for path in _files() for info in _cases_in(_loaded(path)))


@cache
def case_functions() -> tuple[tuple[Case, Callable[..., Any]], ...]:
    """Every case with its test function, in the files' order; for those who run cases without pytest."""
    functions: list[tuple[Case, Callable[..., Any]]] = []
    for path in _files():
        marked = ((case_of(value), value) for value in vars(_loaded(path)).values())
        functions += [(case, function) for case, function in marked if case is not None]
    return tuple(functions)


def cases_of(rule_id: str) -> list[CaseInfo]:
    """The cases that check a rule; empty for a rule that only a trace is judged by."""
    return [info for info in all_cases() if info.rule == rule_id]


def _loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"turnaffinity_suite_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _cases_in(module: ModuleType) -> Iterator[CaseInfo]:
    for name, value in vars(module).items():
        case = case_of(value)
        if case is not None:
            yield CaseInfo(case.rule, name, case.title, case.profiles)
