"""Which mistakes are one? Claims that the very same command breaks are told once."""

from __future__ import annotations

from collections.abc import Sequence

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.contract.rules import RULES
from turnaffinity.diagnosis.mistake import Mistake
from turnaffinity.wire.command import Command
from turnaffinity.wire.meaning import deletes_fields, keys_of, sets_ttl, writes_fields

Shape = tuple[str, str]
"""A command's name and the kind of its key, whoever the key is about."""


def of_one_cause(mistakes: Sequence[Mistake], layout: KeyLayout) -> list[Mistake]:
    """The mistakes, those joined that are not known for sure and that one kind of command breaks.

    Where a command changes state, what it changed belongs to it too. The joined mistake keeps the known one's words,
    or else those of the rule that comes first in the contract.
    """
    told: list[Mistake] = []
    for mistake in sorted(mistakes, key=_first):
        cause = next((at for at, other in enumerate(told) if _same(other, mistake, layout)), None)
        if cause is None:
            told.append(mistake)
        else:
            told[cause] = told[cause].with_cases(mistake.cases)
    return told


def _first(mistake: Mistake) -> tuple[bool, bool, int]:
    sure = mistake.looks_like is not None and not mistake.perhaps
    return (not sure, not _broken(mistake), list(RULES).index(mistake.rules[0]))


def _same(head: Mistake, other: Mistake, layout: KeyLayout) -> bool:
    """Whether what breaks `head` breaks `other`, of which nothing is known for sure, and both are as grave.

    Other choices break what they break by commands that are right in themselves: they are the cause of nothing else.
    """
    if (other.looks_like and not other.perhaps) or head.level != other.level or head.of_choices or other.of_choices:
        return False
    broken = {_shape(command, layout) for command in _broken(head)}
    if _broken(other):
        return bool(broken & {_shape(command, layout) for command in _broken(other)})
    changing = {_shape(command, layout) for command in _broken(head) if _changes(command)}
    return bool(changing & {_shape(command, layout) for command in _wire(other)})


def _wire(mistake: Mistake) -> list[Command]:
    return [Command(tuple(sent["argv"]), sent["client"]) for sent in mistake.scene.wire]


def _broken(mistake: Mistake) -> list[Command]:
    marked = zip(_wire(mistake), mistake.scene.wire, strict=True)
    return [command for command, sent in marked if sent["broken"]]


def _changes(command: Command) -> bool:
    return bool(sets_ttl(command) or writes_fields(command) or deletes_fields(command))


def _shape(command: Command, layout: KeyLayout) -> Shape:
    key = next(iter(keys_of(command)), "")
    kinds = (kind for kind, pattern in layout.patterns.items() if pattern.fullmatch(key))
    return command.name, next(kinds, key)
