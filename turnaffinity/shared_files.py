"""Where do the scripts, the suite and the notebooks lie? Inside the package in a wheel, beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

from turnaffinity.problem import CannotRun

PACKAGE = Path(__file__).resolve().parent
ROOTS = (PACKAGE, PACKAGE.parent)
"""The folders that may hold `lua`, `conformance` and `notebooks`, the installed ones first."""


def shared(*parts: str) -> Path:
    """A file or folder of ours: `shared("conformance", "suite")`; raises `CannotRun` where there is none."""
    places = [root.joinpath(*parts) for root in ROOTS]
    found = next((place for place in places if place.exists()), None)
    if found is None:
        where = " and ".join(str(place.parent) for place in places)
        raise CannotRun(parts[-1], f"is in neither of {where}", "install turnaffinity again")
    return found
