"""What may nodes and pools do around the flow? Each goal names its surroundings; the search plays all they can do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, product

from turnaffinity.contract.decisions import Reading
from turnaffinity.explorer.bounds import LANGUAGES, Bounds, everywhere, pair
from turnaffinity.specification.oracle import Surroundings, still
from turnaffinity.specification.oracle_state import World

Event = tuple[str, ...]
"""("offline", node) · ("online", node) · ("serving", pair, node, ...)"""


@dataclass(frozen=True, slots=True)
class Setting:
    """One kind of surroundings.

    `matters` says whether the pools are part of the state: not where they never change, nor where they are
    drawn anew before every selection.
    """

    id: str
    title: str
    starts: Callable[[Bounds], Iterable[World]]
    between: Callable[[World, Bounds], Iterator[tuple[Event, World]]]
    """What may happen between two finalizes; each is a step of its own."""
    inside: Callable[[Bounds, Reading], Surroundings]
    """What may happen inside a finalize, before a selection or a write."""
    matters: bool = False


def _all_serve_all(bounds: Bounds) -> Iterable[World]:
    return (everywhere(bounds),)


def _nothing(world: World, bounds: Bounds) -> Iterator[tuple[Event, World]]:
    return iter(())


def _still(bounds: Bounds, reading: Reading) -> Surroundings:
    return still


def _some_serve_some(bounds: Bounds) -> Iterator[World]:
    """Every way in which the nodes serve some of the pairs; ways that differ in the nodes' names only, once."""
    menu = [served for size in range(len(LANGUAGES) + 1) for served in combinations(LANGUAGES, size)]
    seen = set()
    for choice in product(menu, repeat=bounds.nodes):
        if tuple(sorted(choice)) in seen:
            continue
        seen.add(tuple(sorted(choice)))
        world = World(online=frozenset(bounds.node_ids))
        for language in LANGUAGES:
            nodes = [node for node, served in zip(bounds.node_ids, choice, strict=True) if language in served]
            world = world.serving(pair(language), nodes)
        yield world


def _failures(world: World, bounds: Bounds) -> Iterator[tuple[Event, World]]:
    if bounds.nodes - len(world.online) < bounds.node_failures:
        for node in sorted(world.online):
            yield ("offline", node), world.without_node(node)


def _failing_inside(bounds: Bounds, reading: Reading) -> Surroundings:
    def around(world: World, step: str, language_pair: str) -> Iterator[tuple[Event, World]]:
        yield (), world
        yield from _failures(world, bounds)

    return around


def _served_by(at_most: int) -> Callable[[Bounds, Reading], Surroundings]:
    """Before each selection the pair is served by any set of up to so many nodes, the empty set too.

    Before a write, the node that stands recorded may be gone: nothing else is read there (D4, repair).
    """

    def inside(bounds: Bounds, reading: Reading) -> Surroundings:
        sizes = (*range(1, at_most + 1), 0)
        sets = [nodes for size in sizes for nodes in combinations(bounds.node_ids, size)]

        def around(world: World, step: str, language_pair: str) -> Iterator[tuple[Event, World]]:
            if step == "select":
                for nodes in sets:
                    yield ("serving", language_pair, *nodes), world.serving(language_pair, nodes)
                return
            yield (), world
            if reading.d4 == "repair":
                for node in sorted({node for _, node in world.affinities} & world.online):
                    yield ("offline", node), world.without_node(node)

        return around

    return inside


STEADY = Setting(
    "steady", "all nodes serve all pairs, and none fails", _all_serve_all, _nothing, _still
)  # fmt: skip
FAILING = Setting(
    "failing", "all nodes serve all pairs; one goes offline for good, between finalizes or inside one",
    _all_serve_all, _failures, _failing_inside, matters=True,
)  # fmt: skip
MIXED = Setting(
    "mixed", "each node serves some of the pairs, for good", _some_serve_some, _nothing, _still, matters=True
)  # fmt: skip
ANYTHING = Setting(
    "anything", "nodes and pools change in any way before every job and every write", _all_serve_all, _nothing,
    _served_by(1),
)  # fmt: skip
"""One node is enough: a selection that may return a node out of many may return it out of that one alone."""
ANY_TWO = Setting(
    "any two", "nodes and pools change in any way before every job and every write", _all_serve_all, _nothing,
    _served_by(2),
)  # fmt: skip
"""Two are enough where a goal asks whether one certain node stays a candidate while another one is returned."""
