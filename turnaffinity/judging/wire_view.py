"""What do these commands mean? Script calls with what ran inside them, transactions, and selections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.wire.command import Command
from turnaffinity.wire.meaning import keys_of

SCRIPT_CALLS = frozenset({"EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"})


@dataclass(frozen=True, slots=True)
class Unit:
    """What ran as one: a script call with its inner commands, a MULTI block, or a single command."""

    commands: tuple[Command, ...]
    kind: str
    """"script", "multi" or "single"."""

    @property
    def top(self) -> Command:
        """The command that the client sent: the call, MULTI, or the command itself."""
        return self.commands[0]

    @property
    def inner(self) -> tuple[Command, ...]:
        """The commands that did the work."""
        return self.commands[1:] if self.kind != "single" else self.commands

    @property
    def atomic(self) -> bool:
        """Whether nothing else could run in between."""
        return self.kind != "single"


def units(wire: Iterable[Command]) -> tuple[Unit, ...]:
    """The wire, grouped: each script call with its `lua` lines, each MULTI .. EXEC with what was queued.

    MONITOR shows a queued command where EXEC runs it, between MULTI and EXEC of the same client.
    """
    found: list[Unit | list[Command]] = []
    blocks: dict[str, list[Command]] = {}
    caller: list[Command] = []  # where the lines of a running script belong
    for command in wire:
        if command.inside_script and caller:
            caller.append(command)
        elif command.name == "EXEC" and command.client in blocks:
            found.append(Unit(tuple(blocks.pop(command.client)), "multi"))
        elif command.name == "DISCARD" and command.client in blocks:
            del blocks[command.client]
        elif command.name == "MULTI":
            blocks[command.client] = [command]
        elif command.client in blocks:
            blocks[command.client].append(command)
            caller = blocks[command.client] if command.name in SCRIPT_CALLS else []
        elif command.name in SCRIPT_CALLS:
            caller = [command]
            found.append(caller)
        else:
            caller = []
            found.append(Unit((command,), "single"))
    for block in blocks.values():  # a MULTI that no EXEC was seen for ran nothing
        found.extend(Unit((command,), "single") for command in block[1:])
    return tuple(unit if isinstance(unit, Unit) else Unit(tuple(unit), "script") for unit in found)


@dataclass(frozen=True, slots=True)
class Selection:
    """One script call that selected a node for `pair`."""

    pair: str
    unit: Unit

    def mentions(self, text: str) -> bool:
        """Whether the call was given this text, alone or within a key."""
        return any(text in part for part in self.unit.top.argv[2:])


def selections(wire: Sequence[Command], layout: KeyLayout, pairs: Iterable[str]) -> tuple[Selection, ...]:
    """The script calls that selected a node, in order: they were given a pair, or asked a pool of it."""
    found: list[Selection] = []
    wanted = list(pairs)
    for unit in units(wire):
        if unit.kind != "script":
            continue
        for pair in wanted:
            given = any(part == pair for part in unit.top.argv[2:])
            if given or any(_asks_pool(command, layout, pair) for command in unit.inner):
                found.append(Selection(pair, unit))
                break
    return tuple(found)


def _asks_pool(command: Command, layout: KeyLayout, pair: str) -> bool:
    pattern = layout.patterns["pool"]
    return any((match := pattern.fullmatch(key)) and match["pair"] == pair for key in keys_of(command))
