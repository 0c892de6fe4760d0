"""Which checks does each known mistake fail? Data, made by `python -m turnaffinity.mutation.patterns`."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from turnaffinity.catalogs import message_of
from turnaffinity.judging.verdict import CaseResult, tells_against
from turnaffinity.shared_files import PACKAGE, ROOTS, shared

FILE = "patterns.json"


@dataclass(frozen=True, slots=True)
class Known:
    """A mistake that is known: what it is, how it is mended, and the checks that it fails, by profile ("L", "S")."""

    id: str
    rule: str
    says: dict[str, str]
    """By language: what is wrong, in a sentence."""
    mend: dict[str, str]
    fails: dict[str, frozenset[str]]
    right: str = ""
    """The line of the reference that the mistake changes, with its file before it; "" where the mistake only adds."""
    readings: tuple[str, ...] = ("intent",)
    """The readings that the mistake claims to follow."""


def check_of(result: CaseResult) -> str:
    """The check that a case is of: its rule and its claim, whatever the arguments that it was played with."""
    return f"{result.rule} {result.case.partition('[')[0]}"


def failed_checks(results: Iterable[CaseResult]) -> frozenset[str]:
    """The checks that one of whose cases failed; of a SHOULD, was warned about."""
    return frozenset(check_of(result) for result in results if tells_against(result))


KIND = " | "
"""Parts a check from the way in which it failed."""


def ways_of(result: CaseResult) -> frozenset[str]:
    """A failed case's check, and the check with the way in which it failed.

    The way is the sentence of what was observed, without the names and numbers in it, or the command that was sent.
    """
    check, first = check_of(result), result.observed.partition(" ")[0]
    way = message_of(result.observed) or (first if re.fullmatch(r"[A-Z]{3,}", first) else "")
    return frozenset({check, f"{check}{KIND}{way}"} if way else {check})


def failed_ways(results: Iterable[CaseResult]) -> frozenset[str]:
    """The checks that failed, each with the ways in which its cases did."""
    return frozenset(way for result in results if tells_against(result) for way in ways_of(result))


def passed_checks(results: Iterable[CaseResult]) -> frozenset[str]:
    """The checks that were executed and of which no case failed."""
    executed = frozenset(check_of(result) for result in results if result.outcome in {"pass", "fail", "warn"})
    return executed - failed_checks(results)


def folder() -> Path:
    """Where the mutants, their words and their patterns lie."""
    return shared("conformance", "mutants")


def right_line(patches: Iterable[Mapping[str, str]]) -> str:
    """The first line of the reference that these patches take away or change: "select_node.lua: ..."; "" for none."""
    for patch in patches:
        new = {line.strip() for line in patch["new"].splitlines()}
        for line in patch["old"].splitlines():
            if line.strip() and line.strip() not in new and not line.lstrip().startswith(("--", "#")):
                return f"{Path(patch['file']).name}: {_whole_line(patch['file'], line)}"
    return ""


def _whole_line(file: str, part: str) -> str:
    """The line that a part stands in, as the reference has it; the part itself where its file is not at hand."""
    return next((line for line in _lines_of(file) if part.strip() in line), part.strip())


@cache
def _lines_of(file: str) -> tuple[str, ...]:
    """The reference's lines of a file that patches name; none where it is not at hand."""
    places = (
        PACKAGE / "specification" / file,
        *(root / place / file for root in ROOTS for place in ("lua", "conformance")),
    )
    path = next(filter(Path.is_file, places), None)
    return tuple(map(str.strip, path.read_text(encoding="utf-8").splitlines())) if path else ()


@cache
def known_mistakes() -> tuple[Known, ...]:
    """Every mistake that has both a pattern and words, in the contract's order; none where the files are missing."""
    path = folder() / FILE
    if not path.is_file():
        return ()
    data = json.loads(path.read_text(encoding="utf-8"))
    words = {
        name: entry
        for file in sorted((folder() / "mends").glob("*.toml"))
        for name, entry in tomllib.loads(file.read_text(encoding="utf-8")).items()
    }
    mutants = {
        mutant["id"]: mutant
        for file in sorted(folder().glob("ta-*.toml"))
        for mutant in tomllib.loads(file.read_text(encoding="utf-8"))["mutant"]
    }
    return tuple(
        Known(
            name,
            mutant["rule"],
            {"en": words[name]["says"], "zh": words[name]["says_zh"]},
            {"en": words[name]["mend"], "zh": words[name]["mend_zh"]},
            {profile: frozenset(data["checks"][at] for at in places) for profile, places in mutant["fails"].items()},
            right_line(mutants.get(name, {}).get("patch", ())),
            tuple(mutants.get(name, {}).get("readings", ("intent",))),
        )
        for name, mutant in data["mutants"].items()
        if name in words
    )
