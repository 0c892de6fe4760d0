"""What is a made-up id called on the page? Turn ids become T1, T2 ..., job ids J1, J2 ..., in the order seen."""

from __future__ import annotations

import random
import re
import uuid

UUID = re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b")


class Names:
    """Short names for ids that an implementation made up, stable within one notebook."""

    def __init__(self) -> None:
        self._short: dict[str, str] = {}

    def turn(self, turn_id: str) -> str:
        """The short name of a turn id; an id that is short already keeps its own."""
        return self._named(turn_id, "T")

    def job(self, job_id: str) -> str:
        """The short name of a job id."""
        return self._named(job_id, "J")

    def _named(self, made_up: str, letter: str) -> str:
        if made_up not in self._short and len(made_up) > 8:
            count = sum(name.startswith(letter) for name in self._short.values())
            self._short[made_up] = f"{letter}{count + 1}"
        return self._short.get(made_up, made_up)

    def apply(self, text: str) -> str:
        """The text with every known id replaced; a UUID that nobody named becomes a turn's."""
        for made_up in sorted(self._short, key=len, reverse=True):
            text = text.replace(made_up, self._short[made_up])
        return UUID.sub(lambda match: self.turn(match[0]), text)


class SeededIds:
    """UUIDs v4 that are the same in every run: callable as the flow's `new_turn_id` and `new_job_id`."""

    def __init__(self, seed: str) -> None:
        self._rng = random.Random(seed)

    def __call__(self) -> str:
        """The next id, 36 characters."""
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
