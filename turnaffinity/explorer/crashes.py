"""What is left behind when a scheduler dies between two commands, and when two of them handle one session?

A model of its own, one level below the oracle: a finalize is a sequence of steps on one session's two keys, each
step one command or one script, and may stop after any of them. Every stop, every interleaving and every draw is tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from turnaffinity.contract.decisions import Reading, all_readings
from turnaffinity.explorer.commands import Local, Store, program, take

WRITES = {
    "affinity first": ("write affinity", "write pointer"),
    "pointer first": ("write pointer", "write affinity"),
    "one script": ("write",),
}
"""The orders in which a write can send its two commands, and the atomic step."""
CLEARS = {
    "affinity first": ("clear read", "clear affinity", "clear pointer"),
    "pointer first": ("clear read", "clear pointer", "clear affinity"),
    "one script": ("clear",),
}
"""The orders in which a clear can send its three commands, and the atomic step."""
FUTURES = tuple(future for length in range(1, 5) for future in product(("max_duration", "manual"), repeat=length))
"""What a session may do after a crash: up to four finalizes."""


_KINDS = {"write": "a write", "clear": "a clear"}


@dataclass(frozen=True, slots=True)
class Stop:
    """One place where a process died, and what became of what it left."""

    kind: str
    """"write" or "clear"."""
    order: str
    after: str
    """The last command that was carried out."""
    d1: str
    left: str
    """"nothing", "a pointer without affinity" or "an affinity without a pointer"."""
    gone_by: tuple[str, ...] = ()
    """The finalizes that repair it, if the next one is of this reason."""
    for_ever: bool = False
    """No sequence of up to four finalizes repairs it: no later step names the turn, and a turn key has no TTL."""


@dataclass(frozen=True, slots=True)
class Takeover:
    """What a combination loses when two schedulers finalize one session at the same time."""

    reading: Reading
    steps: str
    """"one script" or "single commands"."""
    losses: tuple[str, ...]
    example: str
    """A shortest interleaving that loses something; empty where nothing is lost."""


@dataclass(frozen=True)
class CrashReport:
    """The results of both searches."""

    stops: tuple[Stop, ...]
    takeovers: tuple[Takeover, ...]

    def safe_orders(self, kind: str) -> list[str]:
        """The orders of a write or a clear under which every crash is repaired by the next finalize."""
        orders = WRITES if kind == "write" else CLEARS
        return [
            order
            for order in orders
            if all(
                stop.left == "nothing" or len(stop.gone_by) == 2
                for stop in self.stops
                if (stop.kind, stop.order) == (kind, order)
            )
        ]

    def lines(self) -> list[str]:
        """The report as sentences."""
        told = ["A process is killed between two commands:"]
        for stop in self.stops:
            if stop.left == "nothing":
                continue
            who = "it stays for ever" if stop.for_ever else f"gone after the next {' or '.join(stop.gone_by)}"
            kind = _KINDS[stop.kind]
            told.append(f"{kind}, {stop.order}, D1={stop.d1}: killed after `{stop.after}`: {stop.left}; {who}")
        for kind, name in _KINDS.items():
            safe = ", ".join(self.safe_orders(kind))
            told.append(f"repaired by any next finalize, or leaving nothing: {name}, {safe}")
        told.append(
            "Two schedulers finalize one session at once (atomic scripts do not help: reading, selecting and writing "
            "are steps of their own, so one actor a session is a condition of the contract):"
        )
        return [*told, *self._grouped()]

    def _grouped(self) -> Iterator[str]:
        by_loss: dict[tuple[str, tuple[str, ...]], list[Takeover]] = {}
        for takeover in self.takeovers:
            by_loss.setdefault((takeover.steps, takeover.losses), []).append(takeover)
        for (steps, losses), rows in by_loss.items():
            shared = sorted({text for row in rows for text in _texts(row.reading)})
            fixed = [one for one in shared if all(one in _texts(row.reading) for row in rows)]
            what = "; ".join(losses) or "nothing that it does not lose alone"
            example = min((row.example for row in rows), key=len)
            yield f"{steps}, {', '.join(fixed) or 'any'} ({len(rows)} combinations): loses {what}. {example}"

    def as_json(self) -> dict[str, object]:
        """Both tables as plain data."""
        stops = [
            {
                "kind": s.kind,
                "order": s.order,
                "after": s.after,
                "D1": s.d1,
                "left": s.left,
                "gone_by": list(s.gone_by),
                "for_ever": s.for_ever,
            }
            for s in self.stops
        ]
        takeovers = [
            {**t.reading.as_dict(), "steps": t.steps, "losses": list(t.losses), "example": t.example}
            for t in self.takeovers
        ]
        return {"stops": stops, "takeovers": takeovers}


def search_crashes() -> CrashReport:
    """Every stop of every order of commands, and every interleaving of two finalizes for every combination."""
    return CrashReport(tuple(_stops()), tuple(_takeovers()))


def _texts(reading: Reading) -> list[str]:
    return [f"{key}={value}" for key, value in reading.as_dict().items()]


def _stops() -> Iterator[Stop]:
    for d1 in ("reuse", "mint"):
        for order, steps in WRITES.items():
            yield from _stops_in("write", order, steps, Reading(d1=d1))
        for order, steps in CLEARS.items():
            yield from _stops_in("clear", order, steps, Reading(d1=d1))


def _stops_in(kind: str, order: str, steps: tuple[str, ...], reading: Reading) -> Iterator[Stop]:
    """The worst that is left after each command: of all starts, the one that is repaired by the fewest."""
    opened = Store(pointer="T0", affinities=frozenset({("T0", "n1")}))
    starts = [Store(), opened] if kind == "write" else [opened]
    for length in range(1, len(steps) + 1):
        worst = Stop(kind, order, steps[length - 1], reading.d1, "nothing", ("max_duration", "manual"))
        for start in starts:
            local = Local("s", turn="T0" if reading.d1 == "reuse" and start.pointer else "T1", node="n2")
            store = start
            for step in steps[:length]:
                store, local = take(step, store, local, reading)[0]
            left, turn = _left(store, local.turn if kind == "write" else "T0")
            gone_by = tuple(
                r for r in ("max_duration", "manual") if left and _gone_after(r, store, turn, left, reading)
            )
            if left and len(gone_by) <= len(worst.gone_by):
                for_ever = stays_for_ever(store, turn, reading)
                worst = Stop(kind, order, steps[length - 1], reading.d1, left, gone_by, for_ever)
        yield worst


def _left(store: Store, turn: str) -> tuple[str, str]:
    recorded = store.node_of(turn) is not None
    if store.pointer == turn and not recorded:
        return "a pointer without affinity", turn
    if recorded and store.pointer != turn:
        return "an affinity without a pointer", turn
    return "", turn


def _gone_after(reason: str, store: Store, turn: str, left: str, reading: Reading) -> bool:
    """Whether what is left is gone after the next finalize, if that has this reason."""
    return all(_left(end, turn)[0] != left for end in _carry_out((reason,), store, reading))


def stays_for_ever(store: Store, turn: str, reading: Reading) -> bool:
    """Whether a turn key outlives every future of up to four finalizes."""
    return all(end.node_of(turn) is not None for f in FUTURES for end in _carry_out(f, store, reading))


def _carry_out(reasons: tuple[str, ...], store: Store, reading: Reading) -> list[Store]:
    """Every end of a sequence of finalizes that nothing disturbs."""
    ends = [store]
    for reason in reasons:
        ends = [
            after
            for before in ends
            for after, _ in _through(program(reason, reading), before, Local("later", turn=""), reading)
        ]
    return list(dict.fromkeys(ends))


def _through(steps: tuple[str, ...], store: Store, local: Local, reading: Reading) -> list[tuple[Store, Local]]:
    reached = [(store, local)]
    for step in steps:
        reached = [end for now, mine in reached for end in take(step, now, mine, reading)]
    return reached


def _takeovers() -> Iterator[Takeover]:
    for reading in all_readings():
        for name, atomic in (("one script", True), ("single commands", False)):
            losses: dict[str, str] = {}
            for reasons in (("max_duration", "max_duration"), ("max_duration", "manual"), ("manual", "manual")):
                for start in (Store(), Store(pointer="T0", affinities=frozenset({("T0", "n1")}))):
                    for loss, example in _race(reasons, start, reading, atomic):
                        if loss not in losses or len(example) < len(losses[loss]):
                            losses[loss] = example
            example = min(losses.values(), key=len, default="")
            yield Takeover(reading, name, tuple(sorted(losses)), f"For example: {example}" if example else "")


def _race(reasons: tuple[str, str], start: Store, reading: Reading, atomic: bool) -> Iterator[tuple[str, str]]:
    """Every interleaving of two finalizes, then what the session may do afterwards."""
    programs = tuple(program(reason, reading, atomic=atomic) for reason in reasons)
    names = ("A", "B")
    todo: list[tuple[Store, tuple[Local, Local], tuple[int, int], tuple[str, ...]]] = [
        (start, (Local("A", ""), Local("B", "")), (0, 0), ())
    ]
    seen = set()
    while todo:
        store, locals_, at, told = todo.pop(0)
        if (store, locals_, at) in seen:
            continue
        seen.add((store, locals_, at))
        if all(place == len(steps) for place, steps in zip(at, programs, strict=True)):
            text = f"A handles {reasons[0]} and B {reasons[1]}: {', '.join(told)}"
            yield from ((loss, text) for loss in _losses(store, reading))
            continue
        for who in (0, 1):
            if at[who] < len(programs[who]):
                step = programs[who][at[who]]
                for after, local in take(step, store, locals_[who], reading):
                    both = (local, locals_[1]) if who == 0 else (locals_[0], local)
                    places = (at[0] + (who == 0), at[1] + (who == 1))
                    todo.append((after, both, places, (*told, _DONE[names[who]][step])))


_DONE = {
    "A": {
        "read": "A reads the session", "mint": "A mints a turn id",
        "select first": "A selects the first node", "select": "A selects a node",
        "write": "A writes", "write pointer": "A writes the pointer",
        "write affinity": "A writes the affinity", "clear": "A clears",
        "clear read": "A reads what it will clear", "clear affinity": "A clears the affinity",
        "clear pointer": "A clears the pointer",
    },
    "B": {
        "read": "B reads the session", "mint": "B mints a turn id",
        "select first": "B selects the first node", "select": "B selects a node",
        "write": "B writes", "write pointer": "B writes the pointer",
        "write affinity": "B writes the affinity", "clear": "B clears",
        "clear read": "B reads what it will clear", "clear affinity": "B clears the affinity",
        "clear pointer": "B clears the pointer",
    },
}  # fmt: skip
"""A step of an interleaving in words, with who takes it: whole sentences, as the catalogs tell lists of them."""


def _losses(store: Store, reading: Reading) -> Iterator[str]:
    superseded = reading.d1 == "mint"
    if any(turn in store.closed for turn, _ in store.affinities):
        yield "TA-TURN-3: a closed turn's id is written again"
        if reading.d1 == "reuse" and store.pointer in store.closed:
            yield "G5: the next utterance starts on the closed turn's node"
    if not superseded and len(store.affinities) > 1:
        yield "G7: two turn keys in one session"
    if not superseded and any(end.affinities for end in _carry_out(("manual",), store, reading)):
        yield "G4: a turn key outlives the next close"
