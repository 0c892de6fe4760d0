"""What must hold? Every rule of the contract, as data; the texts stand in `rules.toml` beside this module."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal, get_args

Level = Literal["MUST", "SHOULD", "DECISION"]
"""MUST: a failure is a violation. SHOULD: a warning, never a violation. DECISION: judged against the reading."""

ProfileLetter = Literal["L", "S", "T"]
"""L: judged for a script. S: for a scheduler behind an adapter. T: for a trace."""

PROFILE_NAMES: dict[ProfileLetter, str] = {"L": "lua", "S": "scheduler", "T": "trace"}
"""The profiles as reports write them."""

FAMILIES: dict[str, str] = {
    "KEY": "where the state lives",
    "TURN": "turns and their ids",
    "SEL": "selection",
    "WRITE": "the write",
    "CLEAR": "the clear",
    "BIND": "job-level binding",
    "NEVER": "what never happens",
    "LUA": "the text of a script",
    "FAULT": "what survives a fault",
}
"""Each family of rules with what it is about, in the contract's order."""

FAMILIES_ZH: dict[str, str] = {
    "KEY": "状态存放在哪里",
    "TURN": "turn 及其 id",
    "SEL": "选节点",
    "WRITE": "写入",
    "CLEAR": "清除",
    "BIND": "job 级绑定",
    "NEVER": "绝不发生的事",
    "LUA": "脚本文本",
    "FAULT": "故障之后",
}
"""The same in Chinese."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the contract: what must hold, where that comes from, and why.

    `note_line_zh` is the note's own line, verbatim, and `note_line_en` our translation of it; both are None
    where the rule does not come from the note. `decision` ("D1".."D4") is set for a DECISION only.
    """

    id: str
    level: Level
    statement: str
    statement_zh: str
    section: str
    profiles: frozenset[ProfileLetter]
    why: str
    note_line_zh: str | None = None
    note_line_en: str | None = None
    decision: str | None = None

    @property
    def family(self) -> str:
        """ "SEL" for TA-SEL-3."""
        return family(self.id)

    def as_dict(self) -> dict[str, Any]:
        """The rule for `--json`: the fields, with the profiles in the order L, S, T and the family added."""
        return {
            "id": self.id,
            "family": self.family,
            "level": self.level,
            "statement": self.statement,
            "statement_zh": self.statement_zh,
            "section": self.section,
            "profiles": [letter for letter in get_args(ProfileLetter) if letter in self.profiles],
            "why": self.why,
            "note_line_zh": self.note_line_zh,
            "note_line_en": self.note_line_en,
            "decision": self.decision,
        }


def family(rule_id: str) -> str:
    """The family in a rule's id: "SEL" for "TA-SEL-3"."""
    return rule_id.split("-")[1]


def judged_only_with_faults(rule_id: str) -> bool:
    """Whether a rule is planned, listed and counted only in a run that was asked for faults (`verify --faults`)."""
    return family(rule_id) == "FAULT"


def _load() -> dict[str, Rule]:
    text = files("turnaffinity.contract").joinpath("rules.toml").read_text(encoding="utf-8")
    return {
        rule_id: Rule(id=rule_id, **(fields | {"profiles": frozenset(fields["profiles"])}))
        for rule_id, fields in tomllib.loads(text).items()
    }


RULES: MappingProxyType[str, Rule] = MappingProxyType(_load())
"""Every rule by its id, in the contract's order."""


def rules_of(profile: str) -> tuple[Rule, ...]:
    """The rules that one profile is judged by, in the contract's order.

    `profile` is a letter or its name: "L" or "lua", "S" or "scheduler", "T" or "trace".
    Raises `ValueError` for anything else.
    """
    letter = next((known for known, name in PROFILE_NAMES.items() if profile in (known, name)), None)
    if letter is None:
        raise ValueError(f'"{profile}" is no profile; use one of {", ".join(PROFILE_NAMES.values())}')
    return tuple(rule for rule in RULES.values() if letter in rule.profiles)


def matching(glob: str) -> tuple[Rule, ...]:
    """The rules whose id matches a glob such as "TA-SEL-*", in the contract's order; case does not matter."""
    return tuple(rule for rule in RULES.values() if fnmatchcase(rule.id, glob.upper()))
