"""What does the judge itself send? Its own commands, in order, and in as few round trips as can be.

A round trip costs far more than the command it carries. Commands whose replies nobody waits for are kept until
somebody looks, or the subject acts, and then go all together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from turnaffinity.server.round_trip import is_plain, one_trip

if TYPE_CHECKING:
    from turnaffinity.stage.observer import Observer

Argv = Sequence[str | int]


class Pipeline:
    """The judge's own commands on a connection of its own.

    With an observer each trip ends with a mark (ECHO) that opens the subject's next step. Commands wait for each other
    only where `waits`: a cluster's client and fakeredis are given each one at once.
    """

    def __init__(self, client: Any, observer: Observer | None) -> None:
        self._client = client
        self.waits = is_plain(client)
        self._observer = observer
        self._waiting: list[Argv] = []

    def later(self, commands: Sequence[Argv]) -> None:
        """Commands whose replies are not wanted, before anything else that is done or looked at."""
        self._waiting += commands
        if not self.waits:
            self.settle()

    def now(self, commands: Sequence[Argv]) -> list[Any]:
        """The commands' replies, in one round trip with those that waited; raises the first error reply of all."""
        waited, self._waiting = self._waiting, []
        trip = [*waited, *commands]
        if self._observer is None:
            return one_trip(self._client, trip)[len(waited) :]
        self._observer.disturb()
        command, mark = self._observer.opening()
        replies = one_trip(self._client, [*trip, command])
        self._observer.opened_by(mark)
        return replies[len(waited) : -1]

    def settle(self) -> None:
        """Send what waits, if anything does; to be called before anybody else acts."""
        if self._waiting:
            self.now([])

    def lent(self) -> Any:
        """The connection itself, for whoever needs its methods; the observer is told that they may act."""
        self.settle()
        if self._observer is not None:
            self._observer.disturb()
        return self._client
