"""How is a message of several lines shown? The first as what was observed, each other one under its own label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from turnaffinity.showing.finding import one_line

LABELS = ("mend", "stderr")
"""What the lines of a message about an adapter begin with: how to mend it, and what the process wrote."""


def by_line(found: Mapping[str, Any]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The failure with the first part of `observed` alone, and the labelled lines that follow it, each on one line."""
    first, *rest = str(found["observed"]).split("\n")
    more: list[tuple[str, str]] = []
    for line in rest:
        label, _, text = line.strip().partition(": ")
        if label in LABELS:
            more.append((label, one_line(text)))
        elif more:  # a sentence that went on
            more[-1] = (more[-1][0], one_line(f"{more[-1][1]} {line}"))
        else:
            first = f"{first} {line}"
    return {**found, "observed": first}, more
