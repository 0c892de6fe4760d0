"""What is a failure capsule? One failure as a file: enough to play it again, and to show it without the kit.

A capsule may come from a stranger. It is data: nothing in it is run, and no path in it is followed, unless it carries
the signature of this user's own key (`capsule_trust`); the case it names is one of this kit's own.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from turnaffinity import CONTRACT_VERSION, __version__
from turnaffinity.capsules.trust import is_signed, signature
from turnaffinity.contract.decisions import Reading, reading_from
from turnaffinity.contract.layout import KeyLayout, parse_layout
from turnaffinity.contract.vector import Step
from turnaffinity.judging.verdict import CaseResult
from turnaffinity.problem import Problem, text_of
from turnaffinity.stage.judge import Judge

_STEP: TypeAdapter[Any] = TypeAdapter(Step)

MEND = "name a .json file that turnaffinity verify --capsules wrote"


class Item(BaseModel):
    """One command of the evidence."""

    client: str
    argv: list[str]
    broken: bool = False


class Judged(BaseModel):
    """What was judged: `kind` and `target` as `verify` was told (--lua FILE, --adapter CMD), from the folder `cwd`."""

    kind: Literal["reference", "lua", "adapter", "object"]
    target: str = ""
    cwd: str = ""
    name: str = ""
    version: str = ""


class Shrunk(BaseModel):
    """How the steps were made fewer: by leaving out what the failure does not need and the reference passes without."""

    before: int
    after: int
    plays: int
    reason: str = ""
    """Why none were left out, where none were."""


class Said(BaseModel):
    """The mistake that the failure was taken for when it was recorded, each text by language."""

    says: dict[str, str]
    mend: dict[str, str] = Field(default_factory=dict)
    perhaps: dict[str, str] = Field(default_factory=dict)
    looks_like: str | None = None
    right: str = ""


class Capsule(BaseModel):
    """One failure. `steps` are those that were done; `left_out` names the places, among all, of those that were not."""

    model_config = ConfigDict(extra="ignore")

    capsule: Literal[1] = 1
    mistake: Said | None = None
    kit: str
    contract: str
    rule: str
    case: str
    title: str = ""
    reading: dict[str, str]
    auto: bool = False
    layout: dict[str, Any]
    seed: int
    tcp: bool = False
    deadlines: str | None = None
    faults: bool = False
    server: str = ""
    implementation: Judged
    signature: str | None = None
    expected: str
    observed: str
    wire: list[Item] = Field(default_factory=list)
    steps: list[dict[str, Any]] = Field(default_factory=list)
    left_out: list[int] = Field(default_factory=list)
    shrunk: Shrunk | None = None

    @field_validator("steps")
    @classmethod
    def _steps_are_steps(cls, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for step in steps:
            _STEP.validate_python(step, strict=True)
            if not isinstance(step.get("process", ""), str):
                raise ValueError("a step's process is no text")
        return steps

    def key_layout(self) -> KeyLayout:
        """The layout; raises `Problem` if it is none."""
        return parse_layout(self.layout, "the capsule's layout")

    def reading_judged(self) -> Reading:
        """The reading; raises `Problem` if it is none."""
        try:
            return reading_from(self.reading)
        except ValueError as error:
            raise Problem("the capsule's reading", str(error), MEND) from error

    @property
    def trusted(self) -> bool:
        """Whether this user's own key signed what was judged."""
        return is_signed(self.implementation.model_dump(), self.signature)


def capsule_of(judge: Judge, result: CaseResult, mistake: Said | None = None) -> Capsule:
    """The capsule of a failed case, with all its steps and the mistake that it is taken for."""
    hello = judge.subject.hello
    kind = "object" if judge.factory is not None else judge.kind
    judged = Judged(kind=kind, target=judge.target, cwd=os.getcwd(), name=hello.name, version=hello.version)  # noqa: PTH109
    return Capsule(
        mistake=mistake, kit=__version__, contract=CONTRACT_VERSION, rule=result.rule, case=result.case,
        title=result.title, reading=judge.reading.as_dict(), auto=judge.auto,
        layout=judge.layout.model_dump(mode="json"),
        seed=judge.seed, tcp=judge.tcp, deadlines=judge.deadlines, faults=judge.faults, server=judge.server.name,
        implementation=judged, signature=signature(judged.model_dump()), expected=result.expected,
        observed=result.observed, wire=[Item(**line) for line in result.wire], steps=list(result.steps),
    )  # fmt: skip


def read_capsule(path: Path) -> Capsule:
    """The capsule in a file; raises `Problem` in a sentence for anything else."""
    try:
        data = json.loads(text_of(path, MEND))
    except (ValueError, RecursionError) as error:
        raise Problem(str(path), "is not JSON", MEND) from error
    try:
        capsule = Capsule.model_validate(data, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        member = ".".join(str(part) for part in first["loc"]) or "the file"
        raise Problem(str(path), f"is no capsule: {member}: {first['msg'].lower()}", MEND) from error
    capsule.key_layout()
    capsule.reading_judged()
    return capsule


def file_stem(rule: str, case: str, taken: set[str]) -> str:
    """A file name for a case, new among those `taken`: letters, digits, `.`, `_` and `-`, at most 120 characters."""
    inner = case.removeprefix("test_").replace(f"-{rule}", "").replace(f"[{rule}]", "")
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", inner).strip("-.")
    stem = f"{rule}.{plain}"[:120].rstrip("-.")
    number = 1
    while stem in taken:
        number += 1
        stem = re.sub(r"~\d+$", "", stem)[:116] + f"~{number}"
    taken.add(stem)
    return stem
