"""How is the contract walked through in a notebook? One line to begin, and one function for each thing to see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from turnaffinity.notebook.cards import rule, say
    from turnaffinity.notebook.judged import judge
    from turnaffinity.notebook.shell import Shell
    from turnaffinity.notebook.stage import open_stage
    from turnaffinity.notebook.variants import variant

__all__ = ["Shell", "explored", "judge", "lab", "open_stage", "readme", "refresh", "rule", "say", "stepper", "variant"]

_HOMES = {
    "Shell": "shell",
    "judge": "judged",
    "open_stage": "stage",
    "rule": "cards",
    "say": "cards",
    "variant": "variants",
}


def __getattr__(name: str) -> Any:
    """Import a name when it is first used, so that a notebook's first cell stays fast."""
    from importlib import import_module

    if name not in _HOMES:  # a module of the folder is found by the import system itself
        raise AttributeError(f"turnaffinity.notebook has no {name}")
    return getattr(import_module(f"turnaffinity.notebook.{_HOMES[name]}"), name)
