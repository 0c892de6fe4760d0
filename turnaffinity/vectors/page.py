"""What is in the folder of vectors, and what can no vector say? Its README, written from the vectors themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from turnaffinity.contract.decisions import GOALS
from turnaffinity.contract.rules import FAMILIES, RULES, Rule
from turnaffinity.contract.vector import During, FinalizeStep, Then
from turnaffinity.contract.vector import Vector as Model
from turnaffinity.vectors.playing import readings_of

LEFT_OUT = {
    "TA-SEL-5": "how often something is read shows on the wire alone",
    "TA-SEL-9": "the cost of a selection shows on the wire alone",
    "TA-WRITE-6": "whether two writes are one atomic step shows on the wire alone",
    "TA-CLEAR-4": "the first clear has to fail: an error reply in its middle, which no command of a vector makes",
    "TA-CLEAR-7": "whether a read and two deletes are one atomic step shows on the wire alone",
    "TA-LUA-1": "it is about the script's text",
}
"""Why a rule of the profiles L and S has no vector."""

FAULTS = "a fault has to happen inside a finalize, which no command of a vector makes"

IN_PART = {
    "TA-KEY-1": "a second place that is written and deleted again shows on the wire alone",
    "TA-KEY-2": "a further key that is read shows only where it misleads",
    "TA-KEY-3": "a legacy field that is read and not followed shows on the wire alone",
    "TA-TURN-1": "that an id is a UUID v4: a vector compares ids, and does not parse them",
    "TA-TURN-2": "under D1 = mint and D2 = before no finalize selects with a recorded affinity",
    "TA-SEL-2": "that the choice is random: a vector sees which nodes are allowed, not how often each comes up",
    "TA-SEL-3": "that the choice among the others is random",
    "TA-SEL-4": "that the choice among the others is random",
    "TA-SEL-6": "a change inside a finalize that is taken back",
    "TA-SEL-8": "an influence on the chances",
    "TA-WRITE-2": "a TTL on a session hash that has one from somebody else; a lifetime that is taken back at once",
    "TA-WRITE-3": "a write that the fallback clear deletes again",
    "TA-CLEAR-3": "under D2 = before, when in the finalize the clear comes; the ids tell, the nodes do not",
    "TA-CLEAR-5": "a field that somebody else writes while the clear is going on",
    "TA-CLEAR-8": "KEYS and SCAN, which show on the wire alone",
    "TA-BIND-1": "how long a binding lives",
    "TA-NEVER-1": "a lifetime that is taken back: `no_ttl` sees how the key ends",
    "TA-NEVER-2": "a leaning towards the old node",
    "TA-NEVER-3": "a second place that answers only where no affinity is recorded, with a candidate",
}
"""What the vectors of a rule do not see of it; the suite does."""

INTRODUCTION = """\
# What has to hold, in files that need no Python

<!-- written by `python -m turnaffinity.vectors`; change turnaffinity/vectors/ and write it anew -->

One claim a file: the state given, a few requests, and what has to hold. `TA-*/` comes from the scenes in
`turnaffinity/vectors/scenes/`, and what has to hold from the specification's oracle; `G1/` to `G8/` are the
explorer's counterexamples, which show what a choice of reading costs (`turnaffinity explore`). The shape is in
`../schema/vector.json`; two runners to copy from are `../implementations/rust/tests/vectors/` and
`turnaffinity/vectors/playing.py`.

    pytest conformance/vectors --adapter CMD      # or --lua FILE, or nothing: the reference
    cargo test --offline --test vectors           # in ../implementations/rust

## One file

"""

PASSING = """
A value of `results` or `keys` may be `{"one_of": [...]}`: any of these. Ids that the implementation makes up are
`{"bind": "T1"}` (any id, a text that is not empty; it is called T1 from here on), `{"same_as": "T1"}`,
`{"not": "T1"}` (an id, and another one); `${T1}` in a text of a step, a key or a value stands for the id.

How an answer is held against its entry of `results`:

- An object: a member that the vector names must be there. One that is missing is not one that is `null`:
  `{"node_id": null}` asks for a `node_id` that says `null`. Members that the vector does not name are not judged.
- An array: as many items, in the same order. Only a set under `keys` has no order: sort what Redis gives you.
- A text, a number, `null`: the same.
- `one_of`: one of its values, which are plain.
- Ids are bound in the order of the steps, and within one answer in the order in which the vector writes its members.
  Each name is bound once, before it is used: it holds from there on, for the rest of the same answer too, and in every
  later step, in `keys`, `absent` and `no_ttl`.

## When a vector counts as passed

1. For each reading that it is for: all 24 for `null`, one for a preset's name; for an object, whatever agrees with its
   choices, since a decision that it does not name makes no difference to the claim. An implementation that has one
   reading runs what is for it.
2. An empty database; `given` is sent; a process that has seen nothing of other vectors, or has and does not care.
3. Each step of `when` in order, each answer held against the entry of `results` with the same number.
4. After the last step: each hash under `keys` has these fields and no others; what is `absent` does not exist; what
   is under `no_ttl` has no TTL. A key that is not named may be as it likes: what is left of a superseded turn, a
   binding that may be there, nodes and pools.

A vector with `level` SHOULD is a warning where it fails, and the implementation conforms all the same.

A vector with `draws` says what the random choices return, one after the other: a job that follows its turn's affinity
draws nothing, and takes none. A finalize with `during` says what somebody else does to Redis inside it: `job 2` is
just before its second job selects a node (jobs are counted from 1, in the order of the target languages), `write` just
before it writes affinity and open turn. A runner that cannot bring that about skips the vector and says so. Only the
counterexamples have them.

A node that is not to be reached by chance stands among eight candidates eight times, so that chance passes for right
once in 16 million runs.

The vectors are not part of `turnaffinity verify`: what they say, the suite judges too, and with more to see by (the
wire, chance, faults, a second process), so that they would add time and no verdict. The runner above gives every
session, turn, node and job another name in every run: a table of the answers in these files does not pass it.
"""


def why_left_out(rule: Rule) -> str | None:
    """Why no vector can express a rule, or None if one can."""
    return FAULTS if rule.family == "FAULT" else LEFT_OUT.get(rule.id)


def runs_of(vectors: Iterable[Mapping[str, Any]]) -> int:
    """How many runs they make: one for each reading that each is for."""
    return sum(len(readings_of(vector)) for vector in vectors)


def page(rules: Iterable[Mapping[str, Any]], counterexamples: Iterable[Mapping[str, Any]]) -> str:
    """The README of `conformance/vectors` for these vectors; the same vectors give the same text."""
    rules, counterexamples = list(rules), list(counterexamples)
    every = [*rules, *counterexamples]
    counts = Counter(vector["rule"] for vector in every)
    everywhere = Counter(vector["rule"] for vector in rules if vector["reading"] is None)
    lines = [
        "",
        f"## What is here: {len(every)} vectors, {runs_of(every):,} runs in all readings",
        "",
        f"{len(rules)} vectors of rules, {runs_of(rules):,} runs, and {len(counterexamples)} counterexamples, "
        f"{runs_of(counterexamples)} runs, all with draws.",
    ]
    for family, title in FAMILIES.items():
        lines += [
            "",
            f"### {family}: {title}",
            "",
            "| rule | level | vectors | for every reading | not seen by them |",
            "|---|---|---|---|---|",
        ]
        for rule in RULES.values():
            if rule.family == family and rule.profiles & {"L", "S"}:
                unseen = why_left_out(rule) or IN_PART.get(rule.id, "")
                none = not counts[rule.id]
                lines.append(
                    f"| {rule.id} | {rule.level} | {counts[rule.id] or 'none'} "
                    f"| {'' if none else everywhere[rule.id]} | {unseen} |"
                )
    lines += ["", "### Counterexamples", "", "| goal | vectors | holds if |", "|---|---|---|"]
    lines += [f"| {goal.id} | {counts[goal.id] or 'none'} | {goal.holds_if} |" for goal in GOALS]
    return INTRODUCTION + _members() + PASSING + "\n".join(lines) + "\n"


def _members() -> str:
    rows = ["| member | what it says |", "|---|---|"]
    rows += [f"| `{name}` | {field.description} |" for name, field in Model.model_fields.items()]
    rows += [f"| `then.{name}` | {field.description} |" for name, field in Then.model_fields.items()]
    rows.append(f"| `when[].during` | in a finalize: {FinalizeStep.model_fields['during'].description} |")
    rows += [f"| `when[].during[].{name}` | {field.description} |" for name, field in During.model_fields.items()]
    return "\n".join(rows) + "\n"
