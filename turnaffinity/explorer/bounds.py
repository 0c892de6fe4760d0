"""How far does the search look? The bounds, and the requests that fit into them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache

from turnaffinity.problem import Problem
from turnaffinity.specification.oracle import Request
from turnaffinity.specification.oracle_state import World

SOURCE_LANGUAGE = "zh"
LANGUAGES = ("en", "ja")
"""The target languages of the rooms."""
SESSIONS = ("s1", "s2")
"""The goals are judged for `s1`; `s2` does what it likes beside it."""
WATCHED = SESSIONS[0]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is searched: every behaviour within these numbers, each draw being an adversary's."""

    nodes: int = 3
    """Nodes in the deployment: 2 to 6; goal G6 needs a third one to show anything."""
    languages: int = len(LANGUAGES)
    sessions: int = len(SESSIONS)
    utterances: int = 2
    """Utterances of each session."""
    max_durations: int = 4
    """max_duration finalizes of one utterance at most: `--depth`."""
    node_failures: int = 1
    """Nodes that go offline for good where a goal speaks of a failure (G6)."""

    def __post_init__(self) -> None:
        if not 2 <= self.nodes <= 6:
            raise Problem("--nodes", f"{self.nodes} nodes cannot be searched", "use 2 to 6 nodes; the default is 3")
        if not 1 <= self.max_durations <= 12:
            raise Problem("--depth", f"{self.max_durations} is out of range", "use 1 to 12; the default is 4")

    @property
    def node_ids(self) -> tuple[str, ...]:
        """n1, n2, ..."""
        return tuple(f"n{number}" for number in range(1, self.nodes + 1))

    def as_dict(self) -> dict[str, int]:
        """The bounds by name, as `explore --json` writes them."""
        return asdict(self)


def pair(language: str) -> str:
    """The language pair of a job: "zh:en"."""
    return f"{SOURCE_LANGUAGE}:{language}"


def everywhere(bounds: Bounds) -> World:
    """All nodes are online and serve all pairs."""
    world = World()
    for language in LANGUAGES:
        world = world.serving(pair(language), bounds.node_ids)
    return world


@cache
def requests(session: str, reason: str) -> tuple[Request, ...]:
    """The finalizes to try: one job for each single language, and a room of both in either order."""
    rooms = (("en",), ("ja",), ("en", "ja"), ("ja", "en"))
    return tuple(Request(session, reason, SOURCE_LANGUAGE, room[0], room if len(room) > 1 else None) for room in rooms)
