"""How are two versions of a scheduler judged at once? Both serve the same sessions, each request by one of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import ExitStack

from turnaffinity.contract.answers import Answer
from turnaffinity.subjects.subject import Hello, Profile, Subject


class SideBySide:
    """Two implementations as one subject: which of them takes a request is drawn from the run's seed.

    What is judged are the rules that hold whatever the mix, as both versions share nothing but Redis: where the state
    stands (TA-KEY), that ids are UUIDs and never come back (TA-TURN-1, -3), what is refused and how a batch is made
    (TA-TURN-5, -6), the selection (TA-SEL), that a segment is recorded and nothing gets a TTL (TA-WRITE-1, -2, -3,
    -6), that a close clears, once and for all, and touches nothing else (TA-CLEAR), bindings, and what never happens.
    Where a case asks which choice was made for D1 to D4, the two may differ: it is unobservable.
    """

    profile: Profile = "scheduler"

    def __init__(self, first: Subject, second: Subject, seed: int) -> None:
        self.both = (first, second)
        self._random = random.Random(seed)
        a, b = first.hello, second.hello
        self.hello = Hello(
            f"{a.name} beside {b.name}", f"{a.version} / {b.version}".strip(" /"), f"{a.language} / {b.language}",
            a.ops & b.ops,
        )  # fmt: skip

    def _either(self) -> Subject:
        return self._random.choice(self.both)

    def finalize(
        self, session_id: str, reason: str, src_lang: str, tgt_lang: str, room_langs: Sequence[str] | None
    ) -> Answer:
        """One finalize, by either."""
        return self._either().finalize(session_id, reason, src_lang, tgt_lang, room_langs)

    def select(self, pair: str, job_id: str | None, turn_id: str | None) -> Answer:
        """One selection, by either."""
        return self._either().select(pair, job_id, turn_id)

    def close(self) -> None:
        """Let go of both, the second too where the first complains."""
        with ExitStack() as stack:
            for subject in self.both:
                stack.callback(subject.close)
