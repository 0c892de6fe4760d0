"""What is a mutant? The reference with one mistake: a patch of its text, the rule that must blame it, and why."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from turnaffinity.contract.decisions import DEFAULT_READING, PRESETS, Reading, parse_reading
from turnaffinity.contract.rules import RULES
from turnaffinity.problem import Problem
from turnaffinity.shared_files import shared
from turnaffinity.specification import scripts

Kind = Literal["lua", "flow", "adapter"]
"""lua: a `select_node.lua`, judged by profile L. flow: the specification in process, by profile S through finalize.
adapter: a real process, by profile S."""

FLOW_MODULES = ("pool_service", "job_creator", "actor_finalize")
"""The flow's modules, each after those that it imports."""

EXAMPLE = "implementations/python"
"""The example implementation that adapter mutants patch; an independent one, in plain commands."""

_MEMBERS = {"id", "kind", "rule", "breaks", "readings", "expects", "mistake", "museum", "patch", "script"}


@dataclass(frozen=True, slots=True)
class Patch:
    """One change of a text: `old` stands exactly once in `file`, and `new` takes its place."""

    file: str
    old: str
    new: str

    def applied(self, text: str) -> str:
        """The changed text; raises `Problem` unless `old` stands in it exactly once."""
        count = text.count(self.old)
        if count != 1:
            what = f"the text to be changed stands there {count} times: {self.old.strip()!r}"
            raise Problem(self.file, what, "bring the mutant's patch in step with the reference")
        return text.replace(self.old, self.new)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mistake and who must notice it.

    `breaks` names the neighbours that fail besides `rule`, and no other rule may; `expects` is a part of what the
    rule's own failure says; `mistake` tells how a tired engineer comes to write it. `script` names a whole file
    in `conformance/mutants/lua` for a script that is no patch of ours.
    """

    id: str
    kind: Kind
    rule: str
    mistake: str
    expects: str
    breaks: frozenset[str] = frozenset()
    readings: tuple[str, ...] = ("intent",)
    museum: bool = False
    patches: tuple[Patch, ...] = ()
    script: str = ""

    def sources(self) -> dict[str, str]:
        """The texts that this mutant changes, changed: file -> text. Raises `Problem` if a patch does not apply."""
        if self.script:
            return {"select_node.lua": (mutants_folder() / "lua" / self.script).read_text(encoding="utf-8")}
        texts: dict[str, str] = {}
        for patch in self.patches:
            before = texts.get(patch.file) or source_of(patch.file)
            texts[patch.file] = patch.applied(before)
        return texts

    def judged_readings(self) -> list[Reading]:
        """The readings that this mutant claims to follow."""
        return [parse_reading(text) for text in self.readings]

    @property
    def usual_reading(self) -> Reading:
        """The one of them to show it under: the default, if it claims that, else the first."""
        readings = self.judged_readings()
        return DEFAULT_READING if DEFAULT_READING in readings else readings[0]


def mutants_folder() -> Path:
    """The folder of the mutants."""
    return shared("conformance", "mutants")


def path_of(file: str) -> Path:
    """Where the original stands: a shared script, a module of the flow, or a file of the example implementation."""
    if file.endswith(".lua"):
        return scripts.script_path(file.removesuffix(".lua"))  # type: ignore[arg-type]
    if file.startswith("implementations/"):
        return shared("conformance") / file
    return Path(scripts.__file__).with_name(file)


@cache
def source_of(file: str) -> str:
    """The text of an original, before any mistake."""
    return path_of(file).read_text(encoding="utf-8")


def load_mutants(folder: Path | None = None) -> tuple[Mutant, ...]:
    """Every mutant of the folder's TOML files, in the contract's order of their rules.

    Raises `Problem`, with the file and the mutant, for an unknown member, rule, kind or reading, and for a second id.
    """
    found: dict[str, Mutant] = {}
    for path in sorted((folder or mutants_folder()).glob("ta-*.toml")):
        for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("mutant", []):
            mutant = _mutant_from(entry, path.name)
            if mutant.id in found:
                raise Problem(path.name, f"a second mutant is called {mutant.id}", "give it a name of its own")
            found[mutant.id] = mutant
    order = list(RULES)
    return tuple(sorted(found.values(), key=lambda mutant: order.index(mutant.rule)))


def _mutant_from(entry: dict[str, Any], file: str) -> Mutant:
    where = f"{file}, mutant {entry.get('id', '(without id)')}"
    missing = {"id", "kind", "rule", "mistake", "expects"} - entry.keys()
    unknown = entry.keys() - _MEMBERS
    rules = {entry.get("rule", ""), *entry.get("breaks", [])}
    checks = (
        (not missing, f"lacks {', '.join(sorted(missing))}", "give it"),
        (not unknown, f"has members that nobody knows: {', '.join(sorted(unknown))}", "mend the spelling"),
        (entry.get("kind") in get_args(Kind), f"is of kind {entry.get('kind')!r}", "use lua, flow or adapter"),
        (rules <= set(RULES), f"names unknown rules: {', '.join(sorted(rules - set(RULES)))}", "name rules that exist"),
        (bool(re.fullmatch(r"[a-z0-9-]+", str(entry.get("id")))), "has an odd id", "use a-z, 0-9 and -"),
        (bool(entry.get("patch")) != bool(entry.get("script")), "has no patch, or a script too", "give one of them"),
    )
    for holds, what, mend in checks:
        if not holds:
            raise Problem(where, what, mend)
    for reading in entry.get("readings", []):
        if reading not in PRESETS and "=" not in reading:
            raise Problem(where, f"follows the reading {reading!r}, which does not exist", "name a reading")
    return Mutant(
        id=entry["id"],
        kind=entry["kind"],
        rule=entry["rule"],
        mistake=entry["mistake"],
        expects=entry["expects"],
        breaks=frozenset(entry.get("breaks", [])),
        readings=tuple(entry.get("readings", ["intent"])),
        museum=entry.get("museum", False),
        patches=tuple(Patch(p["file"], p["old"], p["new"]) for p in entry.get("patch", [])),
        script=entry.get("script", ""),
    )
