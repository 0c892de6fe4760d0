"""How does a person read the speed table? One line a row, the limit and whether it holds, and what the row means."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from turnaffinity.bench.row import Row
from turnaffinity.showing.wording import Words

READING_AID = (
    "µs are the server's own time per call (INFO commandstats), the median of interleaved rounds; compare ratios.",
    "Where the time of a selection goes: with affinity, into its four reads; without, into one EXISTS of 50 pool ids,",
    "one SCARD for each pool, and SMEMBERS of the pool that is drawn (100 nodes: nearly half of the time with 1 pool;",
    "SRANDMEMBER would be quicker, and on Redis 7.0 gives some nodes 0.4 and others 1.8 times their share).",
)


def speed_table(rows: Sequence[Row], server_name: str, words: Words | None = None) -> Table:
    """The rows as a rich table; in English without `words`."""
    words = words or Words("en")
    table = Table(title=f"turnaffinity bench, {server_name}", box=SIMPLE_HEAD, caption_justify="left")
    table.add_column(words("what"), min_width=36, overflow="fold")
    for heading in ("this", "peer", "ratio", "limit"):
        table.add_column(words(heading), justify="right", no_wrap=True)
    table.add_column(words("holds"), no_wrap=True)
    for row in rows:
        table.add_row(
            words.told(row.name), f"{_figure(row.this)} {words.told(row.unit)}", _figure(row.peer), _figure(row.ratio),
            str(row.limit or ""), _verdict(row, words),
        )  # fmt: skip
    return table


def meanings(rows: Sequence[Row], words: Words | None = None) -> list[str]:
    """What each row compares, a line a row: "name: against the peer; what it means"."""
    told = (words or Words("en")).told
    against = told("against")
    return [f"{told(row.name)}: {against} {told(row.peer_name)}; {told(row.means)}" for row in rows]


def _verdict(row: Row, words: Words) -> str:
    if row.holds is None:
        return ""
    return f"[green]{words('yes')}[/]" if row.holds else f"[bold red]{words('NO')}[/]"


def _figure(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"
