"""What ran as one? Script calls with what ran inside them, transactions, and single commands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from turnaffinity.wire.command import Command
from turnaffinity.wire.meaning import SCRIPT_CALLS


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
