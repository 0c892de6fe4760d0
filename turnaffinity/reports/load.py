"""How does a load run look? One row a scenario: what was tried, and what was lost."""

from __future__ import annotations

from collections.abc import Sequence

from turnaffinity.load.storms import Outcome
from turnaffinity.showing.wording import Words

HEAD = (
    "scenario", "finalizes", "errors surfaced", "jobs on a wrong node", "open turns lost", "closed turns used again",
    "turn keys left",
)  # fmt: skip


def rows(outcomes: Sequence[Outcome], *, in_words: bool = False, words: Words | None = None) -> list[tuple[str, ...]]:
    """The table's cells, head first; every figure is a count of one run. Scenarios by name, or `in_words`.

    In English without `words`.
    """
    words = words or Words("en")
    head = tuple(map(words.told, HEAD))
    return [head, *((words.told(name), *figures) for name, *figures in (_row(each, in_words) for each in outcomes))]


def losses_markdown(outcomes: Sequence[Outcome], under_load: str, words: Words | None = None) -> str:
    """The same as a Markdown table, with what was under load in a sentence before it."""
    sessions, name = outcomes[0].sessions, outcomes[0].server
    words = words or Words("en")
    said = f"{sessions:,} sessions of two turns each, in two processes, on {name}; under load: {under_load}."
    lines = ["| " + " | ".join(row) + " |" for row in rows(outcomes, in_words=True, words=words)]
    lines.insert(1, "|---|" + "---:|" * (len(HEAD) - 1))
    return f"{words.told(said)}\n\n" + "\n".join(lines) + "\n"


def _row(outcome: Outcome, in_words: bool) -> tuple[str, ...]:
    counts = outcome.counts
    errors = ", ".join(f"{number} `{code}`" for code, number in sorted(counts.errors.items())) or "0"
    figures = (counts.wrong_node, counts.lost_turn, counts.closed_turn, outcome.turn_keys_left)
    name = outcome.storm.what if in_words else outcome.storm.name
    return (name, f"{counts.finalizes:,}", errors, *(f"{figure:,}" for figure in figures))
