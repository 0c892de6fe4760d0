"""What is a mistake? One thing that is wrong, with its mend, its failed cases and the one scene that shows it best."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from turnaffinity.contract.rules import RULES
from turnaffinity.judging.verdict import CaseResult

ORDER = ("MUST", "DECISION", "SHOULD")

OTHER_SCENES = 3
"""So many further scenes of a mistake are tried where the first does not tell the lines."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong: what a report lists.

    `looks_like` is the known mistake that explains the failed checks, None where none does: then `says` is what does
    not hold. `perhaps` is the known mistake's sentence where it is a possibility among others, and `says` is then what
    does not hold, too. `cases` are the failed cases that it explains, `scene` the one of them that shows it best.
    """

    says: dict[str, str]
    mend: dict[str, str]
    cases: tuple[CaseResult, ...]
    scene: CaseResult
    looks_like: str | None = None
    perhaps: dict[str, str] = field(default_factory=dict)
    by_its_names: bool = False
    """Whether its scene shows the languages as the case calls them."""
    right: str = ""
    """The reference's line that the known mistake changes."""
    of_choices: bool = False
    """Whether another reading was meant, perhaps: of equals this is told first, as the others may come of it."""

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that it breaks, in the contract's order."""
        broken = {result.rule for result in self.cases}
        return tuple(rule for rule in RULES if rule in broken)

    @property
    def scenes(self) -> list[CaseResult]:
        """The scene that shows it best, and a few others of the same rule, the short ones first."""
        others = [case for case in self.cases if case.rule == self.scene.rule and case is not self.scene and case.wire]
        return [self.scene, *sorted(others, key=size_of)[:OTHER_SCENES]]

    def with_cases(self, cases: tuple[CaseResult, ...]) -> Mistake:
        """The same mistake, which explains these failed cases too."""
        return replace(self, cases=(*self.cases, *cases))

    @property
    def level(self) -> str:
        """The strictest level of its rules."""
        return min((RULES[rule].level for rule in self.rules), key=ORDER.index)

    @property
    def explains(self) -> int:
        """How many failed cases it explains: of a MUST or a DECISION, where it breaks one."""
        return sum(RULES[result.rule].level != "SHOULD" for result in self.cases) or len(self.cases)


def size_of(result: CaseResult) -> tuple[bool, bool, int, int]:
    """How much there is to read in a scene; one without any commands, or with none that is broken, shows less."""
    broken = any(command["broken"] for command in result.wire)
    return (not result.wire, not broken, len(result.wire), len(result.expected) + len(result.observed))
