"""What is the reading of two versions side by side? Nobody's: whoever asks for a choice is told that they may."""

from __future__ import annotations

from typing import Any

from turnaffinity.contract.decisions import Reading
from turnaffinity.stage.evidence import Unobservable


class MixedReading(Reading):
    """A reading whose choices cannot be asked for: a case that depends on one is unobservable."""

    __slots__ = ()

    def __getattribute__(self, name: str) -> Any:
        if name in ("d1", "d2", "d3", "d4"):
            raise Unobservable(f"two versions side by side may differ in {name.upper()}")
        return object.__getattribute__(self, name)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


MIXED = MixedReading()
