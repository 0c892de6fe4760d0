"""Is what was seen what a vector expects? Plain values, `one_of`, and the ids that an implementation makes up."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

MATCHERS = frozenset({"one_of", "bind", "same_as", "not"})


class Disagreement(AssertionError):
    """What was expected and what was seen, each in words."""

    def __init__(self, where: str, expected: str, observed: str) -> None:
        super().__init__(f"{where}: expected {expected}, observed {observed}")
        self.where, self.expected, self.observed = where, expected, observed


def in_words(value: Any) -> str:
    """A value as a vector writes it: a text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@dataclass
class Bound:
    """The ids that are bound so far, by name."""

    ids: dict[str, str] = field(default_factory=dict)

    def filled(self, value: Any) -> Any:
        """`${T1}` in any text of `value`, names of members too, replaced by the id; one not bound stays."""
        if isinstance(value, str):
            return re.sub(r"\$\{(\w+)\}", lambda found: self.ids.get(found[1], found[0]), value)
        if isinstance(value, list):
            return [self.filled(each) for each in value]
        if isinstance(value, dict):
            return {self.filled(name): self.filled(each) for name, each in value.items()}
        return value

    def agree(self, expected: Any, seen: Any, where: str, *, whole: bool = False) -> None:
        """Hold `seen` against `expected`, binding as it goes; raises `Disagreement`.

        A member of `seen` that is not expected is ignored, unless the object is to be judged `whole`.
        """
        if isinstance(expected, dict) and expected and expected.keys() <= MATCHERS:
            for matcher, operand in expected.items():
                self._hold(matcher, operand, seen, where)
        elif isinstance(expected, dict) and isinstance(seen, dict):
            for name, each in expected.items():
                if name not in seen:
                    raise Disagreement(where, f"a member {name}", in_words(seen))
                self.agree(each, seen[name], f"{where}, {name}", whole=whole)
            if whole and (more := sorted(seen.keys() - expected.keys())):
                raise Disagreement(where, f"only {', '.join(expected) or 'nothing'}", f"{', '.join(more)} too")
        elif isinstance(expected, list) and isinstance(seen, list) and len(expected) == len(seen):
            for number, (one, other) in enumerate(zip(expected, seen, strict=True), 1):
                self.agree(one, other, f"{where}, number {number}", whole=whole)
        elif self.filled(expected) != seen:
            raise Disagreement(where, in_words(self.filled(expected)), in_words(seen))

    def _hold(self, matcher: str, operand: Any, seen: Any, where: str) -> None:
        if matcher in ("same_as", "not") and operand not in self.ids:
            raise Disagreement(where, f"{operand}, which no step before has bound", in_words(seen))
        if matcher == "bind":
            if not isinstance(seen, str) or not seen:
                raise Disagreement(where, "an id", in_words(seen))
            self.ids[operand] = seen
        elif matcher == "one_of":
            if seen not in self.filled(operand):
                raise Disagreement(where, f"one of {', '.join(map(in_words, self.filled(operand)))}", in_words(seen))
        elif matcher == "same_as":
            if seen != self.ids[operand]:
                raise Disagreement(where, f"{operand}, which is {self.ids[operand]}", in_words(seen))
        elif seen == self.ids[operand] or not isinstance(seen, str) or not seen:
            raise Disagreement(where, f"an id other than {operand}", in_words(seen))
