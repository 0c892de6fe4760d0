"""How is a case written down? A pytest function that is told its rule, its profiles and its call sites."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

Test = TypeVar("Test", bound=Callable[..., Any])
MARK = "__turnaffinity_case__"


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a rule: who it is for ("L" a script, "S" a scheduler) and what its claim is."""

    rule: str
    profiles: frozenset[str]
    title: str = ""


def case(rule: str, profiles: str = "S") -> Callable[[Test], Test]:
    """Mark a test function as a case of a rule; its name is the claim.

    `profiles` names who is judged by it: "L" for a script, "S" for a scheduler, "LS" for both (a scheduler
    through `select`). A function with an argument `site` runs once for each call site, one with `reason` once
    for each closing reason.
    """

    def mark(test: Test) -> Test:
        title = test.__name__.removeprefix("test_").replace("_", " ")
        setattr(test, MARK, Case(rule, frozenset(profiles), title))
        return test

    return mark


def case_of(test: object) -> Case | None:
    """What a test function was marked with, or None."""
    found = getattr(test, MARK, None)
    return found if isinstance(found, Case) else None
