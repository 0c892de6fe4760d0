"""How do scenes become files? One vector for each claim, and one for each choice that makes a difference to it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from turnaffinity import CONTRACT_VERSION
from turnaffinity.contract.decisions import DECISIONS, Reading, all_readings
from turnaffinity.contract.rules import RULES
from turnaffinity.explorer.vectors import as_text
from turnaffinity.vectors.page import page
from turnaffinity.vectors.prediction import given, then, when
from turnaffinity.vectors.scene import Scene
from turnaffinity.vectors.scenes import SCENES

Choices = Mapping[str, str]


def vectors() -> dict[str, dict[str, Any]]:
    """Every vector of the rules, by its path below `conformance/vectors/`, in the contract's order."""
    made: dict[str, dict[str, Any]] = {}
    for scene in sorted(SCENES, key=lambda scene: list(RULES).index(scene.rule)):
        for choices, end in ends(scene):
            split = [choice for decision, choice in choices.items() if decision not in scene.only]
            name = "-".join([*_words(scene.claim), *(["under", *split] if split else [])])
            path = f"{scene.rule}/{name}.json"
            if path in made:
                raise ValueError(f"two scenes make {path}")
            made[path] = vector(scene, name, choices, end)
    return made


def _words(claim: str) -> list[str]:
    return re.sub(r"[^a-z0-9 ]", "", claim.lower()).split()


def vector(scene: Scene, name: str, choices: Choices, end: dict[str, Any]) -> dict[str, Any]:
    """One vector; a decision that `choices` does not name makes no difference to it."""
    under = f" ({', '.join(choices.values())})" if choices else ""
    return {
        "contract": CONTRACT_VERSION,
        "id": name,
        "rule": scene.rule,
        "level": RULES[scene.rule].level,
        "reading": dict(choices) or None,
        "title": scene.claim + under,
        "given": given(scene),
        "when": when(scene),
        "then": end,
    }


def ends(scene: Scene) -> list[tuple[Choices, dict[str, Any]]]:
    """The different ends of a scene, each with the fewest choices that lead to it."""
    readings = {
        reading: then(scene, reading) for reading in all_readings() if scene.only.items() <= reading.as_dict().items()
    }
    return list(_split(dict(scene.only), readings))


def _split(chosen: dict[str, str], readings: dict[Reading, dict[str, Any]]) -> Iterator[tuple[Choices, dict[str, Any]]]:
    first = next(iter(readings.values()))
    if all(end == first for end in readings.values()):
        yield {name: chosen[name] for name in sorted(chosen)}, first
        return
    open_decisions = [decision for decision in DECISIONS if decision.id not in chosen]
    splits = [
        [
            part
            for choice in decision.choices
            for part in _split(
                chosen | {decision.id: choice},
                {reading: end for reading, end in readings.items() if reading.as_dict()[decision.id] == choice},
            )
        ]
        for decision in open_decisions
    ]
    yield from min(splits, key=len)


def counterexamples(folder: Path) -> list[dict[str, Any]]:
    """The explorer's vectors (G1 to G8) below `folder`, as their files have them."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("G[1-8]/*.json"))]


def write_vectors(folder: Path) -> list[Path]:
    """Write every vector and the README below `folder`, and remove the rules' vectors that no scene makes any more.

    The explorer's counterexamples there are counted, and left alone (`python -m turnaffinity.explorer.vectors` writes
    them). The same scenes always give the same bytes.
    """
    made = vectors()
    wanted = {folder / name: as_text(content) for name, content in made.items()}
    for old in folder.glob("TA-*/*.json"):
        if old not in wanted:
            old.unlink()
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (folder / "README.md").write_text(page(made.values(), counterexamples(folder)), encoding="utf-8")
    return list(wanted)
