"""Where do the texts that we look for stand in a piece of a trace? All of them in one pass over its bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter

Hit = tuple[int, int, int]
"""Which text, counted from 0, and where it starts and ends."""
Search = Callable[[bytes], list[Hit]]


def search_for(texts: Sequence[bytes]) -> Search:
    """A function that finds these texts in a piece of data, in the order in which they stand.

    Of two that overlap the later one may be left out: whoever asks wants the line, and that is the same.
    """
    try:
        from ahocorasick_rs import BytesAhoCorasick, MatchKind
    except ImportError:  # there are no wheels of it for musl
        return one_by_one(texts)
    # leftmost matches let it compare with vector instructions; to find them all takes ten times as long
    return BytesAhoCorasick(texts, matchkind=MatchKind.LeftmostFirst).find_matches_as_indexes


def one_by_one(texts: Sequence[bytes]) -> Search:
    """The same with a pass for each text, for machines without the library."""

    def search(data: bytes) -> list[Hit]:
        hits = [(which, at, at + len(text)) for which, text in enumerate(texts) for at in _places(data, text)]
        return sorted(hits, key=itemgetter(1))

    return search


def _places(data: bytes, text: bytes) -> Iterator[int]:
    at = data.find(text)
    while at >= 0:
        yield at
        at = data.find(text, at + len(text))
