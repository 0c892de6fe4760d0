"""When are two states of the search the same? When only the names of nodes, turns and languages differ."""

from __future__ import annotations

from functools import lru_cache
from itertools import permutations

from turnaffinity.explorer.bounds import LANGUAGES, SESSIONS, WATCHED, Bounds, pair
from turnaffinity.explorer.goals import Predicate, Seen, turn_keys_of
from turnaffinity.explorer.surroundings import Setting
from turnaffinity.specification.oracle_state import Place, World

Key = tuple[str, ...]
ORDERS = tuple(permutations(LANGUAGES))


def exact_key(world: World, seen: Seen, predicate: Predicate, setting: Setting, bounds: Bounds) -> object:
    """The state itself, with all its names: for checking that the removal of symmetry changes no result."""
    return world, seen


def canonical_key(world: World, seen: Seen, predicate: Predicate, setting: Setting, bounds: Bounds) -> Key:
    """A state without names.

    Turns are named by their session only: a turn that no session names can be counted (G4, G7) but never again be
    selected under, since ids are not used twice. Nodes are numbered in the order in which the state names them,
    the others by what they serve. Languages: the smaller of both ways to name them.
    """
    named = _named(world, seen, predicate)
    if not setting.matters and not seen.languages:
        return _with_numbers(named, {})
    return min(_one_way(world, seen, named, order, setting, bounds) for order in ORDERS)


def _named(world: World, seen: Seen, predicate: Predicate) -> list[str | None]:
    """The parts of a state that name nodes, in a fixed order; other parts begin with a mark that no node has."""
    parts: list[str | None] = []
    for session in SESSIONS:
        turn = world.open_turn(session)
        parts.append("=none" if turn is None else world.affinity(turn) or "=bare")
    parts += [seen.node, f"={seen.finalizes}{seen.failed}"]
    if predicate.goal.id == "G5":
        turn, utterance = world.open_turn(WATCHED), seen.utterances[0]
        written_before = any(one == turn and (by, when) != (WATCHED, utterance) for one, by, when in seen.writers)
        parts.append(f"={written_before}")
    if predicate.counts_keys:
        parts.append(f"={turn_keys_of(WATCHED, world)}")
    return parts


def _one_way(
    world: World, seen: Seen, named: list[str | None], order: tuple[str, ...], setting: Setting, bounds: Bounds
) -> Key:
    spoken = "".join(str(lang in seen.languages) for lang in order)
    if not setting.matters:
        return (*_with_numbers(named, {}), spoken)
    traits = _traits(world.places, world.online, order, bounds.node_ids)
    numbers: dict[str, str] = {}
    key = _with_numbers(named, numbers)
    of_named = tuple(traits[node] for node in numbers)
    of_others = tuple(sorted(trait for node, trait in traits.items() if node not in numbers))
    return (*key, spoken, "|", *of_named, "|", *of_others)


@lru_cache(maxsize=4096)
def _traits(
    places: frozenset[Place], online: frozenset[str], order: tuple[str, ...], node_ids: tuple[str, ...]
) -> dict[str, str]:
    """Of each node, whether it is online, and which of the languages it serves, in this order."""
    served = [World(online, places).candidates(pair(lang)) for lang in order]
    return {node: f"{node in online}" + "".join(str(node in nodes) for nodes in served) for node in node_ids}


def _with_numbers(parts: list[str | None], numbers: dict[str, str]) -> Key:
    named = []
    for part in parts:
        if part is None or part[0] == "=":
            named.append(part or "")
        else:
            named.append(numbers.setdefault(part, f"#{len(numbers)}"))
    return tuple(named)
