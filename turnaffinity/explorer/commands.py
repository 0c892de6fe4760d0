"""Which steps does a finalize take on the session's two keys, and what does each one do? The model under `crashes`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from turnaffinity.contract.decisions import Reading

NODES = ("n1", "n2")


@dataclass(frozen=True, slots=True)
class Store:
    """One session's part of the database: the pointer (`current_turn_id`) and the affinities of its turns."""

    pointer: str | None = None
    affinities: frozenset[tuple[str, str]] = frozenset()
    closed: frozenset[str] = frozenset()
    """Turns that were closed: what no database keeps, to see whether an id comes back."""
    minted: int = 0

    def node_of(self, turn: str | None) -> str | None:
        """The node that a turn records."""
        return next((node for one, node in self.affinities if one == turn), None)

    def recording(self, turn: str, node: str | None) -> Store:
        """The turn records this node; None: nothing."""
        rest = frozenset(pair for pair in self.affinities if pair[0] != turn)
        return replace(self, affinities=rest if node is None else rest | {(turn, node)})


@dataclass(frozen=True, slots=True)
class Local:
    """What one scheduler holds in its hands during a finalize; it is lost in a crash."""

    name: str
    turn: str
    node: str | None = None
    read: str | None = None


def program(reason: str, reading: Reading, *, atomic: bool = True) -> tuple[str, ...]:
    """The steps of one finalize with a batch of two jobs, in the flow's order.

    Not `atomic`: the orders that leave least behind, the pointer first in a write and last in a clear.
    """
    write = ("write",) if atomic else ("write pointer", "write affinity")
    clear = ("clear",) if atomic else ("clear read", "clear affinity", "clear pointer")
    if reason == "max_duration":
        settle = ("read",) if reading.d1 == "reuse" else ("mint",)
        if reading.d3 == "after-first-job":
            return (*settle, "select first", *write, "select")
        return (*settle, "select first", "select", *write)
    if reading.d2 == "before":
        return (*clear, "mint", "select", "select", *clear)
    return ("read", "select", "select", *clear)


def take(step: str, store: Store, local: Local, reading: Reading) -> list[tuple[Store, Local]]:
    """Every outcome of one step; only a selection has more than one."""
    if step == "read" and store.pointer is not None:
        return [(store, replace(local, turn=store.pointer))]
    if step in ("read", "mint"):
        return [_minted(store, local)]
    if step.startswith("select"):
        recorded = store.node_of(local.turn)
        nodes = (recorded,) if recorded else NODES
        keeps = step == "select"
        return [(store, local if keeps else replace(local, node=node)) for node in (nodes[:1] if keeps else nodes)]
    if step.startswith("write"):
        return [(_written(step, store, local, reading), local)]
    return [_cleared(step, store, local)]


def _minted(store: Store, local: Local) -> tuple[Store, Local]:
    number = store.minted + 1
    return replace(store, minted=number), replace(local, turn=f"{local.name}{number}")


def _written(step: str, store: Store, local: Local, reading: Reading) -> Store:
    if step != "write pointer":
        # no node goes offline here, so that repair keeps what write-once keeps
        keeps = reading.d4 != "overwrite" and store.node_of(local.turn) is not None
        store = store if keeps else store.recording(local.turn, local.node)
    return store if step == "write affinity" else replace(store, pointer=local.turn)


def _cleared(step: str, store: Store, local: Local) -> tuple[Store, Local]:
    if step == "clear read":
        return store, replace(local, read=store.pointer)
    turn = store.pointer if step == "clear" else local.read
    if turn is None:
        return store, local
    if step != "clear pointer":
        store = store.recording(turn, None)
    if step != "clear affinity":
        store = replace(store, pointer=None)
    return replace(store, closed=store.closed | {turn}), local
