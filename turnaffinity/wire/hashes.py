"""What do hashes hold after these commands? Enough to tell a write of the very value from a change (TA-SEL-6)."""

from __future__ import annotations

from collections.abc import Mapping

from turnaffinity.wire.command import Command
from turnaffinity.wire.meaning import ALL, assigns, deletes_fields, sets_ttl, writes_fields


class Hashes:
    """Hashes as they stood, followed through the commands that changed them."""

    def __init__(self, known: Mapping[str, Mapping[str, str]]) -> None:
        self._known = {key: dict(fields) for key, fields in known.items()}

    def changed_by(self, command: Command) -> bool:
        """Whether the command changed a hash, or its TTL; it is taken to have been carried out."""
        changed = bool(sets_ttl(command))
        for key, fields in deletes_fields(command):
            changed |= self._delete(key, None if fields is ALL else tuple(fields))
        given = assigns(command)
        if given is not None:
            changed |= self._assign(command.name, *given)
        return changed or (given is None and bool(writes_fields(command)))

    def _delete(self, key: str, fields: tuple[str, ...] | None) -> bool:
        held = self._known.get(key, {})
        gone = [name for name in held if fields is None or name in fields]
        for name in gone:
            del held[name]
        return bool(gone)

    def _assign(self, command: str, key: str, values: tuple[tuple[str, str], ...]) -> bool:
        held = self._known.setdefault(key, {})
        if command == "HSETNX":
            values = tuple((name, value) for name, value in values if name not in held)
        added = command in {"HINCRBY", "HINCRBYFLOAT"}  # what is given is the step, and the sum is not told
        changed = added or any(held.get(name) != value for name, value in values)
        held.update({name: "" if added else value for name, value in values})
        return changed
