"""How does a changed text come to life? The specification's own modules, loaded anew with other sources."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import CodeType, ModuleType

import redis

from turnaffinity.contract.decisions import Reading
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.contract.rules import judged_only_with_faults
from turnaffinity.mutation.mutants import EXAMPLE, FLOW_MODULES, Mutant, source_of
from turnaffinity.server.address import parse_address
from turnaffinity.server.live import connect, pinned
from turnaffinity.specification import actor_finalize
from turnaffinity.specification.scripts import with_layout
from turnaffinity.stage.judge import Factory, Judge
from turnaffinity.subjects.reference import ReferenceSubject
from turnaffinity.subjects.script import ScriptSubject
from turnaffinity.subjects.subject import Hello

SHARED = {"actor_finalize": ("BadRequest", "NoNode")}
"""What a changed module takes from the original, since those who call it catch these classes."""


def load_flow(sources: Mapping[str, str]) -> ModuleType:
    """The module `actor_finalize` over the given texts; a file that is not given is the original.

    Each call makes modules of its own, so that what one of them remembers is not known to the next: as with
    two processes. Raises whatever a text that is no Python raises.
    """

    def load_script(name: str, layout: KeyLayout | None = None) -> str:
        file = f"{name}.lua"
        return with_layout(sources.get(file) or source_of(file), layout or KeyLayout())

    loaded: dict[str, ModuleType] = {}
    for name in FLOW_MODULES:
        file = f"{name}.py"
        module = ModuleType(f"turnaffinity.specification.{name}")
        exec(_compiled(sources.get(file) or source_of(file), file), module.__dict__)
        for shared in SHARED.get(name, ()):
            setattr(module, shared, getattr(actor_finalize, shared))
        if hasattr(module, "load_script"):
            module.load_script = load_script  # type: ignore[attr-defined]
        for other in loaded.values():  # what it imported from the originals comes from the changed ones
            for imported in set(vars(module)) & set(vars(other)):
                if getattr(vars(other)[imported], "__module__", None) == other.__name__:
                    setattr(module, imported, vars(other)[imported])
        loaded[name] = module
    return loaded["actor_finalize"]


@lru_cache(maxsize=64)
def _compiled(text: str, file: str) -> CodeType:
    return compile(text, f"mutant of {file}", "exec")


class FlowSubject(ReferenceSubject):
    """A changed flow in process. It offers `finalize` alone, so that its mistake must show there."""

    def __init__(self, client: redis.Redis, reading: Reading, layout: KeyLayout, sources: Mapping[str, str]) -> None:
        super().__init__(client, reading, layout)
        flow = load_flow(sources)
        self.scheduler = flow.Scheduler(client, reading, layout)
        self.do_finalize = flow.do_finalize
        self.hello = Hello("mutant", language="Python", ops=frozenset({"finalize"}))


def flow_factory(sources: Mapping[str, str]) -> Factory:
    """Makes subjects of a changed flow, each with modules and a connection of its own."""

    return lambda judge, url: FlowSubject(connection_to(judge, url), judge.reading, judge.layout, sources)


def connection_to(judge: Judge, url: str) -> redis.Redis:
    """A connection of a subject's own: to the judge's server, or to the fault proxy before it."""
    return pinned(judge.server.client() if url == judge.server.url else connect(parse_address(url)))


def script_factory(source: str, name: str) -> Factory:
    """Makes subjects of a changed script."""
    return lambda judge, url: ScriptSubject(judge.server, with_layout(source, judge.layout), name)


def judge_of(mutant: Mutant, reading: Reading, folder: Path, *, seed: int = 0) -> Judge:
    """A judge of this mutant under one reading; `folder` is where an adapter's program may be written.

    Raises `Problem` if a patch of the mutant no longer applies.
    """
    sources = mutant.sources()
    faults = judged_only_with_faults(mutant.rule)
    if mutant.kind == "lua":
        return Judge("lua", reading=reading, seed=seed, factory=script_factory(sources["select_node.lua"], mutant.id))
    if mutant.kind == "flow":
        factory = flow_factory(sources)
        return Judge("adapter", mutant.id, reading=reading, seed=seed, faults=faults, factory=factory)
    command = f"{sys.executable} {write_adapter(sources, folder)}"
    return Judge("adapter", command, reading=reading, seed=seed, faults=faults)


def write_adapter(sources: Mapping[str, str], folder: Path) -> Path:
    """Copy the example implementation into `folder` with these texts in place of its own; returns the program."""
    program = folder / "adapter.py"
    for name in ("adapter.py", "scheduler.py"):
        file = f"{EXAMPLE}/{name}"
        (folder / name).write_text(sources.get(file) or source_of(file), encoding="utf-8")
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)  # two texts of one second would share a cache
    return program
