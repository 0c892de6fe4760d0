"""Where can the note be read in two ways? The open decisions, the readings that choose, and the goals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal, get_args

D1 = Literal["reuse", "mint"]
D2 = Literal["before", "after"]
D3 = Literal["after-batch", "after-first-job"]
D4 = Literal["overwrite", "write-once", "repair"]


@dataclass(frozen=True, slots=True)
class Decision:
    """One open decision: its question, its choices, and the rule whose verdict depends on it."""

    id: str
    rule: str
    question: str
    question_zh: str
    choices: dict[str, str]
    choices_zh: dict[str, str]


DECISIONS: tuple[Decision, ...] = (
    Decision(
        "D1",
        "TA-TURN-4",
        "a max_duration finalize finds an open turn",
        "max_duration finalize 遇到尚未关闭的 turn",
        {"reuse": "it keeps the open turn's id", "mint": "it makes a new id"},
        {"reuse": "沿用其 id", "mint": "另生成新 id"},
    ),
    Decision(
        "D2",
        "TA-CLEAR-3",
        "a manual or timeout finalize closes a turn",
        "manual/timeout finalize 关闭 turn",
        {"before": "it clears before its own jobs", "after": "it clears after its own jobs"},
        {"before": "先清除，再建本段的 job", "after": "建完本段的 job 再清除"},
    ),
    Decision(
        "D3",
        "TA-WRITE-4",
        "when in the batch the write of a max_duration finalize happens",
        "max_duration 的写入发生在本批 job 的何时",
        {"after-batch": "after the last job", "after-first-job": "after the first job that got a node"},
        {"after-batch": "最后一个 job 之后", "after-first-job": "第一个分到节点的 job 之后"},
    ),
    Decision(
        "D4",
        "TA-WRITE-5",
        "affinity exists already when a max_duration finalize writes",
        "写入时已有亲和",
        {
            "overwrite": "it is overwritten",
            "write-once": "it stays",
            "repair": "it is overwritten only if the recorded node is no longer online",
        },
        {"overwrite": "覆盖", "write-once": "保持不变", "repair": "仅当记录的节点已下线才覆盖"},
    ),
)


@dataclass(frozen=True, slots=True)
class Reading:
    """One choice for each open decision; a preset's name is only a name for four choices."""

    d1: D1 = "reuse"
    d2: D2 = "before"
    d3: D3 = "after-batch"
    d4: D4 = "overwrite"

    def as_dict(self) -> dict[str, str]:
        """{"D1": "reuse", ...}, as reports, vectors and the protocol write it."""
        return {"D1": self.d1, "D2": self.d2, "D3": self.d3, "D4": self.d4}

    @property
    def name(self) -> str | None:
        """The preset that these choices equal, or None."""
        return next((name for name, reading in PRESETS.items() if reading == self), None)

    @property
    def text(self) -> str:
        """What `parse_reading` reads back: the preset's name, or "D1=..,D2=..,D3=..,D4=.."."""
        return self.name or ",".join(f"{decision}={choice}" for decision, choice in self.as_dict().items())

    @property
    def label(self) -> str:
        """The preset's name, or the four choices joined by " / "."""
        return self.name or " / ".join(self.as_dict().values())


PRESETS: dict[str, Reading] = {
    "literal": Reading("mint", "before", "after-batch", "overwrite"),
    "intent": Reading("reuse", "before", "after-batch", "overwrite"),
    "continuous": Reading("reuse", "after", "after-first-job", "overwrite"),
    "decided": Reading("reuse", "after", "after-first-job", "write-once"),
    "steady": Reading("reuse", "after", "after-first-job", "repair"),
}
"""The named readings; `intent` is the default."""

DEFAULT_READING = PRESETS["intent"]


def reading_from(choices: dict[str, str]) -> Reading:
    """The reading with these choices ({"D1": ..., ...}; a missing one takes the default's).

    Raises `ValueError`, one sentence, for an unknown decision or choice.
    """
    merged = DEFAULT_READING.as_dict()
    for decision_id, choice in choices.items():
        decision = next((d for d in DECISIONS if d.id == decision_id), None)
        if decision is None:
            raise ValueError(f'"{decision_id}" is no open decision; there are D1, D2, D3 and D4')
        if choice not in decision.choices:
            raise ValueError(f'{decision_id} has no choice "{choice}"; choose one of {", ".join(decision.choices)}')
        merged[decision_id] = choice
    return Reading(merged["D1"], merged["D2"], merged["D3"], merged["D4"])  # type: ignore[arg-type]


def parse_reading(text: str) -> Reading:
    """A preset's name, or choices as in "D1=mint,D4=repair" (the rest from `intent`).

    Raises `ValueError`, one sentence, for anything else.
    """
    if text in PRESETS:
        return PRESETS[text]
    if "=" in text:
        pairs = (part.partition("=") for part in text.split(","))
        return reading_from({key.strip().upper(): value.strip() for key, _, value in pairs})
    raise ValueError(f'"{text}" is no reading; use {", ".join(PRESETS)}, or choices such as D1=mint,D4=repair')


def all_readings() -> Iterator[Reading]:
    """All 24 combinations of choices, in a fixed order."""
    for d1, d2, d3, d4 in product(get_args(D1), get_args(D2), get_args(D3), get_args(D4)):
        yield Reading(d1, d2, d3, d4)


@dataclass(frozen=True, slots=True)
class Goal:
    """What a reviewer wants from a choice, over one utterance; `holds_if` says it in full."""

    id: str
    title: str
    holds_if: str
    heard: str
    """What the listener hears, or the operator sees, where it fails."""


GOALS: tuple[Goal, ...] = (
    Goal(
        "G1",
        "long speech stays",
        "all nodes serve all pairs and none fails: every job of the second and later max_duration finalizes "
        "goes to the node that the utterance's first one recorded",
        "a long sentence changes its translator halfway: names and tone change with it",
    ),
    Goal(
        "G2",
        "closing segment stays",
        "all nodes serve all pairs and none fails: every job of the closing finalize goes to the node that stood "
        "recorded when the utterance's latest max_duration finalize was done",
        "the last words of a long sentence are translated without what came before them",
    ),
    Goal(
        "G3",
        "batch together",
        "all nodes serve all pairs and none fails: all jobs of one max_duration batch go to one node, "
        "the first batch too",
        "listeners of two languages get the same segment from two nodes, one of them without the context",
    ),
    Goal(
        "G4",
        "no leftovers",
        "whatever nodes and pools do: after the close no turn key that the session made is left",
        "nothing at once: keys without a TTL stay in memory for ever",
    ),
    Goal(
        "G5",
        "nothing inherited",
        "no job is routed by an affinity that was written in an earlier utterance",
        "a new speech starts on the context of the one before",
    ),
    Goal(
        "G6",
        "comes together again",
        "all nodes serve all pairs and the recorded node goes offline for good: from the second max_duration "
        "finalize after that on, all jobs of the utterance's max_duration finalizes go to one node",
        "after a node failure every further segment is translated without context",
    ),
    Goal(
        "G7",
        "bounded rubbish",
        "whatever nodes and pools do: a session that never closes leaves at most one turn key",
        "nothing at once: a speaker who never stops fills the memory with turn keys",
    ),
    Goal(
        "G8",
        "no theft",
        "nodes may serve only some pairs: as long as the node first recorded in the utterance stays a candidate of "
        "a pair, that pair's jobs in later max_duration finalizes go to it",
        "one language's listeners lose their context because another language's node was recorded",
    ),
)
