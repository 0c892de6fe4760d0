"""What does a wrong implementation look like? The kit's mutants, one mistake each, ready to be judged on the page."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from html import escape

from turnaffinity.catalogs import preferred_language
from turnaffinity.contract.decisions import Reading, parse_reading
from turnaffinity.diagnosis.patterns import known_mistakes
from turnaffinity.mutation.flow import flow_factory, script_factory
from turnaffinity.mutation.mutants import Mutant, load_mutants, source_of
from turnaffinity.notebook.implementation import FIXED_CLOCK, Implementation
from turnaffinity.problem import Problem
from turnaffinity.server import Server
from turnaffinity.showing.shown import PRE, Shown
from turnaffinity.specification.scripts import load_script, sha1
from turnaffinity.stage.judge import Factory, Judge
from turnaffinity.subjects.subject import Subject


@dataclass(frozen=True, repr=False)
class Variant(Shown):
    """A mutant of the kit: its mistake in a sentence, and the lines that it changes."""

    mutant: Mutant

    @property
    def reading(self) -> Reading:
        """The reading that it claims to follow."""
        return parse_reading(self.mutant.readings[0])

    @property
    def name(self) -> str:
        """Its id in the kit."""
        return self.mutant.id

    def judged_by(self, reading: Reading) -> Judge:
        """A judge of this mutant with a server of its own; its draws are the same in every run."""
        kind = "lua" if self.mutant.kind == "lua" else "adapter"
        return Judge(kind, self.name, "embedded", reading, factory=self._factory())  # type: ignore[arg-type]

    def _factory(self) -> Factory:
        sources = self.mutant.sources()
        select = FIXED_CLOCK + sources.get("select_node.lua", load_script("select_node"))
        if self.mutant.kind == "lua":
            return script_factory(select, self.name)
        return flow_factory({**sources, "select_node.lua": select})

    def original(self, file: str) -> str:
        """The text of a file before the mistake was made in it."""
        return source_of(file)

    def at_work(self) -> Implementation:
        """The mutant as something that a stage can be opened with: `open_stage(implementation=wrong.at_work())`."""
        factory = self._factory()

        def build(server: Server, url: str, reading: Reading, seed: str) -> Subject:
            judge = Judge("adapter", self.name, reading=reading).on(server)
            return factory(judge, url)

        return Implementation(self.name, build)

    @property
    def scripts(self) -> dict[str, str]:
        """The names of its scripts by the SHA1 that the wire shows."""
        sources = self.mutant.sources()
        select = FIXED_CLOCK + sources.get("select_node.lua", load_script("select_node"))
        texts = {"select_node.lua": select}
        for name in ("write_affinity.lua", "clear_affinity.lua"):
            texts[name] = sources.get(name) or source_of(name)
        return {sha1(text): name.removesuffix(".lua") for name, text in texts.items()}

    def _mistake(self) -> str:
        """How a tired engineer comes to write it; in another language than English, what is wrong."""
        lang = preferred_language()
        if lang == "en":
            return self.mutant.mistake
        known = (each.says[lang] for each in known_mistakes() if each.id == self.mutant.id)
        return next(known, self.mutant.mistake)

    def lines(self, width: int | None = None) -> list[str]:
        """The mistake, and each changed line as a difference."""
        told = [f"{self.name}: {self._mistake()}"]
        for patch in self.mutant.patches:
            told.append(f"  {patch.file}")
            told += [f"  - {line}" for line in patch.old.strip("\n").splitlines()]
            told += [f"  + {line}" for line in patch.new.strip("\n").splitlines()]
        return told

    def html(self) -> str:
        """The same, the mistake in bold."""
        first, *rest = self.lines()
        return f"<p><b>{escape(first)}</b></p><pre {PRE}>{escape(chr(10).join(rest))}</pre>"


@cache
def _mutants() -> dict[str, Mutant]:
    return {mutant.id: mutant for mutant in load_mutants()}


def variant(name: str) -> Variant:
    """A mutant of the kit by its id; raises `Problem` if there is none, or if it runs as a process of its own."""
    found = _mutants().get(name)
    if found is None:
        raise Problem(f'mutant "{name}"', "is not in the kit", "see `turnaffinity mutants` for the ids")
    if found.kind == "adapter":
        raise Problem(f'mutant "{name}"', "runs as a process of its own", "use one of the kinds lua and flow here")
    return Variant(found)
